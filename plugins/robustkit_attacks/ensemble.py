"""Ensembles: attacks one after another, each on the samples that still stand."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from robustkit import AttackMethod, AttackResult, Keys, ThreatModel
from robustkit_attacks.apgd import APGD, APGDDLR, APGDTargeted
from robustkit_attacks.fab import FAB
from robustkit_attacks.oracle import Oracle
from robustkit_attacks.params import (
    APGDParams,
    APGDTargetedParams,
    FABParams,
    RandParams,
    SquareParams,
    StandardParams,
)
from robustkit_attacks.square import Square

Member = tuple[str, AttackMethod]


class Standard:
    """APGD-CE, APGD-T, FAB-T and Square, each on the samples that the ones before have left (Croce and Hein 2020).

    Members, order and defaults are those of AutoAttack's version `standard`; the implementation is robustkit's own.
    """

    def __init__(self, params: StandardParams) -> None:
        self.params = params

    def run(
        self, model: nn.Module, inputs: Tensor, labels: Tensor, threat_model: ThreatModel, keys: Keys
    ) -> AttackResult:
        """Return the worst inputs found, and by which member. See `AttackMethod`."""
        steps, targets = self.params.steps, self.params.targets
        members: list[Member] = [
            ("apgd-ce", APGD(APGDParams(steps=steps))),
            ("apgd-t", APGDTargeted(APGDTargetedParams(steps=steps, targets=targets))),
            ("fab-t", FAB(FABParams(steps=steps, targets=targets, minimise=False))),
            ("square", Square(SquareParams(queries=self.params.queries))),
        ]
        return run_in_turn(members, model, inputs, labels, threat_model, keys)


class Rand:
    """APGD-CE and APGD-DLR with averaged gradients, for models that draw random numbers (Croce and Hein 2020).

    Members, order and defaults are those of AutoAttack's version `rand`; the implementation is robustkit's own.
    """

    def __init__(self, params: RandParams) -> None:
        self.params = params

    def run(
        self, model: nn.Module, inputs: Tensor, labels: Tensor, threat_model: ThreatModel, keys: Keys
    ) -> AttackResult:
        """Return the worst inputs found, and by which member. See `AttackMethod`."""
        steps, eot = self.params.steps, self.params.eot
        members: list[Member] = [
            ("apgd-ce", APGD(APGDParams(steps=steps, eot=eot))),
            ("apgd-dlr", APGDDLR(APGDParams(steps=steps, eot=eot))),
        ]
        return run_in_turn(members, model, inputs, labels, threat_model, keys)


def run_in_turn(
    members: Sequence[Member], model: nn.Module, inputs: Tensor, labels: Tensor, threat_model: ThreatModel, keys: Keys
) -> AttackResult:
    """Return what the members find, each starting from the inputs of the samples that stand.

    Whether one stands is asked of the model itself, with one pass more a member: a member's word counts for nothing.
    The loss of a sample is that of the member that found its candidate; members raise different losses.

    Args:
        members: names and attacks, in order.
        model: as for `AttackMethod`.
        inputs: as for `AttackMethod`.
        labels: as for `AttackMethod`.
        threat_model: as for `AttackMethod`.
        keys: as for `AttackMethod`; each member draws from a child of its name.
    """
    oracle, n = Oracle(model, labels), len(inputs)
    candidates, best = inputs.clone(), torch.full((n,), -torch.inf, dtype=torch.float64, device=inputs.device)
    queries = torch.zeros_like(labels)
    found_by = [""] * n
    rows = torch.arange(n, device=inputs.device)
    for name, member in members:
        if len(rows) == 0:
            break
        found = member.run(model, inputs[rows], labels[rows], threat_model, keys.child(name).rows(rows))
        for total, own in ((oracle.forwards, found.forwards), (oracle.backwards, found.backwards)):
            total[rows] += own
        queries[rows] += found.queries
        fooled = oracle.fooled(rows, oracle.logits(rows, found.candidates))
        queries[rows] += 1
        # Where nobody succeeds, the first member's candidate is as good as any.
        taken = fooled | (best[rows] == -torch.inf)
        candidates[rows[taken]] = found.candidates[taken]
        best[rows[taken]] = found.best_loss.double()[taken]
        for row in rows[fooled].tolist():
            found_by[row] = name
        rows = rows[~fooled]
    return AttackResult(
        candidates=candidates,
        best_loss=best,
        queries=queries,
        forwards=oracle.forwards,
        backwards=oracle.backwards,
        found_by=tuple(found_by),
    )
