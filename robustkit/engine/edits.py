"""Edits of texts: applied exactly, logged so that they can be undone, and measured."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rapidfuzz.distance import Levenshtein

from robustkit.components import Edit
from robustkit.engine.seeds import Keys
from robustkit.errors import DataError, PluginError
from robustkit.protocols import TextPerturbation

_TYPES = (int, int, str, str)
_DEFECT = "this is a defect of the plugin; robustkit.testing.check_text_perturbation shows it"


@dataclass(frozen=True, kw_only=True)
class DegradedTexts:
    """Texts after a perturbation, and what it did to each.

    Attributes:
        texts: N texts, none of them empty.
        cer: (N,) float64, character error rate of each.
        log: N JSON lists of `[start, end, removed, inserted, op]`; offsets are code points of the original text.
        n_edits: (N,) int64.
    """

    texts: list[str]
    cer: NDArray[np.float64]
    log: tuple[str, ...]
    n_edits: NDArray[np.int64]


def degrade_texts(perturbation: TextPerturbation, texts: Sequence[str], keys: Keys, severity: float) -> DegradedTexts:
    """Return the degraded texts; at severity 0 each is returned as it is.

    Args:
        perturbation: the implementation.
        texts: N texts, none of them empty.
        keys: one key a text.
        severity: 0 or more.

    Raises:
        PluginError: the perturbation returns anything but valid edits for each text, or leaves a text empty.
    """
    edits: Sequence[Sequence[Edit]] = [[]] * len(texts)
    if severity > 0:
        edits = perturbation.edit(list(texts), keys, severity)
    if len(edits) != len(texts):
        raise PluginError(
            f"perturbation {type(perturbation).__name__} must return one list of edits a text, "
            f"got {len(edits)} for {len(texts)} texts",
            _DEFECT,
        )
    noisy = [apply_edits(text, changes) for text, changes in zip(texts, edits, strict=True)]
    if "" in noisy:
        raise PluginError(
            f"perturbation {type(perturbation).__name__} leaves nothing of the text {texts[noisy.index('')]!r:.60}",
            "a perturbation must leave at least one character of each text",
        )
    return DegradedTexts(
        texts=noisy,
        cer=np.array([character_error_rate(*pair) for pair in zip(texts, noisy, strict=True)], dtype=np.float64),
        log=tuple(log_edits(text, changes) for text, changes in zip(texts, edits, strict=True)),
        n_edits=np.array([len(changes) for changes in edits], dtype=np.int64),
    )


def apply_edits(text: str, edits: Sequence[Edit]) -> str:
    """Return the text with the edits made; it is the same code points outside them.

    Args:
        text: the original.
        edits: in the order of their offsets, without overlap.

    Raises:
        PluginError: the edits leave the text, overlap, or are not in order.

    >>> apply_edits("robust", [Edit(start=1, end=2, text="p", op="substitute")])
    'rpbust'
    """
    parts, done = [], 0
    for edit in edits:
        if not isinstance(edit, Edit) or tuple(map(type, (edit.start, edit.end, edit.text, edit.op))) != _TYPES:
            raise PluginError(f"expected a robustkit.Edit of int, int, str, str; got {edit!r:.80}", _DEFECT)
        if not done <= edit.start <= edit.end <= len(text):
            raise PluginError(
                f"expected edits in order, without overlap and within 0..{len(text)}, "
                f"got {edit.start}..{edit.end} ({edit.op}) where {done} is reached",
                _DEFECT,
            )
        parts += [text[done : edit.start], edit.text]
        done = edit.end
    return "".join((*parts, text[done:]))


def log_edits(text: str, edits: Sequence[Edit]) -> str:
    """Return the edits as one line of JSON: a list of `[start, end, removed, inserted, op]`.

    >>> log_edits("robust", [Edit(start=1, end=2, text="p", op="substitute")])
    '[[1,2,"o","p","substitute"]]'
    """
    entries = [[edit.start, edit.end, text[edit.start : edit.end], edit.text, edit.op] for edit in edits]
    return json.dumps(entries, separators=(",", ":"))


def undo_edits(noisy: str, log: str) -> str:
    """Return the original of a degraded text, from the log of its edits alone.

    Args:
        noisy: the degraded text.
        log: what `log_edits` returned.

    Raises:
        DataError: the log is not that of this text.

    >>> undo_edits("rpbust", '[[1,2,"o","p","substitute"]]')
    'robust'
    """
    parts, done, shift = [], 0, 0
    for start, end, removed, inserted, _ in json.loads(log):
        place = start + shift
        if place < done or not noisy.startswith(inserted, place) or end - start != len(removed):
            raise DataError(
                f"the log says that {inserted!r:.40} stands at character {place} of {noisy!r:.40}, which it does not",
                "text and log belong to different samples or runs",
            )
        parts += [noisy[done:place], removed]
        done = place + len(inserted)
        shift += len(inserted) - len(removed)
    return "".join((*parts, noisy[done:]))


def character_error_rate(original: str, noisy: str) -> float:
    """Return the Levenshtein distance of two texts in code points, over the length of the original.

    It can be above 1, where much is inserted.

    Raises:
        DataError: the original is empty.

    >>> character_error_rate("robust", "robsut")
    0.3333333333333333
    """
    if not original:
        raise DataError("an empty text has no character error rate", "remove the sample")
    return Levenshtein.distance(original, noisy) / len(original)


def hash_texts(texts: Sequence[str]) -> NDArray[np.int64]:
    """Return (N,) int64: the first 64 bits of the sha256 of each text in UTF-8; the same in every process.

    >>> hash_texts(["a"])[0] == int.from_bytes(bytes.fromhex("ca978112ca1bbdca"), "little", signed=True)
    np.True_
    """
    digests = [hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:8] for text in texts]
    return np.frombuffer(b"".join(digests), dtype="<i8").astype(np.int64)
