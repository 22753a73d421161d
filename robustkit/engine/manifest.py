"""The manifest: what was run, on what, with what."""

from __future__ import annotations

import datetime
import os
import platform
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch

import robustkit
from robustkit.config.schema import as_dict
from robustkit.engine.grid import Condition, Stored, digest
from robustkit.engine.metrics import ChosenMetric
from robustkit.engine.plan import Plan
from robustkit.engine.runner import measure_keys
from robustkit.host import Host
from robustkit.store import SCHEMA_VERSION

SEED_RULE = (
    "Philox 4x64 keyed by (seed, component, stream version, replicate, path); counter = sample id; severity is no part"
)


def describe_run(plan: Plan, host: Host) -> dict[str, Any]:
    """Return the manifest of a run that is about to start."""
    return {
        "schema": SCHEMA_VERSION,
        "status": "running",
        "started": timestamp(),
        "finished": None,
        "robustkit": robustkit.__version__,
        "command": sys.argv[1:],
        "identity_digest": digest(plan.identity),
        "identity": plan.identity,
        "config": as_dict(plan.config),
        "models": {name: model.report for name, model in plan.models.items()},
        "datasets": {
            plan.dataset_name: {
                "n": len(plan.dataset.labels),
                "evaluated": len(plan.ids),
                "fingerprint": plan.identity["dataset"],
                "modality": plan.modality,
                "view": plan.identity["view"],
                "classes": list(plan.dataset.class_names),
            }
        },
        "conditions": {condition.text: _condition(condition, host) for condition in plan.conditions},
        "seeds": {"roots": list(plan.config.seed), "rule": SEED_RULE},
        "metrics": {name: _metric(chosen) for name, chosen in plan.metrics.items()},
        "notes": plan.standing_notes,
        "checks": [],
        "worst_cases": [],
        "cells": [
            {
                "model": cell.model,
                "dataset": plan.dataset_name,
                "condition": cell.condition.text,
                "seed": cell.seed,
                "key": cell.key,
                "measures": measure_keys(plan, cell),
            }
            for cell in plan.cells
        ],
        "chunks": len(plan.chunks),
        "failures": [],
        "plugins": [
            {
                "name": record.source.name,
                "dist": record.source.dist,
                "version": record.source.version,
                "status": record.status,
            }
            for record in host.records
        ],
        "environment": describe_environment(plan.device),
    }


def describe_environment(device: torch.device) -> dict[str, Any]:
    """Return the machine and the libraries; host and user names are left out, because papers are anonymous."""
    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "os": platform.platform(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "device": str(device),
        "gpu": torch.cuda.get_device_name(device) if device.type == "cuda" else None,
        "cuda": torch.version.cuda,
        "git": _git(),
    }


def timestamp() -> str:
    """Return the time now, UTC, to the second."""
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _condition(condition: Condition, host: Host) -> dict[str, Any]:
    stored = condition.stored
    params = (
        {}
        if condition.params is None
        else {f.name: getattr(condition.params, f.name) for f in fields(condition.params)}
    )
    return {
        "kind": condition.kind,
        "component": condition.component,
        "severity": condition.severity,
        "params": params,
        "threat_model": asdict(condition.threat_model) if condition.threat_model else None,
        **({"minimises_norm": _minimises_norm(condition, host)} if condition.threat_model else {}),
        "stochastic": condition.stochastic,
        "tags": list(condition.entry.component.tags if condition.entry else stored.tags if stored else ()),
        "source": condition.origin,
        "versions": condition.versions,
        "citation": condition.entry.component.citation if condition.entry else stored.citation if stored else "",
        "caveat": condition.entry.component.caveat if condition.entry else "",
        # How stored images were generated, as far as a manifest beside them says so.
        **(_written(stored) if stored else {}),
    }


def _written(stored: Stored) -> dict[str, Any]:
    return {"written_as": stored.written_as, "written_with_seed": stored.seed, "written_with_jpeg": stored.jpeg}


def _minimises_norm(condition: Condition, host: Host) -> bool:
    """Return whether an attack says that it looks for the smallest change: that may depend on its parameters."""
    assert condition.entry is not None
    return bool(getattr(host.build(condition.entry, condition.params), "minimises_norm", False))


def _metric(chosen: ChosenMetric) -> Mapping[str, Any]:
    metric = chosen.declaration
    return {
        "identity": chosen.identity,
        "summary": metric.summary,
        "needs": sorted(metric.needs),
        "on": metric.on,
        "higher_is_better": metric.higher_is_better,
        "bounds": list(metric.bounds),
        "part_bounds": {part: list(bounds) for part, bounds in metric.part_bounds.items()},
        "citation": metric.citation,
        "caveat": metric.caveat,
    }


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text("utf8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor()


def _git() -> dict[str, Any] | None:
    """Return commit and dirtiness of the folder that the command ran in, or None outside a repository."""
    try:
        commit = _ask_git("rev-parse", "HEAD")
        return {"commit": commit, "dirty": bool(_ask_git("status", "--porcelain", "--untracked-files=no"))}
    except (OSError, subprocess.SubprocessError):
        return None


def _ask_git(*arguments: str) -> str:
    # A repository may name a program that git runs to watch its files; asking about a commit must not start it.
    command = ["git", "-c", "core.fsmonitor=false", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=5).stdout.strip()  # noqa: S603
