"""Where the time of a run goes: each moment is charged to exactly one section."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any, Literal, get_args

import torch

Section = Literal["plan", "data", "perturbation", "attack", "forward", "metrics", "store", "trust", "results", "other"]
SECTIONS: tuple[Section, ...] = get_args(Section)
"""In the order of a run: what is checked and opened before it, what is done batch by batch, what is made of it."""

_NOTHING = nullcontext()


@dataclass(kw_only=True)
class Spent:
    """What a section has taken.

    Attributes:
        wall_s: seconds that have passed.
        cpu_s: seconds of computing, of all threads of this process.
        samples: that were worked on, each time that they were.
    """

    wall_s: float = 0.0
    cpu_s: float = 0.0
    samples: int = 0


class Timer:
    """Splits wall-clock and CPU time into sections, from its making on; what is in none of them is `other`.

    A section inside another takes its time from it, so that all sections add up to the time that has passed. It times
    its own process only: what other processes compute is there the waiting for them.

    Args:
        device: that computes. A CUDA device is waited for where sections begin and end, since calls return before
            their work is done; a timed run is therefore a little slower there.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._spent: dict[tuple[Section, str], Spent] = defaultdict(Spent)
        self._open = [self._spent["other", ""]]
        self._mark = time.perf_counter(), time.process_time()

    @contextmanager
    def section(self, name: Section, part: str = "", samples: int = 0) -> Iterator[None]:
        """Charge the block to a section.

        Args:
            name: of the section.
            part: of it, such as the name of a perturbation; empty for none.
            samples: that the block works on.
        """
        self._charge()
        spent = self._spent[name, part]
        spent.samples += samples
        self._open.append(spent)
        try:
            yield
        finally:
            self._charge()
            self._open.pop()

    def profile(self, cells: int, samples: int) -> dict[str, Any]:
        """Return what has passed so far, by section and part, as plain values.

        Args:
            cells: that were computed in this time.
            samples: of all these cells together.
        """
        self._charge()
        total = _sum(self._spent.values())
        return {
            "wall_s": total["wall_s"],
            "cpu_s": total["cpu_s"],
            "cells": cells,
            "samples": samples,
            "cells_per_s": _rate(cells, total["wall_s"]),
            "samples_per_s": _rate(samples, total["wall_s"]),
            "sections": {name: self._section(name) for name in SECTIONS},
        }

    def _section(self, name: Section) -> dict[str, Any]:
        found = {part: spent for (section, part), spent in self._spent.items() if section == name}
        parts = {part: _sum([spent]) for part, spent in found.items() if part}
        return {**_sum(found.values()), **({"parts": parts} if parts else {})}

    def _charge(self) -> None:
        """Charge what has passed since the last call to the innermost open section."""
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
        wall, cpu = self._mark
        self._mark = time.perf_counter(), time.process_time()
        self._open[-1].wall_s += self._mark[0] - wall
        self._open[-1].cpu_s += self._mark[1] - cpu


class Untimed:
    """The timer of a run whose time nobody asks for."""

    def section(self, name: Section, part: str = "", samples: int = 0) -> AbstractContextManager[None]:  # noqa: ARG002
        """Do nothing."""
        return _NOTHING


UNTIMED = Untimed()


def _sum(spent: Iterable[Spent]) -> dict[str, Any]:
    each = list(spent)
    return {
        "wall_s": round(sum(one.wall_s for one in each), 6),
        "cpu_s": round(sum(one.cpu_s for one in each), 6),
        "samples": sum(one.samples for one in each),
    }


def _rate(count: int, seconds: float) -> float:
    return round(count / seconds, 6) if seconds else 0.0
