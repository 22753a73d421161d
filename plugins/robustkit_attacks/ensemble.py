"""Ensembles: attacks one after another, each on the samples that still stand."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Generic, TypeVar

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

Params = TypeVar("Params")
Member = tuple[str, AttackMethod]


class Ensemble(ABC, Generic[Params]):
    """Attacks in turn, each on the samples that the ones before have left (Croce and Hein 2020)."""

    def __init__(self, params: Params) -> None:
        self.params = params

    @abstractmethod
    def members(self) -> list[Member]:
        """Return names and attacks, in order."""

    def run(
        self, model: nn.Module, inputs: Tensor, labels: Tensor, threat_model: ThreatModel, keys: Keys
    ) -> AttackResult:
        """Return what the members find, each starting from the inputs of the samples that stand, and which found it.

        Whether one stands is asked of the model itself, with one pass more a member: a member's word counts for
        nothing. Where nobody succeeds, a point for which the model has no finite logits is returned, if a member came
        upon one, and otherwise what the first member has found. The loss of a sample is that of the member that found
        its candidate; members raise different losses. Each member draws from a child of the keys
        with its name. See `AttackMethod`.
        """
        oracle, n = Oracle(model, labels), len(inputs)
        candidates, best = inputs.clone(), torch.full((n,), -torch.inf, dtype=torch.float64, device=inputs.device)
        queries, silent = torch.zeros_like(labels), torch.zeros_like(labels, dtype=torch.bool)
        found_by = [""] * n
        rows = torch.arange(n, device=inputs.device)
        for name, member in self.members():
            if len(rows) == 0:
                break
            found = member.run(model, inputs[rows], labels[rows], threat_model, keys.child(name).rows(rows))
            for total, own in ((oracle.forwards, found.forwards), (oracle.backwards, found.backwards)):
                total[rows] += own
            queries[rows] += found.queries
            logits = oracle.logits(rows, found.candidates)
            fooled, mute = oracle.fooled(rows, logits), ~logits.isfinite().all(dim=1)
            queries[rows] += 1
            # Where nobody succeeds, the first member's candidate is as good as any that the model has an answer for.
            taken = fooled | (~silent[rows] & (mute | (best[rows] == -torch.inf)))
            candidates[rows[taken]] = found.candidates[taken]
            best[rows[taken]] = found.best_loss.double()[taken]
            silent[rows[mute]] = True
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


class Standard(Ensemble[StandardParams]):
    """APGD-CE, APGD-T, FAB-T and Square.

    Members, order and defaults are those of AutoAttack's version `standard`; the implementation is robustkit's own.
    """

    def members(self) -> list[Member]:
        """Return the four."""
        steps, targets = self.params.steps, self.params.targets
        return [
            ("apgd-ce", APGD(APGDParams(steps=steps))),
            ("apgd-t", APGDTargeted(APGDTargetedParams(steps=steps, targets=targets))),
            ("fab-t", FAB(FABParams(steps=steps, targets=targets, minimise=False))),
            ("square", Square(SquareParams(queries=self.params.queries))),
        ]


class Rand(Ensemble[RandParams]):
    """APGD-CE and APGD-DLR with averaged gradients, for models that draw random numbers.

    Members, order and defaults are those of AutoAttack's version `rand`; the implementation is robustkit's own.
    """

    def members(self) -> list[Member]:
        """Return the two."""
        steps, eot = self.params.steps, self.params.eot
        return [
            ("apgd-ce", APGD(APGDParams(steps=steps, eot=eot))),
            ("apgd-dlr", APGDDLR(APGDParams(steps=steps, eot=eot))),
        ]
