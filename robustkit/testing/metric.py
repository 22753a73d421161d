"""The contract of a metric of the stored records, one check a clause."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from robustkit.components import Estimate, Metric
from robustkit.errors import RobustkitError
from robustkit.protocols import ModelMetric, RecordMetric
from robustkit.store.records import ATTACK_COLUMNS
from robustkit.testing.model_metric import MODEL_METRIC_CHECKS
from robustkit.testing.records import SAMPLES, Records, records_for
from robustkit.testing.watch import require, require_no_global_randomness, working

Factory = Callable[[], RecordMetric]
Check = Callable[[Factory, Metric], None]

_ROUNDING = 1e-12
# Resampled rows in another order are another resample: the ends of a bootstrap interval move by about 3 % of its width.
_RESAMPLING = 0.1


def check_estimate(factory: Factory, declaration: Metric) -> None:
    """The result is an Estimate whose value is a finite number within the declared bounds.

    It may be undefined, with a note that says why, where the model is always right or always wrong, and under an
    attack, where there may be nothing that was broken.
    """
    for sure_of in (None, 0, 1):
        found = _estimate(factory(), declaration, records_for(declaration, sure_of=sure_of))
        ordinary = sure_of is None and declaration.on != "attacked"
        if ordinary or not _is_undefined(found):
            _require_bounded(declaration, "value", found.value)


def check_interval(factory: Factory, declaration: Metric) -> None:
    """An interval has two ordered ends within the bounds and a name, and is no wider for the same records 16 times.

    It need not contain the value: the percentile bootstrap of a biased statistic may lie beside it.
    """
    found = _estimate(factory(), declaration, records_for(declaration))
    ends = (found.ci_low, found.ci_high)
    if ends == (None, None):
        return
    width = _width(found)
    require(width is not None, f"{declaration.name}: expected both ends of the interval or none, got {ends}")
    _require_bounded(declaration, "ci_low", found.ci_low)
    _require_bounded(declaration, "ci_high", found.ci_high)
    require((width or 0.0) >= 0, f"{declaration.name}: the ends of the interval are not in order: {ends}")
    require(bool(found.interval), f"{declaration.name}: say in `interval` how the interval was made")
    more = _width(_estimate(factory(), declaration, _repeat(records_for(declaration), 16)))
    narrows = more is not None and more <= (width or 0.0) + _ROUNDING
    require(narrows, f"{declaration.name}: 16 times the samples widen the interval from {width} to {more}")


def check_n(factory: Factory, declaration: Metric) -> None:
    """`n` counts samples: between 1 and the number of rows, and twice as many if every row is there twice."""
    once, twice = (_estimate(factory(), declaration, _repeat(records_for(declaration), times)).n for times in (1, 2))
    counts = isinstance(once, int) and 1 <= once <= SAMPLES
    require(counts, f"{declaration.name}: expected an int n in 1..{SAMPLES} for {SAMPLES} samples, got {once!r}")
    require(
        twice == 2 * once, f"{declaration.name}: n is {once} for {SAMPLES} samples, and {twice} with each there twice"
    )


def check_records_unchanged(factory: Factory, declaration: Metric) -> None:
    """The records are left as they are."""
    records, before = records_for(declaration), records_for(declaration)
    _estimate(factory(), declaration, records)
    same = records.keys() == before.keys()
    changed = [name for name in before if same and not np.array_equal(records[name], before[name])]
    require(same and not changed, f"{declaration.name} changes the records {', '.join(changed)}; work on a copy")


def check_metric_repeatable(factory: Factory, declaration: Metric) -> None:
    """The same records give the same estimate, from the same object and from a new one, whatever came between."""
    metric = factory()
    first = _estimate(metric, declaration, records_for(declaration))
    _estimate(metric, declaration, records_for(declaration, sure_of=1))
    for again in (metric, factory()):
        found = _estimate(again, declaration, records_for(declaration))
        require(found == first, f"{declaration.name}: the same records give {first}, then {found}")


def check_row_order(factory: Factory, declaration: Metric) -> None:
    """Value and n do not depend on the order of the rows; the interval only as far as resampling does."""
    records, rows = records_for(declaration), np.arange(SAMPLES)
    first = _estimate(factory(), declaration, records)
    for order in (rows[::-1], np.argsort(records["label"], kind="stable")):
        found = _estimate(factory(), declaration, {name: column[order] for name, column in records.items()})
        same = found.n == first.n and _equal(found.value, first.value)
        require(same, f"{declaration.name}: {first.value!r} becomes {found.value!r} with the rows in another order")
        room = _RESAMPLING * (_width(first) or 0.0) + _ROUNDING
        near = all(
            old is new or (old is not None and new is not None and abs(old - new) <= room)
            for old, new in ((first.ci_low, found.ci_low), (first.ci_high, found.ci_high))
        )
        require(near, f"{declaration.name}: the interval of {first} becomes that of {found} with the rows reordered")


def _equal(found: float | None, first: float | None) -> bool:
    if found is None or first is None:
        return found is first
    return math.isclose(found, first, rel_tol=_ROUNDING, abs_tol=_ROUNDING)


def check_single_sample(factory: Factory, declaration: Metric) -> None:
    """One sample gives a value, be it right or wrong, or none with a note; its interval may have no ends."""
    for sure_of in (None, 0, 1):
        found = _estimate(factory(), declaration, records_for(declaration, 1, sure_of=sure_of))
        if _is_undefined(found):
            continue
        _require_bounded(declaration, "value for a single sample", found.value)
        require(found.n == 1, f"{declaration.name}: expected n = 1 for a single sample, got {found.n}")


def check_direction(factory: Factory, declaration: Metric) -> None:
    """Being always right and certain beats being always wrong and certain, in the declared direction."""
    if declaration.higher_is_better is None:
        return
    first, second = (_estimate(factory(), declaration, records_for(declaration, sure_of=sure_of)) for sure_of in (0, 1))
    if _is_undefined(first) or _is_undefined(second):
        return
    best, worst = first.value, second.value
    said = f"{declaration.name} is declared higher_is_better={declaration.higher_is_better}"
    if best is None or worst is None:
        raise AssertionError(f"{said}, but is undefined for perfect or for hopeless records")
    beats = best > worst if declaration.higher_is_better else best < worst
    require(beats, f"{said}, but is {best:.4g} for perfect and {worst:.4g} for hopeless records")


def check_no_samples(factory: Factory, declaration: Metric) -> None:
    """Records without a sample are refused with a RobustkitError."""
    empty = {name: column[:0] for name, column in records_for(declaration).items()}
    refused, what = (RobustkitError,), f"{declaration.name} on records without a sample"
    try:
        with working(f"{what}: expected a RobustkitError, but it", unless=refused):
            found = factory()(empty)
    except refused:
        return
    raise AssertionError(f"{what}: expected a RobustkitError, got {found}")


def check_columns(factory: Factory, declaration: Metric) -> None:
    """The columns that the records of its cells have are enough, and those that an attack adds are no obstacle."""
    records = records_for(declaration)
    with working(f"{declaration.name}, on the columns that its records have ({', '.join(records)}),"):
        factory()(records)
    added = {name: np.full(SAMPLES, "" if name == "broken_by" else 0) for name in ATTACK_COLUMNS}
    with working(f"{declaration.name}, beside the columns that an attack adds ({', '.join(added)}),"):
        factory()({**records, **added})


def check_metric_no_global_randomness(factory: Factory, declaration: Metric) -> None:
    """No global random generator is moved, and none has an influence."""
    require_no_global_randomness(
        declaration.name,
        lambda: _estimate(factory(), declaration, records_for(declaration)),
        lambda first, second: first == second,
        "make one of its own with a fixed seed",
    )


METRIC_CHECKS: tuple[Check, ...] = (
    check_columns,
    check_estimate,
    check_interval,
    check_n,
    check_records_unchanged,
    check_metric_repeatable,
    check_row_order,
    check_single_sample,
    check_direction,
    check_no_samples,
    check_metric_no_global_randomness,
)
"""Every check of `check_metric` for a metric of records, to be run one by one."""


def check_metric(factory: Callable[[], RecordMetric | ModelMetric], declaration: Metric) -> None:
    """Raise AssertionError at the first clause of the contract that a metric breaks.

    A metric that needs no more than records keeps the clauses of `METRIC_CHECKS`, any other those of
    `MODEL_METRIC_CHECKS`.

    Args:
        factory: makes a new implementation, ready to use: `lambda: MyMetric(MyParams())`.
        declaration: what the plugin declares for it.
    """
    if not declaration.reads_records:
        for model_check in MODEL_METRIC_CHECKS:
            model_check(cast("Callable[[], ModelMetric]", factory), declaration)
        return
    for part, declared in _parts(cast("Factory", factory), declaration):
        for check in METRIC_CHECKS:
            check(part, declared)


def _parts(factory: Factory, declaration: Metric) -> list[tuple[Factory, Metric]]:
    """Return a factory for each of the estimates that a metric returns by name, with its bounds, or its own."""
    with working(declaration.name):
        found = factory()(records_for(declaration))
    if not isinstance(found, Mapping):
        return [(factory, declaration)]
    return [(partial(_Part, factory, name), replace(declaration, bounds=declaration.bounds_of(name))) for name in found]


class _Part:
    """One of the estimates that a metric returns by name, as a metric of its own."""

    def __init__(self, factory: Factory, name: str) -> None:
        self._metric, self._name = factory(), name

    def __call__(self, records: Mapping[str, NDArray[Any]]) -> Estimate:
        found = self._metric(records)
        if isinstance(found, Mapping) and self._name not in found and "=" in self._name:
            return Estimate(value=None, n=0, note=f"undefined: no sample with {self._name}")
        if not isinstance(found, Mapping) or self._name not in found:
            raise AssertionError(f"the estimate '{self._name}' is missing for other records")
        return found[self._name]


def _estimate(metric: RecordMetric, declaration: Metric, records: Records) -> Estimate:
    with working(declaration.name):
        found = metric(records)
    kept = isinstance(found, Estimate)
    require(kept, f"{declaration.name}: expected a robustkit.Estimate, got {type(found).__name__}")
    return cast("Estimate", found)


def _is_undefined(found: Estimate) -> bool:
    """Return whether an estimate says that it has no value, and why."""
    return found.value is None and bool(found.note)


def _require_bounded(declaration: Metric, what: str, number: float | None) -> None:
    low, high = declaration.bounds
    finite = isinstance(number, float | int) and math.isfinite(number)
    require(finite, f"{declaration.name}: expected {what} to be a finite number, got {number!r}")
    within = number is not None and (low is None or low <= number) and (high is None or number <= high)
    require(within, f"{declaration.name}: {what} {number} lies outside the declared bounds {declaration.bounds}")


def _width(estimate: Estimate) -> float | None:
    if estimate.ci_low is None or estimate.ci_high is None:
        return None
    return estimate.ci_high - estimate.ci_low


def _repeat(records: Records, times: int) -> Records:
    return {name: np.tile(column, times) for name, column in records.items()}
