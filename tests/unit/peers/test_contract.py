"""Every attack of the other libraries that can be chosen keeps the contract, but for what its code rules out."""

from dataclasses import replace
from typing import get_args

import pytest

from robustkit import load_host
from robustkit.testing import ATTACK_CHECKS
from robustkit.testing import attack as kit
from robustkit_peers.params import (
    AutoAttackMember,
    FoolboxL2,
    FoolboxLinf,
    TorchattacksBoth,
    TorchattacksL2,
    TorchattacksLinf,
)

pytestmark = pytest.mark.peers

HOST = load_host()
SHAPE = (3, 16, 16)
"""Square for L2 cannot tile less than 15 pixels."""

# Attacks whose own number of steps takes long; nothing here is about strength.
STEPS = {"steps": 10}
SLOW = (
    "BoundaryAttack",
    "L2CarliniWagnerAttack",
    "L2FMNAttack",
    "LInfFMNAttack",
    "CW",
    "DDNAttack",
    "NewtonFoolAttack",
)
FEW = dict.fromkeys(SLOW, STEPS)
FEW |= {"HopSkipJumpAttack": {"steps": 2}, "Square": {"queries": 200}}

ROWS = [
    *(("foolbox", "linf", {"attack": name, **FEW.get(name, {})}) for name in get_args(FoolboxLinf)),
    *(("foolbox", "l2", {"attack": name, **FEW.get(name, {})}) for name in get_args(FoolboxL2)),
    *(("torchattacks", "linf", {"attack": name, **FEW.get(name, {})})
      for name in (*get_args(TorchattacksLinf), *get_args(TorchattacksBoth))),
    *(("torchattacks", "l2", {"attack": name, **FEW.get(name, {})})
      for name in (*get_args(TorchattacksL2), *get_args(TorchattacksBoth))),
    ("foolbox", "linf", {"attack": "LinfPGD", "steps": 5, "restarts": 3}),
    ("torchattacks", "linf", {"attack": "PGD", "restarts": 3}),
    ("torchattacks", "linf", {"attack": "APGD", "restarts": 3}),
    *(("autoattack", norm, {"attacks": [member], **({"queries": 300} if member == "square" else {})})
      for norm in ("linf", "l2") for member in get_args(AutoAttackMember)),
    ("autoattack", "linf", {"attacks": ["apgd-ce", "apgd-t", "fab-t", "square"], "queries": 40}),
]  # fmt: skip

CANNOT = {
    "check_attack_batch_independence": "the libraries draw for the batch as a whole",
}
COSTS_MORE = "for one forward pass it takes the gradient of every logit"
ITS_WAY = {
    ("check_counts", "fab"): COSTS_MORE,
    ("check_counts", "FAB"): COSTS_MORE,
    ("check_counts", "DeepFool"): COSTS_MORE,
}


def label(row):
    peer, norm, params = row
    what = params.get("attack") or "+".join(params["attacks"])
    return f"{peer}-{what}-{norm}" + ("-restarts" if "restarts" in params else "")


def name_of(params):
    return params.get("attack") or params["attacks"][0]


@pytest.fixture(autouse=True)
def enough_classes(monkeypatch):
    """The targeted losses need four."""
    monkeypatch.setattr(kit, "_CLASSES", 6)


@pytest.mark.parametrize("row", ROWS, ids=label)
def test_it_keeps_the_contract(row):
    peer, norm, params = row
    entry = HOST.catalog.find("attack", f"peers/{peer}")
    declaration = replace(entry.component, norms=(norm,))
    broken = {}
    for check in ATTACK_CHECKS:
        try:
            check(lambda: HOST.build(entry, params), declaration, SHAPE)
        except AssertionError as error:
            broken[check.__name__] = str(error)
    expected = {check for check, name in ITS_WAY if name == name_of(params)}
    assert broken.keys() - set(CANNOT) == expected, broken


def test_what_cannot_hold_is_seen_not_to_hold():
    entry = HOST.catalog.find("attack", "peers/foolbox")
    with pytest.raises(AssertionError, match="reach another loss"):
        kit.check_attack_batch_independence(
            lambda: HOST.build(entry, {"attack": "LinfPGD", "steps": 3}), entry.component, SHAPE
        )
