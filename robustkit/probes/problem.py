"""What a probe is given, checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from robustkit.errors import ConfigError, DataError


@dataclass(frozen=True, kw_only=True)
class ProbeSettings:
    """How probes are fitted.

    Attributes:
        folds: each sample is classified by a probe that was fitted to the other folds; at least 2.
        l2: weight of the squared weights, for features of unit variance, at least 0; `auto` for the first of 1, 0.1 …
            0.00001 after which the cross-entropy on three inner folds rises, chosen anew without each outer fold.
        seed: of the hash by which samples come into folds.
    """

    folds: int = 5
    l2: float | Literal["auto"] = 0.001
    seed: int = 0

    def __post_init__(self) -> None:
        if self.folds < 2:
            raise ConfigError(f"a probe needs 2 folds or more, got {self.folds}", "say for example folds=5")
        if self.l2 != "auto" and not 0 <= self.l2 < np.inf:
            raise ConfigError(f"expected l2 of 0 or more, got {self.l2}", "say for example l2=0.001, or l2=auto")

    @property
    def spec(self) -> str:
        """What exactly is fitted."""
        return f"logistic/standardised/l2={self.l2}/folds={self.folds}/fold-seed={self.seed}"


def as_features(given: ArrayLike, n: int | None = None, width: int | None = None) -> NDArray[np.floating]:
    """Return (n, d) finite numbers.

    Args:
        given: by the user.
        n: how many rows there must be.
        width: how many columns there must be.

    Raises:
        DataError: they have another shape or number, or are not finite.
    """
    array = np.asarray(given)
    if array.ndim != 2 or 0 in array.shape or array.dtype.kind not in "fiub":
        raise DataError(
            f"features: expected numbers of shape (n, d), got {array.shape} {array.dtype}",
            "pool feature maps to one vector a sample: robustkit.pool_features",
        )
    if array.shape != (n or len(array), width or array.shape[1]):
        raise DataError(
            f"features: expected ({n or 'n'}, {width or 'd'}), as the others of these samples, got {array.shape}",
            "give the same samples in the same order, of the same layer",
        )
    if not np.isfinite(array).all():
        raise DataError("features: expected finite numbers, got NaN or infinity", "leave these samples out")
    return array.astype(np.float64) if array.dtype.kind != "f" else array


def as_labels(given: ArrayLike, n: int) -> NDArray[Any]:
    """Return (n,) whole numbers or names.

    Raises:
        DataError: they are something else.
    """
    return _one_each(given, n, "labels", "iuU", "integers or names")


def as_ids(given: ArrayLike | None, n: int) -> NDArray[np.int64]:
    """Return (n,) distinct ids; the places of the samples where none are given.

    Raises:
        DataError: they are something else.
    """
    if given is None:
        return np.arange(n)
    ids = _one_each(given, n, "ids", "iu", "integers").astype(np.int64)
    if len(np.unique(ids)) < n:
        raise DataError(
            f"expected {n} distinct ids, got {len(np.unique(ids))}",
            "a sample that is there twice would be held out and trained on at once",
        )
    return ids


def _one_each(given: ArrayLike, n: int, what: str, kinds: str, form: str) -> NDArray[Any]:
    array = np.asarray(given)
    if array.shape != (n,) or array.dtype.kind not in kinds:
        raise DataError(
            f"{what}: expected {n} {form}, one a sample, got {array.shape} {array.dtype}",
            "numpy.unique(values, return_inverse=True)[1] makes integers of anything",
        )
    return array
