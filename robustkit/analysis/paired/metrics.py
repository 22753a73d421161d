"""Differences of other metrics than accuracy, with the interval that can be given, or why there is none."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from robustkit.analysis.comparison.conditions import Condition
from robustkit.analysis.comparison.members import Member
from robustkit.analysis.comparison.runs import ACCURACY
from robustkit.analysis.paired.line import Line
from robustkit.analysis.paired.samples import Aligned
from robustkit.analysis.statistics.intervals import mean_interval, welch_interval
from robustkit.analysis.statistics.seeds import seed_difference
from robustkit.analysis.statistics.unpaired import square_and_add


def metric_lines(first: Aligned, second: Aligned, conditions: Mapping[str, Condition]) -> tuple[list[Line], list[str]]:
    """Return a line for each condition and metric that both sides have, and the metrics that one of them lacks.

    What is the mean of one stored number a sample is compared sample by sample. Of anything else only the two
    intervals are known, which are put together as if the samples were not the same ones: wider than need be.
    """
    having = [_keys(side) for side in (first, second)]
    names = [{metric for _, metric in each} for each in having]
    keys = [key for key in having[0] if key in having[1] and key[1] != ACCURACY]
    return [_line(first, second, conditions[text], metric) for text, metric in keys], sorted(names[0] ^ names[1])


def _keys(side: Aligned) -> dict[tuple[str, str], None]:
    return dict.fromkeys(key for member in side.members for key in member.rows)


def _line(first: Aligned, second: Aligned, condition: Condition, metric: str) -> Line:
    kind: Literal["clean", "condition"] = "clean" if condition.kind == "clean" else "condition"
    line = Line(id=condition.text, kind=kind, title=condition.name, metric=metric, n=0, first=None, second=None)
    seeds = [_seeds(side, condition.text, metric) for side in (first, second)]
    if not (seeds[0] and seeds[1]):
        return replace(line, note="undefined for one side: its run says why")
    if condition.stochastic:
        seeds = [seeds[0] & seeds[1]] * 2
        if not seeds[0]:
            return replace(line, note="the sides were evaluated under different seeds: no difference")
    columns = [side.column(condition.text, each, metric) for side, each in zip((first, second), seeds, strict=True)]
    if columns[0] is not None and columns[1] is not None:
        return _by_sample(line, columns[0], columns[1])
    sides = [
        [_rows(member, line, each) for member in side.members]
        for side, each in zip((first, second), seeds, strict=True)
    ]
    found = _by_value(line, sides, whole=first.whole and second.whole)
    doubtful = any(row.get("status") == "unreliable" for side in sides for rows in side for row in rows)
    said = "unreliable for one side at least: its run says why"
    return replace(found, note="; ".join(filter(None, (said, found.note)))) if doubtful else found


def _seeds(side: Aligned, condition: str, metric: str) -> set[int]:
    """Return the seeds under which all models of a side have a value."""
    return set.intersection(*(member.seeds(condition, metric) for member in side.members))


def _by_sample(line: Line, first: NDArray[np.float64], second: NDArray[np.float64]) -> Line:
    values = [float(first.mean()), float(second.mean())]
    line = replace(line, n=first.shape[1], first=values[0], second=values[1], difference=values[1] - values[0])
    if line.n < 2:
        return replace(line, note="one sample gives no interval")
    if min(len(first), len(second)) > 1:
        ends, method = seed_difference(first, second).interval(), "seeds-and-samples-t"
    else:
        differences = second.mean(axis=0) - first.mean(axis=0)
        low, high = mean_interval(differences) if np.ptp(differences) else (None, None)
        ends, method = None if low is None or high is None else (low, high), "paired-t"
    if ends is None:
        return replace(line, note="the difference is the same for every sample: no interval")
    return replace(line, low=ends[0], high=ends[1], method=method)


def _by_value(line: Line, sides: Sequence[Sequence[list[dict[str, Any]]]], whole: bool) -> Line:
    """Return the difference of two numbers of the results table.

    Args:
        line: what is known so far.
        sides: by side and model, the rows under each seed.
        whole: whether both sides saw the same samples and no others.
    """
    values = [[float(np.mean([row["value"] for row in rows])) for rows in side] for side in sides]
    one, two = (float(np.mean(each)) for each in values)
    everything = [row for side in sides for rows in side for row in rows]
    line = replace(line, n=min(row["n"] for row in everything), first=one, second=two)
    if reason := _incomparable(everything, whole):
        return replace(line, note=reason)
    ends, method, note = _ends(sides, values)
    return replace(line, difference=two - one, low=ends[0], high=ends[1], method=method, note=note)


def _rows(member: Member, line: Line, seeds: Collection[int]) -> list[dict[str, Any]]:
    found = member.rows[line.id, line.metric]
    return [found[seed] for seed in sorted(seeds)]


def _incomparable(rows: Sequence[Mapping[str, Any]], whole: bool) -> str:
    """Return why two numbers may not be subtracted, or nothing."""
    specs = sorted({str(row.get("spec") or "") for row in rows})
    if len(specs) > 1:
        return f"computed in different ways ({' | '.join(each or 'unstated' for each in specs)}): no difference"
    if not whole:
        return "the runs' samples differ, and the metric is no mean over stored numbers: no difference"
    return ""


def _ends(
    sides: Sequence[Sequence[Sequence[Mapping[str, Any]]]], values: Sequence[Sequence[float]]
) -> tuple[tuple[float | None, float | None], str, str]:
    """Return the ends of the interval, how they were made, and why there are none."""
    nothing = (None, None)
    if min(map(len, values)) > 1:
        found = welch_interval(values[1], values[0])
        return (found, "welch", "") if found else (nothing, "", "all training seeds agree: no interval")
    if max(map(len, values)) > 1:
        return nothing, "", "one side was trained once, and the metric has no numbers by sample: no interval"
    rows = [side[0] for side in sides]
    if any(len(each) > 1 for each in rows):
        return nothing, "", "a mean over seeds that share their samples, without numbers by sample: no interval"
    known = [(row["value"], row["ci_low"], row["ci_high"]) for (row,) in rows]
    if any(end is None for each in known for end in each):
        return nothing, "", "the metric gives no interval of its own"
    return square_and_add(known[0], known[1]), "unpaired", ""
