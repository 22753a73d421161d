import subprocess
import sys

import robustkit_attacks

NAMES = ["random-noise", "fgsm", "pgd", "apgd-ce", "apgd-dlr", "apgd-t", "fab-t", "square", "standard", "rand"]


def declared():
    return {attack.name: attack for attack in robustkit_attacks.robustkit_attacks()}


def test_it_declares_its_attacks_with_what_they_need():
    attacks = declared()
    assert list(attacks) == NAMES
    assert all(attack.norms == ("linf", "l2") and attack.batches for attack in attacks.values())
    assert [name for name, attack in attacks.items() if not attack.needs] == ["random-noise", "square"]
    assert [name for name, attack in attacks.items() if not attack.stochastic] == ["fgsm", "fab-t"]


def test_only_the_reference_itself_is_called_autoattack():
    for attack in declared().values():
        assert "AutoAttack" not in attack.summary
        assert ("AutoAttack-style" in attack.caveat) == (attack.name in ("standard", "rand"))
        assert ("docs/attacks.md" in attack.caveat) == (attack.name in ("standard", "rand"))


def test_declaring_imports_nothing_heavy():
    code = (
        "import sys, robustkit_attacks as plugin; plugin.robustkit_attacks();"
        "print(sorted({'torch', 'numpy', 'pydantic', 'scipy'} & set(sys.modules)))"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed.strip() == "[]"
