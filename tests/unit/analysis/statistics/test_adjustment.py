from __future__ import annotations

import pytest

import robustkit
from robustkit.analysis.statistics.adjustment import benjamini_hochberg, holm

# Benjamini & Hochberg's values by scipy's `false_discovery_control`, Holm's by statsmodels 0.15's `multipletests`.
P = [0.001, 0.008, 0.039, 0.041, 0.042, 0.06, 0.074, 0.205]
HOLM = [0.008, 0.056, 0.234, 0.234, 0.234, 0.234, 0.234, 0.234]
BH = [0.008, 0.032, 0.0672, 0.0672, 0.0672, 0.08, 0.084571, 0.205]


def test_reference_values():
    assert holm(P) == pytest.approx(HOLM, abs=5e-7)
    assert benjamini_hochberg(P) == pytest.approx(BH, abs=5e-7)


def test_they_are_not_bonferronis_and_not_one_another():
    bonferroni = [min(1.0, each * len(P)) for each in P]
    assert holm(P) != pytest.approx(bonferroni)
    assert holm(P) != pytest.approx(benjamini_hochberg(P))


@pytest.mark.parametrize("adjust", [holm, benjamini_hochberg])
def test_the_order_of_the_hypotheses_does_not_matter(adjust):
    order = [5, 2, 7, 0, 3, 1, 6, 4]
    shuffled = adjust([P[place] for place in order])
    assert shuffled == pytest.approx([adjust(P)[place] for place in order])


@pytest.mark.parametrize("adjust", [holm, benjamini_hochberg])
def test_ends_of_the_scale(adjust):
    assert adjust([]) == []
    assert adjust([0.9, 0.8, 1.0]) == pytest.approx([1.0, 1.0, 1.0], abs=0.2)
    assert max(adjust([0.9, 0.8, 1.0])) <= 1.0
    assert adjust([0.03]) == [0.03]
    with pytest.raises(robustkit.DataError, match="from 0 to 1"):
        adjust([0.2, 1.2])
    with pytest.raises(robustkit.DataError, match="from 0 to 1"):
        adjust([float("nan")])
