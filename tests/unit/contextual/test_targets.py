"""What utility is measured by: closed forms, and which of them saturate."""

from __future__ import annotations

import pytest
import torch

from robustkit import loss_slope, make_baseline, target_loss

LOGITS = torch.tensor([[3.0, 1.0, 2.0], [0.0, 0.0, 5.0]], dtype=torch.float64)
LABELS = torch.tensor([0, 1])


def test_values_by_hand():
    assert target_loss("margin")(LOGITS, LABELS).tolist() == [-1, 5]
    assert target_loss("logit")(LOGITS, LABELS).tolist() == [-3, 0]
    probabilities = LOGITS.softmax(1)
    assert torch.allclose(target_loss("ce")(LOGITS, LABELS), -probabilities[[0, 1], LABELS].log())
    smooth = 0.7 * torch.eye(3)[LABELS] + 0.1
    expected = -(smooth * probabilities.log()).sum(1)
    assert torch.allclose(target_loss("smoothed-ce", 0.3)(LOGITS, LABELS), expected)


@pytest.mark.parametrize("target", ["ce", "smoothed-ce", "margin", "logit"])
def test_every_target_is_lower_for_the_better_model(target):
    better = LOGITS + 2 * torch.eye(3)[LABELS]
    assert (target_loss(target)(better, LABELS) < target_loss(target)(LOGITS, LABELS)).all()


def test_slopes():
    assert torch.allclose(
        loss_slope(target_loss("ce"), LOGITS, LABELS), LOGITS.softmax(1) - torch.eye(3, dtype=torch.float64)[LABELS]
    )
    with torch.inference_mode():
        assert loss_slope(target_loss("margin"), LOGITS.clone(), LABELS).tolist() == [[-1, 0, 1], [0, -1, 1]]


def test_only_cross_entropy_saturates():
    sure = torch.tensor([[30.0, 0.0, 0.0]], dtype=torch.float64)
    lengths = {
        target: float(loss_slope(target_loss(target), sure, torch.tensor([0])).norm())
        for target in ("ce", "smoothed-ce", "margin", "logit")
    }
    assert lengths["ce"] < 1e-10
    assert min(lengths["smoothed-ce"], lengths["margin"], lengths["logit"]) > 0.05


def test_baselines():
    image = torch.rand(2, 3, 9, 12, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert not make_baseline(image, "zero").any()
    mean = make_baseline(image, "mean")
    assert mean.shape == image.shape
    assert torch.allclose(mean[1, 2, 4], image[1, 2].mean().expand(12))
    blurred = make_baseline(image, "blur")
    assert blurred.shape == image.shape
    assert (blurred.std((2, 3)) < 0.5 * image.std((2, 3))).all()
    ramp = torch.arange(64.0, dtype=torch.float64).expand(1, 1, 9, 64)
    assert torch.allclose(make_baseline(ramp, "blur")[..., 30:34], ramp[..., 30:34], atol=1e-6)
    flat = torch.full((1, 1, 5, 5), 0.3, dtype=torch.float64)
    assert torch.allclose(make_baseline(flat, "blur"), flat)
