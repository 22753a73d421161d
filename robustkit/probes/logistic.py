"""Multinomial logistic regression on standardised features: convex, in float64, the same at every call."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from robustkit.probes.folds import Ints

Floats = NDArray[np.float64]

_STEPS = 200
_GRADIENT = 1e-7  # at which the optimiser stops
_CONVERGED = 1e-5  # what is accepted where rounding stops it earlier
_FLOAT32 = 1e-7  # relative spread below which float32 features are constant
_RANK = 1e-10  # curvatures below this share of the largest are taken as this
_WIDEST = 1024  # features whose principal axes are computed
_CURVATURE = 0.1  # of the loss, in units of a variance: p (1 - p) of an undecided classifier of some classes


@dataclass(frozen=True, kw_only=True, eq=False)
class LogisticFit:
    """A fitted linear classifier of d features into C classes.

    Attributes:
        centre: (d,) mean of the training samples.
        scale: (d,) their standard deviation; 1 where they do not vary.
        weight: (d, C) for standardised features.
        bias: (C,).
        problem: why it is not to be relied on; empty where it is.
    """

    centre: Floats
    scale: Floats
    weight: Floats
    bias: Floats
    problem: str

    def logits(self, features: NDArray[np.floating]) -> Floats:
        """Return (n, C) for (n, d) features."""
        found: Floats = ((features - self.centre) / self.scale) @ self.weight + self.bias
        return found


@dataclass(frozen=True, kw_only=True, eq=False)
class Standardised:
    """Training features with mean 0 and variance 1.

    Attributes:
        rows: (n, d).
        centre: (d,) what was subtracted.
        scale: (d,) what was divided by; 1 where features do not vary.
        variances: (d,) along the principal axes, or (d,) ones.
        axes: (d, d) the principal axes; None where they would cost more than they save.
    """

    rows: Floats
    centre: Floats
    scale: Floats
    variances: Floats
    axes: Floats | None


def standardise(features: NDArray[np.floating]) -> Standardised:
    """Return (n, d) finite features, standardised."""
    # In units of powers of two, which are exact, squares neither overflow nor vanish.
    rows, units = in_units(features, axis=0)
    centre, scale = rows.mean(axis=0), rows.std(axis=0)
    scale[scale <= _FLOAT32 * np.abs(rows).max(axis=0)] = 1.0
    rows -= centre
    rows /= scale
    centre, scale = np.ldexp(centre, units), np.ldexp(scale, units)
    n, d = rows.shape
    if d > min(n, _WIDEST):
        return Standardised(rows=rows, centre=centre, scale=scale, variances=np.ones(d), axes=None)
    variances, axes = np.linalg.eigh(rows.T @ rows / n)
    return Standardised(rows=rows, centre=centre, scale=scale, variances=variances, axes=axes)


def in_units(features: NDArray[np.floating], axis: int | None) -> tuple[Floats, NDArray[np.intc]]:
    """Return the features times a power of two, so that the largest of each column, or of all, is of 0.5 to 1.

    Args:
        features: (n, d) finite.
        axis: 0 for each column by itself, None for all together.

    Returns:
        The features, and the exponents: (d,), or one.

    >>> rows, exponent = in_units(np.array([[3e200], [-1e200]]), axis=None)
    >>> rows.round(3).tolist(), np.ldexp(rows, exponent).tolist()
    ([[0.98], [-0.327]], [[3e+200], [-1e+200]])
    """
    rows = features.astype(np.float64)
    exponents = np.frexp(np.abs(rows).max(axis=axis))[1]
    return np.ldexp(rows, -exponents), exponents


def fit_logistic(given: Standardised, labels: Ints, classes: int, l2: float) -> LogisticFit:
    """Return the minimiser of mean cross-entropy + l2/2 times the squared weights; the bias is free.

    By Newton's method with conjugate gradients in a trust region (Steihaug 1983, in scipy) from zero. Its parameters
    are weights along principal axes, in units in which the loss of an undecided classifier is equally curved along all.

    Args:
        given: training features.
        labels: (n,) below `classes`.
        classes: C, how many there are.
        l2: at least 0.
    """
    from scipy.optimize import minimize

    curved = _CURVATURE * given.variances + l2
    unit = 1 / np.sqrt(np.maximum(curved, _RANK * curved.max()))
    turned = given.rows if given.axes is None else given.rows @ given.axes
    loss = _Loss(turned * unit, labels, classes, l2 * np.square(unit))
    start, options = np.zeros((len(unit) + 1) * classes), {"maxiter": _STEPS, "gtol": _GRADIENT}
    done = minimize(loss.value, start, jac=loss.slope, hessp=loss.bend, method="trust-ncg", options=options)
    weight, bias = loss.split(done.x)
    weight = unit[:, None] * weight
    if given.axes is not None:
        weight = given.axes @ weight
    problem = "the fit did not converge" if np.abs(done.jac).max() > _CONVERGED else ""
    if l2 == 0 and _separates(given.rows @ weight + bias, labels):
        problem = "the training samples are separable, so that without l2 the fit has no end"
    return LogisticFit(centre=given.centre, scale=given.scale, weight=weight, bias=bias, problem=problem)


def cross_entropy(logits: Floats, labels: Ints) -> float:
    """Return the mean negative log-likelihood of the labels, in nats.

    Args:
        logits: (n, C).
        labels: (n,).
    """
    return float((_log_total(logits) - logits[np.arange(len(labels)), labels]).mean())


class _Loss:
    """The loss of weights (k, C) and biases (C,) in one vector.

    Args:
        rows: (n, k).
        labels: (n,).
        classes: C.
        ridge: (k,) penalty of each squared weight.
    """

    def __init__(self, rows: Floats, labels: Ints, classes: int, ridge: Floats) -> None:
        self._rows, self._labels, self._classes, self._ridge = rows, labels, classes, ridge[:, None]
        # Value, slope and bend are asked for at the same place, one after the other.
        self._place: Floats | None = None
        self._logits = self._shares = np.empty((0, 0))

    def split(self, flat: Floats) -> tuple[Floats, Floats]:
        """Return weights and biases."""
        return flat[: -self._classes].reshape(-1, self._classes), flat[-self._classes :]

    def value(self, flat: Floats) -> float:
        """Return the loss."""
        self._move(flat)
        weight, _ = self.split(flat)
        return cross_entropy(self._logits, self._labels) + float((self._ridge * np.square(weight)).sum()) / 2

    def slope(self, flat: Floats) -> Floats:
        """Return its gradient."""
        self._move(flat)
        residual = self._shares.copy()
        residual[np.arange(len(residual)), self._labels] -= 1
        return self._back(residual, flat)

    def bend(self, flat: Floats, along: Floats) -> Floats:
        """Return the product of its second derivatives with a vector."""
        self._move(flat)
        weight, bias = self.split(along)
        moved = self._rows @ weight + bias
        moved -= (self._shares * moved).sum(axis=1, keepdims=True)
        return self._back(self._shares * moved, along)

    def _move(self, flat: Floats) -> None:
        if self._place is not None and np.array_equal(self._place, flat):
            return
        weight, bias = self.split(flat)
        self._place, self._logits = flat.copy(), self._rows @ weight + bias
        self._shares = np.exp(self._logits - _log_total(self._logits)[:, None])

    def _back(self, residual: Floats, flat: Floats) -> Floats:
        weight, _ = self.split(flat)
        n = len(residual)
        inner = self._rows.T @ residual / n + self._ridge * weight
        return np.concatenate([inner.ravel(), residual.sum(axis=0) / n])


def _log_total(logits: Floats) -> Floats:
    top = logits.max(axis=1)
    found: Floats = top + np.log(np.exp(logits - top[:, None]).sum(axis=1))
    return found


def _separates(logits: Floats, labels: Ints) -> bool:
    return bool((logits.argmax(axis=1) == labels).all())
