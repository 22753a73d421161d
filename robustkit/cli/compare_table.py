"""Paired comparisons as text for the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from robustkit.cli.table import render
from robustkit.texts import printable, printable_lines

if TYPE_CHECKING:
    from robustkit.analysis.paired.line import Line
    from robustkit.analysis.paired.pair import Pair

METHODS = {
    "newcombe": "Newcombe's method 10",
    "bootstrap": "paired bootstrap over samples, with all their conditions",
    "seeds-and-samples-t": "Student's t over training seeds and samples",
    "paired-t": "paired Student's t over samples",
    "welch": "Welch's t over training seeds",
    "unpaired": "from the two intervals, as if unpaired: too wide rather than too narrow",
}
TESTS = {
    "mcnemar-exact": "McNemar, exact",
    "sign-flip": "sign-flip of samples",
    "seeds-and-samples-t": "Student's t over training seeds and samples",
}
MOST_METRICS = 60
"""Lines about other metrics that a terminal gets; files get all."""


def comparison_text(pair: Pair) -> str:
    """Return heading, table of accuracies, table of other metrics, and how their numbers were made."""
    parts = [_heading(pair)]
    if pair.lines:
        parts += [_accuracies(pair.lines), _tests(pair.lines), _legend(pair.lines)]
    if pair.metrics:
        parts.append(_metrics(pair.metrics))
    return "\n".join(parts)


def _heading(pair: Pair) -> str:
    sides = zip("AB", (pair.first, pair.second), pair.seeds, strict=True)
    lines = [
        f"{letter}  {side.label}, run {side.run.folder.path}{f', {seeds} training seeds' if seeds > 1 else ''}"
        for letter, side, seeds in sides
    ]
    data = f"{pair.samples} shared samples of {pair.dataset}, fingerprint {pair.fingerprint[:12]}"
    return printable_lines("\n".join([*lines, data, "differences are B − A", ""]))


def _accuracies(lines: tuple[Line, ...]) -> str:
    rows = [
        (line.title, _share(line.first), _share(line.second), _difference(line), _ends(line.joint_low, line.joint_high))
        for line in lines
    ]
    return render(["accuracy", "A", "B", "B − A, 95 %", "jointly, 95 %"], rows, folding=1)


def _tests(lines: tuple[Line, ...]) -> str:
    """Return the table of tests, apart from that of the values: together they are too wide for a terminal."""
    columns: dict[str, list[str]] = {"test": [line.title for line in lines]}
    if any(line.lost is not None for line in lines):
        columns["lost"] = [_count(line.lost) for line in lines]
        columns["gained"] = [_count(line.gained) for line in lines]
    columns["p"] = [_p(line.p) for line in lines]
    columns["Holm"] = [_p(line.p_holm) for line in lines]
    if any(line.p_max_t is not None for line in lines):
        columns["max-T"] = [_p(line.p_max_t) for line in lines]
    columns["detectable"] = [_share(line.detectable) for line in lines]
    if any(line.equivalent is not None for line in lines):
        columns["equivalent"] = [{None: "–", True: "yes", False: "no"}[line.equivalent] for line in lines]
    return render(list(columns), zip(*columns.values(), strict=True), folding=1)


def _legend(lines: tuple[Line, ...]) -> str:
    intervals = [METHODS[each] for each in dict.fromkeys(line.method for line in lines) if each]
    tests = [TESTS[each] for each in dict.fromkeys(line.test for line in lines) if each]
    family = "one line" if len(lines) == 1 else f"all {len(lines)} lines together"
    max_t = ["max-T"] if any(line.p_max_t is not None for line in lines) else []
    said = [
        f"95 % intervals: {'; '.join(intervals) or 'none'}",
        f"p: {'; '.join(tests) or 'none'}; {', '.join(['Holm', *max_t])} and jointly: for {family}",
    ]
    if any(line.lost is not None for line in lines):
        said.append("lost: right by A alone (b), gained: right by B alone (c)")
    said.append("detectable: what would have been found with a power of 80 %, at p 0.05 and on its own")
    said += ["equivalent: the 90 % interval lies within the margin"] if any(line.equivalence for line in lines) else []
    said += [f"{line.title}: {line.note}" for line in lines if line.note]
    return "".join(f"{printable(each)}\n" for each in said)


def _metrics(lines: tuple[Line, ...]) -> str:
    shown = lines[:MOST_METRICS]
    rows = [
        (
            line.title,
            line.metric.partition("/")[2],
            _share(line.first),
            _share(line.second),
            _difference(line),
            "; ".join(filter(None, (line.method, line.note))),
        )
        for line in shown
    ]
    table = render(["condition", "metric", "A", "B", "B − A, 95 %", "how"], rows, folding=6)
    methods = dict.fromkeys(line.method for line in shown if line.method)
    said = [f"{each}: {METHODS[each]}" for each in methods]
    said += [f"{len(lines) - len(shown)} more are in --json and --out"] if len(lines) > len(shown) else []
    return table + "".join(f"{each}\n" for each in said)


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"


def _count(value: int | None) -> str:
    return "–" if value is None else str(value)


def signed(value: float, digits: int) -> str:
    """Return a difference with its sign, which is left out where rounding leaves no digit."""
    # A minus sign, not a hyphen: it stands between numbers.
    rounded = round(value, digits)
    return f"{rounded:+.{digits}f}".replace("-", "−") if rounded else f"{0:.{digits}f}"


def _difference(line: Line) -> str:
    if line.difference is None:
        return "–"
    return f"{signed(line.difference, 4)} {_ends(line.low, line.high)}"


def _ends(low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else f"[{signed(low, 3)}, {signed(high, 3)}]"


def _p(value: float | None) -> str:
    if value is None:
        return "–"
    return "<0.0001" if value < 0.0001 else f"{value:.4f}"
