"""What attacks ask of the model: batches that stay full, passes that are counted."""

import torch
from torch import nn

from robustkit_attacks.objectives import cross_entropy, dlr, likely_targets, margin, targeted_dlr
from robustkit_attacks.oracle import Oracle
from robustkit_attacks.params import PGDParams
from robustkit_attacks.pgd import PGD


def test_passes_stay_full_while_samples_drop_out(trained_net, make_keys, linf):
    net, inputs, labels = trained_net
    net.batch_size, asked = 16, []
    handle = net.register_forward_pre_hook(lambda _, args: asked.append(len(args[0])))
    result = PGD(PGDParams(steps=10)).run(net, inputs, labels, linf(0.06), make_keys(200))
    handle.remove()
    del net.batch_size
    broken = (result.forwards < 11).sum()
    assert broken > 50
    assert max(asked) == 16
    # Only the last pass of each of the 11 rounds may be short.
    assert sum(size < 16 for size in asked) <= 11
    assert sum(asked) == result.forwards.sum()


def test_batches_do_not_change_what_is_found(trained_net, make_keys, linf):
    net, inputs, labels = trained_net
    whole = PGD(PGDParams()).run(net, inputs, labels, linf(0.05), make_keys(200))
    net.batch_size = 7
    parts = PGD(PGDParams()).run(net, inputs, labels, linf(0.05), make_keys(200))
    del net.batch_size
    assert torch.allclose(whole.candidates, parts.candidates, atol=1e-6)


def test_a_gradient_is_that_of_each_point_alone():
    net = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 3))
    points, labels = torch.rand(5, 4), torch.tensor([0, 1, 2, 0, 1])
    oracle = Oracle(net, labels)
    rows = torch.tensor([3, 0])
    _, values, gradients = oracle.slope(rows, points[rows], lambda logits, at: cross_entropy(logits, labels[at]))
    for row, value, gradient in zip(rows.tolist(), values, gradients, strict=True):
        leaf = points[row : row + 1].clone().requires_grad_()
        loss = nn.functional.cross_entropy(net(leaf), labels[row : row + 1])
        loss.backward()
        assert torch.allclose(gradient, leaf.grad[0], atol=1e-6)
        assert torch.isclose(value.float(), loss.detach())
    assert oracle.forwards.tolist() == oracle.backwards.tolist() == [1, 0, 0, 1, 0]
    assert all(parameter.grad is None for parameter in net.parameters() if not parameter.requires_grad)


def test_losses_by_hand():
    logits = torch.tensor([[4.0, 1.0, 3.0, 0.0, -1.0]], dtype=torch.float64)
    label, target = torch.tensor([0]), torch.tensor([1])
    assert margin(logits, label).item() == -1
    assert abs(dlr(logits, label).item() + 1 / 3) < 1e-9
    assert abs(targeted_dlr(logits, label, target).item() + 3 / 3.5) < 1e-9
    assert likely_targets(logits, label, 2).tolist() == [[2, 1]]
    scaled = 1000 * logits + 5
    assert abs(dlr(scaled, label).item() + 1 / 3) < 1e-9


def test_losses_of_two_and_three_classes_are_numbers():
    for classes in (2, 3):
        logits, label = torch.randn(9, classes, dtype=torch.float64), torch.zeros(9, dtype=torch.int64)
        target = torch.ones_like(label)
        assert dlr(logits, label).isfinite().all()
        assert targeted_dlr(logits, label, target).isfinite().all()
        assert likely_targets(logits, label, 9).shape == (9, classes - 1)
