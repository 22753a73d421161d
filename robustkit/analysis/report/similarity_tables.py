"""The numbers of the heat maps of layers, one table a panel."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from robustkit.analysis.figures.similarity_matrix import KIND
from robustkit.analysis.specs import FigureSpec, Panel, TableCell, TableColumn, TableSpec

WIDEST = 24
"""With more columns no page shows a table; the figure's CSV has the numbers."""


def similarity_tables(figures: Iterable[FigureSpec]) -> Iterator[TableSpec]:
    """Yield a table for each panel of the figure of layers that is not too wide."""
    for figure in figures:
        if figure.kind == KIND:
            for place, panel in enumerate(figure.panels, 1):
                if len(panel.x.names) <= WIDEST:
                    yield _table(f"layers-{place}", panel, figure.caption)


def _table(name: str, panel: Panel, caption: str) -> TableSpec:
    rows = tuple(
        (TableCell(text=series.name), *(TableCell(value=point.value) for point in series.points))
        for series in panel.series
    )
    doubtful = [point.label for series in panel.series for point in series.points if point.doubtful]
    columns = (TableColumn(title=column, form="number", digits=3) for column in panel.x.names)
    return TableSpec(
        id=name,
        title=f"Similarity of layers: {panel.title} ({panel.y.label} by {panel.x.label})",
        caption=f"Rows: {panel.y.label}; columns: {panel.x.label}. {caption}",
        columns=(TableColumn(title=panel.y.label), *columns),
        rows=rows,
        notes=(f"Unreliable: {len(doubtful)} of {sum(len(row) - 1 for row in rows)}; notes say why.",)
        if doubtful
        else (),
    )
