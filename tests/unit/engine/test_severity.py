import subprocess
import sys

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from robustkit import ConfigError, Levels

LEVELS = Levels(identity=1.0, values=(0.75, 0.5, 0.4, 0.3, 0.15))


def test_whole_severities_give_the_constants_exactly():
    assert LEVELS.at(torch.arange(6)).tolist() == [1.0, 0.75, 0.5, 0.4, 0.3, 0.15]
    assert LEVELS.at(torch.tensor([3.0])).dtype == torch.float64


def test_between_them_constants_lie_on_the_line():
    found = LEVELS.at(torch.tensor([0.5, 1.25, 4.5], dtype=torch.float64))
    assert found.tolist() == pytest.approx([0.875, 0.6875, 0.225])


@given(st.floats(0, 5), st.floats(0, 5))
def test_a_falling_table_never_rises(low, high):
    low, high = sorted((low, high))
    mild, strong = LEVELS.at(torch.tensor([low, high], dtype=torch.float64)).tolist()
    assert mild >= strong - 1e-15


@pytest.mark.parametrize("severity", [-0.1, 5.01, float("nan"), float("inf")])
def test_severities_off_the_scale_are_refused(severity):
    with pytest.raises(ConfigError, match="severity: expected 0 to 5, got"):
        LEVELS.at(torch.tensor([1.0, severity]))


def test_no_samples_have_no_constants():
    assert LEVELS.at(torch.tensor([])).shape == (0,)


def test_declaring_levels_does_not_import_torch():
    code = "import sys, robustkit; robustkit.Levels(0.0, (1.0,)); print('torch' in sys.modules)"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed.strip() == "False"
