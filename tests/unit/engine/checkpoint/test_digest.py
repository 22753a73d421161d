"""Digests of files and weights."""

from __future__ import annotations

import doctest
import hashlib

import pytest
import torch

from robustkit.engine.checkpoint import digest, file_digest, weights_digest


def test_the_file_digest_is_sha256(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"abc")
    # FIPS 180-2, appendix B.1: the digest of "abc".
    assert file_digest(path) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_the_weights_digest_is_sha256_of_name_dtype_shape_and_bytes():
    tensor = torch.tensor([[1.0, 2.0]])
    expected = hashlib.sha256(b"w\0torch.float32\0(1, 2)\0" + tensor.numpy().tobytes()).hexdigest()
    assert weights_digest({"w": tensor}) == expected


def test_neither_order_nor_memory_layout_matters():
    tensor = torch.arange(6.0).view(2, 3)
    one = weights_digest({"a": tensor, "b": torch.ones(1)})
    two = weights_digest({"b": torch.ones(1), "a": tensor.t().contiguous().t()})
    assert one == two


@pytest.mark.parametrize(
    "other",
    [
        {"v": torch.zeros(4)},
        {"w": torch.zeros(2, 2)},
        {"w": torch.zeros(4, dtype=torch.int32)},
        {"w": torch.tensor([0.0, 0.0, 0.0, -0.0])},
        {"w": torch.zeros(4), "v": torch.zeros(0)},
    ],
    ids=["name", "shape", "dtype", "value", "one more"],
)
def test_each_of_its_parts_matters(other):
    assert weights_digest({"w": torch.zeros(4)}) != weights_digest(other)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.bool, torch.int64, torch.complex64])
def test_any_dtype_and_no_dimension_are_digested(dtype):
    weights = {"scalar": torch.tensor(1).to(dtype), "empty": torch.zeros(0, 3, dtype=dtype)}
    assert len(weights_digest(weights)) == 64


def test_the_examples_in_the_docstrings_hold():
    assert doctest.testmod(digest).failed == 0
