"""From run folders to a report: figures, tables and a verdict, as plain numbers."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import TypeVar, cast

from robustkit.analysis.comparison.comparison import Comparison
from robustkit.analysis.comparison.measure import compare_runs, runs_of
from robustkit.analysis.comparison.runs import Run, malformed, read_runs
from robustkit.analysis.corruption.baseline import CorruptionBaseline, RunBaseline
from robustkit.analysis.corruption.reference import is_comparable
from robustkit.analysis.corruption.suite import find_suites
from robustkit.analysis.curves.sequences import find_sequences
from robustkit.analysis.effective.baselines import EffectiveBaselines
from robustkit.analysis.figures.probe_curve import probe_figure
from robustkit.analysis.figures.robust_accuracy_curve import robust_accuracy_figure
from robustkit.analysis.figures.sensitivity_plane import sensitivity_figure
from robustkit.analysis.figures.severity_curve import severity_figure
from robustkit.analysis.figures.similarity_curve import cka_figure
from robustkit.analysis.figures.similarity_matrix import layers_figure
from robustkit.analysis.figures.tradeoff import tradeoff_figure
from robustkit.analysis.report.corruption_tables import corruption_tables
from robustkit.analysis.report.curve_tables import curves_table, flips_table
from robustkit.analysis.report.effective_table import check_effective, effective_table
from robustkit.analysis.report.provenance import caveats, estimate_notes, failures_table, provenance
from robustkit.analysis.report.similarity_tables import similarity_tables
from robustkit.analysis.report.tables import conditions_table, parts_table, results_table_spec, worst_case_table
from robustkit.analysis.report.trust import TrustSaid, trust_said, trust_table
from robustkit.analysis.report.verdict import verdict
from robustkit.analysis.specs import FigureSpec, Omission, Report, Study
from robustkit.errors import ConfigError
from robustkit.texts import printable_lines

T = TypeVar("T")

FIGURES: dict[str, Callable[[Comparison], FigureSpec | Omission]] = {
    "tradeoff": tradeoff_figure,
    "severity": severity_figure,
    "robust-accuracy": robust_accuracy_figure,
    "sensitivity": sensitivity_figure,
    "cka": cka_figure,
    "layers": layers_figure,
    "probe": probe_figure,
}
"""Every kind of figure, in the order of a report."""


def load_report(
    *runs: str | os.PathLike[str],
    baseline: CorruptionBaseline | None = None,
    effective: EffectiveBaselines | None = None,
) -> Report:
    """Return what the runs have found, without evaluating anything.

    Runs on the same samples are compared; others get a study of their own.

    Args:
        runs: run folders, at least one. Runs that are not finished are taken as far as they are.
        baseline: what corruption errors and flip probabilities are divided by.
        effective: the models by which effective robustness is judged.

    Raises:
        ConfigError: there is nothing that the baseline could divide, or no line through the models of `effective`.
        DataError: a folder is no run folder, is damaged, or has no results.
    """
    found = read_runs([Path(run) for run in runs])
    try:
        return _printable(_report(found, baseline, effective))
    except (KeyError, TypeError, AttributeError, ValueError, IndexError) as error:
        raise malformed(Path(runs[0]) if len(runs) == 1 else Path(", ".join(map(str, runs))), error) from error


def _report(runs: Sequence[Run], baseline: CorruptionBaseline | None, effective: EffectiveBaselines | None) -> Report:
    comparisons = compare_runs(runs)
    names = _study_names(comparisons)
    if baseline is not None:
        _check_baseline(comparisons, baseline, judged=effective is not None)
    if effective is not None:
        check_effective(comparisons, effective)
    together = [runs_of(each, runs) for each in comparisons]
    studies = tuple(
        _study(each, name, baseline, effective, trust_said(own))
        for each, name, own in zip(comparisons, names, together, strict=True)
    )
    unfinished = [run.unfinished for run in runs if run.unfinished]
    merged = [f"{len(own)} runs are merged: {', '.join(run.name for run in own)}" for own in together if len(own) > 1]
    apart = ["the runs are on different data or samples: each has its own figures"] if len(comparisons) > 1 else []
    return Report(
        title=", ".join(dict.fromkeys(each.dataset for each in comparisons)),
        runs=tuple(run.name for run in runs),
        studies=studies,
        failures=failures_table(runs),
        caveats=caveats(runs),
        notes=(*unfinished, *merged, *apart, *(note for run in runs for note in run.notes), *estimate_notes(runs)),
        provenance=provenance(runs),
        trust=trust_table(runs),
    )


def _printable(spec: T) -> T:
    """Return a spec whose texts are all printable: much of it is what manifests say, and those come from anywhere."""
    found: object = spec
    if isinstance(spec, str):
        found = printable_lines(spec)
    elif isinstance(spec, tuple):
        found = tuple(_printable(item) for item in spec)
    elif is_dataclass(spec) and not isinstance(spec, type):
        found = type(spec)(**{each.name: _printable(getattr(spec, each.name)) for each in fields(spec)})
    return cast("T", found)


def _check_baseline(comparisons: Sequence[Comparison], baseline: CorruptionBaseline, *, judged: bool) -> None:
    """Check that there is something to divide by a baseline, or, where a model is judged, to compare with one."""
    flips = isinstance(baseline, RunBaseline)
    having = [each for each in comparisons if find_suites(each) or (flips and (judged or find_sequences(each)))]
    if not having:
        at_two = ", and no perturbation at two severities" if flips else ""
        raise ConfigError(
            f"nothing to divide by the baseline {baseline.name}: no common corruption was measured at all severities "
            f"from 1 to 5{at_two}",
            "evaluate for example with -p corruptions/fog:severity=1..5",
        )
    if not any(is_comparable(each, baseline) for each in having):
        raise ConfigError(
            f"the baseline {baseline.name} was evaluated on other data or samples than these runs",
            "evaluate it with the same --data, --view, --limit and --indices",
        )


def _study_names(comparisons: Sequence[Comparison]) -> list[str]:
    """Return a short name for each study, fit for files; empty if there is only one."""
    if len(comparisons) == 1:
        return [""]
    names: list[str] = []
    for each in comparisons:
        plain = re.sub(r"[^a-z0-9]+", "-", f"{each.dataset}-{each.samples}".lower()).strip("-")
        taken = sum(name.rpartition("~")[0] == plain or name == plain for name in names)
        names.append(f"{plain}~{taken + 1}" if taken else plain)
    return names


def _study(
    comparison: Comparison,
    name: str,
    baseline: CorruptionBaseline | None,
    effective: EffectiveBaselines | None,
    trust: TrustSaid,
) -> Study:
    found = [build(comparison) for build in FIGURES.values()]
    figures = [each for each in found if isinstance(each, FigureSpec)]
    tradeoff = next((each for each in figures if each.kind == "tradeoff"), None)
    tables = [
        results_table_spec(comparison),
        worst_case_table(comparison),
        *corruption_tables(comparison, baseline),
        curves_table(comparison),
        flips_table(comparison, baseline),
        effective_table(comparison, effective, baseline),
        conditions_table(comparison),
        parts_table(comparison),
        *similarity_tables(figures),
    ]
    suffix = f"-{name}" if name else ""
    return Study(
        id=name,
        dataset=comparison.dataset,
        samples=comparison.samples,
        verdict=verdict(comparison, tradeoff, trust),
        figures=tuple(replace(each, id=f"{each.id}{suffix}") for each in figures),
        omitted=tuple(each for each in found if isinstance(each, Omission)),
        tables=tuple(replace(each, id=f"{each.id}{suffix}") for each in tables if each is not None),
        notes=comparison.notes,
    )
