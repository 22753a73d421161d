"""Each moment is charged to one section; what nobody times costs nothing worth measuring."""

from __future__ import annotations

import time
from contextlib import suppress

import pytest
import torch

from robustkit.engine import timer as module
from robustkit.engine.timer import SECTIONS, UNTIMED, Timer

CPU = torch.device("cpu")


class Clock:
    """Time that passes when it is told to: wall-clock seconds, and half as many of the CPU."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        monkeypatch.setattr(module.time, "perf_counter", lambda: self.now)
        monkeypatch.setattr(module.time, "process_time", lambda: self.now / 2)

    def wait(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def test_a_section_inside_another_takes_its_time_from_it(clock: Clock) -> None:
    timer = Timer(CPU)
    clock.wait(1)
    with timer.section("metrics", samples=8):
        clock.wait(2)
        with timer.section("forward", samples=8):
            clock.wait(4)
        clock.wait(8)
    clock.wait(16)
    with timer.section("forward", samples=8):
        clock.wait(32)
    profile = timer.profile(cells=3, samples=126)
    assert list(profile["sections"]) == list(SECTIONS)
    found = {name: spent for name, spent in profile["sections"].items() if any(spent.values())}
    assert found == {
        "forward": {"wall_s": 36.0, "cpu_s": 18.0, "samples": 16},
        "metrics": {"wall_s": 10.0, "cpu_s": 5.0, "samples": 8},
        "other": {"wall_s": 17.0, "cpu_s": 8.5, "samples": 0},
    }
    whole = {key: value for key, value in profile.items() if key != "sections"}
    assert whole == {
        "wall_s": 63.0, "cpu_s": 31.5, "cells": 3, "samples": 126, "cells_per_s": 0.047619, "samples_per_s": 2.0,
    }  # fmt: skip


def test_parts_add_up_to_their_section(clock: Clock) -> None:
    timer = Timer(CPU)
    for seconds, part in ((1, "corruptions/fog"), (2, "corruptions/snow"), (4, "corruptions/fog")):
        with timer.section("perturbation", part, samples=10):
            clock.wait(seconds)
    assert timer.profile(cells=0, samples=0)["sections"]["perturbation"] == {
        "wall_s": 7.0,
        "cpu_s": 3.5,
        "samples": 30,
        "parts": {
            "corruptions/fog": {"wall_s": 5.0, "cpu_s": 2.5, "samples": 20},
            "corruptions/snow": {"wall_s": 2.0, "cpu_s": 1.0, "samples": 10},
        },
    }


def test_a_section_that_fails_is_left(clock: Clock) -> None:
    timer = Timer(CPU)
    with suppress(ValueError), timer.section("attack"):
        clock.wait(1)
        raise ValueError
    clock.wait(2)
    sections = timer.profile(cells=0, samples=0)["sections"]
    assert (sections["attack"]["wall_s"], sections["other"]["wall_s"]) == (1.0, 2.0)


def test_a_run_of_no_time_has_no_rates(clock: Clock) -> None:
    profile = Timer(CPU).profile(cells=0, samples=0)
    assert (profile["wall_s"], profile["cells_per_s"], profile["samples_per_s"]) == (0.0, 0.0, 0.0)


def test_cuda_is_waited_for_at_both_ends_of_a_section(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    """What was started in a section is charged to it, though the call that started it has returned."""
    queued = [0.0]

    def synchronize(device: torch.device) -> None:
        assert device == torch.device("cuda:1")
        clock.wait(queued.pop() if queued else 0)

    monkeypatch.setattr(module.torch.cuda, "synchronize", synchronize)
    timer = Timer(torch.device("cuda:1"))
    queued.append(1.0)
    with timer.section("forward"):
        queued.append(2.0)
    sections = timer.profile(cells=0, samples=0)["sections"]
    assert (sections["other"]["wall_s"], sections["forward"]["wall_s"]) == (1.0, 2.0)


def test_untimed_sections_cost_next_to_nothing() -> None:
    start = time.perf_counter()
    for _ in range(10_000):
        with UNTIMED.section("forward", samples=1):
            pass
    assert (time.perf_counter() - start) / 10_000 < 20e-6
