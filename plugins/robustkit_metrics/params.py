"""Parameters of the metrics that have any. Light: listing components imports this module."""

from __future__ import annotations

from typing import Annotated

from annotated_types import Ge, Le

import robustkit


@robustkit.params
class EceParams:
    """Parameters of `ece`."""

    bins: Annotated[int, Ge(1), Le(10_000)] = 15
    """Number of bins of equal width over [0, 1]."""
