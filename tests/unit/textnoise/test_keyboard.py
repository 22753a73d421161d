"""Keyboard noise: its rate, its place, its repeatability."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from robustkit import ConfigError, Edit, Keys
from robustkit.engine.edits import apply_edits, degrade_texts, undo_edits
from robustkit_textnoise.keyboard import KeyboardNoise
from robustkit_textnoise.layouts import neighbours
from robustkit_textnoise.params import KeyboardParams

GOLDEN = Path(__file__).with_name("golden.json")
# As the summary and the docs state them.
RATES = {1: 0.01, 2: 0.025, 3: 0.05, 4: 0.1, 5: 0.2}
SENTENCE = "The quick brown Fox jumps over 13 lazy dogs, again & again!"
ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)


def noise(**params):
    return KeyboardNoise(KeyboardParams(**params))


def keys(n, seed=0):
    return Keys(seed=seed, stream="textnoise/keyboard", version=1, ids=torch.arange(n))


def edits_of(text, severity=5, seed=0, **params):
    return noise(**params).edit([text], keys(1, seed), severity)[0]


class TwiceAsMuch(KeyboardNoise):
    """The negative control: a perturbation that makes twice as many errors as it says."""

    def edit(self, texts, keys, severity):
        first = super().edit(texts, keys, severity)
        return [
            [edit for edit in edits for _ in range(1 + (edit.start == edit.end))] + self.more(text, edits)
            for text, edits in zip(texts, first, strict=True)
        ]

    def more(self, text, edits):
        substituted = sum(edit.start < edit.end for edit in edits)
        return [Edit(start=len(text), end=len(text), text="#", op="insert")] * substituted


def realised(perturbation, texts, severity):
    """Return the Levenshtein distance of all texts together, over their length."""
    found = degrade_texts(perturbation, texts, keys(len(texts)), severity)
    lengths = np.array([len(text) for text in texts])
    return float((found.cer * lengths).sum() / lengths.sum())


@pytest.mark.shared
@pytest.mark.parametrize("severity", RATES)
def test_the_rate_over_film_reviews_is_within_a_tenth_of_the_aim(reviews, severity):
    assert realised(noise(), reviews, severity) == pytest.approx(RATES[severity], rel=0.1)


@pytest.mark.parametrize("severity", RATES)
def test_the_rate_over_the_bundled_texts_is_within_a_tenth_of_the_aim(bundled, severity):
    assert realised(noise(), bundled, severity) == pytest.approx(RATES[severity], rel=0.1)


@pytest.mark.parametrize("severity", RATES)
def test_twice_as_many_errors_are_caught_by_the_same_check(bundled, severity):
    assert realised(TwiceAsMuch(KeyboardParams()), bundled, severity) != pytest.approx(RATES[severity], rel=0.1)


@pytest.mark.parametrize("kind", ["substitution", "insertion", "omission", "doubling"])
def test_each_kind_of_error_alone_has_the_rate_too(bundled, kind):
    weights = {name: float(name == kind) for name in ("substitution", "insertion", "omission", "doubling")}
    assert realised(noise(**weights), bundled, 3) == pytest.approx(0.05, rel=0.1)


def test_rates_between_the_levels_are_interpolated():
    assert [noise().rate(severity) for severity in (0, *RATES)] == [0, *RATES.values()]
    assert noise().rate(4.5) == pytest.approx(0.15)
    assert noise().rate(0.5) == pytest.approx(0.005)


def test_a_text_gets_the_rate_times_its_length_rounded_up_or_down():
    text = "abcdefghij" * 5  # 50 characters: 2.5 errors at severity 3
    counts = [len(edits_of(text, 3, seed)) for seed in range(400)]
    assert set(counts) == {2, 3}
    # 400 draws with mean 0.5: three standard errors are 0.075.
    assert np.mean(counts) == pytest.approx(2.5, abs=0.075)


@given(ANY_TEXT, st.integers(0, 10**6), st.sampled_from([1, 3.3, 5]), st.sampled_from(["qwerty", "qwertz", "azerty"]))
def test_any_text_is_the_same_outside_its_edits_and_never_empty(text, seed, severity, layout):
    found = degrade_texts(noise(layout=layout), [text], keys(1, seed), severity)
    assert found.texts[0]
    assert undo_edits(found.texts[0], found.log[0]) == text
    typed = neighbours(layout)
    touched = [edit for edit in edits_of(text, severity, seed, layout=layout) if edit.start < edit.end]
    assert all(text[edit.start] in typed for edit in touched)
    assert found.texts[0].encode() is not None
    assert found.n_edits[0] <= 0.2 * len(text) + 1


@given(ANY_TEXT, st.integers(0, 10**6))
def test_errors_of_a_lower_severity_are_among_those_of_a_higher_one(text, seed):
    levels = [set(edits_of(text, severity, seed)) for severity in (1, 1.5, 2, 3, 4, 4.5, 5)]
    assert all(low <= high for low, high in pairwise(levels))


def test_all_kinds_of_errors_are_made_in_the_ratio_of_their_weights(bundled):
    edits = [edit for each in noise().edit(bundled, keys(len(bundled)), 5) for edit in each]
    shares = {
        op: sum(edit.op == op for edit in edits) / len(edits) for op in ("substitute", "insert", "omit", "double")
    }
    # 13,000 errors: three standard errors are below 0.015.
    assert shares == pytest.approx({"substitute": 0.5, "insert": 0.2, "omit": 0.2, "double": 0.1}, abs=0.015)


def test_errors_hit_neighbouring_keys_only():
    typed = neighbours("qwerty")
    for seed in range(50):
        for edit in edits_of(SENTENCE, seed=seed):
            beside = [SENTENCE[place] for place in (edit.start, edit.start - 1) if 0 <= place < len(SENTENCE)]
            if edit.op == "substitute":
                assert edit.text in typed[beside[0]].characters
            elif edit.op == "insert":
                assert any(edit.text in typed[there].characters for there in beside if there in typed)
            elif edit.op == "double":
                assert edit.text == beside[-1]
            else:
                assert edit == replace(edit, end=edit.start + 1, text="", op="omit")


def test_insertions_come_before_and_after():
    places = {
        edit.start for seed in range(40) for edit in edits_of(" a ", seed=seed, substitution=0, omission=0, doubling=0)
    }
    assert places == {1, 2}


def test_case_stays():
    for seed in range(30):
        only = {"insertion": 0, "omission": 0, "doubling": 0}
        for edit in edits_of("ASDFGHJKL" * 4, seed=seed, **only):
            assert not edit.text.isalpha() or edit.text.isupper()


@pytest.mark.parametrize(
    "text",
    ["e\u0301", "1\ufe0f\u20e3", "x\u200dy", "👩\u200d👩\u200d👧", "你好世界", "مرحبا", "   \t\n", "नमस्ते", "𝒜𝓈"],
)
def test_clusters_blanks_and_other_scripts_stay_as_they_are(text):
    assert all(edits_of(text * 20, seed=seed) == [] for seed in range(20))


def test_letters_beside_a_cluster_are_eligible():
    text = "ne\u0301e x\u200dy z"
    touched = {edit.start for seed in range(300) for edit in edits_of(text, seed=seed, insertion=0, doubling=0)}
    assert touched == {0, 3, 9}


def test_a_text_of_one_character_is_never_emptied():
    for seed in range(100):
        found = degrade_texts(noise(omission=100), ["a"], keys(1, seed), 5)
        assert found.texts[0]
    assert edits_of("a", omission=1, substitution=0, insertion=0, doubling=0) == []


def test_a_layout_types_its_own_letters():
    german = "äöüß" * 30
    assert edits_of(german) == []
    assert edits_of(german, layout="qwertz")


@pytest.mark.parametrize("factor", [2.0**1021, 2.0**-1060])
def test_only_the_ratios_of_the_weights_count_however_large_or_small(bundled, factor):
    usual = {"substitution": 5.0, "insertion": 2.0, "omission": 2.0, "doubling": 1.0}
    scaled = {kind: factor * weight for kind, weight in usual.items()}
    expected = noise(**usual).edit(bundled[:50], keys(50), 5)
    assert noise(**scaled).edit(bundled[:50], keys(50), 5) == expected
    assert len({change.op for changes in expected for change in changes}) == 4


def test_without_any_weight_it_is_refused():
    with pytest.raises(ConfigError, match="at least one weight above 0"):
        noise(substitution=0, insertion=0, omission=0, doubling=0)


def test_a_text_has_the_same_errors_in_any_batch(bundled):
    texts = [*bundled[:40], "x" * 3000]
    whole = noise().edit(texts, keys(41), 4)
    parts = [
        noise().edit(texts[start : start + 7], keys(41).rows(slice(start, start + 7)), 4) for start in range(0, 41, 7)
    ]
    assert [edits for part in parts for edits in part] == whole
    assert noise().edit(texts[::-1], keys(41).rows(torch.arange(40, -1, -1)), 4) == whole[::-1]


def test_other_samples_and_seeds_have_other_errors():
    same = noise().edit([SENTENCE] * 20, keys(20), 3)
    assert len({tuple(edits) for edits in same}) == 20
    assert edits_of(SENTENCE, seed=1) != edits_of(SENTENCE)


def golden_cases():
    cases = [{"text": SENTENCE}, {"text": "Größe, naïve café: 1\ufe0f\u20e3 e\u0301"}, {"text": "a"}]
    return [
        {**case, "layout": layout, "severity": severity}
        for case in cases
        for layout in ("qwerty", "qwertz", "azerty")
        for severity in (1, 2.5, 5)
    ]


def golden_output(case):
    return apply_edits(case["text"], edits_of(case["text"], case["severity"], seed=7, layout=case["layout"]))


def test_results_are_those_that_were_recorded():
    """A failure means that the draws have changed: raise `stream_version` and record the results anew."""
    recorded = json.loads(GOLDEN.read_text(encoding="utf-8"))
    assert [{**case, "noisy": golden_output(case)} for case in golden_cases()] == recorded
    assert len({case["noisy"] for case in recorded}) > 10


def test_results_are_the_same_in_every_process():
    code = (
        "import torch; from robustkit import Keys; from robustkit_textnoise.keyboard import KeyboardNoise;"
        "from robustkit_textnoise.params import KeyboardParams; from robustkit.engine.edits import degrade_texts;"
        "keys = Keys(seed=7, stream='textnoise/keyboard', version=1, ids=torch.arange(1));"
        f"print(degrade_texts(KeyboardNoise(KeyboardParams()), [{SENTENCE!r}], keys, 5).texts[0])"
    )
    expected = golden_output({"text": SENTENCE, "layout": "qwerty", "severity": 5})
    for seed in ("0", "1"):
        done = subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONHASHSEED": seed}, capture_output=True, text=True
        )
        assert done.stdout.rstrip("\n") == expected
