"""From a checkpoint file and a model's configuration to a classifier that is ready to be evaluated."""

from __future__ import annotations

import hashlib
import inspect
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn

from robustkit.config import ModelConfig, RunConfig
from robustkit.config.shorthand import parse_shorthand
from robustkit.engine.architecture import Architecture, resolve_architecture
from robustkit.engine.checkpoint import file_digest, load_into, open_checkpoint, weights_digest
from robustkit.engine.classifier import Classifier, probe
from robustkit.engine.device import AUTOCAST
from robustkit.engine.inputs import modality_of
from robustkit.engine.normalize import Normalization, parse_normalize
from robustkit.engine.text_classifier import TextClassifier, probe_texts
from robustkit.errors import ConfigError, DataError, PluginError, RobustkitError
from robustkit.host import Entry, Host
from robustkit.host.canonical import canonical_name
from robustkit.host.validate import build, parse_params, resolve_target
from robustkit.names import did_you_mean, normalise
from robustkit.protocols import CheckpointOptions, ImageDataset, LoadedCheckpoint, TextDataset

_TRAINING = ("trainer", "caveat", "group", "name", "data", "recipe")
"""What a checkpoint may say in words about its training."""

_GENERIC = frozenset({"model", "last", "best", "checkpoint"})
"""Names of files that say less than their folder."""


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
        label_map: (classes of the data,) the model's index of each of the data's classes; None where they are the same.
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
    names = _names(config.model)
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
    with _default_dtype_kept():
        architecture = _architecture(model, checkpoint, host)
    normalization = parse_normalize(model.normalize or checkpoint.metadata.get("normalize") or "none")
    network = build_network(architecture)
    fit = load_into(network, checkpoint)
    classifier, classes = _wrap(network, normalization, model, config, dataset, device)
    label_map = _label_map(name, checkpoint, dataset)
    identity = {
        "weights": weights_digest(checkpoint.weights),
        "architecture": _without_folder(architecture.name),
        "source": architecture.source_digest,
        "mean": list(normalization.mean),
        "std": list(normalization.std),
        "input_size": model.input_size,
        "label_map": list(label_map) if label_map else None,
    }
    training = _training(checkpoint)
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
        label_map=label_map,
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


def _label_map(name: str, checkpoint: LoadedCheckpoint, dataset: ImageDataset | TextDataset) -> tuple[int, ...] | None:
    """Return where each of the data's classes is among the model's, if both name theirs and they differ."""
    stated = _parsed(checkpoint.metadata.get("classes", "[]"))
    known = [str(each) for each in stated] if isinstance(stated, list) else []
    classes = [str(each) for each in dataset.class_names]
    if not known or not classes or known == classes:
        return None
    unknown = [each for each in classes if each not in known]
    if unknown:
        hint = did_you_mean(unknown[0], known) or f"the model knows {', '.join(known[:8])}"
        raise DataError(f"model '{name}' was not trained on the class '{unknown[0]}' of these data", hint)
    return tuple(known.index(each) for each in classes)


def _training(checkpoint: LoadedCheckpoint) -> dict[str, Any]:
    """Return what the file says about its training: plain values, taken from nowhere else."""
    stated = _parsed(checkpoint.metadata.get("training", "{}"))
    facts = stated if isinstance(stated, dict) else {}
    texts = {key: facts[key] for key in _TRAINING if isinstance(facts.get(key), str)}
    known: dict[str, Any] = {key: _printable(text) for key, text in texts.items()}
    return known | ({"seed": facts["seed"]} if isinstance(facts.get("seed"), int) else {})


def _printable(text: str) -> str:
    """Return a text of unknown origin on one line of bounded length, without what a terminal would obey."""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())[:500]


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def build_network(architecture: Architecture) -> nn.Module:
    """Return a new network; the caller's random stream stays where it was."""
    # Initial weights are drawn from torch's global generator and then replaced: the caller's stream stays where it was.
    with torch.random.fork_rng(devices=[]), _default_dtype_kept():
        network = architecture.build()
    if not isinstance(network, nn.Module):
        raise PluginError(
            f"model '{architecture.name}' built {type(network).__name__}, not a torch.nn.Module", "mend the plugin"
        )
    return network


@contextmanager
def _default_dtype_kept() -> Iterator[None]:
    """Undo `torch.set_default_dtype` in a model's code: it would change the arithmetic of every other model."""
    before = torch.get_default_dtype()
    try:
        yield
    finally:
        torch.set_default_dtype(before)


