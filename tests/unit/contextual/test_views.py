"""Masks of the features of lowest and highest utility."""

from __future__ import annotations

import pytest
import torch

from robustkit import ConfigError, select_features


@pytest.mark.parametrize(
    ("size", "fraction", "count"), [(49, 0.1, 5), (49, 0.5, 24), (2, 0.01, 1), (3, 0.5, 1), (10, 0.3, 3)]
)
def test_masks_have_the_exact_size_and_never_meet(size, fraction, count):
    utility = torch.rand(8, size, generator=torch.Generator().manual_seed(0))
    low, high = select_features(utility, fraction)
    assert low.sum(1).tolist() == high.sum(1).tolist() == [count] * 8
    assert not (low & high).any()
    assert (utility.where(low, -torch.inf).amax(1) <= utility.where(~low, torch.inf).amin(1)).all()
    assert (utility.where(high, torch.inf).amin(1) >= utility.where(~high, -torch.inf).amax(1)).all()


def test_of_equal_features_the_first_are_low_and_the_last_are_high():
    low, high = select_features(torch.zeros(2, 6), 0.3)
    assert low.tolist() == [[True, True, False, False, False, False]] * 2
    assert high.tolist() == [[False, False, False, False, True, True]] * 2
    low, high = select_features(torch.tensor([[1.0, 0.0, 1.0, 0.0, 1.0, 0.0]]), 1 / 6)
    assert (low.nonzero().tolist(), high.nonzero().tolist()) == ([[0, 1]], [[0, 4]])


def test_no_gradient_flows_through_the_choice():
    utility = torch.rand(2, 6, requires_grad=True)
    low, high = select_features(utility**2, 0.5)
    assert not low.requires_grad
    assert not high.requires_grad


@pytest.mark.parametrize(("size", "fraction"), [(10, 0.0), (10, 0.51), (1, 0.5)])
def test_what_cannot_be_chosen_is_refused(size, fraction):
    with pytest.raises(ConfigError, match=r"in \(0, 0.5\] of at least 2 features"):
        select_features(torch.rand(2, size), fraction)
