"""Tables for the terminal."""

from __future__ import annotations

import io
import os
import re
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from robustkit.texts import printable

PLAIN_WIDTH = 160
"""Columns of a table that does not go to a terminal, where COLUMNS says nothing else."""

LEAST_WIDTH = 40
"""No table is made narrower."""

SHOWN_PARTS = 7
"""A line of a terminal has room for no more numbers."""

HEADING = 18
"""Headings of columns are broken where they are longer, or longer than a sixth of the width."""

GAP = 2
"""Between two columns."""

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
    console = Console(file=buffer, width=_width(), markup=False, highlight=False)
    console.print(table)
    return "\n".join(line.rstrip() for line in buffer.getvalue().splitlines()) + "\n"


def _width() -> int:
    from rich.console import Console

    terminal = Console()
    told = terminal.is_terminal or os.environ.get("COLUMNS", "").isdigit()
    return max(terminal.width if told else PLAIN_WIDTH, LEAST_WIDTH)


def _split(keys: Sequence[Sequence[str]], others: Sequence[Sequence[str]]) -> str:
    """Return a table, or several below one another where the columns do not fit; each has the columns `keys`.

    Args:
        keys: columns, each its heading and its cells: the first of every table.
        others: the columns that are shared out.
    """
    width = _width()
    narrow = [(_broken(column[0], max(HEADING, width // 6)), *column[1:]) for column in others]
    # The keys fold between their words, and within them only where they would leave no room for a single column.
    word = max(len(word) for column in keys for cell in column for word in cell.split())
    folded = sum(min(_needs(column), word + GAP) for column in keys)
    room = max(width - folded, min(max(map(_needs, narrow)), width // 2))
    tables: list[list[Sequence[str]]] = []
    left = 0
    for column in narrow:
        left -= _needs(column)
        if not tables or left < 0:
            tables.append([])
            left = room - _needs(column)
        tables[-1].append(column)
    return "\n".join(
        render([column[0] for column in (*keys, *each)], _transposed([*keys, *each]), folding=len(keys))
        for each in tables
    )


def _needs(column: Sequence[str]) -> int:
    from rich.cells import cell_len

    return max(cell_len(line) for cell in column for line in cell.split("\n")) + GAP


def _broken(heading: str, room: int) -> str:
    """Return a heading in lines no wider than `room`, broken behind commas where it can be."""
    lines = [""]
    for piece in re.split(r"(?<=[,:/])", heading):
        if len(lines[-1]) + len(piece) > room:
            lines.append("")
        lines[-1] += piece
    return "\n".join(part for line in lines if line for part in textwrap.wrap(line, room))


def _transposed(columns: Sequence[Sequence[str]]) -> Iterable[tuple[str, ...]]:
    return zip(*(column[1:] for column in columns), strict=True)


def results_by_condition(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return tables with one line a (model, condition, seed), one column a metric; the first with its 95 % interval.

    Columns that do not fit stand in a further table below, with model and condition again.

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
    keys = [(("model", "condition", "seed", "n")[place], *(key[place] for key in lines)) for place in varying]
    titles = [metric.partition("@")[2] if whole else metric.partition("/")[2] for metric in metrics]
    columns = [
        (printable(title), *(cells.get(name, "") for cells in lines.values()))
        for title, name in zip(titles, metrics, strict=True)
    ]
    table = _split([tuple(map(printable, key)) for key in keys], columns)
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
