import pytest

from robustkit import Levels
from robustkit_corruptions.params import CorruptionParams, published_levels, resolve_profile


@pytest.mark.parametrize(
    ("shape", "profile"),
    [
        ((1, 8, 8), "cifar"),
        ((3, 48, 48), "cifar"),
        ((3, 49, 49), "tiny-imagenet"),
        ((3, 128, 128), "tiny-imagenet"),
        ((3, 224, 224), "imagenet"),
        ((3, 256, 256), "imagenet"),
        ((3, 299, 299), "inception"),
        ((3, 500, 100), "tiny-imagenet"),
    ],
)
def test_auto_takes_the_profile_by_the_shorter_side(shape, profile):
    assert resolve_profile(CorruptionParams(), shape).profile == profile


def test_a_chosen_profile_and_the_mode_are_kept():
    chosen = CorruptionParams(profile="inception", mode="fixed")
    assert resolve_profile(chosen, (3, 32, 32)) == chosen
    assert resolve_profile(CorruptionParams(mode="fixed"), (3, 32, 32)).mode == "fixed"


def test_imagecorruptions_has_the_constants_of_imagenet_at_every_size():
    table = {"cifar": Levels(0.0, (1.0,)), "imagenet": Levels(0.0, (2.0,))}
    assert published_levels(table, CorruptionParams(profile="imagecorruptions"), (3, 32, 32)).values == (2.0,)
    assert published_levels(table, CorruptionParams(), (3, 32, 32)).values == (1.0,)
