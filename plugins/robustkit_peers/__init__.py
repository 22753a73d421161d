"""Attacks of other libraries, run by their own code, to check robustkit's against: `pip install 'robustkit[peers]'`.

Nothing of a library is imported before its attack is used.
"""

from __future__ import annotations

from robustkit import Attack, hookimpl
from robustkit_peers.params import AutoAttackParams, FoolboxParams, TorchattacksParams

robustkit_api = 1

_BATCH = "the result of a sample depends on its batch"


@hookimpl
def robustkit_attacks() -> list[Attack]:
    """Return one attack a library; a parameter chooses among the library's own."""
    return [
        Attack(
            name="autoattack",
            summary="AutoAttack, or some of its members, by the reference code",
            target="robustkit_peers.autoattack:AutoAttack",
            params=AutoAttackParams,
            norms=("linf", "l2"),
            tags=("peer",),
            citation="Croce and Hein (2020), Reliable evaluation of adversarial robustness with an ensemble of diverse "
            "parameter-free attacks",
            caveat=f"computed by the package that the condition names; {_BATCH}",
            resolve="robustkit_peers.autoattack:resolve",
        ),
        Attack(
            name="foolbox",
            summary="an attack of Foolbox, by its own code",
            target="robustkit_peers.foolbox:Foolbox",
            params=FoolboxParams,
            norms=("linf", "l2"),
            tags=("peer",),
            citation="Rauber et al. (2020), Foolbox Native: fast adversarial attacks to benchmark the robustness of "
            "machine learning models",
            caveat=f"computed by Foolbox; {_BATCH}",
            resolve="robustkit_peers.foolbox:resolve",
        ),
        Attack(
            name="torchattacks",
            summary="an attack of torchattacks, by its own code",
            target="robustkit_peers.torchattacks:Torchattacks",
            params=TorchattacksParams,
            norms=("linf", "l2"),
            tags=("peer",),
            citation="Kim (2020), Torchattacks: a PyTorch repository for adversarial attacks",
            caveat=f"computed by torchattacks; {_BATCH}",
            resolve="robustkit_peers.torchattacks:resolve",
        ),
    ]
