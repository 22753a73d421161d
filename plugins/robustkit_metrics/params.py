"""Parameters of the metrics that have any. Light: listing components imports this module."""

from __future__ import annotations

from typing import Annotated

from annotated_types import Gt

import robustkit


@robustkit.params
class RobustAccuracyCurveParams:
    """Parameters of `robust-accuracy-curve`."""

    eps: Annotated[float, Gt(0)] | tuple[Annotated[float, Gt(0)], ...] = ()
    """At which eps, up to that of the attack; one or several. None for the quarters of that of the attack."""
