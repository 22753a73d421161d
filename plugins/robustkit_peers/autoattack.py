"""AutoAttack, by the reference code."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from torch import Tensor, nn

from robustkit import AttackResult, ConfigError, Keys, ThreatModel
from robustkit_peers.guest import CountedModel, run_peer
from robustkit_peers.packages import checked, installed
from robustkit_peers.params import AutoAttackParams

MODULES = ("autoattack", "pyautoattack")
"""The authors' repository, which is in no registry, and its repackaging, which is; the first found runs."""

QUERIES = 5000
TARGETS = 9

_NORMS = {"linf": "Linf", "l2": "L2"}
_CLASSES = {"apgd-t": 4, "apgd-dlr": 3}
"""The fewest classes that the loss of a member is defined for."""


def resolve(chosen: AutoAttackParams, threat_model: ThreatModel) -> AutoAttackParams:  # noqa: ARG001 - the hook's form
    """Return the parameters with the package and version that run.

    Raises:
        ConfigError: both a version and members are given, or queries without members.
        RunError: neither package is installed, or another one than was asked for.
    """
    if chosen.attacks and chosen.version:
        raise ConfigError("autoattack takes a version or a list of attacks, got both", "leave out one of them")
    if chosen.queries is not None and "square" not in chosen.attacks:
        raise ConfigError(
            f"queries={chosen.queries} goes with square among attacks only", "for example attacks=[square],queries=1000"
        )
    _, package = installed(*MODULES)
    version = None if chosen.attacks else chosen.version or "standard"
    return replace(chosen, version=version, package=checked(package, chosen.package))


class AutoAttack:
    """AutoAttack (Croce and Hein 2020), or some of its members, by the reference code: the same attacks in its order.

    Of the targeted members, as many target classes are tried as the model has besides the true one, at most 9. What the
    code says about the model (randomised, no logits, zero gradients …) goes to stderr. It draws for the batch as
    a whole from generators that are seeded from the keys, so that the result of a sample depends on its batch.
    """

    def __init__(self, params: AutoAttackParams) -> None:
        self.params = params

    def run(
        self, model: nn.Module, inputs: Tensor, labels: Tensor, threat_model: ThreatModel, keys: Keys
    ) -> AttackResult:
        """Return what AutoAttack finds. See `AttackMethod` and `run_peer`."""
        chosen = resolve(self.params, threat_model)
        library, package = installed(*MODULES)

        def peer(counted: CountedModel, points: Tensor, truth: Tensor, seed: int) -> Tensor:
            attack = _make(library, chosen, counted, points, threat_model, seed)
            _fit(attack, counted.classes(points), package)
            size = {"bs" if library.__name__ == "autoattack" else "batch_size": len(points)}
            with _tracing_kept():
                found = attack.run_standard_evaluation(points, truth, **size)
            # The repackaging returns its predictions too.
            adversarial: Tensor = found[0] if isinstance(found, tuple) else found
            return adversarial

        return run_peer(package, peer, model, inputs, labels, threat_model, keys)


def _make(
    library: Any, chosen: AutoAttackParams, counted: CountedModel, points: Tensor, threat_model: ThreatModel, seed: int
) -> Any:
    common = {"norm": _NORMS[threat_model.norm], "eps": threat_model.eps, "seed": seed, "device": points.device}
    if library.__name__ == "autoattack":
        common["verbose"] = False
    attack = library.AutoAttack(counted, version=chosen.version or "custom", **common)
    if chosen.attacks:
        attack.attacks_to_run = list(chosen.attacks)
        attack.apgd.n_restarts = attack.fab.n_restarts = 1
        attack.square.n_queries = chosen.queries or QUERIES
    return attack


def _fit(attack: Any, classes: int, package: str) -> None:
    """Tell the targeted members how many classes there are.

    Raises:
        ConfigError: a member needs more.
    """
    for member in attack.attacks_to_run:
        needed = _CLASSES.get(member, 2)
        if classes < needed:
            raise ConfigError(
                f"{package}: {member} needs at least {needed} classes, the model has {classes}",
                "name the members that can run, for example attacks=[apgd-ce,fab-t,square]",
            )
    attack.apgd_targeted.n_target_classes = attack.fab.n_target_classes = min(TARGETS, classes - 1)


@contextmanager
def _tracing_kept() -> Iterator[None]:
    """Put a debugger's or a coverage tool's trace function back, which AutoAttack's checks remove."""
    traced = sys.gettrace()
    try:
        yield
    finally:
        sys.settrace(traced)
