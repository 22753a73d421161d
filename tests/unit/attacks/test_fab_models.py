"""FAB-T on models and inputs of every kind: without gradient, without an answer, of any shape, in any batch."""

import pytest
import torch
from torch import nn

from robustkit import Keys, RunError, ThreatModel
from robustkit_attacks.fab import FAB
from robustkit_attacks.params import FABParams

NORMS = ("linf", "l2")


def ball(norm, eps=0.1):
    return ThreatModel(norm=norm, eps=eps)


def smallest(model, inputs, labels, norm, keys, **told):
    """Return (N,) float64, the smallest norms that FAB finds."""
    return -FAB(FABParams(**told)).run(model, inputs, labels, ball(norm), keys).best_loss


def test_a_misclassified_input_needs_no_change(trained_net, make_keys):
    net, inputs, labels = trained_net
    wrong = (labels[:9] + 1) % 3
    result = FAB(FABParams()).run(net, inputs[:9], wrong, ball("linf"), make_keys(9))
    assert torch.equal(result.candidates, inputs[:9])
    assert (result.best_loss == 0).all()
    assert (result.forwards == 1).all()


def test_where_there_is_no_gradient_there_is_no_way(make_keys):
    class Flat(nn.Module):
        def forward(self, inputs):
            return torch.stack([1 + 0 * inputs.sum(1), 0 * inputs.sum(1), 0 * inputs.sum(1)], dim=1)

    inputs = torch.rand(4, 6)
    result = FAB(FABParams()).run(Flat(), inputs, torch.zeros(4, dtype=torch.int64), ball("l2"), make_keys(4))
    assert torch.equal(result.candidates, inputs)
    assert (result.best_loss == -torch.inf).all()
    assert (result.backwards == 2).all()


class NotANumber(nn.Module):
    def forward(self, inputs):
        return torch.stack([inputs.sum(1) * torch.nan, inputs.sum(1)], dim=1)


def test_logits_that_are_not_numbers_are_no_success(make_keys):
    inputs = torch.full((2, 3), 0.5)
    result = FAB(FABParams(steps=3)).run(
        NotANumber(), inputs, torch.zeros(2, dtype=torch.int64), ball("linf"), make_keys(2)
    )
    assert torch.equal(result.candidates, inputs)
    assert (result.best_loss == -torch.inf).all()


def test_a_difference_that_is_not_a_number_leads_to_no_such_point(make_keys):
    class Infinite(nn.Module):
        def forward(self, inputs):
            assert inputs.isfinite().all()
            total = inputs.sum(1)
            beyond = torch.where(total > 1, torch.inf, 0.0)
            return torch.stack([2 * total + beyond, total + beyond + 0.1], dim=1)

    inputs = torch.tensor([[0.5] * 3, [0.3] * 3])
    result = FAB(FABParams(steps=3)).run(
        Infinite(), inputs, torch.zeros(2, dtype=torch.int64), ball("l2"), make_keys(2)
    )
    assert float(result.best_loss[0]) == -torch.inf
    assert float(-result.best_loss[1]) == pytest.approx(0.8 / 3**0.5, rel=1e-3)


def test_a_model_without_gradient_is_an_error(make_keys):
    class Detached(nn.Module):
        def forward(self, inputs):
            return torch.stack([inputs.detach().sum(1), torch.zeros(len(inputs))], dim=1)

    with pytest.raises(RunError, match="no gradient"):
        FAB(FABParams()).run(
            Detached(), torch.ones(2, 3), torch.zeros(2, dtype=torch.int64), ball("linf"), make_keys(2)
        )


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("shape", [(5,), (2, 7), (1, 6, 6), (3, 4, 4, 2)])
def test_inputs_of_any_shape_are_attacked(norm, shape, two_classes, make_keys):
    size = torch.Size(shape).numel()
    model = two_classes(torch.ones(size), -0.49 * size)
    inputs, labels = torch.full((4, *shape), 0.5), torch.ones(4, dtype=torch.int64)
    eps = 0.02 if norm == "linf" else 0.02 * size**0.5
    result = FAB(FABParams(steps=5)).run(model, inputs, labels, ball(norm, eps), make_keys(4))
    assert result.candidates.shape == inputs.shape
    assert (model(result.candidates).argmax(1) == 0).all()


def test_an_empty_batch_gives_an_empty_result(two_classes, make_keys):
    model = two_classes(torch.ones(5), 0.0)
    for restarts in (1, 2):
        result = FAB(FABParams(restarts=restarts)).run(
            model, torch.zeros(0, 5), torch.zeros(0, dtype=torch.int64), ball("linf"), make_keys(0)
        )
        assert result.candidates.shape == (0, 5)
        assert result.forwards.shape == (0,)


@pytest.mark.parametrize("norm", NORMS)
def test_a_sample_gets_the_same_result_in_any_batch(norm, trained_net, make_keys):
    net, inputs, labels = trained_net
    params, rows = FABParams(steps=20, restarts=2), torch.tensor([50, 3, 120])
    whole = FAB(params).run(net, inputs, labels, ball(norm), make_keys(200))
    part = FAB(params).run(net, inputs[rows], labels[rows], ball(norm), make_keys(200).rows(rows))
    torch.testing.assert_close(part.best_loss, whole.best_loss[rows], rtol=1e-3, atol=1e-6)


def test_batches_are_as_full_as_the_model_allows(trained_net, make_keys):
    net, inputs, labels = trained_net
    asked = []

    class Small(nn.Module):
        batch_size = 64

        def forward(self, points):
            asked.append(len(points))
            return net(points)

    result = FAB(FABParams(steps=3)).run(Small(), inputs, labels, ball("linf"), make_keys(200))
    assert max(asked) == 64
    assert sum(asked) == result.forwards.sum()


@pytest.mark.gpu
@pytest.mark.parametrize("norm", NORMS)
def test_a_gpu_finds_the_same(norm, trained_net):
    net, inputs, labels = trained_net
    found = {}
    for device in ("cpu", "cuda"):
        keys = Keys(seed=0, stream="attacks/fab-t", version=1, ids=torch.arange(200, device=device))
        found[device] = smallest(
            net.to(device), inputs.to(device), labels.to(device), norm, keys, steps=20, restarts=2
        ).cpu()
    net.to("cpu")
    assert torch.isclose(found["cpu"], found["cuda"], rtol=1e-2).float().mean() > 0.95
