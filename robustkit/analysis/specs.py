"""What a report says, as plain numbers: figures, tables, sentences. Renderers need nothing else.

Everything here is frozen, JSON-serialisable both ways (`robustkit.analysis.spec_json`), and knows neither models nor
files.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Better = Literal["higher", "lower", ""]


@dataclass(frozen=True, kw_only=True)
class Axis:
    """One axis of a panel.

    Attributes:
        label: what is shown, without the unit.
        low: smaller limit.
        high: larger limit.
        unit: `%` for shares that are printed times 100, `/255` for numbers that are printed in 255ths; numbers in the
            spec stay as they are. Empty for none.
        better: which direction is better.
        ticks: where ticks must be; empty to leave it to the renderer.
        names: of an axis of a heat map, what stands at 0, 1, 2 …
    """

    label: str
    low: float
    high: float
    unit: str = ""
    better: Better = ""
    ticks: tuple[float, ...] = ()
    names: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Point:
    """One point with its 95 % intervals; an end is None where none is defined.

    Attributes:
        x: horizontal value.
        y: vertical value.
        x_low: lower end of the interval of `x`.
        x_high: upper end.
        y_low: lower end of the interval of `y`.
        y_high: upper end.
        label: what exactly it is, in full: a condition, a training seed.
        n: samples that it rests on; for a group of models, the number of training seeds.
        front: `on`, `reaches` (dominated, but the better ends of its intervals are not: not separable from the front),
            or `dominated`; empty where there is no front, as for a model alone.
        value: of a cell of a heat map, the number that its colour stands for.
        doubtful: whether that number, or `y`, is not to be relied on.
        chance: what chance alone gives in place of `y`; None where that is not drawn.
    """

    x: float
    y: float
    x_low: float | None = None
    x_high: float | None = None
    y_low: float | None = None
    y_high: float | None = None
    label: str = ""
    n: int | None = None
    front: Literal["on", "reaches", "dominated", ""] = ""
    value: float | None = None
    doubtful: bool = False
    chance: float | None = None


@dataclass(frozen=True, kw_only=True)
class Series:
    """What belongs together in a panel: a model, a group of models, a layer, a row of a heat map.

    Attributes:
        name: for legends and labels.
        style: index of colour, marker and line; the same thing has the same style in all figures.
        points: in the order in which a line joins them.
        replicates: the single training seeds behind a group's points.
        level: a horizontal reference line of this series, such as its clean accuracy.
    """

    name: str
    style: int
    points: tuple[Point, ...]
    replicates: tuple[Point, ...] = ()
    level: float | None = None


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One pair of axes.

    Attributes:
        title: short.
        kind: `scatter`, `line` with a band for the intervals, or `heatmap`, whose cells are points at whole numbers.
        x: horizontal axis.
        y: vertical axis.
        series: what is drawn, each once.
        front: corners of the Pareto front's step line, from one side of the panel to the other.
        condition: what the panel is about, in full.
        value: of a heat map, what its colours stand for.
    """

    title: str
    kind: Literal["scatter", "line", "heatmap"]
    x: Axis
    y: Axis
    series: tuple[Series, ...]
    front: tuple[tuple[float, float], ...] = ()
    condition: str = ""
    value: Axis | None = None


@dataclass(frozen=True, kw_only=True)
class FigureSpec:
    """One figure.

    Attributes:
        id: of the figure, unique in a report, fit for a file name.
        kind: which figure it is: `tradeoff`, `severity`, `sensitivity`, `cka`, `layers` …
        title: one line.
        caption: what a reader must know: data, n, what the intervals are.
        panels: at least one.
    """

    id: str
    kind: str
    title: str
    caption: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True, kw_only=True)
class TableColumn:
    """One column of a table.

    Attributes:
        title: short.
        full: in full, where the title is shortened.
        form: how its numbers are printed: `percent` (a share times 100), `number`, `general` (up to four significant
            digits), `integer`, or `text`.
        digits: after the decimal point, for `percent` and `number`.
        better: which direction is better.
    """

    title: str
    full: str = ""
    form: Literal["percent", "number", "general", "integer", "text"] = "text"
    digits: int = 0
    better: Better = ""


@dataclass(frozen=True, kw_only=True)
class TableCell:
    """One cell of a table: a text, or a number that may be undefined, with its 95 % interval.

    Attributes:
        text: what stands in a text column.
        full: the text in full, where `text` is shortened.
        value: the number; None is printed as a dash.
        low: lower end of its interval.
        high: upper end.
        rank: whether it is the best or the second of its column.
    """

    text: str = ""
    full: str = ""
    value: float | None = None
    low: float | None = None
    high: float | None = None
    rank: Literal["best", "second", ""] = ""


@dataclass(frozen=True, kw_only=True)
class TableSpec:
    """One table.

    Attributes:
        id: unique in a report, fit for a file name.
        title: one line.
        caption: what a reader must know.
        columns: as many as each row has cells.
        rows: from the first line to the last.
        notes: below the table.
    """

    id: str
    title: str
    caption: str
    columns: tuple[TableColumn, ...]
    rows: tuple[tuple[TableCell, ...], ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One sentence of the verdict.

    Attributes:
        about: a word or two in front of it: `clean`, `pgd, eps 0.1`, `front` …
        text: the sentence.
        kind: a result, a caution about results, or an alert: what must be known before any of them.
    """

    about: str
    text: str
    kind: Literal["result", "caution", "alert"] = "result"


@dataclass(frozen=True, kw_only=True)
class Omission:
    """A figure that was not drawn, and why."""

    figure: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Study:
    """What was found on one dataset: only models that saw the same samples are compared.

    Attributes:
        id: unique in a report, fit for a file name; empty where the report has one study.
        dataset: its name.
        samples: how many were evaluated.
        verdict: in plain words.
        figures: those that could be drawn.
        omitted: those that could not.
        tables: `results` first.
        notes: what was left out of means, and why.
    """

    id: str
    dataset: str
    samples: int
    verdict: tuple[Finding, ...]
    figures: tuple[FigureSpec, ...]
    omitted: tuple[Omission, ...]
    tables: tuple[TableSpec, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Report:
    """What one or more runs have found.

    Attributes:
        title: one line.
        runs: names of the runs.
        studies: one for each set of samples.
        failures: cells and metrics without a result.
        caveats: what is approximate about a method, as its declaration says.
        notes: about the runs: not finished, merged, renamed.
        provenance: what was run, on what, with what.
        trust: what the runs checked about themselves; None where they did not.
    """

    title: str
    runs: tuple[str, ...]
    studies: tuple[Study, ...]
    failures: TableSpec
    caveats: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    provenance: tuple[TableSpec, ...] = ()
    trust: TableSpec | None = None
