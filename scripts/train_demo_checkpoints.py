"""Trains the two bundled checkpoints of `small-cnn` on `fashion-mnist-mini`: a few minutes on a CPU.

    python scripts/train_demo_checkpoints.py

`fashion-cnn-standard` minimises the cross-entropy of clean images, `fashion-cnn-pgd` that of adversarial ones, found
by projected gradient descent in the Linf ball of radius 0.1 around images in [0, 1] (Madry et al., 2018, "Towards deep
learning models resistant to adversarial attacks"). Everything else is equal.

The loop and the attack are this script's own minimum, since robustkit has no trainers yet. It uses torch's global
generator. Equal torch builds and machines give equal weights; others may differ in the last digits and in a few images.
safetensors writes the two metadata entries in either order, so the files' digests may differ where the weights do not.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - torch's own name for it
from safetensors.torch import save_file
from torch import Tensor

from robustkit_zoo.assets import ASSETS
from robustkit_zoo.fashion_mnist_mini import FashionMnistMini
from robustkit_zoo.params import FashionMnistMiniParams, SmallCnnParams
from robustkit_zoo.small_cnn import SmallCnn

SEED = 0
EPS = 0.1
BATCH = 100
EPOCHS = 10
PEAK_RATE = 0.01
METADATA = {"robustkit.model": "zoo/small-cnn", "robustkit.normalize": "none"}


def main() -> None:
    """Train both models, write them, and print one JSON line of measured numbers for each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=ASSETS / "checkpoints", metavar="DIR", help="default: the assets")
    options = parser.parse_args()
    torch.set_num_threads(2)
    torch.use_deterministic_algorithms(True)
    options.out.mkdir(parents=True, exist_ok=True)
    test = load("test")
    for name, training_steps in {"fashion-cnn-standard": 0, "fashion-cnn-pgd": 5}.items():
        model = train(*load("train"), training_steps)
        weights = {key: value.contiguous() for key, value in model.state_dict().items()}
        save_file(weights, options.out / f"{name}.safetensors", metadata=METADATA)
        print(json.dumps({"name": name, **measure(model, *test)}))


def load(split: str) -> tuple[Tensor, Tensor]:
    """Return the images, (n, 1, 28, 28) float32 in [0, 1], and the labels of a split."""
    data = FashionMnistMini(FashionMnistMiniParams(split="train" if split == "train" else "test"))
    images = data.read(np.arange(len(data.labels)))
    return torch.from_numpy(images).float() / 255, torch.tensor(data.labels)


def train(images: Tensor, labels: Tensor, attack_steps: int) -> SmallCnn:
    """Return a trained model; `attack_steps` 0 trains on clean images."""
    torch.manual_seed(SEED)
    model = SmallCnn(SmallCnnParams())
    optimiser = torch.optim.Adam(model.parameters(), PEAK_RATE)
    batches = -(-len(images) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, PEAK_RATE, total_steps=EPOCHS * batches)
    for epoch in range(EPOCHS):
        total = 0.0
        for ids in torch.split(torch.randperm(len(images)), BATCH):
            inputs, targets = flip_half(images[ids]), labels[ids]
            if attack_steps:
                inputs = pgd(model, inputs, targets, attack_steps)
            loss = F.cross_entropy(model(inputs), targets)
            optimiser.zero_grad()
            torch.autograd.backward(loss)
            optimiser.step()
            schedule.step()
            total += loss.item() * len(ids)
        print(f"epoch {epoch + 1}/{EPOCHS}: loss {total / len(images):.4f}", file=sys.stderr)
    return model


def flip_half(images: Tensor) -> Tensor:
    """Return the images, each mirrored with probability 1/2."""
    mirrored = torch.rand(len(images)) < 0.5
    return torch.where(mirrored[:, None, None, None], images.flip(3), images)


def pgd(model: SmallCnn, images: Tensor, labels: Tensor, steps: int) -> Tensor:
    """Return the images after `steps` signed gradient steps of 2.5 eps / steps from a random start."""
    change = torch.empty_like(images).uniform_(-EPS, EPS)
    for _ in range(steps):
        change = ((images + change).clamp(0, 1) - images).requires_grad_(True)
        (gradient,) = torch.autograd.grad(F.cross_entropy(model(images + change), labels), change)
        change = (change.detach() + 2.5 * EPS / steps * gradient.sign()).clamp(-EPS, EPS)
    return (images + change).clamp(0, 1)


def measure(model: SmallCnn, images: Tensor, labels: Tensor) -> dict[str, int]:
    """Return how many images are right: clean, and under one run of 20-step PGD."""
    torch.manual_seed(SEED)
    attacked = pgd(model, images, labels, 20)
    with torch.no_grad():
        clean, robust = ((model(inputs).argmax(1) == labels).sum() for inputs in (images, attacked))
    return {"n": len(images), "clean": int(clean), "pgd20": int(robust)}


if __name__ == "__main__":
    main()
