"""Random keys: every random number is a function of a name and a sample, never of what was drawn before."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from robustkit.engine.philox import Key, sample_words
from robustkit.errors import ConfigError

Bits = Literal[32, 53]

_WIDEST_RANGE = 1 << 32


@dataclass(frozen=True, eq=False)
class Keys:
    """One random key for each sample of a batch.

    A draw depends on the fields below and on the sample's id, not on its batch, on its place in it, or on earlier
    draws: asking twice gives the same numbers. What must be independent asks different children.

    Attributes:
        seed: the run's seed.
        stream: qualified name of the component that draws.
        version: the component's `stream_version`.
        ids: (N,) int64 sample ids. Draws are made on their device.
        replicate: which repetition of the same experiment.
        path: names of the children that led here; set by `child`.

    Example:
        >>> keys = Keys(seed=0, stream="corruptions/gaussian-noise", version=1, ids=torch.tensor([7, 8]))
        >>> bool((keys.normal(3)[1] == keys.rows([1]).normal(3)[0]).all())
        True
    """

    seed: int
    stream: str
    version: int
    ids: Tensor
    replicate: int = 0
    path: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.ids.dtype != torch.int64 or self.ids.ndim != 1:
            got = f"{tuple(self.ids.shape)} {self.ids.dtype}"
            raise ConfigError(f"Keys.ids: expected (N,) torch.int64, got {got}", "pass one integer id for each sample")

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def device(self) -> torch.device:
        """Where draws are made."""
        return self.ids.device

    def child(self, name: str) -> Keys:
        """Return keys whose draws are independent of these and of any other child's."""
        return replace(self, path=(*self.path, name))

    def rows(self, index: Tensor | slice | list[int]) -> Keys:
        """Return the keys of some of the samples.

        Args:
            index: whatever selects rows of a tensor: positions, a mask, a slice.
        """
        return replace(self, ids=self.ids[index])

    def words(self, n: int) -> Tensor:
        """Return (N, n) int64 random words, each with all 64 bits random; the same bits on every device."""
        return sample_words(self._philox_key(), self.ids, n)

    def halves(self, n: int) -> Tensor:
        """Return (N, n) int32, the halves of random words, the lower first; the same bits on every device."""
        return self.words(-(-n // 2)).view(torch.int32)[:, :n]

    def uniform(self, *shape: int, bits: Bits = 53) -> Tensor:
        """Return (N, *shape) float64, uniform in [0, 1); the same bits on every device.

        Args:
            shape: of each sample's numbers.
            bits: the numbers are multiples of 2**-bits. 32 cost half of what 53 do.
        """
        return self._unit(math.prod(shape), bits).reshape(len(self), *shape)

    def normal(self, *shape: int, bits: Bits = 53) -> Tensor:
        """Return (N, *shape) float64, standard normal.

        By Box and Muller (1958). Devices may differ in the last bits, as their logarithms and tangents do.

        Args:
            shape: of each sample's numbers.
            bits: of the uniform numbers behind them. With 53 no number is beyond 8.6, with 32 none beyond 6.7.
        """
        n = math.prod(shape)
        pairs = self._unit(n + n % 2, bits)
        radius, angle = pairs.chunk(2, dim=1)
        # In place: for a large field, half of the time would go into new memory.
        length = _map_("sqrt", _map_("log", 1 - radius).mul_(-2))
        # Sine and cosine from the tangent of half the angle: one function, not two.
        half = _map_("tan", angle.mul_(math.pi))
        square = half.square()
        length.div_(square + 1)
        torch.mul(half, length, out=angle).mul_(2)
        torch.mul(square.neg_().add_(1), length, out=radius)
        return pairs[:, :n].reshape(len(self), *shape)

    def integers(self, low: int, high: int, *shape: int) -> Tensor:
        """Return (N, *shape) int64, uniform in low, …, high - 1; the same on every device.

        The chance of a value is off by less than 2**-53. At most 2**32 different values.
        """
        if not 0 < high - low <= _WIDEST_RANGE:
            raise ConfigError(
                f"Keys.integers: expected 1 to 2**32 values, got low={low}, high={high}", "swap or narrow the bounds"
            )
        return (self.uniform(*shape) * (high - low)).to(torch.int64) + low

    def _unit(self, n: int, bits: Bits) -> Tensor:
        if bits == 53:
            # The upper bits, as many as a float64 holds; the mask undoes the sign that `>>` copies.
            return (self.words(n) >> 11).bitwise_and_((1 << 53) - 1).to(torch.float64).mul_(2.0**-53)
        return self.halves(n).to(torch.float64).add_(2.0**31).mul_(2.0**-32)

    def _philox_key(self) -> Key:
        name = [self.seed, self.stream, self.version, self.replicate, list(self.path)]
        digest = sha256(json.dumps(name, separators=(",", ":")).encode()).digest()
        return int.from_bytes(digest[:8], "little"), int.from_bytes(digest[8:16], "little")


def _map_(name: Literal["log", "sqrt", "tan"], values: Tensor) -> Tensor:
    """Return the function of the values, in place."""
    if values.device.type != "cpu" or torch.backends.cpu.get_cpu_capability() != "AVX512":
        mapped: Tensor = getattr(values, f"{name}_")()
        return mapped
    # numpy has these functions for the widest instructions, and is two to four times as fast there.
    getattr(np, name)(values.numpy(), out=values.numpy())
    return values
