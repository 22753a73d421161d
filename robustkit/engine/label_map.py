"""Which of a model's classes each class of the data is."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from robustkit.errors import DataError
from robustkit.names import did_you_mean
from robustkit.protocols import ImageDataset, LoadedCheckpoint, TextDataset

_NUMBER = re.compile(r"([+-]?)(\d+)(?:\.(\d*))?", re.ASCII)
_SHOWN = 8


@dataclass(frozen=True, kw_only=True)
class LabelMap:
    """Where the classes of the data are among the model's.

    Attributes:
        places: for each class of the data the model's index, -1 for one that has no sample; None where all are equal.
        note: what the user should know about it; empty where the names leave no doubt.
    """

    places: tuple[int, ...] | None = None
    note: str = ""


def label_map(name: str, checkpoint: LoadedCheckpoint, dataset: ImageDataset | TextDataset, logits: int) -> LabelMap:
    """Return which of the model's classes each class of the data is, by name.

    Names that are numbers are equal where the numbers are. Where the data name no classes, their labels are read as
    such names; if the model's are words, a label is the place of a word. A model that names no classes has them by
    position.

    Args:
        name: of the model, for messages.
        checkpoint: may name its classes, in their order.
        dataset: the data.
        logits: how many the model returns.

    Raises:
        DataError: a class of the data is none of the model's.
    """
    known, classes = _stated_classes(checkpoint), [str(each) for each in dataset.class_names]
    if not known:
        return LabelMap(note=_doubt(name, classes, logits))
    if classes:
        places = [*range(len(classes))] if known == classes else _find(name, known, classes, classes)
        return _map(places, len(classes))
    present = np.unique(dataset.labels).tolist()
    if known == [str(place) for place in range(len(known))]:
        return LabelMap()
    if not any(_number(each) for each in known):
        return LabelMap(
            note=f"model '{name}' names its classes and the data number theirs: label '0' is taken as '{known[0]}', "
            "and so on in the model's order"
        )
    found = dict(zip(present, _find(name, known, [str(label) for label in present], []), strict=True))
    return _map([found.get(label, -1) for label in range(max(present) + 1)], len(present))


def _map(places: Sequence[int], classes: int) -> LabelMap:
    """Return the map, or none where each class has its own place."""
    return LabelMap() if [*places] == [*range(classes)] else LabelMap(places=tuple(places))


def _stated_classes(checkpoint: LoadedCheckpoint) -> list[str]:
    """Return the names that the file gives to the model's classes; none if it gives none."""
    try:
        stated = json.loads(checkpoint.metadata.get("classes", "[]"))
    except (ValueError, RecursionError):
        return []
    return [str(each) for each in stated] if isinstance(stated, list) else []


def _doubt(name: str, classes: Sequence[str], logits: int) -> str:
    """Return what may be wrong with classes that are taken by position; empty where it is the usual thing."""
    if not classes or (len(classes) == logits and not all(_number(each) for each in classes)):
        return ""
    return (
        f"model '{name}' names none of its {logits} classes: those of the data ({_shown(classes)}) are taken by "
        "position, the first as class 0"
    )


def _find(name: str, known: Sequence[str], wanted: Sequence[str], classes: Sequence[str]) -> list[int]:
    """Return the place of each wanted name among the known ones, as it stands or else as a number."""
    exact = {each: place for place, each in reversed(list(enumerate(known)))}
    numbers = [_number(each) for each in known]
    once = {each for each, count in Counter(numbers).items() if each and count == 1}
    as_number = {each: place for place, each in enumerate(numbers) if each in once}
    taken: dict[int, str] = {}
    for each in wanted:
        place = exact.get(each, as_number.get(_number(each), -1))
        if place < 0 or taken.setdefault(place, each) != each:
            raise _stranger(name, each, known, classes or wanted)
    return [exact.get(each, as_number.get(_number(each), -1)) for each in wanted]


def _stranger(name: str, stranger: str, known: Sequence[str], classes: Sequence[str]) -> DataError:
    return DataError(
        f"model '{name}' was not trained on the class '{stranger:.60}' of these data: it knows {_shown(known)}; "
        f"the data have {_shown(classes)}",
        did_you_mean(stranger[:60], known[:1000])
        or "labels are matched by name: give the classes of the data the names that the model knows",
    )


def _shown(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(f"'{each:.60}'" for each in names[:_SHOWN]) + more


def _number(text: str) -> str:
    """Return a decimal number in its shortest form, or nothing for what is none; of any length, unlike `int`.

    >>> _number("01"), _number("+1.50"), _number("-0"), _number("1e3")
    ('1', '1.5', '0', '')
    """
    match = _NUMBER.fullmatch(text)
    if not match:
        return ""
    fraction = (match[3] or "").rstrip("0")
    digits = (match[2].lstrip("0") or "0") + (f".{fraction}" if fraction else "")
    return f"-{digits}" if match[1] == "-" and digits != "0" else digits
