from __future__ import annotations

from dataclasses import replace

import pytest

from robustkit.analysis.paired.line import Line
from robustkit.analysis.paired.regression import blind_note, regressions


def line(difference, high=None, joint_high=None):
    ends = {"difference": difference, "high": high, "joint_high": joint_high}
    return Line(id="x", kind="clean", title="x", metric="m", n=9, first=0.5, second=0.5, **ends)


@pytest.mark.parametrize(
    ("found", "margin", "by_point", "by_interval", "by_joint"),
    [
        (line(-0.05, -0.02, -0.01), 0.01, True, True, True),
        (line(-0.05, -0.02, 0.01), 0.01, True, True, False),
        (line(-0.05, 0.02, 0.03), 0.01, True, False, False),
        (line(-0.05, -0.02, -0.01), 0.06, False, False, False),
        (line(-0.05, -0.02, -0.01), 0.05, False, False, False),
        (line(0.05, 0.08, 0.09), 0.0, False, False, False),
        (line(0.0, 0.0, 0.0), 0.0, False, False, False),
        (line(-0.05), 0.01, True, True, True),
        (line(None), 0.0, False, False, False),
    ],
)
def test_the_rules(found, margin, by_point, by_interval, by_joint):
    said = [bool(regressions([found], margin, rule)) for rule in ("point", "interval", "joint")]
    assert said == [by_point, by_interval, by_joint]
    assert regressions([found], margin) == regressions([found], margin, "joint")


@pytest.mark.parametrize(
    ("n", "discordant", "margin", "blind"),
    [
        (20, 0, 0.01, True),  # 1 % of 20 is no sample
        (1000, 200, 0.01, True),  # detectable 0.0396
        (1000, 200, 0.05, False),
        (10_000, 0, 0.01, False),  # the same model again is no blind gate
        (10_000, 0, 0.0, False),
        (3, 0, 0.0, True),
    ],
)
def test_a_gate_is_blind_where_the_samples_are_too_few_for_its_margin(n, discordant, margin, blind):
    found = replace(line(0.0), n=n, lost=discordant, gained=0)
    assert bool(blind_note([found], margin)) == blind
    assert not blind_note([found], margin, "point")


def test_without_counts_the_smallest_difference_that_would_be_found_decides():
    assert blind_note([replace(line(0.0), detectable=0.05)], 0.04)
    assert not blind_note([replace(line(0.0), detectable=0.05)], 0.06)
    assert not blind_note([line(-0.1)], 0.01)
