"""The contract of an attack, one check a clause."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from robustkit.components import Attack, Norm, ThreatModel
from robustkit.engine.adversarial import largest_norm, perturbation_norm
from robustkit.engine.seeds import Keys
from robustkit.protocols import AttackMethod, AttackResult
from robustkit.testing.watch import (
    make_images,
    make_keys,
    model_state,
    require,
    require_no_global_randomness,
    require_same_state,
)

Factory = Callable[[], AttackMethod]
Shape = tuple[int, ...]
Check = Callable[[Factory, Attack, Shape], None]

_N = 6
_CLASSES = 3
_EPS = 0.1


def check_inside_threat_model(factory: Factory, declaration: Attack, shape: Shape) -> None:
    """Candidates lie within eps of the inputs, but for rounding, and within the bounds, for every norm and many eps."""
    model, inputs, labels = _problem(shape)
    for norm in declaration.norms:
        for eps in (1e-3, 8 / 255, 0.3, 1.0):
            threat_model = _threat_model(norm, eps, shape)
            found = factory().run(model, inputs, labels, threat_model, make_keys(declaration.name, _N)).candidates
            what = f"{declaration.name} ({norm}, eps={threat_model.eps:.4g})"
            change = perturbation_norm(found.double() - inputs.double(), norm)
            # Written so that a NaN fails too.
            inside = bool((change <= largest_norm(threat_model)).all())
            require(inside, f"{what}: a candidate is {float(change.max()):.8g} away from its input")
            bounded = bool(((found >= threat_model.low) & (found <= threat_model.high)).all())
            require(bounded, f"{what}: a candidate leaves the bounds [{threat_model.low:g}, {threat_model.high:g}]")


def check_no_room(factory: Factory, declaration: Attack, shape: Shape) -> None:
    """With eps = 0 the inputs come back."""
    model, inputs, labels = _problem(shape)
    for norm in declaration.norms:
        keys = make_keys(declaration.name, _N)
        result = factory().run(model, inputs, labels, ThreatModel(norm=norm, eps=0.0), keys)
        require(torch.equal(result.candidates, inputs), f"{declaration.name} ({norm}): eps=0 changes the inputs")


def check_attack_result_form(factory: Factory, declaration: Attack, shape: Shape) -> None:
    """Candidates are like the inputs; the loss is a number and the counts are int64, one a sample."""
    _, inputs, _ = _problem(shape)
    result = _run(factory(), declaration, shape)
    got = (tuple(result.candidates.shape), result.candidates.dtype, result.candidates.device)
    expected = (tuple(inputs.shape), inputs.dtype, inputs.device)
    require(got == expected, f"{declaration.name}: expected candidates {expected}, got {got}")
    loss = result.best_loss
    require(loss.shape == (_N,) and not bool(loss.isnan().any()), f"{declaration.name}: best_loss must be {_N} numbers")
    for name in ("queries", "forwards", "backwards"):
        count = getattr(result, name)
        form = (tuple(count.shape), count.dtype)
        require(form == ((_N,), torch.int64), f"{declaration.name}: expected {name} ({_N},) int64, got {form}")


def check_inputs_unchanged(factory: Factory, declaration: Attack, shape: Shape) -> None:
    """Inputs and labels are left as they are."""
    model, inputs, labels = _problem(shape)
    before = inputs.clone(), labels.clone()
    factory().run(model, inputs, labels, _default(declaration, shape), make_keys(declaration.name, _N))
    kept = torch.equal(inputs, before[0]) and torch.equal(labels, before[1]) and not inputs.requires_grad
    require(kept, f"{declaration.name} changes its inputs or labels; work on a copy")


def check_model_unchanged(factory: Factory, declaration: Attack, shape: Shape) -> None:
    """Parameters, their `.grad` and `requires_grad`, buffers and training mode are left as they are."""
    model, inputs, labels = _problem(shape)
    before = model_state(model)
    factory().run(model, inputs, labels, _default(declaration, shape), make_keys(declaration.name, _N))
    require_same_state(declaration.name, before, model_state(model))


def check_attack_no_global_randomness(factory: Factory, declaration: Attack, shape: Shape) -> None:
    """No global random generator is moved, and none has an influence."""
    require_no_global_randomness(declaration.name, lambda: _run(factory(), declaration, shape).candidates, torch.equal)


def check_attack_repeatable(factory: Factory, declaration: Attack, shape: Shape) -> None:
    """The same keys give the same result, from the same object and from a new one."""
    attack = factory()
    first = _run(attack, declaration, shape)
    for again in (_run(attack, declaration, shape), _run(factory(), declaration, shape)):
        same = torch.equal(first.candidates, again.candidates) and torch.equal(first.best_loss, again.best_loss)
        require(same, f"{declaration.name}: the same keys give another result the second time")


def check_attack_randomness_declared(factory: Factory, declaration: Attack, shape: Shape) -> None:
    """`stochastic` says whether the attack draws from its keys."""
    model, inputs, labels = _problem(shape)
    keys = make_keys(declaration.name, _N)
    factory().run(model, inputs, labels, _default(declaration, shape), keys)
    said = f"{declaration.name} is declared stochastic={declaration.stochastic}"
    require(bool(keys.drawn) == declaration.stochastic, f"{said}, but draws from {len(keys.drawn)} streams")


def check_attack_batch_independence(factory: Factory, declaration: Attack, shape: Shape) -> None:
    """A sample on its own, and in a batch of another order, reaches the same loss up to rounding."""
    whole = _run(factory(), declaration, shape)
    for rows in ([0], [_N - 1], list(reversed(range(_N)))):
        part = _run(factory(), declaration, shape, rows)
        same = torch.allclose(part.best_loss.double(), whole.best_loss[rows].double(), rtol=1e-3, atol=1e-5)
        require(same, f"{declaration.name}: samples {rows} on their own reach another loss than in a batch of {_N}")


def check_counts(factory: Factory, declaration: Attack, shape: Shape) -> None:
    """Forward passes add up to what the model saw; only an attack that needs gradients has backward passes."""
    seen = 0

    def count(_: nn.Module, arguments: tuple[Tensor, ...]) -> None:
        nonlocal seen
        seen += len(arguments[0])

    model, inputs, labels = _problem(shape)
    model.register_forward_pre_hook(count)
    result = factory().run(model, inputs, labels, _default(declaration, shape), make_keys(declaration.name, _N))
    claimed = int(result.forwards.sum())
    require(claimed == seen, f"{declaration.name} counts {claimed} forward passes, the model saw {seen}")
    require(bool((result.queries >= 1).all()), f"{declaration.name} counts no query for a sample that it attacked")
    require(bool((result.backwards >= 0).all()), f"{declaration.name} counts backward passes below 0")
    needs = "gradient" in declaration.needs
    require(needs or int(result.backwards.sum()) == 0, f"{declaration.name} goes backward, but declares no gradient")
    plausible = bool((result.backwards <= result.forwards).all())
    require(plausible, f"{declaration.name} counts more backward than forward passes")


def check_raises_loss(factory: Factory, declaration: Attack, shape: Shape) -> None:
    """On an easy model the mean cross-entropy at the candidates is above that at the inputs."""
    model, inputs, labels = _problem(shape)
    result = _run(factory(), declaration, shape)
    with torch.no_grad():
        clean, attacked = (
            float(functional.cross_entropy(model(points), labels)) for points in (inputs, result.candidates)
        )
    require(attacked > clean, f"{declaration.name} does not raise the loss: {clean:.4g} before, {attacked:.4g} after")


ATTACK_CHECKS: tuple[Check, ...] = (
    check_inside_threat_model,
    check_no_room,
    check_attack_result_form,
    check_inputs_unchanged,
    check_model_unchanged,
    check_attack_no_global_randomness,
    check_attack_repeatable,
    check_attack_randomness_declared,
    check_attack_batch_independence,
    check_counts,
    check_raises_loss,
)
"""Every check of `check_attack`, to be run one by one."""


def check_attack(factory: Factory, declaration: Attack, *, shape: Shape = (3, 8, 8)) -> None:
    """Raise AssertionError at the first clause of the contract that an attack breaks.

    Args:
        factory: makes a new implementation, ready to run: `lambda: MyAttack(MyParams())`.
        declaration: what the plugin declares for it.
        shape: of one input.
    """
    for check in ATTACK_CHECKS:
        check(factory, declaration, shape)


class _Toy(nn.Module):
    """A small classifier with a layer of every kind that an attack could disturb: weights, buffers, a training mode."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        size, width = math.prod(shape), 16
        # Weights from keys: the layers' own initialisation would draw from the global generator.
        self.first = nn.Parameter(2 * make_keys("first", size).normal(width).float() / math.sqrt(size))
        self.norm = nn.BatchNorm1d(width)
        self.second = nn.Parameter(2 * make_keys("second", width).normal(_CLASSES).float() / math.sqrt(width))

    def forward(self, inputs: Tensor) -> Tensor:
        return torch.tanh(self.norm(inputs.flatten(1) @ self.first)) @ self.second


def _problem(shape: Shape) -> tuple[nn.Module, Tensor, Tensor]:
    """Return a classifier in evaluation mode, inputs, and the labels that it gives them."""
    model, inputs = _Toy(shape).eval(), make_images(_N, shape)
    with torch.no_grad():
        return model, inputs, model(inputs).argmax(dim=1)


def _run(attack: AttackMethod, declaration: Attack, shape: Shape, rows: list[int] | None = None) -> AttackResult:
    model, inputs, labels = _problem(shape)
    keys: Keys = make_keys(declaration.name, _N)
    if rows is not None:
        inputs, labels, keys = inputs[rows], labels[rows], keys.rows(rows)
    return attack.run(model, inputs, labels, _default(declaration, shape), keys)


def _default(declaration: Attack, shape: Shape) -> ThreatModel:
    return _threat_model(declaration.norms[0], _EPS, shape)


def _threat_model(norm: Norm, eps: float, shape: Shape) -> ThreatModel:
    # An L2 ball as wide as the corner of the Linf ball, so that one list of eps does for both.
    return ThreatModel(norm=norm, eps=eps if norm == "linf" else eps * math.sqrt(math.prod(shape)))
