"""The windows of Square: how large they are, where they lie, and what fills them."""

import math

import pytest
import torch

from robustkit_attacks.square_windows import (
    Plane,
    bump_sides,
    bumps,
    places,
    plane_of,
    share_at,
    signs,
    square_sides,
    tiles,
)


def test_the_share_of_10_000_queries_is_halved_as_in_the_reference():
    """Andriushchenko et al. (2020), section 4, and the halving after 500 that the reference implementation adds."""
    by_hand = {
        0: 0.8, 10: 0.8, 11: 0.4, 50: 0.4, 51: 0.2, 200: 0.2, 201: 0.1, 500: 0.1, 501: 0.05, 1000: 0.05, 1001: 0.025,
        2000: 0.025, 2001: 0.0125, 4000: 0.0125, 4001: 0.00625, 6000: 0.00625, 6001: 0.003125, 8000: 0.003125,
        8001: 0.0015625, 999_999: 0.0015625,
    }  # fmt: skip
    assert {query: share_at(query, 10_000, 0.8) for query in by_hand} == by_hand
    assert share_at(11, 10_000, 0.3) == 0.15


def test_the_schedule_is_stretched_by_a_square_root():
    """A quarter of the queries: twice as fast; four times as many: half as fast."""
    for halvings, after in enumerate([10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000]):
        for queries, at in ((2500, after // 2), (40_000, 2 * after)):
            assert share_at(at, queries, 0.8) == 0.8 / 2**halvings
            assert share_at(at + 1, queries, 0.8) == 0.8 / 2 ** (halvings + 1)


@pytest.mark.parametrize(
    ("share", "plane", "square", "bump"),
    [
        (0.8, Plane(3, 32, 32), (29, 29), (29, 29)),  # sqrt(819.2) = 28.6
        (0.05, Plane(1, 28, 28), (6, 6), (7, 7)),  # sqrt(39.2) = 6.3
        (0.0015625, Plane(3, 32, 32), (1, 1), (3, 3)),  # sqrt(1.6) = 1.3
        (1.0, Plane(1, 28, 28), (28, 28), (28, 28)),  # no room for 29
        (0.8, Plane(1, 10, 40), (10, 32), (10, 33)),  # sqrt(320) = 17.9 > 10; 320 / 10
        (0.8, Plane(1, 40, 10), (32, 10), (33, 10)),
        (0.1, Plane(1, 10, 40), (6, 6), (7, 7)),  # sqrt(40) = 6.3
        (0.5, Plane(1, 1, 100), (1, 50), (1, 51)),
        (0.001, Plane(1, 1, 100), (1, 1), (1, 3)),
        (0.8, Plane(1, 1, 1), (1, 1), (1, 1)),
    ],
)
def test_windows_cover_the_share(share, plane, square, bump):
    assert square_sides(share, plane) == square
    assert bump_sides(share, plane) == bump


def test_inputs_are_read_as_channels_of_rows_and_columns():
    assert plane_of((3, 5, 7)) == Plane(3, 5, 7)
    assert plane_of((5, 7)) == Plane(1, 5, 7)
    assert plane_of((7,)) == Plane(1, 1, 7)
    assert plane_of((2, 3, 5, 7)) == Plane(2, 15, 7)
    assert plane_of(()) == Plane(1, 1, 1)


def test_windows_lie_everywhere_inside_with_equal_chance(make_keys):
    drawn = places(make_keys(3000), [(2, 3), (4, 5)], Plane(1, 4, 5), count=2)
    assert drawn.shape == (3000, 2, 2)
    assert (drawn[:, 1] == 0).all()
    assert not torch.equal(drawn[:, 0, 0], drawn[:, 0, 1])
    counts = drawn[:, 0, 0].bincount()
    assert counts.nonzero().flatten().tolist() == [row * 5 + column for row in range(3) for column in range(3)]
    expected = 3000 / 9
    assert (counts[counts > 0] - expected).abs().max() < 4 * math.sqrt(expected)


def test_signs_are_fair_and_independent(make_keys):
    drawn = signs(make_keys(2000), 3, 5)
    assert drawn.shape == (2000, 3, 5)
    as_numbers = 2.0 * drawn.flatten(1) - 1
    # Means of 2,000 fair signs, and of products of two, have a standard deviation of 0.022.
    assert as_numbers.mean(0).abs().max() < 0.1
    products = as_numbers.T @ as_numbers / 2000
    assert (products - torch.eye(15)).abs().max() < 0.1


def test_a_bump_is_a_hill_over_a_pit():
    both = bumps(3, 3).view(2, 3, 3)
    # By hand: the upper part is a row with its centre in the middle, 1 + 1/4 there and 1/4 beside it; the lower one is
    # two rows whose centre is in the second.
    upper = torch.tensor([[0.25, 1.25, 0.25]], dtype=torch.float64)
    lower = torch.tensor([[0.25, 0.25, 0.25], [0.25, 1.25, 0.25]], dtype=torch.float64)
    expected = torch.cat([upper / upper.norm(), -lower / lower.norm()]) / math.sqrt(2)
    assert torch.allclose(both[0], expected)
    assert torch.allclose(both[1], expected.T)


@pytest.mark.parametrize("sides", [(1, 1), (1, 7), (3, 5), (6, 2), (9, 9)])
def test_bumps_have_norm_one(sides):
    assert torch.allclose(bumps(*sides).norm(dim=1), torch.ones(2, dtype=torch.float64))


def test_tiles_cover_an_image_but_for_its_edges():
    both, tile = tiles(Plane(1, 12, 28))
    assert both.shape == (2, 12 * 28)
    # Tiles are 2x5: six rows of five, in columns 1 to 25.
    inside = torch.zeros(12, 28, dtype=torch.bool)
    inside[:, 1:26] = True
    assert torch.equal((both[0] != 0).view(12, 28), inside)
    assert tile.view(12, 28)[inside].bincount().tolist() == [10] * 30
    assert torch.allclose(both.square().sum(1), torch.tensor(30.0, dtype=torch.float64))
