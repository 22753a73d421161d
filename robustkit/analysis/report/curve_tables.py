"""What follows from several severities, as tables: the curves of accuracy, and the flips of predictions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from robustkit.analysis.captions import describe_data, describe_intervals
from robustkit.analysis.comparison.comparison import Comparison, Measured
from robustkit.analysis.corruption.baseline import CorruptionBaseline, RunBaseline
from robustkit.analysis.corruption.reference import find_reference, is_comparable
from robustkit.analysis.curves.measure_curves import measure_curves
from robustkit.analysis.curves.measure_flips import measure_flips
from robustkit.analysis.curves.sequences import MEAN, SeveritySequence, find_sequences
from robustkit.analysis.report.tables import number
from robustkit.analysis.specs import TableCell, TableColumn, TableSpec

Found = Mapping[tuple[str, str, str], Measured]

_UNDEFINED = Measured(value=None)
_TOP_5 = (
    "ImageNet-P's top-5 distance is left out: it needs the order of the classes, and records hold the rank of the "
    "label alone."
)


def curves_table(comparison: Comparison) -> TableSpec | None:
    """Return a line a model and perturbation: area, slope, half severity; None without two severities of one."""
    sequences = find_sequences(comparison)
    if not sequences:
        return None
    found = measure_curves(comparison, sequences)
    caption = (
        "Accuracy against severity, in numbers. Area: under the curve by the trapezoid rule, severity 0 (clean) "
        "included, divided by the range of severities, in per cent. Slope: of the least-squares line, percentage "
        "points for each step of severity. Half: the lowest severity at which accuracy is half of the clean one, by "
        f"linear interpolation; a dash where it is not reached. {describe_data(comparison)} "
        f"{describe_intervals(comparison, found.values(), 'Brackets')}"
    )
    columns = (
        TableColumn(title="area", form="percent", digits=1, better="higher"),
        TableColumn(title="slope", form="percent", digits=1, better="higher"),
        TableColumn(title="half", full="severity that halves accuracy", form="number", digits=2, better="higher"),
    )
    return TableSpec(
        id="curves",
        title="Curves of accuracy over severity",
        caption=caption,
        columns=(*_first_columns("severities"), *columns),
        rows=_rows(comparison, sequences, found, ("area", "slope", "half"), _severities),
        notes=("Areas, slopes and halves over other severities do not compare.",),
    )


def flips_table(comparison: Comparison, baseline: CorruptionBaseline | None = None) -> TableSpec | None:
    """Return a line a model and perturbation with its flip probability; None without two severities of one.

    Args:
        comparison: what was measured.
        baseline: a model of a run, by whose flip probabilities others are divided; of a table there are none.
    """
    sequences = find_sequences(comparison)
    usable = isinstance(baseline, RunBaseline) and is_comparable(comparison, baseline)
    reference = find_reference(comparison, baseline) if isinstance(baseline, RunBaseline) and usable else None
    found = measure_flips(comparison, sequences, reference) if sequences else {}
    if all(each.value is None for each in found.values()):
        return None
    name = baseline.name if baseline is not None and usable else ""
    quantities = ("flips", "rate") if usable else ("flips",)
    rate = TableColumn(title="flip rate", full=f"over {name}", form="percent", digits=1, better="lower")
    flips = TableColumn(title="flip probability", form="percent", digits=1, better="lower")
    return TableSpec(
        id="flips",
        title="Flips of predictions over severity",
        caption=_flips_caption(comparison, found, name),
        columns=(*_first_columns("compared with"), flips, *([rate] if usable else [])),
        rows=_rows(comparison, sequences, found, quantities, _compared),
        notes=(_not_imagenet_p(name), _TOP_5),
    )


def _flips_caption(comparison: Comparison, found: Found, baseline: str) -> str:
    rate = (
        f"Flip rate in per cent: flip probability over that of the baseline {baseline}, and the mean of these ratios. "
        if baseline
        else ""
    )
    return (
        "Flip probability in per cent: how often the prediction for a sample changes from one severity to the next, "
        "right or wrong, beginning with the clean input; under noise, how often it is not that for the clean input. "
        f"{rate}{describe_data(comparison)} {describe_intervals(comparison, found.values(), 'Brackets')}"
    )


def _not_imagenet_p(baseline: str) -> str:
    mean = "the mean flip rate is no mFR" if baseline else "these are not its flip probabilities"
    return (
        f"The sequences are the severities of one image, not the frames of ImageNet-P: {mean}. What counts as noise is "
        "what has the word in its name or its tags."
    )


def _first_columns(third: str) -> tuple[TableColumn, ...]:
    return tuple(TableColumn(title=title) for title in ("model", "perturbation", third))


def _rows(
    comparison: Comparison,
    sequences: Sequence[SeveritySequence],
    found: Found,
    quantities: Sequence[str],
    describe: Callable[[SeveritySequence], str],
) -> tuple[tuple[TableCell, ...], ...]:
    lines = [(each.family, each.name, describe(each)) for each in sequences]
    # With one perturbation its numbers are the mean's.
    lines += [(MEAN, f"mean of {len(sequences)}", "")] if len(sequences) > 1 else []
    return tuple(
        (
            TableCell(text=subject.name),
            TableCell(text=name, full=family),
            TableCell(text=third),
            *(number(found.get((subject.name, quantity, family), _UNDEFINED)) for quantity in quantities),
        )
        for subject in comparison.subjects
        for family, name, third in lines
    )


def _severities(sequence: SeveritySequence) -> str:
    return ", ".join(f"{each:g}" for each in sequence.severities)


def _compared(sequence: SeveritySequence) -> str:
    return "clean" if sequence.noise else "severity before"
