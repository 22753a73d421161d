"""From a checkpoint file and a model's configuration to a classifier that is ready to be evaluated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn

from robustkit.config import ModelConfig, RunConfig
from robustkit.engine.build_network import build_network, default_dtype_kept
from robustkit.engine.checkpoint import file_digest, load_into, open_checkpoint, weights_digest
from robustkit.engine.classifier import Classifier, probe
from robustkit.engine.device import AUTOCAST
from robustkit.engine.grid import digest
from robustkit.engine.inputs import modality_of
from robustkit.engine.label_map import label_map
from robustkit.engine.model_names import model_names
from robustkit.engine.normalize import Normalization, parse_normalize
from robustkit.engine.registered_architecture import architecture_of
from robustkit.engine.text_classifier import TextClassifier, probe_texts
from robustkit.engine.training_facts import training_facts
from robustkit.errors import ConfigError, DataError, RobustkitError
from robustkit.host import Host
from robustkit.protocols import CheckpointOptions, ImageDataset, TextDataset


@dataclass(frozen=True, kw_only=True)
class PreparedModel:
    """A model of a run.

    Attributes:
        name: how tables call it.
        classifier: on the device, in evaluation mode, parameters frozen.
        classes: how many logits it returns.
        identity: what decides its outputs; part of every cell's key.
        report: how it was opened, for the manifest.
        notes: what about it the user should know before the run.
        label_map: (classes of the data,) the model's index of each of the data's classes, -1 for one without a sample;
            None where they are the same.
    """

    name: str
    classifier: Classifier | TextClassifier
    classes: int
    identity: Mapping[str, Any]
    report: Mapping[str, Any]
    notes: tuple[str, ...] = ()
    label_map: tuple[int, ...] | None = None

    def translate(self, labels: Tensor) -> Tensor:
        """Return the data's labels as indices of the model's logits."""
        if self.label_map is None:
            return labels
        return torch.tensor(self.label_map, device=labels.device)[labels]


def prepare_models(
    config: RunConfig, host: Host, dataset: ImageDataset | TextDataset, device: torch.device
) -> dict[str, PreparedModel]:
    """Return the run's models by name.

    Args:
        config: whose models are opened.
        host: where registered architectures and checkpoint openers are found.
        dataset: the data; one forward pass on such inputs shows that model and data fit.
        device: where the models go.

    Raises:
        ConfigError: an unknown architecture, normalisation or clashing names.
        DataError: a checkpoint that cannot be opened, does not fit the architecture, or does not fit the data.
    """
    names = model_names(config.model)
    prepared = {}
    for name, model in zip(names, config.model, strict=True):
        try:
            prepared[name] = _prepare(name, model, config, host, dataset, device)
        except RobustkitError:
            raise
        except Exception as error:
            # A network's own code can fail in any way while it is filled, moved or tried.
            raise DataError(
                f"model '{name}' ({model.checkpoint}) cannot be prepared: {type(error).__name__}: {error}",
                "look at the network's own code, or at the checkpoint's tensors",
            ) from error
    return prepared


def _prepare(
    name: str,
    model: ModelConfig,
    config: RunConfig,
    host: Host,
    dataset: ImageDataset | TextDataset,
    device: torch.device,
) -> PreparedModel:
    path = Path(model.checkpoint)
    options = CheckpointOptions(trust_pickle=config.trust_pickle)
    checkpoint = (host.open_with_plugins(path, options) if path.exists() else None) or open_checkpoint(path, options)
    with default_dtype_kept():
        architecture = architecture_of(model, checkpoint, host)
    normalization = parse_normalize(model.normalize or checkpoint.metadata.get("normalize") or "none")
    network = build_network(architecture)
    fit = load_into(network, checkpoint)
    classifier, classes = _wrap(network, normalization, model, config, dataset, device)
    labels = label_map(name, checkpoint, dataset, classes)
    identity = {
        "weights": weights_digest(checkpoint.weights),
        "architecture": _without_folder(architecture.name),
        "source": architecture.source_digest,
        "mean": list(normalization.mean),
        "std": list(normalization.std),
        "input_size": model.input_size,
        "label_map": list(labels.places) if labels.places else None,
    }
    training = training_facts(checkpoint)
    report = {
        "checkpoint": model.checkpoint,
        "sha256": file_digest(path),
        "bytes": path.stat().st_size,
        "format": checkpoint.format,
        "unwrapped": list(checkpoint.unwrapped),
        "extras": dict(checkpoint.extras),
        "fit": asdict(fit),
        "model": architecture.name,
        "normalize": normalization.name if isinstance(classifier, Classifier) else None,
        "classes": classes,
        "group": model.group or training.get("group") or name,
        "training_seed": training.get("seed") if model.training_seed is None else model.training_seed,
        "training": training,
        "identity": identity,
    }
    notes = [f"model '{name}': {note}" for note in fit.notes]
    notes += [labels.note] if labels.note else []
    is_image = isinstance(classifier, Classifier)
    if is_image and not model.normalize and "normalize" not in checkpoint.metadata:
        notes.append(f"model '{name}': no --normalize was given, so the network gets its inputs in [0, 1]")
    return PreparedModel(
        name=name,
        classifier=classifier,
        classes=classes,
        identity=identity,
        report=report,
        notes=tuple(notes),
        label_map=labels.places,
    )


def _wrap(
    network: nn.Module,
    normalization: Normalization,
    model: ModelConfig,
    config: RunConfig,
    dataset: ImageDataset | TextDataset,
    device: torch.device,
) -> tuple[Classifier | TextClassifier, int]:
    """Return what is evaluated, on the device, and how many classes it tells apart."""
    if modality_of(dataset) == "text":
        if model.normalize or model.input_size:
            raise ConfigError("--normalize and --input-size are for images, the data are texts", "leave them out")
        texts = TextClassifier(network, autocast=AUTOCAST[config.precision]).to(device)
        return texts, probe_texts(texts)
    side = model.input_size
    images = Classifier(
        network, normalization, input_size=(side, side) if side else None, autocast=AUTOCAST[config.precision]
    ).to(device)
    return images, probe(images, cast("ImageDataset", dataset).view.shape, device)


def _without_folder(name: str) -> str:
    """Return the name of an architecture without the place of its file, whose digest says more.

    >>> _without_folder("nets/small.py:build"), _without_folder("zoo/mlp:hidden=[2,3]")
    ('small.py:build', 'zoo/mlp:hidden=[2,3]')
    """
    file, _, attribute = name.rpartition(":")
    return f"{Path(file).name}:{attribute}" if file.endswith(".py") else name


def equal_models(models: Mapping[str, PreparedModel]) -> list[str]:
    """Return a note on each group of models that nothing but their names tells apart: they share their results."""
    groups: dict[str, list[str]] = {}
    for name, model in models.items():
        groups.setdefault(digest(model.identity), []).append(name)
    return [
        f"{' and '.join(repr(name) for name in names)} are the same model, with equal weights and settings: it is "
        "computed once, and each has its results"
        for names in groups.values()
        if len(names) > 1
    ]
