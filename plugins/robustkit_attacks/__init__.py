"""Adversarial attacks: searches for the worst input within a threat model."""

from __future__ import annotations

from robustkit import Attack, hookimpl
from robustkit_attacks.params import PGDParams

robustkit_api = 1


@hookimpl
def robustkit_attacks() -> list[Attack]:
    """Return the attacks, the cheapest first."""
    return [
        Attack(
            name="fgsm",
            summary="one signed gradient step of size eps",
            target="robustkit_attacks.fgsm:FGSM",
            citation="Goodfellow, Shlens and Szegedy (2015), Explaining and harnessing adversarial examples",
            stochastic=False,
        ),
        Attack(
            name="pgd",
            summary="projected signed gradient ascent from random starts",
            target="robustkit_attacks.pgd:PGD",
            params=PGDParams,
            citation="Madry et al. (2018), Towards deep learning models resistant to adversarial attacks",
            resolve="robustkit_attacks.params:resolve_step_size",
        ),
    ]
