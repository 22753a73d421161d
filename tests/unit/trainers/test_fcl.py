"""Feature contrastive learning: the closed forms of its loss, its masks and its views."""

from __future__ import annotations

from dataclasses import replace
from math import log

import pytest
import torch
from torch.nn import functional

from robustkit import ConfigError, Keys, gradient_sensitivity, gradient_utility, value_basis
from robustkit_trainers.fcl import Fcl, make_views
from robustkit_trainers.losses import feature_contrastive_loss, unit
from robustkit_trainers.params import FclParams

PARAMS = FclParams(weight=1, temperature=0.1, fraction=0.25, std=0.1, negatives=3, patch=2)


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("negatives", [1, 3, 7])
def test_views_that_are_the_same_cost_the_log_of_their_number(negatives):
    anchor, view = random(5, 4), random(5, 4, seed=1)
    found = feature_contrastive_loss(anchor, view, view[:, None].expand(5, negatives, 4), 0.2)
    assert found.tolist() == pytest.approx([log(1 + negatives)] * 5)


def test_the_loss_is_its_formula():
    anchor, positive, negatives = random(5, 4), random(5, 4, seed=1), random(5, 3, 4, seed=2)
    near = (functional.cosine_similarity(anchor, positive) / 0.2).exp()
    far = (functional.cosine_similarity(anchor[:, None], negatives, dim=2) / 0.2).exp().sum(1)
    assert torch.allclose(feature_contrastive_loss(anchor, positive, negatives, 0.2), -(near / (near + far)).log())


def test_it_falls_as_the_positive_nears_and_rises_as_a_negative_does():
    anchor = unit(random(5, 4))
    positive, negatives = (unit(each).requires_grad_() for each in (random(5, 4, seed=1), random(5, 3, 4, seed=2)))
    feature_contrastive_loss(anchor, positive, negatives, 0.2).sum().backward()
    # The derivative along the part of the anchor that turns the view towards it.
    for view, sign in ((positive, -1), (negatives, 1)):
        origin = anchor if view.ndim == 2 else anchor[:, None]
        turning = origin - (origin * view).sum(-1, keepdim=True) * view
        assert (sign * (view.grad * turning).sum(-1) > 0).all()


def test_swapping_the_views_swaps_the_preference():
    anchor = random(5, 4)
    near, far = anchor + 0.1 * random(5, 4, seed=1), random(5, 4, seed=2)
    assert (feature_contrastive_loss(anchor, near, far[:, None], 0.2) < log(2)).all()
    assert (feature_contrastive_loss(anchor, far, near[:, None], 0.2) > log(2)).all()


def test_lengths_do_not_count():
    anchor, positive, negatives = random(5, 4), random(5, 4, seed=1), random(5, 3, 4, seed=2)
    once = feature_contrastive_loss(anchor, positive, negatives, 0.2)
    assert torch.allclose(feature_contrastive_loss(9 * anchor, 0.1 * positive, 5 * negatives, 0.2), once)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_vector_of_length_zero_gives_neither_nan_nor_a_huge_gradient(dtype):
    anchor, positive = torch.zeros(2, 3, dtype=dtype), torch.ones(2, 3, dtype=dtype)
    anchor.requires_grad_()
    positive.requires_grad_()
    loss = feature_contrastive_loss(anchor, positive, torch.ones(2, 4, 3, dtype=dtype), 0.1)
    loss.sum().backward()
    assert loss.tolist() == pytest.approx([log(5)] * 2)
    assert not anchor.grad.any()
    assert positive.grad.isfinite().all()


def test_utility_and_sensitivity_of_a_linear_model():
    weight, inputs, labels = random(3, 5), random(4, 5, seed=1), torch.tensor([0, 1, 2, 0])
    found = gradient_utility(
        lambda z: functional.cross_entropy(z @ weight.T, labels, reduction="none"), inputs, value_basis((5,))
    )
    probabilities = (inputs @ weight.T).softmax(1)
    assert torch.allclose(found, ((probabilities - torch.eye(3)[labels]) @ weight).abs())
    sensitivity = gradient_sensitivity(lambda z: z @ weight.T, inputs, value_basis((5,)))
    assert torch.allclose(sensitivity, weight.norm(dim=0).expand(4, 5))


