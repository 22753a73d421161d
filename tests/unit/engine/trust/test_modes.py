"""What a model does beside answering."""

from __future__ import annotations

import sys
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from robustkit.engine.trust.modes import dynamic, eval_mode, state, state_digest


class Switching(nn.Module):
    """Puts itself into training mode while it answers."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Flatten(), nn.Linear(36, 4))

    def forward(self, images: Tensor) -> Tensor:
        self.net.train()
        return self.net(images)


class Hidden(nn.Module):
    """One part of it is in training mode."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Flatten(), nn.Dropout(0.0), nn.Linear(36, 4))

    def forward(self, images: Tensor) -> Tensor:
        return self.net(images)


def test_every_submodule_counts(sight: Any) -> None:
    model = Hidden().eval()
    assert eval_mode(sight(model)).status == "pass"
    model.net[1].train()
    found = eval_mode(sight(model))
    assert (found.status, found.numbers["training_before"]) == ("fail", 1)
    assert "net.1" in found.advice


def test_a_forward_pass_that_switches_to_training_fails(sight: Any) -> None:
    seen = sight(Switching().eval())
    seen.model.eval()
    found = eval_mode(seen)
    assert (found.status, found.numbers["training_before"], found.numbers["training_after"]) == ("fail", 0, 3)
    assert "after a forward pass" in found.advice


def purify(images: Tensor, how: str) -> Tensor:
    """Take one step towards confidence before answering."""
    with torch.enable_grad():
        inner = images.detach().clone().requires_grad_()
        if how == "grad":
            (gradient,) = torch.autograd.grad(inner.square().sum(), inner)
        elif how == "backward":
            inner.square().sum().backward()
            gradient = inner.grad
        else:
            gradient = torch.func.grad(lambda x: x.square().sum())(images)
    return images - 0.01 * gradient


@pytest.mark.parametrize("how", ["grad", "backward", "func"])
def test_a_model_that_differentiates_while_it_answers_fails(sight: Any, linear: Any, how: str) -> None:
    found = dynamic(sight(lambda x: linear(purify(x, how))))
    assert found.status == "fail"
    assert int(found.numbers["gradient_calls"]) >= 1  # type: ignore[call-overload]


def test_others_pass_and_a_profiler_that_was_there_stays(sight: Any, linear: Any) -> None:
    before = sys.getprofile()
    calls = []
    try:
        sys.setprofile(lambda *_: calls.append(1))
        found = dynamic(sight(linear))
        assert sys.getprofile() is not None
    finally:
        sys.setprofile(before)
    assert found.status == "pass"


def test_the_digest_sees_every_bit_of_parameters_and_buffers_stored_or_not() -> None:
    net = nn.BatchNorm2d(3)
    net.register_buffer("counter", torch.zeros((), dtype=torch.int64), persistent=False)
    net.register_buffer("short", torch.zeros(2, dtype=torch.bfloat16))
    digests = [state_digest(net)]
    for change in (
        lambda: net.weight.data[1].add_(1e-7),
        lambda: net.running_mean.add_(1),
        lambda: net.counter.add_(1),
        lambda: net.short.add_(1),
    ):
        change()
        digests.append(state_digest(net))
    assert len(set(digests)) == 5
    assert state_digest(net) == digests[-1]


def test_a_change_is_remembered_by_a_run_that_goes_on() -> None:
    assert state("a", "a").status == "pass"
    assert state("a", "b").status == "fail"
    assert state("a", "a", earlier="fail").status == "fail"
