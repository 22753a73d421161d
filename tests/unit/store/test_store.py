"""What is on disk is whole, or is not trusted."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from robustkit.errors import DataError, RunError
from robustkit.store import RunFolder
from robustkit.store.atomic import write_atomically

CELL = "ab" * 32


def records(n: int = 5, first: int = 0) -> dict[str, Any]:
    rng = np.random.default_rng(n)
    return {
        "id": np.arange(first, first + n),
        "label": rng.integers(0, 10, n),
        "prediction": rng.integers(0, 10, n),
        "label_rank": np.zeros(n, dtype=np.int64),
        "confidence": rng.random(n),
        "nll": rng.random(n),
        "brier": rng.random(n),
        "margin": rng.normal(size=n),
        "input_hash": rng.integers(-(2**62), 2**62, n),
    }


def test_records_come_back(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.commit_chunk(CELL, 0, records(5))
    folder.commit_chunk(CELL, 1, records(3, first=5))
    read = folder.read_cell(CELL, 2)
    assert read is not None
    assert read["id"].tolist() == list(range(8))
    assert read["input_hash"][:5].tolist() == records(5)["input_hash"].tolist()
    np.testing.assert_allclose(read["nll"][:5], records(5)["nll"], rtol=1e-6)


def test_attack_columns_come_back(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    broken_by = np.array(["", "clean", "attacks/pgd"], dtype=object)
    counts = {name: np.arange(3) for name in ("norm", "loss", "queries", "forwards", "backwards")}
    folder.commit_chunk(CELL, 0, {**records(3), "broken_by": broken_by, **counts})
    read = folder.read_chunk(CELL, 0)
    assert read is not None
    assert read["broken_by"].tolist() == ["", "clean", "attacks/pgd"]


def test_equal_records_give_equal_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        RunFolder(tmp_path / name).commit_chunk(CELL, 0, records())
    first, second = (RunFolder(tmp_path / name).chunk_path(CELL, 0).read_bytes() for name in ("a", "b"))
    assert first == second


def test_a_cell_with_a_missing_chunk_is_not_sealed(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.commit_chunk(CELL, 0, records())
    assert folder.read_cell(CELL, 2) is None


def test_a_chunk_of_other_samples_or_another_cell_is_not_trusted(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.commit_chunk(CELL, 0, records())
    assert folder.has_chunk(CELL, 0, np.arange(5))
    assert not folder.has_chunk(CELL, 0, np.arange(1, 6))
    other = CELL[:32] + "cd" * 16
    assert folder.chunk_path(other, 0) == folder.chunk_path(CELL, 0)
    assert not folder.has_chunk(other, 0, np.arange(5))


@pytest.mark.parametrize("damage", ["truncate", "empty", "text"])
def test_a_damaged_chunk_is_not_trusted(tmp_path: Path, damage: str) -> None:
    folder = RunFolder(tmp_path)
    folder.commit_chunk(CELL, 0, records(500))
    path = folder.chunk_path(CELL, 0)
    content = path.read_bytes()
    damaged = {"truncate": content[: len(content) // 2], "empty": b"", "text": b"<html>quota exceeded</html>"}
    path.write_bytes(damaged[damage])
    assert folder.read_chunk(CELL, 0) is None


def test_no_changed_byte_changes_what_is_read(tmp_path: Path) -> None:
    """Every byte of a file is changed in turn: either the records are the same, or the chunk is not trusted."""
    folder = RunFolder(tmp_path)
    folder.commit_chunk(CELL, 0, records(5))
    path = folder.chunk_path(CELL, 0)
    content, whole = path.read_bytes(), folder.read_chunk(CELL, 0)
    assert whole is not None
    refused = 0
    for place in range(len(content)):
        path.write_bytes(content[:place] + bytes([content[place] ^ 0x01]) + content[place + 1 :])
        read = folder.read_chunk(CELL, 0)
        refused += read is None
        assert read is None or {name: column.tolist() for name, column in read.items()} == {
            name: column.tolist() for name, column in whole.items()
        }
    assert refused > len(content) // 2


def test_a_failed_write_keeps_the_old_file_and_leaves_nothing_else(tmp_path: Path, monkeypatch: Any) -> None:
    path = tmp_path / "results.csv"
    write_atomically(path, b"old")

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(RunError, match="No space left") as caught:
        write_atomically(path, b"new")
    assert "--resume" in caught.value.hint
    assert path.read_bytes() == b"old"
    assert [item.name for item in tmp_path.iterdir()] == ["results.csv"]


def test_what_a_killed_run_left_half_written_is_removed(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.commit_chunk(CELL, 0, records())
    leftover = folder.chunk_path(CELL, 0).with_name(".00001.parquet.77.abcd.partial")
    leftover.write_bytes(b"half")
    folder.clean_up()
    assert not leftover.exists()
    assert folder.has_chunk(CELL, 0, np.arange(5))


def test_an_event_after_a_torn_line_is_readable(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.log("started", total=3)
    with (tmp_path / "events.jsonl").open("a") as file:
        file.write('{"event": "comm')
    folder.clean_up()
    folder.log("started", total=3)
    lines = (tmp_path / "events.jsonl").read_text().splitlines()
    assert len(lines) == 3
    assert [json.loads(lines[place])["event"] for place in (0, 2)] == ["started", "started"]


def test_a_folder_without_manifest_is_not_a_run(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="not a run folder"):
        RunFolder(tmp_path / "nothing").read_manifest()


def test_a_damaged_manifest_is_named(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text('{"schema"')
    with pytest.raises(DataError, match="cannot be read"):
        RunFolder(tmp_path).read_manifest()


def manifest(tmp_path: Path, **changes: Any) -> RunFolder:
    facts = {"schema": 1, "datasets": {"d": {"evaluated": 5000}}, "chunks": 3, **changes}
    (tmp_path / "manifest.json").write_text(json.dumps(facts))
    return RunFolder(tmp_path)


@pytest.mark.parametrize("chunks", [10**30, 5001, -1, True, 3.0, "3", None])
def test_a_manifest_with_more_chunks_than_samples_is_refused(tmp_path: Path, chunks: Any) -> None:
    with pytest.raises(DataError, match=r"expected a number of chunks from 0 to 5000, .*got"):
        manifest(tmp_path, chunks=chunks).read_manifest()


@pytest.mark.parametrize(
    "changes", [{}, {"chunks": 5000}, {"datasets": {"d": {"evaluated": 10**30}}, "chunks": 10**30}]
)
def test_looking_for_chunks_ends_at_the_first_that_is_not_there(tmp_path: Path, changes: dict[str, Any]) -> None:
    folder = manifest(tmp_path, **changes)
    chunks = folder.read_manifest()["chunks"]
    folder.commit_chunk(CELL, 0, records(5))
    folder.commit_measure(CELL, 0, {"x": np.arange(3.0)})
    assert folder.read_cell(CELL, chunks) is None
    assert folder.read_measures(CELL, chunks) is None


@pytest.mark.parametrize("content", ["NaN", "Infinity", "-Infinity", "1e999", "[" * 100_000, "7" * 5000])
def test_results_that_robustkit_never_writes_are_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "results.json"
    path.write_text(f'[{{"value": {content}}}]')
    with pytest.raises(DataError, match="cannot be read") as raised:
        RunFolder(tmp_path).read_results()
    assert "--resume" in raised.value.hint
    path.write_text('[{"value": 1e-5}, {"value": null}]')
    assert RunFolder(tmp_path).read_results() == [{"value": 1e-5}, {"value": None}]


def test_a_manifest_that_is_nested_without_end_is_named(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text("[" * 100_000)
    with pytest.raises(DataError, match="cannot be read"):
        RunFolder(tmp_path).read_manifest()
