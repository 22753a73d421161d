"""The names under which images and labels lie together, in a `.npz` archive or a folder of `.npy` files."""

from __future__ import annotations

from collections.abc import Iterable

_PAIRS = (("images", "labels"), ("x", "y"), ("data", "labels"))

EXPECTED_NAMES = "images + labels, x + y or data + labels, also as x_SPLIT or SPLIT_x"
"""What `find_pair` recognises, for messages."""


def find_pair(names: Iterable[str], split: str) -> tuple[str, str] | None:
    """Return the names of the images and of the labels, or None; those that name the split come first.

    Case does not matter.

    >>> find_pair(["x_train", "y_train", "x_test", "y_test"], "test")
    ('x_test', 'y_test')
    >>> find_pair(["images", "labels"], "test")
    ('images', 'labels')
    >>> find_pair(["arr_0", "arr_1"], "test")
    """
    by_lower = {name.lower(): name for name in names}
    for template in (*_templates(split), "{}"):
        for images, labels in _PAIRS:
            pair = template.format(images), template.format(labels)
            if pair[0] in by_lower and pair[1] in by_lower:
                return by_lower[pair[0]], by_lower[pair[1]]
    return None


def names_split(pair: tuple[str, str] | None, split: str) -> bool:
    """Return whether the names that `find_pair` returned are those of the split.

    >>> names_split(("x_test", "y_test"), "test"), names_split(("images", "labels"), "test")
    (True, False)
    """
    known = {template.format(images) for template in _templates(split) for images, _ in _PAIRS}
    return pair is not None and pair[0].lower() in known


def _templates(split: str) -> tuple[str, str]:
    return "{}_" + split.lower(), split.lower() + "_{}"
