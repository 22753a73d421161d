"""Parameters of the architectures and datasets. Light: listing components imports this module."""

from __future__ import annotations

from typing import Annotated, Literal

from annotated_types import Ge

import robustkit


@robustkit.params
class CifarResNetParams:
    """Parameters of the CIFAR ResNets."""

    num_classes: Annotated[int, Ge(1)] = 10
    """Number of logits."""
    in_channels: Annotated[int, Ge(1)] = 3
    """Channels of the input."""


@robustkit.params
class SmallCnnParams:
    """Parameters of `small-cnn`."""

    num_classes: Annotated[int, Ge(1)] = 10
    """Number of logits."""
    in_channels: Annotated[int, Ge(1)] = 1
    """Channels of the input."""
    width: Annotated[int, Ge(1)] = 16
    """Channels of the first convolution; the later ones have two and four times as many."""


@robustkit.params
class MlpParams:
    """Parameters of `mlp`."""

    in_shape: tuple[Annotated[int, Ge(1)], Annotated[int, Ge(1)], Annotated[int, Ge(1)]] = (1, 28, 28)
    """(C, H, W) of the input."""
    hidden: tuple[Annotated[int, Ge(1)], ...] = (256, 128)
    """Widths of the hidden layers; none makes a linear classifier."""
    num_classes: Annotated[int, Ge(1)] = 10
    """Number of logits."""


@robustkit.params
class FashionMnistMiniParams:
    """Parameters of `fashion-mnist-mini`."""

    split: Literal["train", "test"] = "test"
    """`train` has 10,000 images, `test` 2,000."""


@robustkit.params
class CharCnnParams:
    """Parameters of `char-cnn`."""

    num_classes: Annotated[int, Ge(1)] = 8
    """Number of logits."""
    max_length: Annotated[int, Ge(1)] = 128
    """How many code points of a text are read."""
    width: Annotated[int, Ge(1)] = 64
    """Channels of the first two convolutions; the third has twice as many."""


@robustkit.params
class DebianSectionsParams:
    """Parameters of `debian-sections`."""

    split: Literal["train", "test"] = "test"
    """`train` has 3,099 texts, `test` 1,338."""
