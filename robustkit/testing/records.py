"""Records of cells that no model was evaluated on, for the contract of metrics of records."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from robustkit.components import Metric
from robustkit.engine.outputs import describe_outputs
from robustkit.store.records import RECORD_COLUMNS
from robustkit.testing.watch import make_keys

Records = dict[str, NDArray[Any]]

SAMPLES = 60
_CLASSES = 4
_EPS = 0.1


def make_records(n: int = SAMPLES, *, sure_of: int | None = None) -> Records:
    """Return the columns that the records of every cell have, as they are stored, the same at every call.

    Args:
        n: number of samples; they have 4 classes in turn.
        sure_of: how far from the label the class is of which the model is certain: with 0 it is always right, with 1
            always wrong. None for a model that is right more often than not.
    """
    ids = torch.arange(n)
    labels = ids % _CLASSES
    logits = make_keys("records", n).normal(_CLASSES)
    logits[ids, (labels + (sure_of or 0)) % _CLASSES] += 1 if sure_of is None else 100
    columns = {
        **describe_outputs(logits, labels, ids),
        "id": ids.numpy(),
        "label": labels.numpy(),
        "input_hash": make_keys("inputs", n).words(1)[:, 0].numpy(),
    }
    return {name: columns[name].astype(kind.to_pandas_dtype()) for name, kind in RECORD_COLUMNS.items()}


def make_attacked_records(n: int = SAMPLES, *, sure_of: int | None = None) -> Records:
    """Return the same with the columns of an attack, `eps` and `minimises_norm`, as metrics under an attack see them.

    What is right has held. Of what is wrong, the attack broke every other sample, the first included, and the others
    were wrong before; where the model is always wrong, the attack broke everything.
    """
    records = make_records(n, sure_of=sure_of)
    broken_by, norm = np.full(n, "", dtype=object), np.zeros(n, dtype=np.float32)
    before = _wrong_before(records, sure_of)
    broken = np.setdiff1d(np.flatnonzero(records["prediction"] != records["label"]), before)
    broken_by[before], broken_by[broken] = "clean", "kit/attack"
    norm[broken] = np.linspace(0.01, 1, len(broken)) * _EPS
    counts = {name: np.ones(n, dtype=np.int32) for name in ("queries", "forwards", "backwards")}
    loss = np.zeros(n, dtype=np.float32)
    attack = {"eps": np.full(n, _EPS), "minimises_norm": np.full(n, True)}
    return {**records, "broken_by": broken_by, "norm": norm, "loss": loss, **counts, **attack}


def make_clean_columns(n: int = SAMPLES, *, sure_of: int | None = None) -> Records:
    """Return the columns `clean_…` that go with these records, as metrics with `needs={"records", "clean"}` see them.

    The clean samples are all right, but for those that were wrong before an attack: there nothing has changed.
    """
    records, right = make_records(n, sure_of=sure_of), make_records(n, sure_of=0)
    before = np.isin(np.arange(n), _wrong_before(records, sure_of))
    return {
        f"clean_{name}": np.where(before, column, right[name])
        for name, column in records.items()
        if name not in ("id", "label")
    }


def _wrong_before(records: Records, sure_of: int | None) -> NDArray[np.int64]:
    wrong = np.flatnonzero(records["prediction"] != records["label"])
    return wrong[1::2] if sure_of is None else wrong[:0]


def records_for(declaration: Metric, n: int = SAMPLES, *, sure_of: int | None = None) -> Records:
    """Return records of a cell that the metric is for."""
    records = (make_attacked_records if declaration.on == "attacked" else make_records)(n, sure_of=sure_of)
    return {**records, **(make_clean_columns(n, sure_of=sure_of) if "clean" in declaration.needs else {})}
