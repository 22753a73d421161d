"""Tables for the terminal."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from robustkit.texts import printable

PLAIN_WIDTH = 160
"""Columns of a table that does not go to a terminal."""

SHOWN_PARTS = 7
"""A line of a terminal has room for no more numbers."""

MOST_PARTS = 24
"""A metric with more parts has no table in the terminal."""


def render(columns: Sequence[str], rows: Iterable[Sequence[str]], folding: int = 99) -> str:
    """Return a plain table as text; where the terminal is narrow, the first `folding` columns fold."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 0, 0, 1))
    for place, column in enumerate(columns):
        table.add_column(column, no_wrap=place >= folding, overflow="fold")
    for row in rows:
        table.add_row(*map(printable, row))
    buffer = io.StringIO()
    terminal = Console()
    width = terminal.width if terminal.is_terminal else PLAIN_WIDTH
    console = Console(file=buffer, width=width, markup=False, highlight=False)
    console.print(table)
    return "\n".join(line.rstrip() for line in buffer.getvalue().splitlines()) + "\n"


def results_by_condition(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return tables with one line a (model, condition, seed), one column a metric; the first with its 95 % interval.

    The number of samples is that of the first metric; another one's stands behind its value.

    A metric that has several parts (`linear-cka@conv1` …) gets a table of its own. What is the same in every line
    stands above a table. The other intervals are in the results files: a terminal has no room for them.
    """
    from robustkit.analysis.comparison.conditions import short_names

    labels = short_names([row["condition"] for row in rows])
    tables: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        whole, _, part = row["metric"].partition("@")
        tables.setdefault(whole if part else "", []).append(row)
    return "\n".join(_table(whole, found, labels) for whole, found in tables.items())


def _many(whole: str, rows: Sequence[Mapping[str, Any]], parts: int) -> str:
    """Return one line in the place of a table whose columns no terminal could show."""
    count = f"{parts} parts, {len(rows)} numbers" if parts < len(rows) else f"{parts} parts"
    return f"{printable(whole.partition('/')[2])}: {count}; results.csv and 'robustkit report' have them\n"


def worst_case_table(found: Sequence[Mapping[str, Any]]) -> str:
    """Return which attack broke how many samples of each worst case, and how many alone; empty where there is none."""
    rows = [
        (
            *(facts["model"], f"{facts['norm']} {_eps(facts['condition'])}", attack),
            *(str(facts["attacks"][attack][key]) for key in ("broken", "alone")),
            str(facts["right"]),
        )
        for facts in found
        for attack in facts["attacks"]
    ]
    if not rows:
        return ""
    table = render(("model", "worst case", "attack", "broken", "alone", "of those right"), rows, folding=3)
    return f"\nworst case: right, and broken by no attack within the norm and eps\n{table}"


def _eps(condition: str) -> str:
    return next(item for item in condition.partition(":")[2].split(",") if item.startswith("eps=")).replace("=", " ")


def _table(whole: str, rows: Sequence[Mapping[str, Any]], labels: Mapping[str, str]) -> str:
    """Return one table; `whole` is the metric whose parts the columns are, or empty."""
    every = list(dict.fromkeys(row["metric"] for row in rows))
    if whole and len(every) > MOST_PARTS:
        return _many(whole, rows, len(every))
    metrics = every[:SHOWN_PARTS] if whole else every
    samples: dict[tuple[str, ...], int] = {}
    lines: dict[tuple[str, ...], dict[str, str]] = {}
    for row in rows:
        cell = (row["model"], labels[row["condition"]], str(row["seed"]))
        n = samples.setdefault(cell, row["n"])
        # A rate over those samples alone that were right is no line of its own.
        of = f" of {row['n']}" if row["n"] != n and row["value"] is not None else ""
        value = _with_interval(row) if row["metric"] == metrics[0] else _number(row)
        lines.setdefault((*cell, str(n)), {})[row["metric"]] = f"{value}{of}"
    varying = [0, 1] + [place for place in (2, 3) if len({key[place] for key in lines}) > 1]
    same = [f"{name} {next(iter(lines))[place]}" for place, name in ((3, "n"), (2, "seed")) if place not in varying]
    columns = [("model", "condition", "seed", "n")[place] for place in varying]
    table = render(
        [*columns, *(metric.partition("@")[2] if whole else metric.partition("/")[2] for metric in metrics)],
        [
            [*(key[place] for place in varying), *(cells.get(name, "") for name in metrics)]
            for key, cells in lines.items()
        ],
        folding=len(columns),
    )
    heading = [*([whole.partition("/")[2]] if whole else []), *same, "95 % intervals over samples"]
    if len(every) > len(metrics):
        heading.append(f"{len(metrics)} of {len(every)} parts, results.csv has all")
    if any(row.get("status") == "unreliable" for row in rows):
        heading.append("? unreliable, results.json and the report say why")
    return f"{printable(', '.join(heading))}\n{table}"


def _number(row: Mapping[str, Any]) -> str:
    """Return the value, marked with ? where it is unreliable; results of older runs have no status."""
    if row["value"] is None:
        return "undefined"
    return f"{row['value']:.4f}{'?' if row.get('status') == 'unreliable' else ''}"


def _with_interval(row: Mapping[str, Any]) -> str:
    value = _number(row)
    if row["ci_low"] is None or row["ci_high"] is None:
        return value
    return f"{value} [{row['ci_low']:.3f}, {row['ci_high']:.3f}]"
