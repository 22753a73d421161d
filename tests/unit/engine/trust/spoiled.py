"""Networks spoiled in known ways, for `--model spoiled.py:NAME`; NAME is `BASE_SPOILING`, with the base's own weights.

The spoilings are those of well-known ways to look robust without being it: each hides, bends or randomises the
gradient, or answers as in training.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from robustkit_zoo.params import SmallCnnParams
from robustkit_zoo.small_cnn import SmallCnn


class Small(SmallCnn):
    """The architecture of the bundled checkpoints."""

    def __init__(self) -> None:
        super().__init__(SmallCnnParams())


class Provable(nn.Sequential):
    """The architecture of locuslab/convex_adversarial for Fashion-MNIST."""

    def __init__(self) -> None:
        super().__init__(
            *(nn.Conv2d(1, 16, 4, stride=2, padding=1), nn.ReLU(), nn.Conv2d(16, 32, 4, stride=2, padding=1)),
            *(nn.ReLU(), nn.Flatten(), nn.Linear(1568, 100), nn.ReLU(), nn.Linear(100, 10)),
        )


class _Block(nn.Module):
    """Two convolutions and a shortcut without parameters (option A of He et al., 2016, section 4.2)."""

    def __init__(self, wide_in: int, wide: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(wide_in, wide, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(wide)
        self.conv2 = nn.Conv2d(wide, wide, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(wide)
        self.stride, self.extra = stride, wide - wide_in

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.bn2(self.conv2(functional.relu(self.bn1(self.conv1(x)))))
        half = self.extra // 2
        return functional.relu(y + functional.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, half, half)))


class Resnet(nn.Module):
    """ResNet-20 for CIFAR-10, from the description in He et al. (2016), section 4.2."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16)
        self.layer1 = nn.Sequential(*(_Block(16, 16, 1) for _ in range(3)))
        self.layer2 = nn.Sequential(_Block(16, 32, 2), _Block(32, 32, 1), _Block(32, 32, 1))
        self.layer3 = nn.Sequential(_Block(32, 64, 2), _Block(64, 64, 1), _Block(64, 64, 1))
        self.linear = nn.Linear(64, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.layer3(self.layer2(self.layer1(functional.relu(self.bn1(self.conv1(x))))))
        return self.linear(x.mean((2, 3)))


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
