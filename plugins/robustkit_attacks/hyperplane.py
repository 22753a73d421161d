"""The shortest way from a point to a hyperplane that stays inside the bounds."""

from __future__ import annotations

import torch
from torch import Tensor

from robustkit import ThreatModel

_MOST_ROUNDS = 200
"""Never reached: see `_multiplier`."""

_BLOCK = 2**18
"""How many values are worked on at once: so many stay in a processor's cache, and memory use stays small."""

_CUDA_BLOCK = 2**25


def shortest_changes(points: Tensor, normals: Tensor, rises: Tensor, threat_model: ThreatModel) -> Tensor:
    """Return the changes (k, n, d) of least norm that put points on hyperplanes without leaving the bounds.

    The change of `points[i, j]` makes its product with `normals[j]` grow by `rises[i, j]`. Where no point within the
    bounds does that, it goes as far as the bounds allow; where a normal is 0, nothing changes.

    The best change of a value is `min(m * rate, room)` in the direction that helps, where room is the way to the
    bound, rate is 1 (Linf) or the size of the normal's value (L2), and the multiplier m is the same for all values of
    a point. So only m is to be found.

    >>> plane = torch.tensor([[1.0, -1.0]])
    >>> start = torch.tensor([[[0.75, 0.5]]])
    >>> shortest_changes(start, plane, torch.tensor([[0.625]]), ThreatModel(norm="linf", eps=1.0))
    tensor([[[ 0.2500, -0.3750]]])

    Args:
        points: (k, n, d) float within the bounds, k points for each hyperplane.
        normals: (n, d) of the same dtype, finite.
        rises: (k, n) float64; may be negative.
        threat_model: its norm, `linf` or `l2`, and its bounds.
    """
    block = max(1, (_CUDA_BLOCK if points.is_cuda else _BLOCK) // max(1, points[:, :1].numel()))
    parts = [
        _changes(points[:, rows], normals[rows], rises[:, rows], threat_model)
        for rows in (slice(start, start + block) for start in range(0, len(normals), block))
    ]
    return torch.cat(parts, dim=1) if len(parts) > 1 else parts[0] if parts else torch.zeros_like(points)


def _changes(points: Tensor, normals: Tensor, rises: Tensor, threat_model: ThreatModel) -> Tensor:
    largest = normals.abs().amax(dim=1, keepdim=True)
    # Squares of small gradients vanish, so that normals are scaled first.
    scale = torch.where(largest > 0, largest, 1.0)
    normals, rises = normals / scale, rises / scale.double().squeeze(1)
    ways = _flags(normals * rises.sign().to(normals.dtype)[..., None])
    ways.mul_(threat_model.high - threat_model.low).add_(threat_model.low).sub_(points)
    sizes = normals.abs_()
    if threat_model.norm == "linf":
        # A value that the hyperplane does not depend on stays as it is.
        ways.mul_(_flags(sizes))
    most = _multiplier(ways.abs(), sizes, rises.abs(), threat_model.norm).to(points.dtype)[..., None]
    reach = most if threat_model.norm == "linf" else most * sizes
    return torch.minimum(torch.maximum(ways, -reach), reach)


def _multiplier(rooms: Tensor, sizes: Tensor, rises: Tensor, norm: str) -> Tensor:
    """Return (k, n) float64 the m for which a point's sum over `sizes * min(m * rate, rooms)` is its rise.

    By Newton's method from 0. The sum is concave, increasing and piecewise linear in m, so that every round stops
    before the solution or at it, and the first round that clips no further value has hit it. From round to round the
    product of the slope and of what is missing falls to a quarter or less, which bounds the number of rounds by the
    range of floating-point numbers; three to six are usual.

    Where all the room is not enough, the largest finite number comes back.
    """
    limits, weights = (rooms, sizes) if norm == "linf" else (rooms / sizes, sizes.square())
    full, scratch = rooms * sizes, torch.empty_like(rooms)
    best = torch.zeros_like(rises)
    for _ in range(_MOST_ROUNDS):
        at = best.to(rooms.dtype)[..., None]
        # Flags as numbers: several times as fast on a CPU as to select by a mask.
        slope = torch.gt(limits, at, out=scratch).mul_(weights).sum(dim=2).double()
        missing = rises - torch.le(limits, at, out=scratch).mul_(full).sum(dim=2).double()
        further = torch.where(slope > 0, missing / slope, torch.finfo(rooms.dtype).max).maximum(best)
        if not bool((further > best).any()):
            break
        best = further
    return best


def _flags(values: Tensor) -> Tensor:
    """Return 1 where a value is above 0, and 0 elsewhere, as numbers."""
    return torch.gt(values, 0, out=torch.empty_like(values))
