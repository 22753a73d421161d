"""Multinomial logistic regression on standardised features: convex, in float64, the same at every call."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_STEPS = 2000
_GRADIENT = 1e-7  # at which the optimiser stops
_CONVERGED = 1e-5  # what is accepted where rounding stops it earlier
_FLOAT32 = 1e-7  # relative spread below which float32 features are constant


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


def fit_logistic(
    features: NDArray[np.floating], labels: Ints, classes: int, l2: float, start: LogisticFit | None = None
) -> LogisticFit:
    """Return the minimiser of mean cross-entropy + l2/2 times the squared weights; the bias is free.

    By L-BFGS (Zhu et al. 1997, in scipy) from zero, or from another fit to the same samples.

    Args:
        features: (n, d) finite.
        labels: (n,) below `classes`.
        classes: C, how many there are.
        l2: at least 0, for features of unit variance.
        start: a fit with another `l2`, from which fewer steps are needed.
    """
    from scipy.optimize import minimize

    rows = features.astype(np.float64)
    centre, scale = rows.mean(axis=0), rows.std(axis=0)
    scale[scale <= _FLOAT32 * np.abs(rows).max(axis=0)] = 1.0
    rows -= centre
    rows /= scale
    first = np.zeros((rows.shape[1] + 1) * classes)
    if start is not None:
        first = np.concatenate([start.weight.ravel(), start.bias])
    options = {"maxiter": _STEPS, "maxfun": 2 * _STEPS, "maxcor": 20, "gtol": _GRADIENT, "ftol": 0.0}
    done = minimize(_objective, first, args=(rows, labels, l2), jac=True, method="L-BFGS-B", options=options)
    weight, bias = done.x[:-classes].reshape(-1, classes), done.x[-classes:]
    problem = "the fit did not converge" if np.abs(done.jac).max() > _CONVERGED else ""
    if l2 == 0 and _separates(rows @ weight + bias, labels):
        problem = "the training samples are separable, so that without l2 the fit has no end"
    return LogisticFit(centre=centre, scale=scale, weight=weight, bias=bias, problem=problem)


def cross_entropy(logits: Floats, labels: Ints) -> float:
    """Return the mean negative log-likelihood of the labels, in nats.

    Args:
        logits: (n, C).
        labels: (n,).
    """
    return float((_log_total(logits) - logits[np.arange(len(labels)), labels]).mean())


def _objective(flat: Floats, rows: Floats, labels: Ints, l2: float) -> tuple[float, Floats]:
    """Return the loss and its gradient, both with respect to weights and biases in one vector."""
    n, d = rows.shape
    classes = len(flat) // (d + 1)
    weight, bias = flat[:-classes].reshape(d, classes), flat[-classes:]
    logits = rows @ weight + bias
    loss = cross_entropy(logits, labels) + l2 / 2 * float(np.square(weight).sum())
    residual = np.exp(logits - _log_total(logits)[:, None])
    residual[np.arange(n), labels] -= 1
    residual /= n
    return loss, np.concatenate([(rows.T @ residual + l2 * weight).ravel(), residual.sum(axis=0)])


def _log_total(logits: Floats) -> Floats:
    top = logits.max(axis=1)
    found: Floats = top + np.log(np.exp(logits - top[:, None]).sum(axis=1))
    return found


def _separates(logits: Floats, labels: Ints) -> bool:
    return bool((logits.argmax(axis=1) == labels).all())
