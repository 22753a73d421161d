"""Effective robustness as a table."""

from __future__ import annotations

from collections.abc import Sequence

from robustkit.analysis.captions import describe_data
from robustkit.analysis.comparison.comparison import Comparison, Measured, Scope
from robustkit.analysis.corruption.baseline import CorruptionBaseline, RunBaseline
from robustkit.analysis.corruption.reference import find_reference, is_comparable
from robustkit.analysis.effective.baselines import EffectiveBaselines, check_shifts, find_shift
from robustkit.analysis.effective.fit import FEWEST, BaselineFit
from robustkit.analysis.effective.measure import Fits, Judged, fit_lines, judge, relative_robustness
from robustkit.analysis.report.tables import number
from robustkit.analysis.specs import TableCell, TableColumn, TableSpec


def check_effective(comparisons: Sequence[Comparison], baselines: EffectiveBaselines) -> None:
    """Check that there is a line for something.

    Raises:
        ConfigError: no shift of the baselines was measured, or there are too few baselines.
        DataError: no line can be fitted to the baselines.
    """
    check_shifts(baselines, comparisons)
    fits = [fit_lines(each, baselines) for each in comparisons]
    if not any(each.lines for each in fits):
        raise next(error for each in fits for error in each.refused.values())


def effective_table(
    comparison: Comparison, baselines: EffectiveBaselines | None, before: CorruptionBaseline | None = None
) -> TableSpec | None:
    """Return a line a model and shift: accuracies, what the baselines let expect, rho, and tau; None without baselines.

    Args:
        comparison: what was measured.
        baselines: the models that the lines are fitted to.
        before: the model of a run that models were made from, for tau.
    """
    fits = fit_lines(comparison, baselines) if baselines is not None else None
    if baselines is None or fits is None or not fits.lines:
        return None
    scopes = [comparison.scopes[each] for each in fits.lines]
    reference = before if isinstance(before, RunBaseline) and is_comparable(comparison, before) else None
    found = {} if reference is None else relative_robustness(comparison, scopes, find_reference(comparison, reference))
    rows, outside = [], []
    for subject in comparison.subjects:
        for scope in scopes:
            judged = judge(comparison, subject, scope, fits.lines[scope.id])
            if judged.predicted is None and judged.clean.value is not None:
                outside.append(f"{subject.name} ({scope.title})")
            tau = [number(found[subject.name, "tau", scope.id])] if found else []
            rows.append((TableCell(text=subject.name), _shift(comparison, scope), *_numbers(judged), *tau))
    return TableSpec(
        id="effective-robustness",
        title="Effective robustness",
        caption=_caption(comparison, baselines, fits, reference.name if reference else ""),
        columns=_columns(divided=bool(found)),
        rows=tuple(rows),
        notes=tuple(_notes(comparison, baselines, fits, outside)),
    )


def _shift(comparison: Comparison, scope: Scope) -> TableCell:
    return TableCell(text=scope.title, full=comparison.full(scope))


def _numbers(judged: Judged) -> list[TableCell]:
    line = judged.predicted
    expected = Measured(value=None) if line is None else Measured(value=line.value, low=line.low, high=line.high)
    return [number(each) for each in (judged.clean, judged.shifted, expected, judged.effective)]


def _columns(*, divided: bool) -> tuple[TableColumn, ...]:
    titles = ("clean", "under shift", "expected", "rho", *(("tau",) if divided else ()))
    numbers = [
        TableColumn(title=title, form="percent", digits=1, better="" if title == "expected" else "higher")
        for title in titles
    ]
    return (TableColumn(title="model"), TableColumn(title="shift"), *numbers)


def _caption(comparison: Comparison, baselines: EffectiveBaselines, fits: Fits, before: str) -> str:
    lines = "; ".join(_line(comparison.scopes[each].title, fit) for each, fit in fits.lines.items())
    tau = (
        f" tau: accuracy under shift less that of {before}, with the paired percentile bootstrap over samples, or over "
        "training seeds of a group Student's t."
        if before
        else ""
    )
    return (
        "Effective robustness rho (Taori et al. 2020), in percentage points: accuracy under shift less the one that "
        f"baseline models let expect at the same clean accuracy, by a line on the {baselines.scale} scale. Brackets "
        "of expected and of rho are the 95 % prediction interval of the line: what a further baseline would have; they "
        f"do not cover the choice of samples, for which see the accuracies.{tau} {describe_data(comparison)} "
        f"Lines: {lines}."
    )


def _line(title: str, fit: BaselineFit) -> str:
    return (
        f"{title}, n = {fit.n} baselines with clean accuracies from {fit.span[0]:.1%} to {fit.span[1]:.1%}, slope "
        f"{fit.slope:.3f}, intercept {fit.intercept:.3f}"
    )


def _notes(comparison: Comparison, baselines: EffectiveBaselines, fits: Fits, outside: Sequence[str]) -> list[str]:
    notes = []
    few = [comparison.scopes[each].title for each, fit in fits.lines.items() if fit.n < FEWEST]
    if few:
        notes.append(f"Fewer than {FEWEST} baselines, so unreliable: {', '.join(few)}.")
    if outside:
        notes.append(
            "The clean accuracy lies outside that of all baselines, and a line says nothing there, so there is no rho: "
            f"{', '.join(outside)}."
        )
    own = baselines.own(comparison)
    if own:
        notes.append(f"Among the baselines themselves, so that they pull the line to themselves: {', '.join(own)}.")
    unknown = [name for file in baselines.files for name in file.shifts if find_shift(comparison, name) is None]
    if unknown:
        notes.append(f"Shifts of the baselines that were not measured here: {', '.join(unknown)}.")
    for each, error in fits.refused.items():
        notes.append(f"No line for {comparison.scopes[each].title}: {error.message}.")
    return notes
