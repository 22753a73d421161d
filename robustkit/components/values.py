"""What implementations of components are given and return."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from robustkit.components.degradation import Norm

Status = Literal["ok", "unreliable", "undefined"]


@dataclass(frozen=True, kw_only=True)
class ThreatModel:
    """What an attack may do to an input.

    Attributes:
        norm: the norm that bounds the change of one input.
        eps: the largest norm of the change, in units of the [0, 1] range (L2: of the flattened input).
        low: the smallest value that an input may have.
        high: the largest value that an input may have.
    """

    norm: Norm
    eps: float
    low: float = 0.0
    high: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A number, what it was computed from, and how far it can be trusted.

    Attributes:
        value: the number; None where it is not defined, for example a share of no samples.
        n: how many samples it rests on.
        ci_low: lower end of the 95 % interval, or None where none is defined.
        ci_high: upper end.
        interval: how the interval was made, for captions: `"wilson"`, `"bootstrap"` …
        note: why there is no value, or why it is not to be relied on; empty where nothing is to be said.
        unreliable: whether the value is not to be relied on, for the reason that `note` gives.
        chance: the value that chance alone gives: of unrelated features, of shuffled labels; None where there is none.
        spec: what exactly was computed, as a canonical string: `cka/linear/unbiased/full/pool=mean`; empty where the
            metric's name with its parameters says it all.
    """

    value: float | None
    n: int
    ci_low: float | None = None
    ci_high: float | None = None
    interval: str = ""
    note: str = ""
    unreliable: bool = False
    chance: float | None = None
    spec: str = ""

    @property
    def status(self) -> Status:
        """How far the value can be used: `undefined` where there is none, else `unreliable` or `ok`."""
        return "undefined" if self.value is None else "unreliable" if self.unreliable else "ok"


@dataclass(frozen=True, kw_only=True)
class Edit:
    """One change of a text.

    Attributes:
        start: offset of the first character of the original text that is replaced, in code points.
        end: offset after the last one; equal to `start` for an insertion.
        text: what stands there afterwards; empty for a deletion.
        op: what it is, in one word: `substitute`, `insert`, `delete` …
    """

    start: int
    end: int
    text: str
    op: str


@dataclass(frozen=True, kw_only=True)
class View:
    """What a dataset hands out: perturbations and eps act on this.

    Attributes:
        channels: number of channels.
        height: in pixels.
        width: in pixels.
        resize: the shorter side was resized to this before the crop; None if nothing was resized.
        crop: side of the central crop; None if nothing was cropped.
        interpolation: the filter of the resize; empty if nothing was resized.
    """

    channels: int
    height: int
    width: int
    resize: int | None = None
    crop: int | None = None
    interpolation: str = ""

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, H, W) of one image."""
        return (self.channels, self.height, self.width)
