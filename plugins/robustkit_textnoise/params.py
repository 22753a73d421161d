"""Parameters of the text perturbations. Light: listing components imports this module."""

from __future__ import annotations

from typing import Annotated, Literal

from annotated_types import Ge

from robustkit import params

Layout = Literal["qwerty", "qwertz", "azerty"]


@params
class KeyboardParams:
    """Parameters of `keyboard`. The weights say how often each kind of error is made; only their ratios count."""

    layout: Layout = "qwerty"
    """The keyboard: qwerty (US), qwertz (German) or azerty (French). What has no key there stays as it is."""
    substitution: Annotated[float, Ge(0)] = 5.0
    """Weight of hitting a neighbouring key instead."""
    insertion: Annotated[float, Ge(0)] = 2.0
    """Weight of hitting a neighbouring key as well, before or after."""
    omission: Annotated[float, Ge(0)] = 2.0
    """Weight of leaving the character out."""
    doubling: Annotated[float, Ge(0)] = 1.0
    """Weight of typing the character twice."""
