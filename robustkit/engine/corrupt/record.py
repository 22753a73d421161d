"""What the manifest of a set says of each part, and of the whole."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

import robustkit
from robustkit.engine.corrupt.plan import CorruptionPlan
from robustkit.engine.data.stored import KIND, MANIFEST, SCHEMA
from robustkit.engine.grid import Condition, digest
from robustkit.engine.manifest import SEED_RULE, describe_environment, timestamp
from robustkit.host import Host
from robustkit.store import write_atomically

PartRecord = dict[str, Any]


def describe_part(severities: Mapping[int, Condition], *, sha256: str, size: int, files: int) -> PartRecord:
    """Return the record of a file or folder: what it holds, and by which its bytes are recognised."""
    return {
        "component": next(iter(severities.values())).component,
        "conditions": {str(severity): condition.text for severity, condition in severities.items()},
        "bytes": size,
        "files": files,
        "sha256": sha256,
    }


def describe_set(plan: CorruptionPlan, host: Host) -> dict[str, Any]:
    """Return the manifest of a set that is about to be written."""
    identity = plan.identity
    everything = np.array_equal(plan.ids, np.arange(len(plan.dataset.labels)))
    return {
        "kind": KIND,
        "set_schema": SCHEMA,
        "status": "not finished",
        "started": timestamp(),
        "finished": None,
        "robustkit": robustkit.__version__,
        "layout": plan.layout,
        "jpeg": plan.config.jpeg or None,
        "dataset": {
            "name": plan.dataset_name,
            "fingerprint": plan.fingerprint,
            "n": len(plan.dataset.labels),
            "classes": list(plan.dataset.class_names),
        },
        # The ids of the set's samples in the data, in the order in which the set is read; null where they are the same.
        "samples": {"n": len(plan.ids), "ids": None if everything else plan.ids.tolist()},
        "seed": plan.config.seed,
        "seed_rule": SEED_RULE,
        "notes": list(plan.notes),
        "parts": {},
        "identity_digest": digest(identity),
        "identity": identity,
        "plugins": [
            {"name": each.source.name, "dist": each.source.dist, "version": each.source.version}
            for each in host.records
            if each.status == "ok"
        ],
        "environment": describe_environment(plan.device),
    }


def save_manifest(out: Path, manifest: Mapping[str, Any]) -> None:
    """Write the manifest of a set.

    Raises:
        RunError: it cannot be written.
    """
    write_atomically(out / MANIFEST, (json.dumps(manifest, indent=1) + "\n").encode())
