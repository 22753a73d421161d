"""How numbers are printed in tables, the same in every format."""

from __future__ import annotations

from robustkit import TableCell, TableColumn

DASH = "–"
"""What stands for a value that is not defined; never 0."""


def number_text(value: float | None, column: TableColumn) -> str:
    """Return a number as its column prints it.

    >>> number_text(0.9034, TableColumn(title="accuracy", form="percent", digits=1))
    '90.3'
    >>> number_text(None, TableColumn(title="accuracy", form="percent", digits=1))
    '–'
    """
    if value is None:
        return DASH
    if column.form == "integer":
        return f"{value:.0f}"
    if column.form == "general":
        return f"{value:.4g}"
    shown = 100 * value if column.form == "percent" else value
    text = f"{shown:.{column.digits}f}"
    # Rounding can leave a minus before zero.
    return text.removeprefix("-") if float(text) == 0 else text


def interval_text(cell: TableCell, column: TableColumn) -> str:
    """Return the interval in brackets, or nothing where none is defined.

    >>> interval_text(TableCell(value=0.9, low=0.861, high=0.929), TableColumn(title="a", form="percent", digits=1))
    '[86.1, 92.9]'
    """
    if cell.value is None or cell.low is None or cell.high is None:
        return ""
    return f"[{number_text(cell.low, column)}, {number_text(cell.high, column)}]"


def heading(column: TableColumn) -> str:
    """Return the heading with its unit."""
    return f"{column.title} [%]" if column.form == "percent" else column.title


def grey_levels(value: float) -> str:
    """Return a number in 255ths, as papers write an eps.

    >>> grey_levels(8 / 255), grey_levels(0.5 / 255), grey_levels(0.0)
    ('8/255', '0.5/255', '0')
    """
    return f"{255 * value:.4g}/255" if value else "0"
