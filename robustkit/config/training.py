"""The configuration of a training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated, Any, Literal

from annotated_types import Ge, Gt, Lt

from robustkit.config.schema import Precision, check_keys, place
from robustkit.config.shorthand import parse_shorthand
from robustkit.errors import ConfigError
from robustkit.parameters import params


@params
class TrainConfig:
    """Everything that decides the weights, and how the training is executed."""

    trainer: dict[str, Any]
    """The `name` of a registered trainer, and the trainer's own parameters."""
    data: str
    """A path or the name of a registered dataset."""
    model: str
    """Architecture: a registered name, `file.py:callable` or `package.module:callable`."""
    normalize: str = ""
    """What the network gets of images in [0, 1]: a name (`cifar10` …) or `mean/std` numbers. Empty: the images."""
    name: str = ""
    """How tables call the model. Empty: trainer and architecture."""
    group: str = ""
    """Models of one group differ in their seed only. Empty: the name."""
    split: str = ""
    """Which part of the data to train on, where there are several. Empty: `train`."""
    view: str = ""
    """Resize and crop of images, for example `224` or `resize=256,crop=224,interpolation=bicubic`."""
    text_column: str = ""
    """The column of a table that holds the texts. Empty: found by its name."""
    label_column: str = ""
    """The column of a table that holds the labels. Empty: found by its name."""
    limit: Annotated[int, Ge(1)] | None = None
    """Use this many samples, spread evenly over the data."""
    validation: Annotated[float, Gt(0), Lt(1)] = 0.1
    """Share of the samples that are held out; the seed and their ids decide which."""
    validation_split: str = ""
    """Validate on this part of the data instead, and train on all of `split`."""
    seed: Annotated[int, Ge(0)] = 0
    """Decides initial weights, order, augmentation, validation samples and the trainer's own draws."""
    epochs: Annotated[int, Ge(1)] = 10
    """Passes over the training samples; of all, that with the most right validation samples is selected."""
    batch_size: Annotated[int, Ge(1)] = 128
    """Samples a step. Steps are full: what is left over in an epoch waits for the next one."""
    optimizer: Literal["adam", "adamw", "sgd"] = "adam"
    """Which of torch's optimisers."""
    lr: Annotated[float, Gt(0)] = 0.01
    """The highest learning rate."""
    momentum: Annotated[float, Ge(0), Lt(1)] = 0.9
    """Momentum of `sgd`; the first beta of `adam` and `adamw`."""
    weight_decay: Annotated[float, Ge(0)] = 0.0
    """Of all trained parameters; decoupled with `adamw`."""
    schedule: Literal["onecycle", "cosine", "constant"] = "onecycle"
    """`onecycle` rises for 30 % of the steps (of fewer than four: not at all) and then falls to almost 0, `cosine`
    falls to 0. A single step has the highest rate."""
    gradient_clip: Annotated[float, Gt(0)] | None = None
    """The largest L2 norm that a step's gradient may have; a longer one is shortened to it."""
    augment: tuple[Literal["flip", "crop"], ...] = ()
    """Of training images: `flip` mirrors half of them, `crop` shifts each by up to 4 pixels, padding with 0."""
    precision: Precision = "fp32"
    """Arithmetic of the forward passes; weights and optimiser stay in float32."""
    device: str = "auto"
    """`auto`, `cpu`, `cuda`, `cuda:1` …"""
    checkpoint_every: Annotated[int, Ge(0)] = 0
    """Store the state every so many steps as well; 0 for at the end of each epoch only."""
    include: tuple[str, ...] = ()
    """Python files with plugins."""


RUNTIME_ONLY = ("device", "checkpoint_every", "include")
"""Fields that a resumed training may have otherwise."""

_MISSING = {
    "trainer": ("no trainer was given", "name one: robustkit train TRAINER … ('robustkit list trainers')"),
    "data": ("no data was given", "--data takes a path or a registered dataset ('robustkit list datasets')"),
    "model": ("no model was given", "--model takes a registered name ('robustkit list models') or FILE.py:callable"),
}


def parse_training(values: Mapping[str, Any], *, source: str = "", text: str = "") -> TrainConfig:
    """Return the validated configuration.

    Args:
        values: as read from TOML, JSON or flags. The trainer may be a table or a shorthand string.
        source: the file that it came from, for messages.
        text: that file's text, from which messages take the line.

    Raises:
        ConfigError: an unknown key (with did-you-mean), a missing one, a wrong type or value.
    """
    from pydantic import TypeAdapter, ValidationError

    prepared = dict(values)
    if isinstance(prepared.get("trainer"), str):
        prepared["trainer"] = parse_shorthand(prepared["trainer"])
    check_keys(prepared, TrainConfig, "", source, text)
    trainer = prepared.get("trainer")
    if isinstance(trainer, Mapping) and not isinstance(trainer.get("name"), str):
        raise ConfigError(f"the trainer needs a name, got {trainer!r:.80}", 'write [trainer] and name = "…"')
    try:
        return TypeAdapter(TrainConfig).validate_python(prepared)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        if where in _MISSING and first["type"] == "missing":
            raise ConfigError(*_MISSING[where]) from error
        raise ConfigError(
            f"{place(source, text, str(first['loc'][0]))}: {where}: {first['msg']}, got {first.get('input')!r:.60}",
            "'robustkit train --help' says what each entry means",
        ) from error


def as_dict(config: TrainConfig) -> dict[str, Any]:
    """Return the configuration as plain values; `parse_training` takes them back."""
    return asdict(config)
