"""Putting weights into a model: all of them, or none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from robustkit.engine.checkpoint.mismatch import Mismatch
from robustkit.engine.checkpoint.prefix import strip_prefixes
from robustkit.errors import DataError
from robustkit.protocols import LoadedCheckpoint

_COUNTER = "num_batches_tracked"  # BatchNorm has it since torch 0.4.1; evaluation does not read it
_AVERAGED_MODEL = "n_averaged"  # torch.optim.swa_utils.AveragedModel counts its updates here


@dataclass(frozen=True)
class FitReport:
    """How a checkpoint was fitted to a model.

    Attributes:
        stripped: prefixes taken off the names, outermost first.
        n_parameters: how many numbers the model's parameters hold.
        ignored: names that were in only one of the two and do not matter.
        notes: what the user should know, one line each.
    """

    stripped: tuple[str, ...]
    n_parameters: int
    ignored: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def load_into(model: nn.Module, checkpoint: LoadedCheckpoint) -> FitReport:
    """Load a checkpoint's weights into `model` and return how they fitted.

    Loading is strict: names and shapes must agree. Two differences are tolerated and reported: a missing
    `num_batches_tracked` (older checkpoints) and a surplus `n_averaged` (averaged weights).

    Args:
        model: changed in place, and only if everything fits; may be on any device.
        checkpoint: as opened.

    Raises:
        DataError: names or shapes differ; the message counts them, shows the first, and guesses the reason.
    """
    expected = {name: value for name, value in model.state_dict().items() if isinstance(value, Tensor)}
    weights, stripped = strip_prefixes(checkpoint.weights, expected)
    averaged = _AVERAGED_MODEL in weights and _AVERAGED_MODEL not in expected
    if averaged:
        del weights[_AVERAGED_MODEL]
    counters = tuple(name for name in expected if name.endswith(_COUNTER) and name not in weights)
    mismatch = Mismatch.between(weights, {name: value for name, value in expected.items() if name not in counters})
    if mismatch:
        raise DataError(f"the checkpoint does not fit {type(model).__name__}: {mismatch.describe()}", mismatch.hint())
    notes = _notes(weights, expected)
    if averaged:
        notes = ("the weights are a running average (AveragedModel)", *notes)
    _load(model, weights)
    return FitReport(
        stripped=stripped,
        n_parameters=sum(parameter.numel() for parameter in model.parameters()),
        ignored=(*counters, *([_AVERAGED_MODEL] if averaged else [])),
        notes=notes,
    )


def _load(model: nn.Module, weights: Mapping[str, Tensor]) -> None:
    try:
        # Names and shapes are checked already; torch's own strictness would count the tolerated differences.
        model.load_state_dict(dict(weights), strict=False)
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:200]
        raise DataError(f"{type(model).__name__} refuses the checkpoint: {reason}", "check --model") from error


def _notes(weights: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> tuple[str, ...]:
    notes = []
    broken = [name for name, tensor in weights.items() if not _is_finite(tensor)]
    if broken:
        listed = ", ".join(broken[:3]) + (" …" if len(broken) > 3 else "")
        notes.append(f"{len(broken)} of {len(weights)} tensors hold NaN or infinite values: {listed}")
    casts = {(tensor.dtype, expected[name].dtype) for name, tensor in weights.items()}
    for stored, used in sorted((cast for cast in casts if cast[0] != cast[1]), key=str):
        notes.append(f"weights stored as {stored} were converted to {used}".replace("torch.", ""))
    return tuple(notes)


def _is_finite(tensor: Tensor) -> bool:
    return not tensor.is_floating_point() or bool(torch.isfinite(tensor).all())
