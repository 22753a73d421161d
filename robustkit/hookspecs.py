"""The nine hooks. A plugin implements those it needs, each marked with `@robustkit.hookimpl`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pluggy

from robustkit.components import Attack, Baseline, Dataset, Metric, Model, Perturbation, Reporter, Trainer
from robustkit.protocols import CheckpointOptions, LoadedCheckpoint

PROJECT = "robustkit"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def robustkit_perturbations() -> Iterable[Perturbation]:  # type: ignore[empty-body]
    """Return the plugin's perturbations.

    Example:
        @robustkit.hookimpl
        def robustkit_perturbations():
            return [robustkit.Perturbation(name="stripes", summary="dark bars", target="my_plugin.stripes:Stripes")]
    """


@hookspec
def robustkit_attacks() -> Iterable[Attack]:  # type: ignore[empty-body]
    """Return the plugin's attacks.

    Example:
        @robustkit.hookimpl
        def robustkit_attacks():
            return [robustkit.Attack(name="sign-step", summary="one step", target="my_plugin.sign_step:SignStep")]
    """


@hookspec
def robustkit_metrics() -> Iterable[Metric]:  # type: ignore[empty-body]
    """Return the plugin's metrics.

    Example:
        @robustkit.hookimpl
        def robustkit_metrics():
            return [
                robustkit.Metric(
                    name="top-2-accuracy", summary="true label in the two highest", target="my_plugin.top2:Top2",
                    higher_is_better=True, bounds=(0.0, 1.0),
                )
            ]
    """


@hookspec
def robustkit_trainers() -> Iterable[Trainer]:  # type: ignore[empty-body]
    """Return the plugin's trainers.

    Example:
        @robustkit.hookimpl
        def robustkit_trainers():
            return [robustkit.Trainer(name="mixup", summary="trains on mixed pairs", target="my_plugin.mixup:Mixup")]
    """


@hookspec
def robustkit_models() -> Iterable[Model]:  # type: ignore[empty-body]
    """Return the plugin's architectures.

    Example:
        @robustkit.hookimpl
        def robustkit_models():
            return [robustkit.Model(name="lenet", summary="LeNet-5", target="my_plugin.lenet:build")]
    """


@hookspec
def robustkit_datasets() -> Iterable[Dataset]:  # type: ignore[empty-body]
    """Return the plugin's datasets.

    Example:
        @robustkit.hookimpl
        def robustkit_datasets():
            return [robustkit.Dataset(name="leaves", summary="32 kinds of leaf", target="my_plugin.leaves:Leaves")]
    """


@hookspec
def robustkit_reporters() -> Iterable[Reporter]:  # type: ignore[empty-body]
    """Return the plugin's reporters.

    Example:
        @robustkit.hookimpl
        def robustkit_reporters():
            return [robustkit.Reporter(name="markdown", summary="one table", target="my_plugin.markdown:write")]
    """


@hookspec
def robustkit_baselines() -> Iterable[Baseline]:  # type: ignore[empty-body]
    """Return the plugin's tables of baseline errors.

    Example:
        @robustkit.hookimpl
        def robustkit_baselines():
            return [
                robustkit.Baseline(name="lenet-cifar10-c", summary="LeNet-5", target="my_plugin.baselines:lenet_table")
            ]
    """


@hookspec(firstresult=True)
def robustkit_load_checkpoint(path: Path, options: CheckpointOptions) -> LoadedCheckpoint | None:
    """Return the opened checkpoint, or None to leave the file to the next plugin and at last to robustkit itself.

    Example:
        @robustkit.hookimpl
        def robustkit_load_checkpoint(path, options):
            if path.suffix != ".npz":
                return None
            from my_plugin.weights import read_npz
            return read_npz(path)
    """
