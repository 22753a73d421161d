"""The configuration of a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated, Any, Literal

from annotated_types import Ge, Le, Len

from robustkit.config.shorthand import parse_shorthand, parse_value
from robustkit.config.toml import line_of
from robustkit.errors import ConfigError
from robustkit.names import did_you_mean
from robustkit.parameters import params

Precision = Literal["fp32", "tf32", "bf16", "fp16"]


@params
class ModelConfig:
    """One checkpoint and how to read it."""

    checkpoint: str
    """Path of the file."""
    model: str = ""
    """A registered name, `file.py:callable` or `package.module:callable`. Empty: as the checkpoint says."""
    normalize: str = ""
    """A name (`imagenet`, `cifar10` …) or `mean/std` numbers. Empty: as the checkpoint says, else none."""
    name: str = ""
    """How tables call it. Empty: the file's stem."""
    group: str = ""
    """Models of one group differ in their training seed only."""
    training_seed: int | None = None
    """The seed that it was trained with."""
    input_size: Annotated[int, Ge(1)] | None = None
    """The wrapped model resizes its inputs to this side, after every perturbation."""


@params
class RunConfig:
    """Everything that decides the numbers of a run, and how it is executed."""

    model: Annotated[tuple[ModelConfig, ...], Len(1)]
    """The checkpoints."""
    data: str
    """A path or the name of a registered dataset."""
    clean: str = ""
    """Where `data` is a stored -C set: the clean data that it was made of. Empty: nothing clean is evaluated."""
    verify: bool = False
    """Where `data` is a stored -C set: compare its large files, too, with the digests in its manifest."""
    split: str = ""
    """Which part of the data, where there are several. Empty: `test`."""
    view: str = ""
    """Resize and crop, for example `224` or `resize=256,crop=224,interpolation=bicubic`."""
    text_column: str = ""
    """The column of a table that holds the texts. Empty: found by its name."""
    label_column: str = ""
    """The column of a table that holds the labels. Empty: found by its name."""
    limit: Annotated[int, Ge(1)] | None = None
    """Evaluate this many samples, spread evenly over the dataset."""
    indices: str = ""
    """A file with the ids of the samples to evaluate."""
    perturbation: tuple[dict[str, Any], ...] = ()
    """Each has a `name`, a `severity` (one or a list), and the perturbation's own parameters."""
    attack: tuple[dict[str, Any], ...] = ()
    """Each has a `name`, an `eps` (one or a list), perhaps a `norm`, and the attack's own parameters."""
    metric: tuple[str, ...] = ()
    """Names of metrics. Empty: the default ones."""
    seed: Annotated[tuple[Annotated[int, Ge(0)], ...], Len(1)] = (0,)
    """Every condition that draws random numbers is evaluated under each of these."""
    precision: Precision = "fp32"
    """Arithmetic of the forward passes; part of every cell's key."""
    device: str = "auto"
    """`auto`, `cpu`, `cuda`, `cuda:1` …"""
    batch_size: Annotated[int, Ge(1)] = 128
    """Samples a forward pass; changes the speed, not the results."""
    save_examples: bool = False
    """Store the adversarial inputs that broke a sample, exactly as the evaluator judged them."""
    trust_pickle: bool = False
    """Open checkpoints whose pickle can run code."""
    include: tuple[str, ...] = ()
    """Python files with plugins."""
    trust_samples: Annotated[int, Ge(0)] = 48
    """Samples on which each image model is probed for false robustness; 0 for none."""
    expect_clean: Annotated[float, Ge(0), Le(1)] | None = None
    """The clean accuracy that every model should have; a trust check fails where it is below."""


RUNTIME_ONLY = (
    "device",
    "batch_size",
    "save_examples",
    "trust_pickle",
    "include",
    "verify",
    "trust_samples",
    "expect_clean",
)
"""Fields that must not change results; a resumed run may have others."""


_MISSING = {
    "model": ("no checkpoint was given", "name one: robustkit eval CHECKPOINT … or [[model]] in a configuration"),
    "data": ("no data was given", "--data takes a path or a registered dataset ('robustkit list datasets')"),
}


def parse_config(values: Mapping[str, Any], *, source: str = "", text: str = "") -> RunConfig:
    """Return the validated configuration.

    Args:
        values: as read from TOML, JSON or flags. Perturbations and attacks may be tables or shorthand strings.
        source: the file that it came from, for messages.
        text: that file's text, from which messages take the line.

    Raises:
        ConfigError: an unknown key (with did-you-mean), a missing one, a wrong type or value.
    """
    from pydantic import TypeAdapter, ValidationError

    prepared = dict(values)
    for kind in ("perturbation", "attack"):
        prepared[kind] = [parse_component(item, kind) for item in _as_list(prepared.get(kind, []))]
    if "seed" in prepared:
        prepared["seed"] = _once(_as_list(prepared["seed"]))
    if "model" in prepared:
        models = _as_list(prepared["model"])
        prepared["model"] = [{"checkpoint": model} if isinstance(model, str) else model for model in models]
    check_keys(prepared, RunConfig, "", source, text)
    for position, model in enumerate(_as_list(prepared.get("model", []))):
        if isinstance(model, Mapping):
            check_keys(model, ModelConfig, f"model.{position}.", source, text)
    try:
        return TypeAdapter(RunConfig).validate_python(prepared)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        if where in _MISSING:
            raise ConfigError(*_MISSING[where]) from error
        raise ConfigError(
            f"{place(source, text, str(first['loc'][0]))}: {where}: {first['msg']}, got {first.get('input')!r:.60}",
            "'robustkit init' writes a configuration that explains each entry",
        ) from error


def as_dict(config: RunConfig) -> dict[str, Any]:
    """Return the configuration as plain values; `parse_config` takes them back."""
    return asdict(config)


def _as_list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]


def _once(values: list[Any]) -> list[Any]:
    return [value for place, value in enumerate(values) if value not in values[:place]]


def parse_component(item: Any, kind: str) -> dict[str, Any]:
    """Return a component as a table with its `name`, from a table or a shorthand string.

    Raises:
        ConfigError: it has no name.
    """
    parsed = parse_shorthand(item) if isinstance(item, str) else item
    if not isinstance(parsed, Mapping) or not isinstance(parsed.get("name"), str):
        raise ConfigError(f"each {kind} needs a name, got {item!r:.80}", f'write [[{kind}]] and name = "…"')
    if "eps" in parsed:
        # TOML has no fractions, and papers write eps as one.
        return {**parsed, "eps": [_number(eps) for eps in _as_list(parsed["eps"])]}
    return dict(parsed)


def _number(value: Any) -> Any:
    return parse_value(value) if isinstance(value, str) else value


def check_keys(values: Mapping[str, Any], declared: type, prefix: str, source: str, text: str) -> None:
    """Raise ConfigError, with a near name, where a key is none of the declared fields."""
    known = list(declared.__dataclass_fields__)  # type: ignore[attr-defined]
    for key in values:
        if key not in known:
            hint = did_you_mean(key, known) or f"known keys: {', '.join(known)}"
            raise ConfigError(f"{place(source, text, key)}: unknown key '{prefix}{key}'", hint)


def place(source: str, text: str, key: str) -> str:
    """Return the file and line that set a key, or that it came from elsewhere."""
    line = line_of(text, key)
    return f"{source}, line {line}" if line else "configuration"
