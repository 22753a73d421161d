"""The line that baseline models lie on, on a scale on which it is straight, and how far a model lies above it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from robustkit.analysis.statistics.intervals import LEVEL
from robustkit.errors import ConfigError, DataError

Scale = Literal["logit", "probit"]

FEWEST = 8
"""Baselines below which no line is fitted unless asked for: with so few its prediction interval spans most of the scale
(robustkit's choice)."""

LEAST = 3
"""With two points a line has no residuals, and so no interval."""


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """The accuracy under shift that the baselines let expect.

    Attributes:
        value: on the line.
        low: lower end of the 95 % prediction interval: of what a further baseline would have.
        high: upper end.
    """

    value: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class BaselineFit:
    """A least-squares line of transformed accuracy under shift over transformed clean accuracy.

    Attributes:
        scale: how accuracies are transformed.
        slope: of the line, on that scale.
        intercept: of the line, on that scale.
        n: baselines.
        span: the lowest and the highest of their clean accuracies; outside nothing is predicted.
        centre: mean of their transformed clean accuracies.
        spread: sum of squares about it.
        error: residual standard deviation, with n - 2 degrees of freedom.
    """

    scale: Scale
    slope: float
    intercept: float
    n: int
    span: tuple[float, float]
    centre: float
    spread: float
    error: float

    def predict(self, clean: float) -> Prediction | None:
        """Return what the baselines let expect at a clean accuracy, or None outside their range."""
        from scipy.special import stdtrit

        if not self.span[0] <= clean <= self.span[1]:
            return None
        at = float(_forward(self.scale, np.array(clean)))
        line = self.intercept + self.slope * at
        wide = sqrt(1 + 1 / self.n + (at - self.centre) ** 2 / self.spread)
        half = float(stdtrit(self.n - 2, (1 + LEVEL) / 2)) * self.error * wide
        value, low, high = (float(each) for each in _back(self.scale, np.array([line, line - half, line + half])))
        return Prediction(value=value, low=low, high=high)

    def effective_robustness(self, clean: float, shifted: float) -> float | None:
        """Return rho, the accuracy under shift minus what is predicted at the clean accuracy; None outside the range.

        Source: Taori et al. (2020), Measuring robustness to natural distribution shifts in image classification,
        equation 1.
        """
        predicted = self.predict(clean)
        return None if predicted is None else shifted - predicted.value


def fit_baselines(
    clean: Sequence[float], shifted: Sequence[float], *, scale: Scale = "logit", fewest: int = FEWEST
) -> BaselineFit:
    """Return the line through baseline models.

    Args:
        clean: the accuracy of each on clean data, above 0 and below 1.
        shifted: the accuracy of each under shift, above 0 and below 1.
        scale: `logit`, as Taori et al. (2020), or `probit`.
        fewest: how many baselines there must be, at least 3.

    Raises:
        ConfigError: there are fewer.
        DataError: an accuracy is 0 or 1 or outside, or all clean accuracies are equal.

    >>> fit = fit_baselines([0.60, 0.70, 0.75, 0.80], [0.45, 0.57, 0.63, 0.70], fewest=4)
    >>> round(fit.slope, 4), round(fit.intercept, 4), round(fit.effective_robustness(0.78, 0.72), 4)
    (1.0643, -0.6293, 0.0479)
    """
    _check(clean, shifted, max(fewest, LEAST))
    x, y = (_forward(scale, np.array(each, dtype=np.float64)) for each in (clean, shifted))
    centre, n = float(x.mean()), len(x)
    spread = float(np.square(x - centre).sum())
    slope = float((x - centre) @ (y - y.mean())) / spread
    intercept = float(y.mean()) - slope * centre
    error = sqrt(float(np.square(y - intercept - slope * x).sum()) / (n - 2))
    return BaselineFit(
        scale=scale,
        slope=slope,
        intercept=intercept,
        n=n,
        span=(min(clean), max(clean)),
        centre=centre,
        spread=spread,
        error=error,
    )


def _check(clean: Sequence[float], shifted: Sequence[float], fewest: int) -> None:
    if len(clean) != len(shifted):
        raise DataError(
            f"expected two accuracies of each baseline, got {len(clean)} clean and {len(shifted)} under shift",
            "leave out baselines that lack one",
        )
    if len(clean) < fewest:
        raise ConfigError(
            f"effective robustness needs {fewest} baseline models, got {len(clean)}",
            f"name more, or allow fewer (--fewest-baselines, {LEAST} at least): the prediction interval shows the cost",
        )
    outside = next((each for each in (*clean, *shifted) if not 0 < each < 1), None)
    if outside is not None:
        raise DataError(
            f"expected accuracies of baselines above 0 and below 1, got {outside:g}",
            "on these scales 0 and 1 lie at infinity: leave the model out, or evaluate it on more samples",
        )
    if min(clean) == max(clean):
        raise DataError(
            f"all baselines have the clean accuracy {clean[0]:g}, so there is no line", "name more different models"
        )


def _forward(scale: Scale, accuracy: NDArray[np.float64]) -> NDArray[np.float64]:
    from scipy.special import logit, ndtri

    return np.asarray(logit(accuracy) if scale == "logit" else ndtri(accuracy))


def _back(scale: Scale, value: NDArray[np.float64]) -> NDArray[np.float64]:
    from scipy.special import expit, ndtr

    return np.asarray(expit(value) if scale == "logit" else ndtr(value))
