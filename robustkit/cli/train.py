"""`robustkit train`."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from robustkit.cli.options import json_option, load_plugins, only_results_on_stdout, plugin_options
from robustkit.errors import ConfigError

if TYPE_CHECKING:
    from robustkit.config.training import TrainConfig
    from robustkit.host import Host
    from robustkit.training.run import Training

_FLAGS = (
    "data", "model", "normalize", "name", "group", "split", "view", "text_column", "label_column", "limit",
    "validation", "validation_split", "seed", "epochs", "batch_size", "optimizer", "lr", "schedule", "precision",
    "device", "checkpoint_every",
)  # fmt: skip


@click.command("train", short_help="Train a model.")
@click.argument("trainer", required=False, metavar="TRAINER")
@click.option("--data", metavar="PATH|NAME", help="Images or a table of texts, or a registered dataset.")
@click.option(
    "--model", metavar="SPEC", help="Architecture: a registered name, FILE.py:callable or package.module:callable."
)
@click.option(
    "--normalize", metavar="NAME|MEAN/STD", help="What the network gets of [0,1] images: cifar10, 0.5/0.5 … [none]"
)
@click.option("--epochs", type=int, metavar="N", help="Passes over the training samples. [10]")
@click.option("--batch-size", type=int, metavar="N", help="Samples a step. [128]")
@click.option("--optimizer", metavar="NAME", help="adam, adamw or sgd. [adam]")
@click.option("--lr", type=float, metavar="RATE", help="The highest learning rate. [0.01]")
@click.option("--schedule", metavar="NAME", help="onecycle, cosine or constant. [onecycle]")
@click.option("--augment", multiple=True, metavar="NAME", help="flip or crop, of training images. Repeatable.")
@click.option("--seed", type=int, metavar="N", help="Decides weights, order, held-out samples and all draws. [0]")
@click.option("--validation", type=float, metavar="SHARE", help="Share of the samples to select an epoch by. [0.1]")
@click.option("--validation-split", metavar="NAME", help="Select by this part of the data instead.")
@click.option("--split", metavar="NAME", help="Part of the data to train on. [train]")
@click.option("--view", metavar="SPEC", help="Resize and crop: 224, or resize=256,crop=224,interpolation=bicubic.")
@click.option("--text-column", metavar="NAME", help="Column of a table that holds the texts.")
@click.option("--label-column", metavar="NAME", help="Column of a table that holds the labels.")
@click.option("--limit", type=int, metavar="N", help="Use N samples, spread evenly over the data.")
@click.option("--name", metavar="NAME", help="How tables call the model. [trainer and architecture]")
@click.option("--group", metavar="NAME", help="Models of one group differ in their seed only. [the name]")
@click.option("--precision", metavar="fp32|tf32|bf16|fp16", help="Arithmetic of the forward passes. [fp32]")
@click.option("--device", envvar="ROBUSTKIT_DEVICE", metavar="NAME", help="auto, cpu, cuda, cuda:N. [auto]")
@click.option("--checkpoint-every", type=int, metavar="N", help="Store the state every N steps, not only each epoch.")
@click.option("--config", metavar="FILE.toml", help="Read the configuration from a file; flags override it.")
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="KEY=VALUE",
    help="Set one configuration entry, e.g. gradient_clip=1 or trainer.steps=7. Repeatable.",
)
@click.option("-o", "--out", metavar="DIR", help="Folder. [a new one below runs/]")
@click.option(
    "--resume", is_flag=True, help="Continue in --out, or the newest training below runs/ that this command began."
)
@click.option("--dry-run", is_flag=True, help="Check everything, say what would be trained, compute nothing.")
@click.option("-q", "--quiet", is_flag=True, help="No progress.")
@json_option
@plugin_options
def command(**options: Any) -> int:
    """Train a model with TRAINER and write the weights of its best epoch.

    \b
    robustkit train standard --data zoo/fashion-mnist-mini --model small-cnn -o DIR
    robustkit train NAME:key=value,… --data train.npz --model resnet20-cifar --normalize cifar10
    robustkit eval DIR/model.safetensors --data …

    'robustkit list trainers' names the trainers, 'robustkit describe NAME' shows their parameters. Further entries of a
    configuration, for --set: momentum [0.9], weight_decay [0], gradient_clip [none].
    """  # noqa: D301 - click takes the backspace as: leave these lines as they are
    config = _configure(options)
    host = load_plugins(config.include, options["no_plugin"], options["strict_plugins"])
    if options["dry_run"]:
        return _dry_run(config, host, options["as_json"])

    from robustkit.cli.train_progress import make_progress
    from robustkit.training.run import train

    out = Path(options["out"]) if options["out"] else None
    observer = make_progress(options["quiet"])
    with only_results_on_stdout():
        done = train(config, host=host, observer=observer, out=out, resume=options["resume"])
    _print(done, options["as_json"])
    return 0


def _configure(options: dict[str, Any]) -> TrainConfig:
    from robustkit.config import apply_setting, parse_shorthand
    from robustkit.config.training import parse_training

    source = options["config"] or ""
    if options["resume"] and options["out"] and not source and not options["trainer"]:
        source = str(Path(options["out"]) / "config.toml")
    values, text = _read_file(source) if source else ({}, "")
    if source and not options["config"]:
        # A folder may come from somebody else: what lets code run is asked for anew.
        values.pop("include", None)
    if options["trainer"]:
        values["trainer"] = parse_shorthand(options["trainer"])
    values |= {key: options[key] for key in _FLAGS if options[key] is not None}
    if options["augment"]:
        values["augment"] = list(options["augment"])
    if options["include"]:
        values["include"] = [*values.get("include", []), *options["include"]]
    for setting in options["settings"]:
        apply_setting(values, setting)
    config = parse_training(values, source=source, text=text)
    if source and not options["config"]:
        refuse_code(source, [config.model], options)
    return config


def refuse_code(source: str, specs: Iterable[str], options: Mapping[str, Any]) -> None:
    """Refuse to run code that a folder's own configuration names as a model and the command line does not.

    Args:
        source: the configuration, for the message.
        specs: of the models.
        options: of the command line.

    Raises:
        ConfigError: a model is `FILE.py:callable` or `package.module:callable`, and nobody typed it.
    """
    typed = {options["model"], *(setting.partition("=")[2] for setting in options["settings"])}
    for spec in specs:
        if _names_code(spec) and spec not in typed:
            raise ConfigError(
                f"{source} names code to run as the model: {spec!r}",
                f"if you trust it, repeat it: --model {shlex.quote(spec)}",
            )


def _names_code(spec: str) -> bool:
    """Return whether a model is anything else than a registered name, with or without parameters.

    >>> [_names_code(spec) for spec in ("small-cnn", "zoo/small-cnn:width=2", "a:b=c.py:build", "torch.nn:Identity")]
    [False, False, True, True]
    """
    head, colon, attribute = spec.rpartition(":")
    return spec.endswith(".py") or head.endswith(".py") or (bool(colon) and "=" not in attribute)


def _read_file(source: str) -> tuple[dict[str, Any], str]:
    from robustkit.config import parse_shorthand, read_toml

    values = {key.replace("-", "_"): value for key, value in read_toml(Path(source)).items()}
    if isinstance(values.get("trainer"), str):
        # As a table, so that --set reaches its parameters.
        values["trainer"] = parse_shorthand(values["trainer"])
    return values, Path(source).read_text("utf8")


def _dry_run(config: TrainConfig, host: Host, as_json: bool) -> int:
    from robustkit.training.plan import make_plan

    with only_results_on_stdout():
        plan = make_plan(config, host)
    facts = {
        "trainer": plan.trainer_name,
        "caveat": plan.trainer.component.caveat,
        "model": plan.trainable.architecture.name,
        "name": plan.name,
        "data": plan.data.name,
        "train": len(plan.data.ids),
        "validation": len(plan.data.validation_ids),
        "classes": plan.data.classes,
        "epochs": config.epochs,
        "steps": plan.steps * config.epochs,
        "device": str(plan.device),
    }
    if as_json:
        click.echo(json.dumps(facts))
    else:
        click.echo("\n".join(f"{key}: {value}" for key, value in facts.items() if value != ""))
    return 0


def _print(done: Training, as_json: bool) -> None:
    if as_json:
        facts = {
            "run": str(done.folder),
            "model": str(done.model),
            "last": str(done.last),
            "selected_epoch": done.selected_epoch,
            "history": done.history,
            "caveat": done.caveat,
        }
        click.echo(json.dumps(facts, allow_nan=False))
        return
    row = done.history[done.selected_epoch - 1]
    right = f"{row['validation_correct']} of {row['validation_n']} validation samples right"
    click.echo(f"robustkit: selected epoch {done.selected_epoch} of {len(done.history)}: {right}", err=True)
    click.echo(str(done.model))
