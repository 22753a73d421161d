"""Trains the checkpoints that come with robustkit, from the configurations in `scripts/bundled`.

    python scripts/train_bundled.py [NAME …]

Three training seeds for each image model, one for the text model; half an hour on one CPU core. Each training
is `robustkit train --config scripts/bundled/NAME.toml --seed N`, and its folder stays below `--work`, so that a run
that was stopped goes on. Equal torch builds and machines give equal files.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

import torch

from robustkit import train
from robustkit.cli.train_progress import make_progress
from robustkit.config import read_toml
from robustkit_zoo.assets import ASSETS

CONFIGURATIONS = Path(__file__).with_name("bundled")
PREFIX = {"zoo/fashion-mnist-mini": "fashion-cnn", "zoo/debian-sections": "debian"}
SEEDS = {"zoo/fashion-mnist-mini": (0, 1, 2), "zoo/debian-sections": (0,)}


def main() -> None:
    """Train what is missing below the work folder and copy the selected weights to the assets."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="configurations; default: all")
    parser.add_argument("--work", type=Path, default=Path("runs/bundled"), metavar="DIR", help="training folders")
    parser.add_argument("--out", type=Path, default=ASSETS / "checkpoints", metavar="DIR", help="default: the assets")
    options = parser.parse_args()
    # One thread: with another number, sums have another order and the weights other last digits.
    torch.set_num_threads(1)
    options.out.mkdir(parents=True, exist_ok=True)
    for path in sorted(CONFIGURATIONS.glob("*.toml")):
        if not options.names or path.stem in options.names:
            train_seeds(path, options.work, options.out)


def train_seeds(path: Path, work: Path, out: Path) -> None:
    """Train one configuration under each of its seeds."""
    config = read_toml(path)
    for seed in SEEDS[config["data"]]:
        name = f"{PREFIX[config['data']]}-{path.stem}-seed{seed}"
        done = train({**config, "seed": seed, "device": "cpu"}, out=work / name, resume=True, observer=make_progress())
        shutil.copyfile(done.model, out / f"{name}.safetensors")
        print(f"{name}: epoch {done.selected_epoch} of {len(done.history)} selected")


if __name__ == "__main__":
    main()
