"""`robustkit show`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from robustkit.cli.options import json_option, plugin_options
from robustkit.errors import ConfigError, DataError
from robustkit.texts import printable_lines

STATUS = {"running": "not finished (running, or killed)"}


@click.command("show", short_help="Summarise a run, or draw what perturbations do.")
@click.argument("run", metavar="[RUN]", required=False)
@click.option(
    "-p",
    "--perturbation",
    multiple=True,
    metavar="NAME:k=v,…",
    help="Draw what a perturbation does, or all of a tag (corruptions/common). Repeatable.",
)
@click.option("--data", metavar="PATH|NAME", help="The images, as for eval.")
@click.option("--split", metavar="NAME", help="Part of the data: test (default) or train.")
@click.option("--view", metavar="SPEC", help="Resize and crop, as for eval.")
@click.option("--limit", type=int, metavar="N", help="Draw N images. [4, or 1 of each of several perturbations]")
@click.option("--indices", metavar="FILE|I,J,…", help="Draw the images with these ids.")
@click.option("--seed", type=click.IntRange(min=0), metavar="N", help="Seed of the random numbers. [0]")
@click.option("-o", "--out", metavar="FILE", help="Picture to write: .png, .pdf or .svg.")
@click.option("--force", is_flag=True, help="Write over a file that exists.")
@json_option
@plugin_options
def command(run: str | None, as_json: bool, **options: Any) -> None:
    """Summarise the run in folder RUN: what was evaluated, how far it got, the results.

    \b
    robustkit show RUN
    robustkit show -p corruptions/fog --data DATA -o grid.png

    With --perturbation, draw images at severity 0 to 5 instead, as eval would give them to a model under the same seed:
    one row an image, or, of several perturbations, one row a perturbation. Prints the path.
    """  # noqa: D301 - click takes the backspace as: leave these lines as they are
    if options["perturbation"]:
        _draw(run, as_json, options)
    else:
        _summarise(run, as_json, options)


def _draw(run: str | None, as_json: bool, options: dict[str, Any]) -> None:
    from robustkit.cli.gallery import write_gallery

    if run is not None:
        raise ConfigError(f"expected a run or --perturbation, got both: '{run}'", "leave one out")
    drawn = write_gallery({**options, "seed": options["seed"] or 0})
    click.echo(json.dumps(drawn) if as_json else drawn["figure"])


def _summarise(run: str | None, as_json: bool, options: dict[str, Any]) -> None:
    from robustkit.store.run_folder import RunFolder

    if run is None:
        raise ConfigError("expected a run folder, got none", "name one, or draw pictures with --perturbation NAME")
    of_pictures = ("data", "split", "view", "limit", "indices", "seed", "out", "force")
    given = next((name for name in of_pictures if options[name] not in (None, False)), None)
    if given is not None:
        raise ConfigError(f"--{given} goes with --perturbation, not with a run", "leave it out, or leave RUN out")
    folder = RunFolder(Path(run))
    manifest, rows = folder.read_manifest(), folder.read_results()
    try:
        _show(run, manifest, rows, as_json)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise DataError(
            f"{run}: its manifest or results are not as robustkit writes them: {type(error).__name__}: {error}",
            "repeat the run in a new folder",
        ) from error


def _show(run: str, manifest: dict[str, Any], rows: list[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({"run": run, "status": manifest["status"], "manifest": manifest, "results": rows}))
        return
    if manifest.get("kind") == "training":
        click.echo(printable_lines(_training(run, manifest)))
        return
    click.echo(printable_lines(_summary(run, manifest)))
    if rows:
        from robustkit.cli.table import results_by_condition, worst_case_table

        click.echo(results_by_condition(rows), nl=False)
        click.echo(worst_case_table(manifest.get("worst_cases", [])), nl=False)
    else:
        click.echo("no results yet")


def _summary(run: str, manifest: dict[str, Any]) -> str:
    lines = [
        f"run {run}: {STATUS.get(manifest['status'], manifest['status'])}",
        f"started {manifest['started']}, finished {manifest['finished'] or '-'}, robustkit {manifest['robustkit']}",
    ]
    for name, dataset in manifest["datasets"].items():
        facts = f"{dataset['evaluated']} of {dataset['n']} samples, fingerprint {dataset['fingerprint'][:12]}"
        lines.append(f"data {name}: {facts}")
    for name, model in manifest["models"].items():
        lines.append(_model_line(name, model))
    lines += _warnings(manifest)
    for failure in manifest["failures"]:
        lines.append(f"FAILED {failure['model']} · {failure['condition']}: {failure['error']}")
    if manifest["status"] != "finished":
        lines.append("'robustkit eval --resume' with the same command continues it")
    return "\n".join(lines)


def _training(run: str, manifest: dict[str, Any]) -> str:
    trainer, data, model = manifest["trainer"], manifest["data"], manifest["model"]
    lines = [
        f"training {run}: {STATUS.get(manifest['status'], manifest['status'])}",
        f"started {manifest['started']}, finished {manifest['finished'] or '-'}, robustkit {manifest['robustkit']}",
        f"trainer {trainer['name']}, seed {manifest['seed']['root']}",
        *([f"caveat: {trainer['caveat']}"] if trainer["caveat"] else []),
        f"model {model['name']}: {model['parameters']} parameters",
        f"data {data['name']}: {data['trained_on']} samples trained on, {data['validated_on']} held out",
        f"epoch {manifest['selected_epoch']} of {len(manifest['history'])} selected ({manifest['selection']})",
    ]
    for row in manifest["history"]:
        right = f"{row['validation_correct']} of {row['validation_n']} validation samples right"
        lines.append(f"  epoch {row['epoch']}: loss {row['loss']:.4f}, {right}")
    if manifest["status"] != "finished":
        lines.append(f"'robustkit train --resume --out {run}' continues it")
    return "\n".join(lines)


def _warnings(manifest: dict[str, Any]) -> list[str]:
    """Return what a reader of the results should know: checks that did not pass, caveats each once, notes."""
    from robustkit.analysis.notes import gather_notes
    from robustkit.cli.trust import trust_block
    from robustkit.store.checks import checks_from_plain

    lines = trust_block(checks_from_plain(manifest.get("checks", [])))
    said = {f"metric {name}": facts.get("caveat") for name, facts in manifest["metrics"].items()}
    said |= {facts["component"]: facts.get("caveat") for facts in manifest["conditions"].values()}
    lines += [f"{name}: {caveat}" for name, caveat in said.items() if caveat]
    lines += [f"note: {note}" for note in gather_notes(manifest.get("notes", []))]
    return lines


def _model_line(name: str, model: dict[str, Any]) -> str:
    fit = model["fit"]
    parts = [
        f"model {name}: {model['checkpoint']} ({model['format']}, sha256 {model['sha256'][:12]})",
        f"architecture {model['model']}",
        *([f"normalisation {model['normalize']}"] if model["normalize"] else []),
    ]
    training = model.get("training") or {}
    if training:
        seed = f", seed {training['seed']}" if "seed" in training else ""
        parts.append(f"trained with {training.get('trainer', 'an unnamed trainer')}{seed}")
    if training.get("caveat"):
        parts.append(f"caveat: {training['caveat']}")
    if model["unwrapped"]:
        parts.append(f"unwrapped {' > '.join(model['unwrapped'])}")
    if fit["stripped"]:
        parts.append(f"stripped {', '.join(fit['stripped'])}")
    parts += [f"differences that do not matter: {_shortened(fit['ignored'])}"] if fit["ignored"] else []
    parts += fit["notes"]
    parts += [f"also in the file: {key} ({what})" for key, what in model["extras"].items()]
    return "; ".join(parts)


def _shortened(names: list[str]) -> str:
    return ", ".join(names[:2]) + (f" and {len(names) - 2} more" if len(names) > 2 else "")
