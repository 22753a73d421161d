"""What the attacks can be told."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Literal

from annotated_types import Ge, Gt, Le

from robustkit import ThreatModel, params

Loss = Literal["ce", "dlr", "margin"]
"""The cross-entropy, the difference of logits ratio, the margin: see `robustkit_attacks.objectives`."""

Steps = Annotated[int, Ge(1), Le(100_000)]
Restarts = Annotated[int, Ge(1)]
Targets = Annotated[int, Ge(1)]


@params
class PGDParams:
    """The parameters of PGD."""

    steps: Steps = 20
    """Gradient steps from each start."""

    restarts: Restarts = 1
    """Random starts; later ones try only the samples that still stand."""

    step_size: Annotated[float, Ge(0)] | None = None
    """Length of a step in the threat model's norm, in units of [0, 1]. Left out: 2.5 eps / steps."""

    loss: Loss = "ce"
    """What is raised: the cross-entropy, the difference of logits ratio, or the margin."""

    targets: Annotated[int, Ge(0)] = 0
    """After each untargeted run, runs towards so many of the likeliest other classes."""


@params
class APGDParams:
    """The parameters of APGD with an untargeted loss."""

    steps: Steps = 100
    """Gradient steps from each start."""

    restarts: Restarts = 1
    """Random starts; later ones try only the samples that still stand."""

    eot: Annotated[int, Ge(1)] = 1
    """Gradients that are averaged in each step: 20 for models that draw random numbers."""


@params
class APGDTargetedParams:
    """The parameters of APGD-T."""

    steps: Steps = 100
    """Gradient steps from each start."""

    restarts: Restarts = 1
    """Random starts for each target; later ones try only the samples that still stand."""

    targets: Targets = 9
    """How many of the likeliest other classes are tried."""


@params
class FABParams:
    """The parameters of FAB-T."""

    steps: Steps = 100
    """Steps from each start."""

    restarts: Restarts = 1
    """Starts. The first is the input; later ones are random, the same under every seed of a run."""

    targets: Targets = 9
    """How many of the likeliest other classes are tried."""

    minimise: bool = True
    """Look for the smallest change to the end. Without it, a sample drops out as soon as it is broken within eps."""


@params
class SquareParams:
    """The parameters of Square."""

    queries: Annotated[int, Ge(1), Le(1_000_000)] = 5000
    """How often the model is asked about each sample, from each start."""

    restarts: Restarts = 1
    """Random starts; later ones try only the samples that still stand."""

    p_init: Annotated[float, Gt(0), Le(1)] = 0.8
    """The share of the pixels that a change covers at first."""


@params
class NoiseParams:
    """The parameters of random noise."""

    draws: Annotated[int, Ge(1), Le(1_000_000)] = 100
    """Random points that are tried for each sample."""


@params
class StandardParams:
    """The parameters of the ensemble `standard`; the defaults are AutoAttack's."""

    steps: Steps = 100
    """Steps of APGD-CE, APGD-T and FAB-T."""

    targets: Targets = 9
    """Classes that APGD-T and FAB-T try."""

    queries: Annotated[int, Ge(1), Le(1_000_000)] = 5000
    """Queries of Square."""


@params
class RandParams:
    """The parameters of the ensemble `rand`; the defaults are AutoAttack's."""

    steps: Steps = 100
    """Steps of APGD-CE and APGD-DLR."""

    eot: Annotated[int, Ge(1)] = 20
    """Gradients that are averaged in each step."""


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
