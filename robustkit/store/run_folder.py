"""The folder of one run.

manifest.json            what was run, on what, with what; written first
config.toml              the resolved configuration; `robustkit eval --config` takes it
records/CELL/00000.parquet   per-sample records, one file a chunk, under the cell's content address
measures/KEY/00000.safetensors   states of metrics that need the model, one file a chunk, by cell and metric
trust/KEY.json           what probes found out about a model, one file each
examples/CELL/00000.safetensors   where asked for, the adversarial inputs that broke their sample, one file a chunk
results.csv  results.json    the results table
events.jsonl             what happened when: chunks, failures, resumes
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from robustkit.errors import DataError
from robustkit.names import did_you_mean
from robustkit.store.atomic import remove_leftovers, storage_error, write_atomically
from robustkit.store.measures import encode_state, read_state
from robustkit.store.records import SCHEMA_VERSION, concatenate, encode_chunk, read_chunk

RESULT_COLUMNS = (
    "model",
    "dataset",
    "condition",
    "perturbation",
    "severity",
    "seed",
    "source",
    "metric",
    "value",
    "n",
    "ci_low",
    "ci_high",
    "status",
    "chance",
    "spec",
)

T = TypeVar("T")


class RunFolder:
    """Reads and writes one run folder; every file appears whole or not at all."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def manifest_path(self) -> Path:
        """Where the manifest is."""
        return self.path / "manifest.json"

    def exists(self) -> bool:
        """Return whether a run was begun here."""
        return self.manifest_path.is_file()

    def read_manifest(self) -> dict[str, Any]:
        """Return the manifest.

        Raises:
            DataError: this is not a run folder, or its manifest is damaged.
        """
        try:
            manifest = json.loads(self.manifest_path.read_text("utf8"))
        except FileNotFoundError:
            folder = self.path.parent
            siblings = [str(path.parent) for path in folder.glob("*/manifest.json")] if folder.is_dir() else []
            hint = did_you_mean(str(self.path), siblings) or "a run folder holds a manifest.json"
            raise DataError(f"{self.path} is not a run folder", hint) from None
        except (OSError, ValueError, RecursionError) as error:
            raise DataError(
                f"the manifest of {self.path} cannot be read: {error}", "repeat the run in a new folder"
            ) from error
        found = manifest.get("schema") if isinstance(manifest, dict) else None
        if found != SCHEMA_VERSION:
            raise DataError(
                f"{self.manifest_path}: expected a robustkit manifest of schema {SCHEMA_VERSION}, got {found}",
                "another robustkit version wrote it, or it is not a run folder",
            )
        self._check_chunks(manifest)
        return dict(manifest)

    def _check_chunks(self, manifest: Mapping[str, Any]) -> None:
        """Raise DataError where there cannot be so many chunks: readers look for each of them."""
        datasets = manifest.get("datasets")
        if "chunks" not in manifest or not isinstance(datasets, Mapping):
            return
        chunks = manifest["chunks"]
        # A chunk holds one sample at least.
        samples = [facts.get("evaluated") for facts in datasets.values() if isinstance(facts, Mapping)]
        most = sum(count for count in samples if isinstance(count, int))
        if type(chunks) is not int or not 0 <= chunks <= most:
            raise DataError(
                f"{self.manifest_path}: expected a number of chunks from 0 to {most!r:.20}, the samples that it says "
                f"were evaluated, got {chunks!r:.60}",
                "the manifest was changed by hand or is damaged: repeat the run in a new folder",
            )

    def write_manifest(self, manifest: Mapping[str, Any]) -> None:
        """Write the manifest."""
        write_atomically(self.manifest_path, (json.dumps(manifest, indent=1) + "\n").encode())

    def write_config(self, text: str) -> None:
        """Write the resolved configuration."""
        write_atomically(self.path / "config.toml", text.encode())

    def chunk_path(self, cell: str, chunk: int) -> Path:
        """Where a chunk of a cell is."""
        return self.path / "records" / cell[:32] / f"{chunk:05d}.parquet"

    def commit_chunk(self, cell: str, chunk: int, records: Mapping[str, NDArray[Any]]) -> None:
        """Store one chunk."""
        write_atomically(self.chunk_path(cell, chunk), encode_chunk(records, cell, chunk))

    def read_chunk(self, cell: str, chunk: int) -> dict[str, NDArray[Any]] | None:
        """Return one chunk, or None if it is absent or cannot be trusted."""
        return read_chunk(self.chunk_path(cell, chunk), cell, chunk)

    def has_chunk(self, cell: str, chunk: int, ids: NDArray[Any]) -> bool:
        """Return whether a chunk is stored whole, for exactly these sample ids."""
        records = self.read_chunk(cell, chunk)
        return records is not None and records["id"].tolist() == ids.tolist()

    def read_cell(self, cell: str, chunks: int) -> dict[str, NDArray[Any]] | None:
        """Return a cell's records, or None unless all its chunks are stored: then the cell is sealed."""
        read = _all_or_none(lambda chunk: self.read_chunk(cell, chunk), chunks)
        return concatenate(read) if read else None

    def measure_path(self, key: str, chunk: int) -> Path:
        """Where the state of a metric on a chunk is; the key stands for cell and metric."""
        return self.path / "measures" / key[:32] / f"{chunk:05d}.safetensors"

    def commit_measure(self, key: str, chunk: int, state: Mapping[str, NDArray[Any]]) -> None:
        """Store the state of a metric on one chunk."""
        write_atomically(self.measure_path(key, chunk), encode_state(state, key, chunk))

    def has_measure(self, key: str, chunk: int) -> bool:
        """Return whether the state of a metric on a chunk is stored whole."""
        return read_state(self.measure_path(key, chunk), key, chunk) is not None

    def read_measures(self, key: str, chunks: int) -> list[dict[str, NDArray[Any]]] | None:
        """Return the states of a metric on all chunks, or None unless all are stored."""
        return _all_or_none(lambda chunk: read_state(self.measure_path(key, chunk), key, chunk), chunks)

    def trust_path(self, key: str) -> Path:
        """Where it is kept what probes found out about a model; the key stands for both."""
        return self.path / "trust" / f"{key[:32]}.json"

    def commit_trust(self, key: str, found: Mapping[str, Any]) -> None:
        """Store what probes found out."""
        text = json.dumps(found, indent=1, allow_nan=False)
        stamp = {"schema": SCHEMA_VERSION, "key": key, "sha256": hashlib.sha256(text.encode()).hexdigest()}
        write_atomically(self.trust_path(key), (json.dumps({**stamp, "found": text}) + "\n").encode())

    def read_trust(self, key: str) -> dict[str, Any] | None:
        """Return what probes found out, or None if it is absent, damaged, or of another key."""
        try:
            stored = json.loads(self.trust_path(key).read_text("utf8"))
            text, digest = stored["found"], hashlib.sha256(stored["found"].encode()).hexdigest()
            if (stored["schema"], stored["key"], stored["sha256"]) != (SCHEMA_VERSION, key, digest):
                return None
            found: dict[str, Any] = json.loads(text)
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return None
        return found

    def examples_path(self, cell: str, chunk: int) -> Path:
        """Where the adversarial examples of a chunk of a cell are."""
        return self.path / "examples" / cell[:32] / f"{chunk:05d}.safetensors"

    def commit_examples(self, cell: str, chunk: int, ids: NDArray[np.int64], inputs: NDArray[np.float32]) -> None:
        """Store the adversarial examples of one chunk: (n,) sample ids and (n, …) what the evaluator judged."""
        content = encode_state({"ids": ids, "inputs": inputs}, cell, chunk)
        write_atomically(self.examples_path(cell, chunk), content)

    def read_examples(self, cell: str, chunk: int) -> tuple[NDArray[np.int64], NDArray[np.float32]] | None:
        """Return ids and inputs of one chunk's examples, or None if they are absent or cannot be trusted."""
        found = read_state(self.examples_path(cell, chunk), cell, chunk)
        if found is None or found.keys() != {"ids", "inputs"}:
            return None
        ids, inputs = found["ids"], found["inputs"]
        formed = ids.dtype == np.int64 and inputs.dtype == np.float32 and ids.shape == inputs.shape[:1]
        return (ids, inputs) if formed else None

    def write_results(self, rows: Sequence[Mapping[str, Any]]) -> list[Path]:
        """Write the results table as CSV and JSON and return the two paths."""
        text = io.StringIO()
        writer = csv.DictWriter(text, RESULT_COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        as_csv, as_json = self.path / "results.csv", self.path / "results.json"
        write_atomically(as_csv, text.getvalue().encode())
        write_atomically(as_json, (json.dumps(list(rows), indent=1, allow_nan=False) + "\n").encode())
        return [as_csv, as_json]

    def read_results(self) -> list[dict[str, Any]]:
        """Return the rows of the results table, or none if the run has not got that far.

        Raises:
            DataError: the file is damaged, or holds NaN or a number without bounds, which robustkit never writes.
        """
        path = self.path / "results.json"
        if not path.is_file():
            return []
        try:
            rows: list[dict[str, Any]] = json.loads(path.read_text("utf8"), parse_float=_finite, parse_constant=_finite)
        except (OSError, ValueError, RecursionError) as error:
            raise DataError(
                f"{path} cannot be read: {error}", "run 'robustkit eval --resume' to write it anew"
            ) from error
        return rows

    def log(self, event: str, **facts: Any) -> None:
        """Append one line to the event log."""
        line = json.dumps({"time": round(time.time(), 3), "event": event, **facts}) + "\n"
        path = self.path / "events.jsonl"
        try:
            with path.open("a", encoding="utf8") as file:
                file.write(line)
        except OSError as error:
            raise storage_error(path, error) from error

    def clean_up(self) -> None:
        """Delete what a killed run left half-written, and end a torn last line of the event log."""
        remove_leftovers(self.path)
        path = self.path / "events.jsonl"
        if path.is_file() and not path.read_bytes().endswith(b"\n"):
            # Otherwise the next event would be glued to the torn one, and neither could be read.
            with path.open("a", encoding="utf8") as file:
                file.write("\n")


def _all_or_none(read: Callable[[int], T | None], chunks: int) -> list[T] | None:
    """Return what is read of all chunks, or None at the first that is not there."""
    found = []
    for chunk in range(chunks):
        part = read(chunk)
        if part is None:
            return None
        found.append(part)
    return found


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"expected finite numbers or null, got {text}")
    return number
