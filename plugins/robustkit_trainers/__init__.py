"""Training methods, one objective a file."""

from __future__ import annotations

from robustkit import Trainer, hookimpl
from robustkit_trainers.params import FclParams, PgdAtParams, StandardParams

robustkit_api = 1


@hookimpl
def robustkit_trainers() -> list[Trainer]:
    """Return the trainers, the plainest first."""
    return [
        Trainer(
            name="standard",
            summary="cross-entropy on the data as they are",
            target="robustkit_trainers.standard:Standard",
            params=StandardParams,
            modality=None,
            citation="Szegedy et al. (2016), Rethinking the Inception architecture, section 7, for label smoothing",
        ),
        Trainer(
            name="pgd-at",
            summary="adversarial training: cross-entropy on the worst inputs that PGD finds in an Linf ball",
            target="robustkit_trainers.pgd_at:PgdAt",
            params=PgdAtParams,
            tags=("adversarial",),
            citation="Madry et al. (2018), Towards deep learning models resistant to adversarial attacks",
        ),
        Trainer(
            name="fcl",
            summary="feature contrastive learning: ignore noise on features of low utility, notice it on those of high",
            target="robustkit_trainers.fcl:Fcl",
            params=FclParams,
            tags=("contrastive", "contextual"),
            citation="Kim et al. (2021), Balancing robustness and sensitivity using feature contrastive learning",
            caveat="robustkit's formulation, after Kim et al. 2021; not the authors' code: "
            "only that paper's abstract-level definitions are public",
        ),
    ]
