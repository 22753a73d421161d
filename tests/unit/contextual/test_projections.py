"""Every basis is a family of orthogonal projections, and the kit notices one that is not."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from robustkit import (
    ConfigError,
    DataError,
    direction_basis,
    fourier_basis,
    gradient_sensitivity,
    gradient_utility,
    patch_basis,
    pixel_basis,
    superpixel_basis,
    value_basis,
)
from robustkit.testing import check_basis

SHAPE = (3, 6, 8)
IMAGES = torch.rand(5, *SHAPE, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
COMPLETE = [
    value_basis(SHAPE),
    pixel_basis(SHAPE),
    patch_basis(SHAPE, 4),
    fourier_basis(SHAPE, 1),
    fourier_basis(SHAPE, 3),
    superpixel_basis(IMAGES, 3),
]
HAAR = direction_basis("haar", torch.stack([torch.ones(SHAPE), torch.ones(SHAPE).cumsum(2) - 4.5]))


@pytest.mark.parametrize("basis", COMPLETE, ids=lambda basis: basis.name)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_bases_are_orthogonal_and_complete(basis, dtype):
    check_basis(basis, IMAGES.to(dtype), complete=True)


def test_directions_are_orthogonal_projections_that_need_not_be_complete():
    check_basis(HAAR, IMAGES)
    with pytest.raises(AssertionError, match="do not add up"):
        check_basis(HAAR, IMAGES, complete=True)
    oblique = direction_basis("oblique", torch.tensor([[1.0, 0.0], [3.0, 3.0]]))
    check_basis(oblique, torch.zeros(2, 2))
    assert torch.allclose(oblique.energy(torch.tensor([[0.0, 2.0]])), torch.tensor([[0.0, 2.0]]))


@pytest.mark.parametrize("basis", COMPLETE, ids=lambda basis: basis.name)
def test_squares_add_up_to_those_of_the_whole_input(net, basis):
    """Parseval: of utility and of sensitivity."""
    labels = torch.arange(5)

    def loss(points):
        return functional.cross_entropy(net(points), labels, reduction="none")

    whole = patch_basis(SHAPE, 8)
    for measure in (lambda b: gradient_utility(loss, IMAGES, b), lambda b: gradient_sensitivity(net, IMAGES, b)):
        assert torch.allclose(measure(basis).square().sum(1), measure(whole).square()[:, 0], rtol=1e-9)


def test_without_the_negative_frequencies_parseval_fails():
    """Negative control: half of a spectrum has half of the energy, and its projection is not real."""
    energy = fourier_basis(SHAPE, 3).energy(IMAGES)
    half = torch.fft.rfft2(IMAGES, norm="ortho").abs().square().flatten(1).sum(1)
    assert torch.allclose(energy.sum(1), IMAGES.square().flatten(1).sum(1))
    assert not torch.allclose(half, energy.sum(1), rtol=0.02)


def test_a_wave_lies_in_the_band_of_its_frequency():
    columns = torch.arange(16, dtype=torch.float64)
    waves = torch.stack([torch.cos(2 * torch.pi * k * columns / 16).expand(1, 16, 16) for k in (0, 1, 3, 5, 8)])
    energy = fourier_basis((1, 16, 16), 4).energy(waves)
    # Bands are 1/8 cycle per pixel wide: 0 and 1/16 lie in the first, 3/16, 5/16, and 1/2 in the others.
    assert (energy / energy.sum(1, keepdim=True)).argmax(1).tolist() == [0, 0, 1, 2, 3]
    assert torch.allclose(energy.amax(1), energy.sum(1))


@pytest.mark.parametrize("bands", [0, 9, 100])
def test_bands_without_a_frequency_are_refused(bands):
    with pytest.raises(ConfigError, match=rf"6x8 pixels do not fill {bands} bands"):
        fourier_basis(SHAPE, bands)


def test_superpixels_of_an_image_without_edges_are_the_regular_grid():
    for height, width in ((6, 8), (7, 9), (5, 13)):
        found = superpixel_basis(torch.full((2, 3, height, width), 0.4), 4)
        grid = patch_basis((3, height, width), 4)
        assert torch.equal(found.index[1], grid.index)
        assert found.size == grid.size


def test_superpixels_follow_an_edge():
    """A bright half whose border runs one or two pixels beside the grid's, in a zigzag."""
    border = torch.tensor([7, 8, 9, 10, 9, 8, 8, 7, 6, 6, 6, 7])
    image = (torch.arange(16) >= border[:, None]).float()[None, None]
    index = superpixel_basis(image, 8).index[0, 0]
    assert torch.equal(index % 2, image[0, 0].long())
    regular = patch_basis((1, 12, 16), 8).index[0]
    assert not torch.equal(regular % 2, image[0, 0].long()), "negative control: the regular grid does not follow it"


@pytest.mark.parametrize("side", [1, 2, 3, 4, 7, 40])
def test_every_image_has_all_superpixels_whatever_is_on_it(side):
    images = torch.rand(20, 2, 11, 14, generator=torch.Generator().manual_seed(2))
    basis = superpixel_basis(images, side)
    assert basis.size == patch_basis((2, 11, 14), side).size
    assert (basis.total(torch.ones(20, 2, 11, 14)) >= 1).all()
    assert torch.equal(basis.index[:, 0], basis.index[:, 1])
    assert torch.equal(superpixel_basis(images[7:8], side).index, basis.index[7:8])


def test_superpixels_are_of_their_images_alone():
    with pytest.raises(DataError, match=r"is for 5 inputs of shape \(3, 6, 8\), got \(4, 3, 6, 8\)"):
        superpixel_basis(IMAGES, 3).total(IMAGES[:4])
    with pytest.raises(ConfigError, match="got 0"):
        superpixel_basis(IMAGES, 0)


@pytest.mark.parametrize("directions", [torch.zeros(0, 2), torch.tensor([[1.0, 0.0], [0.0, 0.0]])])
def test_a_direction_has_a_length(directions):
    with pytest.raises(ConfigError, match="a finite length above 0"):
        direction_basis("none", directions)


class Halves:
    """Left and right half of a row of four values; the broken ones below change one thing."""

    name, size = "halves", 2

    def energy(self, values):
        return values.square().unflatten(1, (2, 2)).sum(2)

    def project(self, values, feature):
        return torch.where(torch.arange(4) // 2 == feature, values, 0.0)


class Root(Halves):
    def energy(self, values):
        return super().energy(values).sqrt()


class Doubled(Halves):
    def project(self, values, feature):
        return 2 * super().project(values, feature)


class Oblique(Halves):
    def project(self, values, feature):
        return values[:, :1].expand_as(values)


class Rectified(Halves):
    def energy(self, values):
        return super().energy(values.relu())

    def project(self, values, feature):
        return super().project(values, feature).relu()


class Flat(Halves):
    def energy(self, values):
        return super().energy(values).sum(1)


class Short(Halves):
    def project(self, values, feature):
        return values[:, 2 * feature : 2 * feature + 2]


@pytest.mark.parametrize(
    ("basis", "reason"),
    [
        (Root, "energy is not"),
        (Doubled, "is no projection"),
        (Oblique, "is not orthogonal"),
        (Rectified, "is not orthogonal|is not linear"),
        (Flat, r"expected \(N, size\) = \(3, 2\), got \(3,\)"),
        (Short, r"project returns \(3, 2\) for \(3, 4\)"),
    ],
)
def test_a_broken_basis_is_noticed(basis, reason):
    check_basis(Halves(), torch.zeros(3, 4), complete=True)
    with pytest.raises(AssertionError, match=reason):
        check_basis(basis(), torch.zeros(3, 4))
