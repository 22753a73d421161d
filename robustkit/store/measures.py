"""States of metrics that need the model: one file for each chunk of a cell and metric."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load, save

_KEY = "robustkit"


def encode_state(state: Mapping[str, NDArray[Any]], key: str, chunk: int) -> bytes:
    """Return the bytes of one chunk's state; equal states give equal bytes.

    Args:
        state: one array a name.
        key: of the cell and metric that it is the state of.
        chunk: position of the chunk in the run.
    """
    arrays = {name: np.asarray(values, order="C") for name, values in state.items()}
    stamp = {"key": key, "chunk": chunk, "names": list(arrays), "sha256": _digest(arrays)}
    # One entry only: safetensors writes several in an order that changes from run to run.
    return save(arrays, metadata={_KEY: json.dumps(stamp)})


def read_state(path: Path, key: str, chunk: int) -> dict[str, NDArray[Any]] | None:
    """Return the state of one chunk, or None if the file is absent, damaged, or not this chunk's."""
    try:
        content = path.read_bytes()
        header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
        stamp = json.loads(header["__metadata__"][_KEY])
        loaded = load(content)
        # The names are in the order in which they were given, which safetensors forgets.
        arrays = {name: loaded[name] for name in stamp["names"]}
    except Exception:
        # A damaged file can make the reader fail in any way; whatever it is, the chunk is computed again.
        return None
    expected = {"key": key, "chunk": chunk, "names": list(arrays), "sha256": _digest(arrays)}
    return arrays if stamp == expected else None


def _digest(arrays: Mapping[str, NDArray[Any]]) -> str:
    digest = hashlib.sha256()
    for name, values in arrays.items():
        digest.update(f"{name} {values.dtype} {values.shape}\n".encode() + values.tobytes())
    return digest.hexdigest()
