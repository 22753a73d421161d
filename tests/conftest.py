"""What all tests share: where the published data are, and which tests this machine can run."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared" / "data"

# Where tests run side by side, this says 80, and tables that go to no terminal follow it.
os.environ.pop("COLUMNS", None)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("shared") and not SHARED.is_dir():
            item.add_marker(pytest.mark.skip(reason="the published data are not beside this checkout"))
        if item.get_closest_marker("peers") and not _has_peers():
            item.add_marker(
                pytest.mark.skip(reason="pip install 'robustkit[peers]' for foolbox, torchattacks, pyautoattack")
            )
        if item.get_closest_marker("gpu") and not _has_cuda():
            item.add_marker(pytest.mark.skip(reason="no CUDA device"))


def _has_peers() -> bool:
    return all(find_spec(name) for name in ("foolbox", "torchattacks", "pyautoattack"))


def _has_cuda() -> bool:
    import torch

    return torch.cuda.is_available()


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of published data and checkpoints."""
    return SHARED


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return ROOT
