import pytest
import torch

import robustkit
from robustkit_corruptions.pixels import from_values, to_values

SCALES = [(torch.float64, 1), (torch.float32, 1), (torch.float64, 255), (torch.uint8, 255)]


@pytest.mark.parametrize(("dtype", "scale"), SCALES)
def test_every_uint8_level_survives_the_way_there_and_back(dtype, scale):
    levels = torch.arange(256).to(torch.uint8)
    values = to_values(levels, dtype, scale)
    assert values.dtype == dtype
    assert values[255] == scale
    assert torch.equal(from_values(values, scale, levels, "fixed"), levels)


@pytest.mark.parametrize("scale", [1, 255])
def test_reference_truncates_and_fixed_rounds(scale):
    like = torch.zeros(4, dtype=torch.uint8)
    values = torch.tensor([10.4, 10.6, -3.0, 300.0], dtype=torch.float64) / 255 * scale
    assert from_values(values.clone(), scale, like, "reference").tolist() == [10, 10, 0, 255]
    assert from_values(values.clone(), scale, like, "fixed").tolist() == [10, 11, 0, 255]


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
@pytest.mark.parametrize("mode", ["reference", "fixed"])
@pytest.mark.parametrize("scale", [1, 255])
def test_floats_are_clipped_but_not_quantised(dtype, mode, scale):
    values = torch.tensor([0.1234567, -1.0, 2.0], dtype=torch.float64) * scale
    result = from_values(values, scale, torch.zeros(3, dtype=dtype), mode)
    expected = torch.tensor([0.1234567, 0.0, 1.0], dtype=torch.float64)
    assert result.dtype == dtype
    assert torch.allclose(result.double(), expected.to(dtype).double(), rtol=0, atol=1e-15)


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
def test_corruptions_of_whole_levels_get_floats_rounded_to_the_nearest(dtype):
    images = torch.tensor([0.0, 10.4 / 255, 10.6 / 255, 1.0]).to(dtype)
    assert to_values(images, torch.uint8, 255).tolist() == [0, 10, 11, 255]
    levels = torch.tensor([0, 10, 11, 255], dtype=torch.uint8)
    result = from_values(levels, 255, images, "reference")
    assert result.dtype == dtype
    assert torch.allclose(result.double(), levels.double() / 255, atol=2**-11)


@pytest.mark.parametrize(("dtype", "scale"), SCALES)
@pytest.mark.parametrize("stored", [torch.uint8, torch.float64, torch.float32])
def test_values_that_may_be_changed_never_share_memory_with_the_images(dtype, scale, stored):
    images = torch.ones(2, 2, dtype=stored)
    whole = dtype == stored == torch.uint8
    assert (to_values(images, dtype, scale).data_ptr() == images.data_ptr()) == whole


def test_other_integers_are_refused():
    with pytest.raises(robustkit.DataError, match=r"expected uint8 or float, got torch\.int64"):
        to_values(torch.tensor([1, 2]), torch.float64, 1)
