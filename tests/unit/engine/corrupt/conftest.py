"""Data to corrupt, a function that writes sets of them, and a model to evaluate."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from robustkit import CorruptedSet, corrupt
from robustkit.config import parse_config
from robustkit.engine.plan import Plan, make_plan
from robustkit.host import Host, load_host

N = 12
ALL = ["fog:severity=1..5", "gaussian-noise:severity=1..5"]


@pytest.fixture(scope="module")
def host() -> Host:
    return load_host(strict=True)


@pytest.fixture
def images() -> np.ndarray[Any, Any]:
    """Twelve colour images (N, 16, 20, 3)."""
    return np.random.default_rng(0).integers(0, 256, (N, 16, 20, 3), dtype=np.uint8)


@pytest.fixture
def labels() -> np.ndarray[Any, Any]:
    return np.arange(N)[::-1] % 3


@pytest.fixture
def data(tmp_path: Path, images: Any, labels: Any) -> Path:
    np.savez(tmp_path / "data.npz", images=images, labels=labels)
    return tmp_path / "data.npz"


@pytest.fixture
def folder(tmp_path: Path, images: Any, labels: Any) -> Path:
    """The same images as files, the classes called as WordNet calls them."""
    for place, (image, label) in enumerate(zip(images, labels, strict=True)):
        path = tmp_path / "photos" / f"n0{label}" / f"ILSVRC_{place:04d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path)
    return tmp_path / "photos"


@pytest.fixture
def write(host: Host, data: Path, tmp_path: Path) -> Callable[..., CorruptedSet]:
    def call(out: str = "set", *, resume: bool = False, watcher: Any = None, **more: Any) -> CorruptedSet:
        given = {"data": str(data), "perturbation": ALL, "device": "cpu", **more}
        return corrupt(given, out=tmp_path / out, resume=resume, host=host, watcher=watcher)

    return call


@pytest.fixture
def model(tmp_path: Path) -> dict[str, Any]:
    weight = torch.from_numpy(np.random.default_rng(1).normal(size=(3, 16 * 20 * 3)).astype(np.float32))
    (tmp_path / "net.py").write_text(
        "from torch import nn\n\ndef build():\n    return nn.Sequential(nn.Flatten(), nn.Linear(960, 3))\n"
    )
    save_file({"1.weight": weight, "1.bias": torch.zeros(3)}, tmp_path / "model.safetensors")
    checkpoint = {"checkpoint": str(tmp_path / "model.safetensors"), "model": f"{tmp_path / 'net.py'}:build"}
    return {"model": [checkpoint], "device": "cpu"}


@pytest.fixture
def plan_of(host: Host, model: Any) -> Callable[..., Plan]:
    """Return a function that plans an evaluation of a set; entries of the configuration are keywords."""

    def call(path: Path, **more: Any) -> Plan:
        return make_plan(parse_config({**model, "data": str(path), **more}), host)

    return call
