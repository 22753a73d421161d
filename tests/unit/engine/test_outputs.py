"""Per-sample numbers from logits, and input hashes."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from robustkit.engine.outputs import describe_outputs, hash_inputs
from robustkit.errors import RunError


def describe(logits: list[list[float]], labels: list[int]) -> dict[str, np.ndarray]:
    return describe_outputs(torch.tensor(logits), torch.tensor(labels), torch.arange(len(labels)) + 100)


def test_numbers_of_a_case_done_by_hand() -> None:
    """softmax of (ln 2, ln 1, ln 1) is (1/2, 1/4, 1/4): NLL ln 2, Brier 1/4 + 1/16 + 1/16."""
    columns = describe([[np.log(2.0), 0.0, 0.0]], [0])
    assert columns["prediction"].tolist() == [0]
    assert columns["label_rank"].tolist() == [0]
    assert columns["confidence"][0] == pytest.approx(0.5)
    assert columns["nll"][0] == pytest.approx(np.log(2), abs=1e-6)
    assert columns["brier"][0] == pytest.approx(0.375)
    assert columns["margin"][0] == pytest.approx(np.log(2))


def test_rank_counts_the_classes_before_the_label() -> None:
    columns = describe([[3.0, 2.0, 1.0], [3.0, 2.0, 1.0], [3.0, 2.0, 1.0]], [0, 1, 2])
    assert columns["label_rank"].tolist() == [0, 1, 2]
    assert columns["margin"].tolist() == [1.0, -1.0, -2.0]


def test_a_tie_goes_to_the_smaller_class_and_rank_agrees_with_prediction() -> None:
    columns = describe([[1.0, 1.0], [1.0, 1.0]], [0, 1])
    assert columns["prediction"].tolist() == [0, 0]
    assert columns["label_rank"].tolist() == [0, 1]


def test_huge_logits_stay_finite() -> None:
    columns = describe([[1e30, 0.0]], [1])
    assert np.isfinite(columns["nll"]).all()


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_logit_that_is_not_finite_is_an_error_that_names_the_sample(value: float) -> None:
    with pytest.raises(RunError, match=r"1 sample\(s\), first id 101"):
        describe([[0.0, 1.0], [value, 1.0]], [0, 0])


def test_the_hash_of_a_sample_does_not_depend_on_its_batch() -> None:
    images = torch.randint(0, 256, (9, 3, 5, 4), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    whole = hash_inputs(images)
    assert [int(hash_inputs(images[i : i + 1])[0]) for i in range(9)] == whole.tolist()
    assert len(set(whole.tolist())) == 9


def test_the_hash_sees_one_changed_level_and_swapped_pixels() -> None:
    image = torch.zeros(1, 1, 2, 2, dtype=torch.uint8)
    seen = {int(hash_inputs(image)[0])}
    for position in range(4):
        changed = image.clone()
        changed.view(-1)[position] = 1
        seen.add(int(hash_inputs(changed)[0]))
    assert len(seen) == 5


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_the_hash_leaves_what_it_hashes_as_it_is(dtype: torch.dtype) -> None:
    images = torch.arange(24).reshape(2, 3, 2, 2).to(dtype)
    before = images.clone()
    assert hash_inputs(images).tolist() == hash_inputs(images).tolist()
    assert torch.equal(images, before)


def test_the_hash_equals_the_sum_in_arbitrary_precision() -> None:
    weights = [int(word) | 1 for word in np.random.Philox(key=0x726F627573746B6974).random_raw(4)]
    expected = sum((value + 1) * weight for value, weight in zip([0, 7, 255, 3], weights, strict=True)) % 2**64
    found = hash_inputs(torch.tensor([[0, 7, 255, 3]], dtype=torch.uint8))
    assert int(found[0]) % 2**64 == expected


@pytest.mark.gpu
def test_the_hash_is_the_same_on_cuda() -> None:
    images = torch.rand(4, 3, 8, 8, generator=torch.Generator().manual_seed(1))
    assert hash_inputs(images).tolist() == hash_inputs(images.cuda()).tolist()
