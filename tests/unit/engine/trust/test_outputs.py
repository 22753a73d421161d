"""What a model's outputs and inputs are."""

from __future__ import annotations

import pytest
import torch

from robustkit.engine.trust.logits import are_logits, classes, finite_logits
from robustkit.engine.trust.pixels import data_range

LOGITS = torch.tensor([[2.0, -1.0, 0.5], [0.1, 0.2, 0.3]])


@pytest.mark.parametrize("bad", [torch.nan, torch.inf, -torch.inf])
def test_what_is_not_finite_fails_and_is_counted(bad: float) -> None:
    assert finite_logits(LOGITS).status == "pass"
    found = finite_logits(torch.cat([LOGITS, torch.tensor([[0.0, bad, 0.0]])]))
    assert (found.status, found.numbers["samples_with_nan_or_infinity"]) == ("fail", 1)


@pytest.mark.parametrize(
    ("logits", "status"),
    [
        (LOGITS.softmax(1), "fail"),
        (LOGITS.log_softmax(1), "pass"),
        (LOGITS, "pass"),
        (LOGITS.softmax(1) + 1e-4, "pass"),  # inside [0, 1], but the sums are off
        (torch.tensor([[1.5, -0.5]]), "pass"),  # the sum is right, the range is not
        (torch.tensor([[1.0, 0.0]]), "fail"),
    ],
)
def test_probabilities_are_told_from_logits(logits: torch.Tensor, status: str) -> None:
    found = are_logits(logits)
    assert found.status == status
    assert ("softmax" in found.advice) == (status == "fail")


@pytest.mark.parametrize(("count", "dlr"), [(2, "none"), (3, "untargeted"), (4, "untargeted and targeted")])
def test_few_classes_leave_no_room_for_the_dlr_loss(count: int, dlr: str) -> None:
    found = classes(torch.zeros(2, count), torch.tensor([0, 1]))
    assert (found.status, found.numbers["dlr"]) == ("pass", dlr)


def test_labels_without_a_class_fail() -> None:
    found = classes(torch.zeros(3, 2), torch.tensor([0, 2, -1]))
    assert (found.status, found.numbers["labels_outside"]) == ("fail", 2)


def test_images_outside_of_their_range_look_normalised() -> None:
    images = torch.rand(2, 1, 4, 4)
    assert data_range(images).status == "pass"
    for bad in (images * 2 - 1, images * 255):
        assert (data_range(bad).status, "normalised" in data_range(bad).advice) == ("fail", True)


def test_images_that_hardly_use_their_range_warn() -> None:
    assert "twice" in data_range(torch.rand(2, 1, 4, 4) / 255).advice
    assert data_range(torch.full((2, 1, 4, 4), 0.5)).status == "warn"
