"""Certifies images: no input within eps (Linf) of them, in [0, 1], is classified wrongly, whatever the attack.

    python scripts/certification/certify.py CHECKPOINT --model FILE.py:callable --data PATH --eps 0.1 --out FILE.json

Takes checkpoints, models, normalisations and data as `robustkit eval` does, and the first `--count` images. The network
has to be an `nn.Sequential` of Conv2d, Linear, Flatten and ReLU, and small: about a fifth of a second an image for the
one in `wong_kolter.py`.

An image is certified if a lower bound of the logit of its class minus that of every other class (`linear_bounds.py`)
is above all that rounding in float32 can do to the two (`rounding.py`), on the box of all candidates that robustkit's
evaluator counts: its tolerance in the norm is part of the box. That an image is not certified says nothing.
Fixed inputs give the same ids; nothing is drawn at random.
"""

from __future__ import annotations

import argparse
import copy
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from affine import Affine, affine_parts
from linear_bounds import bound, hidden_bounds
from rounding import float32_error
from torch import Tensor, nn

import robustkit
from robustkit import ConfigError, RobustkitError, ThreatModel
from robustkit.cli.memory import keep_freed_memory
from robustkit.config import parse_config
from robustkit.config.shorthand import parse_value
from robustkit.engine.adversarial import largest_norm
from robustkit.engine.classifier import Classifier
from robustkit.engine.inputs import read_inputs, read_labels, to_model
from robustkit.engine.plan import Plan, make_plan

METHOD = (
    "linear relaxation backwards through all layers, best of the slopes u / (u - l) (Wong and Kolter 2018) and "
    "0 or 1 (CROWN-Ada, Zhang et al. 2018), in float64, less the largest rounding error of float32"
)


def main() -> None:
    """Certify the images that the command line names and write their ids."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", help="file of the weights")
    parser.add_argument("--model", default="", help="FILE.py:callable, or a registered name")
    parser.add_argument("--normalize", default="", help="as for `robustkit eval`")
    parser.add_argument("--data", required=True, help="a path, or a registered dataset")
    parser.add_argument("--eps", required=True, type=parse_value, help="radius in Linf, in units of [0, 1]: 0.1, 8/255")
    parser.add_argument("--count", type=int, default=1000, help="certify the first COUNT images (default: 1000)")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.json")
    options = parser.parse_args()
    try:
        found = {"images": f"0..{options.count - 1}"} | certify(open_plan(options), options.eps, range(options.count))
    except RobustkitError as error:
        sys.exit(f"certify: error: {error.message}\n  hint: {error.hint}")
    # One line a key: short, and a change of the ids is a change of one line.
    lines = ",\n".join(f"  {json.dumps(key)}: {json.dumps(value)}" for key, value in found.items())
    options.out.write_text(f"{{\n{lines}\n}}\n", encoding="utf-8")
    print(f"{len(found['certified'])} of {options.count} certified, {len(found['correct'])} classified correctly")


def open_plan(options: argparse.Namespace) -> Plan:
    """Return checkpoint and data as an evaluation opens them."""
    model = {"checkpoint": options.checkpoint, "model": options.model, "normalize": options.normalize}
    config = parse_config({"model": [model], "data": options.data, "device": "cpu"})
    return make_plan(config, robustkit.load_host())


def certify(plan: Plan, eps: float, ids: Sequence[int]) -> dict[str, Any]:
    """Return the ids of the correctly classified and of the certified images, and what they hold for.

    Args:
        plan: with one model, on the CPU.
        eps: radius in Linf, in units of [0, 1].
        ids: of the images to look at.

    Raises:
        ConfigError: eps is not a number from 0 to 1, or there are fewer images.
        DataError: a network whose bounds are not known here.
    """
    (model,), dataset = plan.models.values(), plan.dataset
    if not isinstance(eps, int | float) or not 0 <= eps <= 1:
        raise ConfigError(f"--eps: expected a number from 0 to 1, got {eps!r}", "write 0.1 or 8/255")
    if not ids or len(ids) > len(dataset.labels):
        raise ConfigError(f"--count: expected 1 to {len(dataset.labels)} images, got {len(ids)}", "ask for as many")
    chosen = np.array(ids, dtype=np.int64)
    images = to_model(read_inputs(dataset, chosen, plan.device))
    classifier = model.classifier
    if not isinstance(images, Tensor) or not isinstance(classifier, Classifier):
        raise ConfigError("--data: expected images, got texts", "certify an image classifier")
    labels = model.translate(read_labels(dataset, chosen, plan.device))
    with torch.inference_mode():
        right = (classifier(images).argmax(dim=1) == labels).tolist()
    parts = affine_parts(exact_network(classifier, images.shape[1]), tuple(images.shape[1:]))
    threat_model = ThreatModel(norm="linf", eps=float(eps))
    rows = [row for row, is_right in enumerate(right) if is_right]
    certified = [ids[row] for row in rows if is_certified(parts, images[row], int(labels[row]), threat_model)]
    return {
        "norm": threat_model.norm,
        "eps": threat_model.eps,
        "checkpoint_sha256": model.report["sha256"],
        "model": Path(model.report["model"]).name,
        "normalize": model.report["normalize"],
        "data": plan.dataset_name,
        "data_fingerprint": dataset.fingerprint(),
        "method": METHOD,
        "versions": {"robustkit": robustkit.__version__, "torch": torch.__version__, "numpy": np.__version__},
        "correct": [ids[row] for row in rows],
        "certified": certified,
    }


def exact_network(classifier: Classifier, channels: int) -> nn.Sequential:
    """Return a float64 copy of a classifier's network, its normalisation as a first convolution."""
    if classifier.input_size is not None:
        raise ConfigError("a model that resizes its inputs cannot be certified here", "give images of its size")
    mean, std = (side.flatten().double().expand(channels) for side in (classifier.mean, classifier.std))
    normalize = nn.Conv2d(channels, channels, 1, groups=channels)
    normalize.weight.data = (1 / std).view(channels, 1, 1, 1)
    normalize.bias = nn.Parameter(-mean / std)
    return nn.Sequential(normalize, copy.deepcopy(classifier.net).double()).requires_grad_(False)


def is_certified(parts: Sequence[Affine], image: Tensor, label: int, threat_model: ThreatModel) -> bool:
    """Return whether no candidate that an evaluation counts can have a logit as high as that of the label.

    Args:
        parts: the network, in float64.
        image: (C, H, W) float32 in [0, 1].
        label: index of its class.
        threat_model: an Linf ball.
    """
    centre, radius = image.flatten().double(), largest_norm(threat_model)
    low, high = ((centre + side * radius).clamp(threat_model.low, threat_model.high) for side in (-1, 1))
    box = low, high
    hidden = hidden_bounds(parts, box)
    differences = torch.eye(len(parts[-1].at_zero), dtype=torch.float64)
    others = differences[torch.arange(len(differences)) != label]
    margins, _ = bound(parts, hidden, box, differences[label] - others)
    error = float32_error(parts, hidden, box)
    return bool((margins > error[label] + others @ error).all())


if __name__ == "__main__":
    keep_freed_memory()
    main()
