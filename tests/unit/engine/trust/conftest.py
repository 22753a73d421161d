"""Runs and models for the trust report."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from robustkit.engine.seeds import Keys
from robustkit.engine.trust.sight import Sight
from robustkit.evaluation import Evaluation, evaluate
from robustkit_zoo.assets import ASSETS

SPOILED = Path(__file__).with_name("spoiled.py")


@pytest.fixture
def bundled() -> Callable[[str], Path]:
    """Return the path of a bundled checkpoint."""
    return lambda name: ASSETS / "checkpoints" / f"fashion-cnn-{name}-seed0.safetensors"


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., Evaluation]:
    """Evaluate one network of `spoiled.py`; entries of the configuration are keywords."""

    def start(checkpoint: Path, network: str, *, normalize: str = "", observer: Any = None, **settings: Any) -> Any:
        model = {"checkpoint": str(checkpoint), "model": f"{SPOILED}:{network}", "name": network}
        config = {
            "model": [{**model, **({"normalize": normalize} if normalize else {})}],
            "data": "zoo/fashion-mnist-mini",
            "limit": 40,
            "attack": ["pgd:eps=0.1,steps=20"],
            "metric": ["accuracy"],
            "trust_samples": 24,
            "device": "cpu",
            **settings,
        }
        return evaluate(config, out=tmp_path / "run", resume=(tmp_path / "run").exists(), observer=observer)

    return start


class Function(nn.Module):
    """A model that is a function."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, images: Tensor) -> Tensor:
        return self.function(images)


@pytest.fixture
def sight() -> Callable[..., Sight]:
    """Return a model, or a function as one, with random images, each with the label that the model gives it."""

    def look(function: Any, n: int = 8, shape: tuple[int, ...] = (1, 6, 6)) -> Sight:
        model = function if isinstance(function, nn.Module) else Function(function)
        images = torch.rand(n, *shape, generator=torch.Generator().manual_seed(0)) * 0.6 + 0.2
        with torch.no_grad():
            labels = model(images).argmax(dim=1)
        keys = Keys(seed=0, stream="trust", version=1, ids=torch.arange(n))
        return Sight(model=model, images=images, labels=labels, keys=keys, size=4)

    return look


@pytest.fixture
def linear() -> Callable[[Tensor], Tensor]:
    """A linear classifier of 1x6x6 images with 4 classes; `linear.weight` is (4, 36)."""
    weight = torch.randn(4, 36, generator=torch.Generator().manual_seed(1))

    def answer(images: Tensor) -> Tensor:
        return images.flatten(1) @ weight.T

    answer.weight = weight  # type: ignore[attr-defined]
    return answer
