"""The severity constants against those of the published scripts, typed off a second time."""

from importlib import import_module
from math import inf

import pytest

import robustkit_corruptions
from robustkit_corruptions.constants import Constants, levels

PROFILES = ("cifar", "tiny-imagenet", "imagenet", "inception")


def single(*rows):
    """One constant a severity; one row for each of PROFILES."""
    return {
        profile: [(value,) for value in map(float, row.split())] for profile, row in zip(PROFILES, rows, strict=True)
    }


def several(*rows):
    """Several constants a severity, severities parted by `|`; one row for each of PROFILES."""
    return {
        profile: [tuple(map(float, part.split())) for part in row.split("|")]
        for profile, row in zip(PROFILES, rows, strict=True)
    }


# github.com/hendrycks/robustness, ImageNet-C/create_c: make_cifar_c.py, make_tinyimagenet_c.py, make_imagenet_c.py,
# make_imagenet_c_inception.py, in this order.
SNOW = "0.1 0.3 3 0.5 10 4 0.8 | 0.2 0.3 2 0.5 12 4 0.7 | 0.55 0.3 4 0.9 12 8 0.7 | 0.55 0.3 4.5 0.85 12 8 0.65"
SNOW += " | 0.55 0.3 2.5 0.85 12 12 0.55"
ELASTIC = "2 0.7 0.1 | 2 0.08 0.2 | 0.05 0.01 0.02 | 0.07 0.01 0.02 | 0.12 0.01 0.02"
ZOOM_SMALL = "1.06 0.01 | 1.11 0.01 | 1.16 0.01 | 1.21 0.01 | 1.26 0.01"
ZOOM_LARGE = "1.11 0.01 | 1.16 0.01 | 1.21 0.02 | 1.26 0.02 | 1.31 0.03"
PUBLISHED = {
    "gaussian-noise": single(
        ".04 .06 .08 .09 .10", ".04 .08 .12 .15 .18", ".08 .12 .18 .26 .38", ".09 .13 .19 .27 .40"
    ),
    "shot-noise": single("500 250 100 75 50", "250 100 50 30 15", "60 25 12 5 3", "50 20 10 5 3"),
    "impulse-noise": single(".01 .02 .03 .05 .07", ".01 .02 .05 .08 .14", ".03 .06 .09 .17 .27", ".04 .07 .10 .18 .28"),
    "speckle-noise": single(".06 .1 .12 .16 .2", ".15 .2 .25 .3 .35", ".15 .2 .35 .45 .6", ".16 .21 .36 .46 .61"),
    "gaussian-blur": single(".4 .6 .7 .8 1", ".5 .75 1 1.25 1.5", "1 2 3 4 6", "1.5 2.5 3.5 4.5 6.5"),
    "glass-blur": several(
        "0.05 1 1 | 0.25 1 1 | 0.4 1 1 | 0.25 1 2 | 0.4 1 2",
        "0.1 1 1 | 0.5 1 1 | 0.6 1 2 | 0.7 2 1 | 0.9 2 2",
        "0.7 1 2 | 0.9 2 1 | 1 2 3 | 1.1 3 2 | 1.5 4 2",
        "0.8 1 3 | 1 3 1 | 1.1 2 4 | 1.2 4 2 | 1.6 5 2",
    ),
    "defocus-blur": several(
        "0.3 0.4 | 0.4 0.5 | 0.5 0.6 | 1 0.2 | 1.5 0.1",
        "0.5 0.6 | 1 0.1 | 1.5 0.1 | 2.5 0.01 | 3 0.1",
        "3 0.1 | 4 0.5 | 6 0.5 | 8 0.5 | 10 0.5",
        "4 0.1 | 5 0.5 | 7 0.5 | 10 0.5 | 12 0.5",
    ),
    "motion-blur": several(
        "6 1 | 6 1.5 | 6 2 | 8 2 | 9 2.5",
        "10 1 | 10 1.5 | 10 2 | 10 2.5 | 12 3",
        "10 3 | 15 5 | 15 8 | 15 12 | 20 15",
        "12 4 | 17 6 | 17 9 | 17 13 | 22 16",
    ),
    "zoom-blur": several(ZOOM_SMALL, ZOOM_SMALL, ZOOM_LARGE, ZOOM_LARGE),
    "snow": several(
        "0.1 0.2 1 0.6 8 3 0.95 | 0.1 0.2 1 0.5 10 4 0.9 | 0.15 0.3 1.75 0.55 10 4 0.9 | 0.25 0.3 2.25 0.6 12 6 0.85"
        " | 0.3 0.3 1.25 0.65 14 12 0.8",
        "0.1 0.2 1 0.6 8 3 0.8 | 0.1 0.2 1 0.5 10 4 0.8 | 0.15 0.3 1.75 0.55 10 4 0.7 | 0.25 0.3 2.25 0.6 12 6 0.65"
        " | 0.3 0.3 1.25 0.65 14 12 0.6",
        SNOW,
        SNOW,
    ),
    "frost": several(
        "1 0.2 | 1 0.3 | 0.9 0.4 | 0.85 0.4 | 0.75 0.45",
        "1 0.3 | 0.9 0.4 | 0.8 0.45 | 0.75 0.5 | 0.7 0.55",
        "1 0.4 | 0.8 0.6 | 0.7 0.7 | 0.65 0.7 | 0.6 0.75",
        "1 0.4 | 0.8 0.6 | 0.7 0.7 | 0.65 0.7 | 0.6 0.75",
    ),
    "fog": several(
        "0.2 3 | 0.5 3 | 0.75 2.5 | 1 2 | 1.5 1.75",
        "0.4 3 | 0.7 3 | 1 2.5 | 1.5 2 | 2 1.75",
        "1.5 2 | 2 2 | 2.5 1.7 | 2.5 1.5 | 3 1.4",
        "1.5 2 | 2 2 | 2.5 1.8 | 2.5 1.6 | 3 1.5",
    ),
    "brightness": single(".05 .1 .15 .2 .3", ".1 .2 .3 .4 .5", ".1 .2 .3 .4 .5", ".1 .2 .3 .4 .5"),
    "contrast": single(".75 .5 .4 .3 .15", ".4 .3 .2 .1 .05", ".4 .3 .2 .1 .05", ".4 .3 .2 .1 .05"),
    "elastic-transform": several(
        "0 0 0.08 | 0.05 0.2 0.07 | 0.08 0.06 0.06 | 0.1 0.04 0.05 | 0.1 0.03 0.03",
        "0 0 0.08 | 0.05 0.3 0.06 | 0.1 0.08 0.06 | 0.1 0.03 0.03 | 0.16 0.03 0.02",
        ELASTIC,
        ELASTIC,
    ),
    "pixelate": single(".95 .9 .85 .75 .65", ".9 .8 .7 .6 .5", ".6 .5 .4 .3 .25", ".5 .4 .3 .25 .2"),
    "jpeg-compression": single("80 65 58 50 40", "65 58 50 40 25", "25 18 15 10 7", "23 16 13 8 5"),
    "spatter": several(
        "0.62 0.1 0.7 0.7 0.5 0 | 0.65 0.1 0.8 0.7 0.5 0 | 0.65 0.3 1 0.69 0.5 0 | 0.65 0.1 0.7 0.69 0.6 1"
        " | 0.65 0.1 0.5 0.68 0.6 1",
        "0.62 0.1 0.7 0.7 0.6 0 | 0.65 0.1 0.8 0.7 0.6 0 | 0.65 0.3 1 0.69 0.6 0 | 0.65 0.1 0.7 0.68 0.6 1"
        " | 0.65 0.1 0.5 0.67 0.6 1",
        "0.65 0.3 4 0.69 0.6 0 | 0.65 0.3 3 0.68 0.6 0 | 0.65 0.3 2 0.68 0.5 0 | 0.65 0.3 1 0.65 1.5 1"
        " | 0.67 0.4 1 0.65 1.5 1",
        "0.65 0.3 4 0.69 0.9 0 | 0.65 0.3 3.5 0.68 0.9 0 | 0.65 0.3 3 0.68 0.8 0 | 0.65 0.3 1.2 0.65 1.8 1"
        " | 0.67 0.4 1.2 0.65 1.8 1",
    ),
    "saturate": several(
        "0.3 0 | 0.1 0 | 1.5 0 | 2 0.1 | 2.5 0.2",
        "0.3 0 | 0.1 0 | 2 0 | 5 0.1 | 30 0.2",
        "0.3 0 | 0.1 0 | 2 0 | 5 0.1 | 20 0.2",
        "0.3 0 | 0.1 0 | 2 0 | 5 0.1 | 20 0.2",
    ),
}
# imagecorruptions 1.1.2 has the constants of make_imagenet_c.py at every size, but for elastic-transform.
PORTED_ELASTIC = [(12.5, 0.01, 0), (16.25, 0.01, 0), (21.25, 0.01, 0), (25, 0.01, 0), (30, 0.01, 0)]


