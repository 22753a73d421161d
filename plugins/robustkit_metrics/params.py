"""Parameters of the metrics that have any. Light: listing components imports this module."""

from __future__ import annotations

from typing import Annotated, Literal

from annotated_types import Ge, Gt

import robustkit


@robustkit.params
class RobustAccuracyCurveParams:
    """Parameters of `robust-accuracy-curve`."""

    eps: Annotated[float, Gt(0)] | tuple[Annotated[float, Gt(0)], ...] = ()
    """At which eps, up to that of the attack; one or several. None for the quarters of that of the attack."""


@robustkit.params
class LinearCkaParams:
    """Parameters of `linear-cka`."""

    layers: str | tuple[str, ...] = ()
    """Name or shell-style pattern of layers, or several; none for the network's direct children."""

    channels: Literal["auto", "second", "last"] = "auto"
    """Which dimension of a layer's output its channels are: second, as after convolutions, or last, as in a
    transformer's (N, tokens, channels). auto takes the second, and leaves out three dimensions, which may be either."""

    widest: Annotated[int, Ge(1)] = 1024
    """Layers with more channels are left out: what is kept grows with the square of their number."""
