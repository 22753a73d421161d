"""One training from configuration to weights: plan, folder, loop."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from robustkit.config import write_toml
from robustkit.config.training import TrainConfig, as_dict, parse_training
from robustkit.engine.manifest import timestamp
from robustkit.host import Host, load_host
from robustkit.store.choose import Wanted, choose_folder
from robustkit.training.earlier import Earlier, damaged_files, read_earlier
from robustkit.training.folder import KIND, TrainingFolder, status_kept
from robustkit.training.loop import run_training
from robustkit.training.manifest import describe_training
from robustkit.training.observer import TrainingObserver, Unobserved
from robustkit.training.outcome import signs_of_failure
from robustkit.training.plan import TrainingPlan, make_plan

_FEW_STEPS = 10
"""An epoch with fewer is worth a note: optimiser and schedule have little to go by."""


@dataclass(frozen=True, kw_only=True)
class Training:
    """A finished training.

    Attributes:
        folder: where everything is.
        model: the weights of the selected epoch; `robustkit.evaluate` takes the file without further settings.
        last: the weights of the last epoch.
        selected_epoch: from 1.
        history: one row an epoch: `epoch`, `lr` of its last step, the mean of `loss` and of what else the trainer logs,
            `validation_n`, `validation_correct`.
        caveat: what is to be said about the trainer wherever results of the model are; may be empty.
        computed: epochs that were computed now; 0 where the folder had all of them already.
    """

    folder: Path
    model: Path
    last: Path
    selected_epoch: int
    history: list[dict[str, Any]]
    caveat: str
    computed: int


def train(
    config: TrainConfig | Mapping[str, Any],
    *,
    out: str | Path | None = None,
    resume: bool = False,
    host: Host | None = None,
    observer: TrainingObserver | None = None,
) -> Training:
    """Train a model and return where its weights are.

    On a CPU the same configuration gives the same bytes with the same torch, machine and number of threads, whether or
    not the training was killed and resumed in between. Random generators and torch's switches are afterwards as they
    were before.

    Args:
        config: what to train; plain values are read as in a TOML file:
            `{"trainer": "standard", "data": …, "model": …}`.
        out: the folder; by default a new one below `runs/`.
        resume: continue the training in `out`, or without `out` the newest one below `runs/` with the same identity.
            Where there is none, a new one begins; one that is finished is left as it is, unless its weights files are
            damaged: then they are written anew from its state.
        host: the plugins; by default all that are installed and those that the configuration includes.
        observer: is told about the progress.

    Raises:
        ConfigError: the configuration is wrong, or `out` holds something else.
        DataError: the data or the stored state cannot be used, or the model does not fit the data.
        PluginError: a component that is needed is broken.
        RunError: the training diverged, or results cannot be stored.
    """
    config = config if isinstance(config, TrainConfig) else parse_training(config)
    observer = observer or Unobserved()
    host = host or load_host(include=config.include)
    plan = make_plan(config, host)
    wanted = Wanted(kind=KIND, name=plan.name, identity=plan.identity, digest=plan.digest)
    folder = choose_folder(TrainingFolder, wanted, Path(out) if out is not None else None, resume)
    _note(plan, observer)
    earlier = read_earlier(folder, plan.config.epochs)
    if earlier and earlier.status == "finished":
        damaged = damaged_files(folder, earlier)
        if not damaged:
            observer.noted(f"{folder.path} is finished already: nothing to do")
            return _result(plan, folder, earlier.history, earlier.selected_epoch or 0, computed=0)
        observer.noted(f"{' and '.join(damaged)}: damaged or missing, to be written anew from the state")
    if not earlier and plan.steps < _FEW_STEPS:
        observer.noted(
            f"an epoch has {plan.steps} step(s) only: {len(plan.data.ids)} samples to train on, "
            f"--batch-size {plan.config.batch_size}; smaller batches make more of them"
        )
    manifest = _open_manifest(plan, host, folder, earlier, observer)
    with status_kept(folder, manifest):
        progress, computed = run_training(plan, folder, manifest, observer)
        manifest |= {"status": "finished", "finished": timestamp()}
        folder.write_manifest(manifest)
        folder.log("finished", selected=progress.selected)
    if computed:
        for sign in signs_of_failure(progress.history, plan.data.validation.labels[plan.data.validation_ids]):
            observer.noted(sign)
    return _result(plan, folder, progress.history, progress.selected, computed=computed)


def _note(plan: TrainingPlan, observer: TrainingObserver) -> None:
    caveat = plan.trainer.component.caveat
    if caveat:
        observer.noted(f"trainer {plan.trainer.qualified}: {caveat}")
    if not plan.trainable.registered:
        observer.noted("the architecture is not a registered one: 'robustkit eval' needs the same --model again")


def _open_manifest(
    plan: TrainingPlan, host: Host, folder: TrainingFolder, earlier: Earlier | None, observer: TrainingObserver
) -> dict[str, Any]:
    manifest = describe_training(plan, host)
    if earlier:
        first = earlier.environment
        changed = {key: value for key, value in manifest["environment"].items() if first.get(key) != value}
        # Until the state is read: if that fails, what was known before stays known.
        kept = ("started", "environment", "selected_epoch", "history", "files")
        manifest |= {key: getattr(earlier, key) for key in kept}
        manifest["resumed"] = [*earlier.resumed, {"time": timestamp(), "environment": changed}]
        _note_changes(first, changed, observer)
        folder.clean_up()
    folder.write_manifest(manifest)
    # What lets code run is asked for anew each time: a folder may come from somebody else.
    folder.write_config(write_toml({key: value for key, value in as_dict(plan.config).items() if key != "include"}))
    return manifest


def _note_changes(first: Mapping[str, Any], changed: Mapping[str, Any], observer: TrainingObserver) -> None:
    for key, what in (("torch", "torch"), ("threads", "the number of threads")):
        if key in changed:
            observer.noted(
                f"{what} was {first.get(key)} when the training began, is {changed[key]}: "
                "the weights may not be the bytes of an undisturbed training"
            )


def _result(
    plan: TrainingPlan, folder: TrainingFolder, history: list[dict[str, Any]], selected: int, *, computed: int
) -> Training:
    return Training(
        folder=folder.path,
        model=folder.model_path,
        last=folder.last_path,
        selected_epoch=selected,
        history=history,
        caveat=plan.trainer.component.caveat,
        computed=computed,
    )
