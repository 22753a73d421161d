from __future__ import annotations

import gzip
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

SHARED = Path(__file__).parents[4].parent / "shared" / "data"
WriteIdx = Callable[..., Path]
WriteImage = Callable[..., Path]


@pytest.fixture
def shared() -> Path:
    """The published data beside the checkout."""
    if not SHARED.is_dir():
        pytest.skip("the published data is not beside the checkout")
    return SHARED


@pytest.fixture
def grey() -> NDArray[np.uint8]:
    """Twelve grey images, (12, 6, 5), all different."""
    return np.random.default_rng(0).integers(0, 256, (12, 6, 5), dtype=np.uint8)


@pytest.fixture
def colour() -> NDArray[np.uint8]:
    """Twelve colour images, (12, 8, 10, 3), all different."""
    return np.random.default_rng(1).integers(0, 256, (12, 8, 10, 3), dtype=np.uint8)


@pytest.fixture
def classes() -> NDArray[np.int64]:
    """Labels of the twelve."""
    return np.arange(12, dtype=np.int64) % 4


@pytest.fixture
def write_idx() -> WriteIdx:
    """Writes an array of bytes as IDX, after the format's description and without robustkit."""

    def write(path: Path, array: NDArray[Any]) -> Path:
        header = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
        content = header + array.astype(np.uint8).tobytes()
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
        return path

    return write


@pytest.fixture
def write_image() -> WriteImage:
    """Saves (h, w) or (h, w, 3) bytes as an image file."""

    def write(path: Path, array: NDArray[Any]) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(array).save(path)
        return path

    return write
