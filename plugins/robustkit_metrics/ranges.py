"""What the parts of the sensitivity metrics can be. Light: listing components imports this module."""

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
}
"""The smallest and the largest possible value of each number a sample, and so of its mean."""

PART_BOUNDS = {part: (low, None if high == inf else high) for part, (low, high) in RANGES.items()}
"""The same as metrics declare it."""
