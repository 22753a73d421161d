"""Attacks of libraries that are not installed."""

from importlib.util import find_spec

import pytest

LIBRARIES = {
    "peers/foolbox:attack=LinfPGD": ("foolbox",),
    "peers/torchattacks:attack=PGD": ("torchattacks",),
    "peers/autoattack": ("autoattack", "pyautoattack"),
}


@pytest.mark.parametrize("attack", LIBRARIES)
def test_a_missing_library_ends_the_command_before_any_work(attack, robustkit, small, tmp_path):
    if any(find_spec(name) for name in LIBRARIES[attack]):
        pytest.skip("it is installed here")
    separator = "," if ":" in attack else ":"
    done = robustkit("eval", *small.arguments, "-a", f"{attack}{separator}eps=0.1", "--out", tmp_path / "run")
    done.assert_error(3, "is not installed", "pip install ")
    assert not (tmp_path / "run").exists()


def test_what_can_be_chosen_is_described_without_the_library(robustkit):
    assert "LinfDeepFoolAttack" in robustkit("describe", "peers/foolbox").out


def test_a_wrong_name_gets_the_nearest_without_the_library(robustkit, small):
    done = robustkit("eval", *small.arguments, "-a", "peers/foolbox:attack=LinfPDG,eps=0.1")
    done.assert_error(2, "got 'LinfPDG'", "did you mean 'LinfPGD'")
