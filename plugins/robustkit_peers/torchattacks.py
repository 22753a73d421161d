"""torchattacks' attacks."""

from __future__ import annotations

from dataclasses import replace
from inspect import signature
from typing import Any, get_args

from torch import Tensor, nn

from robustkit import AttackResult, ConfigError, Keys, ThreatModel
from robustkit_peers.arguments import arguments, defaults, said
from robustkit_peers.guest import CountedModel, run_peer
from robustkit_peers.packages import checked, installed
from robustkit_peers.params import TorchattacksBoth, TorchattacksL2, TorchattacksLinf, TorchattacksParams

_BOTH = get_args(TorchattacksBoth)
_OF_NORM = {"linf": (*get_args(TorchattacksLinf), *_BOTH), "l2": (*get_args(TorchattacksL2), *_BOTH)}
_NORMS = {"linf": "Linf", "l2": "L2"}


def resolve(chosen: TorchattacksParams, threat_model: ThreatModel) -> TorchattacksParams:
    """Return the parameters with the installed version of torchattacks and its own values where nothing is said.

    Raises:
        ConfigError: the attack is for another norm, or has no such parameter.
        RunError: torchattacks is missing, or is another version than the one asked for.
    """
    library, package = installed("torchattacks")
    if chosen.attack not in _OF_NORM[threat_model.norm]:
        raise ConfigError(
            f"torchattacks' {chosen.attack} is not for {threat_model.norm}, which the threat model has",
            f"use one of {', '.join(_OF_NORM[threat_model.norm])}, or another norm",
        )
    attack = getattr(library, chosen.attack)
    arguments(attack, said(chosen))
    values = defaults(attack, threat_model.eps) | said(chosen)
    return replace(chosen, package=checked(package, chosen.package), **values)


class Torchattacks:
    """An attack of torchattacks (Kim 2020), by its own code.

    `CW` and `DeepFool` look for the nearest adversarial point and know no eps; what they find is moved onto the ball.
    torchattacks draws for the batch as a whole from a generator that is seeded from the keys, so that the result
    of a sample depends on its batch.
    """

    def __init__(self, params: TorchattacksParams) -> None:
        self.params = params

    def run(
        self, model: nn.Module, inputs: Tensor, labels: Tensor, threat_model: ThreatModel, keys: Keys
    ) -> AttackResult:
        """Return what torchattacks finds. See `AttackMethod` and `run_peer`."""
        chosen = resolve(self.params, threat_model)
        library, package = installed("torchattacks")

        def peer(counted: CountedModel, points: Tensor, truth: Tensor, seed: int) -> Tensor:
            attack = _make(library, chosen, counted, points, threat_model, seed)
            attack.set_device(points.device)
            found: Tensor = attack(points, truth)
            return found

        return run_peer(f"{package} {chosen.attack}", peer, model, inputs, labels, threat_model, keys)


def _make(
    library: Any,
    chosen: TorchattacksParams,
    counted: CountedModel,
    points: Tensor,
    threat_model: ThreatModel,
    seed: int,
) -> Any:
    attack = getattr(library, chosen.attack)
    takes = signature(attack).parameters
    context = {
        "eps": threat_model.eps,
        "norm": _NORMS[threat_model.norm],
        "seed": seed,
        "n_restarts": chosen.restarts,
        "n_classes": counted.classes(points) if "n_classes" in takes else 0,
    }
    given = {name: value for name, value in context.items() if name in takes}
    made = attack(counted, **given, **arguments(attack, said(chosen)))
    if chosen.restarts > 1 and "n_restarts" not in takes:
        return library.MultiAttack([made] * chosen.restarts)
    return made
