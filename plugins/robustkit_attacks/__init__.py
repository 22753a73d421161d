"""Adversarial attacks: searches for the worst input within a threat model."""

from __future__ import annotations

from typing import Any

from robustkit import Attack, hookimpl
from robustkit_attacks.params import (
    APGDParams,
    APGDTargetedParams,
    FABParams,
    NoiseParams,
    PGDParams,
    RandParams,
    SquareParams,
    StandardParams,
)

robustkit_api = 1

_CROCE_HEIN = (
    "Croce and Hein (2020), Reliable evaluation of adversarial robustness with an ensemble of diverse parameter-free "
    "attacks"
)
_STYLE = "AutoAttack-style: robustkit's own implementation, which differs in details that docs/attacks.md lists"


def _attack(name: str, summary: str, target: str, citation: str, **facts: Any) -> Attack:
    return Attack(
        name=name,
        summary=summary,
        target=f"robustkit_attacks.{target}",
        citation=citation,
        norms=("linf", "l2"),
        batches=True,
        **facts,
    )


_ATTACKS = (
    _attack(
        "random-noise",
        "random corners of the ball: what noise alone achieves",
        "noise:RandomNoise",
        "robustkit's baseline",
        params=NoiseParams,
        needs=frozenset(),
    ),
    _attack(
        "fgsm",
        "one steepest step of size eps",
        "fgsm:FGSM",
        "Goodfellow, Shlens and Szegedy (2015), Explaining and harnessing adversarial examples",
        stochastic=False,
    ),
    _attack(
        "pgd",
        "projected steepest ascent from random starts",
        "pgd:PGD",
        "Madry et al. (2018), Towards deep learning models resistant to adversarial attacks",
        params=PGDParams,
        resolve="robustkit_attacks.params:resolve_step_size",
    ),
    _attack(
        "apgd-ce",
        "PGD that finds its step size, on the cross-entropy",
        "apgd:APGD",
        _CROCE_HEIN,
        params=APGDParams,
    ),
    _attack(
        "apgd-dlr",
        "APGD on the difference of logits ratio, which scaled logits do not blind",
        "apgd:APGDDLR",
        _CROCE_HEIN,
        params=APGDParams,
    ),
    _attack(
        "apgd-t",
        "APGD towards the likeliest other classes, one after another",
        "apgd:APGDTargeted",
        _CROCE_HEIN,
        params=APGDTargetedParams,
    ),
    _attack(
        "fab-t",
        "minimises the norm of the change, towards the likeliest other classes",
        "fab:FAB",
        "Croce and Hein (2020), Minimally distorted adversarial examples with a fast adaptive boundary attack",
        params=FABParams,
        # The first start is the input itself; only restarts draw.
        stochastic=False,
    ),
    _attack(
        "square",
        "random search with squares, without gradients",
        "square:Square",
        "Andriushchenko et al. (2020), Square Attack: a query-efficient black-box adversarial attack via random search",
        params=SquareParams,
        needs=frozenset(),
    ),
    _attack(
        "standard",
        "APGD-CE, APGD-T, FAB-T and Square on what still stands",
        "ensemble:Standard",
        _CROCE_HEIN,
        params=StandardParams,
        caveat=_STYLE,
    ),
    _attack(
        "rand",
        "APGD-CE and APGD-DLR with averaged gradients, for models that draw random numbers",
        "ensemble:Rand",
        _CROCE_HEIN,
        params=RandParams,
        tags=("eot",),
        caveat=_STYLE,
    ),
)


@hookimpl
def robustkit_attacks() -> list[Attack]:
    """Return the attacks, the cheapest first."""
    return list(_ATTACKS)
