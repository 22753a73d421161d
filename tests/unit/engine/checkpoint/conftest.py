"""Files that the checkpoint tests open."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from robustkit.errors import DataError

Write = Callable[[Path, Any], None]


def _write_zip(path: Path, value: Any) -> None:
    torch.save(value, path)


def _write_legacy(path: Path, value: Any) -> None:
    torch.save(value, path, _use_new_zipfile_serialization=False)


def _write_pickle(path: Path, value: Any) -> None:
    path.write_bytes(pickle.dumps(value))


class Payload:
    """Unpickling it writes the marker file."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"echo ran > '{self.marker}'",)


@pytest.fixture
def payload() -> type[Payload]:
    return Payload


@pytest.fixture
def writers() -> dict[str, Write]:
    """How to write a value in each of the three pickled forms, by the name that `sniff` gives the form."""
    return {"torch zip": _write_zip, "torch legacy": _write_legacy, "pickle": _write_pickle}


@pytest.fixture
def weights() -> dict[str, Tensor]:
    return {"weight": torch.arange(6.0).view(3, 2), "bias": torch.tensor([0.5, -1.0, 2.0])}


@pytest.fixture
def refused() -> Callable[..., DataError]:
    """Call something that must raise a DataError whose message and hint are one line each, and return the error."""

    def call(function: Callable[..., Any], *arguments: Any) -> DataError:
        with pytest.raises(DataError) as caught:
            function(*arguments)
        assert caught.value.message
        assert "\n" not in caught.value.message + caught.value.hint
        return caught.value

    return call


@pytest.fixture
def shared_data() -> Path:
    """The published data, which lies beside the checkout and is not part of it."""
    folder = Path(__file__).resolve().parents[4].parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"the published data are not at {folder}")
    return folder


@pytest.fixture
def small_net() -> Callable[[], nn.Module]:
    def build() -> nn.Module:
        return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(16, 5))

    return build
