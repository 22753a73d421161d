"""The contract of an architecture, one check a clause."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import fields
from typing import Any, cast

import torch
from torch import Tensor, nn

from robustkit.components import Model
from robustkit.protocols import TextNetwork
from robustkit.testing.texts import ENGLISH, ODD
from robustkit.testing.watch import (
    global_generators_elsewhere,
    global_generators_untouched,
    make_images,
    model_state,
    require,
    require_no_global_randomness,
    require_same_state,
    working,
)

Factory = Callable[..., nn.Module]
Shape = tuple[int, ...]
Check = Callable[[Factory, Model, Shape], None]

_N = 4
# A convolution may add up in another order in another batch.
_ROUNDING = 1e-5
# A network that reads all of a text may say so by a number for which no text can be made.
_LONGEST = 100_000


def check_logits(factory: Factory, declaration: Model, shape: Shape) -> None:
    """The default parameters build a `torch.nn.Module` that maps N inputs to (N, K) finite floats, K >= 2.

    Inputs are (N, *shape) images, or what the network's `encode` makes of N texts.
    """
    model = _build(factory, declaration)
    for n in (_N, 1):
        logits = _logits(model, declaration, _inputs(model, declaration, shape)[:n])
        form = (tuple(logits.shape), logits.dtype)
        kept = logits.ndim == 2 and len(logits) == n and logits.shape[1] >= 2 and logits.is_floating_point()
        require(kept, f"{declaration.name}: expected ({n}, K) float logits with K >= 2 for {n} inputs, got {form}")
        require(bool(logits.isfinite().all()), f"{declaration.name}: the logits hold NaN or infinite values")


def check_num_classes(factory: Factory, declaration: Model, shape: Shape) -> None:
    """The parameter `num_classes`, if there is one, is the number of logits."""
    if "num_classes" not in _defaults(declaration):
        return
    for classes in (2, 7):
        model = _build(factory, declaration, num_classes=classes)
        logits = _logits(model, declaration, _inputs(model, declaration, shape))
        got = tuple(logits.shape)
        require(got == (_N, classes), f"{declaration.name}: num_classes={classes} gives logits of shape {got}")


def check_state_dict(factory: Factory, declaration: Model, shape: Shape) -> None:
    """The state dict survives a file that is opened without trust, and makes another instance compute the same."""
    model, other = _build(factory, declaration), _build(factory, declaration, seed=1)
    file = io.BytesIO()
    with working(f"{declaration.name}: taking its state dict to a file and back"):
        torch.save(model.state_dict(), file)
        file.seek(0)
        other.load_state_dict(torch.load(file, weights_only=True), strict=True)
    first, second = (_logits(each, declaration, _inputs(each, declaration, shape)) for each in (model, other))
    same = torch.equal(first, second)
    require(same, f"{declaration.name}: the state dict leaves out what the logits depend on")


def check_model_batch_independence(factory: Factory, declaration: Model, shape: Shape) -> None:
    """In evaluation mode a sample has the same logits on its own and in a batch, up to rounding."""
    model = _build(factory, declaration)
    inputs = _inputs(model, declaration, shape)
    whole = _logits(model, declaration, inputs)
    room = _ROUNDING * max(1.0, float(whole.abs().max()))
    for row in range(_N):
        alone = _logits(model, declaration, inputs[row : row + 1])[0]
        near = bool(((alone - whole[row]).abs() <= room).all())
        require(near, f"{declaration.name}: sample {row} has other logits on its own than in a batch of {_N}")


def check_input_gradient(factory: Factory, declaration: Model, shape: Shape) -> None:
    """The gradient of the logits reaches every image, finite and not all 0: gradient attacks live on it."""
    if declaration.modality == "text":
        return
    model = _build(factory, declaration)
    inputs = _inputs(model, declaration, shape).requires_grad_()
    with working(f"{declaration.name}: differentiating the logits by the input"):
        logits = model(inputs)
        # Unequal weights: the plain sum is constant in the input if the model subtracts the mean of its logits.
        weighted = (logits * torch.linspace(1, 2, logits.shape[1])).sum()
        (gradient,) = torch.autograd.grad(weighted, inputs)
    require(
        bool(gradient.isfinite().all()), f"{declaration.name}: the gradient by the input holds NaN or infinite values"
    )
    flows = bool((gradient != 0).flatten(1).any(dim=1).all())
    require(flows, f"{declaration.name}: the gradient by the input is 0 for a whole sample")


def check_forward_changes_nothing(factory: Factory, declaration: Model, shape: Shape) -> None:
    """In evaluation mode a forward pass leaves the inputs, weights and buffers as they are, and repeats exactly."""
    model = _build(factory, declaration)
    inputs = _inputs(model, declaration, shape)
    before = model_state(model)
    first = _logits(model, declaration, inputs)
    kept = torch.equal(inputs, _inputs(model, declaration, shape))
    require(kept, f"{declaration.name} changes its inputs; work on a copy")
    require_same_state(declaration.name, before, model_state(model))
    again = _logits(model, declaration, inputs)
    require(torch.equal(first, again), f"{declaration.name}: the same inputs give other logits the second time")


def check_model_no_global_randomness(factory: Factory, declaration: Model, shape: Shape) -> None:
    """In evaluation mode a forward pass moves no global random generator, and none has an influence."""
    model = _build(factory, declaration)
    inputs = _inputs(model, declaration, shape)
    require_no_global_randomness(
        declaration.name,
        lambda: _logits(model, declaration, inputs),
        torch.equal,
        "draw in training mode only",
    )


def check_seeded_build(factory: Factory, declaration: Model, shape: Shape) -> None:
    """Initial weights follow torch's generator and nothing else, which building moves on but never seeds."""
    del shape
    with global_generators_untouched(declaration.name, "draw initial weights from torch's", but=("torch",)):
        # Twice in a row, with the states of the other generators as they happen to be.
        states = [_seeded(factory, declaration, seed) for seed in (1, 1, 2)]
    (first, _), (again, after), (_, elsewhere) = states
    require(first == again, f"{declaration.name}: the same torch seed gives other initial weights the second time")
    require(
        after != elsewhere, f"{declaration.name}: building seeds torch's global generator; leave that to the caller"
    )


