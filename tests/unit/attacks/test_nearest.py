"""The nearest misclassified points, and the search along the straight way to them."""

import torch

from robustkit_attacks.nearest import Nearest
from robustkit_attacks.objectives import margin
from robustkit_attacks.oracle import Oracle


def length(changes):
    return torch.linalg.vector_norm(changes.double().flatten(1), dim=1)


def way_to(points, model, inputs, labels, rounds):
    """Return the norms before and after, and what a search on the way to the points finds."""
    oracle, rows = Oracle(model, labels), torch.arange(len(inputs))
    found = Nearest(oracle, inputs, "l2")
    found.record(rows, points, length(points - inputs), oracle.logits(rows, points))
    before = found.norms.clone()
    found.come_closer(rows, margin(model(inputs).double(), labels), rounds)
    return before, found


def test_where_the_margin_is_linear_two_rounds_find_the_boundary(linear_problem):
    model, inputs, labels = linear_problem(2)
    before, found = way_to(1 - inputs, model, inputs, labels, 2)
    values = [margin(model(points).double(), labels) for points in (inputs, 1 - inputs)]
    boundary = before * values[0] / (values[0] - values[1])
    torch.testing.assert_close(found.norms, boundary, rtol=2e-3, atol=1e-7)
    assert (found.norms < 0.9 * before).all()


def test_coming_closer_keeps_what_is_misclassified_and_leaves_the_rest_alone(linear_problem):
    model, inputs, labels = linear_problem(3)
    points = torch.where(torch.arange(20)[:, None] % 2 == 0, 1 - inputs, inputs)
    before, found = way_to(points, model, inputs, labels, 12)
    hit = before.isfinite()
    assert hit.sum() == 10
    assert (found.norms[hit] < 0.9 * before[hit]).all()
    assert (model(found.points).argmax(1) != labels)[hit].all()
    torch.testing.assert_close(length(found.points - inputs)[hit], found.norms[hit], rtol=1e-5, atol=0)
    assert torch.equal(found.points[~hit], inputs[~hit])
    assert (found.norms[~hit] == torch.inf).all()
