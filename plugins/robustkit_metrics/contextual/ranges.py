"""What the parts of the sensitivity metrics can be, and why they may be undefined. Light: listing imports it."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf

RANGES: Mapping[str, tuple[float, float]] = {
    "rank-correlation": (-1.0, 1.0),
    "cosine": (0.0, 1.0),
    "s-low": (0.0, inf),
    "s-high": (0.0, inf),
    "sensitivity-mass": (0.0, 1.0),
    "contrast-ratio": (0.0, inf),
    "weighted-sensitivity": (0.0, inf),
    "loss-aligned-fraction": (0.0, 1.0),
    "rank-correlation-excess": (-2.0, 2.0),
    "norm": (0.0, inf),
    "useful": (0.0, 1.0),
    "jacobian-norm": (0.0, inf),
    "relative": (0.0, inf),
    "worst-case": (0.0, inf),
    "share": (0.0, 1.0),
}
"""The smallest and the largest possible value of each number a sample, and so of its mean."""

AGREEMENT = tuple(RANGES)[:7]
"""What `robustkit.agreement` returns."""

GROUPS = ("head", "medium", "tail")
"""Classes by their frequency."""

_NO_NUMBER = "what the model returns, or its gradient, is not a number"

REASONS: Mapping[str, str] = {
    "norm": _NO_NUMBER,
    "mean": _NO_NUMBER,
    "change": _NO_NUMBER,
    "jacobian-norm": _NO_NUMBER,
    "rank-correlation": "utility or sensitivity is the same for all features",
    "rank-correlation-excess": "utility or sensitivity is the same for all features",
    "cosine": "no feature has utility, or none has sensitivity",
    "s-low": "the representation has the length 0",
    "s-high": "the representation has the length 0",
    "sensitivity-mass": "no feature has sensitivity",
    "contrast-ratio": "the features of least utility have no sensitivity",
    "weighted-sensitivity": "no feature has utility, or none has sensitivity",
    "loss-aligned-fraction": "the loss is flat, or no feature has sensitivity",
    "relative": f"the representation has the length 0, or {_NO_NUMBER}",
    "worst-case": f"the representation has the length 0, or {_NO_NUMBER}",
    "share": f"all features have 0, or {_NO_NUMBER}",
}
"""Why a part is not defined for a sample."""


def kind_of(part: str) -> str:
    """Return what a part is, without the group of classes before it and the feature after it.

    >>> kind_of("head/s-low"), kind_of("share/band-1"), kind_of("tail/share/band-1"), kind_of("cosine")
    ('s-low', 'share', 'share', 'cosine')
    """
    group, _, rest = part.partition("/")
    return (rest if group in GROUPS else part).partition("/")[0]


def bounds_of(*parts: str) -> dict[str, tuple[float | None, float | None]]:
    """Return the bounds of parts, and of the same in each group of classes, as metrics declare them."""
    bounds: dict[str, tuple[float | None, float | None]] = {
        part: (RANGES[part][0], None if RANGES[part][1] == inf else RANGES[part][1]) for part in parts
    }
    return bounds | {f"{group}/{part}": bounds[part] for group in GROUPS for part in parts}
