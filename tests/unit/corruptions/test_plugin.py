import re
import subprocess
import sys
from importlib import import_module

import pytest

import robustkit
import robustkit_corruptions
from robustkit_corruptions.params import CorruptionParams

# Hendrycks and Dietterich (2019): the 15 of the benchmark in its order, and the 4 that it holds out.
COMMON = [
    *("gaussian-noise", "shot-noise", "impulse-noise", "defocus-blur", "glass-blur", "motion-blur", "zoom-blur"),
    *("snow", "frost", "fog", "brightness", "contrast", "elastic-transform", "pixelate", "jpeg-compression"),
]
EXTRA = ["speckle-noise", "gaussian-blur", "spatter", "saturate"]
NOT_STOCHASTIC = {
    "defocus-blur", "zoom-blur", "brightness", "contrast", "pixelate", "jpeg-compression", "gaussian-blur", "saturate",
}  # fmt: skip
DECLARED = {declared.name: declared for declared in robustkit_corruptions.robustkit_perturbations()}


def test_it_declares_the_corruptions_in_the_order_of_the_paper():
    assert list(DECLARED) == COMMON + EXTRA
    assert [name for name, declared in DECLARED.items() if declared.tags == ("common",)] == COMMON
    assert [name for name, declared in DECLARED.items() if declared.tags == ("extra",)] == EXTRA


def test_what_draws_random_numbers_says_so():
    assert {name for name, declared in DECLARED.items() if not declared.stochastic} == NOT_STOCHASTIC
    assert all(declared.params is CorruptionParams for declared in DECLARED.values())


def test_all_are_exact_which_the_parity_tests_hold_them_to():
    assert {declared.parity for declared in DECLARED.values()} == {"exact"}


def resolve(name, shape):
    module, attribute = DECLARED[name].resolve.split(":")
    return getattr(import_module(module), attribute)(CorruptionParams(), shape)


@pytest.mark.parametrize("name", DECLARED)
def test_images_that_are_too_small_are_refused_before_any_work(name, build, make_keys):
    assert resolve(name, (3, 8, 8)).profile == "cifar"
    with pytest.raises(robustkit.ConfigError, match="images of 7x7 pixels"):
        resolve(name, (3, 7, 7))
    # The library's callers, who resolve nothing, learn it before anything is drawn.
    keys = make_keys([0])
    with pytest.raises(robustkit.ConfigError, match="images of 7x7 pixels"):
        build(name).sample(keys, (3, 7, 7), keys.uniform())


def test_declaring_imports_nothing_heavy():
    code = (
        "import sys, robustkit_corruptions as plugin; plugin.robustkit_perturbations();"
        "print(sorted({'torch', 'numpy', 'pydantic', 'scipy', 'cv2'} & set(sys.modules)))"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed.strip() == "[]"


def defects():
    """Return the rows of the docs' table of modes, from what the classes say of them."""
    for name, declared in DECLARED.items():
        module, attribute = declared.target.split(":")
        said = " ".join(getattr(import_module(module), attribute).__doc__.split())
        if found := re.search(r"reference: (.*) fixed: (.*)", said):
            yield f"| {name} | {found[1]} | {found[2]} |"


def test_the_docs_list_the_defects_that_the_classes_document(root):
    text = (root / "docs" / "corruptions.md").read_text("utf8")
    header = "| corruption | reference | fixed |\n|---|---|---|\n"
    listed = text[text.index(header) + len(header) :].split("\n\n")[0].splitlines()
    assert listed == list(defects())
