"""Every first-party perturbation keeps the contract, and the kit notices every way to break it."""

import random
from contextlib import contextmanager, nullcontext

import numpy as np
import pytest
import torch

from robustkit import ConfigError, Perturbation
from robustkit.host import load_host
from robustkit.testing import PERTURBATION_CHECKS, check_perturbation
from robustkit.testing import perturbation as kit

HOST = load_host()
IMAGE_ENTRIES = [entry for entry in HOST.catalog.all("perturbation") if entry.component.modality == "image"]
SHAPE = (3, 12, 12)


SMALL, GREY, OBLONG = (3, 32, 32), (1, 28, 28), (3, 70, 50)
NOT_MONOTONE = {
    # The affine map moves by up to 8 % of 32 pixels at severity 1 of cifar, by 3 % at severity 5.
    "corruptions/elastic-transform": {SMALL, GREY, OBLONG},
    # The image's own weight falls with the severity, and with it what the photograph adds beyond white.
    "corruptions/frost": {SMALL, GREY, OBLONG},
    # A higher sigma leaves smoother images, in which moving pixels about changes less.
    "corruptions/glass-blur": {SMALL, GREY, OBLONG},
    # In noise, a pixel is nearer to a mean that it is part of (0.7 averages more) than to its neighbour (0.8).
    "corruptions/pixelate": {OBLONG},
    # Severities 1 and 2 take colour away, 3 adds some.
    "corruptions/saturate": {SMALL, OBLONG},
    # Water up to severity 3, mud from 4 on.
    "corruptions/spatter": {SMALL, GREY},
}
"""Where the published severities do not rise on the images of the kit: the tables are not monotone in distortion.
tests/unit/corruptions/test_constants.py has them from make_cifar_c.py and make_tinyimagenet_c.py, whose profiles these
sizes get.
"""


@contextmanager
def expect_monotone_unless_published_otherwise(entry, shape):
    """Where the table says so the kit must warn, and elsewhere it must not: warnings are errors here."""
    if shape not in NOT_MONOTONE.get(entry.qualified, ()):
        yield
        return
    with pytest.warns(UserWarning, match=f"{entry.component.name}: distortion does not rise with severity"):
        yield


