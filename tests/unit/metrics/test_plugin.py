from __future__ import annotations

import subprocess
import sys
from importlib import import_module

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError

import robustkit
import robustkit_metrics

DECLARED = {metric.name: metric for metric in robustkit_metrics.robustkit_metrics()}
RECORD_METRICS = {name: metric for name, metric in DECLARED.items() if metric.reads_records}
METRICS = {name: metric for name, metric in RECORD_METRICS.items() if metric.default and metric.on == "every"}
MODEL_METRICS = {name: metric for name, metric in DECLARED.items() if name not in RECORD_METRICS}
COLUMNS = {"accuracy": "label", "nll": "nll", "brier": "brier", "ece": "confidence"}


def build(metric, **given):
    module, attribute = metric.target.split(":")
    return getattr(import_module(module), attribute)(metric.params(**given))


def test_it_declares_the_four_default_metrics():
    assert {name: (metric.higher_is_better, metric.bounds) for name, metric in METRICS.items()} == {
        "accuracy": (True, (0.0, 1.0)),
        "nll": (False, (0.0, None)),
        "brier": (False, (0.0, 2.0)),
        "ece": (False, (0.0, 1.0)),
    }


def test_it_declares_further_metrics_of_records():
    assert {name: (each.on, each.default) for name, each in RECORD_METRICS.items() if name not in METRICS} == {
        "attack-success-rate": ("attacked", True),
        "robust-accuracy-curve": ("attacked", False),
        "worst-group": ("every", False),
        "worst-class": ("every", False),
        "tail-recall": ("every", False),
        "consistency": ("degraded", False),
    }


def test_it_declares_the_metrics_that_need_the_model():
    assert {name: (set(metric.needs), metric.on, metric.modality) for name, metric in MODEL_METRICS.items()} == {
        "utility-sensitivity": ({"model"}, "clean", "image"),
        "token-utility-sensitivity": ({"model"}, "clean", "text"),
        "linear-cka": ({"features"}, "degraded", None),
        "classwise-ece": ({"logits"}, "every", None),
        "utility": ({"model"}, "clean", "image"),
        "sensitivity": ({"model"}, "clean", "image"),
        "similarity": ({"features"}, "every", None),
        "representation-rank": ({"features"}, "every", None),
        "alignment-uniformity": ({"features"}, "degraded", None),
        "neural-collapse": ({"model"}, "every", None),
        "linear-probe": ({"features"}, "every", None),
        "coarse-to-fine": ({"model"}, "every", None),
    }
    assert not any(metric.default for metric in MODEL_METRICS.values())


def test_what_is_robustkits_own_definition_says_so():
    said = "robustkit's definition, after Kim et al. 2021"
    assert {name for name, metric in DECLARED.items() if metric.caveat == said} == {
        "utility-sensitivity",
        "token-utility-sensitivity",
        "utility",
        "sensitivity",
    }


@pytest.mark.parametrize("name", METRICS)
def test_every_metric_returns_an_estimate_within_its_bounds(records, name):
    estimate = build(METRICS[name])(records)
    low, high = METRICS[name].bounds
    assert low is not None
    assert low <= estimate.ci_low <= estimate.value <= estimate.ci_high
    assert high is None or estimate.ci_high <= high
    assert estimate.n == 6


@pytest.mark.parametrize("name", METRICS)
def test_every_metric_refuses_records_without_samples(records, name):
    with pytest.raises(robustkit.DataError, match=r"at least one sample|n >= 1"):
        build(METRICS[name])({column: values[:0] for column, values in records.items()})


@pytest.mark.parametrize("name", METRICS)
def test_every_metric_names_a_missing_column(records, name):
    del records[COLUMNS[name]]
    with pytest.raises(robustkit.DataError, match=f"expected a record column '{COLUMNS[name]}'"):
        build(METRICS[name])(records)


@pytest.mark.parametrize("name", ["nll", "brier", "ece"])
def test_every_metric_refuses_values_that_are_not_finite(records, name):
    records[COLUMNS[name]][3] = np.nan
    with pytest.raises(robustkit.DataError, match="first in row 3"):
        build(METRICS[name])(records)


def test_columns_of_different_lengths_are_refused(records):
    records["label"] = records["label"][:4]
    with pytest.raises(robustkit.DataError, match=r"'label' with shape \(6,\), got \(4,\)"):
        build(METRICS["accuracy"])(records)


def test_ece_needs_at_least_one_bin():
    with pytest.raises(ValidationError, match="greater than or equal to 1"):
        TypeAdapter(METRICS["ece"].params).validate_python({"bins": 0})


def test_declaring_metrics_imports_nothing_heavy():
    heavy = "{'torch', 'numpy', 'scipy', 'pandas', 'pydantic'}"
    code = f"import sys, robustkit_metrics; robustkit_metrics.robustkit_metrics(); print({heavy} & set(sys.modules))"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "set()"
