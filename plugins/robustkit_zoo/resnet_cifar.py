"""ResNets for CIFAR: He et al. (2016), "Deep residual learning for image recognition", section 4.2.

Shortcuts have no parameters (option A). The state dict has the names of akamaster/pytorch_resnet_cifar10, so the
checkpoints published there load as they are once a `module.` prefix is removed.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own name for it
from torch import Tensor, nn

from robustkit_zoo.params import CifarResNetParams


class BasicBlock(nn.Module):
    """Two 3x3 convolutions with batch normalisation, and a shortcut around them.

    Where the shape changes, the shortcut takes every second pixel and adds zero channels, half of them before and half
    after the others. The paper does not say where they go; published checkpoints need this order.
    """

    def __init__(self, in_channels: int, channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, channels, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.stride = stride
        self.new_channels = channels - in_channels

    def forward(self, inputs: Tensor) -> Tensor:
        """Return (N, channels, ceil(H / stride), ceil(W / stride)) for (N, in_channels, H, W)."""
        residual = F.relu(self.bn1(self.conv1(inputs)))
        residual = self.bn2(self.conv2(residual))
        return F.relu(residual + self._shortcut(inputs))

    def _shortcut(self, inputs: Tensor) -> Tensor:
        before = self.new_channels // 2
        kept = inputs[:, :, :: self.stride, :: self.stride]
        return F.pad(kept, (0, 0, 0, 0, before, self.new_channels - before))


class CifarResNet(nn.Module):
    """A 3x3 convolution, three stages of blocks with 16, 32 and 64 channels, global average, linear layer.

    Weights are drawn as in He et al. (2015), "Delving deep into rectifiers", from torch's default generator.

    Args:
        blocks: blocks in each stage; the depth is 6 * blocks + 2.
        params: number of logits and of input channels.
    """

    def __init__(self, blocks: int, params: CifarResNetParams) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(params.in_channels, 16, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.layer1 = _stage(16, 16, blocks, stride=1)
        self.layer2 = _stage(16, 32, blocks, stride=2)
        self.layer3 = _stage(32, 64, blocks, stride=2)
        self.linear = nn.Linear(64, params.num_classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.kaiming_normal_(module.weight)

    def forward(self, inputs: Tensor) -> Tensor:
        """Return (N, num_classes) logits for a normalised (N, in_channels, H, W) batch of any size."""
        features = F.relu(self.bn1(self.conv1(inputs)))
        features = self.layer3(self.layer2(self.layer1(features)))
        logits: Tensor = self.linear(torch.mean(features, dim=(2, 3)))
        return logits


def resnet20(params: CifarResNetParams) -> CifarResNet:
    """Return ResNet-20, 0.27M parameters."""
    return CifarResNet(3, params)


def resnet32(params: CifarResNetParams) -> CifarResNet:
    """Return ResNet-32, 0.46M parameters."""
    return CifarResNet(5, params)


def resnet44(params: CifarResNetParams) -> CifarResNet:
    """Return ResNet-44, 0.66M parameters."""
    return CifarResNet(7, params)


def resnet56(params: CifarResNetParams) -> CifarResNet:
    """Return ResNet-56, 0.85M parameters."""
    return CifarResNet(9, params)


def resnet110(params: CifarResNetParams) -> CifarResNet:
    """Return ResNet-110, 1.7M parameters."""
    return CifarResNet(18, params)


def _stage(in_channels: int, channels: int, blocks: int, *, stride: int) -> nn.Sequential:
    first = BasicBlock(in_channels, channels, stride)
    return nn.Sequential(first, *(BasicBlock(channels, channels, 1) for _ in range(blocks - 1)))
