"""Square on models and inputs of every kind: without gradient, without an answer, of any shape."""

import math

import pytest
import torch
from torch import nn

from robustkit import ThreatModel
from robustkit_attacks.params import SquareParams
from robustkit_attacks.square import Square

NORMS = ["linf", "l2"]


def run(params, net, inputs, labels, norm, eps, keys):
    return Square(params).run(net, inputs, labels, ThreatModel(norm=norm, eps=eps), keys)


@pytest.mark.parametrize("shape", [(5,), (2, 7), (1, 6, 6), (3, 4, 9), (3, 4, 4, 2), (1, 1, 1), (2, 1, 5)], ids=str)
@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("norm", NORMS)
def test_inputs_of_any_shape_are_attacked(norm, classes, shape, make_keys):
    """The second class wins where the mean has risen by a share of what it can: bumps of mean 0 are bad at it."""
    size = math.prod(shape)
    eps = 0.2 if norm == "linf" else 0.2 * math.sqrt(size)
    reach = 0.9 if norm == "linf" else 0.35

    class Net(nn.Module):
        def forward(self, inputs):
            score = inputs.flatten(1).mean(1)
            return torch.stack([torch.full_like(score, 0.5 + reach * 0.2), score, score - 1][:classes], dim=1)

    inputs = torch.full((4, *shape), 0.5)
    result = run(SquareParams(queries=2000), Net(), inputs, torch.zeros(4).long(), norm, eps, make_keys(4))
    assert result.candidates.shape == inputs.shape
    assert (Net()(result.candidates).argmax(1) == 1).all()


@pytest.mark.parametrize("norm", NORMS)
def test_no_gradient_is_needed(norm, trained_net, make_keys):
    net, inputs, labels = trained_net

    class Detached(nn.Module):
        def forward(self, values):
            assert not torch.is_grad_enabled()
            return net(values).detach()

    plain, detached = (
        run(SquareParams(queries=50), each, inputs, labels, norm, 0.1, make_keys(200)) for each in (net, Detached())
    )
    assert torch.equal(plain.candidates, detached.candidates)


@pytest.mark.parametrize("value", [math.nan, math.inf])
@pytest.mark.parametrize("norm", NORMS)
def test_logits_that_are_not_finite_are_no_success_but_are_shown(norm, value, make_keys):
    class Broken(nn.Module):
        """Not finite while the mean is above that of the input."""

        def forward(self, inputs):
            mean = inputs.mean(1)
            return torch.stack([torch.ones(len(inputs)), torch.where(mean > 0.5, value, mean)], dim=1)

    inputs = torch.full((3, 8), 0.5)
    result = run(SquareParams(queries=60), Broken(), inputs, torch.zeros(3).long(), norm, 0.2, make_keys(3))
    assert (result.forwards == 60).all()
    # The evaluator calls such a sample invalid; a point where the model answers would make it robust.
    assert not torch.isfinite(Broken()(result.candidates)).all(dim=1).any()
    assert (result.best_loss == math.inf).all()
