"""Every first-party text perturbation keeps the contract, and the kit notices every way to break it."""

import random
import warnings

import numpy as np
import pytest
import torch

from robustkit import Edit, Perturbation
from robustkit.host import load_host
from robustkit.testing import TEXT_PERTURBATION_CHECKS, check_text_perturbation
from robustkit.testing import text_perturbation as kit
from robustkit.testing.texts import ENGLISH

HOST = load_host(strict=True)
ENTRIES = [entry for entry in HOST.catalog.all("perturbation") if entry.component.modality == "text"]


@pytest.mark.parametrize("check", TEXT_PERTURBATION_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.qualified)
def test_first_party_text_perturbations_keep_the_contract(entry, check):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check(lambda: HOST.build(entry, {}), entry.component, ENGLISH)


@pytest.mark.parametrize("layout", ["qwertz", "azerty"])
def test_the_other_layouts_keep_the_contract(layout):
    entry = HOST.catalog.find("perturbation", "textnoise/keyboard")
    check_text_perturbation(lambda: HOST.build(entry, {"layout": layout}), entry.component)


def test_the_first_party_text_perturbations_are_found():
    assert "textnoise/keyboard" in [entry.qualified for entry in ENTRIES]


def declare(**changes):
    return Perturbation(**{"name": "toy", "summary": "a toy", "target": Good, "modality": "text", **changes})


class Good:
    """Puts an x before random places and keeps every clause; the broken ones below change one thing."""

    def rate(self, severity):
        return 0.02 * severity

    def edit(self, texts, keys, severity):
        return [self.one(text, keys.rows([row]), severity) for row, text in enumerate(texts)]

    def one(self, text, keys, severity):
        draws = self.draws(text, keys, severity)
        return [self.make(text, place) for place in np.flatnonzero(draws < self.rate(severity)).tolist()]

    def draws(self, text, keys, severity):
        return keys.uniform(len(text))[0].numpy()

    def make(self, text, place):
        return Edit(start=place, end=place, text="x", op="insert")


class RatesFromTheStart(Good):
    def rate(self, severity):
        return 0.01 + 0.02 * severity


class RatesThatStay(Good):
    def rate(self, severity):
        return 0.02 * min(severity, 3)


class LeavesTheText(Good):
    def make(self, text, place):
        return Edit(start=place + len(text), end=place + len(text), text="x", op="insert")


class GoesBackwards(Good):
    def one(self, text, keys, severity):
        return super().one(text, keys, severity)[::-1]


class Overlaps(Good):
    def one(self, text, keys, severity):
        return [Edit(start=0, end=3, text="x", op="substitute"), Edit(start=2, end=2, text="x", op="insert")]


class SaysNothing(Good):
    def make(self, text, place):
        return Edit(start=place, end=place, text="x", op=" ")


class ChangesNothing(Good):
    def make(self, text, place):
        return Edit(start=place, end=place + 1, text=text[place], op="substitute")


class ReturnsTooFew(Good):
    def edit(self, texts, keys, severity):
        return super().edit(texts, keys, severity)[1:]


class Empties(Good):
    def one(self, text, keys, severity):
        keys.uniform()
        return [Edit(start=0, end=1, text="", op="delete")]


class WritesHalfACharacter(Good):
    def make(self, text, place):
        return Edit(start=place, end=place, text="\ud800", op="insert")


class FailsOnOtherScripts(Good):
    def one(self, text, keys, severity):
        text.encode("ascii")
        return super().one(text, keys, severity)


class EmptiesTheList(Good):
    def edit(self, texts, keys, severity):
        found = super().edit(texts, keys, severity)
        if isinstance(texts, list):
            texts.clear()
        return found


class EditsTwiceAsMuch(Good):
    def one(self, text, keys, severity):
        return [edit for edit in super().one(text, keys, severity) for _ in range(2)]


