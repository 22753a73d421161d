"""From a configuration to an objective that is ready to be trained; mistakes are found before the first step."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import nn

from robustkit.components import Trainer
from robustkit.config.shorthand import parse_shorthand
from robustkit.config.training import RUNTIME_ONLY, TrainConfig, as_dict
from robustkit.engine.device import check_precision, pick_device
from robustkit.engine.grid import digest
from robustkit.engine.normalize import Normalization, parse_normalize
from robustkit.engine.source_digest import source_digest
from robustkit.errors import ConfigError
from robustkit.host import Entry, Host
from robustkit.host.canonical import canonical_name
from robustkit.host.validate import parse_params
from robustkit.training.data import TrainingData, open_training_data
from robustkit.training.model import Trainable, build_objective, build_trainable

_NO_RECIPE = (*RUNTIME_ONLY, "seed", "name", "group", "trainer", "model", "normalize", "data", "view")
"""Settings that replicates may have otherwise, and those that a recipe holds in canonical form."""


@dataclass(frozen=True, kw_only=True)
class TrainingPlan:
    """A training that is ready to start.

    Attributes:
        config: what was asked for.
        device: what computes.
        trainer: the trainer's declaration.
        trainer_name: canonical, with all its parameters.
        params: the trainer's parameters.
        data: what is trained on.
        trainable: the model, untrained, on the CPU.
        objective: the method, which holds the model.
        name: how tables call the model.
        group: of models that differ in their seed only.
        identity: everything that decides the weights; a resumed training must have the same.
        recipe: digest of what trainings share that differ in their seed only.
    """

    config: TrainConfig
    device: torch.device
    trainer: Entry
    trainer_name: str
    params: Any
    data: TrainingData
    trainable: Trainable
    objective: nn.Module
    name: str
    group: str
    identity: Mapping[str, Any]
    recipe: str

    @property
    def steps(self) -> int:
        """Steps an epoch."""
        return len(self.data.ids) // self.config.batch_size

    @property
    def digest(self) -> str:
        """Of the identity."""
        return digest(self.identity)

    @property
    def metadata(self) -> dict[str, str]:
        """What a checkpoint of this training says about itself, so that it can be evaluated without flags."""
        facts = {
            "robustkit.model": self.trainable.architecture.name if self.trainable.registered else "",
            "robustkit.normalize": self.trainable.normalization.name if self.trainable.normalization else "",
            # Numerals where the data name none, so that data which do name theirs are not taken for the same.
            "robustkit.classes": json.dumps(self.data.class_names or [str(each) for each in range(self.data.classes)]),
        }
        return {key: text for key, text in facts.items() if text}

    @property
    def training(self) -> dict[str, Any]:
        """By what a checkpoint of this training was made, and on what: an evaluation can tell data that it has seen."""
        return {
            "trainer": self.trainer_name,
            "caveat": self.trainer.component.caveat,
            "seed": self.config.seed,
            "group": self.group,
            "recipe": self.recipe,
            "name": self.name,
            "data": self.data.name,
            "data_fingerprint": self.data.fingerprints[0],
            "validation_fingerprint": self.data.fingerprints[1],
            "epochs": self.config.epochs,
        }


def make_plan(config: TrainConfig, host: Host) -> TrainingPlan:
    """Return the plan of a training; cheap mistakes are found first.

    Raises:
        ConfigError: a wrong name, parameter or device, or things that do not go together.
        DataError: data that cannot be used, or that the model does not fit.
        PluginError: a component that is needed is broken.
    """
    device = pick_device(config.device)
    check_precision(config.precision, device)
    raw = dict(config.trainer)
    entry = host.catalog.find("trainer", str(raw.pop("name")))
    params = parse_params(entry, raw)
    data = open_training_data(config, host)
    normalization = _normalization(config, entry, data)
    trainable = build_trainable(config, host, data, normalization)
    objective = build_objective(entry, params, trainable, config.seed, data.shape)
    name = config.name or f"{entry.component.name}-{_short(trainable.architecture.name)}"
    trainer_name = canonical_name(entry, params)
    return TrainingPlan(
        config=config,
        device=device,
        trainer=entry,
        trainer_name=trainer_name,
        params=params,
        data=data,
        trainable=trainable,
        objective=objective,
        name=name,
        group=config.group or name,
        identity=_identity(config, device, entry, trainer_name, data, trainable),
        recipe=_recipe(config, trainer_name, data, trainable),
    )


def _normalization(config: TrainConfig, entry: Entry, data: TrainingData) -> Normalization | None:
    """Return the normalisation of images; refuse what does not go with the kind of data."""
    wanted = cast("Trainer", entry.component).modality
    if wanted not in (None, data.modality):
        raise ConfigError(
            f"trainer '{entry.qualified}' is for {wanted}s, '{config.data}' holds {data.modality}s",
            "'robustkit list trainers' shows the others",
        )
    if data.modality == "image":
        return parse_normalize(config.normalize or "none")
    if config.normalize or config.augment:
        raise ConfigError("--normalize and --augment are for images, the data are texts", "leave them out")
    return None


def _identity(
    config: TrainConfig,
    device: torch.device,
    entry: Entry,
    trainer_name: str,
    data: TrainingData,
    trainable: Trainable,
) -> Mapping[str, Any]:
    settings = {key: value for key, value in as_dict(config).items() if key not in (*RUNTIME_ONLY, "trainer")}
    facts = {
        "settings": settings,
        "trainer": trainer_name,
        "trainer_source": source_digest(entry),
        "trainer_version": entry.version,
        "model": trainable.architecture.name,
        "model_source": trainable.architecture.source_digest,
        "data": data.identity,
        # CPU and CUDA round differently; a training must not mix them.
        "backend": f"torch-{device.type}",
    }
    return cast("Mapping[str, Any]", json.loads(json.dumps(facts)))  # as a manifest gives it back


def _recipe(config: TrainConfig, trainer_name: str, data: TrainingData, trainable: Trainable) -> str:
    """Return the digest of what replicates share: the method and the whole data, not what the seed selects of them."""
    facts = {
        "settings": {key: value for key, value in as_dict(config).items() if key not in _NO_RECIPE},
        "trainer": trainer_name,
        "model": trainable.architecture.name,
        "normalize": trainable.normalization.name if trainable.normalization else None,
        "data": {key: data.identity[key] for key in ("dataset", "validation", "view")},
    }
    return digest(facts)


def _short(architecture: str) -> str:
    """Return an architecture's name without plugin, file, folder and parameters.

    >>> _short("zoo/small-cnn:width=16"), _short("nets/small.py:build"), _short("torch.nn:Identity")
    ('small-cnn', 'build', 'identity')
    """
    head, _, rest = architecture.partition(":")
    if rest and "=" not in rest:
        return rest.lower().replace("_", "-")
    return str(parse_shorthand(head)["name"]).rpartition("/")[2]
