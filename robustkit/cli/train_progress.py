"""How a training's progress is shown: a bar on a terminal, plain lines elsewhere; always on stderr."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from robustkit.cli.progress import say

if TYPE_CHECKING:
    from robustkit.training.observer import TrainingObserver

PAUSE = 30.0
"""Seconds between two plain lines inside an epoch."""


def make_progress(quiet: bool = False) -> TrainingObserver:
    """Return the observer that suits stderr."""
    if quiet:
        return Quiet()
    return Bar() if sys.stderr is not None and sys.stderr.isatty() else Lines()


def _epoch_line(row: Mapping[str, Any], epochs: int, selected: bool) -> str:
    right, n = row["validation_correct"], row["validation_n"]
    best = ", best so far" if selected else ""
    return f"epoch {row['epoch']}/{epochs}: loss {row['loss']:.4f}, validation {right / n:.4f} ({right}/{n}){best}"


class Quiet:
    """Shows notes only."""

    def noted(self, text: str) -> None:
        """Show a note."""
        say(f"robustkit: note: {text}")

    def started(self, epochs: int, steps: int, done: int) -> None:
        """Show nothing."""

    def stepped(self, epoch: int, step: int, loss: float) -> None:
        """Show nothing."""

    def validated(self, row: Mapping[str, Any], selected: bool) -> None:
        """Show nothing."""

    def finished(self) -> None:
        """Show nothing."""


class Lines(Quiet):
    """One plain line an epoch, and one now and then inside a long one."""

    def started(self, epochs: int, steps: int, done: int) -> None:
        """Show how much there is to do."""
        self._epochs, self._steps, self._said = epochs, steps, time.monotonic()
        reused = f", continuing after step {done}" if done else ""
        say(f"robustkit: {epochs} epoch(s) of {steps} step(s){reused}")

    def stepped(self, epoch: int, step: int, loss: float) -> None:
        """Show a step if nothing was shown for a while."""
        if time.monotonic() - self._said >= PAUSE:
            self._said = time.monotonic()
            say(f"robustkit: epoch {epoch}/{self._epochs}, step {step}/{self._steps}: loss {loss:.4f}")

    def validated(self, row: Mapping[str, Any], selected: bool) -> None:
        """Show an epoch."""
        self._said = time.monotonic()
        say(f"robustkit: {_epoch_line(row, self._epochs, selected)}")


class Bar(Quiet):
    """A progress bar with epoch, loss and the time left, and one line for each epoch that is over."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        self._progress = Progress(
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.description}"),
            console=Console(stderr=True, highlight=False),
            transient=True,
        )

    def started(self, epochs: int, steps: int, done: int) -> None:
        """Show the bar."""
        self._epochs, self._steps = epochs, steps
        self._task = self._progress.add_task("", total=epochs * steps, completed=done)
        self._progress.start()

    def stepped(self, epoch: int, step: int, loss: float) -> None:
        """Advance the bar."""
        text = f"epoch {epoch}/{self._epochs}, step {step}/{self._steps}, loss {loss:.4f}"
        self._progress.update(self._task, advance=1, description=text)

    def validated(self, row: Mapping[str, Any], selected: bool) -> None:
        """Show an epoch."""
        self._progress.console.print(_epoch_line(row, self._epochs, selected), markup=False)

    def finished(self) -> None:
        """Take the bar away."""
        self._progress.stop()
