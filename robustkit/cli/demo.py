"""`robustkit demo`."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from robustkit.cli.options import load_plugins, only_results_on_stdout, plugin_options

if TYPE_CHECKING:
    from robustkit.analysis.specs import Report

IMAGES: dict[str, Any] = {
    "data": "zoo/fashion-mnist-mini",
    "limit": 1000,
    "perturbation": [
        "corruptions/gaussian-noise:severity=1..5",
        "corruptions/gaussian-blur:severity=1..5",
    ],
    "attack": ["attacks/pgd:eps=0.1,steps=10"],
    "metric": ["default", "metrics/utility-sensitivity", "metrics/linear-cka"],
}
TEXTS: dict[str, Any] = {
    "data": "zoo/debian-sections",
    "perturbation": ["textnoise/keyboard:severity=1..5"],
    "metric": ["default", "metrics/token-utility-sensitivity"],
}


@click.command("demo", short_help="Evaluate the bundled checkpoints and write a report.")
@click.option("--text", is_flag=True, help="The bundled text model on package descriptions, instead of images.")
@click.option("-o", "--out", metavar="DIR", help="Run folder. [robustkit-demo, or robustkit-demo-text]")
@plugin_options
def command(
    text: bool, out: str | None, include: tuple[str, ...], no_plugin: tuple[str, ...], strict_plugins: bool
) -> int:
    """Evaluate bundled classifiers under noise, blur and an attack, and write a report; needs no network.

    Nine classifiers of clothing: three methods (standard, FCL, PGD-AT) under three training seeds each, on 1,000 images
    of Fashion-MNIST. With --text, one classifier of package descriptions under keyboard noise. A
    second run in the same folder reuses what is stored. Ends with the verdict and the paths; `robustkit show` prints
    every number.
    """
    from robustkit.cli.progress import make_progress
    from robustkit.cli.report import write_report
    from robustkit.config import parse_config
    from robustkit.evaluation import evaluate

    host = load_plugins(include, no_plugin, strict_plugins)
    folder = Path(out or ("robustkit-demo-text" if text else "robustkit-demo"))
    settings = TEXTS if text else IMAGES
    config = parse_config({"model": _checkpoints(text), **settings, "include": include})
    click.echo(f"robustkit: evaluating {len(config.model)} model(s) on {config.data}", err=True)
    with only_results_on_stdout():
        done = evaluate(config, host=host, observer=make_progress(), out=folder, resume=True)
        report, written = write_report((str(folder),), folder / "report", host)
    click.echo(closing(report, folder, done.files, written))
    return 4 if done.failures else 0


def closing(report: Report, folder: Path, results: Sequence[Path], written: Sequence[Path]) -> str:
    """Return what the demonstration ends with: the verdict, and where everything is, the page first.

    Args:
        report: on the run.
        folder: of the run.
        results: files of the run itself.
        written: files of the report.
    """
    lines = []
    for study in report.studies:
        lines.append(f"Verdict on {study.dataset}, {study.samples:,} samples")
        lines += [_wrapped(f"{finding.about}: {finding.text}") for finding in study.verdict]
    folders = dict.fromkeys(path.parent for path in written if path.suffix != ".html")
    lines += ["", "The report, for any browser:", *(f"  {path}" for path in written if path.suffix == ".html")]
    lines += ["Figures, tables and results:", *(f"  {path}" for path in (*folders, *results))]
    return "\n".join([*lines, f"Every number: robustkit show {folder}"])


def _wrapped(text: str) -> str:
    return textwrap.fill(text, 98, initial_indent="  ", subsequent_indent="    ", break_long_words=False)


def _checkpoints(text: bool) -> list[dict[str, str]]:
    # The zoo is a plugin like any other; its asset folder is public.
    from robustkit_zoo.assets import ASSETS

    pattern = "debian-*.safetensors" if text else "fashion-cnn-*.safetensors"
    return [
        {"checkpoint": str(path), "name": path.stem.removeprefix("fashion-cnn-").removeprefix("debian-")}
        for path in sorted((ASSETS / "checkpoints").glob(pattern))
    ]
