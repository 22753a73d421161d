"""The contract of a trainer, one check a clause."""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

import torch
from torch import Tensor, nn

from robustkit.components import Modality, Trainer
from robustkit.engine.classifier import Classifier
from robustkit.engine.normalize import parse_normalize
from robustkit.engine.text_classifier import TextClassifier
from robustkit.errors import ConfigError
from robustkit.protocols import TrainingBatch
from robustkit.testing.watch import (
    make_images,
    make_keys,
    model_state,
    require,
    require_no_global_randomness,
    require_same_state,
    working,
)

Factory = Callable[[nn.Module], nn.Module]
Shape = tuple[int, ...]
Check = Callable[[Factory, Trainer, Shape], None]

_N = 8
_CLASSES = 3
_STEPS = 30


def check_holds_model(factory: Factory, declaration: Trainer, shape: Shape) -> None:
    """The objective is a `torch.nn.Module` among whose parameters are all of the model's, frozen ones left frozen."""
    model = _model(declaration, shape)
    next(model.parameters()).requires_grad_(False)
    declared = [parameter.requires_grad for parameter in model.parameters()]
    objective = factory(model)
    kind = type(objective).__name__
    require(isinstance(objective, nn.Module), f"{declaration.name}: expected a torch.nn.Module, got {kind}")
    held = {id(parameter) for parameter in objective.parameters()}
    whole = all(id(parameter) in held for parameter in model.parameters())
    require(whole, f"{declaration.name} does not hold the model's parameters: assign it to an attribute")
    kept = [parameter.requires_grad for parameter in model.parameters()] == declared
    require(kept, f"{declaration.name} changes which parameters of the model are frozen")


def check_losses(factory: Factory, declaration: Trainer, shape: Shape) -> None:
    """`forward` returns finite scalar tensors by name; `loss` is among them and has a gradient by the model."""
    model = _model(declaration, shape)
    losses = _losses(factory(model), declaration, _batch(declaration, shape))
    scalars = all(isinstance(loss, Tensor) and loss.ndim == 0 for loss in losses.values())
    require(scalars and "loss" in losses, f"{declaration.name}: expected scalar tensors, 'loss' among them")
    finite = all(bool(loss.isfinite()) for loss in losses.values())
    require(finite, f"{declaration.name}: a loss is NaN or infinite")
    with working(f"{declaration.name}: differentiating its loss by the model"):
        gradients = torch.autograd.grad(losses["loss"], list(model.parameters()), allow_unused=True)
    found = [gradient for gradient in gradients if gradient is not None]
    numbers = all(bool(gradient.isfinite().all()) for gradient in found)
    require(numbers, f"{declaration.name}: the gradient by the model holds NaN or infinite values")
    flows = any(bool((gradient != 0).any()) for gradient in found)
    require(flows, f"{declaration.name}: the loss does not depend on the model's parameters")


def check_leaves_model(factory: Factory, declaration: Trainer, shape: Shape) -> None:
    """`forward` leaves parameters, their `.grad` and `requires_grad`, the training mode, inputs and labels as they are.

    Inner gradients are taken with `torch.autograd.grad`: `backward` would leave some behind in the parameters. Buffers,
    such as the statistics of batch normalisation, may change.
    """
    model, batch = _model(declaration, shape), _batch(declaration, shape)
    objective = factory(model).train()
    before = _but_buffers(model)
    _losses(objective, declaration, batch)
    require_same_state(f"{declaration.name}: forward", before, _but_buffers(model))
    fresh = _batch(declaration, shape)
    same = torch.equal(batch.labels, fresh.labels) and _same(batch.inputs, fresh.inputs)
    require(same, f"{declaration.name} changes its inputs or labels; work on a copy")


def check_trainer_no_global_randomness(factory: Factory, declaration: Trainer, shape: Shape) -> None:
    """Around a model that draws nothing, no global random generator is moved, and none has an influence."""
    objective = factory(_model(declaration, shape)).train()
    start = _copy(objective)

    def produce() -> float:
        objective.load_state_dict(start)
        return _values(objective, declaration, shape)["loss"]

    require_no_global_randomness(declaration.name, produce, lambda one, other: one == other)


