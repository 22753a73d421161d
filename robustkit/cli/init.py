"""`robustkit init`."""

from __future__ import annotations

from pathlib import Path

import click

TEMPLATE = """\
# robustkit configuration: robustkit eval --config robustkit.toml
# Every entry can be overridden: robustkit eval --config robustkit.toml --set batch_size=64

data = "path/to/test.npz"      # IDX folder, .npz, .npy pair, image folder, -C set, or a registered dataset
# clean = "path/to/test.npz"     # where data is a stored -C set: the clean data that it was made of
# split = "train"                # where data are divided into parts; default: test
# view = "resize=256,crop=224"   # for images of different sizes
# limit = 1000                   # that many samples, spread evenly
seed = [0]                     # what draws random numbers runs under each
device = "auto"                # auto, cpu, cuda, cuda:1
precision = "fp32"             # fp32, tf32, bf16, fp16
batch_size = 128               # does not change results
trust_samples = 48             # each image model is probed on so many for false robustness; 0: not at all
# expect_clean = 0.91            # clean accuracy that each model should have
# metric = ["accuracy", "ece"]   # default: accuracy, nll, brier, ece, attack-success-rate

[[model]]
checkpoint = "path/to/model.pt"
model = "resnet20-cifar"       # a registered name, file.py:callable or package.module:callable
normalize = "cifar10"          # what the network expects of [0,1] inputs: a name or mean/std numbers
# name = "baseline"              # how tables call it
# group = "baseline"             # models of one group differ in their training seed only
# training_seed = 0

[[perturbation]]
name = "gaussian-noise"
severity = [1, 2, 3, 4, 5]

# [[attack]]
# name = "pgd"
# eps = "8/255"
# steps = 20
"""


@click.command("init", short_help="Write a commented robustkit.toml.")
@click.argument("path", default="robustkit.toml")
@click.option("--force", is_flag=True, help="Overwrite an existing file.")
def command(path: str, force: bool) -> None:
    """Write a commented configuration to PATH, by default robustkit.toml."""
    from robustkit.errors import ConfigError
    from robustkit.store.atomic import write_atomically

    target = Path(path)
    if target.exists() and not force:
        raise ConfigError(f"{target} exists already", "add --force to overwrite it, or name another file")
    write_atomically(target, TEMPLATE.encode())
    click.echo(str(target))
