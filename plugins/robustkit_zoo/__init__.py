"""Architectures, and the small data and checkpoints that come with robustkit."""

from __future__ import annotations

import robustkit
from robustkit_zoo.params import (
    CharCnnParams,
    CifarResNetParams,
    DebianSectionsParams,
    FashionMnistMiniParams,
    MlpParams,
    SmallCnnParams,
)

robustkit_api = 1

_HE_2016 = "He et al. (2016), Deep residual learning for image recognition, section 4.2"
_RESNETS = {20: "0.27", 32: "0.46", 44: "0.66", 56: "0.85", 110: "1.7"}  # million parameters, He et al. table 6


@robustkit.hookimpl
def robustkit_models() -> list[robustkit.Model]:
    """Return the plugin's architectures."""
    resnets = [
        robustkit.Model(
            name=f"resnet{depth}-cifar",
            summary=f"ResNet-{depth} for CIFAR, parameter-free shortcuts, {millions}M parameters",
            target=f"robustkit_zoo.resnet_cifar:resnet{depth}",
            params=CifarResNetParams,
            tags=("cnn", "cifar"),
            citation=_HE_2016,
        )
        for depth, millions in _RESNETS.items()
    ]
    return [
        *resnets,
        robustkit.Model(
            name="small-cnn",
            summary="four convolutions and a linear layer, 0.06M parameters, images of any size",
            target="robustkit_zoo.small_cnn:SmallCnn",
            params=SmallCnnParams,
            tags=("cnn", "small"),
        ),
        robustkit.Model(
            name="mlp",
            summary="fully connected layers with ReLU between them",
            target="robustkit_zoo.mlp:mlp",
            params=MlpParams,
            tags=("small",),
        ),
        robustkit.Model(
            name="char-cnn",
            summary="three convolutions over the characters of a text, 0.07M parameters",
            target="robustkit_zoo.char_cnn:CharCnn",
            params=CharCnnParams,
            modality="text",
            tags=("cnn", "small"),
            citation="after Zhang et al. (2015), Character-level convolutional networks for text classification",
        ),
    ]


@robustkit.hookimpl
def robustkit_datasets() -> list[robustkit.Dataset]:
    """Return the plugin's datasets."""
    return [
        robustkit.Dataset(
            name="fashion-mnist-mini",
            summary="10,000 + 2,000 images of Fashion-MNIST, balanced, bundled; 1x28x28, 10 classes",
            target="robustkit_zoo.fashion_mnist_mini:FashionMnistMini",
            params=FashionMnistMiniParams,
            tags=("bundled", "small"),
            citation="Xiao et al. (2017), Fashion-MNIST: a novel image dataset for benchmarking, arXiv:1708.07747",
            licence="MIT",
            source="https://github.com/zalandoresearch/fashion-mnist",
        ),
        robustkit.Dataset(
            name="debian-sections",
            summary="3,099 + 1,338 short descriptions of Debian packages, bundled; 8 sections, long-tailed",
            target="robustkit_zoo.debian_sections:debian_sections",
            params=DebianSectionsParams,
            modality="text",
            tags=("bundled", "small", "long-tailed"),
            licence="that of each package, free by the Debian Free Software Guidelines; see the README beside the data",
            source="https://deb.debian.org/debian/dists/bookworm/, index of main, Debian 12.15",
        ),
    ]
