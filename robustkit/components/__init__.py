"""What a plugin contributes: one light, frozen declaration for each component.

A declaration names its implementation as `"package.module:attribute"`; the host imports it on first
use, so that listing plugins costs nothing. Nothing here imports torch or numpy.
"""

from __future__ import annotations

from robustkit.components.declaration import Component, Modality, Target
from robustkit.components.degradation import Attack, Norm, Parity, Perturbation
from robustkit.components.material import Baseline, Dataset, Model, Reporter, Trainer
from robustkit.components.metric import Bounds, MeasuredOn, Metric, is_measured_on
from robustkit.components.values import Edit, Estimate, Status, ThreatModel, View

__all__ = [
    "Attack",
    "Baseline",
    "Bounds",
    "Component",
    "Dataset",
    "Edit",
    "Estimate",
    "MeasuredOn",
    "Metric",
    "Modality",
    "Model",
    "Norm",
    "Parity",
    "Perturbation",
    "Reporter",
    "Status",
    "Target",
    "ThreatModel",
    "Trainer",
    "View",
    "is_measured_on",
]
