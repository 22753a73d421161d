"""What the attacks can be told."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from annotated_types import Ge, Le

from robustkit import ThreatModel, params


@params
class PGDParams:
    """The parameters of PGD."""

    steps: Annotated[int, Ge(1), Le(100_000)] = 20
    """Gradient steps from each start."""

    restarts: Annotated[int, Ge(1)] = 1
    """Random starts; later ones try only the samples that still stand."""

    step_size: Annotated[float, Ge(0)] | None = None
    """Length of a step in each value, in units of [0, 1]. Left out: 2.5 eps / steps."""


def resolve_step_size(chosen: PGDParams, threat_model: ThreatModel) -> PGDParams:
    """Return the parameters with a concrete step size.

    2.5 eps / steps reaches every point of the ball from any start and leaves room to move along its edge: what Madry
    et al. (2018, section 5) use for their L2 attacks. For Linf it is robustkit's choice.

    >>> resolve_step_size(PGDParams(steps=10), ThreatModel(norm="linf", eps=0.4)).step_size
    0.1
    """
    if chosen.step_size is not None:
        return chosen
    return replace(chosen, step_size=2.5 * threat_model.eps / chosen.steps)
