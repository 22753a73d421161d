"""A report made by hand: numbers only, no run behind it."""

from __future__ import annotations

import pytest

from robustkit import (
    Axis,
    FigureSpec,
    Finding,
    Omission,
    Panel,
    Point,
    Report,
    Series,
    Study,
    TableCell,
    TableColumn,
    TableSpec,
)
from robustkit.analysis.comparison.comparison import Comparison, Measured, Scope, Subject
from robustkit.analysis.comparison.conditions import describe_conditions

HOSTILE = "<script>alert(1)</script>"
AWKWARD = r"a_b%c&d#e$f{g}h~i^j\k"
NAMES = ("standard", HOSTILE, AWKWARD, "a-model-with-a-name-that-is-much-too-long-for-a-figure")


def tradeoff() -> FigureSpec:
    """Four models: two on the front, one that reaches it, one dominated; one has training seeds."""
    places = ("on", "on", "reaches", "dominated")
    at = ((0.9, 0.2), (0.7, 0.6), (0.69, 0.58), (0.6, 0.1))
    seeds = (Point(x=0.68, y=0.55, label="seed 0"), Point(x=0.72, y=0.65, label="seed 1"))
    series = tuple(
        Series(
            name=name,
            style=style,
            points=(
                Point(x=x, y=y, x_low=x - 0.03, x_high=x + 0.03, y_low=y - 0.05, y_high=y + 0.05, n=20, front=front),
            ),
            replicates=seeds if style == 1 else (),
        )
        for style, (name, (x, y), front) in enumerate(zip(NAMES, at, places, strict=True))
    )
    x, y = (
        Axis(label="clean accuracy", low=0.5, high=1, unit="%", better="higher"),
        Axis(label="attacked", low=0, high=0.8),
    )
    front = ((0.5, 0.6), (0.7, 0.6), (0.7, 0.2), (0.9, 0.2), (0.9, 0.0))
    panel = Panel(title="pgd, eps 0.1", kind="scatter", x=x, y=y, series=series, front=front, condition="a/pgd:eps=0.1")
    return FigureSpec(
        id="tradeoff", kind="tradeoff", title="Trade-off", caption="Crosses are intervals.", panels=(panel,)
    )


def severity() -> FigureSpec:
    """Two models under two perturbations."""

    def line(name: str, style: int, fall: float) -> Series:
        points = tuple(
            Point(x=x, y=0.9 - fall * x, y_low=0.85 - fall * x, y_high=0.95 - fall * x, label=f"c/fog:severity={x}")
            for x in range(4)
        )
        return Series(name=name, style=style, points=points, level=0.9)

    x = Axis(label="severity", low=-0.2, high=3.2, ticks=(0, 1, 2, 3))
    y = Axis(label="accuracy", low=0.0, high=1.0, unit="%", better="higher")
    lines = (line(NAMES[0], 0, 0.2), line(HOSTILE, 1, 0.1))
    panels = tuple(Panel(title=title, kind="line", x=x, y=y, series=lines) for title in ("fog", "snow"))
    return FigureSpec(id="severity", kind="severity", title="Severity", caption="Bands.", panels=panels)


def results() -> TableSpec:
    accuracy = TableColumn(title="clean", full="clean, in full", form="percent", digits=1, better="higher")
    cells = (
        TableCell(value=0.9, low=0.861, high=0.929, rank="best"),
        TableCell(value=0.7, rank="second"),
        TableCell(value=None),
        TableCell(value=0.0),
    )
    rows = tuple((TableCell(text=name), cell) for name, cell in zip(NAMES, cells, strict=True))
    return TableSpec(
        id="results",
        title="Accuracy",
        caption="In per cent & more.",
        columns=(TableColumn(title="model"), accuracy),
        rows=rows,
        notes=("A note",),
    )


@pytest.fixture(scope="session")
def report() -> Report:
    """A report with awkward and hostile names everywhere."""
    study = Study(
        id="",
        dataset=f"toy {HOSTILE}",
        samples=20,
        verdict=(
            Finding(about="clean", text=f"{HOSTILE} leads."),
            Finding(about="caution", text="An upper bound.", kind="caution"),
        ),
        figures=(tradeoff(), severity()),
        omitted=(Omission(figure="cka", reason="not measured"),),
        tables=(results(),),
    )
    failure = tuple(TableCell(text=text) for text in ("run", HOSTILE, "clean", "0", "boom"))
    columns = tuple(TableColumn(title=title) for title in ("run", "model", "condition", "seed", "error"))
    failures = TableSpec(id="failures", title="Failures", caption="Listed.", columns=columns, rows=(failure,))
    return Report(
        title=f"toy {HOSTILE}",
        runs=(HOSTILE,),
        studies=(study,),
        failures=failures,
        caveats=(f"metric: {HOSTILE}",),
        notes=("a note",),
        provenance=(failures,),
    )


@pytest.fixture(scope="session")
def comparison() -> Comparison:
    """Numbers from which every kind of figure can be drawn, CKA below 0 among them."""
    facts = {f"c/{name}:severity={level}": ("perturbation", level) for name in ("fog", "snow") for level in (1, 2, 3)}
    facts |= {"clean": ("clean", 0), "a/pgd:eps=0.1": ("attack", None)}
    conditions = describe_conditions(
        {
            text: {"kind": kind, "component": text.partition(":")[0], "severity": level, "threat_model": {"eps": 0.1}}
            for text, (kind, level) in facts.items()
        }
    )
    subjects = tuple(Subject(name=name, style=style, models=(name,)) for style, name in enumerate(NAMES))
    number = Measured(value=0.1, low=-0.1, high=0.2, n=20, method="wilson", over="samples")
    parts = [("clean", f"metrics/utility-sensitivity@s-{part}") for part in ("low", "high")]
    parts += [
        (text, f"metrics/{metric}@{layer}")
        for metric in ("linear-cka", "linear-probe")
        for text in facts
        for layer in ("conv1", "a-layer-with-a-long-name")
    ]
    layers = ("conv1", "a-layer-with-a-long-name", "head")
    parts += [("clean", f"metrics/similarity:against=layers@cka/{p}~{q}") for p in layers for q in layers]
    parts += [("a/pgd:eps=0.1", f"metrics/robust-accuracy-curve@{eps}") for eps in ("0.05", "0.1")]
    scopes = {
        text: Scope(id=text, kind="clean" if text == "clean" else "condition", title=text, conditions=(text,))
        for text in facts
    }
    return Comparison(
        dataset="toy",
        samples=20,
        subjects=subjects,
        conditions=conditions,
        scopes=scopes,
        headline=("clean", "a/pgd:eps=0.1"),
        shared=frozenset(facts),
        accuracy={(subject.name, text): number for subject in subjects for text in facts},
        metrics={(subject.name, *each): number for subject in subjects for each in parts},
    )
