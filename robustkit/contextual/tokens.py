"""Utility and sensitivity of words: what happens to loss and representation when one is left out."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from robustkit.errors import ConfigError

Span = tuple[int, int]

Respond = Callable[[list[str], Tensor], tuple[Tensor, Tensor]]
"""Maps n texts, and for each the row of its sample, to (n,) losses and (n, m) representations."""


@dataclass(frozen=True, kw_only=True)
class WordEffects:
    """What leaving out each word of one text does. Tensors are (W,) float64, on the CPU.

    Attributes:
        spans: start and end of each word, in code points.
        utility: change of the loss, signed: above 0 where the model does better with the word.
        sensitivity: change of the representation (L2), relative to the length of that of the whole text; NaN where
            that is 0.
    """

    spans: tuple[Span, ...]
    utility: Tensor
    sensitivity: Tensor


def word_spans(text: str) -> tuple[Span, ...]:
    """Return the start and end of each word, in code points: a longest run without white space; robustkit's choice.

    Punctuation belongs to the word that it touches. Scripts that are written without spaces have one word a sentence.

    >>> word_spans("Not  bad!")
    ((0, 3), (5, 9))
    """
    return tuple(match.span() for match in re.finditer(r"\S+", text))


def without_word(text: str, spans: Sequence[Span], position: int, replacement: str | None = None) -> str:
    """Return the text with one of its words replaced, or deleted with the white space that follows (or precedes) it.

    Args:
        text: the whole text.
        spans: of its words, from `word_spans`.
        position: which word.
        replacement: what stands there instead; None to delete.

    >>> without_word("not so bad", [(0, 3), (4, 6), (7, 10)], 1)
    'not bad'
    >>> without_word("not so bad", [(0, 3), (4, 6), (7, 10)], 2)
    'not so'
    >>> without_word("not so bad", [(0, 3), (4, 6), (7, 10)], 1, "[MASK]")
    'not [MASK] bad'
    """
    start, end = spans[position]
    if replacement is not None:
        return text[:start] + replacement + text[end:]
    if position + 1 < len(spans):
        return text[:start] + text[spans[position + 1][0] :]
    return text[: spans[position - 1][1] if position else start] + text[end:]


def word_effects(
    respond: Respond,
    texts: Sequence[str],
    *,
    perturb: Literal["delete", "mask"] = "delete",
    replacement: str = "",
    max_length: int | None = None,
    batch_size: int = 64,
) -> list[WordEffects]:
    """Return what leaving out each word of each text does to loss and representation.

    A text of one word has nothing left without it: under `delete` its effects are empty. Words that begin where the
    model no longer reads are not asked about. Costs one forward pass for each text and each word, without gradients,
    `batch_size` at a time.

    Args:
        respond: called as `respond(texts, rows)`; it sees the loss of sample `rows[i]` for the i-th text.
        texts: N texts, at least one.
        perturb: `delete`, or `mask` to put `replacement` in the word's place.
        replacement: what a word is replaced by; needed for `mask`.
        max_length: how many code points of a text the model reads; None for all.
        batch_size: how many texts are asked about at once.

    Raises:
        ConfigError: `mask` without a replacement.
    """
    if perturb == "mask" and not replacement.strip():
        raise ConfigError("perturb=mask needs a replacement, got none", "name one, for example replacement=[MASK]")
    spans = [_asked(text, perturb, max_length) for text in texts]
    new = replacement if perturb == "mask" else None
    versions, rows = list(texts), list(range(len(texts)))
    for row, text in enumerate(texts):
        whole = word_spans(text)
        versions += [without_word(text, whole, position, new) for position in range(len(spans[row]))]
        rows += [row] * len(spans[row])
    losses, representations = _ask(respond, versions, rows, batch_size)
    n = len(texts)
    origin = torch.tensor(rows[n:], dtype=torch.int64)
    utility = losses[n:] - losses[origin]
    length = representations[:n].norm(dim=1)[origin]
    change = (representations[n:] - representations[origin]).norm(dim=1)
    sensitivity = torch.where(length > 0, change / length.where(length > 0, torch.ones_like(length)), torch.nan)
    counts = [len(each) for each in spans]
    parts = zip(spans, torch.split(utility, counts), torch.split(sensitivity, counts), strict=True)
    return [WordEffects(spans=each, utility=u, sensitivity=s) for each, u, s in parts]


def _asked(text: str, perturb: str, max_length: int | None) -> tuple[Span, ...]:
    spans = word_spans(text)
    if perturb == "delete" and len(spans) < 2:
        return ()
    return spans if max_length is None else tuple(span for span in spans if span[0] < max_length)


def _ask(respond: Respond, texts: list[str], rows: list[int], batch_size: int) -> tuple[Tensor, Tensor]:
    """Return the losses and representations of all texts, as float64 on the CPU."""
    answers = []
    with torch.no_grad():
        for start in range(0, len(texts), batch_size):
            part = torch.tensor(rows[start : start + batch_size], dtype=torch.int64)
            answers.append(respond(texts[start : start + batch_size], part))
    losses, representations = (torch.cat(parts).double().cpu() for parts in zip(*answers, strict=True))
    return losses, representations
