"""The same answer each time, and in any batch."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from robustkit.engine.trust.answers import batch_size, determinism
from robustkit.engine.trust.health import unsteady


def test_a_function_of_the_image_passes(sight: Any, linear: Any) -> None:
    assert determinism(sight(linear), "fp32", True).status == "pass"
    assert batch_size(sight(linear), "fp32").status == "pass"


@pytest.mark.parametrize(("attacked", "status"), [(True, "fail"), (False, "warn")])
def test_noise_fails_under_attack_and_warns_without(sight: Any, linear: Any, attacked: bool, status: str) -> None:
    found = determinism(sight(lambda x: linear(x + 0.01 * torch.randn_like(x))), "fp32", attacked)
    assert found.status == status
    assert "randomised" in found.advice
    assert float(found.numbers["largest_difference"]) > 1e-4  # type: ignore[arg-type]


def test_noise_below_the_bar_passes_and_the_bar_depends_on_the_precision(sight: Any, linear: Any) -> None:
    seen = sight(lambda x: linear(x) * (1 + 2e-3 * torch.rand(len(x), 4)))
    assert determinism(seen, "fp32", True).status == "fail"
    assert determinism(seen, "bf16", True).status == "pass"


def test_the_scale_of_the_logits_does_not_matter(sight: Any, linear: Any) -> None:
    noisy = [sight(lambda x, k=k: k * (linear(x) + 1e-6 * torch.randn(len(x), 4))) for k in (1e-3, 1e6)]
    assert [determinism(each, "fp32", True).status for each in noisy] == ["pass", "pass"]


def test_an_answer_that_depends_on_the_batch_fails(sight: Any, linear: Any) -> None:
    found = batch_size(sight(lambda x: linear(x - x.mean(dim=0))), "fp32")
    assert found.status == "fail"
    assert found.numbers["n"] == 8


def test_a_network_that_refuses_one_image_fails(sight: Any) -> None:
    net = nn.Sequential(nn.Flatten(), nn.BatchNorm1d(36), nn.Linear(36, 4))
    found = batch_size(sight(net.train()), "fp32")
    assert (found.status, "fails on one image" in found.advice) == ("fail", True)
    assert "ValueError" in str(found.numbers["error"])


def test_one_sample_has_no_batch(sight: Any, linear: Any) -> None:
    assert batch_size(sight(linear, n=1), "fp32").status == "not run"


def test_answers_that_are_not_numbers_do_not_pass(sight: Any, linear: Any) -> None:
    found = determinism(sight(lambda x: linear(x) * torch.nan), "fp32", True)
    assert found.status == "fail"
    assert found.numbers["not_finite"] == 8
    assert "randomised" not in found.advice
    assert "not finite" in unsteady([found])
