"""FAB-T: how small the changes are that it finds, and what they cost."""

import numpy as np
import pytest
import torch
from torch import nn

from robustkit import ThreatModel
from robustkit.testing import ATTACK_CHECKS
from robustkit.testing.watch import make_keys as watched_keys
from robustkit_attacks import fab, robustkit_attacks
from robustkit_attacks.fab import FAB
from robustkit_attacks.params import FABParams, PGDParams
from robustkit_attacks.pgd import PGD

NORMS = ("linf", "l2")
DUAL = {"linf": 1, "l2": 2}
MIDDLE = {"linf": 0.04, "l2": 0.1}
"""An eps that breaks some samples of `trained_net` and not others."""


def ball(norm, eps=0.1):
    return ThreatModel(norm=norm, eps=eps)


def smallest(model, inputs, labels, norm, keys, **told):
    """Return (N,) float64, the smallest norms that FAB finds."""
    return -FAB(FABParams(**told)).run(model, inputs, labels, ball(norm), keys).best_loss


def length(changes, norm):
    return torch.linalg.vector_norm(changes.double().flatten(1), ord=torch.inf if norm == "linf" else 2, dim=1)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("classes", [2, 3, 10])
def test_the_smallest_change_of_a_linear_model_is_the_distance_to_the_nearest_hyperplane(
    norm, classes, linear_problem, make_keys
):
    model, inputs, labels = linear_problem(classes)
    logits, weight = model(inputs).double(), model.weight.double()
    others = [[k for k in range(classes) if k != label] for label in labels.tolist()]
    expected = torch.tensor(
        [
            min(
                (logits[i, y] - logits[i, k]) / torch.linalg.vector_norm(weight[:, y] - weight[:, k], ord=DUAL[norm])
                for k in others[i]
            )
            for i, y in enumerate(labels.tolist())
        ]
    ).double()
    assert (expected < 0.3).all()
    found = smallest(model, inputs, labels, norm, make_keys(20))
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("norm", NORMS)
def test_the_smallest_change_is_found_where_the_bounds_are_in_the_way(norm, two_classes, make_keys, least_norm):
    generator = torch.Generator().manual_seed(0)
    inputs = (1.6 * torch.rand(10, 9, generator=generator) - 0.3).clamp(0, 1)
    weight = torch.randn(9, generator=generator)
    model = two_classes(weight, -1.0)
    labels = model(inputs).argmax(1)
    found = smallest(model, inputs, labels, norm, make_keys(10))
    for i in range(10):
        score = float(inputs[i].double() @ weight.double()) - 1
        point, normal = inputs[i].double().numpy(), weight.double().numpy()
        exact = least_norm(point, normal, -score, ball(norm))
        assert float(found[i]) == pytest.approx(exact, rel=1e-4)
    # The bounds matter: without them the changes would be shorter.
    free = (inputs.double() @ weight.double() - 1).abs() / torch.linalg.vector_norm(weight.double(), ord=DUAL[norm])
    assert (found > 1.02 * free).sum() >= 5


class Waves(nn.Module):
    """Three classes in the plane, with curved boundaries."""

    def forward(self, inputs):
        x, y = inputs.unbind(1)
        return torch.stack(
            [torch.sin(6 * x) + y, torch.cos(5 * y) + 0.5 * x, 0.8 - 2 * ((x - 0.6) ** 2 + (y - 0.3) ** 2)], dim=1
        )


@pytest.mark.parametrize("norm", NORMS)
def test_in_the_plane_the_smallest_changes_are_those_of_a_grid(norm, make_keys):
    inputs = torch.rand(60, 2, generator=torch.Generator().manual_seed(1))
    model, cell = Waves(), 1 / 600
    labels = model(inputs).argmax(1)
    steps = torch.arange(601) * cell
    grid = torch.cartesian_prod(steps, steps)
    classes = model(grid).argmax(1)
    exact = torch.stack([length(grid[classes != y] - x, norm).amin() for x, y in zip(inputs, labels, strict=True)])
    found = smallest(model, inputs, labels, norm, make_keys(60))
    assert (found >= exact - cell).all()
    assert (found <= 1.01 * exact + cell).float().mean() > 0.8
    assert float((found / exact).median()) < 1.01


def nearer(found, other):
    """Return how many samples have a smaller norm, by a thousandth, in one and in the other."""
    return int((found < 0.999 * other).sum()), int((other < 0.999 * found).sum())


