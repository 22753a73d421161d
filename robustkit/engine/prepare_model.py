"""From a checkpoint file and a model's configuration to a classifier that is ready to be evaluated."""

from __future__ import annotations

import hashlib
import inspect
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from robustkit.config import ModelConfig, RunConfig
from robustkit.config.shorthand import parse_shorthand
from robustkit.engine.architecture import Architecture, resolve_architecture
from robustkit.engine.checkpoint import file_digest, load_into, open_checkpoint, weights_digest
from robustkit.engine.classifier import Classifier, probe
from robustkit.engine.device import AUTOCAST
from robustkit.engine.normalize import parse_normalize
from robustkit.errors import ConfigError, DataError, PluginError, RobustkitError
from robustkit.host import Entry, Host
from robustkit.host.canonical import canonical_name
from robustkit.host.validate import build, parse_params, resolve_target
from robustkit.protocols import CheckpointOptions, LoadedCheckpoint


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
    """

    name: str
    classifier: Classifier
    classes: int
    identity: Mapping[str, Any]
    report: Mapping[str, Any]
    notes: tuple[str, ...] = ()


def prepare_models(
    config: RunConfig, host: Host, shape: tuple[int, int, int], device: torch.device
) -> dict[str, PreparedModel]:
    """Return the run's models by name.

    Args:
        config: whose models are opened.
        host: where registered architectures and checkpoint openers are found.
        shape: (C, H, W) of the view; one forward pass on it shows that model and data fit.
        device: where the models go.

    Raises:
        ConfigError: an unknown architecture, normalisation or clashing names.
        DataError: a checkpoint that cannot be opened, does not fit the architecture, or does not fit the data.
    """
    names = _names(config.model)
    prepared = {}
    for name, model in zip(names, config.model, strict=True):
        try:
            prepared[name] = _prepare(name, model, config, host, shape, device)
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
    name: str, model: ModelConfig, config: RunConfig, host: Host, shape: tuple[int, int, int], device: torch.device
) -> PreparedModel:
    path = Path(model.checkpoint)
    options = CheckpointOptions(trust_pickle=config.trust_pickle)
    checkpoint = (host.open_with_plugins(path, options) if path.exists() else None) or open_checkpoint(path, options)
    with _default_dtype_kept():
        architecture = _architecture(model, checkpoint, host)
    normalization = parse_normalize(model.normalize or checkpoint.metadata.get("normalize") or "none")
    network = _build(architecture)
    fit = load_into(network, checkpoint)
    side = model.input_size
    classifier = Classifier(
        network, normalization, input_size=(side, side) if side else None, autocast=AUTOCAST[config.precision]
    ).to(device)
    classes = probe(classifier, shape, device)
    identity = {
        "weights": weights_digest(checkpoint.weights),
        "architecture": _without_folder(architecture.name),
        "source": architecture.source_digest,
        "mean": list(normalization.mean),
        "std": list(normalization.std),
        "input_size": model.input_size,
    }
    report = {
        "checkpoint": model.checkpoint,
        "sha256": file_digest(path),
        "bytes": path.stat().st_size,
        "format": checkpoint.format,
        "unwrapped": list(checkpoint.unwrapped),
        "extras": dict(checkpoint.extras),
        "fit": asdict(fit),
        "model": architecture.name,
        "normalize": normalization.name,
        "classes": classes,
        "group": model.group or name,
        "training_seed": model.training_seed,
        "identity": identity,
    }
    notes = [f"model '{name}': {note}" for note in fit.notes]
    if not model.normalize and "normalize" not in checkpoint.metadata:
        notes.append(f"model '{name}': no --normalize was given, so the network gets its inputs in [0, 1]")
    return PreparedModel(
        name=name, classifier=classifier, classes=classes, identity=identity, report=report, notes=tuple(notes)
    )


def _build(architecture: Architecture) -> nn.Module:
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
        return resolve_architecture(model.model, lambda text: _registered(text, host))
    stated = checkpoint.metadata.get("model", "")
    if not stated:
        known = ", ".join(entry.component.name for entry in host.catalog.all("model"))
        raise ConfigError(
            f"{model.checkpoint} holds weights only: which architecture are they for?",
            f"add --model NAME ({known}), --model FILE.py:callable or --model package.module:callable",
        )
    try:
        # Registered names only: a file must not be able to name code that is then run.
        return _registered(stated, host)
    except ConfigError as error:
        raise DataError(
            f"{model.checkpoint} says that it is for '{stated}', which is no registered architecture",
            f"say with --model what it is for ({error.hint})",
        ) from error


def _registered(spec: str, host: Host) -> Architecture:
    raw = parse_shorthand(spec)
    entry = host.catalog.find("model", raw.pop("name"))
    params = parse_params(entry, raw)
    return Architecture(
        name=canonical_name(entry, params),
        build=lambda: build(entry, params),
        source_digest=_source_digest(entry),
    )


def _source_digest(entry: Entry) -> str:
    try:
        source = Path(inspect.getfile(inspect.unwrap(resolve_target(entry)))).read_bytes()
    except (TypeError, OSError):
        # Partial objects and the like have no file of their own; the plugin's version stands for them.
        source = f"{entry.qualified} {entry.version}".encode()
    return hashlib.sha256(source).hexdigest()


def _names(models: Sequence[ModelConfig]) -> list[str]:
    names = [model.name or Path(model.checkpoint).stem for model in models]
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
