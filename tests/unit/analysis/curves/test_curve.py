"""Area, slope and half severity, and flips along a sequence, against other software and by hand."""

from __future__ import annotations

import numpy as np
import pytest

from robustkit.analysis.curves.curve import curve_area, curve_slope, half_severity
from robustkit.analysis.curves.flip import flip_shares

SEVERITIES = [0.0, 1.0, 2.5, 5.0]
ACCURACIES = np.array([[0.9, 0.8, 0.5, 0.1], [0.7, 0.7, 0.6, 0.5], [0.0, 0.0, 0.0, 0.0]])


def test_the_area_is_that_of_scipys_trapezoids_over_the_range() -> None:
    from scipy.integrate import trapezoid

    expected = trapezoid(ACCURACIES, SEVERITIES, axis=1) / 5
    np.testing.assert_allclose(curve_area(SEVERITIES, ACCURACIES), expected)
    # Severity 0 counts, and so do unequal steps.
    assert curve_area(SEVERITIES[1:], ACCURACIES[0, 1:]) != pytest.approx(expected[0], abs=0.01)
    assert ACCURACIES[0].mean() != pytest.approx(expected[0], abs=0.01)


def test_the_slope_is_that_of_the_least_squares_line() -> None:
    expected = np.polyfit(SEVERITIES, ACCURACIES.T, 1)[0]
    np.testing.assert_allclose(curve_slope(SEVERITIES, ACCURACIES), expected, atol=1e-12)
    assert pytest.approx(expected[0], abs=1e-3) != (0.1 - 0.9) / 5  # from the ends alone


def test_accuracy_halves_between_two_severities() -> None:
    # Half of .9 is .45: of the way from .5 at 2.5 to .1 at 5, an eighth.
    found = half_severity(SEVERITIES, ACCURACIES)
    assert found[0] == pytest.approx(2.5 + 2.5 / 8)
    assert np.isnan(found[1:]).all()


@pytest.mark.parametrize(
    ("accuracies", "expected"),
    [([0.8, 0.4, 0.6], 1.0), ([0.8, 0.2, 0.9], 2 / 3), ([0.8, 0.5, 0.4], 2.0), ([0.8, 0.8, 0.41], np.nan)],
)
def test_the_first_time_counts_and_equality_is_half(accuracies: list[float], expected: float) -> None:
    found = half_severity([0, 1, 2], accuracies)
    assert found == pytest.approx(expected, nan_ok=True)


def test_flips_are_between_neighbours_or_from_the_first_frame() -> None:
    # Frames 0 1 1 2 0: three changes between neighbours, three frames unlike the first; 0 1 0 1 0: four and two.
    frames = np.array([[0, 0], [1, 1], [1, 0], [2, 1], [0, 0]])
    assert flip_shares(frames).tolist() == [0.75, 1.0]
    assert flip_shares(frames, from_first=True).tolist() == [0.75, 0.5]