def test_without_noise_the_contrast_is_constant(plain, make_batch):
    found = Fcl(replace(PARAMS, std=0.0, warmup=0.0), plain).contrast(make_batch())
    assert found.tolist() == pytest.approx([log(4)] * 6)
    gradients = torch.autograd.grad(found.sum(), list(plain.parameters()))
    assert all(each.abs().max() < 1e-5 for each in gradients)
    noisy = Fcl(replace(PARAMS, std=0.3, warmup=0.0), plain).contrast(make_batch())
    gradients = torch.autograd.grad(noisy.sum(), list(plain.parameters()))
    assert any(each.abs().max() > 1e-3 for each in gradients), "control"


def test_the_loss_is_the_sum_of_its_parts(plain, make_batch):
    batch = make_batch()
    losses = Fcl(replace(PARAMS, weight=0.3), plain)(batch)
    expected = functional.cross_entropy(plain(batch.inputs), batch.labels)
    assert torch.allclose(losses["cross_entropy"], expected)
    assert torch.allclose(losses["contrastive"], Fcl(PARAMS, plain).contrast(batch).mean())
    assert torch.allclose(losses["loss"], expected + 0.3 * losses["contrastive"])


@pytest.mark.parametrize(("warmup", "epochs_alone"), [(0.0, 0), (0.2, 2), (0.25, 3), (1.0, 10)])
def test_the_warm_up_is_cross_entropy_alone(plain, make_batch, warmup, epochs_alone):
    objective = Fcl(replace(PARAMS, warmup=warmup), plain)
    alone = ["contrastive" not in objective(make_batch(epoch=epoch)) for epoch in range(10)]
    assert alone == [epoch < epochs_alone for epoch in range(10)]


@pytest.mark.parametrize(("basis", "count"), [("patch", 4 * 4), ("pixel", 16)])
def test_masks_cover_the_fraction_and_never_meet(plain, make_batch, basis, count):
    batch = make_batch()
    low, high = Fcl(replace(PARAMS, basis=basis), plain).masks(batch.inputs, batch.labels, batch.keys)
    assert low.shape == high.shape == batch.inputs.shape
    assert low.flatten(1).sum(1).tolist() == high.flatten(1).sum(1).tolist() == [count] * 6
    assert not (low & high).any()


def test_masks_are_where_the_gradient_is_small_and_large(plain, make_batch):
    batch = make_batch()
    points = batch.inputs.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(functional.cross_entropy(plain(points), batch.labels, reduction="sum"), points)
    low, high = Fcl(replace(PARAMS, basis="pixel"), plain).masks(batch.inputs, batch.labels, batch.keys)
    for each, mask_low, mask_high in zip(gradient.abs(), low, high, strict=True):
        assert each[mask_low].max() <= each[~mask_low].min()
        assert each[mask_high].min() >= each[~mask_high].max()


def test_no_gradient_flows_through_the_masks(plain, make_batch):
    """With the masks held fixed by hand, the gradient is the same."""
    batch, objective = make_batch(), Fcl(PARAMS, plain)
    parameters = list(plain.parameters())
    whole = torch.autograd.grad(objective.contrast(batch).sum(), parameters)
    masks = tuple(each.clone() for each in objective.masks(batch.inputs, batch.labels, batch.keys))
    assert not any(each.requires_grad for each in masks)
    views = make_views(batch.inputs, *masks, batch.keys, PARAMS)
    embeddings = plain(views.flatten(0, 1)).reshape(5, 6, 3)
    fixed = feature_contrastive_loss(embeddings[0], embeddings[1], embeddings[2:].movedim(0, 1), PARAMS.temperature)
    by_hand = torch.autograd.grad(fixed.sum(), parameters)
    assert all(torch.allclose(a, b, rtol=1e-4, atol=1e-6) for a, b in zip(whole, by_hand, strict=True))


def test_views_have_noise_where_the_masks_are_and_nowhere_else(make_batch):
    batch = make_batch(inputs=torch.full((6, 1, 8, 8), 0.5))
    low, high = torch.zeros(2, 6, 1, 8, 8, dtype=torch.bool)
    low[..., 0, :], high[..., 1, :] = True, True
    views = make_views(batch.inputs, low, high, batch.keys, PARAMS)
    changed = views != 0.5
    assert views.shape == (5, 6, 1, 8, 8)
    assert not changed[0].any()
    assert torch.equal(changed[1], low)
    assert all(torch.equal(each, high) for each in changed[2:])
    assert not torch.equal(views[2], views[3])
    assert (views[2:] - 0.5)[:, high].std() == pytest.approx(PARAMS.std, rel=0.25)


