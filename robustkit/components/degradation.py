"""The declarations of what degrades inputs: perturbations and attacks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from robustkit.components.declaration import Component, Modality, Target

Norm = Literal["linf", "l2"]
Parity = Literal["", "exact", "one-level", "statistical"]


@dataclass(frozen=True, kw_only=True)
class Perturbation(Component):
    """Turns a batch into a degraded batch at a severity, without the model.

    `target(params)` returns an `ImagePerturbation`, or for texts a `TextPerturbation` (see `robustkit.protocols`).

    Attributes:
        modality: what it perturbs.
        severities: the published levels. Floats between 0 and the highest interpolate; 0 is identity.
        stochastic: whether `sample` draws anything. What is not stochastic is evaluated under one seed.
        stream_version: raised only when the random draws change; part of every random key and cell key.
        resolve: `resolve(params, shape) -> params`, or its `"package.module:attribute"`: makes choices that depend
            on the images' (C, H, W) concrete, so that a condition's name says what was really done. May raise a
            `RobustkitError` for what cannot be done with such images, before any work.
        parity: how closely results follow the reference implementation that `citation` names, given its random
            numbers: exact, one-level (off by at most one of 255), statistical, or empty where there is no reference.
    """

    kind: ClassVar[str] = "perturbation"

    modality: Modality = "image"
    severities: tuple[int, ...] = (1, 2, 3, 4, 5)
    stochastic: bool = True
    stream_version: int = 1
    resolve: Target | None = None
    parity: Parity = ""


@dataclass(frozen=True, kw_only=True)
class Attack(Component):
    """Searches, with the model, for the worst input within a threat model.

    `target(params)` returns an `AttackMethod` (see `robustkit.protocols`).

    Attributes:
        modality: what it attacks.
        norms: the norms that its threat model may have; the first is the default.
        needs: what it needs of the model: `{"gradient"}`, or empty for a black-box attack.
        stochastic: whether it draws anything.
        stream_version: as for `Perturbation`.
        resolve: `resolve(params, threat_model) -> params`: makes defaults that depend on eps concrete.
        batches: whether `run` splits its samples into batches of `model.batch_size` itself. Then it is given several
            batches at once and can keep them full while samples drop out.
    """

    kind: ClassVar[str] = "attack"

    modality: Modality = "image"
    norms: tuple[Norm, ...] = ("linf",)
    needs: frozenset[str] = frozenset({"gradient"})
    stochastic: bool = True
    stream_version: int = 1
    resolve: Target | None = None
    batches: bool = False
