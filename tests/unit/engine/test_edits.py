"""Edits: applied exactly, undone from their log, and measured."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from robustkit import DataError, Edit, Keys, PluginError
from robustkit.engine.edits import apply_edits, character_error_rate, degrade_texts, hash_texts, log_edits, undo_edits

KEYS = Keys(seed=0, stream="test/toy", version=1, ids=torch.arange(3))
TEXTS = ["robust", "naïve café", "a"]


def insert(start, text):
    return Edit(start=start, end=start, text=text, op="insert")


def substitute(start, end, text):
    return Edit(start=start, end=end, text=text, op="substitute")


@st.composite
def edited(draw):
    """A text of any code points, and edits of it in order and without overlap."""
    text = draw(st.text(st.characters(exclude_categories=[]), min_size=1))
    edges = sorted(draw(st.lists(st.integers(0, len(text)), max_size=12)))
    edges = edges[: len(edges) // 2 * 2]
    return text, [
        substitute(low, high, draw(st.text(max_size=3))) for low, high in zip(edges[::2], edges[1::2], strict=True)
    ]


@pytest.mark.parametrize(
    ("edits", "expected"),
    [
        ([], "robust"),
        ([insert(0, "x")], "xrobust"),
        ([insert(6, "x"), insert(6, "y")], "robustxy"),
        ([substitute(0, 6, "")], ""),
        ([substitute(0, 1, "R"), insert(1, "h"), substitute(4, 6, "")], "Rhobu"),
    ],
)
def test_edits_are_made_where_they_say(edits, expected):
    assert apply_edits("robust", edits) == expected
    assert undo_edits(expected, log_edits("robust", edits)) == "robust"


@given(edited())
def test_a_text_is_the_same_outside_its_edits(case):
    text, edits = case
    noisy = apply_edits(text, edits)
    place = done = 0
    for edit in edits:  # what lies between two edits is found again, code point by code point
        between = text[done : edit.start]
        assert noisy[place : place + len(between)] == between
        place, done = place + len(between) + len(edit.text), edit.end
    assert noisy[place:] == text[done:]


@given(edited())
def test_the_log_is_complete(case):
    text, edits = case
    assert undo_edits(apply_edits(text, edits), log_edits(text, edits)) == text


def test_the_log_is_one_line_of_plain_json():
    log = log_edits("é\nx", [substitute(0, 2, "\u2028"), insert(3, "\ud83d")])
    assert log.isascii()
    assert log.isprintable()
    assert json.loads(log) == [[0, 2, "é\n", "\u2028", "substitute"], [3, 3, "", "\ud83d", "insert"]]


@pytest.mark.parametrize(
    ("edits", "reason"),
    [
        ([insert(7, "x")], r"within 0\.\.6, got 7\.\.7 \(insert\)"),
        ([substitute(-1, 2, "x")], r"got -1\.\.2"),
        ([substitute(3, 2, "x")], r"got 3\.\.2"),
        ([substitute(0, 3, "x"), insert(2, "x")], r"got 2\.\.2 \(insert\) where 3 is reached"),
        ([insert(4, "x"), insert(2, "x")], r"got 2\.\.2 .* where 4 is reached"),
        ([(0, 1, "x")], "expected a robustkit.Edit"),
        ([substitute(0, 1, None)], "expected a robustkit.Edit of int, int, str, str"),
        ([substitute(0.0, 1, "x")], "expected a robustkit.Edit of int, int, str, str"),
    ],
)
def test_edits_that_cannot_be_made_are_refused(edits, reason):
    with pytest.raises(PluginError, match=reason) as caught:
        apply_edits("robust", edits)
    assert "check_text_perturbation" in caught.value.hint


@pytest.mark.parametrize("log", ['[[0,1,"r","x","s"]]', '[[6,7,"t","t","s"]]', '[[0,2,"r","r","s"]]'])
def test_a_log_of_another_text_is_noticed(log):
    with pytest.raises(DataError, match="which it does not"):
        undo_edits("robust", log)


# By hand, after Levenshtein (1966): the fewest insertions, deletions and substitutions.
@pytest.mark.parametrize(
    ("original", "noisy", "distance"),
    [
        ("kitten", "sitting", 3),
        ("abc", "abc", 0),
        ("ab", "ba", 2),
        ("a", "", 1),
        ("é", "e\u0301", 2),
        ("👍🏽", "👍", 1),
    ],
)
def test_the_character_error_rate_counts_code_points_of_the_original(original, noisy, distance):
    assert character_error_rate(original, noisy) == distance / len(original)


def slow_distance(first, second):
    """The distance by Wagner and Fischer (1974), independent of the library."""
    row = list(range(len(second) + 1))
    for i, a in enumerate(first, 1):
        row, above = [i], row
        for j, b in enumerate(second, 1):
            row.append(min(above[j] + 1, row[j - 1] + 1, above[j - 1] + (a != b)))
    return row[-1]


@given(st.text(min_size=1, max_size=12), st.text(max_size=12))
def test_the_character_error_rate_is_that_of_the_textbook(original, noisy):
    assert character_error_rate(original, noisy) == slow_distance(original, noisy) / len(original)


def test_an_empty_text_has_no_character_error_rate():
    with pytest.raises(DataError, match="no character error rate"):
        character_error_rate("", "a")


class Prefix:
    """Puts as many x before each text as the severity says."""

    def rate(self, severity):
        return 0.1 * severity

    def edit(self, texts, keys, severity):
        texts.reverse()  # its own list: the caller's is not reached
        return [[insert(0, "x" * int(severity))] for _ in texts]


def test_texts_are_degraded_with_their_rates_and_logs():
    found = degrade_texts(Prefix(), TEXTS, KEYS, 2)
    assert found.texts == ["xxrobust", "xxnaïve café", "xxa"]
    assert found.cer.tolist() == [2 / 6, 2 / 10, 2.0]
    assert found.cer.dtype == np.float64
    assert found.n_edits.tolist() == [1, 1, 1]
    assert found.log == ('[[0,0,"","xx","insert"]]',) * 3
    assert TEXTS == ["robust", "naïve café", "a"]


def test_severity_0_is_the_identity_and_asks_for_no_edits():
    found = degrade_texts(None, TEXTS, KEYS, 0.0)
    assert found.texts == TEXTS
    assert found.cer.tolist() == [0, 0, 0]
    assert found.log == ("[]",) * 3
    assert found.n_edits.tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    ("edits", "reason"),
    [
        ([[], []], "one list of edits a text, got 2 for 3 texts"),
        ([[], [], [substitute(0, 1, "")]], "leaves nothing of the text 'a'"),
        ([[], [], [substitute(0, 2, "x")]], "within"),
    ],
)
def test_a_perturbation_that_breaks_its_contract_is_refused(edits, reason):
    class Broken(Prefix):
        def edit(self, texts, keys, severity):
            return edits

    with pytest.raises(PluginError, match=reason):
        degrade_texts(Broken(), TEXTS, KEYS, 1)


def test_the_hash_is_the_first_8_bytes_of_the_sha256():
    expected = [hashlib.sha256(text.encode()).digest()[:8] for text in TEXTS]
    hashes = hash_texts(TEXTS)
    assert hashes.dtype == np.int64
    assert [value.tobytes() for value in hashes.astype("<i8")] == expected
    assert hash_texts(["\ud800"]).shape == (1,)
    assert hash_texts([]).shape == (0,)


def test_the_hash_is_the_same_in_every_process():
    code = f"from robustkit.engine.edits import hash_texts; print(hash_texts({TEXTS!r}).tolist())"
    for seed in ("0", "1"):
        done = subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONHASHSEED": seed}, capture_output=True, text=True
        )
        assert done.stdout.strip() == str(hash_texts(TEXTS).tolist())
