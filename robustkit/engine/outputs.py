"""From logits to the numbers that are stored for each sample."""

from __future__ import annotations

from functools import lru_cache
from math import prod
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from robustkit.errors import RunError
from robustkit.store.records import NO_PREDICTION


def describe_outputs(logits: Tensor, labels: Tensor, ids: Tensor, *, attacked: bool = False) -> dict[str, NDArray[Any]]:
    """Return the per-sample columns that follow from logits and labels.

    Ties go to the class with the smaller index, on every device. Probabilities are computed in float64.

    Args:
        logits: (N, K), K >= 2.
        labels: (N,) in 0..K-1.
        ids: (N,), for messages.
        attacked: an attack chose the inputs. A sample whose logits are not finite then has the prediction -1, the last
            rank, and NaN in the other columns: it is neither right nor fooled, and the others have their results.

    Raises:
        RunError: a logit is not finite, and no attack has looked for that: the model is broken, or misused.
    """
    finite = torch.isfinite(logits).all(dim=1)
    if bool(finite.all()):
        return _describe(logits, labels)
    if attacked:
        columns = _describe(torch.where(finite.unsqueeze(1), logits, 0.0), labels)
        return _without(columns, ~finite.cpu().numpy(), logits.shape[1])
    bad = ids[~finite]
    raise RunError(
        f"the model returned NaN or infinite logits for {len(bad)} sample(s), first id {int(bad[0])}",
        "look at the checkpoint's weights and the normalisation; with fp16 try --precision fp32",
    )


def _without(columns: dict[str, NDArray[Any]], rows: NDArray[np.bool_], classes: int) -> dict[str, NDArray[Any]]:
    """Return the columns with nothing in some rows."""
    nothing = {"prediction": NO_PREDICTION, "label_rank": classes}
    return {
        name: np.where(rows, nothing.get(name, np.nan), column).astype(column.dtype) for name, column in columns.items()
    }


def _describe(logits: Tensor, labels: Tensor) -> dict[str, NDArray[Any]]:
    wide = logits.double()
    label = labels.unsqueeze(1)
    true = wide.gather(1, label)
    classes = torch.arange(wide.shape[1], device=wide.device)
    beats = (wide > true) | ((wide == true) & (classes < label))
    best = wide.amax(dim=1, keepdim=True)
    log_probability = torch.log_softmax(wide, dim=1)
    probability = log_probability.exp()
    others = wide.scatter(1, label, -torch.inf).amax(dim=1)
    target = torch.zeros_like(wide).scatter(1, label, 1.0)
    columns = {
        "prediction": torch.where(wide == best, classes, wide.shape[1]).amin(dim=1),
        "label_rank": beats.sum(dim=1),
        "confidence": probability.amax(dim=1),
        "nll": -log_probability.gather(1, label).squeeze(1),
        "brier": (probability - target).square().sum(dim=1),
        "margin": true.squeeze(1) - others,
    }
    return {name: column.cpu().numpy() for name, column in columns.items()}


def hash_inputs(inputs: Tensor) -> NDArray[np.int64]:
    """Return one 64-bit hash a sample of the exact bits that the model is given; equal on every device.

    A multilinear hash over integers with fixed odd weights: it shows that two runs saw the same inputs, and is no
    protection against somebody who wants a collision.

    Args:
        inputs: (N, …) uint8 or float32.
    """
    flat = inputs.reshape(len(inputs), prod(inputs.shape[1:]))
    words = flat.to(torch.int64) if flat.dtype == torch.uint8 else flat.contiguous().view(torch.int32).to(torch.int64)
    weights = _weights(flat.shape[1], str(inputs.device))
    # The sum over (word + 1) * weight, with few passes: the words are much larger than the inputs.
    return np.asarray((words.mul_(weights).sum(dim=1) + weights.sum()).cpu().numpy())


@lru_cache(maxsize=4)
def _weights(length: int, device: str) -> Tensor:
    # A fixed key: the hash must be the same in every process, release and machine.
    drawn = np.random.Philox(key=0x726F627573746B6974).random_raw(length) | np.uint64(1)
    return torch.from_numpy(drawn.view(np.int64)).to(device)
