"""Tables for the terminal."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

PLAIN_WIDTH = 160
"""Columns of a table that does not go to a terminal."""


def render(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a plain table as text; the last columns fold where the terminal is narrow."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    table = Table(*columns, box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for row in rows:
        table.add_row(*row)
    buffer = io.StringIO()
    terminal = Console()
    width = terminal.width if terminal.is_terminal else PLAIN_WIDTH
    console = Console(file=buffer, width=width, markup=False, highlight=False)
    console.print(table)
    return "\n".join(line.rstrip() for line in buffer.getvalue().splitlines()) + "\n"


def results_by_condition(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return one line a (model, condition, seed), one column a metric; the first metric with its 95 % interval.

    The other intervals are in the results files: a terminal has no room for them.
    """
    metrics = list(dict.fromkeys(row["metric"] for row in rows))
    labels = short_labels([row["condition"] for row in rows])
    lines: dict[tuple[str, ...], dict[str, str]] = {}
    for row in rows:
        key = (row["model"], labels[row["condition"]], str(row["seed"]), str(row["n"]))
        value = f"{row['value']:.4f}"
        lines.setdefault(key, {})[row["metric"]] = _with_interval(row) if row["metric"] == metrics[0] else value
    columns = ["model", "condition", "seed", "n", *(metric.partition("/")[2] for metric in metrics)]
    return render(columns, [[*key, *(cells.get(metric, "") for metric in metrics)] for key, cells in lines.items()])


def short_labels(conditions: Iterable[str]) -> dict[str, str]:
    """Return a short name for each canonical condition: its severity or eps, and what else tells it from the others.

    >>> short_labels(["clean", "c/fog:mode=fixed,severity=1", "c/fog:mode=fixed,severity=2"]).values()
    dict_values(['clean', 'fog severity=1', 'fog severity=2'])
    """
    split = {text: _split(text) for text in conditions}
    labels = {}
    for text, (component, items) in split.items():
        siblings = [others for name, others in split.values() if name == component]
        shown = [
            f"{key}={value}"
            for key, value in items.items()
            if key in ("severity", "eps") or any(others.get(key) != value for others in siblings)
        ]
        labels[text] = " ".join([component.partition("/")[2] or component, *shown])
    return labels


def _split(condition: str) -> tuple[str, dict[str, str]]:
    component, _, rest = condition.partition(":")
    # Lists hold commas too; only those before a key separate parameters.
    items = re.split(r",(?=[\w-]+=)", rest) if rest else []
    return component, dict(item.split("=", 1) for item in items)


def _with_interval(row: Mapping[str, Any]) -> str:
    value = f"{row['value']:.4f}"
    if row["ci_low"] is None or row["ci_high"] is None:
        return value
    return f"{value} [{row['ci_low']:.3f}, {row['ci_high']:.3f}]"
