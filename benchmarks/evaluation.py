"""What an evaluation under all corruptions costs beside the model, and what imagecorruptions 1.1.2 alone would cost.

    python benchmarks/evaluation.py [--limit N] [--checkpoint FILE --model SPEC --normalize NAME --data PATH]

Evaluates a checkpoint, by default the published ResNet-20 on 2,000 images of CIFAR-10's test set, under all 19
corruptions at severities 1 to 5 and on clean images, with `profile`: reading, corrupting, measuring, storing and the
results table. Then imagecorruptions, through its adapter, corrupts a sample of the same images at the same severities,
and its CPU time is extrapolated to all of them: corrupting alone, with no image read and nothing kept. Both run on one
thread in this process, which keeps freed memory as the commands of robustkit do.

Needs scikit-image and imagecorruptions (`pip install --no-deps imagecorruptions==1.1.2`).
"""

from __future__ import annotations

import argparse
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from robustkit import evaluate
from robustkit.cli.memory import keep_freed_memory
from robustkit.cli.profile import profile_table
from robustkit.config import parse_config
from robustkit.engine.open_data import open_data
from robustkit.host import Host, load_host
from robustkit_corruptions.reference import load_imagecorruptions

PUBLISHED = Path(__file__).resolve().parents[2] / "shared" / "data"
"""Where the published checkpoints and data are: beside the checkout."""

SEVERITIES = (1, 2, 3, 4, 5)
LEAST_RATIO = 10.0


def main() -> int:
    """Print the split and the ratio; return 1 where the ratio of a whole run is below what is claimed."""
    options = parse()
    keep_freed_memory()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    host = load_host()
    config: dict[str, Any] = {
        "model": [{"checkpoint": options.checkpoint, "model": options.model, "normalize": options.normalize}],
        "data": options.data,
        "limit": options.limit,
        "device": "cpu",
        "perturbation": [f"corruptions/{name}:severity=1..5" for name in ("common", "extra")],
    }
    with tempfile.TemporaryDirectory() as folder:
        done = evaluate(config, host=host, out=Path(folder) / "run", profile=True)
    assert done.profile is not None
    assert not done.failures, done.failures
    print(profile_table(done.profile))
    names = [e.component.name for e in host.catalog.all("perturbation") if e.plugin == "corruptions"]
    theirs = imagecorruptions_seconds(names, photographs(config, host, options.sample)) * done.rows[0]["n"]
    return 0 if report(done.profile, theirs, len(names)) or options.limit else 1


def parse() -> argparse.Namespace:
    """Return the command line's options."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", default=str(PUBLISHED / "checkpoints" / "resnet20-12fca82f.th"))
    parser.add_argument("--model", default="resnet20-cifar")
    parser.add_argument("--normalize", default="imagenet")
    parser.add_argument("--data", default=str(PUBLISHED / "cifar10-jpeg" / "test.npz"), help="uint8 images")
    parser.add_argument("--limit", type=int, help="evaluate that many images only; claims nothing")
    parser.add_argument("--sample", type=int, default=20, help="images a corruption and severity (default: 20)")
    return parser.parse_args()


def photographs(config: dict[str, Any], host: Host, count: int) -> NDArray[np.uint8]:
    """Return (count, H, W, C) images of the data, spread evenly over them."""
    dataset, _ = open_data(parse_config(config), host)
    ids = np.linspace(0, len(dataset.labels) - 1, count).astype(np.int64)
    images: NDArray[np.uint8] = np.asarray(dataset.read(ids)).transpose(0, 2, 3, 1)
    return images


def imagecorruptions_seconds(names: list[str], images: NDArray[np.uint8]) -> float:
    """Return the CPU seconds that imagecorruptions takes for all corruptions and severities of one image."""
    module = load_imagecorruptions()
    warnings.simplefilter("ignore", RuntimeWarning)  # on small images it divides by 0
    total = 0.0
    for name in names:
        corrupt = getattr(module, name.replace("-", "_"))
        corrupt(Image.fromarray(images[0]), 1)
        start = time.process_time()
        for severity in SEVERITIES:
            for image in images:
                np.uint8(corrupt(Image.fromarray(image), severity))
        total += time.process_time() - start
    return total / len(images)


def report(profile: dict[str, Any], theirs: float, corruptions: int) -> bool:
    """Print what is beside the forward passes, against imagecorruptions; return whether it is as little as claimed."""
    forward, corrupted = profile["sections"]["forward"], profile["sections"]["perturbation"]
    ours = {kind: profile[kind] - forward[kind] for kind in ("cpu_s", "wall_s")}
    print(f"imagecorruptions alone, {corruptions} corruptions x {len(SEVERITIES)} severities: {theirs:.1f} s of CPU")
    for kind, seconds in ours.items():
        what = {"cpu_s": "of CPU", "wall_s": "wall"}[kind]
        print(
            f"beside the forward passes: {seconds:.1f} s {what} (perturbations {corrupted[kind]:.1f}); "
            f"{theirs / seconds:.1f} times less"
        )
    fine = theirs / ours["cpu_s"] >= LEAST_RATIO
    print("" if fine else f"below the {LEAST_RATIO:g} times less CPU that a whole run is to need")
    return fine


if __name__ == "__main__":
    raise SystemExit(main())
