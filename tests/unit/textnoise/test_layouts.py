"""The geometry of keyboards."""

from __future__ import annotations

import string

import pytest

from robustkit_textnoise.layouts import neighbours

LAYOUTS = ["qwerty", "qwertz", "azerty"]

# By hand, from a drawing of each keyboard with its rows staggered: the keys that touch a letter's key.
TOUCHING = {
    ("qwerty", "g"): "ftyhbv",
    ("qwerty", "a"): "qwsz",
    ("qwerty", "q"): "12wa",
    ("qwerty", "p"): "0-o[l;",
    ("qwerty", "m"): "njk,",
    ("qwertz", "z"): "67tugh",
    ("qwertz", "y"): "<asx",
    ("qwertz", "ö"): "lpüä.-",
    ("azerty", "a"): "&ézq",
    ("azerty", "m"): "lpù:!",
    ("azerty", "w"): "<qsx",
}


@pytest.mark.parametrize(("layout", "letter"), TOUCHING)
def test_neighbours_are_the_keys_that_touch(layout, letter):
    assert set(neighbours(layout)[letter].characters) == set(TOUCHING[layout, letter])


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_shift_level_is_kept(layout):
    keys = neighbours(layout)
    for letter in string.ascii_lowercase:
        letters = {other for other in keys[letter].characters if other.isascii() and other.isalpha()}
        shifted = {other for other in keys[letter.upper()].characters if other.isascii() and other.isalpha()}
        assert {other.upper() for other in letters} == shifted
        assert letters
    assert neighbours("qwerty")["5"].characters == "46rt"
    assert neighbours("qwerty")["%"].characters == "$^RT"


@pytest.mark.parametrize("layout", LAYOUTS)
def test_being_neighbours_is_mutual_and_never_with_oneself(layout):
    keys = neighbours(layout)
    for character, near in keys.items():
        assert character not in near.characters
        assert all(character in keys[other].characters for other in near.characters)
        assert " " not in near.characters


@pytest.mark.parametrize("layout", LAYOUTS)
def test_letters_and_digits_have_keys(layout):
    assert set(string.ascii_letters + string.digits) <= set(neighbours(layout))


def test_nearer_keys_are_likelier():
    near = neighbours("qwerty")["s"]
    shares = dict(
        zip(near.characters, [b - a for a, b in zip((0, *near.chances), near.chances, strict=False)], strict=True)
    )
    # By hand: a and d are 1 away, w (0.25, 1), z and x (0.5, 1), e (0.75, 1).
    weights = {"a": 1, "d": 1, "w": 1 / 1.0625, "z": 1 / 1.25, "x": 1 / 1.25, "e": 1 / 1.5625}
    assert shares == pytest.approx({key: weight / sum(weights.values()) for key, weight in weights.items()})


@pytest.mark.parametrize("layout", LAYOUTS)
def test_any_number_below_1_picks_a_neighbour(layout):
    for near in neighbours(layout).values():
        assert near.pick(0.0) == near.characters[0]
        assert near.pick(1 - 2**-53) == near.characters[-1]
