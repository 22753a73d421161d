import pytest

import robustkit
from robustkit_corruptions.params import CorruptionParams, published, resolve_profile


@pytest.mark.parametrize(
    ("shape", "profile"),
    [
        ((1, 8, 8), "cifar"),
        ((3, 48, 48), "cifar"),
        ((3, 49, 49), "tiny-imagenet"),
        ((3, 128, 128), "tiny-imagenet"),
        ((3, 129, 129), "imagenet"),
        ((3, 224, 224), "imagenet"),
        ((3, 256, 256), "imagenet"),
        ((3, 257, 257), "inception"),
        ((3, 299, 299), "inception"),
        ((3, 500, 100), "tiny-imagenet"),
    ],
)
def test_auto_takes_the_profile_by_the_shorter_side(shape, profile):
    assert resolve_profile(CorruptionParams(), shape).profile == profile
    assert published(CorruptionParams(), shape) == profile


def test_a_chosen_profile_and_the_mode_are_kept():
    chosen = CorruptionParams(profile="inception", mode="fixed")
    assert resolve_profile(chosen, (3, 32, 32)) == chosen
    assert resolve_profile(CorruptionParams(mode="fixed"), (3, 32, 32)).mode == "fixed"


@pytest.mark.parametrize("profile", ["auto", "cifar", "imagecorruptions"])
@pytest.mark.parametrize("shape", [(3, 7, 7), (1, 4, 4), (3, 224, 7), (3, 7, 224)])
def test_sides_below_8_are_refused_under_every_profile(profile, shape):
    with pytest.raises(robustkit.ConfigError, match=f"images of {shape[1]}x{shape[2]} pixels.*sides of 8 and more"):
        resolve_profile(CorruptionParams(profile=profile), shape)
