"""Pareto fronts: who is on them, what their line is, and whom the data do not separate from them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from robustkit.analysis.statistics.pareto import pareto_front, places, step_line

POINTS = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=1, max_size=12)


def test_a_dominated_point_is_not_on_the_front_and_equal_points_share_their_place() -> None:
    points = [(0.9, 0.1), (0.8, 0.5), (0.8, 0.4), (0.7, 0.5), (0.5, 0.9), (0.9, 0.1)]
    assert pareto_front(points) == [True, True, False, False, True, True]


@given(POINTS)
def test_the_front_is_what_its_definition_says(points: list[tuple[int, int]]) -> None:
    # Independent wording: nothing lies weakly above and right of it except itself.
    for point, on in zip(points, pareto_front(points), strict=True):
        above = {other for other in points if other[0] >= point[0] and other[1] >= point[1]}
        assert on == (above == {point})


def test_a_front_by_one_goal_alone_is_noticed() -> None:
    points = [(3, 0), (2, 1), (1, 2)]
    by_one_goal = [point[0] == max(x for x, _ in points) for point in points]
    assert pareto_front(points) != by_one_goal


@given(POINTS)
def test_the_step_line_separates_the_dominated_from_the_rest(points: list[tuple[int, int]]) -> None:
    line = step_line([(float(x), float(y)) for x, y in points], floor=(-1.0, -1.0))
    assert [x for x, _ in line] == sorted(x for x, _ in line)
    assert [y for _, y in line] == sorted((y for _, y in line), reverse=True)
    for point, on in zip(points, pareto_front(points), strict=True):
        assert (point in line) >= on
        # Under the line: some corner is at least as good in both goals.
        assert any(x >= point[0] and y >= point[1] for x, y in line)


@pytest.mark.parametrize(
    ("better_ends", "expected"),
    [((0.75, 0.45), "dominated"), ((0.8, 0.5), "dominated"), ((0.81, 0.45), "reaches"), ((0.75, 0.51), "reaches")],
)
def test_a_dominated_point_reaches_the_front_when_its_better_ends_are_not_dominated(
    better_ends: tuple[float, float], expected: str
) -> None:
    points = [(0.8, 0.5), (0.7, 0.4)]
    assert places(points, [(0.9, 0.6), better_ends]) == ["on", expected]
