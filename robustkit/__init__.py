"""robustkit measures how a trained model behaves when its inputs degrade.

Everything public is importable from here. Names are loaded on first use, so `import robustkit` alone
imports neither torch nor numpy.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

PLUGIN_API = 1
"""The plugin contract's version. A plugin module may state the one it was written for as `robustkit_api = 1`."""

_PUBLIC = {
    "robustkit.components": (
        "Attack",
        "Component",
        "Dataset",
        "Estimate",
        "Metric",
        "Model",
        "Perturbation",
        "Reporter",
        "ThreatModel",
        "Trainer",
        "View",
    ),
    "robustkit.parameters": ("NoParams", "params"),
    "robustkit.hookspecs": ("hookimpl",),
    "robustkit.protocols": (
        "AttackMethod",
        "AttackResult",
        "CheckpointOptions",
        "ImageDataset",
        "ImagePerturbation",
        "LoadedCheckpoint",
        "RecordMetric",
    ),
    "robustkit.errors": ("ConfigError", "DataError", "PluginError", "RobustkitError", "RunError"),
    "robustkit.engine.seeds": ("Keys",),
    "robustkit.engine.severity": ("Levels",),
    "robustkit.engine.data": ("open_layout",),
    "robustkit.evaluation": ("Evaluation", "evaluate"),
    "robustkit.analysis.intervals": ("bootstrap_interval", "mean_interval", "wilson_interval"),
}
_HOME = {name: module for module, names in _PUBLIC.items() for name in names}

__all__ = [*sorted(_HOME), "PLUGIN_API", "__version__"]  # noqa: PLE0604 - the names are those of _PUBLIC

if TYPE_CHECKING:
    from robustkit.analysis.intervals import bootstrap_interval as bootstrap_interval
    from robustkit.analysis.intervals import mean_interval as mean_interval
    from robustkit.analysis.intervals import wilson_interval as wilson_interval
    from robustkit.components import Attack as Attack
    from robustkit.components import Component as Component
    from robustkit.components import Dataset as Dataset
    from robustkit.components import Estimate as Estimate
    from robustkit.components import Metric as Metric
    from robustkit.components import Model as Model
    from robustkit.components import Perturbation as Perturbation
    from robustkit.components import Reporter as Reporter
    from robustkit.components import ThreatModel as ThreatModel
    from robustkit.components import Trainer as Trainer
    from robustkit.components import View as View
    from robustkit.engine.data import open_layout as open_layout
    from robustkit.engine.seeds import Keys as Keys
    from robustkit.engine.severity import Levels as Levels
    from robustkit.errors import ConfigError as ConfigError
    from robustkit.errors import DataError as DataError
    from robustkit.errors import PluginError as PluginError
    from robustkit.errors import RobustkitError as RobustkitError
    from robustkit.errors import RunError as RunError
    from robustkit.evaluation import Evaluation as Evaluation
    from robustkit.evaluation import evaluate as evaluate
    from robustkit.hookspecs import hookimpl as hookimpl
    from robustkit.parameters import NoParams as NoParams
    from robustkit.parameters import params as params
    from robustkit.protocols import AttackMethod as AttackMethod
    from robustkit.protocols import AttackResult as AttackResult
    from robustkit.protocols import CheckpointOptions as CheckpointOptions
    from robustkit.protocols import ImageDataset as ImageDataset
    from robustkit.protocols import ImagePerturbation as ImagePerturbation
    from robustkit.protocols import LoadedCheckpoint as LoadedCheckpoint
    from robustkit.protocols import RecordMetric as RecordMetric


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'robustkit' has no attribute '{name}'")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
