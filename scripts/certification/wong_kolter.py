"""The small network of Wong and Kolter (2018) for MNIST and Fashion-MNIST: `--model wong_kolter.py:build`."""

from __future__ import annotations

from torch import nn


def build() -> nn.Sequential:
    """Return the network, untrained: (N, 1, 28, 28) images in [0, 1] to (N, 10) logits."""
    return nn.Sequential(
        nn.Conv2d(1, 16, 4, stride=2, padding=1),
        nn.ReLU(),
        nn.Conv2d(16, 32, 4, stride=2, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(1568, 100),
        nn.ReLU(),
        nn.Linear(100, 10),
    )
