"""The tables of a comparison: the main one, every condition, the parts of metrics that have several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from robustkit.analysis.captions import (
    describe_attacks,
    describe_data,
    describe_intervals,
    describe_metrics,
    describe_worst_case,
)
from robustkit.analysis.comparison.comparison import Comparison, Measured, Scope
from robustkit.analysis.comparison.conditions import WORST_CASE, by_family, short_names
from robustkit.analysis.comparison.runs import ACCURACY
from robustkit.analysis.figures.similarity_matrix import is_pair
from robustkit.analysis.specs import TableCell, TableColumn, TableSpec

Row = tuple[TableCell, ...]


def results_table_spec(comparison: Comparison) -> TableSpec | None:
    """Return models × (clean, mean over perturbations, each attack, each perturbation), or None without accuracy."""
    scopes = [scope for scope in main_scopes(comparison) if _is_measured(comparison, scope)]
    if not scopes:
        return None
    grouped = any(subject.is_group for subject in comparison.subjects)
    columns = [TableColumn(title="model"), *([TableColumn(title="seeds", form="integer")] if grouped else [])]
    columns += [_accuracy_column(comparison, scope) for scope in scopes]
    rows = []
    for subject in comparison.subjects:
        seeds = [TableCell(value=float(len(subject.models)))] if grouped else []
        numbers = [number(comparison.of(subject, scope.id)) for scope in scopes]
        rows.append((TableCell(text=subject.name), *seeds, *numbers))
    return TableSpec(
        id="results",
        title="Accuracy, clean and degraded",
        caption=_caption(comparison, scopes),
        columns=tuple(columns),
        rows=rank(columns, rows),
        notes=("Best in bold, second underlined, by point estimate alone: look at the intervals.", *comparison.notes),
    )


def _accuracy_column(comparison: Comparison, scope: Scope) -> TableColumn:
    full = scope.title if scope.kind == "mean" else comparison.full(scope)
    return TableColumn(title=scope.title, full=full, form="percent", digits=1, better="higher")


def main_scopes(comparison: Comparison) -> list[Scope]:
    """Return what the main table has a column for: only what all models share."""
    found = []
    for scope in comparison.scopes.values():
        attack = scope.kind == "condition" and comparison.conditions[scope.id].kind in ("attack", WORST_CASE)
        if scope.kind in ("clean", "mean", "family") or (attack and scope.id in comparison.shared):
            found.append(scope)
    order = ("clean", "mean", "condition", "family")
    found.sort(key=lambda scope: (order.index(scope.kind), not scope.id.startswith(WORST_CASE)))
    # With one perturbation its mean is the mean.
    several = sum(scope.kind == "family" for scope in found) > 1
    return [scope for scope in found if scope.kind != "family" or several]


def _is_measured(comparison: Comparison, scope: Scope) -> bool:
    return any(comparison.of(subject, scope.id).value is not None for subject in comparison.subjects)


def _caption(comparison: Comparison, scopes: Sequence[Scope]) -> str:
    shown = [comparison.of(subject, scope.id) for subject in comparison.subjects for scope in scopes]
    parts = [f"Accuracy in per cent. {describe_data(comparison)}"]
    perturbed = [comparison.conditions[text] for scope in scopes if scope.kind == "mean" for text in scope.conditions]
    parts += [f"Perturbations: {by_family(perturbed)}."] if perturbed else []
    attacks = [scope.id for scope in scopes if scope.kind == "condition"]
    parts += describe_attacks(comparison, attacks)
    return " ".join([*parts, describe_intervals(comparison, shown, "Brackets")])


def number(measured: Measured) -> TableCell:
    """Return the cell of a number with its interval."""
    return TableCell(value=measured.value, low=measured.low, high=measured.high)


def rank(columns: Sequence[TableColumn], rows: Sequence[Row]) -> tuple[Row, ...]:
    """Return the rows with the best and the second of each column marked; equal values share their rank.

    A column without a direction, or with fewer than two different values, has no marks; with two it has no second.

    >>> column = TableColumn(title="accuracy", form="percent", digits=1, better="higher")
    >>> rows = [(TableCell(value=value),) for value in (0.5, None, 0.7, 0.7, 0.6)]
    >>> [row[0].rank for row in rank([column], rows)]
    ['', '', 'best', 'best', 'second']
    """
    marked = [list(row) for row in rows]
    for place, column in enumerate(columns):
        values = {row[place].value for row in rows} - {None}
        ordered = sorted((value for value in values if value is not None), reverse=column.better == "higher")
        if column.better and len(ordered) > 1:
            for row in marked:
                if row[place].value == ordered[0]:
                    row[place] = replace(row[place], rank="best")
                elif len(ordered) > 2 and row[place].value == ordered[1]:
                    row[place] = replace(row[place], rank="second")
    return tuple(tuple(row) for row in marked)


def conditions_table(comparison: Comparison) -> TableSpec | None:
    """Return every model under every condition, one column a metric; averaged over seeds of perturbations.

    None where no metric without parts has a value.
    """
    metrics = list(dict.fromkeys(metric for _, _, metric in comparison.metrics if "@" not in metric))
    forms = [_form(metric) for metric in metrics]
    rows = []
    for condition in comparison.conditions.values():
        for subject in comparison.subjects:
            measured = [comparison.metric(subject, condition.text, metric) for metric in metrics]
            if any(each.value is not None for each in measured):
                strength = TableCell(value=condition.strength)
                named = TableCell(text=condition.name, full=condition.text)
                rows.append((TableCell(text=subject.name), named, strength, *(number(each) for each in measured)))
    if not rows:
        return None
    shown = [measured for (_, _, metric), measured in comparison.metrics.items() if "@" not in metric]
    return TableSpec(
        id="conditions",
        title="Every condition",
        caption=f"All metrics without parts. {describe_data(comparison)} "
        f"{describe_intervals(comparison, shown, 'Brackets')} {describe_metrics(comparison, metrics)}",
        columns=(
            TableColumn(title="model"),
            TableColumn(title="condition"),
            TableColumn(title="severity or eps", form="general"),
            *forms,
        ),
        rows=tuple(rows),
        notes=("Numbers over several seeds are means over the seeds; results.csv of each run has them one by one.",),
    )


def _form(metric: str) -> TableColumn:
    title = _bare(metric)
    if metric == ACCURACY:
        return TableColumn(title=title, full=metric, form="percent", digits=1)
    return TableColumn(title=title, full=metric, form="number", digits=4)


def _bare(metric: str) -> str:
    name, _, params = metric.partition(":")
    return ":".join([name.rpartition("/")[2], *([params] if params else [])])


def worst_case_table(comparison: Comparison) -> TableSpec | None:
    """Return which attack broke how many samples of each model, and how many alone; None without a worst case."""
    rows = []
    for (model, text), worst in comparison.worst_cases.items():
        name = TableCell(text=comparison.conditions[text].name, full=f"{text} over {'; '.join(worst.over)}")
        for attack, counts in worst.attacks.items():
            numbers = [TableCell(value=float(count)) for count in (worst.right, *counts)]
            rows.append((TableCell(text=model), name, TableCell(text=attack), *numbers))
    if not rows:
        return None
    titles = ("right before", "broken", "broken by no other")
    return TableSpec(
        id="worst-case",
        title="What broke the samples",
        caption=" ".join(
            [
                f"Samples that were right, that each attack broke, and that no other attack did. "
                f"{describe_data(comparison)}",
                *describe_worst_case(text for _, text in comparison.worst_cases),
            ]
        ),
        columns=(
            *(TableColumn(title=title) for title in ("model", "worst case", "attack")),
            *(TableColumn(title=title, form="integer") for title in titles),
        ),
        rows=tuple(rows),
    )


def parts_table(comparison: Comparison) -> TableSpec | None:
    """Return every value of the metrics that have parts (`linear-cka@conv1` …), or None where there is none.

    Pairs of layers are left out: they have tables of their own.
    """
    found = {key: each for key, each in comparison.metrics.items() if "@" in key[2] and not is_pair(key[2])}
    if not found:
        return None
    names = short_names(dict.fromkeys(metric.partition("@")[0] for _, _, metric in found))
    chance = any(measured.chance is not None for measured in found.values())
    doubt = any(measured.unreliable for measured in found.values())
    rows = []
    for (subject, condition, metric), measured in found.items():
        whole, _, part = metric.partition("@")
        first = (TableCell(text=subject), TableCell(text=comparison.conditions[condition].name, full=condition))
        more = [TableCell(value=measured.chance)] if chance else []
        more += [TableCell(text="unreliable" if measured.unreliable else "")] if doubt else []
        rows.append((*first, TableCell(text=names[whole], full=metric), TableCell(text=part), number(measured), *more))
    return TableSpec(
        id="parts",
        title="Metrics with parts",
        caption=_parts_caption(comparison),
        columns=(
            *(TableColumn(title=title) for title in ("model", "condition", "metric", "part")),
            TableColumn(title="value", form="number", digits=4),
            *([TableColumn(title="chance", form="number", digits=4)] if chance else []),
            *([TableColumn(title="status")] if doubt else []),
        ),
        rows=tuple(rows),
    )


def _parts_caption(comparison: Comparison) -> str:
    shown = {key: each for key, each in comparison.metrics.items() if "@" in key[2] and not is_pair(key[2])}
    metrics = dict.fromkeys(metric.partition("@")[0] for _, _, metric in shown)
    return (
        f"Sensitivity, similarity by layer, and whatever else has several values. {describe_data(comparison)} "
        f"{describe_intervals(comparison, shown.values(), 'Brackets')} {describe_metrics(comparison, metrics)}"
    )
