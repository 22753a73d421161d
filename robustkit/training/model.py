"""Untrained models and the objectives that hold them; their first weights depend on the seed alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import nn

from robustkit.components import Model
from robustkit.config.shorthand import parse_shorthand
from robustkit.config.training import TrainConfig
from robustkit.engine.architecture import Architecture, resolve_architecture
from robustkit.engine.build_network import build_network
from robustkit.engine.classifier import Classifier, probe
from robustkit.engine.normalize import Normalization
from robustkit.engine.registered_architecture import registered_architecture
from robustkit.engine.text_classifier import TextClassifier, probe_texts
from robustkit.errors import ConfigError, DataError, PluginError, RobustkitError
from robustkit.host import Entry, Host
from robustkit.host.validate import build
from robustkit.training.data import TrainingData
from robustkit.training.determinism import deterministic, seed_generators

_CPU = torch.device("cpu")


@dataclass(frozen=True, kw_only=True)
class Trainable:
    """A model to be trained.

    Attributes:
        model: wrapped as it is evaluated: images in [0, 1] or texts in, logits out; in training mode.
        architecture: where its network comes from.
        registered: whether the architecture has a name that a checkpoint may carry.
        normalization: of images; None for texts.
        logits: how many it returns.
    """

    model: Classifier | TextClassifier
    architecture: Architecture
    registered: bool
    normalization: Normalization | None
    logits: int


def build_trainable(
    config: TrainConfig, host: Host, data: TrainingData, normalization: Normalization | None
) -> Trainable:
    """Return an untrained model for the data, on the CPU.

    Registered architectures take the number of classes and the form of the images from the data where the user leaves
    them open. Parameters that the network declares frozen (`requires_grad=False`) stay so.

    Raises:
        ConfigError: an unknown architecture, one for another kind of data, or one that is frozen throughout.
        DataError: the network fails on the data, or has too few logits.
    """
    registered: list[str] = []

    def find(spec: str) -> Architecture:
        registered.append(spec)
        _check_modality(spec, host, data)
        return registered_architecture(spec, host, data.offered)

    architecture = resolve_architecture(config.model, find)
    with deterministic(_CPU):
        seed_generators(_CPU, "training/model", config.seed)
        # A network may draw from the generator at its first forward pass as well, which is the probe.
        model, logits, trained = _wrap(architecture, data, normalization)
    if logits < data.classes:
        raise DataError(
            f"model '{architecture.name}' has {logits} logits, the data have {data.classes} classes",
            "give it one logit a class (num_classes of registered models), or check the labels",
        )
    _check_state(model, architecture.name, trained)
    for parameter in trained:
        parameter.requires_grad_(True)
    return Trainable(
        model=model.train(),
        architecture=architecture,
        registered=bool(registered),
        normalization=normalization,
        logits=logits,
    )


def build_objective(
    entry: Entry, params: Any, trainable: Trainable, seed: int, shape: tuple[int, int, int] | None
) -> nn.Module:
    """Return the trainer's objective around the model; its own first weights depend on the seed alone.

    Args:
        entry: the trainer.
        params: its parameters, validated.
        trainable: the model.
        seed: of the run.
        shape: (C, H, W) of images; None for texts.

    Raises:
        ConfigError: the trainer cannot work on such images with such parameters.
        PluginError: the trainer fails, or returns what cannot be trained.
    """
    with deterministic(_CPU):
        seed_generators(_CPU, "training/objective", seed)
        objective = build(entry, params, trainable.model)
    if not isinstance(objective, nn.Module):
        raise PluginError(
            f"trainer '{entry.qualified}' built {type(objective).__name__}, not a torch.nn.Module",
            "robustkit.testing.check_trainer shows what a trainer must do",
        )
    held = {id(parameter) for parameter in objective.parameters()}
    if not all(id(parameter) in held for parameter in trainable.model.parameters()):
        raise PluginError(
            f"trainer '{entry.qualified}' does not hold the model's parameters, so that they would not be trained",
            "keep the model as an attribute of the objective: self.model = model",
        )
    if not any(parameter.requires_grad for parameter in trainable.model.parameters()):
        raise PluginError(
            f"trainer '{entry.qualified}' freezes every parameter of the model: there is nothing to train",
            "leave requires_grad of the model's parameters as it is",
        )
    if shape is not None:
        _check_inputs(entry, objective, shape)
    return objective


def _check_inputs(entry: Entry, objective: nn.Module, shape: tuple[int, int, int]) -> None:
    check = getattr(objective, "check_inputs", None)
    if check is None:
        return
    try:
        check(shape)
    except RobustkitError:
        raise
    except Exception as error:  # a plugin's own code can fail in any way
        raise PluginError(
            f"trainer '{entry.qualified}': check_inputs failed: {type(error).__name__}: {error}", "mend the trainer"
        ) from error


def _check_modality(spec: str, host: Host, data: TrainingData) -> None:
    entry = host.catalog.find("model", parse_shorthand(spec)["name"])
    takes = cast("Model", entry.component).modality
    if takes != data.modality:
        fitting = [each.qualified for each in host.catalog.all("model") if _takes(each) == data.modality]
        raise ConfigError(
            f"model '{entry.qualified}' takes {takes}s, '{data.name}' holds {data.modality}s",
            f"choose one of {', '.join(fitting)}" if fitting else "choose another --model or --data",
        )


def _takes(entry: Entry) -> str:
    return cast("Model", entry.component).modality


def _wrap(
    architecture: Architecture, data: TrainingData, normalization: Normalization | None
) -> tuple[Classifier | TextClassifier, int, list[nn.Parameter]]:
    """Return the wrapped network, how many logits it returns, and which parameters it declares to be trained."""
    try:
        network = build_network(architecture)
        # The wrapper freezes all of them, as an evaluation needs it.
        trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
        if data.shape is None or normalization is None:
            texts = TextClassifier(network)
            return texts, probe_texts(texts), trained
        images = Classifier(network, normalization)
        return images, probe(images, data.shape, _CPU), trained
    except RobustkitError:
        raise
    except Exception as error:
        # A network's own code can fail in any way.
        raise DataError(
            f"model '{architecture.name}' cannot be prepared: {type(error).__name__}: {error}",
            "look at the network's own code",
        ) from error


def _check_state(model: nn.Module, name: str, trained: list[nn.Parameter]) -> None:
    odd = [key for key, value in model.state_dict().items() if not isinstance(value, torch.Tensor)]
    if odd:
        raise DataError(
            f"the state of model '{name}' holds '{odd[0]}', which is not a tensor", "a checkpoint holds tensors alone"
        )
    if not any(parameter.numel() for parameter in model.parameters()):
        raise DataError(f"model '{name}' has no parameters", "there is nothing to train: choose another --model")
    if not any(parameter.numel() for parameter in trained):
        raise ConfigError(
            f"every parameter of model '{name}' is frozen: there is nothing to train",
            "leave requires_grad of those that are to be trained in the network's own code",
        )