def _without_folder(name: str) -> str:
    """Return the name of an architecture without the place of its file, whose digest says more.

    >>> _without_folder("nets/small.py:build"), _without_folder("zoo/mlp:hidden=[2,3]")
    ('small.py:build', 'zoo/mlp:hidden=[2,3]')
    """
    file, _, attribute = name.rpartition(":")
    return f"{Path(file).name}:{attribute}" if file.endswith(".py") else name


def _architecture(model: ModelConfig, checkpoint: LoadedCheckpoint, host: Host) -> Architecture:
    if model.model:
        return resolve_architecture(model.model, lambda text: registered_architecture(text, host))
    stated = checkpoint.metadata.get("model", "")
    if not stated:
        known = ", ".join(entry.component.name for entry in host.catalog.all("model"))
        raise ConfigError(
            f"{model.checkpoint} holds weights only: which architecture are they for?",
            f"add --model NAME ({known}), --model FILE.py:callable or --model package.module:callable",
        )
    try:
        # Registered names only: a file must not be able to name code that is then run.
        return registered_architecture(stated, host)
    except ConfigError as error:
        raise DataError(
            f"{model.checkpoint} says that it is for '{stated}', which is no registered architecture",
            f"say with --model what it is for ({error.hint})",
        ) from error


def registered_architecture(spec: str, host: Host, offered: Mapping[str, Any] | None = None) -> Architecture:
    """Return a registered architecture.

    Args:
        spec: its name with parameters, `name:key=value,key=value`.
        host: where it is found.
        offered: values for those of its parameters that the spec leaves open; what it does not have is passed over.

    Raises:
        ConfigError: an unknown name or parameter, or a wrong value.
    """
    raw = parse_shorthand(spec)
    entry = host.catalog.find("model", raw.pop("name"))
    params = parse_params(entry, {**_open_params(entry, raw, offered or {}), **raw})
    return Architecture(
        name=canonical_name(entry, params),
        build=lambda: build(entry, params),
        source_digest=source_digest(entry),
    )


def _open_params(entry: Entry, raw: Mapping[str, Any], offered: Mapping[str, Any]) -> dict[str, Any]:
    given = {normalise(key).replace("-", "_") for key in raw}
    known = {field.name for field in fields(entry.component.params)}
    return {key: value for key, value in offered.items() if key in known - given}


def source_digest(entry: Entry) -> str:
    """Return the sha256 of the source file that a component's target is in; code that it imports is not covered."""
    try:
        source = Path(inspect.getfile(inspect.unwrap(resolve_target(entry)))).read_bytes()
    except (TypeError, OSError):
        # Partial objects and the like have no file of their own; the plugin's version stands for them.
        source = f"{entry.qualified} {entry.version}".encode()
    return hashlib.sha256(source).hexdigest()


def package_digest(entry: Entry) -> str:
    """Return the sha256 of all Python files of the package that a component's implementation is in.

    A component that is installed in development mode changes without its version.
    """
    try:
        file = Path(inspect.getfile(inspect.unwrap(resolve_target(entry))))
    except (TypeError, OSError):
        return source_digest(entry)
    return _files_digest(file.parent if (file.parent / "__init__.py").is_file() else file)


@lru_cache(maxsize=64)
def _files_digest(place: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(place.rglob("*.py")) if place.is_dir() else [place]:
        digest.update(f"{path.relative_to(place.parent)}\n".encode() + path.read_bytes())
    return digest.hexdigest()


def _names(models: Sequence[ModelConfig]) -> list[str]:
    names = [model.name or _file_name(Path(model.checkpoint)) for model in models]
    repeated = {name for name, count in Counter(names).items() if count > 1}
    # Checkpoints are often called best.pt; their folders tell them apart.
    names = [
        f"{Path(model.checkpoint).resolve().parent.name}/{name}" if name in repeated and not model.name else name
        for name, model in zip(names, models, strict=True)
    ]
    for name, count in Counter(names).items():
        if count > 1:
            raise ConfigError(f"{count} models are called '{name}'", "give each [[model]] a name in the configuration")
    return names


def _file_name(path: Path) -> str:
    """Return the file's name without suffix, or that of its folder where this says more.

    >>> _file_name(Path("fcl/model.safetensors")), _file_name(Path("resnet20-12fca82f.th"))
    ('fcl', 'resnet20-12fca82f')
    """
    return path.parent.name if path.stem in _GENERIC and path.parent.name else path.stem
