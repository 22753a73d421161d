"""Which columns of a table hold the texts and the labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from robustkit.errors import ConfigError
from robustkit.names import did_you_mean

TEXT_NAMES = (
    "text",
    "sentence",
    "content",
    "description",
    "message",
    "sms",
    "review",
    "document",
    "body",
    "comment",
    "tweet",
)
"""What columns of texts are usually called, in lower case."""

LABEL_NAMES = ("label", "class", "section", "category", "target", "sentiment", "intent", "topic")
"""What columns of labels are usually called, in lower case."""

_NAMES = {"text": TEXT_NAMES, "label": LABEL_NAMES}
_NO_HEADER = "if the first line is a sample, give both columns by number: --text-column 2 --label-column 1"
_SHOWN = 12


@dataclass(frozen=True, kw_only=True)
class Columns:
    """Where the texts and labels are.

    Attributes:
        text: index of the column of texts, from 0.
        label: index of the column of labels.
        header: whether the first line names the columns, and so is no sample.
    """

    text: int
    label: int
    header: bool


def find_columns(first: Sequence[str], text: str, label: str, path: Path) -> Columns:
    """Return where the texts and labels are.

    Args:
        first: the fields of the first line.
        text: name of the column of texts, or its number from 1, or empty.
        label: the same for the labels.
        path: the file, for messages.

    Raises:
        ConfigError: a column is not there, or it is not clear which one is meant.

    >>> find_columns(["label", "sentence"], "", "", Path("dev.tsv"))
    Columns(text=1, label=0, header=True)
    >>> find_columns(["ham", "Ok lar..."], "2", "1", Path("sms.tsv"))
    Columns(text=1, label=0, header=False)
    """
    names = [name.strip() for name in first]
    if len(names) < 2:
        raise ConfigError(
            f"{path}: expected a column of texts and one of labels, line 1 has one field: '{first[0]:.40}'",
            "fields are separated by commas in .csv files and by tabs in others",
        )
    header = not (text.isdecimal() and label.isdecimal())
    found = {
        kind: _position(names, given, kind, path) if given else _usual(names, kind, path)
        for kind, given in (("text", text), ("label", label))
    }
    if found["text"] == found["label"]:
        raise ConfigError(
            f"{path}: --text-column and --label-column both mean column {found['text'] + 1}", _listing(names)
        )
    if not header:
        _refuse_names(names, found, path)
    return Columns(text=found["text"], label=found["label"], header=header)


def _position(names: Sequence[str], given: str, kind: str, path: Path) -> int:
    option = f"--{kind}-column"
    places = [place for place, name in enumerate(names) if name == given.strip()]
    if given.isdecimal():
        # No file has a column of so many digits, and int has a limit.
        number = int(given) if len(given) < 10 else 0
        if not 1 <= number <= len(names):
            raise ConfigError(
                f"{path}: {option} {given:.60}: expected a number from 1 to {len(names)}", _listing(names)
            )
        places = [number - 1]
    if not places:
        hint = did_you_mean(given, names)
        raise ConfigError(f"{path}: {option}: there is no column '{given}'", hint or _listing(names))
    if len(places) > 1:
        numbers = " and ".join(str(place + 1) for place in places)
        raise ConfigError(f"{path}: {option}: columns {numbers} are both called '{given}'", "give its number")
    return places[0]


def _usual(names: Sequence[str], kind: str, path: Path) -> int:
    places = [place for place, name in enumerate(names) if name.lower() in _NAMES[kind]]
    if len(places) == 1:
        return places[0]
    option = f"--{kind}-column"
    if places:
        candidates = " and ".join(f"'{names[place]}'" for place in places)
        raise ConfigError(f"{path}: {candidates} could both hold the {kind}s", f"choose with {option}")
    raise ConfigError(f"{path}: no column of {kind}s among {_shown(names)}", f"name it with {option}; {_NO_HEADER}")


def _refuse_names(names: Sequence[str], found: dict[str, int], path: Path) -> None:
    for kind, place in found.items():
        if names[place].lower() in _NAMES[kind]:
            raise ConfigError(
                f"{path}: columns given by number mean that line 1 is a sample, but it holds the name '{names[place]}'",
                "give the names instead, or leave both options out",
            )


def _listing(names: Sequence[str]) -> str:
    return f"line 1 has {_shown(names)}"


def _shown(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(f"'{name:.40}'" for name in names[:_SHOWN]) + more
