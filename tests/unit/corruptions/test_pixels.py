import pytest
import torch

import robustkit
from robustkit_corruptions.pixels import from_unit, to_unit


def test_every_uint8_level_survives_the_way_there_and_back():
    levels = torch.arange(256).to(torch.uint8)
    assert torch.equal(from_unit(to_unit(levels), levels, "fixed"), levels)


def test_reference_truncates_and_fixed_rounds():
    like = torch.zeros(4, dtype=torch.uint8)
    values = torch.tensor([10.4, 10.6, -3.0, 300.0], dtype=torch.float64) / 255
    assert from_unit(values, like, "reference").tolist() == [10, 10, 0, 255]
    assert from_unit(values, like, "fixed").tolist() == [10, 11, 0, 255]


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
@pytest.mark.parametrize("mode", ["reference", "fixed"])
def test_floats_are_clipped_but_not_quantised(dtype, mode):
    values = torch.tensor([0.1234567, -1.0, 2.0], dtype=torch.float64)
    result = from_unit(values, torch.zeros(3, dtype=dtype), mode)
    assert torch.equal(result, torch.tensor([0.1234567, 0.0, 1.0], dtype=torch.float64).to(dtype))


def test_to_unit_never_shares_memory_with_its_input():
    images = torch.rand(2, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    assert to_unit(images).data_ptr() != images.data_ptr()


def test_other_integers_are_refused():
    with pytest.raises(robustkit.DataError, match="expected uint8 or float"):
        to_unit(torch.tensor([1, 2]))
