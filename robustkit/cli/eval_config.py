"""From a command line to the configuration of an evaluation."""

from __future__ import annotations

import glob
from pathlib import Path
from typing import TYPE_CHECKING, Any

from robustkit.errors import ConfigError

if TYPE_CHECKING:
    from robustkit.config import RunConfig


def configure(options: dict[str, Any]) -> RunConfig:
    """Return the configuration that the command line of `eval` asks for.

    Raises:
        ConfigError: it is wrong, or names what is not there.
    """
    if options["resume"] and options["out"] and not options["config"] and not options["checkpoints"]:
        return config_of_run(Path(options["out"]), options)
    source = options["config"] or ""
    values, text = _read_file(source) if source else ({}, "")
    return _parse(values, source, text, options)


def config_of_run(run: Path, options: dict[str, Any]) -> RunConfig:
    """Return the configuration in a run folder, with what the command line adds.

    A run folder may come from somebody else: what lets code run is asked for anew.

    Args:
        run: the folder.
        options: of the command line; those that a command has not may be left out, but `model` and `settings`.

    Raises:
        ConfigError: there is no configuration, it is wrong, or it names code that nobody typed.
    """
    from robustkit.cli.train import refuse_code

    source = str(run / "config.toml")
    values, text = _read_file(source)
    kept = {key: value for key, value in values.items() if key not in ("trust_pickle", "include")}
    config = _parse(kept, source, text, options)
    refuse_code(source, [model.model for model in config.model], options)
    return config


def _parse(values: dict[str, Any], source: str, text: str, options: dict[str, Any]) -> RunConfig:
    from robustkit.config import apply_setting, parse_config

    _add_models(values, options)
    _add_flags(values, options)
    for setting in options["settings"]:
        apply_setting(values, setting)
    return parse_config(values, source=source, text=text)


def _read_file(source: str) -> tuple[dict[str, Any], str]:
    from robustkit.config import read_toml

    values = read_toml(Path(source))
    return {key.replace("-", "_"): value for key, value in values.items()}, Path(source).read_text("utf8")


def _add_flags(values: dict[str, Any], options: dict[str, Any]) -> None:
    for key in (
        "data",
        "clean",
        "split",
        "view",
        "text_column",
        "label_column",
        "limit",
        "indices",
        "precision",
        "device",
        "batch_size",
        "trust_samples",
        "expect_clean",
    ):
        if options.get(key) is not None:
            values[key] = options[key]
    for key in ("perturbation", "attack", "metric", "include"):
        if options.get(key):
            values[key] = [*values.get(key, []), *options[key]]
    if options.get("seed") is not None:
        values["seed"] = _seeds(options["seed"])
    for key in ("save_examples", "trust_pickle", "verify"):
        if options.get(key):
            values[key] = True


def _add_models(values: dict[str, Any], options: dict[str, Any]) -> None:
    given = [path for pattern in options.get("checkpoints", ()) for path in _matches(pattern)]
    if given:
        values["model"] = [{"checkpoint": path} for path in given]
    for key in ("model", "normalize", "input_size"):
        if options.get(key) is not None:
            for model in values.get("model", []):
                model[key] = options[key]


def _matches(pattern: str) -> list[str]:
    """Return the files that a pattern means, for shells that leave it as it is and for configurations."""
    if not glob.has_magic(pattern) or Path(pattern).exists():
        return [pattern]
    found = sorted(glob.glob(pattern, recursive=True))
    if not found:
        raise ConfigError(f"no checkpoint matches '{pattern}'", "quote the pattern or name the files")
    return found


def _seeds(text: str) -> Any:
    from robustkit.config.shorthand import parse_value

    value = parse_value(f"[{text}]" if "," in text else text)
    seeds = value if isinstance(value, list) else [value]
    if not all(isinstance(seed, int) and seed >= 0 for seed in seeds):
        raise ConfigError(f"--seed: expected whole numbers from 0, got '{text}'", "for example --seed 0 or --seed 0..4")
    return seeds
