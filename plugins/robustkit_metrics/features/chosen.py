"""A bounded choice of samples that is the same for all batches, models and conditions, and what is kept of them.

A state of chosen samples has `n`, how many there were in all; `chosen/NAME`, arrays with one row a chosen sample, of
which `chosen/lots` says how they were chosen; and `NAME/reason` where there are none of some name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

import robustkit
from robustkit_metrics.features.text import array_text, text_array

State = Mapping[str, NDArray[Any]]

CHOSEN = "chosen/"
_LOTS, _REASON = f"{CHOSEN}lots", "/reason"


def lots(keys: robustkit.Keys, seed: int) -> NDArray[np.int64]:
    """Return (N,) a random number for each sample, by its id alone: the same for all models, conditions and run seeds.

    The samples with the smallest are the chosen ones: a simple random sample, however sorted the data set is.
    """
    own = robustkit.Keys(seed=seed, stream="metrics/samples", version=1, ids=keys.ids)
    return own.words(1)[:, 0].cpu().numpy()


def smallest(lot: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Return the places of the smallest, in their order: equal choices have equal orders.

    >>> smallest(np.array([5, 1, 9, 2]), 3)
    array([1, 3, 0])
    """
    return np.argsort(lot, kind="stable")[:count]


def rows_at(values: Tensor, places: NDArray[np.int64]) -> NDArray[Any]:
    """Return some rows of (N, …) values, in their own precision."""
    found: NDArray[Any] = values.detach()[torch.from_numpy(places).to(values.device)].cpu().numpy()
    return found


def keep_chosen(
    keys: robustkit.Keys, rows: Mapping[str, Tensor], reasons: Mapping[str, str], samples: int, seed: int
) -> dict[str, NDArray[Any]]:
    """Return the state of one batch.

    Args:
        keys: of its samples.
        rows: by name, (N, …) values.
        reasons: by name, why there are none.
        samples: how many samples are kept at most.
        seed: of the choice.
    """
    lot = lots(keys, seed)
    places = smallest(lot, samples)
    kept = {f"{CHOSEN}{name}": rows_at(each, places) for name, each in rows.items()}
    said = {f"{name}{_REASON}": text_array(why) for name, why in reasons.items()}
    return {"n": np.array(len(lot)), _LOTS: lot[places], **kept, **said}


def merge_chosen(states: Sequence[State], samples: int) -> dict[str, NDArray[Any]]:
    """Return the state of all samples together; what else the states hold is left out.

    Of several reasons the first is said; what some batch has no rows of has none.
    """
    reasons = {name: each for state in reversed(states) for name, each in state.items() if name.endswith(_REASON)}
    whole = [name for name in states[0] if name.startswith(CHOSEN) and all(name in each for each in states)]
    kept = smallest(np.concatenate([state[_LOTS] for state in states]), samples)
    together = {name: np.concatenate([state[name] for state in states])[kept] for name in whole}
    return {"n": np.sum([state["n"] for state in states], axis=0), **together, **reasons}


def reason_of(state: State, name: str) -> str:
    """Return why there are no rows of this name; empty where there are."""
    said = state.get(f"{name}{_REASON}")
    return "" if said is None else array_text(said)


def names(state: State, kind: str) -> list[str]:
    """Return what there are rows of this kind (`NAME/KIND`) or reasons of, in this order."""
    rows = [name.removeprefix(CHOSEN).removesuffix(f"/{kind}") for name in state if name.endswith(f"/{kind}")]
    reasons = [name.removesuffix(_REASON) for name in state if name.endswith(_REASON)]
    return list(dict.fromkeys([*rows, *reasons]))
