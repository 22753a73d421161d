"""Checkpoint files: the same bytes each time, and readable by safetensors."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save

from robustkit.training.checkpoint import encode_weights

WEIGHTS = {"b": torch.arange(6).reshape(2, 3), "a.weight": torch.randn(5, generator=torch.Generator().manual_seed(0))}
METADATA = {"robustkit.model": "zoo/mlp", "robustkit.normalize": "none", "ä": "ö", "z": "1", "y": "2"}


def test_equal_weights_give_equal_bytes_whatever_the_order_of_the_metadata() -> None:
    backwards = dict(reversed(METADATA.items()))
    assert len({encode_weights(WEIGHTS, each) for each in (METADATA, backwards) * 20}) == 1


def test_safetensors_own_writer_does_not_do_that() -> None:
    assert len({save(WEIGHTS, metadata=METADATA) for _ in range(40)}) > 1


def test_what_was_written_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    path.write_bytes(encode_weights(WEIGHTS, METADATA))
    with safe_open(path, framework="pt") as file:
        assert file.metadata() == METADATA
        assert all(torch.equal(file.get_tensor(name), WEIGHTS[name]) for name in file.keys())  # noqa: SIM118
        assert set(file.keys()) == set(WEIGHTS)


def test_tensors_that_share_memory_or_are_not_contiguous_are_written(tmp_path: Path) -> None:
    tied = torch.arange(6.0).reshape(2, 3)
    path = tmp_path / "x.safetensors"
    path.write_bytes(encode_weights({"one": tied, "two": tied, "turned": tied.T}, {}))
    with safe_open(path, framework="pt") as file:
        assert file.metadata() is None
        assert torch.equal(file.get_tensor("one"), file.get_tensor("two"))
        assert torch.equal(file.get_tensor("turned"), tied.T)