@pytest.mark.parametrize("norm", NORMS)
def test_it_breaks_what_a_long_pgd_breaks(norm, trained_net, make_keys):
    net, inputs, labels = trained_net
    params = {"fab": FAB(FABParams()), "pgd": PGD(PGDParams(steps=100, targets=2))}
    broken = {
        name: net(attack.run(net, inputs, labels, ball(norm, MIDDLE[norm]), make_keys(200)).candidates).argmax(1)
        != labels
        for name, attack in params.items()
    }
    assert 20 < broken["pgd"].sum() < 180
    assert broken["fab"].sum() >= broken["pgd"].sum() - 1
    assert (broken["pgd"] & ~broken["fab"]).sum() <= 2


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize(
    ("constant", "value", "least"),
    [("_OVERSHOOT", 1.0, 30), ("_PULLED_BACK", 1.0, 30), ("_FINAL_ROUNDS", 0, 4)],
    ids=str,
)
def test_control_without_one_of_its_parts_it_finds_larger_changes(
    norm, constant, value, least, trained_net, make_keys, monkeypatch
):
    """All but the bias towards the input, which costs this easy network nothing: see the sequence of points below."""
    net, inputs, labels = trained_net
    whole = smallest(net, inputs, labels, norm, make_keys(200))
    monkeypatch.setattr(fab, constant, value)
    better, worse = nearer(whole, smallest(net, inputs, labels, norm, make_keys(200)))
    assert better > max(least, 3 * worse)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("weak", [{"steps": 1}, {"steps": 5}, {"targets": 1}])
def test_control_fewer_steps_or_targets_find_larger_changes(norm, weak, trained_net, make_keys):
    net, inputs, labels = trained_net
    whole = smallest(net, inputs, labels, norm, make_keys(200))
    better, worse = nearer(whole, smallest(net, inputs, labels, norm, make_keys(200), **weak))
    assert better > 10 * worse + 20


class Parabola(nn.Module):
    """Logits (0, x² - 0.36), and a list of the points that it was asked about."""

    def __init__(self):
        super().__init__()
        self.asked = []

    def forward(self, inputs):
        self.asked += inputs.detach().flatten().tolist()
        score = inputs.flatten() ** 2 - 0.36
        return torch.stack([torch.zeros_like(score), score], dim=1)


def recursion(start, steps):
    """Return the points of one value that the paper's update goes through, with the slope of where one is wrong."""
    at = here = start
    points = [at]
    for _ in range(steps):
        slope, value = 2 * at, at**2 - 0.36
        zero = at - value / slope
        step, origin = min(max(zero, 0), 1) - here, min(max(zero, 0), 1) - start
        bias = min(abs(step) / (abs(step) + abs(origin)), 0.1)
        at = (1 - bias) * (here + 1.05 * step) + bias * (start + 1.05 * origin)
        at = min(max(at, 0), 1)
        here = start + 0.9 * (at - start) if at**2 > 0.36 else at
        points.append(at)
    return points


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("start", [0.1, 0.3, 0.5])
def test_the_points_are_those_of_the_papers_update(norm, start, make_keys):
    model = Parabola()
    smallest(model, torch.tensor([[start]]), torch.tensor([0]), norm, make_keys(1), steps=20)
    expected = recursion(start, 20)
    assert len({round(each, 3) for each in expected}) >= 4
    # The first question is about the ranking of the classes, the last eight are those of the final search.
    np.testing.assert_allclose(model.asked[1:-8], expected, atol=2e-6)