def check_encode(factory: Factory, declaration: Model, shape: Shape) -> None:
    """A network for texts encodes any text, on the CPU, in a row of its own; it reads `max_length` code points."""
    del shape
    if declaration.modality != "text":
        return
    model = cast("TextNetwork", _build(factory, declaration))
    limit: Any = getattr(model, "max_length", None)
    whole_number = isinstance(limit, int) and limit >= 1
    require(whole_number, f"{declaration.name}: expected max_length as an integer of 1 or more, got {limit!r:.40}")
    texts = [*ENGLISH, *ODD]
    before = list(texts)
    whole = _encode(model, declaration, texts)
    require(texts == before, f"{declaration.name}: encode changes the list that it is given")
    for row, text in enumerate(texts):
        alone = _encode(model, declaration, [text])[0]
        own = torch.equal(alone, whole[row])
        require(own, f"{declaration.name}: the row of {text!r:.30} is another one beside other texts")
    if limit <= _LONGEST:
        long = "".join(ENGLISH) * (1 + limit // len("".join(ENGLISH)))
        cut = torch.equal(*_encode(model, declaration, [long, long[:limit]]))
        require(cut, f"{declaration.name}: what lies behind max_length = {limit} changes the row")


MODEL_CHECKS: tuple[Check, ...] = (
    check_encode,
    check_logits,
    check_num_classes,
    check_state_dict,
    check_model_batch_independence,
    check_input_gradient,
    check_forward_changes_nothing,
    check_model_no_global_randomness,
    check_seeded_build,
)
"""Every check of `check_model`, to be run one by one."""


def check_model(factory: Factory, declaration: Model, *, shape: Shape | None = None) -> None:
    """Raise AssertionError at the first clause of the contract that an architecture breaks.

    Args:
        factory: makes a new network; called without arguments for the default parameters, and with `num_classes` if
            the parameters have one: `lambda **chosen: MyNet(MyParams(**chosen))`.
        declaration: what the plugin declares for it.
        shape: of one image; `typical_shape(declaration)` if None. Of no account to networks for texts.
    """
    for check in MODEL_CHECKS:
        check(factory, declaration, shape or typical_shape(declaration))


def typical_shape(declaration: Model) -> Shape:
    """Return the shape of one input that the parameters' defaults speak of.

    That is `in_shape` if there is one; else 32x32 with `in_channels` channels, or with 3.
    """
    defaults = _defaults(declaration)
    shape: Shape = defaults.get("in_shape") or (defaults.get("in_channels", 3), 32, 32)
    return shape


def _defaults(declaration: Model) -> dict[str, Any]:
    return {field.name: field.default for field in fields(declaration.params)}


def _build(factory: Factory, declaration: Model, *, seed: int = 0, **chosen: Any) -> nn.Module:
    """Return a new network in evaluation mode; the global generators are put back."""
    with global_generators_elsewhere(seed), working(f"{declaration.name}: building"):
        model = factory(**chosen)
    got = type(model).__name__
    require(isinstance(model, nn.Module), f"{declaration.name}: expected a torch.nn.Module, got {got}")
    return model.eval()


def _seeded(factory: Factory, declaration: Model, seed: int) -> tuple[dict[str, Any], bytes]:
    """Return the state of a network that is built under a torch seed, and what torch's generator draws after it."""
    before = torch.get_rng_state()
    try:
        torch.default_generator.manual_seed(seed)
        with working(f"{declaration.name}: building"):
            state = model_state(factory())
        return state, torch.rand(4).numpy().tobytes()
    finally:
        torch.set_rng_state(before)


def _inputs(model: nn.Module, declaration: Model, shape: Shape) -> Tensor:
    if declaration.modality == "text":
        return _encode(cast("TextNetwork", model), declaration, ENGLISH[:_N])
    # Networks are given normalised images, so about this far from 0.
    return (make_images(_N, shape) - 0.5) / 0.25


def _encode(model: TextNetwork, declaration: Model, texts: Sequence[str]) -> Tensor:
    with working(f"{declaration.name}: encoding {len(texts)} texts"):
        encoded: Any = model.encode(texts)
    kept = isinstance(encoded, Tensor) and encoded.ndim >= 1 and len(encoded) == len(texts)
    require(kept, f"{declaration.name}: expected a tensor of {len(texts)} rows from encode, got {encoded!r:.60}")
    require(encoded.device.type == "cpu", f"{declaration.name}: expected encode to stay on the CPU")
    return cast("Tensor", encoded)


def _logits(model: nn.Module, declaration: Model, inputs: Tensor) -> Tensor:
    with torch.no_grad(), working(f"{declaration.name} on {tuple(inputs.shape)}"):
        logits: Tensor = model(inputs)
    got = type(logits).__name__
    require(isinstance(logits, Tensor), f"{declaration.name}: expected a tensor of logits, got {got}")
    return logits
