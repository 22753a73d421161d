"""Per-sample records: one parquet file for each chunk of a cell."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

SCHEMA_VERSION = 1

RECORD_COLUMNS: dict[str, Any] = {
    "id": pa.int64(),
    "label": pa.int32(),
    "prediction": pa.int32(),
    "label_rank": pa.int32(),
    "confidence": pa.float32(),
    "nll": pa.float32(),
    "brier": pa.float32(),
    "margin": pa.float32(),
    "input_hash": pa.int64(),
}
"""Columns of every record. `label_rank` 0 means that the true label is the prediction; `margin` is the
logit of the true label minus the highest other logit; `input_hash` identifies the exact input that the model saw."""

ATTACK_COLUMNS: dict[str, Any] = {
    "broken_by": pa.string(),
    "norm": pa.float32(),
    "loss": pa.float32(),
    "queries": pa.int32(),
    "forwards": pa.int32(),
    "backwards": pa.int32(),
}
"""Further columns under an attack. `broken_by` is `clean` for a sample that was wrong before, the attack's name for one
that it broke, `invalid` for one whose logits the attack made NaN or infinite, and empty for one that held."""

NO_PREDICTION = -1
"""The prediction of a sample whose logits are not finite."""

INVALID = "invalid"
"""What `broken_by` says of a sample that was right, and whose logits under attack are not finite."""

NOT_BROKEN = ("", "clean", INVALID)
"""What `broken_by` says of samples that no attack broke."""

TEXT_COLUMNS: dict[str, Any] = {
    "cer": pa.float32(),
    "edits": pa.string(),
}
"""Further columns for texts that were perturbed: the measured character error rate, and the edits as a JSON list of
`[start, end, removed, inserted, op]`, with offsets into the original."""

_KEY = b"robustkit"


def encode_chunk(records: Mapping[str, NDArray[Any]], cell: str, chunk: int) -> bytes:
    """Return the parquet bytes of one chunk; equal records give equal bytes."""
    types = {**RECORD_COLUMNS, **ATTACK_COLUMNS, **TEXT_COLUMNS}
    schema = pa.schema([pa.field(name, types[name]) for name in types if name in records])
    table = pa.Table.from_arrays([pa.array(records[field.name], type=field.type) for field in schema], schema=schema)
    stamp = {"schema": SCHEMA_VERSION, "cell": cell, "chunk": chunk, "sha256": _digest(_columns(table))}
    buffer = io.BytesIO()
    pq.write_table(
        table.replace_schema_metadata({_KEY: json.dumps(stamp).encode()}),
        buffer,
        compression="zstd",
        use_dictionary=["broken_by"] if "broken_by" in records else False,
        write_page_checksum=True,
    )
    return buffer.getvalue()


def read_chunk(path: Path, cell: str, chunk: int) -> dict[str, NDArray[Any]] | None:
    """Return the records of one chunk, or None if the file is absent, damaged, or not this chunk's."""
    try:
        table = pq.ParquetFile(path, page_checksum_verification=True).read()
        stamp = json.loads((table.schema.metadata or {})[_KEY])
        columns = _columns(table)
    except Exception:
        # A damaged file can make the reader fail in any way; whatever it is, the chunk is computed again.
        return None
    # Parquet's own checksums cover pages, not the footer, where a flipped bit can rename a column.
    expected = {"schema": SCHEMA_VERSION, "cell": cell, "chunk": chunk, "sha256": _digest(columns)}
    return columns if stamp == expected else None


def _columns(table: pa.Table) -> dict[str, NDArray[Any]]:
    return {name: np.asarray(table.column(name).to_numpy(zero_copy_only=False)) for name in table.column_names}


def _digest(columns: Mapping[str, NDArray[Any]]) -> str:
    digest = hashlib.sha256()
    for name, values in columns.items():
        content = "\0".join(map(str, values)).encode() if values.dtype == object else values.tobytes()
        digest.update(f"{name} {values.dtype} {len(values)}\n".encode() + content)
    return digest.hexdigest()


def find_broken(records: Mapping[str, NDArray[Any]]) -> NDArray[np.bool_]:
    """Return (n,) which samples an attack broke, of the records of a cell under attack."""
    return ~np.isin(records["broken_by"].astype(str), NOT_BROKEN)


def concatenate(chunks: list[dict[str, NDArray[Any]]]) -> dict[str, NDArray[Any]]:
    """Return the chunks' records as one, column by column."""
    return {name: np.concatenate([chunk[name] for chunk in chunks]) for name in chunks[0]}
