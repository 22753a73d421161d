"""Texts of figures in letters that the figures' fonts have."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from functools import cache
from typing import TypeVar, cast

from matplotlib.font_manager import FontProperties, findfont, get_font

from robustkit_reports.look import FONTS

T = TypeVar("T")


def legible(spec: T, font: str) -> T:
    r"""Return a spec that can be drawn: letters that the font lacks are written as their code points.

    They would be empty boxes otherwise, the same for every name. Fonts of the machine are not searched for them: the
    same report gives the same bytes everywhere.

    Args:
        spec: a figure's spec, a part of it, or a text.
        font: a key of `FONTS`.

    >>> print(legible("ResNet 标准", "serif"))
    ResNet \u6807\u51c6
    """
    found: object = spec
    if isinstance(spec, str):
        found = "".join(sign if ord(sign) in _letters(font) else _code_point(sign) for sign in spec)
    elif isinstance(spec, tuple):
        found = tuple(legible(item, font) for item in spec)
    elif is_dataclass(spec) and not isinstance(spec, type):
        found = type(spec)(**{each.name: legible(getattr(spec, each.name), font) for each in fields(spec)})
    return cast("T", found)


@contextmanager
def missing_letters_allowed() -> Iterator[None]:
    """Keep matplotlib from warning of letters that its fonts lack, where another program will draw the text."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"Glyph \d+ .* missing from")
        yield


@cache
def _letters(font: str) -> frozenset[int]:
    found = [get_font(findfont(FontProperties(family=[name]))) for name in FONTS[font]]
    return frozenset(code for each in found for code in each.get_charmap()) | {ord("\n")}


def _code_point(sign: str) -> str:
    return sign.encode("ascii", "backslashreplace").decode()
