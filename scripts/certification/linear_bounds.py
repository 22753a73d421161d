"""Sound bounds of what a ReLU network returns on a box of inputs, by linear relaxation walked backwards.

Between its bounds l < 0 < u a ReLU lies below the line through (l, 0) and (u, u), and above every line a z with a in
[0, 1]. Where a coefficient of the linear function that is to be bounded is positive, the lower line replaces the ReLU,
elsewhere the upper one; what is left at the inputs is linear, and its minimum on a box is known. The bounds of the
hidden layers are computed in the same way, the first layer's first; units that interval arithmetic already shows to be
on or off need no better ones.

Two choices of the lower lines are computed, and of the bounds the better ones are kept: a = u / (u - l), which makes
this the dual of Wong and Kolter (2018, Provable defenses against adversarial examples via the convex outer adversarial
polytope), and a = 1 if u > -l else 0, which is CROWN-Ada of Zhang et al. (2018, Efficient neural network robustness
certification with general activation functions).

Everything is computed for one input, in the dtype of the network and of the box: give float64.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from affine import Affine
from torch import Tensor

Bounds = tuple[Tensor, Tensor]
"""The lowest and the highest values."""

Slopes = Callable[[Tensor, Tensor], Tensor]
"""From the bounds l < 0 < u of what goes into ReLUs to the slopes of the lines below them."""

ROUNDING = 1e-9
"""By how much bounds are widened for the rounding of float64, some 1e-15 on the network of `wong_kolter.py`."""


def dual_slopes(low: Tensor, high: Tensor) -> Tensor:
    """Return the slopes of lower lines that are parallel to the upper ones (Wong and Kolter)."""
    return high / (high - low)


def adaptive_slopes(low: Tensor, high: Tensor) -> Tensor:
    """Return the slopes, 0 or 1, of lower lines that leave the smaller area below the upper ones (CROWN-Ada)."""
    return (high > -low).to(low.dtype)


SLOPES: tuple[Slopes, ...] = (dual_slopes, adaptive_slopes)


def relu_lines(low: Tensor, high: Tensor, slopes: Slopes) -> tuple[Tensor, Tensor, Tensor]:
    """Return the slope of the line below each ReLU, and slope and height at zero of the line above it.

    Args:
        low: (units,) the lowest values that go in.
        high: the highest.
        slopes: chooses the lower lines.
    """
    known = (low >= 0) | (high <= 0)
    on = (low >= 0).to(low.dtype)
    # Where there is nothing to choose, any l < 0 < u keeps the divisions harmless.
    low, high = torch.where(known, -1.0, low), torch.where(known, 1.0, high)
    above = torch.where(known, on, high / (high - low))
    return torch.where(known, on, slopes(low, high)), above, torch.where(known, 0.0, -above * low)


def minimum(parts: Sequence[Affine], hidden: Sequence[Bounds], box: Bounds, rows: Tensor, slopes: Slopes) -> Tensor:
    """Return (K,) lower bounds of linear functions of what the last part returns.

    Args:
        parts: the network up to there.
        hidden: (units,) each, the bounds of what goes into the ReLUs after each part but the last.
        box: (inputs,) each, flat, the box of the inputs.
        rows: (K, outputs), the linear functions.
        slopes: chooses the lower lines.
    """
    total = rows @ parts[-1].at_zero
    rows = parts[-1].transposed(rows)
    for part, bounds in zip(reversed(parts[:-1]), reversed(hidden), strict=True):
        below, above, height = relu_lines(*bounds, slopes)
        positive, negative = rows.clamp(min=0), rows.clamp(max=0)
        rows = positive * below + negative * above
        total = total + negative @ height + rows @ part.at_zero
        rows = part.transposed(rows)
    return total + rows.clamp(min=0) @ box[0] + rows.clamp(max=0) @ box[1] - ROUNDING


def bound(parts: Sequence[Affine], hidden: Sequence[Bounds], box: Bounds, rows: Tensor) -> Bounds:
    """Return (K,) bounds of linear functions of what the last part returns, the best of all choices of slopes.

    Args:
        parts: the network up to there.
        hidden: as `hidden_bounds` returns them.
        box: (inputs,) each, flat, the box of the inputs.
        rows: (K, outputs), the linear functions.
    """
    both = torch.cat([rows, -rows])
    best = torch.stack([minimum(parts, hidden, box, both, slopes) for slopes in SLOPES]).amax(dim=0)
    low, negative = best.chunk(2)
    return low, -negative


@torch.no_grad()
def hidden_bounds(parts: Sequence[Affine], box: Bounds) -> list[Bounds]:
    """Return (units,) bounds of what goes into the ReLUs after each part but the last, for a box of flat inputs."""
    hidden: list[Bounds] = []
    for end in range(1, len(parts)):
        source = (hidden[-1][0].relu(), hidden[-1][1].relu()) if hidden else box
        low, high = interval(parts[end - 1], source)
        if hidden:  # on the first part, interval arithmetic is exact
            units = ((low < 0) & (high > 0)).nonzero().flatten()
            better = bound(parts[:end], hidden, box, torch.eye(len(low), dtype=low.dtype)[units])
            low[units], high[units] = torch.maximum(low[units], better[0]), torch.minimum(high[units], better[1])
        hidden.append((low, high))
    return hidden


def interval(part: Affine, box: Bounds) -> Bounds:
    """Return (outputs,) bounds of what one part returns, by interval arithmetic."""
    centre, radius = (box[0] + box[1]) / 2, (box[1] - box[0]) / 2
    middle, spread = part(centre), part.absolute(radius) + ROUNDING
    return middle - spread, middle + spread
