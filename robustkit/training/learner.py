"""An objective with its optimiser: single steps, validation, and the state of both."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Literal

import torch
from torch import Tensor, nn

from robustkit.config.training import TrainConfig
from robustkit.engine.inputs import Inputs
from robustkit.errors import PluginError, RobustkitError, RunError
from robustkit.protocols import TrainingBatch
from robustkit.training.optimizer import kept_by, make_optimizer

_PRECISION: dict[str, Literal["32-true", "bf16-mixed", "16-mixed"]] = {
    "fp32": "32-true",
    "tf32": "32-true",
    "bf16": "bf16-mixed",
    "fp16": "16-mixed",
}


class Learner:
    """Takes steps with an objective on one device.

    Args:
        name: of the trainer, for messages.
        model: the wrapped model that the objective holds.
        objective: see `robustkit.protocols.Objective`.
        config: optimiser and precision.
        device: where all of it goes.
    """

    def __init__(
        self, name: str, model: nn.Module, objective: nn.Module, config: TrainConfig, device: torch.device
    ) -> None:
        self._name = name
        self._model = model
        self._objective = objective
        self._config = config
        self._optimizer = make_optimizer(objective, config)
        with _quiet_fabric():
            self._fabric = _make_fabric(device, config.precision)
            self._step, self._stepper = self._fabric.setup(_Step(objective), self._optimizer)
        self._unbounded = set(self._non_finite())

    def train(self) -> None:
        """Get ready for steps."""
        self._step.train()

    def step(self, batch: TrainingBatch, rate: float) -> dict[str, float]:
        """Take one step at this learning rate and return the losses before it.

        Raises:
            PluginError: the objective fails, or returns no losses.
            FloatingPointError: a loss is NaN or infinite; no step was taken, though the forward pass may have changed
                buffers, such as the running statistics of batch normalisation. Its text gives the losses.
            RunError: the device has not enough memory.
        """
        losses = self._losses(batch)
        with self._explained():
            values = torch.stack([loss.detach().double() for loss in losses.values()]).tolist()
        found = dict(zip(losses, values, strict=True))
        if not all(math.isfinite(value) for value in values):
            raise FloatingPointError(", ".join(f"{name} {value:g}" for name, value in found.items()))
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        with self._explained():
            # Whatever the objective's own gradients left behind is none of the step's.
            self._stepper.zero_grad()
            self._fabric.backward(losses["loss"])
            if self._config.gradient_clip is not None:
                # Half precision overflows at times, which its gradient scaler expects; anything else shows in the loss.
                self._fabric.clip_gradients(
                    self._step, self._stepper, max_norm=self._config.gradient_clip, error_if_nonfinite=False
                )
            self._stepper.step()
        return found

    def count_correct(self, batch: TrainingBatch) -> int:
        """Return how many samples of a batch count as right, in evaluation mode.

        Raises:
            PluginError: the objective fails, or returns something else.
            FloatingPointError: a logit of the model is NaN or infinite.
            RunError: the device has not enough memory.
        """
        self._step.eval()
        judge: Callable[[TrainingBatch], Any] = getattr(self._objective, "correct", self._clean_correct)
        with self._explained(), self._fabric.autocast(), _logits_watched(self._model) as finite:
            right = judge(batch)
        if not all(bool(each) for each in finite):
            raise FloatingPointError("logits of validation samples are no longer numbers")
        n = len(batch.labels)
        if not isinstance(right, Tensor) or right.dtype != torch.bool or right.shape != (n,):
            got = f"{tuple(right.shape)} {right.dtype}" if isinstance(right, Tensor) else type(right).__name__
            raise PluginError(
                f"trainer '{self._name}': correct() must return ({n},) bool, got {got}", "mend the trainer"
            )
        return int(right.sum())

    def weights(self) -> dict[str, Tensor]:
        """Return a copy of the network's state, on the CPU, under the network's own names."""
        return {name: tensor.detach().cpu().clone() for name, tensor in self._network().state_dict().items()}

    def diverged(self) -> str:
        """Return which parameter or buffer is no longer a number, as a sentence; empty if all are.

        What was infinite before the first step is meant, such as a mask.
        """
        return next((f"{name} is no longer a number" for name in self._non_finite() if name not in self._unbounded), "")

    def state_dict(self) -> dict[str, Any]:
        """Return all that steps have changed; of the optimiser, what it keeps of each parameter (None: nothing yet)."""
        kept = self._optimizer.state_dict()["state"]
        return {
            "objective": self._objective.state_dict(),
            "optimizer": [kept.get(index) for index in range(len(self._parameters()))],
            "precision": self._fabric.strategy.precision.state_dict(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go back to a state.

        Raises:
            Exception: of any kind, if it is not a state of such a learner.
        """
        precision = self._fabric.strategy.precision
        self._check_kept(state["optimizer"])
        if _types(state["precision"]) != _types(precision.state_dict()):
            raise ValueError("the state of the precision is damaged")
        self._objective.load_state_dict(state["objective"])
        kept = {index: each for index, each in enumerate(state["optimizer"]) if each is not None}
        # Its settings are those of the configuration, and the rate that of the step.
        self._optimizer.load_state_dict({**self._optimizer.state_dict(), "state": kept})
        precision.load_state_dict(state["precision"])

    def _check_kept(self, kept: Any) -> None:
        parameters, expected = self._parameters(), kept_by(self._config)
        if not isinstance(kept, list) or len(kept) != len(parameters):
            raise ValueError(f"the optimiser's state is not that of {len(parameters)} parameters")
        for parameter, found in zip(parameters, kept, strict=True):
            shapes = {name: parameter.shape if same else torch.Size() for name, same in expected.items()}
            if found is not None and {name: each.shape for name, each in found.items()} != shapes:
                raise ValueError("the optimiser's state has other entries or shapes than its parameters want")

    def _parameters(self) -> list[Tensor]:
        return [parameter for group in self._optimizer.param_groups for parameter in group["params"]]

    def _non_finite(self) -> Iterator[str]:
        for kind, tensors in (
            ("parameter", self._objective.named_parameters()),
            ("buffer", self._objective.named_buffers()),
        ):
            yield from (f"{kind} '{name}'" for name, tensor in tensors if not bool(tensor.isfinite().all()))

    def _network(self) -> nn.Module:
        network = self._model.net
        assert isinstance(network, nn.Module)
        return network

    def _losses(self, batch: TrainingBatch) -> Mapping[str, Tensor]:
        with self._explained():
            # Fabric copies the dataclasses that it is given; it does not look into a function.
            losses = self._step(lambda: batch)
        if not isinstance(losses, Mapping) or "loss" not in losses or not all(map(_is_loss, losses.items())):
            raise PluginError(
                f"trainer '{self._name}' must return scalar tensors by name, 'loss' among them, got {losses!r:.200}",
                "robustkit.testing.check_trainer shows what a trainer must do",
            )
        return losses

    def _clean_correct(self, batch: TrainingBatch) -> Tensor:
        inputs: Inputs = batch.inputs
        with torch.no_grad():
            return self._model(inputs).argmax(dim=1) == batch.labels  # type: ignore[no-any-return]

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Turn what an objective or a network raises into an error for the user."""
        try:
            yield
        except RobustkitError:
            raise
        except torch.OutOfMemoryError as error:
            raise RunError("the device has not enough memory for a step", "use a smaller --batch-size") from error
        except Exception as error:
            raise PluginError(
                f"trainer '{self._name}' failed: {type(error).__name__}: {' '.join(str(error).split())}",
                "look at the trainer's and the network's own code",
            ) from error


class _Step(nn.Module):
    """An objective as Fabric takes it."""

    def __init__(self, objective: nn.Module) -> None:
        super().__init__()
        self.objective = objective

    def forward(self, batch: Callable[[], TrainingBatch]) -> Any:
        return self.objective(batch())


def _is_loss(item: tuple[Any, Any]) -> bool:
    name, loss = item
    return isinstance(name, str) and isinstance(loss, Tensor) and loss.ndim == 0


def _types(state: Mapping[str, Any]) -> dict[str, type]:
    return {name: type(value) for name, value in state.items()}


@contextmanager
def _logits_watched(model: nn.Module) -> Iterator[list[Tensor]]:
    """Hand out a list that gets, at each forward pass inside the block, whether all logits are finite."""
    found: list[Tensor] = []
    handle = model.register_forward_hook(lambda _module, _inputs, logits: found.append(logits.isfinite().all()))
    try:
        yield found
    finally:
        handle.remove()


def _make_fabric(device: torch.device, precision: str) -> Any:
    from lightning_fabric import Fabric
    from lightning_fabric.plugins.environments.lightning import LightningEnvironment

    index = torch.cuda.current_device() if device.type == "cuda" and device.index is None else device.index
    fabric = Fabric(
        accelerator=device.type,
        devices=1 if index is None else [index],
        precision=_PRECISION[precision],
        # One process, whatever scheduler started it.
        plugins=[LightningEnvironment()],
    )
    fabric.launch()
    return fabric


@contextmanager
def _quiet_fabric() -> Iterator[None]:
    """Keep Fabric from telling on stderr what the manifest says."""
    import lightning_fabric

    logger = logging.getLogger(lightning_fabric.__name__)
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)
