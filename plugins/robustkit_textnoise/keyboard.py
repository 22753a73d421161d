"""Typing errors on neighbouring keys, at a given character error rate."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import accumulate
from typing import TYPE_CHECKING

import torch

from robustkit import ConfigError, Edit, Levels
from robustkit_textnoise.layouts import neighbours
from robustkit_textnoise.params import KeyboardParams

if TYPE_CHECKING:
    from robustkit import Keys

RATES = Levels(0.0, (0.01, 0.025, 0.05, 0.1, 0.2))
"""Character error rate at each severity: robustkit's choice."""

_JOINER = "\u200d"
_OMISSION = "omit"


class KeyboardNoise:
    """Hits neighbouring keys, leaves characters out and types them twice.

    Each error changes the Levenshtein distance by one. A text of n code points gets n times the rate of them, rounded
    up or down by chance so that the mean is exact. Each eligible place of a text has a random rank and a random error,
    whatever the severity: a higher one goes further down the ranks, so that the errors of a lower one are among its.

    Eligible are characters with a key of their own on the layout, with or without shift, but blanks; not those that
    combining marks, variation selectors or joiners bind to what is beside them. A text with too few of them stays below
    the rate.
    """

    def __init__(self, params: KeyboardParams) -> None:
        weights = {
            "substitute": params.substitution,
            "insert": params.insertion,
            _OMISSION: params.omission,
            "double": params.doubling,
        }
        self._weights = _scaled({op: weight for op, weight in weights.items() if weight > 0})
        if not self._weights:
            raise ConfigError(
                "keyboard: expected at least one weight above 0, got none",
                "set substitution, insertion, omission or doubling",
            )
        self._neighbours = neighbours(params.layout)

    def rate(self, severity: float) -> float:
        """Return the character error rate: 1, 2.5, 5, 10 and 20 % at severities 1 to 5, linear between them."""
        return float(RATES.at(torch.tensor([severity], dtype=torch.float64))[0])

    def edit(self, texts: Sequence[str], keys: Keys, severity: float) -> list[list[Edit]]:
        """Return the errors in each text, one `Edit` each."""
        rate = self.rate(severity)
        # Texts are on the CPU, and so are these draws: the bits are the same on every device.
        keys = replace(keys, ids=keys.ids.cpu())
        return [list(self._errors(text, keys.rows([row]), rate)) for row, text in enumerate(texts)]

    def _errors(self, text: str, keys: Keys, rate: float) -> Iterator[Edit]:
        weights = self._weights if len(text) > 1 else {op: w for op, w in self._weights.items() if op != _OMISSION}
        places = [place for place in range(len(text)) if self._is_eligible(text, place)] if weights else []
        if not places:
            return
        # Drawn for this text alone, so that no other text's length matters: what rounds, and four numbers a place.
        rounding, *draws = keys.uniform(1 + 4 * len(places))[0].tolist()
        count = int(rate * len(text) + rounding)
        ranks = sorted(range(len(places)), key=lambda index: draws[4 * index])
        for index in sorted(ranks[:count]):
            _, kind, which, side = draws[4 * index : 4 * index + 4]
            yield self._error(text, places[index], _pick(weights, kind), which, after=side < 0.5)

    def _is_eligible(self, text: str, place: int) -> bool:
        bound = place > 0 and text[place - 1] == _JOINER
        return text[place] in self._neighbours and not bound and not _binds(text[place + 1 : place + 2])

    def _error(self, text: str, place: int, op: str, which: float, *, after: bool) -> Edit:
        typed = text[place]
        if op == _OMISSION:
            return Edit(start=place, end=place + 1, text="", op=op)
        if op == "double":
            return Edit(start=place + 1, end=place + 1, text=typed, op=op)
        hit = self._neighbours[typed].pick(which)
        if op == "substitute":
            return Edit(start=place, end=place + 1, text=hit, op=op)
        return Edit(start=place + after, end=place + after, text=hit, op=op)


def _scaled(weights: dict[str, float]) -> dict[str, float]:
    """Return the weights with the largest between 1/2 and 1, so that their sum is finite; the ratios stay exact."""
    exponent = max((math.frexp(weight)[1] for weight in weights.values()), default=0)
    return {op: math.ldexp(weight, -exponent) for op, weight in weights.items()}


def _binds(following: str) -> bool:
    """Return whether a character, or none, belongs to the one before it."""
    if following < "\u0300":  # the first combining mark; nearly all of a text lies below
        return False
    return following == _JOINER or unicodedata.category(following)[0] == "M"


def _pick(weights: dict[str, float], uniform: float) -> str:
    sums = list(accumulate(weights.values()))
    # By the running sums themselves: the last is the total, which a number below 1 cannot reach.
    return next(op for op, reached in zip(weights, sums, strict=True) if uniform * sums[-1] < reached)
