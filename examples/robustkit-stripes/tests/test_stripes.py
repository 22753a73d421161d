"""The stripes keep the contract of a perturbation, and are where they should be."""

import pytest
import torch
from robustkit import ConfigError, Keys
from robustkit.testing import check_perturbation

from robustkit_stripes import robustkit_perturbations
from robustkit_stripes.params import StripesParams
from robustkit_stripes.stripes import Stripes, StripesDraws

DECLARATION = robustkit_perturbations()[0]


@pytest.mark.parametrize("direction", ["horizontal", "vertical"])
def test_the_contract(direction):
    check_perturbation(lambda: Stripes(StripesParams(direction=direction)), DECLARATION)


def test_where_the_stripes_are_and_how_dark():
    draws = StripesDraws(offset=torch.tensor([0, 3]), depth=torch.tensor([0.5, 1.0]))
    images = torch.full((2, 1, 6, 1), 200, dtype=torch.uint8)
    striped = Stripes(StripesParams(width=2)).apply(images, draws)
    assert striped.flatten(1).tolist() == [[200, 200, 100, 100, 200, 200], [0, 200, 200, 0, 0, 200]]


def test_images_too_small_for_a_stripe_and_a_gap_are_refused():
    keys = Keys(seed=0, stream="stripes/stripes", version=1, ids=torch.arange(1))
    with pytest.raises(ConfigError, match="need 10 pixels"):
        Stripes(StripesParams(width=5)).sample(keys, (1, 8, 8), torch.ones(1))
