"""What statistics refuse: never NaN, never an error of numpy's own."""

from __future__ import annotations

from math import inf, nan

import numpy as np
import pytest
import torch

import robustkit
from robustkit.analysis.statistics.adjustment import benjamini_hochberg, holm
from robustkit.analysis.statistics.equivalence import tost_paired
from robustkit.analysis.statistics.front_membership import front_membership
from robustkit.analysis.statistics.hypervolume import hypervolume
from robustkit.analysis.statistics.intervals import bootstrap_interval, wilson_interval
from robustkit.analysis.statistics.mcnemar import mcnemar_p
from robustkit.analysis.statistics.power import mean_detectable
from robustkit.analysis.statistics.seeds import hierarchical_draws, seed_difference
from robustkit.analysis.statistics.sign_flip import sign_flip
from robustkit.analysis.statistics.unpaired import square_and_add
from robustkit.contextual.agreement import rank_correlation

GOALS = np.array([[1.0, 0.0], [0.0, 1.0]])


def mean(counts):
    return counts.mean(axis=1)


@pytest.mark.parametrize(
    "call",
    [
        lambda bad: front_membership([[1.0, bad], [0.0, 1.0]], GOALS),
        lambda bad: front_membership(GOALS, GOALS, margin=bad),
        lambda bad: sign_flip([[bad], [1.0]]),
        lambda bad: seed_difference([[1.0, bad], [1.0, 2.0]], GOALS),
        lambda bad: hierarchical_draws([[[1.0, bad]]]),
        lambda bad: square_and_add((0.1, bad, 0.2), (0.1, 0.0, 0.2)),
        lambda bad: wilson_interval(1, 2, level=bad),
        lambda bad: wilson_interval(1, bad),
        mean_detectable,
        lambda bad: mean_detectable(0.1, power=bad),
        lambda bad: mean_detectable(0.1, freedom=bad),
        lambda bad: mcnemar_p(bad, 1),
        lambda bad: mcnemar_p(1, bad),
        lambda bad: hypervolume([(0.1, bad)], (0.0, 0.0)),
        lambda bad: hypervolume([(0.1, 0.1)], (0.0, bad)),
        lambda bad: tost_paired([0.1, 0.2], margin=bad),
        lambda bad: tost_paired([0.1, bad], margin=0.1),
        lambda bad: bootstrap_interval(mean, bad),
        lambda bad: bootstrap_interval(mean, 3, seed=bad),
        lambda bad: holm([bad]),
        lambda bad: benjamini_hochberg([bad]),
    ],
)
@pytest.mark.parametrize("bad", [nan, inf, -inf, "0.5", [1, [2]]], ids=str)
def test_what_is_no_finite_number_is_refused(call, bad):
    with pytest.raises(robustkit.DataError, match=r"expected .*got"):
        call(bad)


@pytest.mark.parametrize(
    "call",
    [
        lambda: front_membership(GOALS, GOALS, margin=-0.1),
        lambda: sign_flip(np.zeros((0, 1))),
        lambda: sign_flip(np.zeros(3)),
        lambda: sign_flip([[1.0]], flips=1.5),
        lambda: sign_flip([[1.0]], seed=-1),
        lambda: seed_difference(np.ones((2, 2, 2)), np.ones((2, 2, 2))),
        lambda: seed_difference([[1e200, 0.0], [0.0, 3e200]], GOALS),
        lambda: hierarchical_draws([GOALS], resamples=0),
        lambda: hierarchical_draws([GOALS], seed=-1),
        lambda: square_and_add((0.1, 0.0), (0.1, 0.0, 0.2)),
        lambda: wilson_interval(1, 2, level=1.0),
        lambda: wilson_interval(1, 2, level=0.0),
        lambda: mean_detectable(-0.1),
        lambda: mean_detectable(0.1, power=1.0),
        lambda: mean_detectable(0.1, power=0.4),
        lambda: mean_detectable(0.1, freedom=0),
        lambda: mcnemar_p(1.5, 2),
        lambda: mcnemar_p(-1, 2),
        lambda: hypervolume([(0.1, 0.2, 0.3)], (0.0, 0.0)),
        lambda: hypervolume([(0.1, 0.2)], (0.0, 0.0, 0.0)),
        lambda: tost_paired([0.1, 0.1], margin=0.1),
        lambda: tost_paired([], margin=0.1),
        lambda: bootstrap_interval(lambda counts: mean(counts) * nan, 3),
        lambda: bootstrap_interval(lambda counts: np.where(counts[:, 0] > 0, 1 / 3, inf), 3),
        lambda: bootstrap_interval(mean, 2.5),
        lambda: bootstrap_interval(mean, 3, seed=-1),
        lambda: holm([[0.1], [0.2]]),
        lambda: benjamini_hochberg([[0.1], [0.2]]),
        lambda: holm(["a"]),
        lambda: rank_correlation(torch.tensor([[1.0, nan]]), torch.ones(1, 2)),
        lambda: rank_correlation(torch.ones(2), torch.ones(2)),
        lambda: rank_correlation(torch.ones(1, 2), torch.ones(1, 3)),
    ],
)
def test_what_is_out_of_range_or_of_another_shape_is_refused(call):
    with pytest.raises(robustkit.DataError, match=r"expected .*got"):
        call()


@pytest.mark.parametrize("value", [1, 1.0, 1e200, 1e-200, 1e308, 5e-324, True, np.int8(-1)])
def test_five_equal_differences_have_a_p_of_a_sixteenth_whatever_their_size_and_type(value):
    found = sign_flip(np.array([[value]] * 5))
    assert (found.p.tolist(), found.adjusted.tolist()) == ([0.0625], [0.0625])
    assert sign_flip([[value]] * 5).p.tolist() == [0.0625]


def test_cells_of_very_different_size_do_not_disturb_one_another():
    values = np.random.default_rng(0).normal(size=(12, 1))
    found = sign_flip(np.hstack([values * 2.0**600, values, values * 2.0**-600]))
    assert len(set(found.p.tolist())) == 1


@pytest.mark.parametrize("scale", [2.0**-900, 2.0**900])
def test_equivalence_does_not_depend_on_the_unit(scale):
    values = np.array([0.1, -0.2, 0.0, 0.1, 0.1, -0.1])
    plain, scaled = tost_paired(values, 0.2), tost_paired(values * scale, 0.2 * scale)
    assert (scaled.p, scaled.low, scaled.high) == (plain.p, plain.low * scale, plain.high * scale)


def test_ranks_of_signed_and_whole_numbers_are_correlated():
    assert rank_correlation(torch.tensor([[-3, 1, 2]]), torch.tensor([[1, 2, 3]])).item() == pytest.approx(1)


@pytest.mark.parametrize("scale", [2.0**-400, 2.0**400])
def test_degrees_of_freedom_do_not_depend_on_the_unit(scale):
    first, second = np.random.default_rng(1).normal(size=(2, 3, 20))
    assert seed_difference(first * scale, second * scale).freedom == seed_difference(first, second).freedom
