"""The input gradient: there, finite, not zero, and that of what the model computes."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from robustkit.engine.trust.gradients import check_gradients, finite_differences


def found(seen: Any) -> dict[str, Any]:
    checks = [*check_gradients(seen).checks, finite_differences(seen)]
    return {check.id: check for check in checks}


class Bent(torch.autograd.Function):
    """The identity, whose backward pass is something else."""

    @staticmethod
    def forward(context: Any, inputs: Tensor, turned: Tensor) -> Tensor:
        context.save_for_backward(turned)
        return inputs.clone()

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (turned,) = context.saved_tensors
        return gradients[0] * turned, None


def test_a_linear_model_passes_everything(sight: Any, linear: Any) -> None:
    checks = found(sight(linear))
    assert {check.status for check in checks.values()} == {"pass"}
    assert checks["finite-differences"].numbers["agreeing_share"] == 1.0
    assert float(checks["finite-differences"].numbers["median_difference"]) < 1e-2


def test_a_curved_model_passes(sight: Any, linear: Any) -> None:
    assert finite_differences(sight(lambda x: linear(torch.sin(3 * x) ** 2))).status == "pass"


@pytest.mark.parametrize("turned", [-1.0, 0.0, 3.0])
def test_a_backward_pass_of_its_own_is_caught(sight: Any, linear: Any, turned: float) -> None:
    seen = sight(lambda x: linear(Bent.apply(x, torch.tensor(turned))))
    assert finite_differences(seen).status == "fail"


def test_a_straight_through_estimator_is_no_gradient_of_what_is_computed(sight: Any, linear: Any) -> None:
    # Fine steps: a change of a single level is less than what finite differences can blur.
    def quantise(x: Tensor) -> Tensor:
        return x + (torch.round(x * 8) / 8 - x).detach()

    assert finite_differences(sight(lambda x: linear(quantise(x)))).status in ("warn", "fail")


def test_quantised_inputs_have_no_gradient_though_they_move(sight: Any, linear: Any) -> None:
    checks = found(sight(lambda x: linear(torch.round(x * 32) / 32)))
    assert (checks["zero-gradient"].status, checks["finite-differences"].status) == ("fail", "fail")
    assert checks["zero-gradient"].numbers["zero_share_margin"] == 1.0


def test_one_silent_sample_warns(sight: Any, linear: Any) -> None:
    def answer(x: Tensor) -> Tensor:
        quiet = torch.where(torch.arange(len(x)) % 8 == 7, 0.0, 1.0)[:, None]
        return linear(x * quiet[:, :, None, None] + x.detach() * (1 - quiet[:, :, None, None]))

    seen = sight(answer, n=16)
    seen = type(seen)(**{**vars(seen), "size": 16})
    assert found(seen)["zero-gradient"].status == "fail"  # 2 of 16 are more than a tenth
    few = type(seen)(**{**vars(sight(answer, n=15)), "size": 15})
    assert found(few)["zero-gradient"].status == "warn"


def test_large_logits_silence_the_cross_entropy_alone(sight: Any, linear: Any) -> None:
    gradients = check_gradients(sight(lambda x: 1e4 * linear(x)))
    assert {check.status for check in gradients.checks} == {"pass"}
    assert gradients.silent == 1.0
    assert check_gradients(sight(linear)).silent == 0.0


@pytest.mark.parametrize("hide", [lambda z: z.detach(), lambda z: torch.from_numpy(z.detach().numpy() * 1.0)])
def test_a_model_without_a_gradient_says_so(sight: Any, linear: Any, hide: Any) -> None:
    checks = {check.id: check for check in check_gradients(sight(lambda x: hide(linear(x)))).checks}
    assert checks["differentiable"].status == "fail"
    assert "RuntimeError" in checks["differentiable"].numbers["error"]
    assert {checks[name].status for name in ("finite-gradient", "zero-gradient")} == {"not run"}


def test_gradients_that_are_not_numbers_fail(sight: Any, linear: Any) -> None:
    seen = sight(lambda x: linear(x) + 0 * torch.sqrt((x - x.detach()).abs()).flatten(1).sum(dim=1, keepdim=True))
    check = found(seen)["finite-gradient"]
    assert (check.status, check.numbers["not_finite_margin"]) == ("fail", 8)