@pytest.mark.parametrize("check", PERTURBATION_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("entry", IMAGE_ENTRIES, ids=lambda entry: entry.qualified)
def test_first_party_perturbations_keep_the_contract(entry, check):
    rising = check is kit.check_distortion_rises
    with expect_monotone_unless_published_otherwise(entry, SMALL) if rising else nullcontext():
        check(lambda: HOST.build(entry, {}), entry.component, SMALL)


@pytest.mark.parametrize("shape", [GREY, OBLONG])
@pytest.mark.parametrize("entry", IMAGE_ENTRIES, ids=lambda entry: entry.qualified)
def test_first_party_perturbations_keep_the_contract_at_other_sizes(entry, shape):
    with expect_monotone_unless_published_otherwise(entry, shape):
        check_perturbation(lambda: HOST.build(entry, {}), entry.component, shape=shape)


def test_the_first_party_perturbations_are_found():
    assert "corruptions/gaussian-noise" in [entry.qualified for entry in IMAGE_ENTRIES]


def declare(**changes):
    return Perturbation(**{"name": "toy", "summary": "a toy", "target": Good, **changes})


class Good:
    """Uniform noise that keeps every clause; the broken ones below change one thing."""

    def sample(self, keys, shape, severity):
        return 0.02 * severity[:, None, None, None] * (keys.uniform(*shape) - 0.5)

    def apply(self, images, draws):
        scale = 255 if images.dtype == torch.uint8 else 1
        return (images + scale * draws).clamp(0, scale).to(images.dtype)


class WrongDtype(Good):
    def apply(self, images, draws):
        return super().apply(images.float(), draws)


class LeavesTheRange(Good):
    def apply(self, images, draws):
        return super().apply(images, draws) + (0 if images.dtype == torch.uint8 else 0.1)


class NotANumber(Good):
    def apply(self, images, draws):
        return super().apply(images, draws) * (1 if images.dtype == torch.uint8 else torch.nan)


class WritesIntoItsInput(Good):
    def apply(self, images, draws):
        return images.copy_(super().apply(images, draws))


class WritesIntoItsDraws(Good):
    def apply(self, images, draws):
        return super().apply(images, draws.mul_(0.5))


class Remembers(Good):
    calls = 0

    def sample(self, keys, shape, severity):
        self.calls += 1
        return super().sample(keys, shape, severity) * self.calls


class CountsObjects(Good):
    made = 0

    def __init__(self):
        CountsObjects.made += 1
        self.number = CountsObjects.made

    def sample(self, keys, shape, severity):
        return super().sample(keys, shape, severity) * (self.number % 7)


class LooksAtTheBatch(Good):
    def apply(self, images, draws):
        brightness = images.float().mean() / (255 if images.dtype == torch.uint8 else 1)
        return super().apply(images, draws + 0.5 * brightness)


class LooksAtThePosition(Good):
    def sample(self, keys, shape, severity):
        return super().sample(keys, shape, severity) + 0.1 * torch.arange(len(keys))[:, None, None, None]


class TakesTheFirstSeverity(Good):
    def sample(self, keys, shape, severity):
        return super().sample(keys, shape, severity[:1].expand(len(keys)))


class DrawsByLevel(Good):
    def sample(self, keys, shape, severity):
        return super().sample(keys.child(f"level {severity[0]:g}"), shape, severity)


class DrawsFromTorch(Good):
    def sample(self, keys, shape, severity):
        return super().sample(keys, shape, severity) + 0.01 * torch.rand(1)


class DrawsFromNumpy(Good):
    def sample(self, keys, shape, severity):
        return super().sample(keys, shape, severity) + 0.01 * np.random.rand()


class DrawsFromRandom(Good):
    def sample(self, keys, shape, severity):
        return super().sample(keys, shape, severity) + 0.01 * random.random()


class ReadsTheGlobalSeed(Good):
    def sample(self, keys, shape, severity):
        return super().sample(keys, shape, severity) + 0.1 * (torch.initial_seed() == 20_011)


class DrawsNothing(Good):
    def sample(self, keys, shape, severity):
        return 0.02 * severity[:, None, None, None] * torch.ones(len(keys), *shape)


class WholeLevelsOnly(Good):
    def sample(self, keys, shape, severity):
        return super().sample(keys, shape, torch.tensor([{1: 1.0, 5: 5.0}[float(level)] for level in severity]))


class UndefinedBelowOne(Good):
    def sample(self, keys, shape, severity):
        return super().sample(keys, shape, severity) + (severity - 1).log()[:, None, None, None].clamp(max=0)


class SquareOnly(Good):
    def apply(self, images, draws):
        return super().apply(images, draws.transpose(2, 3).contiguous().view(images.shape[0], -1, *SHAPE[1:]))


class SquareOnlyAndSaysSo(Good):
    def sample(self, keys, shape, severity):
        if shape[1] != shape[2]:
            raise ConfigError("toy: expected square images", "crop them")
        return super().sample(keys, shape, severity)


class Falls(Good):
    def sample(self, keys, shape, severity):
        return super().sample(keys, shape, 6 - severity)


BROKEN = [
    (WrongDtype, kit.check_result_form, "expected"),
    (LeavesTheRange, kit.check_result_form, r"leave \[0, 1\]"),
    (NotANumber, kit.check_result_form, r"leave \[0, 1\]"),
    (WritesIntoItsInput, kit.check_images_unchanged, "changes its"),
    (WritesIntoItsDraws, kit.check_repeatable, "for the same draws"),
    (Remembers, kit.check_repeatable, "the second time"),
    (CountsObjects, kit.check_repeatable, "in a new object"),
    (LooksAtTheBatch, kit.check_batch_independence, "on their own"),
    (LooksAtThePosition, kit.check_order_independence, "on their own"),
    (TakesTheFirstSeverity, kit.check_severity_per_sample, "beside other severities"),
    (DrawsByLevel, kit.check_levels_nest, "different streams"),
    (DrawsFromTorch, kit.check_no_global_randomness, "global generator: torch;"),
    (DrawsFromNumpy, kit.check_no_global_randomness, r"global generator: numpy\.random;"),
    (DrawsFromRandom, kit.check_no_global_randomness, "global generator: random;"),
    (ReadsTheGlobalSeed, kit.check_no_global_randomness, "depends on a global"),
    (DrawsNothing, kit.check_randomness_declared, "declared stochastic=True"),
    (WholeLevelsOnly, kit.check_fractional_severity, "raises KeyError"),
    (UndefinedBelowOne, kit.check_fractional_severity, r"leave \[0, 1\]"),
    (SquareOnly, kit.check_other_shapes, "raises RuntimeError"),
]


@pytest.mark.parametrize(("toy", "check", "reason"), BROKEN, ids=[toy.__name__ for toy, _, _ in BROKEN])
def test_a_broken_perturbation_is_noticed_by_the_right_check(toy, check, reason):
    with pytest.raises(AssertionError, match=reason):
        check(toy, declare(), SHAPE)


def test_undeclared_randomness_is_noticed():
    with pytest.raises(AssertionError, match="declared stochastic=False, but draws from 1 streams"):
        kit.check_randomness_declared(Good, declare(stochastic=False), SHAPE)


def test_every_check_is_seen_to_fail():
    seen = {check for _, check, _ in BROKEN} | {kit.check_distortion_rises}
    assert seen == set(PERTURBATION_CHECKS)


@pytest.mark.parametrize("check", PERTURBATION_CHECKS, ids=lambda check: check.__name__)
def test_a_good_perturbation_passes(check):
    check(Good, declare(), SHAPE)


def test_a_polite_refusal_of_a_shape_passes():
    kit.check_other_shapes(SquareOnlyAndSaysSo, declare(), SHAPE)


def test_distortion_that_falls_is_a_warning_only():
    with pytest.warns(UserWarning, match="toy: distortion does not rise with severity"):
        kit.check_distortion_rises(Falls, declare(), SHAPE)


def test_checking_one_by_one_or_all_together_is_the_same():
    check_perturbation(Good, declare(), shape=SHAPE)
    with pytest.raises(AssertionError, match="changes its"):
        check_perturbation(WritesIntoItsInput, declare(), shape=SHAPE)


def test_the_kit_puts_the_global_generators_back():
    before = torch.get_rng_state(), np.random.get_state()[1].tolist(), random.getstate()
    check_perturbation(Good, declare(), shape=SHAPE)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert np.random.get_state()[1].tolist() == before[1]
    assert random.getstate() == before[2]
