"""A small convolutional network over characters: robustkit's choice, made to train in minutes on a CPU.

In the manner of Zhang, Zhao and LeCun (2015), "Character-level convolutional networks for text classification", but
with a learned embedding, three convolutions and a maximum over all positions.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own name for it
from torch import Tensor, nn

from robustkit_zoo.params import CharCnnParams

ALPHABET = "".join(map(chr, (*range(0x20, 0x7F), *range(0xA0, 0x180))))
"""What is told apart: printable ASCII, Latin-1 and Latin Extended-A, upper and lower case."""

PADDING, UNKNOWN = 0, 1
_INDEX = {character: index for index, character in enumerate(ALPHABET, start=2)}
_EMBEDDING = 32


class CharCnn(nn.Module):
    """An embedding, three convolutions (7, 5 and 3 wide) with ReLU, the maximum over all positions, a linear layer.

    What lies behind the end of a text is 0 after every layer, so that its logits do not depend on `max_length`. No
    normalisation and no dropout: training and evaluation mode compute the same function, text by text. Weights are
    torch's defaults, drawn from its default generator.

    Attributes:
        max_length: how many code points of a text are read.
    """

    def __init__(self, params: CharCnnParams) -> None:
        super().__init__()
        width = params.width
        self.max_length = params.max_length
        self.embedding = _Embedding()
        self.conv1 = _Convolution(_EMBEDDING, width, 7)
        self.conv2 = _Convolution(width, width, 5)
        self.conv3 = _Convolution(width, 2 * width, 3)
        self.pool = nn.AdaptiveMaxPool1d(1)
        self.linear = nn.Linear(2 * width, params.num_classes)

    def encode(self, texts: Sequence[str]) -> Tensor:
        """Return (N, max_length) int64: a number for each code point of the alphabet, 1 for others, 0 behind the end.

        Code points are taken as they are: an accent in a code point of its own counts as another character.
        """
        encoded = torch.full((len(texts), self.max_length), PADDING)
        for row, text in zip(encoded, texts, strict=True):
            places = [_INDEX.get(character, UNKNOWN) for character in text[: self.max_length]]
            row[: len(places)] = torch.tensor(places, dtype=torch.int64)
        return encoded

    def forward(self, encoded: Tensor) -> Tensor:
        """Return (N, num_classes) logits for what `encode` returns."""
        inside = (encoded != PADDING).unsqueeze(1)
        features = self.embedding(encoded)
        for convolution in (self.conv1, self.conv2, self.conv3):
            features = convolution(features, inside)
        logits: Tensor = self.linear(self.pool(features).squeeze(2))
        return logits


class _Embedding(nn.Module):
    """(N, L) indices to (N, 32, L): channels second, as features are expected."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(len(ALPHABET) + 2, _EMBEDDING, padding_idx=PADDING)

    def forward(self, encoded: Tensor) -> Tensor:
        vectors: Tensor = self.table(encoded)
        return vectors.transpose(1, 2)


class _Convolution(nn.Module):
    """A convolution with ReLU, 0 behind the end of each text."""

    def __init__(self, inputs: int, outputs: int, size: int) -> None:
        super().__init__()
        self.conv = nn.Conv1d(inputs, outputs, size, padding=size // 2)

    def forward(self, features: Tensor, inside: Tensor) -> Tensor:
        return F.relu(self.conv(features)) * inside
