"""Checkpoints that others published, with the numbers that they published."""

from __future__ import annotations

import gzip

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from robustkit.engine.checkpoint import file_digest, load_into, open_checkpoint
from robustkit.engine.classifier import Classifier, probe
from robustkit.engine.normalize import parse_normalize
from robustkit.protocols import CheckpointOptions

pytestmark = pytest.mark.shared
UNTRUSTED = CheckpointOptions()


def _correct(classifier, images, labels, batch=500):
    """How many (N, C, H, W) uint8 images are classified right."""
    with torch.inference_mode():
        predictions = [
            classifier(torch.from_numpy(images[start : start + batch]).float() / 255).argmax(1)
            for start in range(0, len(images), batch)
        ]
    return int((torch.cat(predictions).numpy() == labels).sum())


def test_the_provable_fashion_mnist_network_has_its_published_accuracy(shared_data):
    # locuslab/convex_adversarial: clean error 21.73 % on the 10,000 test images.
    opened = open_checkpoint(shared_data / "checkpoints" / "fashion_mnist_provable.pth", UNTRUSTED)
    net = nn.Sequential(
        *(nn.Conv2d(1, 16, 4, stride=2, padding=1), nn.ReLU(), nn.Conv2d(16, 32, 4, stride=2, padding=1), nn.ReLU()),
        *(nn.Flatten(), nn.Linear(1568, 100), nn.ReLU(), nn.Linear(100, 10)),
    )
    report = load_into(net, opened)
    assert (report.stripped, report.ignored, report.notes) == ((), (), ())
    folder = shared_data / "fashion-mnist"
    with gzip.open(folder / "t10k-images-idx3-ubyte.gz") as file:
        images = np.frombuffer(file.read()[16:], dtype=np.uint8).reshape(-1, 1, 28, 28).copy()
    with gzip.open(folder / "t10k-labels-idx1-ubyte.gz") as file:
        labels = np.frombuffer(file.read()[8:], dtype=np.uint8)
    classifier = Classifier(net, parse_normalize("none"))
    assert probe(classifier, (1, 28, 28), "cpu") == 10
    assert _correct(classifier, images, labels) == 7827
    # The control: with a normalisation that it was not trained with, the number is another.
    assert _correct(Classifier(net, parse_normalize("fashion-mnist")), images, labels) != 7827


class _Block(nn.Module):
    """Two convolutions and a shortcut without parameters (option A of He et al., 2016, section 4.2)."""

    def __init__(self, wide_in, wide, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(wide_in, wide, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(wide)
        self.conv2 = nn.Conv2d(wide, wide, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(wide)
        self.stride, self.extra = stride, wide - wide_in

    def forward(self, x):
        y = self.bn2(self.conv2(functional.relu(self.bn1(self.conv1(x)))))
        half = self.extra // 2
        return functional.relu(y + functional.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, half, half)))


class _ResNet20(nn.Module):
    """ResNet-20 for CIFAR-10, from the description in He et al. (2016), section 4.2."""

    def __init__(self):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16)
        self.layer1 = nn.Sequential(*(_Block(16, 16, 1) for _ in range(3)))
        self.layer2 = nn.Sequential(_Block(16, 32, 2), _Block(32, 32, 1), _Block(32, 32, 1))
        self.layer3 = nn.Sequential(_Block(32, 64, 2), _Block(64, 64, 1), _Block(64, 64, 1))
        self.linear = nn.Linear(64, 10)

    def forward(self, x):
        x = self.layer3(self.layer2(self.layer1(functional.relu(self.bn1(self.conv1(x))))))
        return self.linear(x.mean((2, 3)))


def test_the_cifar10_resnet20_opens_without_a_gpu_and_has_its_known_accuracy(shared_data):
    path = shared_data / "checkpoints" / "resnet20-12fca82f.th"
    # akamaster/pytorch_resnet_cifar10 puts the first 8 digits of the sha256 into the name.
    assert file_digest(path).startswith("12fca82f")
    opened = open_checkpoint(path, UNTRUSTED)
    assert (opened.unwrapped, list(opened.extras)) == (("state_dict",), ["best_prec1"])
    assert {tensor.device.type for tensor in opened.weights.values()} == {"cpu"}
    net = _ResNet20()
    report = load_into(net, opened)
    assert report.stripped == ("module.",)
    assert report.n_parameters == 269_722  # 0.27M in He et al. (2016), table 6; 269722 in the repository's README
    with np.load(shared_data / "cifar10-jpeg" / "test.npz") as data:
        images, labels = np.ascontiguousarray(data["images"].transpose(0, 3, 1, 2)), data["labels"]
    # Trained with ImageNet's constants. 1627 of 2,000: the number published beside this JPEG copy of CIFAR-10.
    assert _correct(Classifier(net, parse_normalize("imagenet")), images, labels) == 1627
    # The control: normalisation forgotten, on a part.
    forgotten = Classifier(net, parse_normalize("none"))
    assert _correct(forgotten, images[:500], labels[:500]) < 350