def constants_of(name):
    (declared,) = (each for each in robustkit_corruptions.robustkit_perturbations() if each.name == name)
    module, attribute = declared.target.split(":")
    return getattr(import_module(module), attribute).constants


def test_all_nineteen_are_compared():
    assert {each.name for each in robustkit_corruptions.robustkit_perturbations()} == set(PUBLISHED)
    assert len(PUBLISHED) == 19


@pytest.mark.parametrize("name", PUBLISHED)
@pytest.mark.parametrize("profile", PROFILES)
def test_five_severities_have_the_published_constants(name, profile):
    constants = constants_of(name)
    found = [constants.at(profile, float(severity)) for severity in range(1, 6)]
    assert [pytest.approx(row) for row in found] == PUBLISHED[name][profile]


@pytest.mark.parametrize("name", PUBLISHED)
def test_imagecorruptions_has_the_constants_of_imagenet_but_for_elastic(name):
    constants = constants_of(name)
    expected = PORTED_ELASTIC if name == "elastic-transform" else PUBLISHED[name]["imagenet"]
    found = [constants.at("imagecorruptions", float(severity)) for severity in range(1, 6)]
    assert [pytest.approx(row) for row in found] == expected


@pytest.mark.parametrize("name", PUBLISHED)
@pytest.mark.parametrize("profile", [*PROFILES, "imagecorruptions"])
def test_between_whole_severities_every_constant_lies_between_its_neighbours(name, profile):
    constants = constants_of(name)
    for below in range(5):
        low, high = constants.at(profile, float(below)), constants.at(profile, below + 1.0)
        between = constants.at(profile, below + 0.25)
        for rule, *ends, value in zip(constants.rules, low, high, between, strict=True):
            assert min(ends) <= value <= max(ends)
            if rule == "step":
                assert value == ends[1]


def test_the_rules_between_whole_severities():
    constants = Constants(
        names=("a", "b", "c"),
        identity=(0.0, inf, 1),
        rules=("linear", "inverse", "step"),
        tables={"imagenet": ((1.0, 60.0, 2), (3.0, 20.0, 5))},
    )
    assert constants.at("imagenet", 0.0) == (0.0, inf, 1)
    assert constants.at("imagenet", 0.5) == pytest.approx((0.5, 120.0, 2))
    assert constants.at("imagenet", 1.5) == pytest.approx((2.0, 30.0, 5))
    assert constants.at("imagecorruptions", 2.0) == (3.0, 20.0, 5)


def test_one_constant_makes_rows_of_one():
    assert levels(1.0, 2.0) == ((1.0,), (2.0,))
