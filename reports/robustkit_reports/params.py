"""Parameters of the reporters."""

from __future__ import annotations

from typing import Literal

from robustkit import params


@params
class FigureParams:
    """What figures look like and which are drawn."""

    venue: str = "icml"
    """Whose column widths: icml, neurips, iclr, cvpr, aaai, aistats, uai, eccv, jmlr, tmlr, ieee, nature."""
    column: Literal["half", "full"] = "full"
    """One column, or the whole width of the page."""
    width: str = ""
    """Exact width in place of the venue's: `3.25in`, `8.5cm`, `82mm`, `234pt`."""
    formats: tuple[Literal["pdf", "svg", "png"], ...] = ("pdf", "svg", "png")
    """File formats; PNG has 300 dots an inch."""
    font: Literal["serif", "sans"] = "serif"
    """STIX, which goes with Times, or DejaVu Sans."""
    figure: tuple[str, ...] = ()
    """Kinds of figure to draw: tradeoff, severity, robust-accuracy, sensitivity, cka. Empty: all."""


@params
class PageParams:
    """What the page is called."""

    title: str = ""
    """The page's title. Empty: the name of the data."""
