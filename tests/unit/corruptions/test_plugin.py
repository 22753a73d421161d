import subprocess
import sys

import robustkit_corruptions
from robustkit_corruptions.params import CorruptionParams


def test_it_declares_the_corruptions_with_their_set():
    declared = {c.name: c for c in robustkit_corruptions.robustkit_perturbations()}
    assert {name: c.tags for name, c in declared.items()} == {
        "gaussian-noise": ("common",),
        "brightness": ("common",),
        "contrast": ("common",),
        "gaussian-blur": ("extra",),
    }
    assert [name for name, c in declared.items() if c.stochastic] == ["gaussian-noise"]
    assert all(c.params is CorruptionParams for c in declared.values())


def test_declaring_imports_nothing_heavy():
    code = (
        "import sys, robustkit_corruptions as plugin; plugin.robustkit_perturbations();"
        "print(sorted({'torch', 'numpy', 'pydantic', 'scipy'} & set(sys.modules)))"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed.strip() == "[]"
