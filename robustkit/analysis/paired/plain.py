"""Paired comparisons as JSON and as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from robustkit.analysis.paired.line import Line
from robustkit.analysis.paired.pair import Pair
from robustkit.analysis.paired.sides import Side

COLUMNS = (
    *("a", "b", "dataset", "fingerprint", "metric", "id", "kind", "title", "n", "a_value", "b_value", "difference"),
    *("ci_low", "ci_high", "method", "joint_low", "joint_high", "lost", "gained", "p", "test", "p_holm", "p_max_t"),
    *("detectable", "equivalence_low", "equivalence_high", "equivalent", "note"),
)


def pair_to_plain(pair: Pair) -> dict[str, Any]:
    """Return a comparison as JSON has it: `a` is the first side, `b` the second, differences are b − a."""
    sides = zip("ab", (pair.first, pair.second), pair.evaluated, pair.seeds, strict=True)
    return {
        **{key: _side(side, evaluated, seeds) for key, side, evaluated, seeds in sides},
        "dataset": pair.dataset,
        "fingerprint": pair.fingerprint,
        "samples": pair.samples,
        "family": len(pair.lines),
        "lines": [line_to_plain(line) for line in pair.lines],
        "metrics": [line_to_plain(line) for line in pair.metrics],
        "missing": list(pair.missing),
        "notes": list(pair.notes),
    }


def line_to_plain(line: Line) -> dict[str, Any]:
    """Return one difference as JSON and CSV have it."""
    low, high = line.equivalence or (None, None)
    renamed = {"first": "a_value", "second": "b_value", "low": "ci_low", "high": "ci_high"}
    plain = {renamed.get(key, key): value for key, value in asdict(line).items() if key != "equivalence"}
    return {**plain, "equivalence_low": low, "equivalence_high": high}


def pairs_to_csv(pairs: Sequence[Pair]) -> str:
    """Return all differences as CSV, one line each."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for pair in pairs:
        about = {"a": pair.first.label, "b": pair.second.label}
        about |= {"dataset": pair.dataset, "fingerprint": pair.fingerprint}
        writer.writerows({**about, **line_to_plain(line)} for line in (*pair.lines, *pair.metrics))
    return text.getvalue()


def _side(side: Side, evaluated: int, seeds: int) -> dict[str, Any]:
    named = {"label": side.label, "model": side.name, "run": str(side.run.folder.path)}
    return {**named, "samples": evaluated, "training_seeds": seeds}
