"""Labelled texts in a table: `.tsv` or `.csv`, one sample a row."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from robustkit.engine.data.reading import missing_path, reading
from robustkit.engine.data.table_columns import Columns, find_columns
from robustkit.errors import DataError

Row = tuple[int, list[str]]
"""The number of a row's first line, and its fields."""

_SUFFIXES = (".tsv", ".csv")
_PLAIN = ("", ".txt", ".tab")
_SNIFFED = 4096
_LONGEST_FIELD = 2**31 - 1


class TextTable:
    """Labelled texts in memory; satisfies `robustkit.TextDataset`.

    Args:
        texts: n texts, none of them empty.
        labels: (n,) class indices.
        class_names: one name a class, or empty.
        source: where the texts come from, for messages.

    Attributes:
        labels: (n,) int64, read-only.
        class_names: as given.
        source: as given.
    """

    def __init__(
        self, *, texts: Sequence[str], labels: NDArray[np.int64], class_names: Sequence[str] = (), source: str = "texts"
    ) -> None:
        self._texts = tuple(texts)
        self.labels = np.array(labels, dtype=np.int64)
        # The fingerprint is computed once: what it covers must not change under it.
        self.labels.setflags(write=False)
        self.class_names = tuple(class_names)
        self.source = source

    def read(self, ids: NDArray[np.int64]) -> list[str]:
        """Return the texts of the given ids.

        Raises:
            DataError: if an id lies outside the data.
        """
        outside = (ids < 0) | (ids >= len(self._texts))
        if outside.any():
            last = len(self._texts) - 1
            raise DataError(
                f"{self.source}: expected sample ids from 0 to {last}, got {ids[outside][0]}", "check the ids"
            )
        return [self._texts[number] for number in ids.tolist()]

    def fingerprint(self) -> str:
        """Return the sha256 of texts, labels and class names: the same for the same data in another table format."""
        return self._fingerprint

    @cached_property
    def _fingerprint(self) -> str:
        header = {"fingerprint": "texts", "version": 1, "n": len(self._texts), "class_names": self.class_names}
        digest = hashlib.sha256(json.dumps(header, sort_keys=True, separators=(",", ":")).encode() + b"\n")
        for text in self._texts:
            digest.update(json.dumps(text).encode() + b"\n")
        digest.update(self.labels.astype("<i8").tobytes())
        return digest.hexdigest()


def is_table(path: str | Path) -> bool:
    """Return whether a path is a table of texts, without reading more than its beginning.

    A file that ends in `.tsv` or `.csv` is one; one that ends in `.txt`, `.tab` or has no suffix is one if its first
    line is text and has a tab.
    """
    location = Path(path).expanduser()
    suffix = location.suffix.lower()
    if suffix in _SUFFIXES:
        # A pipe too, so that open_table may say what is wrong with it.
        return location.exists() and not location.is_dir()
    if suffix not in _PLAIN or not location.is_file():
        return False
    with reading(location, "a table of texts"), location.open("rb") as file:
        first = file.read(_SNIFFED).split(b"\n")[0]
    return b"\t" in first and b"\0" not in first


def open_table(path: str | Path, *, text_column: str = "", label_column: str = "") -> TextTable:
    r"""Return the labelled texts in a table, one sample a row, in the order of the file.

    `.csv` is read with the usual quoting (RFC 4180), so a field may hold line breaks. Everything else is
    tab-separated without quoting: a quotation mark is a character like any other. The file is UTF-8, with or without
    byte order mark, with `\n` or `\r\n`. Texts are handed out as they stand; labels without surrounding spaces.

    Labels that are exactly the whole numbers 0 to K-1 are the class indices. All others are names, whole numbers too:
    they are sorted (by value, if all are whole numbers), and their places are the indices.

    Args:
        path: the file; `~` is expanded.
        text_column: name of the column with the texts, in the first line of the file, or its number from 1. Found by
            its usual names if empty. If both columns are given by number, the file has no line of names.
        label_column: the same for the labels.

    Raises:
        ConfigError: a column is not there, or it is not clear which one is meant.
        DataError: the file cannot be used as it is; names the line.
    """
    location = Path(path).expanduser()
    if not location.exists():
        raise missing_path(location)
    rows = _csv_rows if location.suffix.lower() == ".csv" else _tab_rows
    found = list(rows(_decoded(location), location))
    if not found:
        raise DataError(f"{location}: expected a table of texts, the file is empty", "copy or download it again")
    columns = find_columns(found[0][1], text_column, label_column, location)
    samples = found[1:] if columns.header else found
    if not samples:
        raise DataError(
            f"{location}: expected at least one row below the column names, got none",
            "if the first line is a sample, give both columns by number: --text-column 2 --label-column 1",
        )
    texts, labels = _fields(samples, columns, len(found[0][1]), location)
    indices, names = _class_indices(labels)
    return TextTable(texts=texts, labels=indices, class_names=names, source=str(location))


