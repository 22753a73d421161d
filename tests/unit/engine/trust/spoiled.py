"""Networks spoiled in known ways, for `--model spoiled.py:NAME`; NAME is `BASE_SPOILING`, with the base's own weights.

The spoilings are those of well-known ways to look robust without being it: each hides, bends or randomises the
gradient, or answers as in training.
"""

from __future__ import annotations

import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from robustkit_zoo.params import CifarResNetParams, SmallCnnParams
from robustkit_zoo.resnet_cifar import CifarResNet
from robustkit_zoo.small_cnn import SmallCnn

SCRIPTS = Path(__file__).resolve().parents[4] / "scripts"
build_provable = runpy.run_path(str(SCRIPTS / "certification" / "wong_kolter.py"))["build"]


class Small(SmallCnn):
    """The architecture of the bundled checkpoints."""

    def __init__(self) -> None:
        super().__init__(SmallCnnParams())


class Provable(nn.Sequential):
    """The architecture of locuslab/convex_adversarial for Fashion-MNIST."""

    def __init__(self) -> None:
        super().__init__(*build_provable())


class Resnet(CifarResNet):
    """ResNet-20 for CIFAR-10."""

    def __init__(self) -> None:
        super().__init__(3, CifarResNetParams())


BASES: dict[str, type[nn.Module]] = {"small": Small, "provable": Provable, "resnet": Resnet}


def _same(x: torch.Tensor) -> torch.Tensor:
    return x


def _around(before: Callable[..., Any] = _same, after: Callable[..., Any] = _same) -> Callable[[type], dict[str, Any]]:
    return lambda base: {"forward": lambda self, x: after(base.forward(self, before(x)))}


def _quantised(levels: int) -> Any:
    return _around(before=lambda x: torch.round(x * levels) / levels)


def _noisy(sigma: float) -> Any:
    return _around(before=lambda x: x + sigma * torch.randn_like(x))


def _rounded(step: float) -> Any:
    return _around(after=lambda z: torch.round(z / step) * step)


def _stuck_in_training(extra: Callable[[nn.Module, torch.Tensor], torch.Tensor]) -> Any:
    """Return a network that stays in training mode whatever it is told."""

    def build(base: type) -> dict[str, Any]:
        def __init__(self: Any) -> None:
            base.__init__(self)  # type: ignore[misc]
            self.register_buffer("seen", torch.zeros(10), persistent=False)
            self.register_buffer("spread", torch.ones(10), persistent=False)

        return {
            "__init__": __init__,
            "train": lambda self, mode=True: base.train(self, True),
            "forward": lambda self, x: extra(self, base.forward(self, x)),
        }

    return build


def _batch_norm(self: Any, z: torch.Tensor) -> torch.Tensor:
    """Normalise the logits over the batch, and move the running averages, as in training."""
    return functional.batch_norm(z, self.seen, self.spread, training=self.training)


def _dropout(self: Any, z: torch.Tensor) -> torch.Tensor:
    return functional.dropout(z, 0.1, training=self.training)


def _plain_training(_: Any, z: torch.Tensor) -> torch.Tensor:
    return z


SPOILINGS: dict[str, Any] = {
    "plain": _around(),
    "quantised3": _quantised(3),
    "quantised15": _quantised(15),
    "noisy1": _noisy(0.01),
    "noisy10": _noisy(0.1),
    "scaled100": _around(after=lambda z: 100 * z),
    "scaled1000": _around(after=lambda z: 1000 * z),
    "rounded10": _rounded(1.0),
    "rounded1": _rounded(0.1),
    "softmax1": _around(after=lambda z: z.softmax(1)),
    "softmax10": _around(after=lambda z: (10 * z).softmax(1)),
    "training_norm": _stuck_in_training(_batch_norm),
    "training_dropout": _stuck_in_training(_dropout),
    "training": _stuck_in_training(_plain_training),
}


def __getattr__(name: str) -> Callable[[], nn.Module]:
    base, _, spoiling = name.partition("_")
    if base not in BASES or spoiling not in SPOILINGS:
        raise AttributeError(name)
    made = BASES[base]
    return type(name, (made,), SPOILINGS[spoiling](made))
