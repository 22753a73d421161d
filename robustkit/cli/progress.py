"""How a run's progress is shown: a bar on a terminal, plain lines elsewhere; always on stderr."""

from __future__ import annotations

import contextlib
import sys
import time
from collections import defaultdict
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from robustkit.engine.runner import Observer
    from robustkit.engine.task import Committed, Step

EVERY = 10.0
"""Seconds without a line after which plain progress tells how far a chunk is."""


def make_progress(quiet: bool = False) -> Observer:
    """Return the observer that suits stderr."""
    if quiet:
        return Quiet()
    return Bar() if sys.stderr is not None and sys.stderr.isatty() else Lines()


def _label(row: Committed | Step) -> str:
    return f"{row.model} · {row.condition}"


def _short(row: Committed | Step) -> str:
    return f"{row.model} {row.condition.partition(':')[0]}"


def say(text: str) -> None:
    """Write a line to stderr."""
    # Whoever reads the progress may leave; the run goes on.
    with contextlib.suppress(OSError):
        click.echo(text, err=True)


class Quiet:
    """Shows notes and failures only."""

    def noted(self, text: str) -> None:
        """Show a note."""
        say(f"robustkit: note: {text}")

    def started(self, total: int, done: int) -> None:
        """Show nothing."""

    def stepped(self, step: Step) -> None:
        """Show nothing."""

    def committed(self, row: Committed) -> None:
        """Show a failure."""
        if row.error:
            say(f"robustkit: failed: {_label(row)}: {row.error}")
        for metric, error in row.metric_errors.items():
            say(f"robustkit: failed: {_label(row)}: metric {metric}: {error}")

    def finished(self) -> None:
        """Show nothing."""

    def checking(self, model: str) -> None:
        """Show nothing."""


class Lines(Quiet):
    """One plain line a chunk, and for a chunk that takes long, how far it is."""

    def __init__(self) -> None:
        self._total = 0
        self._done = 0
        self._seen: dict[str, list[int]] = defaultdict(lambda: [0, 0])
        self._spoke = time.monotonic()

    def started(self, total: int, done: int) -> None:
        """Show how much there is to do."""
        self._total, self._done = total, done
        reused = f", {done} stored already" if done else ""
        self._say(f"{total} chunk(s){reused}")

    def stepped(self, step: Step) -> None:
        """Show how far a chunk is, if nothing was shown for a while."""
        if time.monotonic() - self._spoke >= EVERY:
            self._say(f"[{self._done}/{self._total}] {_label(step)}: {step.done} of {step.total} samples")

    def committed(self, row: Committed) -> None:
        """Show one chunk and the accuracy so far."""
        super().committed(row)
        if not row.error:
            self._done += 1
            seen = self._seen[row.key]
            seen[0] += row.correct
            seen[1] += row.n
            self._say(f"[{self._done}/{self._total}] {_label(row)}: accuracy {seen[0] / seen[1]:.4f} ({seen[1]})")

    def checking(self, model: str) -> None:
        """Show which model is probed."""
        self._say(f"trust report: probing {model}")

    def _say(self, text: str) -> None:
        self._spoke = time.monotonic()
        say(f"robustkit: {text}")


class Bar(Quiet):
    """A progress bar with the current cell, its running accuracy and the time left."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        self._progress = Progress(
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.description}"),
            console=Console(stderr=True),
            transient=True,
        )
        self._seen: dict[str, list[int]] = defaultdict(lambda: [0, 0])
        self._done = 0
        # Shares of chunks that are not stored yet, by cell: models that share a batch have one each.
        self._begun: dict[str, float] = {}

    def started(self, total: int, done: int) -> None:
        """Show the bar."""
        self._done = done
        self._task = self._progress.add_task("", total=total, completed=done)
        self._progress.start()

    def stepped(self, step: Step) -> None:
        """Advance the bar by a part of a chunk."""
        self._begun[step.key] = step.done / step.total
        self._show(f"{_short(step)} {step.done} of {step.total} samples")

    def committed(self, row: Committed) -> None:
        """Advance the bar."""
        self._begun.pop(row.key, None)
        errors = [row.error] if row.error else [f"metric {name}: {error}" for name, error in row.metric_errors.items()]
        for error in errors:
            self._progress.console.print(f"failed: {_label(row)}: {error}", style="red", markup=False)
        if row.error:
            return
        self._done += 1
        seen = self._seen[row.key]
        seen[0] += row.correct
        seen[1] += row.n
        self._show(f"{_short(row)} accuracy {seen[0] / seen[1]:.3f}")

    def finished(self) -> None:
        """Take the bar away."""
        self._progress.stop()

    def checking(self, model: str) -> None:
        """Show which model is probed."""
        say(f"robustkit: trust report: probing {model}")

    def _show(self, text: str) -> None:
        self._progress.update(self._task, completed=self._done + sum(self._begun.values()), description=text)
