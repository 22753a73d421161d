"""What a model does beside answering: train, differentiate, change itself."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import torch
from torch import nn

from robustkit.engine.trust.sight import Sight
from robustkit.store.checks import Check, judged

_SHOWN = 3
_DIFFERENTIATING = {torch.autograd.grad.__code__, torch.autograd.backward.__code__}


def eval_mode(sight: Sight) -> Check:
    """Return whether every submodule is in evaluation mode, before and after a forward pass."""
    before = _training(sight.model)
    sight.logits()
    after = _training(sight.model)
    found = before or after
    shown = ", ".join(found[:_SHOWN]) + (f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else "")
    advice = (
        f"in training mode{'' if before else ' after a forward pass'}: {shown}. Let train(False) reach them, and no "
        "forward pass call train(): dropout and batch normalisation answer as in training otherwise"
    )
    numbers = {"training_before": len(before), "training_after": len(after)}
    return judged("eval-mode", "fail" if found else "pass", numbers, advice)


def _training(model: nn.Module) -> list[str]:
    return [name or type(model).__name__ for name, module in model.named_modules() if module.training]


def dynamic(sight: Sight) -> Check:
    """Return whether a forward pass differentiates: a defence that adapts to its input, which fools fixed attacks."""
    calls = 0

    def seen(frame: FrameType, event: str, _: Any) -> None:
        nonlocal calls
        calls += event == "call" and frame.f_code in _DIFFERENTIATING

    with _profiled(seen):
        # Without no_grad, which such a model has to get around: it must not fail for another reason.
        sight.model(sight.images[:2])
    advice = (
        "the model optimises while it answers, which standard attacks do not see: attack the whole procedure, and do "
        "not call these numbers robust accuracy"
    )
    return judged("dynamic", "fail" if calls else "pass", {"gradient_calls": calls}, advice)


@contextmanager
def _profiled(seen: Callable[[FrameType, str, Any], None]) -> Iterator[None]:
    before = sys.getprofile()
    sys.setprofile(seen)
    try:
        yield
    finally:
        sys.setprofile(before)


def state_digest(model: nn.Module) -> str:
    """Return a sha256 over the names and bits of all parameters and buffers, those that are not stored among them."""
    digest = hashlib.sha256()
    for name, tensor in sorted([*model.named_parameters(), *model.named_buffers()], key=lambda pair: pair[0]):
        values = tensor.detach().cpu().contiguous()
        digest.update(f"{name} {values.dtype} {tuple(values.shape)}\n".encode())
        digest.update(values.reshape(-1).view(torch.uint8).numpy().tobytes() if values.numel() else b"")
    return digest.hexdigest()


def state(before: str, after: str, earlier: str = "") -> Check:
    """Return whether parameters and buffers are the same after the evaluation as before it.

    Args:
        before: `state_digest` before the evaluation.
        after: the same after it, probes included.
        earlier: what an earlier part of the same run found: the status that is stored, or nothing.
    """
    moved = before != after or earlier == "fail"
    advice = (
        "answering changes the model (batch statistics, counters), so the order of the samples decides its numbers: "
        "put it into evaluation mode, or keep its forward pass free of side effects"
    )
    return judged("state", "fail" if moved else "pass", {"before": before[:12], "after": after[:12]}, advice)
