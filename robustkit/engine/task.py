"""What travels between a run and whoever computes: tasks, how far they are, and what became of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class Task:
    """What a worker is handed: plain values, so that it can travel.

    Attributes:
        condition: canonical string of what is done to the inputs.
        seed: the root of the random keys.
        chunk: position of the chunk in the run.
        cells: for each model that lacks this chunk, by name, the key of its cell.
    """

    condition: str
    seed: int
    chunk: int
    cells: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Committed:
    """The small row that travels back: what became of one cell's chunk.

    Attributes:
        model: name of the model.
        condition: canonical string.
        seed: the root of the random keys.
        key: of the cell.
        chunk: position of the chunk in the run.
        n: samples stored.
        correct: how many of them were classified correctly.
        error: why nothing was stored; empty if it was.
        details: the traceback of the error.
        metric_errors: by metric, why it could not be measured; its other results stand.
    """

    model: str
    condition: str
    seed: int
    key: str
    chunk: int
    n: int = 0
    correct: int = 0
    error: str = ""
    details: str = ""
    metric_errors: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Step:
    """How far a chunk of one cell is.

    Attributes:
        model: name of the model.
        condition: canonical string.
        key: of the cell.
        done: samples that are computed, and not yet stored.
        total: samples of the chunk.
    """

    model: str
    condition: str
    key: str
    done: int
    total: int
