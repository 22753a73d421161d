from __future__ import annotations

import subprocess
import sys

import pytest
from pydantic import TypeAdapter, ValidationError

import robustkit_textnoise
from robustkit_textnoise.params import KeyboardParams


def test_it_declares_the_keyboard_for_texts():
    (keyboard,) = robustkit_textnoise.robustkit_perturbations()
    assert (keyboard.name, keyboard.modality, keyboard.severities) == ("keyboard", "text", (1, 2, 3, 4, 5))
    assert keyboard.stochastic


@pytest.mark.parametrize("wrong", [{"layout": "dvorak"}, {"omission": -1}, {"transposition": 1}, {"doubling": "nan"}])
def test_impossible_parameters_are_refused(wrong):
    with pytest.raises(ValidationError):
        TypeAdapter(KeyboardParams).validate_python(wrong)


def test_declaring_it_imports_nothing_heavy():
    heavy = "{'torch', 'numpy', 'scipy', 'pandas', 'pydantic', 'rapidfuzz'}"
    code = (
        "import sys, robustkit_textnoise; robustkit_textnoise.robustkit_perturbations();"
        f"print({heavy} & set(sys.modules))"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "set()"
