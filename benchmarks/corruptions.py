"""Images a second of robustkit's corruptions and of imagecorruptions 1.1.2, measured side by side on one thread.

    python benchmarks/corruptions.py [NAME …]

Both get the same uint8 images and return uint8, in the layout that each takes, and draw their random numbers inside the
timer. robustkit runs with mode=reference and profile=imagecorruptions, through the host, with nothing kept from one
batch to the next but kernels and the frost photographs; imagecorruptions runs through its adapter, image by image, as
it must. Times are CPU seconds, the median of rounds in which both sides take turns, averaged over severities.

Needs scikit-image and imagecorruptions (`pip install --no-deps imagecorruptions==1.1.2`).
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from statistics import median

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from skimage.data import astronaut

from robustkit import Keys
from robustkit.cli.memory import keep_freed_memory
from robustkit.engine.perturb import perturb
from robustkit.host import Host, load_host
from robustkit_corruptions.reference import load_imagecorruptions

SIZES = {32: 256, 224: 16}
"""Sides of the images, and how many robustkit gets at once."""

SEVERITIES = (1, 2, 3, 4, 5)
LEAST_RATIO, LEAST_TOTAL = 0.95, {32: 15.0, 224: 20.0}


def main() -> int:
    """Print the table; return 1 where a ratio is below what is claimed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="corruptions; default: all 19")
    parser.add_argument("--rounds", type=int, default=3, help="times that the two sides take turns (default: 3)")
    options = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    # As robustkit's commands do; it is the process's, and so serves both sides.
    keep_freed_memory()
    host = load_host()
    names = options.names or [e.component.name for e in host.catalog.all("perturbation") if e.plugin == "corruptions"]
    print(f"{'corruption':<20}{'side':>5}{'robustkit':>12}{'imagecorruptions':>18}{'ratio':>8}   (images a second)")
    fine = True
    for side, batch in SIZES.items():
        whole = np.zeros((len(SEVERITIES), 2))
        for name in names:
            seconds = np.array(measure(host, name, side, batch, options.rounds))
            whole += seconds
            fine &= report(name, side, seconds.mean(axis=0), LEAST_RATIO)
        if not options.names:
            for severity, seconds in zip(SEVERITIES, whole, strict=True):
                report(f"all, severity {severity}", side, seconds, 0.0)
            fine &= report("the whole set", side, whole.mean(axis=0), LEAST_TOTAL[side])
    return 0 if fine else 1


def report(name: str, side: int, seconds: NDArray[np.float64], least: float) -> bool:
    """Print one line and return whether the ratio is at least what is claimed."""
    ours, theirs = seconds
    short = "" if theirs / ours >= least else f"   below {least:g}"
    print(f"{name:<20}{side:>5}{1 / ours:>12.1f}{1 / theirs:>18.1f}{theirs / ours:>8.2f}{short}", flush=True)
    return not short


def measure(host: Host, name: str, side: int, batch: int, rounds: int) -> list[tuple[float, float]]:
    """Return CPU seconds an image of robustkit and of imagecorruptions, for each severity."""
    entry = host.catalog.find("perturbation", f"corruptions/{name}")
    ours = host.build(entry, {"profile": "imagecorruptions", "mode": "reference"})
    theirs = getattr(load_imagecorruptions(), name.replace("-", "_"))
    photographs = crops(side, batch)
    images = torch.from_numpy(np.ascontiguousarray(photographs.transpose(0, 3, 1, 2)))
    keys = Keys(seed=0, stream=entry.qualified, version=1, ids=torch.arange(batch))
    slow = name == "glass-blur"
    few = photographs[: 1 if slow and side > 100 else 4 if side > 100 else 16]
    found = []
    for severity in SEVERITIES:

        def run_ours(severity: int = severity) -> None:
            perturb(ours, images, keys, float(severity))

        def run_theirs(severity: int = severity) -> None:
            for photograph in few:
                np.uint8(theirs(Image.fromarray(photograph), severity))

        run_ours()
        times = [(spent(run_ours) / batch, spent(run_theirs) / len(few)) for _ in range(1 if slow else rounds)]
        found.append((median(each[0] for each in times), median(each[1] for each in times)))
    return found


def spent(function: Callable[[], None]) -> float:
    """Return the CPU seconds of one call."""
    start = time.process_time()
    function()
    return time.process_time() - start


def crops(side: int, count: int) -> NDArray[np.uint8]:
    """Return (count, side, side, 3) parts of a photograph."""
    whole = Image.fromarray(astronaut())
    small = whole.resize((side * 2, side * 2), Image.Resampling.LANCZOS)
    places = np.random.default_rng(0).integers(0, side, size=(count, 2)).tolist()
    return np.stack([np.asarray(small.crop((x, y, x + side, y + side))) for x, y in places])


if __name__ == "__main__":
    raise SystemExit(main())
