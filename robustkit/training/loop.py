"""The training loop: steps, validation, selection, and a state from which a killed training continues exactly."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from robustkit.errors import PluginError, RunError
from robustkit.store.atomic import write_atomically
from robustkit.training.batches import Batches
from robustkit.training.checkpoint import encode_weights
from robustkit.training.determinism import deterministic, seed_generators
from robustkit.training.folder import TrainingFolder
from robustkit.training.history import COLUMNS
from robustkit.training.learner import Learner
from robustkit.training.observer import TrainingObserver
from robustkit.training.optimizer import learning_rate
from robustkit.training.plan import TrainingPlan
from robustkit.training.state import Progress, restore, store


def run_training(
    plan: TrainingPlan, folder: TrainingFolder, manifest: dict[str, Any], observer: TrainingObserver
) -> tuple[Progress, int]:
    """Train from where the folder's state is to the end; return what came of it and how many epochs ended now.

    Weights, history and manifest are written after each epoch.

    Raises:
        RunError: a loss, weight, buffer or validation logit is no longer a number, the memory does not suffice, or
            results cannot be stored.
        PluginError: the trainer fails.
        DataError: a sample or the stored state cannot be read.
    """
    with deterministic(plan.device, plan.config.precision):
        loop = _Loop(plan, folder, manifest, observer)
        before = len(loop.progress.history)
        try:
            loop.run()
        finally:
            observer.finished()
    return loop.progress, len(loop.progress.history) - before


class _Loop:
    def __init__(
        self, plan: TrainingPlan, folder: TrainingFolder, manifest: dict[str, Any], observer: TrainingObserver
    ) -> None:
        self._plan = plan
        self._config = plan.config
        self._folder = folder
        self._manifest = manifest
        self._observer = observer
        self._learner = Learner(plan.trainer.qualified, plan.trainable.model, plan.objective, plan.config, plan.device)
        self._training, self._validation = _batches(plan)
        self.progress = restore(folder.state_path, plan, self._learner)

    def run(self) -> None:
        steps, epochs = self._plan.steps, self._config.epochs
        self._observer.started(epochs, steps, self.progress.step)
        self._folder.log("started", step=self.progress.step)
        # What is written after an epoch may be missing if the kill came just then.
        self._export()
        while len(self.progress.history) < epochs:
            epoch = len(self.progress.history)
            self._take_steps(epoch)
            self._end_epoch(epoch)

    def _take_steps(self, epoch: int) -> None:
        steps, every = self._plan.steps, self._config.checkpoint_every
        self._learner.train()
        for batch in self._training.shuffled(epoch, self.progress.step - epoch * steps):
            number = self.progress.step - epoch * steps + 1
            seed_generators(self._plan.device, "training/step", self._config.seed, self.progress.step)
            try:
                losses = self._learner.step(batch, self._rate(self.progress.step))
            except FloatingPointError as error:
                raise self._diverged(f"the loss is no longer a number: {error}", epoch, number) from error
            self._check_names(losses)
            self.progress.add(losses)
            self._observer.stepped(epoch + 1, number, losses["loss"])
            if every and number < steps and self.progress.step % every == 0:
                self._commit(epoch, number)

    def _end_epoch(self, epoch: int) -> None:
        self._require_finite(epoch, self._plan.steps)
        row = self._row(epoch)
        selected = self.progress.end_epoch(row, self._learner.weights())
        self._commit(epoch, self._plan.steps)
        self._folder.log("epoch", **row)
        self._export()
        self._observer.validated(row, selected)

    def _row(self, epoch: int) -> dict[str, Any]:
        seed_generators(self._plan.device, "training/validation", self._config.seed, epoch)
        try:
            correct = sum(self._learner.count_correct(batch) for batch in self._validation.in_order(epoch))
        except FloatingPointError as error:
            raise self._diverged(str(error), epoch, self._plan.steps) from error
        return {
            "epoch": epoch + 1,
            "lr": self._rate(self.progress.step - 1),
            **{name: total / n for name, (total, n) in self.progress.sums.items()},
            "validation_n": len(self._plan.data.validation_ids),
            "validation_correct": correct,
        }

    def _rate(self, step: int) -> float:
        return learning_rate(self._config.schedule, self._config.lr, step, self._plan.steps * self._config.epochs)

    def _commit(self, epoch: int, number: int) -> None:
        self._require_finite(epoch, number)
        store(self._folder.state_path, self._plan, self.progress, self._learner)

    def _export(self) -> None:
        progress, training = self.progress, self._plan.training
        if not progress.history:
            return
        files = (
            (self._folder.model_path, progress.best, progress.selected),
            (self._folder.last_path, progress.last, len(progress.history)),
        )
        digests = {}
        for path, weights, epoch in files:
            stated = json.dumps({**training, "epoch": epoch, "selected_epoch": progress.selected}, sort_keys=True)
            content = encode_weights(weights, {**self._plan.metadata, "robustkit.training": stated})
            write_atomically(path, content)
            digests[path.name] = hashlib.sha256(content).hexdigest()
        self._folder.write_history(progress.history)
        self._manifest |= {"selected_epoch": progress.selected, "history": progress.history, "files": digests}
        self._folder.write_manifest(self._manifest)

    def _require_finite(self, epoch: int, number: int) -> None:
        if what := self._learner.diverged():
            raise self._diverged(what, epoch, number)

    def _diverged(self, what: str, epoch: int, number: int) -> RunError:
        selected = self.progress.selected
        kept = f"; {self._folder.model_path} has epoch {selected}" if selected else ""
        return RunError(
            f"epoch {epoch + 1}, step {number} of {self._plan.steps}: {what}{kept}",
            f"train anew in another folder with a lower --lr than {self._config.lr:g}, or with --set gradient_clip=1",
        )

    def _check_names(self, losses: dict[str, float]) -> None:
        taken = sorted(set(COLUMNS) & losses.keys())
        if taken:
            raise PluginError(
                f"trainer '{self._plan.trainer.qualified}' calls a loss '{taken[0]}', which the history has already",
                "give it another name",
            )


def _batches(plan: TrainingPlan) -> tuple[Batches, Batches]:
    """Return the batches to train and to validate on."""
    shared: dict[str, Any] = {
        "size": plan.config.batch_size,
        "seed": plan.config.seed,
        "stream": plan.trainer.qualified,
        "epochs": plan.config.epochs,
        "device": plan.device,
    }
    data = plan.data
    return (
        Batches(dataset=data.dataset, ids=data.ids, augmentation=plan.config.augment, **shared),
        Batches(dataset=data.validation, ids=data.validation_ids, **shared),
    )
