"""Digests of files and of weights."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor


def file_digest(path: Path) -> str:
    """Return the sha256 of a file's bytes, in hexadecimal; of a folder, that of its files' names and digests.

    Files are streamed, never held in memory.
    """
    if path.is_dir():
        files = sorted(each for each in path.rglob("*") if each.is_file())
        listing = "".join(f"{each.relative_to(path).as_posix()} {file_digest(each)}\n" for each in files)
        return hashlib.sha256(listing.encode()).hexdigest()
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def weights_digest(weights: Mapping[str, Tensor]) -> str:
    """Return the sha256 of names, dtypes, shapes and values, in hexadecimal.

    It is the same for the same weights whatever file they came from, in whatever order, on whatever device, and however
    they lie in memory.

    >>> one, two = torch.ones(1), torch.ones(2)
    >>> weights_digest({"b": two, "a": one}) == weights_digest({"a": one, "b": two})
    True
    """
    digest = hashlib.sha256()
    for name in sorted(weights):
        tensor = weights[name].detach().cpu()
        digest.update(f"{name}\0{tensor.dtype}\0{tuple(tensor.shape)}\0".encode())
        # Flat and as bytes: numpy has no bfloat16, and a 0-dim tensor cannot be viewed in another size.
        digest.update(tensor.contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
