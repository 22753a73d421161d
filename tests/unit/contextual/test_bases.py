"""A basis is a partition of an input's values."""

from __future__ import annotations

import pytest
import torch

from robustkit import ConfigError, DataError, Partition, make_basis, patch_basis, pixel_basis, value_basis

BASES = [value_basis((2, 3, 5)), pixel_basis((2, 3, 5)), patch_basis((2, 3, 5), 2), patch_basis((2, 3, 5), 9)]
SIZES = [30, 15, 6, 1]


@pytest.mark.parametrize(
    ("basis", "size"), list(zip(BASES, SIZES, strict=True)), ids=lambda it: getattr(it, "name", "")
)
def test_every_value_belongs_to_exactly_one_feature(basis, size):
    masks = [basis.spread(row[None])[0] for row in torch.eye(size, dtype=torch.bool)]
    assert basis.size == size
    assert torch.equal(torch.stack(masks).sum(0), torch.ones(2, 3, 5, dtype=torch.int64))


@pytest.mark.parametrize("basis", BASES, ids=lambda basis: basis.name)
def test_totals_are_those_of_the_masks(basis):
    values = torch.rand(4, 2, 3, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    expected = [(values * basis.spread(row[None])).sum((1, 2, 3)) for row in torch.eye(basis.size)]
    assert torch.allclose(basis.total(values), torch.stack(expected, dim=1), atol=1e-12)


def test_pixels_and_patches_hold_all_channels():
    assert torch.equal(pixel_basis((3, 4, 4)).index[0], pixel_basis((3, 4, 4)).index[2])
    assert torch.equal(patch_basis((3, 4, 4), 1).index, pixel_basis((3, 4, 4)).index)


def test_patches_at_the_edge_are_cut_off():
    assert torch.bincount(patch_basis((1, 5, 4), 2).index.flatten()).tolist() == [4, 4, 4, 4, 2, 2]


@pytest.mark.parametrize("index", [[0, 2], [1, 2], [0, 1, 2], [-1, 0, 1]])
def test_a_gap_in_the_numbers_is_refused(index):
    with pytest.raises(ConfigError, match=r"all of 0\.\.1"):
        Partition("toy", torch.tensor(index), 2)


def test_inputs_of_another_shape_are_refused():
    with pytest.raises(DataError, match=r"inputs of shape \(1, 4, 4\), got \(1, 4, 5\)"):
        pixel_basis((1, 4, 4)).total(torch.zeros(2, 1, 4, 5))


def test_a_patch_has_a_side():
    with pytest.raises(ConfigError, match="got 0"):
        patch_basis((1, 4, 4), 0)


@pytest.mark.parametrize(
    ("feature", "expected"), [("pixel", pixel_basis((2, 4, 6))), ("patch", patch_basis((2, 4, 6), 3))]
)
def test_parameters_name_a_basis(feature, expected):
    found = make_basis(feature, (2, 4, 6), 3)
    assert (found.name, found.size) == (expected.name, expected.size)
    assert torch.equal(found.index, expected.index)
