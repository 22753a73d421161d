"""Who is told how a training goes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol


class TrainingObserver(Protocol):
    """Is told how a training goes; progress bars are made of this."""

    def noted(self, text: str) -> None:
        """Something that the user should know."""
        ...

    def started(self, epochs: int, steps: int, done: int) -> None:
        """There are so many epochs of so many steps each, and `done` steps of all are stored already."""
        ...

    def stepped(self, epoch: int, step: int, loss: float) -> None:
        """A step was taken; epoch and step in the epoch count from 1."""
        ...

    def validated(self, row: Mapping[str, Any], selected: bool) -> None:
        """An epoch is over and stored; its row of the history, and whether it is the best so far."""
        ...

    def finished(self) -> None:
        """Nothing is left to do, or the training was stopped."""
        ...


class Unobserved:
    """The observer of a training that nobody watches."""

    def noted(self, text: str) -> None:
        """Do nothing."""

    def started(self, epochs: int, steps: int, done: int) -> None:
        """Do nothing."""

    def stepped(self, epoch: int, step: int, loss: float) -> None:
        """Do nothing."""

    def validated(self, row: Mapping[str, Any], selected: bool) -> None:
        """Do nothing."""

    def finished(self) -> None:
        """Do nothing."""
