"""Sums from which the unbiased linear CKA of two feature matrices follows exactly, whatever the batches were.

With the rows x_i and y_i of the matrices X and Y, each minus a fixed pivot, p_i = |x_i|^2 and q_i = |y_i|^2, what is
kept are n, X'X, Y'Y, X'Y and the sums of x, y, p, q, p^2, q^2, p q, p x, q y, q x, p y. All are additive, and all that
is needed to move them to another pivot is among them. HSIC does not depend on the pivot; near the mean digits are kept.

Source: Song et al. (2012), equation 5, written in sums; the reduction is robustkit's.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

Moments = dict[str, NDArray[Any]]
_FLOAT32 = 1e-7  # relative spread below which float32 features are constant


class Undefined(ValueError):  # noqa: N818 - it is a result, not an error
    """The CKA of these samples does not exist; the text says why."""


def measure_moments(first: Tensor, second: Tensor, *, pivot: bool = True) -> Moments:
    """Return the sums of one batch, in float64.

    Args:
        first: (n, d) features, n >= 1.
        second: (n, e) features of the same samples.
        pivot: whether to subtract the batch's mean; without it, digits are lost to a large mean.
    """
    x, y = first.detach().double(), second.detach().double()
    origin_x, origin_y = x.mean(dim=0) * pivot, y.mean(dim=0) * pivot
    x, y = x - origin_x, y - origin_y
    p, q = x.square().sum(dim=1), y.square().sum(dim=1)
    found = {"pivot_x": origin_x, "pivot_y": origin_y, "xx": x.T @ x, "yy": y.T @ y, "xy": x.T @ y}
    found |= {"x": x.sum(dim=0), "y": y.sum(dim=0), "p": p.sum(), "q": q.sum()}
    found |= {"pp": p @ p, "qq": q @ q, "pq": p @ q, "px": p @ x, "qy": q @ y, "qx": q @ x, "py": p @ y}
    return {"n": np.array(float(len(x))), **{name: sums.cpu().numpy() for name, sums in found.items()}}


def add(first: Moments, second: Moments) -> Moments:
    """Return the sums over the samples of both, at the pivot of the first."""
    return _combine(first, second, 1)


def subtract(whole: Moments, part: Moments) -> Moments:
    """Return the sums over the samples of the whole that are not in the part, at the pivot of the whole."""
    return _combine(whole, part, -1)


def unbiased_cka(moments: Moments) -> float:
    """Return the unbiased linear CKA, at most 1 up to noise and possibly below 0.

    Raises:
        Undefined: fewer than 4 samples, or features that do not vary.
    """
    n = float(moments["n"])
    if n < 4:
        raise Undefined(f"{n:.0f} samples, the unbiased estimate needs 4")
    _require_variation(moments)
    mirrored = _mirror(moments)
    cross, first, second = _hsic(moments), _hsic(_twice(moments)), _hsic(_twice(mirrored))
    if first <= 0 or second <= 0:
        raise Undefined(f"a self-similarity of {min(first, second):.3g} from {n:.0f} samples; give more")
    return float(cross / np.sqrt(first * second))


def _hsic(m: Moments) -> float:
    """Return n (n - 3) times the unbiased HSIC; the kernel matrices K and L have their diagonals set to 0."""
    n = float(m["n"])
    trace = np.square(m["xy"]).sum() - m["pq"]
    total_k, total_l = m["x"] @ m["x"] - m["p"], m["y"] @ m["y"] - m["q"]
    chained = m["x"] @ m["xy"] @ m["y"] - m["x"] @ m["qx"] - m["y"] @ m["py"] + m["pq"]
    return float(trace + total_k * total_l / ((n - 1) * (n - 2)) - 2 / (n - 2) * chained)


def _twice(m: Moments) -> Moments:
    """Return the sums for the first features paired with themselves."""
    same = {"y": "x", "q": "p", "xy": "xx", "pq": "pp", "qx": "px", "py": "px"}
    return {**m, **{name: m[source] for name, source in same.items()}}


def _mirror(m: Moments) -> Moments:
    """Return the sums with the two features exchanged."""
    swap = str.maketrans("xypq", "yxqp")
    names = {"pivot_x": "pivot_y", "pivot_y": "pivot_x", "pq": "pq"}
    found = {names.get(name, name.translate(swap)): array for name, array in m.items() if name != "xy"}
    return {**found, "xy": m["xy"].T}


def _combine(first: Moments, second: Moments, sign: int) -> Moments:
    moved = _mirror(_move(_mirror(_move(second, first["pivot_x"])), first["pivot_y"]))
    return {name: array if name.startswith("pivot") else array + sign * moved[name] for name, array in first.items()}


def _move(m: Moments, pivot: NDArray[Any]) -> Moments:
    """Return the same sums with the first features relative to another pivot.

    Exact: x becomes x + t and p becomes p + 2 t.x + t.t, so that each new sum is a polynomial in the old ones.
    """
    t = m["pivot_x"] - pivot
    n, tt, tx = m["n"], t @ t, t @ m["x"]
    p = m["p"] + 2 * tx + n * tt
    return {
        **m,
        "pivot_x": pivot,
        "x": m["x"] + n * t,
        "p": p,
        "xx": m["xx"] + np.outer(m["x"], t) + np.outer(t, m["x"]) + n * np.outer(t, t),
        "xy": m["xy"] + np.outer(t, m["y"]),
        "pp": m["pp"] + 4 * t @ m["xx"] @ t + n * tt**2 + 4 * t @ m["px"] + 2 * tt * m["p"] + 4 * tt * tx,
        "pq": m["pq"] + 2 * t @ m["qx"] + tt * m["q"],
        "px": m["px"] + 2 * m["xx"] @ t + tt * m["x"] + t * p,
        "qx": m["qx"] + t * m["q"],
        "py": m["py"] + 2 * t @ m["xy"] + tt * m["y"],
    }


def _require_variation(m: Moments) -> None:
    for sums, squares, pivot in ((m["x"], m["p"], m["pivot_x"]), (m["y"], m["q"], m["pivot_y"])):
        mean = sums / m["n"]
        spread = squares / m["n"] - mean @ mean
        if spread <= _FLOAT32**2 * np.square(pivot + mean).sum():
            raise Undefined("constant features")
