"""`robustkit plot`."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import click

from robustkit.cli.options import json_option, load_plugins, plugin_options
from robustkit.errors import ConfigError, DataError
from robustkit.names import did_you_mean

if TYPE_CHECKING:
    from robustkit.analysis.specs import Report

FIGURES = ("tradeoff", "severity", "robust-accuracy", "sensitivity", "cka", "layers", "probe")


@click.command("plot", short_help="Draw one figure for a paper.")
@click.argument("runs", nargs=-1, required=True, metavar="RUN…")
@click.option("--figure", required=True, metavar="|".join(FIGURES), help="Which figure.")
@click.option("--venue", default="icml", show_default=True, metavar="NAME", help="Whose column widths.")
@click.option(
    "--column", default="full", show_default=True, metavar="half|full", help="One column or the width of the page."
)
@click.option("--width", default="", metavar="N[in|cm|mm|pt]", help="Exact width in place of the venue's.")
@click.option("--format", "formats", default="pdf", show_default=True, metavar="pdf,svg,png", help="File formats.")
@click.option("--font", default="serif", show_default=True, metavar="serif|sans", help="STIX or DejaVu Sans.")
@click.option("-o", "--out", metavar="DIR", help="Folder for the files. [RUN/plots/VENUE-COLUMN or RUN/plots/WIDTH]")
@json_option
@plugin_options
def command(
    runs: tuple[str, ...],
    figure: str,
    out: str | None,
    as_json: bool,
    include: tuple[str, ...],
    no_plugin: tuple[str, ...],
    strict_plugins: bool,
    **look: str,
) -> None:
    """Draw one figure from RUNs at the exact width of a venue's column, and print the files.

    \b
    robustkit plot RUN --figure tradeoff --venue neurips --format pdf,svg

    Beside the figure lie the plotted numbers (CSV), its spec (JSON) and a caption (text).
    """  # noqa: D301 - click takes the backspace as: leave these lines as they are
    if figure not in FIGURES:
        raise ConfigError(f"unknown figure '{figure}'", did_you_mean(figure, FIGURES) or f"one of {', '.join(FIGURES)}")

    from robustkit.cli.report import distinct, read_report, report_folder
    from robustkit.cli.run_reporter import run_reporter
    from robustkit.host.validate import build

    runs = distinct(runs)
    folder = report_folder(runs, out, f"plots/{_look_name(**look)}")
    host = load_plugins(include, no_plugin, strict_plugins)
    entry = host.catalog.find("reporter", "reports/figures")
    formats = _formats(look.pop("formats"))
    writer = build(entry, {**look, "formats": formats, "figure": [figure]})
    report = read_report(runs)
    _check_drawn(report, figure)
    files = [str(path) for path in run_reporter(entry.qualified, writer, report, folder)]
    click.echo(json.dumps({"figure": figure, "files": files}) if as_json else "\n".join(files))


def _formats(text: str) -> list[str]:
    formats = [form.strip() for form in text.split(",") if form.strip()]
    if not formats:
        raise ConfigError(f"--format '{text}' names no file format", "give at least one of pdf, svg, png")
    return formats


def _look_name(venue: str, column: str, width: str, **_others: str) -> str:
    """Return a name for figures of one width, fit for a folder: those of another width must not be written over."""
    name = width or f"{venue}-{column}"
    return re.sub(r"[^a-z0-9.-]+", "", name.lower()).lstrip(".") or "plot"


def _check_drawn(report: Report, figure: str) -> None:
    if any(each.kind == figure for study in report.studies for each in study.figures):
        return
    reasons = dict.fromkeys(each.reason for study in report.studies for each in study.omitted if each.figure == figure)
    raise DataError(f"there is nothing to draw for '{figure}'", "; ".join(reasons))
