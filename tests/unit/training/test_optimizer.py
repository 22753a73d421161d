"""Learning rates against torch's own schedulers, and the optimisers that a configuration names."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from robustkit.config.training import parse_training
from robustkit.training.optimizer import learning_rate, make_optimizer


def rates_of_torch(scheduler: Any, steps: int, **options: Any) -> list[float]:
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.5)
    schedule = scheduler(optimizer, **options)
    rates = []
    for _ in range(steps):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return rates


@pytest.mark.parametrize("steps", [2, 3, 4, 7, 100])
def test_onecycle_is_torchs(steps: int) -> None:
    reference = rates_of_torch(
        torch.optim.lr_scheduler.OneCycleLR, steps, max_lr=0.5, total_steps=steps, cycle_momentum=False
    )
    assert [learning_rate("onecycle", 0.5, step, steps) for step in range(steps)] == pytest.approx(reference, rel=1e-12)


@pytest.mark.parametrize("schedule", ["onecycle", "cosine", "constant"])
def test_a_single_step_has_the_highest_rate(schedule: str) -> None:
    """Torch's OneCycleLR gives it the last rate of the fall, 250,000 times less: nothing would be learnt."""
    assert learning_rate(schedule, 0.5, 0, 1) == 0.5


@pytest.mark.parametrize("steps", [2, 3])
def test_fewer_than_four_steps_of_onecycle_have_no_rise(steps: int) -> None:
    rates = [learning_rate("onecycle", 0.5, step, steps) for step in range(steps)]
    assert rates == sorted(rates, reverse=True)
    assert 0.3 < rates[0] < 0.5
    assert learning_rate("onecycle", 0.5, 0, 4) < 0.03  # control: the fourth makes it rise


def test_cosine_is_torchs() -> None:
    reference = rates_of_torch(torch.optim.lr_scheduler.CosineAnnealingLR, 50, T_max=50)
    assert [learning_rate("cosine", 0.5, step, 50) for step in range(50)] == pytest.approx(reference, rel=1e-9)


def test_constant_stays() -> None:
    assert {learning_rate("constant", 0.5, step, 9) for step in range(9)} == {0.5}


def test_the_two_schedules_differ() -> None:
    assert learning_rate("cosine", 0.5, 5, 50) != pytest.approx(learning_rate("onecycle", 0.5, 5, 50), rel=0.1)


@pytest.mark.parametrize(
    ("name", "kind", "momentum"),
    [("adam", torch.optim.Adam, "betas"), ("adamw", torch.optim.AdamW, "betas"), ("sgd", torch.optim.SGD, "momentum")],
)
def test_optimizers_get_what_the_configuration_says(name: str, kind: type, momentum: str) -> None:
    config = parse_training(
        {"trainer": "x", "data": "x", "model": "x", "optimizer": name, "lr": 0.3, "momentum": 0.7, "weight_decay": 0.2}
    )
    optimizer = make_optimizer(torch.nn.Linear(2, 2), config)
    assert type(optimizer) is kind
    group = optimizer.param_groups[0]
    assert (group["lr"], group["weight_decay"]) == (0.3, 0.2)
    assert group[momentum] == (0.7 if momentum == "momentum" else (0.7, 0.999))


def test_frozen_parameters_are_left_out() -> None:
    layer = torch.nn.Linear(2, 2)
    layer.bias.requires_grad_(False)
    config = parse_training({"trainer": "x", "data": "x", "model": "x"})
    assert [each.shape for each in make_optimizer(layer, config).param_groups[0]["params"]] == [(2, 2)]
