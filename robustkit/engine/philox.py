"""Philox 4x64-10, the counter-based generator behind every random number of robustkit.

Two routes to the same words: numpy's bit generator on the CPU, and the same function in int64 tensor operations on
other devices. Source: Salmon et al. (2011), "Parallel random numbers: as easy as 1, 2, 3".
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

Key = tuple[int, int]
Block = tuple[Tensor, Tensor, Tensor, Tensor]

_ROUNDS = 10
_MULTIPLIERS = (0xD2E7470EE14C6C93, 0xCA5A826395121157)
_KEY_STEPS = (0x9E3779B97F4A7C15, 0xBB67AE8584CAA73B)
_LOW_32 = 0xFFFFFFFF
_BITS_64 = 0xFFFFFFFFFFFFFFFF


def sample_words(key: Key, ids: Tensor, n: int) -> Tensor:
    """Return (N, n) int64, the first n words of each sample (the bit patterns of uint64).

    Word 4 b + j of sample i is word j of the block whose counter is (b + 1, 0, i, 0). The 1 is numpy's: it steps the
    counter before the first block.

    Args:
        key: two uint64 as integers.
        ids: (N,) int64. The result is on its device, and has the same bits on every device.
        n: how many words for each sample.
    """
    if ids.device.type == "cpu":
        return numpy_words(key, ids, n)
    return tensor_words(key, ids, n)


def numpy_words(key: Key, ids: Tensor, n: int) -> Tensor:
    """Return what `sample_words` does, from `numpy.random.Philox`."""
    generator = np.random.Philox(key=np.array(key, dtype=np.uint64))
    state = generator.state
    words = np.empty((len(ids), n), dtype=np.uint64)
    for row, sample in zip(words, ids.numpy().view(np.uint64), strict=True):
        state["state"]["counter"][:] = (0, 0, sample, 0)
        generator.state = state
        row[:] = generator.random_raw(n)
    return torch.from_numpy(words.view(np.int64))


def tensor_words(key: Key, ids: Tensor, n: int) -> Tensor:
    """Return what `sample_words` does, from tensor operations on the device of `ids`."""
    blocks = torch.arange(1, -(-n // 4) + 1, device=ids.device)
    low, sample = blocks.expand(len(ids), -1), ids[:, None].expand(-1, len(blocks))
    zero = torch.zeros_like(low)
    return torch.stack(philox4x64((low, zero, sample, zero), key), dim=-1).flatten(1)[:, :n]


def philox4x64(counter: Block, key: Key) -> Block:
    """Return one block of four words for each counter.

    Args:
        counter: four int64 tensors of one shape, the bit patterns of uint64; the lowest word first.
        key: two uint64 as integers.
    """
    c0, c1, c2, c3 = counter
    for step in range(_ROUNDS):
        k0, k1 = (_signed(k + step * s) for k, s in zip(key, _KEY_STEPS, strict=True))
        high0, low0 = _multiply(c0, _MULTIPLIERS[0])
        high1, low1 = _multiply(c2, _MULTIPLIERS[1])
        c0, c1, c2, c3 = high1 ^ c1 ^ k0, low1, high0 ^ c3 ^ k1, low0
    return c0, c1, c2, c3


def _multiply(words: Tensor, factor: int) -> tuple[Tensor, Tensor]:
    """Return the high and the low 64 bits of the unsigned products, by halves, as int64 has no wider product."""
    high, low = _upper(words), words & _LOW_32
    factor_high, factor_low = factor >> 32, factor & _LOW_32
    middle = high * factor_low + _upper(low * factor_low)
    cross = low * factor_high + (middle & _LOW_32)
    return high * factor_high + _upper(middle) + _upper(cross), words * _signed(factor)


def _upper(words: Tensor) -> Tensor:
    # `>>` on int64 copies the sign bit; the mask makes it the logical shift of uint64.
    return (words >> 32) & _LOW_32


def _signed(word: int) -> int:
    word &= _BITS_64
    return word - (1 << 64) if word >> 63 else word