@pytest.mark.parametrize("check", ATTACK_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("told", [{}, {"minimise": False}], ids=["default", "eps"])
def test_it_keeps_the_contract(check, told):
    declared = next(attack for attack in robustkit_attacks() if attack.name == "fab-t")
    check(lambda: FAB(FABParams(**told)), declared, (1, 4, 4))


@pytest.mark.parametrize("norm", NORMS)
def test_candidates_are_the_nearest_points_or_inside_the_ball(norm, trained_net, make_keys):
    net, inputs, labels = trained_net
    eps = MIDDLE[norm]
    result = FAB(FABParams(steps=30)).run(net, inputs, labels, ball(norm, eps), make_keys(200))
    found, reached = -result.best_loss, length(result.candidates - inputs, norm)
    inside = found <= eps
    assert 20 < inside.sum() < 180
    torch.testing.assert_close(reached[inside], found[inside], rtol=1e-5, atol=1e-8)
    assert (net(result.candidates).argmax(1) != labels)[inside].all()
    assert (reached <= eps * (1 + 1e-6)).all()


@pytest.mark.parametrize("norm", NORMS)
def test_the_smallest_changes_do_not_depend_on_eps_and_tell_the_accuracy_for_each(norm, trained_net, make_keys):
    net, inputs, labels = trained_net
    results = [
        FAB(FABParams(steps=20)).run(net, inputs, labels, ball(norm, eps), make_keys(200))
        for eps in (0.5 * MIDDLE[norm], 1.5 * MIDDLE[norm])
    ]
    assert torch.equal(results[0].best_loss, results[1].best_loss)
    for result, eps in zip(results, (0.5 * MIDDLE[norm], 1.5 * MIDDLE[norm]), strict=True):
        broken = net(result.candidates).argmax(1) != labels
        assert (broken | (-result.best_loss > eps)).all()


@pytest.mark.parametrize("norm", NORMS)
def test_without_minimising_the_same_samples_are_broken_with_fewer_passes(norm, trained_net, make_keys):
    net, inputs, labels = trained_net
    whole, quick = (
        FAB(FABParams(minimise=minimise)).run(net, inputs, labels, ball(norm, MIDDLE[norm]), make_keys(200))
        for minimise in (True, False)
    )
    broken = [-result.best_loss <= MIDDLE[norm] for result in (whole, quick)]
    assert torch.equal(*broken)
    assert (net(quick.candidates).argmax(1) != labels)[broken[1]].all()
    assert quick.forwards[broken[1]].float().mean() < 0.2 * whole.forwards[broken[1]].float().mean()
    assert torch.equal(quick.forwards[~broken[1]], whole.forwards[~broken[1]])


def test_a_step_takes_one_pass_forward_and_one_backward(linear_problem, make_keys):
    model, inputs, labels = linear_problem(2)
    result = FAB(FABParams(steps=30)).run(model, inputs, labels, ball("l2"), make_keys(20))
    assert (result.forwards == 1 + 30 + 9).all()
    assert (result.backwards == 30 + 1).all()
    assert torch.equal(result.queries, result.forwards)


def test_a_run_that_is_far_behind_an_earlier_one_is_given_up(linear, make_keys, monkeypatch):
    """The third class is three times as far as the second, and the fourth a little farther than the second."""
    weight = torch.tensor([[0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0], [0.0, 0.0, 0.0, 1.0]])
    model = linear(weight, torch.tensor([0.0, -0.6, -0.8, -0.61]))
    inputs = torch.full((1, 3), 0.5)
    run = FAB(FABParams(steps=60))
    backwards = run.run(model, inputs, torch.tensor([0]), ball("l2"), make_keys(1)).backwards
    assert int(backwards) == 61 + 42 + 61
    monkeypatch.setattr(fab, "_FAR_BEHIND", 1e9)
    assert int(run.run(model, inputs, torch.tensor([0]), ball("l2"), make_keys(1)).backwards) == 3 * 61


@pytest.mark.parametrize("norm", NORMS)
def test_restarts_find_smaller_changes_and_lose_none(norm, trained_net, make_keys):
    net, inputs, labels = trained_net
    once, often = (
        smallest(net, inputs, labels, norm, make_keys(200), steps=20, restarts=restarts) for restarts in (1, 3)
    )
    assert (often <= once).all()
    assert (often < 0.999 * once).sum() >= 5


@pytest.mark.parametrize("norm", NORMS)
def test_later_restarts_begin_at_half_of_eps_or_of_the_smallest_change(norm, linear_problem, make_keys):
    model, inputs, labels = linear_problem(2)
    near = smallest(model, inputs, labels, norm, make_keys(20))
    eps = float(near.median())
    asked = []
    handle = model.register_forward_pre_hook(lambda _, args: asked.append(args[0].detach().clone()))
    FAB(FABParams(steps=5, restarts=2)).run(model, inputs, labels, ball(norm, eps), make_keys(20))
    handle.remove()
    start = asked[1 + 5 + 9]
    expected = 0.5 * near.clamp(max=eps)
    torch.testing.assert_close(length(start - inputs, norm), expected, rtol=1e-3, atol=1e-6)
    directions = (start - inputs) / length(start - inputs, norm)[:, None]
    assert directions.std(dim=0).min() > 0.1


def test_only_restarts_draw_numbers(trained_net):
    net, inputs, labels = trained_net
    for restarts, streams in ((1, 0), (2, 2)):
        keys = watched_keys("attacks/fab-t", 9)
        FAB(FABParams(steps=2, restarts=restarts)).run(net, inputs[:9], labels[:9], ball("linf"), keys)
        assert len(keys.drawn) == streams
