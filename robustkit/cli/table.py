"""Tables for the terminal."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any


def render(columns: Sequence[str], rows: Iterable[Sequence[str]], width: int | None = None) -> str:
    """Return a plain table as text; the last columns fold where the terminal is narrow."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    table = Table(*columns, box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for row in rows:
        table.add_row(*row)
    buffer = io.StringIO()
    console = Console(file=buffer, width=width or max(Console().width, 100), markup=False, highlight=False)
    console.print(table)
    return "\n".join(line.rstrip() for line in buffer.getvalue().splitlines()) + "\n"


def results_by_condition(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return one line a (model, condition, seed), one column a metric, each with its 95 % interval."""
    metrics = list(dict.fromkeys(row["metric"] for row in rows))
    lines: dict[tuple[Any, ...], dict[str, str]] = {}
    for row in rows:
        key = (row["model"], row["condition"], str(row["seed"]), str(row["n"]))
        lines.setdefault(key, {})[row["metric"]] = _with_interval(row)
    columns = ["model", "condition", "seed", "n", *(metric.partition("/")[2] for metric in metrics)]
    return render(columns, [[*key, *(cells.get(metric, "") for metric in metrics)] for key, cells in lines.items()])


def _with_interval(row: Mapping[str, Any]) -> str:
    value = f"{row['value']:.4f}"
    if row["ci_low"] is None or row["ci_high"] is None:
        return value
    return f"{value} [{row['ci_low']:.3f}, {row['ci_high']:.3f}]"
