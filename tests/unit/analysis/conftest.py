"""Run folders with chosen per-sample results."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.special import ndtri

from robustkit.store import RunFolder

Correct = Mapping[str, Mapping[str, Sequence[int]]]
MakeRun = Callable[..., Path]


def wilson(right: int, n: int) -> tuple[float, float]:
    z, share = float(ndtri(0.975)), right / n
    centre, half = share + z * z / (2 * n), z * np.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return (centre - half) / (1 + z * z / n), (centre + half) / (1 + z * z / n)


def key_of(*parts: object) -> str:
    return sha256(repr(parts).encode()).hexdigest()


def records_of(right: np.ndarray, before: np.ndarray | None = None, attack: str = "") -> dict[str, Any]:
    """Return the records of samples that are right or wrong, and that an attack found right or wrong before."""
    n = len(right)
    if before is not None:
        said = np.where(right == 1, "", np.where(before == 1, attack, "clean")).astype(object)
        counts = {name: np.zeros(n) for name in ("norm", "loss", "queries", "forwards", "backwards")}
        return {**records_of(right), "broken_by": said, **counts}
    plain = {name: np.zeros(n) for name in ("label_rank", "confidence", "nll", "brier", "margin", "input_hash")}
    return {"id": np.arange(n), "label": np.zeros(n, dtype=int), "prediction": 1 - right, **plain}


def describe(condition: str) -> dict[str, Any]:
    name, _, rest = condition.partition(":")
    items = dict(item.split("=") for item in rest.split(",")) if rest else {}
    kind = "attack" if "eps" in items else "perturbation" if items else "clean"
    return {
        "kind": kind,
        "component": name,
        "severity": None if kind == "attack" else float(items.get("severity", 0)),
        "threat_model": {"norm": "linf", "eps": float(items["eps"])} if kind == "attack" else None,
        "stochastic": kind == "perturbation",
        "versions": {},
    }


@pytest.fixture
def make_run(tmp_path: Path) -> MakeRun:
    """Return a function that writes a run: `correct[model][condition]` has a 1 for each sample that was right.

    A condition may end in `@SEED`. `facts` are the manifest's entries of single models, `rows` further results,
    `ids` the samples' ids, `changes` other entries of the manifest.
    """

    def make(
        correct: Correct,
        *,
        name: str = "run",
        facts: Mapping[str, Mapping[str, Any]] | None = None,
        rows: Sequence[Mapping[str, Any]] = (),
        records: bool = True,
        results: bool = True,
        ids: Sequence[int] | None = None,
        **changes: Any,
    ) -> Path:
        folder = RunFolder(tmp_path / name)
        found, cells = list(rows), []
        n = len(next(iter(next(iter(correct.values())).values())))
        for model, by_condition in correct.items():
            for text, values in by_condition.items():
                condition, _, seed = text.partition("@")
                right = np.asarray(values)
                cell = {"model": model, "dataset": "toy", "condition": condition, "seed": int(seed or 0)}
                cells.append({**cell, "key": key_of(name, *cell.values())})
                if records:
                    before = np.asarray(by_condition.get("clean", [1] * n)) if "eps=" in condition else None
                    found_out = records_of(right, before, condition.partition(":")[0])
                    found_out |= {} if ids is None else {"id": np.asarray(ids)}
                    folder.commit_chunk(cells[-1]["key"], 0, found_out)
                low, high = wilson(int(right.sum()), n)
                value = {"value": float(right.mean()), "n": n, "ci_low": low, "ci_high": high}
                found.append({**cell, "metric": "metrics/accuracy", **value})
        conditions = dict.fromkeys(cell["condition"] for cell in cells)
        models = {
            model: {
                "checkpoint": f"{model}.pt",
                "sha256": key_of(name, model),
                "model": "toy/net",
                "normalize": "none",
                "fit": {"n_parameters": 7},
                "group": model,
                "training_seed": None,
                "identity": {"weights": key_of(name, model)},
                **(facts or {}).get(model, {}),
            }
            for model in correct
        }
        manifest = {
            "schema": 1,
            "status": "finished",
            "started": "2026-01-01T00:00:00Z",
            "finished": "2026-01-01T00:01:00Z",
            "robustkit": "0",
            "command": ["eval"],
            "identity": {"samples": "all"},
            "models": models,
            "datasets": {"toy": {"n": n, "evaluated": n, "fingerprint": f"toy-{n}"}},
            "conditions": {text: describe(text) for text in conditions},
            "seeds": {"roots": [0], "rule": "none"},
            "metrics": {"metrics/accuracy": {"interval": "wilson", "bounds": [0.0, 1.0]}},
            "cells": cells,
            "chunks": 1,
            "failures": [],
            "plugins": [],
            "environment": dict.fromkeys(
                ("gpu", "device", "processor", "cores", "threads", "os", "python", "torch", "numpy")
            ),
            **changes,
        }
        folder.write_manifest(manifest)
        if results:
            folder.write_results([{**dict.fromkeys(("perturbation", "severity", "source")), **row} for row in found])
        return folder.path

    return make


def some(right: int, n: int = 20) -> list[int]:
    """Return n samples of which the first `right` are right."""
    return [1] * right + [0] * (n - right)


@pytest.fixture
def two_models(make_run: MakeRun) -> Path:
    """`plain` is better on clean inputs, `hardened` under perturbations and attack; 20 samples."""
    fog = "c/fog:severity="
    return make_run(
        {
            "plain": {"clean": some(18), f"{fog}1": some(12), f"{fog}2": some(4), "a/pgd:eps=0.1": some(0)},
            "hardened": {"clean": some(14), f"{fog}1": some(14), f"{fog}2": some(12), "a/pgd:eps=0.1": some(10)},
        }
    )
