"""What probes keep of a cell: the rows of a bounded choice of samples, the same for all batches, models and conditions.

A state has `n`, the ids, lots and labels of the chosen samples, and for each name, of a layer for example, either
arrays with one row a sample (`NAME/rows`, `NAME/clean`) or the reason why there are none (`NAME/reason`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

import robustkit

State = dict[str, NDArray[Any]]

_REASON = "/reason"


def collect(
    batch: robustkit.MetricBatch, rows: Mapping[str, Tensor], reasons: Mapping[str, str], samples: int, seed: int
) -> State:
    """Return the state of one batch.

    Args:
        batch: whose labels and ids are kept.
        rows: by `NAME/rows` or `NAME/clean`, (N, d) features.
        reasons: by name, why there are none.
        samples: how many are kept at most.
        seed: of the choice.
    """
    keys = robustkit.Keys(seed=seed, stream="metrics/probes", version=1, ids=batch.keys.ids)
    every = {
        "lots": keys.words(1)[:, 0],
        "ids": batch.keys.ids,
        "labels": batch.labels,
        **{name: each.detach().to(torch.float32) for name, each in rows.items()},
    }
    state = {name: each.cpu().numpy() for name, each in every.items()}
    said = {f"{name}{_REASON}": np.frombuffer(why.encode(), dtype=np.uint8) for name, why in reasons.items()}
    return {"n": np.array(len(batch.labels)), **_chosen(state, samples), **said}


def merge(states: Sequence[robustkit.State], samples: int) -> State:
    """Return the state of all samples together: those with the smallest lots among them, in this order."""
    reasons = {name: each for state in states for name, each in state.items() if name.endswith(_REASON)}
    # What some batch has no rows of has a reason, and its rows are of no use.
    whole = [name for name in states[0] if name not in reasons and name != "n" and all(name in each for each in states)]
    together = {name: np.concatenate([state[name] for state in states]) for name in whole}
    return {"n": np.sum([state["n"] for state in states], axis=0), **_chosen(together, samples), **reasons}


def reason_of(state: robustkit.State, name: str, *kinds: str) -> str:
    """Return why there are no rows of these kinds, or none that can be used; empty where there are."""
    said = state.get(f"{name}{_REASON}")
    if said is not None:
        return said.astype(np.uint8).tobytes().decode()
    if not all(np.isfinite(state[f"{name}/{kind}"]).all() for kind in kinds):
        return "features that are NaN or infinite"
    return ""


def names(state: robustkit.State) -> list[str]:
    """Return what there are rows or reasons of, in this order."""
    found = [name for kind in ("/rows", _REASON) for name in state if name.endswith(kind)]
    return list(dict.fromkeys(name.rpartition("/")[0] for name in found))


def pooled(features: Tensor, channels: Any) -> Tensor:
    """Return (N, d) features, averaged over positions.

    Raises:
        robustkit.DataError: they have no such form; the message is the same for batches of any size.
    """
    # Means of half-precision maps in half precision would lose what single precision keeps.
    whole = features.float() if features.element_size() < 4 else features
    try:
        return robustkit.pool_features(whole, channels)
    except robustkit.DataError as error:
        reason = error.message.replace(f"({len(features)},", "(N,")
        raise robustkit.DataError(f"{reason}; {error.hint}", error.hint) from error


def _chosen(state: State, samples: int) -> State:
    kept = np.argsort(state["lots"], kind="stable")[:samples]
    return {name: each[kept] for name, each in state.items()}
