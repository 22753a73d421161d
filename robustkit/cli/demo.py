"""`robustkit demo`."""

from __future__ import annotations

from pathlib import Path

import click

from robustkit.cli.options import load_plugins, only_results_on_stdout, plugin_options

CONDITIONS = {
    "perturbation": [
        "corruptions/gaussian-noise:severity=[1,3,5]",
        "corruptions/gaussian-blur:severity=[1,3,5]",
        "corruptions/brightness:severity=[1,3,5]",
        "corruptions/contrast:severity=[1,3,5]",
    ],
    "attack": ["attacks/fgsm:eps=0.1", "attacks/pgd:eps=0.1,steps=20"],
}


@click.command("demo", short_help="Evaluate two bundled checkpoints on bundled data.")
@click.option("-o", "--out", default="robustkit-demo", show_default=True, metavar="DIR", help="Run folder.")
@plugin_options
def command(out: str, include: tuple[str, ...], no_plugin: tuple[str, ...], strict_plugins: bool) -> int:
    """Evaluate two bundled classifiers, one trained as usual and one against PGD, on 2,000 Fashion-MNIST images.

    Needs no network; took 23 seconds on two idle CPU cores. A second run in the same folder reuses what is stored.
    """
    from robustkit.cli.progress import make_progress
    from robustkit.cli.table import results_by_condition
    from robustkit.config import parse_config

    host = load_plugins(include, no_plugin, strict_plugins)
    config = parse_config({"model": _checkpoints(), "data": "zoo/fashion-mnist-mini", **CONDITIONS, "include": include})
    click.echo("robustkit: evaluating 2 models on Fashion-MNIST under 4 corruptions and 2 attacks", err=True)

    from robustkit.evaluation import evaluate

    with only_results_on_stdout():
        done = evaluate(config, host=host, observer=make_progress(), out=Path(out), resume=True)
    click.echo(results_by_condition(done.rows), nl=False)
    click.echo("\nFiles written:")
    for path in done.files:
        click.echo(f"  {path}")
    click.echo(f"Look again with: robustkit show {out}")
    return 4 if done.failures else 0


def _checkpoints() -> list[dict[str, str]]:
    # The zoo is a plugin like any other; its asset folder is public.
    from robustkit_zoo.assets import ASSETS

    return [
        {"checkpoint": str(ASSETS / "checkpoints" / "fashion-cnn-standard.safetensors"), "name": "standard"},
        {"checkpoint": str(ASSETS / "checkpoints" / "fashion-cnn-pgd.safetensors"), "name": "pgd-trained"},
    ]
