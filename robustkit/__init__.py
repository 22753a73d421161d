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
        "Baseline",
        "Component",
        "Dataset",
        "Edit",
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
        "MetricBatch",
        "ModelMetric",
        "Objective",
        "RecordMetric",
        "ReportWriter",
        "State",
        "TextDataset",
        "TextNetwork",
        "TextPerturbation",
        "TrainingBatch",
    ),
    "robustkit.errors": ("ConfigError", "DataError", "PluginError", "RobustkitError", "RunError"),
    "robustkit.names": ("did_you_mean",),
    "robustkit.host": ("Host", "load_host"),
    "robustkit.engine.features": ("capture_features", "find_layer", "find_layers", "pool_features"),
    "robustkit.engine.seeds": ("Keys",),
    "robustkit.engine.severity": ("Levels",),
    "robustkit.engine.data": ("open_layout", "open_table"),
    "robustkit.evaluation": ("Evaluation", "evaluate"),
    "robustkit.corrupting": ("CorruptedSet", "corrupt"),
    "robustkit.perturbing": ("perturb",),
    "robustkit.training.run": ("Training", "train"),
    "robustkit.contextual.agreement": ("agreement", "agreement_by_chance", "rank_correlation"),
    "robustkit.contextual.baselines": ("make_baseline",),
    "robustkit.contextual.bases": (
        "FeatureBasis",
        "Partition",
        "make_basis",
        "patch_basis",
        "pixel_basis",
        "value_basis",
    ),
    "robustkit.contextual.directions": (
        "DirectionBasis",
        "direction_basis",
        "directional_sensitivity",
        "forward_sensitivity",
    ),
    "robustkit.contextual.estimated": ("Estimated",),
    "robustkit.contextual.finite": ("FiniteEffects", "ablation_utility", "finite_effects"),
    "robustkit.contextual.first_order": (
        "gradient_sensitivity",
        "gradient_utility",
        "hutchinson_sensitivity",
        "loss_aligned_fraction",
        "utility_along",
        "worst_case_sensitivity",
    ),
    "robustkit.contextual.fourier": ("FourierBasis", "fourier_basis"),
    "robustkit.contextual.planning": (
        "SensitivityPlan",
        "SensitivitySizes",
        "estimate_sensitivity",
        "measure_sizes",
        "plan_sensitivity",
    ),
    "robustkit.contextual.representation": ("Representation",),
    "robustkit.contextual.superpixels": ("SamplePartition", "superpixel_basis"),
    "robustkit.contextual.targets": ("loss_slope", "target_loss"),
    "robustkit.contextual.tokens": ("WordEffects", "word_effects", "word_spans"),
    "robustkit.contextual.views": ("select_features",),
    "robustkit.probes.coarse_to_fine": ("CoarseToFine", "coarse_to_fine"),
    "robustkit.probes.folds": ("shuffle_labels",),
    "robustkit.probes.linear_probe": ("CrossFittedProbe", "ProbeResult", "fit_linear_probe", "linear_probe"),
    "robustkit.probes.neural_collapse": ("cdnv", "nc1"),
    "robustkit.probes.problem": ("ProbeSettings",),
    "robustkit.analysis.corruption.baseline": ("TableBaseline", "read_baseline"),
    "robustkit.analysis.report.load": ("load_report",),
    "robustkit.analysis.specs": (
        "Axis",
        "FigureSpec",
        "Finding",
        "Omission",
        "Panel",
        "Point",
        "Report",
        "Series",
        "Study",
        "TableCell",
        "TableColumn",
        "TableSpec",
    ),
    "robustkit.analysis.spec_json": ("spec_from_json", "spec_to_json"),
    "robustkit.store.atomic": ("write_atomically",),
    "robustkit.store.examples": ("Examples", "read_examples"),
    "robustkit.store.user_table": ("read_columns", "read_table"),
    "robustkit.analysis.effective.baselines": ("EffectiveBaselines", "read_effective_baselines"),
    "robustkit.analysis.effective.fit": ("BaselineFit", "fit_baselines"),
    "robustkit.analysis.paired.pair": ("Pair", "compare_paired"),
    "robustkit.analysis.paired.line": ("Line",),
    "robustkit.analysis.statistics.adjustment": ("benjamini_hochberg", "holm"),
    "robustkit.analysis.statistics.equivalence": ("Equivalence", "tost_paired"),
    "robustkit.analysis.statistics.front_membership": ("front_membership",),
    "robustkit.analysis.statistics.hypervolume": ("Hypervolume", "bootstrap_hypervolume", "hypervolume"),
    "robustkit.analysis.statistics.intervals": (
        "bootstrap_draws",
        "bootstrap_interval",
        "mean_interval",
        "wilson_interval",
    ),
    "robustkit.analysis.statistics.mcnemar": ("mcnemar_p",),
    "robustkit.analysis.statistics.paired_proportions": ("newcombe_interval",),
    "robustkit.analysis.statistics.power": ("mcnemar_detectable", "mean_detectable"),
    "robustkit.analysis.statistics.seeds": ("SeedDifference", "hierarchical_draws", "seed_difference"),
    "robustkit.analysis.statistics.sign_flip": ("SignFlip", "sign_flip"),
    "robustkit.analysis.statistics.unpaired": ("square_and_add",),
}
_HOME = {name: module for module, names in _PUBLIC.items() for name in names}