def check_trainer_repeatable(factory: Factory, declaration: Trainer, shape: Shape) -> None:
    """The same weights, batch and keys give the same losses from the same objective and from a new one."""
    objective = factory(_model(declaration, shape)).train()
    start = _copy(objective)
    first = _values(objective, declaration, shape)
    objective.load_state_dict(start)
    other = factory(_model(declaration, shape)).train()
    other.load_state_dict(start)
    for again in (objective, other):
        values = _values(again, declaration, shape)
        require(values == first, f"{declaration.name}: the same batch and keys give {values}, before {first}")


def check_trainer_continues(factory: Factory, declaration: Trainer, shape: Shape) -> None:
    """The state dict survives a file that is opened without trust, and another objective goes on from it exactly."""
    objective, other = (factory(_model(declaration, shape)).train() for _ in range(2))
    _descend(objective, declaration, shape, steps=2)
    file = io.BytesIO()
    with working(f"{declaration.name}: taking its state dict to a file and back"):
        torch.save(objective.state_dict(), file)
        file.seek(0)
        other.load_state_dict(torch.load(file, weights_only=True), strict=True)
    first, second = (_descend(each, declaration, shape, steps=2) for each in (objective, other))
    require(first == second, f"{declaration.name}: its state dict leaves out what the next steps depend on")


def check_learns(factory: Factory, declaration: Trainer, shape: Shape) -> None:
    """Thirty steps on one batch, with the same keys, lower the loss."""
    first, *_, last = _descend(factory(_model(declaration, shape)).train(), declaration, shape, steps=_STEPS)
    require(last < first, f"{declaration.name}: {_STEPS} steps on one batch took the loss from {first:g} to {last:g}")


def check_correct(factory: Factory, declaration: Trainer, shape: Shape) -> None:
    """`correct`, if there is one, returns (N,) bool in evaluation mode and leaves the model as it is."""
    model = _model(declaration, shape)
    objective = factory(model).eval()
    judge = getattr(objective, "correct", None)
    if judge is None:
        return
    before = model_state(model)
    for n in (_N, 1):
        batch = _batch(declaration, shape, n)
        with working(f"{declaration.name}: correct on {n} samples"):
            first, again = judge(batch), judge(batch)
        form = (tuple(first.shape), first.dtype) if isinstance(first, Tensor) else type(first).__name__
        require(form == ((n,), torch.bool), f"{declaration.name}: expected correct as ({n},) bool, got {form}")
        require(torch.equal(first, again), f"{declaration.name}: correct differs from call to call")
        require_same_state(f"{declaration.name}: correct", before, model_state(model))


def check_inputs_asked(factory: Factory, declaration: Trainer, shape: Shape) -> None:
    """`check_inputs`, if there is one, takes the shape of an image, refuses with ConfigError, and changes nothing."""
    model = _model(declaration, shape)
    ask = getattr(factory(model), "check_inputs", None)
    if ask is None or _modality(declaration) == "text":
        return
    before = model_state(model)
    for each in (shape, (1, 1, 1)):
        with working(f"{declaration.name}: check_inputs({each})"), suppress(ConfigError):
            ask(each)
        require_same_state(f"{declaration.name}: check_inputs", before, model_state(model))


TRAINER_CHECKS: tuple[Check, ...] = (
    check_holds_model,
    check_losses,
    check_leaves_model,
    check_trainer_no_global_randomness,
    check_trainer_repeatable,
    check_trainer_continues,
    check_learns,
    check_correct,
    check_inputs_asked,
)
"""Every check of `check_trainer`, to be run one by one."""


