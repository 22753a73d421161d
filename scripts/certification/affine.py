"""A network as the affine functions between its ReLUs."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from robustkit import DataError

AFFINE = (nn.Conv2d, nn.Linear, nn.Flatten)
WITHOUT_EFFECT = (nn.Identity, nn.Dropout, nn.Dropout2d)
"""In evaluation mode."""


@dataclass(frozen=True)
class Affine:
    """The layers between two ReLUs.

    Attributes:
        layers: from an input of `shape` to the values that go into the next ReLU.
        shape: of one input, without the batch.
        at_zero: (outputs,) flat, what the layers return for zeros.
    """

    layers: Sequence[nn.Module]
    shape: tuple[int, ...]
    at_zero: Tensor

    def __call__(self, inputs: Tensor) -> Tensor:
        """Return the (outputs,) of one flat input."""
        return _chain(self.layers, inputs.reshape(1, *self.shape)).flatten()

    def transposed(self, rows: Tensor) -> Tensor:
        """Return rows @ M, M being the matrix of the linear part: (K, outputs) to (K, inputs)."""

        def function(inputs: Tensor) -> Tensor:
            return _chain(self.layers, inputs)

        outputs, pull, *_ = torch.func.vjp(function, rows.new_zeros(1, *self.shape))
        pulled: Tensor = torch.func.vmap(pull)(rows.reshape(-1, *outputs.shape))[0]
        return pulled.flatten(1)

    def absolute(self, sizes: Tensor) -> Tensor:
        """Return (outputs,) what the linear part makes of (inputs,) sizes at most, whatever the signs are."""
        return _chain([absolute(layer, bias=False) for layer in self.layers], sizes.reshape(1, *self.shape)).flatten()


def absolute(layer: nn.Module, *, bias: bool) -> nn.Module:
    """Return a copy of a layer with the absolute values of its weights and, if wanted, its bias; else without one."""
    layer = copy.deepcopy(layer)
    for name, parameter in layer.named_parameters():
        parameter.data = parameter.data.abs() if bias or name == "weight" else torch.zeros_like(parameter.data)
    return layer


def affine_parts(network: nn.Module, shape: tuple[int, ...]) -> list[Affine]:
    """Return the affine functions between a network's ReLUs; after the last there is none.

    Args:
        network: an `nn.Sequential` of `Conv2d`, `Linear`, `Flatten` and `ReLU`, perhaps nested.
        shape: of one input.

    Raises:
        DataError: another kind of layer, for which no bound is known here.
    """
    parts: list[Affine] = []
    layers: list[nn.Module] = []
    dtype = next((parameter.dtype for parameter in network.parameters()), torch.float64)
    for layer in [*flat(network), None]:
        if layer is not None and not isinstance(layer, nn.ReLU):
            layers.append(layer)
            continue
        with torch.no_grad():
            at_zero = _chain(layers, torch.zeros(1, *shape, dtype=dtype))
        parts.append(Affine(layers, shape, at_zero.flatten()))
        shape, layers = tuple(at_zero.shape[1:]), []
    return parts


def flat(network: nn.Module) -> list[nn.Module]:
    """Return the layers of a chain in their order, without those that do nothing in evaluation mode."""
    if isinstance(network, nn.Sequential):
        return [layer for child in network for layer in flat(child)]
    if isinstance(network, WITHOUT_EFFECT):
        return []
    if not isinstance(network, (*AFFINE, nn.ReLU)):
        raise DataError(
            f"expected a chain of Conv2d, Linear, Flatten and ReLU, got {type(network).__name__}",
            "certify a network that is an nn.Sequential of these",
        )
    return [network]


def _chain(layers: Sequence[nn.Module], inputs: Tensor) -> Tensor:
    for layer in layers:
        inputs = layer(inputs)
    return inputs
