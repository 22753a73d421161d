"""Generators and switches: fixed inside, untouched outside."""

from __future__ import annotations

import pytest
import torch

from robustkit.training.determinism import deterministic, seed_generators

CPU = torch.device("cpu")


def switches() -> tuple[bool, ...]:
    return (
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
        torch.backends.cudnn.deterministic,
        torch.backends.cudnn.benchmark,
    )


def test_the_callers_generator_and_switches_are_left_as_they_were() -> None:
    state, before = torch.get_rng_state(), switches()

    def interrupted() -> None:
        with deterministic(CPU):
            assert torch.are_deterministic_algorithms_enabled()
            seed_generators(CPU, "x", 1)
            torch.rand(3)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert torch.equal(torch.get_rng_state(), state)
    assert switches() == before


def test_the_name_alone_decides_what_is_drawn() -> None:
    def draw(*name: str | int) -> list[float]:
        with deterministic(CPU):
            torch.rand(7)
            seed_generators(CPU, *name)
            return torch.rand(4).tolist()

    assert draw("step", 0, 1) == draw("step", 0, 1)
    assert draw("step", 0, 1) != draw("step", 1, 0)
    assert draw("step", 0) != draw("model", 0)
