from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from robustkit.engine.data import select_ids
from robustkit.errors import ConfigError


@given(st.integers(1, 5000), st.integers(1, 6000))
def test_limit_takes_evenly_spread_ids(n, limit):
    ids = select_ids(n, limit=limit, indices=None)
    assert ids.dtype == np.int64
    assert ids.tolist() == [i * n // min(limit, n) for i in range(min(limit, n))]
    gaps = np.diff(ids)
    assert len(gaps) == 0 or (gaps.min() >= 1 and gaps.max() - gaps.min() <= 1)


def test_limit_reaches_every_class_of_sorted_data():
    labels = np.repeat(np.arange(10), 100)
    np.testing.assert_array_equal(np.bincount(labels[select_ids(1000, limit=50, indices=None)]), [5] * 10)
    assert len(np.unique(labels[:50])) == 1  # the prefix that is not taken


def test_no_limit_takes_all():
    np.testing.assert_array_equal(select_ids(7, limit=None, indices=None), np.arange(7))


@pytest.mark.parametrize("limit", [0, -1])
def test_limit_below_one_is_refused(limit):
    with pytest.raises(ConfigError, match=f"--limit: expected 1 or more, got {limit}"):
        select_ids(7, limit=limit, indices=None)


@given(st.sets(st.integers(0, 99), min_size=1), st.one_of(st.none(), st.integers(1, 120)), st.booleans(), st.randoms())
def test_indices_come_back_sorted_then_limited(tmp_path_factory, chosen, limit, as_npy, random):
    order = random.sample(sorted(chosen), len(chosen))
    path = tmp_path_factory.mktemp("ids") / ("ids.npy" if as_npy else "ids.txt")
    if as_npy:
        np.save(path, np.array(order))
    else:
        path.write_text("# chosen\n" + "\n".join(f" {i}  # {i}" for i in order) + "\n\n")
    expected = sorted(chosen)
    if limit is not None and limit < len(expected):
        expected = [expected[i * len(expected) // limit] for i in range(limit)]
    assert select_ids(100, limit=limit, indices=path).tolist() == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1\n10\n", "line 2: expected a sample id from 0 to 9, got 10"),
        ("1\n\n-1\n", "line 3: expected a sample id from 0 to 9, got -1"),
        ("3\n# x\n3\n", "line 3: expected each id once, but 3 is also in line 1"),
        ("1\ntwo\n", "line 2: expected one sample id, got 'two'"),
        ("1.5\n", "line 1: expected one sample id, got '1.5'"),
        ("1, 2\n", "line 1: expected one sample id, got '1, 2'"),
        ("9" * 30, "line 1"),
        ("# nothing\n\n", "expected at least one"),
        ("", "expected at least one"),
    ],
)
def test_wrong_lines_are_named(tmp_path, text, message):
    (tmp_path / "ids.txt").write_text(text)
    with pytest.raises(ConfigError, match=message):
        select_ids(10, limit=None, indices=tmp_path / "ids.txt")


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.array([1, 12]), "entry 1: expected a sample id from 0 to 9, got 12"),
        (np.array([1, 2, 1]), "entry 2: expected each id once, but 1 is also in entry 0"),
        (np.array([1.0]), "expected integers"),
        (np.array([[1]]), "expected integers"),
        (np.array([], int), "expected at least one"),
        (np.array([None]), "reading it failed"),
    ],
)
def test_wrong_arrays_are_refused(tmp_path, array, message):
    np.save(tmp_path / "ids.npy", array)
    with pytest.raises(ConfigError, match=message):
        select_ids(10, limit=None, indices=tmp_path / "ids.npy")


def test_damaged_files_are_refused(tmp_path):
    for name in ("ids.npy", "ids.txt"):
        (tmp_path / name).write_bytes(b"\xff\xfe\x00\x01")
        with pytest.raises(ConfigError, match="reading it failed"):
            select_ids(10, limit=None, indices=tmp_path / name)


def test_missing_file_suggests_a_sibling(tmp_path):
    (tmp_path / "hard.txt").touch()
    with pytest.raises(ConfigError, match="does not exist") as error:
        select_ids(10, limit=None, indices=tmp_path / "hrad.txt")
    assert "'hard.txt'" in error.value.hint