def _decoded(path: Path) -> str:
    with reading(path, "a table of texts"):
        content = path.read_bytes()
    if b"\0" in content:
        raise DataError(
            f"{path}, line {_line(content, content.index(0))}: expected UTF-8 text, got a NUL byte",
            "the file is binary, UTF-16 or damaged: save it as UTF-8",
        )
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # A byte order mark is cut off before the error counts.
        at = error.start + len(content) - len(error.object)
        raise DataError(
            f"{path}, line {_line(content, at)}: expected UTF-8 text, got the byte 0x{content[at]:02x}",
            "save the file as UTF-8",
        ) from error


def _line(content: bytes, position: int) -> int:
    return content.count(b"\n", 0, position) + 1


def _tab_rows(content: str, path: Path) -> Iterator[Row]:
    # Not splitlines: it also breaks at the likes of U+0085 and U+2028, which texts hold.
    lines = content.rstrip("\r\n").split("\n")
    if lines == [""]:
        return
    for number, line in enumerate(lines, 1):
        fields = line.removesuffix("\r").split("\t")
        if fields == [""]:
            raise _empty_line(path, number)
        yield number, fields


def _csv_rows(content: str, path: Path) -> Iterator[Row]:
    reader = csv.reader(io.StringIO(content.rstrip("\r\n"), newline=""), strict=True)
    number = 1
    # The limit is the process's, so it is put back; what is read is in memory already.
    before = csv.field_size_limit(_LONGEST_FIELD)
    try:
        for fields in reader:
            if not fields:
                raise _empty_line(path, number)
            yield number, fields
            number = reader.line_num + 1
    except csv.Error as error:
        raise DataError(
            f"{path}, line {number}: expected comma-separated fields, but reading them failed: {error}",
            "quote fields that hold commas, quotation marks or line breaks; double the marks inside",
        ) from error
    finally:
        csv.field_size_limit(before)


def _empty_line(path: Path, number: int) -> DataError:
    return DataError(f"{path}, line {number}: expected a row, got an empty line", "remove the line")


def _fields(samples: Sequence[Row], columns: Columns, width: int, path: Path) -> tuple[list[str], list[str]]:
    texts, labels = [], []
    for number, fields in samples:
        if len(fields) != width:
            raise DataError(
                f"{path}, line {number}: expected {width} fields as in line 1, got {len(fields)}",
                "mend the row: fields are separated by commas in .csv files and by tabs in others",
            )
        text, label = fields[columns.text], fields[columns.label].strip()
        if not text.strip() or not label:
            what = "label" if text.strip() else "text"
            raise DataError(
                f"{path}, line {number}: expected a {what}, got an empty field", "remove the row or complete it"
            )
        texts.append(text)
        labels.append(label)
    return texts, labels


def _class_indices(labels: Sequence[str]) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Return the class index of each label, and the names of the classes, or none if the labels are the indices."""
    distinct = set(labels)
    whole = all(label.isascii() and label.isdecimal() for label in distinct)
    # By value, but not by int: that has a limit, and labels have none.
    names = sorted(distinct, key=_by_value) if whole else sorted(distinct)
    index = {name: place for place, name in enumerate(names)}
    indices = np.array([index[label] for label in labels], dtype=np.int64)
    return indices, () if names == [str(place) for place in range(len(names))] else tuple(names)


def _by_value(digits: str) -> tuple[int, str, str]:
    """Return what sorts whole numbers by their value, and equal ones as they are written."""
    plain = digits.lstrip("0")
    return len(plain), plain, digits
