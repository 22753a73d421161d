"""`robustkit report`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from robustkit.cli.baseline import find_baseline, find_effective
from robustkit.cli.options import json_option, load_plugins, plugin_options
from robustkit.cli.run_reporter import run_reporter
from robustkit.errors import ConfigError
from robustkit.texts import printable

if TYPE_CHECKING:
    from robustkit.analysis.specs import Report
    from robustkit.host import Host

DEFAULT = ("html", "figures", "latex", "csv")


@click.command("report", short_help="Write figures, tables and a page from runs.")
@click.argument("runs", nargs=-1, required=True, metavar="RUN…")
@click.option("-o", "--out", metavar="DIR", help="Folder for the files. [RUN/report]")
@click.option(
    "-r",
    "--reporter",
    "reporters",
    multiple=True,
    metavar="NAME:k=v,…",
    help="What to write, e.g. figures:venue=neurips,column=half. Repeatable. [html, figures, latex, csv]",
)
@click.option(
    "--baseline",
    metavar="NAME|FILE|RUN/MODEL",
    help="What corruption errors are divided by: a registered table (alexnet-imagenet-c), a table in a file, or a "
    "model of a run on the same samples, by which flips are divided too.",
)
@click.option(
    "--effective-robustness",
    "effective",
    multiple=True,
    metavar="FILE|RUN",
    help="Baseline models for effective robustness: a table with model, clean and shifts, or a run. Repeatable.",
)
@click.option(
    "--effective-scale",
    "scale",
    type=click.Choice(["logit", "probit"]),
    default="logit",
    help="The scale on which baseline models lie on a line. [logit]",
)
@click.option(
    "--fewest-baselines",
    "fewest",
    metavar="N",
    type=click.IntRange(min=3),
    default=8,
    help="How many baseline models there must be for a line, 3 at least. [8]",
)
@json_option
@plugin_options
def command(
    runs: tuple[str, ...],
    out: str | None,
    reporters: tuple[str, ...],
    baseline: str | None,
    as_json: bool,
    **others: Any,
) -> None:
    """Write a report on finished RUNs, without evaluating anything; prints the path of its page.

    Models that saw the same samples are compared; runs on other data get figures of their own. Cells that failed are
    listed on the page and named on stderr; the exit code is 0 all the same.
    """
    runs = distinct(runs)
    folder = report_folder(runs, out)
    line = [others.pop(name) for name in ("effective", "scale", "fewest")]
    host = load_plugins(**others)
    against = find_baseline(baseline, host) if baseline is not None else None
    report, files = write_report(runs, folder, host, reporters, baseline=against, effective=find_effective(*line))
    page = next((path for path in files if path.suffix == ".html"), None)
    if as_json:
        click.echo(json.dumps(_summary(report, folder, files, page)))
    else:
        click.echo(str(page or folder))


def distinct(runs: tuple[str, ...]) -> tuple[str, ...]:
    """Return each folder once, under the first of the names that it was given."""
    found: dict[Path, str] = {}
    for run in runs:
        found.setdefault(Path(run).resolve(), run)
    return tuple(found.values())


def report_folder(runs: tuple[str, ...], out: str | None, name: str = "report") -> Path:
    """Return where a report goes: to the folder that was asked for, or to one of this name in the run's own.

    Raises:
        ConfigError: there are several runs and no folder is named, or a file is where the folder should be.
    """
    if out is None and len(runs) > 1:
        raise ConfigError("several runs have no folder in common to write to", "name one with -o DIR")
    folder = Path(out) if out is not None else Path(runs[0]) / name
    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"{folder} is a file, not a folder", "choose another folder with -o DIR")
    return folder


def write_report(
    runs: tuple[str, ...], folder: Path, host: Host, reporters: tuple[str, ...] = (), **against: Any
) -> tuple[Report, list[Path]]:
    """Return the report on the runs and the files that the reporters have written below the folder.

    Args:
        runs: run folders.
        folder: where files go.
        host: of the reporters.
        reporters: in shorthand; none for the usual ones.
        against: as `load_report` takes it: `baseline`, `effective`.
    """
    writers = [_writer(text, host) for text in reporters or DEFAULT]
    click.echo(f"robustkit: reading {len(runs)} run(s)", err=True)
    report = read_report(runs, **against)
    files = []
    for place, (name, writer) in enumerate(writers, start=1):
        written = run_reporter(name, writer, report, folder)
        click.echo(
            f"robustkit: [{place}/{len(writers)}] {name}: {len(written)} file(s) in {printable(str(folder))}", err=True
        )
        files += written
    return report, files


def read_report(runs: tuple[str, ...], **against: Any) -> Report:
    """Return the report on the runs; what the user must know about them goes to stderr."""
    from robustkit.analysis.report.load import load_report

    report = load_report(*runs, **against)
    for note in report.notes:
        click.echo(f"robustkit: note: {note}", err=True)
    for study in report.studies:
        for note in study.notes:
            click.echo(f"robustkit: note: {study.dataset}: {note}", err=True)
    return report


def _writer(text: str, host: Host) -> tuple[str, Any]:
    from robustkit.config.shorthand import parse_shorthand
    from robustkit.host.validate import build

    values = parse_shorthand(text)
    entry = host.catalog.find("reporter", values.pop("name"))
    return entry.qualified, build(entry, {key: _listed(key, value) for key, value in values.items()})


def _listed(key: str, value: Any) -> Any:
    # `formats=pdf` means a list of one.
    return [value] if key in ("formats", "figure") and not isinstance(value, list) else value


def _summary(report: Report, folder: Path, files: list[Path], page: Path | None) -> dict[str, Any]:
    return {
        "report": str(folder),
        "page": str(page) if page else None,
        "files": [str(path) for path in files],
        "omitted": [
            {"dataset": study.dataset, "figure": each.figure, "reason": each.reason}
            for study in report.studies
            for each in study.omitted
        ],
        "failures": [[cell.text for cell in row] for row in report.failures.rows],
        "notes": list(report.notes),
    }
