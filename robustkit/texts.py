"""Texts of unknown origin, made fit to be shown: names and notes come from files that anyone may have written."""

from __future__ import annotations


def printable(text: str) -> str:
    r"""Return the text on one line, without what a terminal would obey or XML forbids.

    >>> printable("a\n b\x00")
    'a b'
    """
    return " ".join(printable_lines(text).split())


def printable_lines(text: str) -> str:
    r"""Return the text with its lines and blanks as they are, anything else that is not printable as a blank.

    >>> printable_lines("a\n  b\x1b[31m")
    'a\n  b [31m'
    """
    return "".join(sign if sign.isprintable() or sign == "\n" else " " for sign in text)
