"""Checkpoints that others published, with the numbers that they published."""

from __future__ import annotations

import gzip
import runpy

import numpy as np
import pytest
import torch

from robustkit.engine.checkpoint import file_digest, load_into, open_checkpoint
from robustkit.engine.classifier import Classifier, probe
from robustkit.engine.normalize import parse_normalize
from robustkit.protocols import CheckpointOptions
from robustkit_zoo.params import CifarResNetParams
from robustkit_zoo.resnet_cifar import resnet20

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


def test_the_provable_fashion_mnist_network_has_its_published_accuracy(shared_data, root):
    # locuslab/convex_adversarial: clean error 21.73 % on the 10,000 test images.
    opened = open_checkpoint(shared_data / "checkpoints" / "fashion_mnist_provable.pth", UNTRUSTED)
    net = runpy.run_path(str(root / "scripts" / "certification" / "wong_kolter.py"))["build"]()
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


def test_the_cifar10_resnet20_opens_without_a_gpu_and_has_its_known_accuracy(shared_data):
    path = shared_data / "checkpoints" / "resnet20-12fca82f.th"
    # akamaster/pytorch_resnet_cifar10 puts the first 8 digits of the sha256 into the name.
    assert file_digest(path).startswith("12fca82f")
    opened = open_checkpoint(path, UNTRUSTED)
    assert (opened.unwrapped, list(opened.extras)) == (("state_dict",), ["best_prec1"])
    assert {tensor.device.type for tensor in opened.weights.values()} == {"cpu"}
    net = resnet20(CifarResNetParams())
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
