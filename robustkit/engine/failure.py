"""Why a cell has no result, in one line."""

from __future__ import annotations

import traceback
from pathlib import Path

import torch

from robustkit.errors import RobustkitError


def describe_error(error: BaseException) -> str:
    """Return what a user is told about an error of a model, component or metric: what, what to do, or where."""
    text = " ".join(str(error).split())
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return f"out of memory ({text}); try a smaller --batch-size"
    if isinstance(error, RobustkitError):
        return f"{text} ({error.hint})" if error.hint else text
    return f"{type(error).__name__}: {text}{_place(error)}"


def _place(error: BaseException) -> str:
    """Return the file and line that raised, for a reader who wrote them."""
    frames = traceback.extract_tb(error.__traceback__)
    return f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
