import subprocess
import sys

import robustkit_attacks


def test_it_declares_linf_attacks_that_need_a_gradient():
    declared = {attack.name: attack for attack in robustkit_attacks.robustkit_attacks()}
    assert list(declared) == ["fgsm", "pgd"]
    assert all(attack.norms == ("linf",) and attack.needs == {"gradient"} for attack in declared.values())
    assert [name for name, attack in declared.items() if attack.stochastic] == ["pgd"]


def test_declaring_imports_nothing_heavy():
    code = (
        "import sys, robustkit_attacks as plugin; plugin.robustkit_attacks();"
        "print(sorted({'torch', 'numpy', 'pydantic', 'scipy'} & set(sys.modules)))"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed.strip() == "[]"