def check_trainer(factory: Factory, declaration: Trainer, *, shape: Shape = (3, 8, 8)) -> None:
    """Raise AssertionError at the first clause of the contract that a trainer breaks.

    Args:
        factory: makes a new objective around a model: `lambda model: MyObjective(MyParams(), model)`.
        declaration: what the plugin declares for it.
        shape: of one image; of no matter for texts.
    """
    for check in TRAINER_CHECKS:
        check(factory, declaration, shape)


class _ToyText(nn.Module):
    """A small network for texts: one vector a code point, averaged."""

    max_length = 32

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(128, 8)
        self.hidden = nn.Linear(8, 8)
        self.output = nn.Linear(8, _CLASSES)

    def encode(self, texts: Sequence[str]) -> Tensor:
        rows = [[ord(sign) % 127 + 1 for sign in text[: self.max_length]] for text in texts]
        return torch.tensor([row + [0] * (self.max_length - len(row)) for row in rows])

    def forward(self, encoded: Tensor) -> Tensor:
        features = self.embedding(encoded).mean(dim=1)
        return self.output(torch.tanh(self.hidden(features)))  # type: ignore[no-any-return]


def _modality(declaration: Trainer) -> Modality:
    return declaration.modality or "image"


def _model(declaration: Trainer, shape: Shape) -> nn.Module:
    """Return a trainable classifier with weights, buffers and a training mode; the same at every call."""
    wrapped: nn.Module
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        if _modality(declaration) == "text":
            wrapped = TextClassifier(_ToyText())
        else:
            layers = (
                nn.Flatten(),
                nn.Linear(math.prod(shape), 16),
                nn.BatchNorm1d(16),
                nn.Tanh(),
                nn.Linear(16, _CLASSES),
            )
            wrapped = Classifier(nn.Sequential(*layers), parse_normalize("none"))
    return wrapped.requires_grad_(True).train()


def _batch(declaration: Trainer, shape: Shape, n: int = _N) -> TrainingBatch:
    labels = torch.arange(n) % _CLASSES
    texts = [f"text {'abc'[label]} number {place}" for place, label in enumerate(labels.tolist())]
    inputs = texts if _modality(declaration) == "text" else make_images(n, shape)
    # The last epoch: what a method does after a warm-up is the method.
    return TrainingBatch(inputs=inputs, labels=labels, keys=make_keys(declaration.name, n), epoch=1, epochs=2)


def _losses(objective: nn.Module, declaration: Trainer, batch: TrainingBatch) -> Mapping[str, Tensor]:
    with working(f"{declaration.name}: forward"):
        losses = objective(batch)
    found = type(losses).__name__
    require(isinstance(losses, Mapping), f"{declaration.name}: expected losses by name from forward, got {found}")
    named = all(isinstance(name, str) for name in losses)
    require(named, f"{declaration.name}: expected losses under names that are strings, got {list(losses)}")
    return losses  # type: ignore[no-any-return]


def _values(objective: nn.Module, declaration: Trainer, shape: Shape) -> dict[str, float]:
    losses = _losses(objective, declaration, _batch(declaration, shape))
    return {name: float(loss.detach()) for name, loss in losses.items()}


def _descend(objective: nn.Module, declaration: Trainer, shape: Shape, steps: int) -> list[float]:
    """Return the loss before each of so many steps of plain gradient descent on one batch, and after the last."""
    optimizer = torch.optim.SGD(objective.parameters(), lr=0.05)
    found = []
    for _ in range(steps):
        loss = _losses(objective, declaration, _batch(declaration, shape))["loss"]
        found.append(float(loss.detach()))
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
    return [*found, _values(objective, declaration, shape)["loss"]]


def _copy(objective: nn.Module) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in objective.state_dict().items()}


def _but_buffers(model: nn.Module) -> dict[str, object]:
    return {name: value for name, value in model_state(model).items() if not name.startswith("buffer")}


def _same(one: Tensor | list[str], other: Tensor | list[str]) -> bool:
    if isinstance(one, Tensor) and isinstance(other, Tensor):
        return torch.equal(one, other)
    return not isinstance(one, Tensor) and one == other
