"""A small convolutional network: robustkit's choice, made to train in minutes on a CPU."""

from __future__ import annotations

import torch.nn.functional as F  # noqa: N812 - torch's own name for it
from torch import Tensor, nn

from robustkit_zoo.params import SmallCnnParams


class SmallCnn(nn.Module):
    """Four 3x3 convolutions with ReLU, the last three with stride 2; global average; linear layer.

    No batch normalisation and no dropout: training and evaluation mode compute the same function, sample by sample.
    Weights are torch's defaults, drawn from its default generator.
    """

    def __init__(self, params: SmallCnnParams) -> None:
        super().__init__()
        width = params.width
        self.conv1 = nn.Conv2d(params.in_channels, width, 3, padding=1)
        self.conv2 = nn.Conv2d(width, 2 * width, 3, stride=2, padding=1)
        self.conv3 = nn.Conv2d(2 * width, 4 * width, 3, stride=2, padding=1)
        self.conv4 = nn.Conv2d(4 * width, 4 * width, 3, stride=2, padding=1)
        self.linear = nn.Linear(4 * width, params.num_classes)

    def forward(self, inputs: Tensor) -> Tensor:
        """Return (N, num_classes) logits for a (N, in_channels, H, W) batch of any size."""
        features = inputs
        for convolution in (self.conv1, self.conv2, self.conv3, self.conv4):
            features = F.relu(convolution(features))
        logits: Tensor = self.linear(features.mean(dim=(2, 3)))
        return logits
