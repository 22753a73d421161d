"""Corruption errors as tables: one line a model, and every corruption with all its numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from robustkit.analysis.captions import describe_data, describe_intervals
from robustkit.analysis.comparison.comparison import CLEAN, Comparison, Measured
from robustkit.analysis.corruption.baseline import CorruptionBaseline, RunBaseline
from robustkit.analysis.corruption.measure import QUANTITIES, measure_corruptions
from robustkit.analysis.corruption.reference import is_comparable
from robustkit.analysis.corruption.suite import COMMON, IMAGES, PLAIN, Suite, find_suites, mean_title, obstacles
from robustkit.analysis.report.tables import number, rank
from robustkit.analysis.specs import TableCell, TableColumn, TableSpec

_HEADINGS = {"error": "error", "ce": "CE", "relative": "relative CE"}
_SOURCES = {
    "stored": "stored files",
    "written": "stored files that robustkit wrote",
    "generated": "generated for this run",
}
UNDEFINED = Measured(value=None)


@dataclass(frozen=True, kw_only=True)
class _Found:
    """One suite with what was measured on it."""

    comparison: Comparison
    suite: Suite
    baseline: CorruptionBaseline | None
    errors: Mapping[tuple[str, str, str], Measured]

    @property
    def shown(self) -> str:
        """The quantity that the means are of."""
        return "error" if self.baseline is None else "ce"

    def of(self, subject: str, quantity: str, name: str) -> Measured:
        return self.errors.get((subject, quantity, name), UNDEFINED)


def corruption_tables(comparison: Comparison, baseline: CorruptionBaseline | None) -> list[TableSpec]:
    """Return two tables for each suite of corruptions: `corruption-error` and `corruptions`; none without a suite.

    Args:
        comparison: what was measured.
        baseline: what errors are divided by; a note says so where that is a model of a run on other samples, which
            divides nothing.
    """
    tables = []
    usable = baseline if baseline is None or is_comparable(comparison, baseline) else None
    notes = () if usable is baseline or baseline is None else (_other_samples(baseline),)
    for place, suite in enumerate(find_suites(comparison), start=1):
        errors = measure_corruptions(comparison, suite, usable)
        found = _Found(comparison=comparison, suite=suite, baseline=usable, errors=errors)
        suffix = f"-{place}" if place > 1 else ""
        tables += [_by_model(found, f"corruption-error{suffix}", notes), _by_corruption(found, f"corruptions{suffix}")]
    return tables


def _other_samples(baseline: CorruptionBaseline) -> str:
    return f"The baseline {baseline.name} was evaluated on other samples, so no error is divided by its errors"


def _by_model(found: _Found, name: str, notes: tuple[str, ...]) -> TableSpec:
    """Return a line a model: clean error, the mean over the common corruptions, each of them."""
    comparison, suite = found.comparison, found.suite
    mean = mean_title(suite, comparison.data, found.baseline)
    columns = [_percent("clean error", "error on clean images"), _percent(mean, mean)]
    keys = [(found.shown, "common")]
    if found.baseline is not None:
        columns.append(_percent(f"relative {mean.partition(', baseline')[0]}", f"relative {mean}"))
        keys.append(("relative", "common"))
    columns += [_percent(_bare(each), f"{_HEADINGS[found.shown]} under {each}") for each in suite.common]
    keys += [(found.shown, each) for each in suite.common]
    rows = [
        (
            TableCell(text=subject.name),
            number(_flipped(comparison.of(subject, CLEAN))),
            *(number(found.of(subject.name, *key)) for key in keys),
        )
        for subject in comparison.subjects
    ]
    every = [TableColumn(title="model"), *columns]
    return TableSpec(
        id=name,
        title=f"Corruption errors: {mean}",
        caption=_caption(found, mean),
        columns=tuple(every),
        rows=rank(every, rows),
        notes=(*notes, *_notes(found)),
    )


def _by_corruption(found: _Found, name: str) -> TableSpec:
    """Return a line a model and corruption with error, CE and relative CE; extra ones too, with a mean of their own."""
    suite = found.suite
    quantities = QUANTITIES if found.baseline is not None else ("error",)
    rows = []
    for subject in found.comparison.subjects:
        for group, names in (("common", suite.common), ("extra", suite.extra)):
            for each in [group, *names] if names else []:
                text = f"mean of {len(names)}" if each == group else _bare(each)
                first = (TableCell(text=subject.name), TableCell(text=group), TableCell(text=text, full=each))
                rows.append((*first, *(number(found.of(subject.name, quantity, each)) for quantity in quantities)))
    return TableSpec(
        id=name,
        title="Every corruption, over its severities",
        caption=_caption(found, mean_title(suite, found.comparison.data, found.baseline)),
        columns=(
            *(TableColumn(title=title) for title in ("model", "set", "corruption")),
            *(_percent(_HEADINGS[quantity], _HEADINGS[quantity]) for quantity in quantities),
        ),
        rows=tuple(rows),
        notes=("The extra corruptions are held out by the benchmark: they are in no mean with the common ones.",),
    )


def _percent(title: str, full: str) -> TableColumn:
    return TableColumn(title=title, full=full, form="percent", digits=1, better="lower")


def _bare(name: str) -> str:
    return name.rpartition("/")[2].replace("-", " ")


def _flipped(accuracy: Measured) -> Measured:
    """Return the error with the interval that an accuracy has."""
    low, high = (None if end is None else 1 - end for end in (accuracy.high, accuracy.low))
    value = None if accuracy.value is None else 1 - accuracy.value
    return Measured(value=value, low=low, high=high, n=accuracy.n, method=accuracy.method, over=accuracy.over)


def _caption(found: _Found, mean: str) -> str:
    parts = [_definition(found.baseline, mean), describe_data(found.comparison), _made(found.suite)]
    if found.baseline is not None:
        parts += [_normalised(found, found.baseline)]
    measured = [*found.errors.values(), *(found.comparison.of(each, CLEAN) for each in found.comparison.subjects)]
    return " ".join([*parts, describe_intervals(found.comparison, measured, "Brackets")])


def _definition(baseline: CorruptionBaseline | None, mean: str) -> str:
    if baseline is None:
        return (
            "Errors in per cent, averaged over the severities 1 to 5 of each corruption, and the plain mean over the "
            "common corruptions. Nothing is divided by a baseline, so this is no mCE and not comparable with one."
        )
    return (
        f"CE in per cent: the sum of the errors at severities 1 to 5 over the sum of those of the baseline "
        f"{baseline.name} ({baseline.source}), not the mean of the ratios. Relative CE: the same, after the error on "
        f"clean images has been subtracted from every error. {mean}: the mean over the common corruptions."
    )


def _made(suite: Suite) -> str:
    how = ", ".join(f"{key} {value}" for key, value in (("profile", suite.profile), ("mode", suite.mode)) if value)
    source = _SOURCES[suite.source]
    stored = f", as JPEG of quality {suite.jpeg} holds them" if suite.jpeg not in PLAIN else ""
    return f"The corrupted images are {source}{f' ({how})' if how else ''}{stored}."


def _normalised(found: _Found, baseline: CorruptionBaseline) -> str:
    resampled = isinstance(baseline, RunBaseline)
    exact = "resampled with the models'" if resampled else "taken as exact, though they too were measured"
    parts = [f"In the intervals of models alone the baseline's errors are {exact}."]
    reasons = obstacles(found.suite, found.comparison.data, baseline)
    if reasons:
        parts.append(f"This is not ImageNet-C's mCE, and not comparable with it: {'; '.join(reasons)}.")
    elif found.suite.source != "stored":
        parts.append("Published mCE are on the stored files of ImageNet-C, which were compressed as JPEG.")
    if not reasons and found.comparison.samples < IMAGES:
        parts.append(f"Estimated from {found.comparison.samples:,} of ImageNet-C's {IMAGES:,} images.")
    return " ".join(parts)


def _notes(found: _Found) -> tuple[str, ...]:
    suite, notes = found.suite, ["Best in bold, second underlined, by point estimate alone: look at the intervals."]
    if suite.incomplete:
        notes.append(
            f"Without all severities from 1 to 5, so without a corruption error: {', '.join(suite.incomplete)}."
        )
    if found.baseline is None:
        notes.append("'robustkit report --baseline' divides by the errors of a baseline.")
    if found.baseline is not None:
        notes += _undefined(found)
    if len(suite.common) < COMMON:
        notes.append(f"The mean is over the {len(suite.common)} common corruptions that were measured.")
    return tuple(notes)


def _undefined(found: _Found) -> list[str]:
    """Return which corruptions the baseline gives no CE, or no relative CE."""
    without = [name for name in found.suite.all if _lacks(found, "ce", name)]
    flat = [name for name in found.suite.all if name not in without and _lacks(found, "relative", name)]
    notes = []
    if without:
        notes.append(f"The baseline has no errors under {', '.join(map(_bare, without))}: no CE there.")
    if flat:
        notes.append(
            f"Relative CE is undefined under {', '.join(map(_bare, flat))}: the baseline's error on clean images is "
            "not known, or corruption adds nothing to it. A mean with such a term is undefined too."
        )
    return notes


def _lacks(found: _Found, quantity: str, name: str) -> bool:
    return all(found.of(subject.name, quantity, name).value is None for subject in found.comparison.subjects)
