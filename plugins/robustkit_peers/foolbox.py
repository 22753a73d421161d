"""Foolbox's attacks."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

from torch import Tensor, nn

from robustkit import AttackResult, ConfigError, Keys, ThreatModel
from robustkit_peers.arguments import arguments, defaults, said
from robustkit_peers.guest import CountedModel, run_peer
from robustkit_peers.packages import checked, installed
from robustkit_peers.params import FoolboxL2, FoolboxLinf, FoolboxParams

_NORMS = dict.fromkeys(get_args(FoolboxLinf), "linf") | dict.fromkeys(get_args(FoolboxL2), "l2")


def resolve(chosen: FoolboxParams, threat_model: ThreatModel) -> FoolboxParams:
    """Return the parameters with the installed version of Foolbox and the values that it has where nothing is said.

    Raises:
        ConfigError: the attack is for another norm, or has no such parameter.
        RunError: Foolbox is missing, or is another version than the one asked for.
    """
    library, package = installed("foolbox")
    norm = _NORMS[chosen.attack]
    if norm != threat_model.norm:
        others = ", ".join(name for name, each in _NORMS.items() if each == threat_model.norm)
        raise ConfigError(
            f"Foolbox's {chosen.attack} is for {norm}, the threat model has {threat_model.norm}",
            f"give norm={norm}, or one of {others}",
        )
    attack = getattr(library.attacks, chosen.attack)
    arguments(attack, said(chosen))
    values = defaults(attack, threat_model.eps) | said(chosen)
    return replace(chosen, package=checked(package, chosen.package), **values)


class Foolbox:
    """An attack of Foolbox (Rauber et al. 2020), by its own code.

    Attacks that look for the nearest adversarial point rather than for one within eps (DeepFool, Carlini-Wagner, FMN,
    DDN, …) count as Foolbox counts them: their point is clipped to the ball. Foolbox draws for the batch as a
    whole from a generator that is seeded from the keys, so that the result of a sample depends on its batch.
    """

    def __init__(self, params: FoolboxParams) -> None:
        self.params = params

    def run(
        self, model: nn.Module, inputs: Tensor, labels: Tensor, threat_model: ThreatModel, keys: Keys
    ) -> AttackResult:
        """Return what Foolbox finds. See `AttackMethod` and `run_peer`."""
        chosen = resolve(self.params, threat_model)
        library, package = installed("foolbox")
        attack = getattr(library.attacks, chosen.attack)
        search = attack(**arguments(attack, said(chosen)))
        if chosen.restarts > 1:
            search = search.repeat(chosen.restarts)

        def peer(counted: CountedModel, points: Tensor, truth: Tensor, seed: int) -> Tensor:  # noqa: ARG001
            bounds = (threat_model.low, threat_model.high)
            wrapped = library.PyTorchModel(counted, bounds=bounds, device=points.device)
            found: Tensor = search(wrapped, points, library.Misclassification(truth), epsilons=threat_model.eps)[1]
            return found

        return run_peer(f"{package} {chosen.attack}", peer, model, inputs, labels, threat_model, keys)
