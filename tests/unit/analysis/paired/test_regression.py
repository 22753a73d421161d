from __future__ import annotations

import pytest

from robustkit.analysis.paired.line import Line
from robustkit.analysis.paired.regression import regressions


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
