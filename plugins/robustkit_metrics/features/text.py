"""Texts in states, which hold numbers alone."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def text_array(text: str) -> NDArray[np.uint8]:
    """Return a text as an array of its bytes."""
    return np.frombuffer(text.encode(), dtype=np.uint8)


def array_text(array: NDArray[Any]) -> str:
    """Return the text that `text_array` made an array of.

    >>> array_text(text_array("few samples"))
    'few samples'
    """
    return array.astype(np.uint8).tobytes().decode()