def test_views_are_clipped_and_do_not_depend_on_the_batch(make_batch):
    batch, alone = make_batch(), make_batch(n=1, start=3)
    everywhere = torch.ones(6, 1, 8, 8, dtype=torch.bool)
    views = make_views(batch.inputs, everywhere, everywhere, batch.keys, replace(PARAMS, std=2.0))
    assert views.min() == 0
    assert views.max() == 1
    again = make_views(alone.inputs, everywhere[:1], everywhere[:1], alone.keys, replace(PARAMS, std=2.0))
    assert torch.equal(views[:, 3:4], again)


def test_swapping_high_and_low_flips_what_is_learnt(plain, make_batch):
    """The model becomes more sensitive where the negatives have their noise, whichever mask that is."""
    batch = make_batch(n=12)
    objective = Fcl(replace(PARAMS, std=0.3), plain)
    low, high = (each.clone() for each in objective.masks(batch.inputs, batch.labels, batch.keys))

    def preference(first, second):
        """How much a step widens the gap between the cosines of views with noise on `low` and on `high`."""
        embeddings = plain(make_views(batch.inputs, low, high, batch.keys, objective.params).flatten(0, 1))
        embeddings = embeddings.reshape(5, 12, 3)
        gap = (
            functional.cosine_similarity(embeddings[0], embeddings[1])
            - functional.cosine_similarity(embeddings[0], embeddings[2])
        ).mean()
        views = make_views(batch.inputs, first, second, batch.keys, objective.params)
        z = plain(views.flatten(0, 1)).reshape(5, 12, 3)
        loss = feature_contrastive_loss(z[0], z[1], z[2:].movedim(0, 1), 0.1).mean()
        parameters = list(plain.parameters())
        down = torch.autograd.grad(loss, parameters)
        up = torch.autograd.grad(gap, parameters)
        return -sum((a * b).sum() for a, b in zip(down, up, strict=True))

    assert preference(low, high) > 0
    assert preference(high, low) < 0


@pytest.mark.parametrize("layer", ["", "conv", "head"])
def test_the_embedding_is_the_logits_or_a_pooled_layer(net, make_batch, layer):
    net.eval()
    inputs = make_batch().inputs
    expected = net.conv(inputs).mean((2, 3)) if layer == "conv" else net(inputs)
    assert torch.allclose(Fcl(replace(PARAMS, layer=layer), net).embed(inputs), expected, atol=1e-6)


@pytest.mark.parametrize(("layer", "reason"), [("convolution", "no layer of Net matches"), ("*", "matches conv, norm")])
def test_a_layer_is_one_layer_from_the_start(net, layer, reason):
    with pytest.raises(ConfigError, match=reason):
        Fcl(replace(PARAMS, layer=layer), net)


@pytest.mark.parametrize(("shape", "patch"), [((1, 8, 8), 8), ((3, 8, 4), 9)])
def test_too_large_a_patch_is_refused(plain, shape, patch):
    with pytest.raises(ConfigError, match=f"patch={patch} makes 1 feature of images of 8x") as refused:
        Fcl(replace(PARAMS, patch=patch), plain).check_inputs(shape)
    assert "smaller patches" in refused.value.hint


@pytest.mark.parametrize(
    ("shape", "basis", "patch"), [((1, 8, 8), "patch", 7), ((1, 8, 4), "patch", 4), ((1, 2, 1), "pixel", 9)]
)
def test_two_features_are_enough(plain, shape, basis, patch):
    Fcl(replace(PARAMS, basis=basis, patch=patch), plain).check_inputs(shape)


def test_masks_are_found_in_evaluation_mode_and_learnt_from_in_training_mode(net, make_batch):
    seen = []
    net.norm.register_forward_pre_hook(lambda module, _: seen.append(module.training))
    Fcl(PARAMS, net.train())(make_batch())
    assert seen == [True, False, True]


def test_the_control_chooses_features_without_looking_at_the_model() -> None:
    keys = Keys(seed=0, stream="t", version=1, ids=torch.arange(6))
    inputs, labels = torch.rand(6, 1, 8, 8, generator=torch.Generator().manual_seed(0)), torch.arange(6) % 2

    def masks(selection: str, seed: int) -> torch.Tensor:
        torch.manual_seed(seed)
        net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 2))
        params = FclParams(selection=selection, fraction=0.25, patch=2)  # type: ignore[arg-type]
        return Fcl(params, net).masks(inputs, labels, keys)[1]

    with torch.random.fork_rng(devices=[]):
        assert torch.equal(masks("random", 0), masks("random", 1))
        assert not torch.equal(masks("utility", 0), masks("utility", 1))
    assert masks("random", 0).flatten(1).sum(dim=1).tolist() == [16] * 6