__all__ = [*sorted(_HOME), "PLUGIN_API", "__version__"]  # noqa: PLE0604 - the names are those of _PUBLIC

if TYPE_CHECKING:
    from robustkit.analysis.corruption.baseline import TableBaseline as TableBaseline
    from robustkit.analysis.corruption.baseline import read_baseline as read_baseline
    from robustkit.analysis.effective.baselines import EffectiveBaselines as EffectiveBaselines
    from robustkit.analysis.effective.baselines import read_effective_baselines as read_effective_baselines
    from robustkit.analysis.effective.fit import BaselineFit as BaselineFit
    from robustkit.analysis.effective.fit import fit_baselines as fit_baselines
    from robustkit.analysis.paired.line import Line as Line
    from robustkit.analysis.paired.pair import Pair as Pair
    from robustkit.analysis.paired.pair import compare_paired as compare_paired
    from robustkit.analysis.report.load import load_report as load_report
    from robustkit.analysis.spec_json import spec_from_json as spec_from_json
    from robustkit.analysis.spec_json import spec_to_json as spec_to_json
    from robustkit.analysis.specs import Axis as Axis
    from robustkit.analysis.specs import FigureSpec as FigureSpec
    from robustkit.analysis.specs import Finding as Finding
    from robustkit.analysis.specs import Omission as Omission
    from robustkit.analysis.specs import Panel as Panel
    from robustkit.analysis.specs import Point as Point
    from robustkit.analysis.specs import Report as Report
    from robustkit.analysis.specs import Series as Series
    from robustkit.analysis.specs import Study as Study
    from robustkit.analysis.specs import TableCell as TableCell
    from robustkit.analysis.specs import TableColumn as TableColumn
    from robustkit.analysis.specs import TableSpec as TableSpec
    from robustkit.analysis.statistics.adjustment import benjamini_hochberg as benjamini_hochberg
    from robustkit.analysis.statistics.adjustment import holm as holm
    from robustkit.analysis.statistics.equivalence import Equivalence as Equivalence
    from robustkit.analysis.statistics.equivalence import tost_paired as tost_paired
    from robustkit.analysis.statistics.front_membership import front_membership as front_membership
    from robustkit.analysis.statistics.hypervolume import Hypervolume as Hypervolume
    from robustkit.analysis.statistics.hypervolume import bootstrap_hypervolume as bootstrap_hypervolume
    from robustkit.analysis.statistics.hypervolume import hypervolume as hypervolume
    from robustkit.analysis.statistics.intervals import bootstrap_draws as bootstrap_draws
    from robustkit.analysis.statistics.intervals import bootstrap_interval as bootstrap_interval
    from robustkit.analysis.statistics.intervals import mean_interval as mean_interval
    from robustkit.analysis.statistics.intervals import wilson_interval as wilson_interval
    from robustkit.analysis.statistics.mcnemar import mcnemar_p as mcnemar_p
    from robustkit.analysis.statistics.paired_proportions import newcombe_interval as newcombe_interval
    from robustkit.analysis.statistics.power import mcnemar_detectable as mcnemar_detectable
    from robustkit.analysis.statistics.power import mean_detectable as mean_detectable
    from robustkit.analysis.statistics.seeds import SeedDifference as SeedDifference
    from robustkit.analysis.statistics.seeds import hierarchical_draws as hierarchical_draws
    from robustkit.analysis.statistics.seeds import seed_difference as seed_difference
    from robustkit.analysis.statistics.sign_flip import SignFlip as SignFlip
    from robustkit.analysis.statistics.sign_flip import sign_flip as sign_flip
    from robustkit.analysis.statistics.unpaired import square_and_add as square_and_add
    from robustkit.components import Attack as Attack
    from robustkit.components import Baseline as Baseline
    from robustkit.components import Component as Component
    from robustkit.components import Dataset as Dataset
    from robustkit.components import Edit as Edit
    from robustkit.components import Estimate as Estimate
    from robustkit.components import Metric as Metric
    from robustkit.components import Model as Model
    from robustkit.components import Perturbation as Perturbation
    from robustkit.components import Reporter as Reporter
    from robustkit.components import ThreatModel as ThreatModel
    from robustkit.components import Trainer as Trainer
    from robustkit.components import View as View
    from robustkit.contextual.agreement import agreement as agreement
    from robustkit.contextual.agreement import agreement_by_chance as agreement_by_chance
    from robustkit.contextual.agreement import rank_correlation as rank_correlation
    from robustkit.contextual.baselines import make_baseline as make_baseline
    from robustkit.contextual.bases import FeatureBasis as FeatureBasis
    from robustkit.contextual.bases import Partition as Partition
    from robustkit.contextual.bases import make_basis as make_basis
    from robustkit.contextual.bases import patch_basis as patch_basis
    from robustkit.contextual.bases import pixel_basis as pixel_basis
    from robustkit.contextual.bases import value_basis as value_basis
    from robustkit.contextual.directions import DirectionBasis as DirectionBasis
    from robustkit.contextual.directions import direction_basis as direction_basis
    from robustkit.contextual.directions import directional_sensitivity as directional_sensitivity
    from robustkit.contextual.directions import forward_sensitivity as forward_sensitivity
    from robustkit.contextual.estimated import Estimated as Estimated
    from robustkit.contextual.finite import FiniteEffects as FiniteEffects
    from robustkit.contextual.finite import ablation_utility as ablation_utility
    from robustkit.contextual.finite import finite_effects as finite_effects
    from robustkit.contextual.first_order import gradient_sensitivity as gradient_sensitivity
    from robustkit.contextual.first_order import gradient_utility as gradient_utility
    from robustkit.contextual.first_order import hutchinson_sensitivity as hutchinson_sensitivity
    from robustkit.contextual.first_order import loss_aligned_fraction as loss_aligned_fraction
    from robustkit.contextual.first_order import utility_along as utility_along
    from robustkit.contextual.first_order import worst_case_sensitivity as worst_case_sensitivity
    from robustkit.contextual.fourier import FourierBasis as FourierBasis
    from robustkit.contextual.fourier import fourier_basis as fourier_basis
    from robustkit.contextual.planning import SensitivityPlan as SensitivityPlan
    from robustkit.contextual.planning import SensitivitySizes as SensitivitySizes
    from robustkit.contextual.planning import estimate_sensitivity as estimate_sensitivity
    from robustkit.contextual.planning import measure_sizes as measure_sizes
    from robustkit.contextual.planning import plan_sensitivity as plan_sensitivity
    from robustkit.contextual.representation import Representation as Representation
    from robustkit.contextual.superpixels import SamplePartition as SamplePartition
    from robustkit.contextual.superpixels import superpixel_basis as superpixel_basis
    from robustkit.contextual.targets import loss_slope as loss_slope
    from robustkit.contextual.targets import target_loss as target_loss
    from robustkit.contextual.tokens import WordEffects as WordEffects
    from robustkit.contextual.tokens import word_effects as word_effects
    from robustkit.contextual.tokens import word_spans as word_spans
    from robustkit.contextual.views import select_features as select_features
    from robustkit.corrupting import CorruptedSet as CorruptedSet
    from robustkit.corrupting import corrupt as corrupt
    from robustkit.engine.data import open_layout as open_layout
    from robustkit.engine.data import open_table as open_table
    from robustkit.engine.features import capture_features as capture_features
    from robustkit.engine.features import find_layer as find_layer
    from robustkit.engine.features import find_layers as find_layers
    from robustkit.engine.features import pool_features as pool_features
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
    from robustkit.host import Host as Host
    from robustkit.host import load_host as load_host
    from robustkit.names import did_you_mean as did_you_mean
    from robustkit.parameters import NoParams as NoParams
    from robustkit.parameters import params as params
    from robustkit.perturbing import perturb as perturb
    from robustkit.probes.coarse_to_fine import CoarseToFine as CoarseToFine
    from robustkit.probes.coarse_to_fine import coarse_to_fine as coarse_to_fine
    from robustkit.probes.folds import shuffle_labels as shuffle_labels
    from robustkit.probes.linear_probe import CrossFittedProbe as CrossFittedProbe
    from robustkit.probes.linear_probe import ProbeResult as ProbeResult
    from robustkit.probes.linear_probe import fit_linear_probe as fit_linear_probe
    from robustkit.probes.linear_probe import linear_probe as linear_probe
    from robustkit.probes.neural_collapse import cdnv as cdnv
    from robustkit.probes.neural_collapse import nc1 as nc1
    from robustkit.probes.problem import ProbeSettings as ProbeSettings
    from robustkit.protocols import AttackMethod as AttackMethod
    from robustkit.protocols import AttackResult as AttackResult
    from robustkit.protocols import CheckpointOptions as CheckpointOptions
    from robustkit.protocols import ImageDataset as ImageDataset
    from robustkit.protocols import ImagePerturbation as ImagePerturbation
    from robustkit.protocols import LoadedCheckpoint as LoadedCheckpoint
    from robustkit.protocols import MetricBatch as MetricBatch
    from robustkit.protocols import ModelMetric as ModelMetric
    from robustkit.protocols import Objective as Objective
    from robustkit.protocols import RecordMetric as RecordMetric
    from robustkit.protocols import ReportWriter as ReportWriter
    from robustkit.protocols import State as State
    from robustkit.protocols import TextDataset as TextDataset
    from robustkit.protocols import TextNetwork as TextNetwork
    from robustkit.protocols import TextPerturbation as TextPerturbation
    from robustkit.protocols import TrainingBatch as TrainingBatch
    from robustkit.store.atomic import write_atomically as write_atomically
    from robustkit.store.examples import Examples as Examples
    from robustkit.store.examples import read_examples as read_examples
    from robustkit.store.user_table import read_columns as read_columns
    from robustkit.store.user_table import read_table as read_table
    from robustkit.training.run import Training as Training
    from robustkit.training.run import train as train


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'robustkit' has no attribute '{name}'")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
