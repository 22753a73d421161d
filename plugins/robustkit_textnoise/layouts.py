"""Which keys lie beside each other, computed from where they are on the keyboard."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import accumulate

from robustkit_textnoise.params import Layout

REACH = 1.3
"""How far the centres of neighbouring keys are apart at most, in key widths: robustkit's choice. It takes in the keys
that touch along an edge, and none behind them."""

# Each row: the left edge of its first key in key widths, what its keys type, and what they type with shift. The edges
# are the usual stagger: half a key from the digits to the row below, then a quarter, then a half. A blank marks a key
# that types nothing by itself. All keys count as one wide.
_ROWS: Mapping[Layout, tuple[tuple[float, str, str], ...]] = {
    "qwerty": (
        (0.0, "`1234567890-=", "~!@#$%^&*()_+"),
        (1.5, "qwertyuiop[]\\", "QWERTYUIOP{}|"),
        (1.75, "asdfghjkl;'", 'ASDFGHJKL:"'),
        (2.25, "zxcvbnm,./", "ZXCVBNM<>?"),
    ),
    "qwertz": (
        (0.0, " 1234567890ß ", '°!"§$%&/()=? '),
        (1.5, "qwertzuiopü+", "QWERTZUIOPÜ*"),
        (1.75, "asdfghjklöä#", "ASDFGHJKLÖÄ'"),
        (1.25, "<yxcvbnm,.-", ">YXCVBNM;:_"),
    ),
    "azerty": (
        (0.0, "²&é\"'(-è_çà)=", " 1234567890°+"),
        (1.5, "azertyuiop $", "AZERTYUIOP £"),
        (1.75, "qsdfghjklmù*", "QSDFGHJKLM%µ"),
        (1.25, "<wxcvbn,;:!", ">WXCVBN?./§"),
    ),
}


@dataclass(frozen=True, kw_only=True)
class Neighbours:
    """What may be hit instead of a character.

    Attributes:
        characters: of the neighbouring keys, with shift if the character is typed with it.
        chances: for each, the chance of it or of one before it; the last is 1.
    """

    characters: str
    chances: tuple[float, ...]

    def pick(self, uniform: float) -> str:
        """Return the neighbour that a number from [0, 1) means."""
        place = next(place for place, chance in enumerate(self.chances) if uniform < chance)
        return self.characters[place]


@cache
def neighbours(layout: Layout) -> Mapping[str, Neighbours]:
    """Return the neighbours of each character that the layout types with one key, alone or with shift.

    The nearer a key, the likelier: by one over its squared distance (robustkit's choice).

    >>> neighbours("qwerty")["a"].characters, neighbours("qwerty")["A"].characters
    ('qwsz', 'QWSZ')
    """
    found = {}
    for level in (1, 2):
        keys = list(_keys(layout, level))
        for character, place in keys:
            near = [(other, math.dist(place, there)) for other, there in keys if other != character]
            near = [(other, distance) for other, distance in near if distance <= REACH]
            if near:
                found[character] = _weighted(near)
    return found


def _keys(layout: Layout, level: int) -> Iterator[tuple[str, tuple[float, float]]]:
    for height, row in enumerate(_ROWS[layout]):
        for place, character in enumerate(str(row[level])):
            if character != " ":
                yield character, (row[0] + place, float(height))


def _weighted(near: list[tuple[str, float]]) -> Neighbours:
    weights = [1 / distance**2 for _, distance in near]
    chances = [part / math.fsum(weights) for part in accumulate(weights)]
    return Neighbours(characters="".join(other for other, _ in near), chances=(*chances[:-1], 1.0))