class Remembers(Good):
    calls = 0

    def draws(self, text, keys, severity):
        self.calls += 1
        return np.roll(super().draws(text, keys, severity), self.calls // len(ENGLISH))


class LooksAtTheBatch(Good):
    def edit(self, texts, keys, severity):
        # Not prefix-stable: what a text gets depends on the longest text beside it.
        longest = max(map(len, texts))
        draws = keys.uniform(longest).numpy()[:, ::-1]
        chosen = [
            np.flatnonzero(row[: len(text)] < self.rate(severity)) for text, row in zip(texts, draws, strict=True)
        ]
        return [[self.make(text, int(place)) for place in places] for text, places in zip(texts, chosen, strict=True)]


class AStreamForEachLevel(Good):
    def draws(self, text, keys, severity):
        return super().draws(text, keys.child(f"at {severity}"), severity)


class DrawsFromRandom(Good):
    def draws(self, text, keys, severity):
        return np.array([random.random() for _ in text])


class ReadsTheGlobalSeed(Good):
    def draws(self, text, keys, severity):
        return super().draws(text, keys, severity) * (1 if torch.initial_seed() == 20_011 else 0.9)


class AlwaysTheSame(Good):
    def draws(self, text, keys, severity):
        super().draws(text, keys, severity)
        return np.linspace(0, 1, len(text))


class WholeLevelsOnly(Good):
    def draws(self, text, keys, severity):
        return {1: 1, 2: 1, 3: 1, 4: 1, 5: 1}[severity] * super().draws(text, keys, severity)


class Falls(Good):
    def draws(self, text, keys, severity):
        return 1 - self.rate(severity) * super().draws(text, keys, severity)

    def one(self, text, keys, severity):
        draws = super().draws(text, keys, severity)
        return [self.make(text, place) for place in np.flatnonzero(draws < 0.12 - self.rate(severity)).tolist()]


BROKEN = [
    (RatesFromTheStart, kit.check_rate, "expected a rate of 0 at severity 0, got 0.01"),
    (RatesThatStay, kit.check_rate, "rates that rise"),
    (LeavesTheText, kit.check_edits, "within 0"),
    (GoesBackwards, kit.check_edits, "in order"),
    (Overlaps, kit.check_edits, "without overlap"),
    (SaysNothing, kit.check_edits, "does not say what it is"),
    (ChangesNothing, kit.check_edits, "changes nothing"),
    (ReturnsTooFew, kit.check_edits, "7 lists of edits for 8 texts"),
    (Empties, kit.check_odd_texts, "leaves nothing of the text 'a'"),
    (WritesHalfACharacter, kit.check_odd_texts, "UnicodeEncodeError"),
    (FailsOnOtherScripts, kit.check_odd_texts, "UnicodeEncodeError"),
    (EmptiesTheList, kit.check_texts_unchanged, "changes the list"),
    (EditsTwiceAsMuch, kit.check_rate_reached, r"the rate is 0\.0[34]\d*, not 0\.0200 as it says"),
    (Remembers, kit.check_text_repeatable, "other edits the second time"),
    (LooksAtTheBatch, kit.check_text_batch_independence, "have other edits than in a batch"),
    (AStreamForEachLevel, kit.check_text_levels_nest, "draw from different streams"),
    (DrawsFromRandom, kit.check_text_no_global_randomness, "global generator: random;"),
    (ReadsTheGlobalSeed, kit.check_text_no_global_randomness, "depends on a global"),
    (AlwaysTheSame, kit.check_text_randomness_declared, "another seed says otherwise"),
    (WholeLevelsOnly, kit.check_text_fractional_severity, "raises KeyError"),
]


@pytest.mark.parametrize(("toy", "check", "reason"), BROKEN, ids=[toy.__name__ for toy, _, _ in BROKEN])
def test_a_broken_perturbation_is_noticed_by_the_right_check(toy, check, reason):
    with pytest.raises(AssertionError, match=reason):
        check(toy, declare(), ENGLISH)


def test_randomness_that_was_not_declared_is_noticed():
    with pytest.raises(AssertionError, match="declared stochastic=False, but draws from 1 streams"):
        kit.check_text_randomness_declared(Good, declare(stochastic=False), ENGLISH)


def test_less_noise_at_higher_severities_is_warned_of():
    with pytest.warns(UserWarning, match="does not rise with severity"):
        kit.check_text_distortion_rises(Falls, declare(), ENGLISH)


def test_every_check_is_seen_to_fail():
    warned = {kit.check_text_distortion_rises}
    assert {check for _, check, _ in BROKEN} | warned == set(TEXT_PERTURBATION_CHECKS)


@pytest.mark.parametrize("check", TEXT_PERTURBATION_CHECKS, ids=lambda check: check.__name__)
def test_a_good_perturbation_passes(check):
    check(Good, declare(), ENGLISH)


def test_checking_one_by_one_or_all_together_is_the_same():
    check_text_perturbation(Good, declare())
    with pytest.raises(AssertionError, match="in order"):
        check_text_perturbation(GoesBackwards, declare())
