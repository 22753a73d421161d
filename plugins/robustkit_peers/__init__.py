"""Attacks of other libraries, run by their own code, to check robustkit's against: `pip install 'robustkit[peers]'`.

Nothing of a library is imported before its attack is used.
"""

from __future__ import annotations

from robustkit import Attack, hookimpl
from robustkit_peers.params import AutoAttackParams, FoolboxParams, TorchattacksParams

robustkit_api = 1


@hookimpl
def robustkit_attacks() -> list[Attack]:
    """Return one attack a library; a parameter chooses among the library's own."""
    return [
        _peer(
            "autoattack",
            "AutoAttack, or some of its members, by the reference code",
            "AutoAttack",
            AutoAttackParams,
            "Croce and Hein (2020), Reliable evaluation of adversarial robustness with an ensemble of diverse "
            "parameter-free attacks",
            by="the package that the condition names",
        ),
        _peer(
            "foolbox",
            "an attack of Foolbox, by its own code",
            "Foolbox",
            FoolboxParams,
            "Rauber et al. (2020), Foolbox Native: fast adversarial attacks to benchmark the robustness of machine "
            "learning models",
            by="Foolbox",
        ),
        _peer(
            "torchattacks",
            "an attack of torchattacks, by its own code",
            "Torchattacks",
            TorchattacksParams,
            "Kim (2020), Torchattacks: a PyTorch repository for adversarial attacks",
            by="torchattacks",
        ),
    ]


def _peer(name: str, summary: str, attack: str, params: type, citation: str, *, by: str) -> Attack:
    return Attack(
        name=name,
        summary=summary,
        target=f"robustkit_peers.{name}:{attack}",
        params=params,
        norms=("linf", "l2"),
        tags=("peer",),
        citation=citation,
        caveat=f"computed by {by}; the result of a sample depends on its batch",
        resolve=f"robustkit_peers.{name}:resolve",
    )
