"""The manifest of a training: what was trained, how, on what, with what."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import Any

import robustkit
from robustkit.config.training import as_dict
from robustkit.engine.manifest import SEED_RULE, describe_environment, timestamp
from robustkit.host import Host
from robustkit.store import SCHEMA_VERSION
from robustkit.training.folder import KIND
from robustkit.training.plan import TrainingPlan


def describe_training(plan: TrainingPlan, host: Host) -> dict[str, Any]:
    """Return the manifest of a training that is about to start."""
    component = plan.trainer.component
    return {
        "schema": SCHEMA_VERSION,
        "kind": KIND,
        "status": "running",
        "started": timestamp(),
        "finished": None,
        "robustkit": robustkit.__version__,
        "command": sys.argv[1:],
        "identity_digest": plan.digest,
        "identity": plan.identity,
        "config": as_dict(plan.config),
        "name": plan.name,
        "group": plan.group,
        "recipe": plan.recipe,
        "trainer": {
            "name": plan.trainer_name,
            "params": asdict(plan.params),
            "summary": component.summary,
            "citation": component.citation,
            "caveat": component.caveat,
        },
        "model": _describe_model(plan),
        "data": _describe_data(plan),
        "seed": {"root": plan.config.seed, "rule": SEED_RULE},
        "steps_per_epoch": plan.steps,
        "selection": "most validation samples right; of equal epochs the first",
        "selected_epoch": None,
        "history": [],
        "files": {},
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


def _describe_model(plan: TrainingPlan) -> dict[str, Any]:
    trainable = plan.trainable
    return {
        "name": trainable.architecture.name,
        "registered": trainable.registered,
        "source": trainable.architecture.source_digest,
        "normalize": trainable.normalization.name if trainable.normalization else None,
        "classes": trainable.logits,
        "parameters": sum(parameter.numel() for parameter in trainable.model.parameters()),
        "trained": sum(parameter.numel() for parameter in plan.objective.parameters() if parameter.requires_grad),
    }


def _describe_data(plan: TrainingPlan) -> dict[str, Any]:
    data = plan.data
    return {
        "name": data.name,
        "n": len(data.dataset.labels),
        "fingerprint": data.fingerprints[0],
        "trained_on": len(data.ids),
        "validation": data.validation_name,
        "validation_fingerprint": data.fingerprints[1],
        "validated_on": len(data.validation_ids),
        "modality": data.modality,
        "view": data.identity["view"],
        "classes": list(data.class_names),
    }
