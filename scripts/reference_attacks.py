"""Runs other libraries' attacks on bundled models and stores which samples each breaks, for the tests of strength.

    pip install 'robustkit[peers]'
    python scripts/reference_attacks.py [--only ATTACK …] [--out FILE]

The libraries are called as their documentation says, without robustkit's adapters. Every sample that is stored as
broken was checked here: the norm of its change, its bounds, and the prediction of a fresh forward pass. Each row is
written when it is finished, and rows that are there are kept. An hour on one CPU core, most of it for `fab-t` and
`standard`.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from robustkit_zoo.assets import ASSETS
from robustkit_zoo.fashion_mnist_mini import FashionMnistMini
from robustkit_zoo.params import FashionMnistMiniParams, SmallCnnParams
from robustkit_zoo.small_cnn import SmallCnn

OUT = Path(__file__).parents[1] / "tests" / "parity" / "attacks" / "references.json"
IDS = range(0, 2000, 10)
SEEDS = (0, 1, 2)
STEPS = 20
QUERIES = 1000
NORMS = {"linf": "Linf", "l2": "L2"}

# eps leaves 60 to 70 % of the samples standing under PGD-20: attacks differ there, the seeds of one attack do little.
MODELS: dict[str, dict[str, Any]] = {
    "standard": {"checkpoint": "fashion-cnn-standard-seed0", "logits_times": 1, "eps": {"linf": 0.02, "l2": 0.3}},
    "pgd-at": {"checkpoint": "fashion-cnn-pgd-at-seed0", "logits_times": 1, "eps": {"linf": 0.12, "l2": 1.0}},
    # The softmax of such logits is 0 or 1 in float32, so that the gradient of the cross-entropy is lost.
    "pgd-at-x1000": {"checkpoint": "fashion-cnn-pgd-at-seed0", "logits_times": 1000, "eps": {"linf": 0.12, "l2": 1.0}},
}


@dataclass(frozen=True)
class Problem:
    """A model, the samples that it gets right, and how far they may be changed."""

    model: nn.Module
    inputs: Tensor
    labels: Tensor
    norm: str
    eps: float


class Scaled(nn.Module):
    """A network with its logits multiplied."""

    def __init__(self, net: nn.Module, factor: float) -> None:
        super().__init__()
        self.net = net
        self.factor = factor

    def forward(self, inputs: Tensor) -> Tensor:
        """Return (N, classes) logits."""
        return self.factor * self.net(inputs)


def foolbox_pgd(problem: Problem, seed: int) -> Tensor:
    """Return what Foolbox's PGD leaves."""
    import foolbox

    torch.manual_seed(seed)
    attack = getattr(foolbox.attacks, f"{NORMS[problem.norm]}PGD")(abs_stepsize=step_size(problem), steps=STEPS)
    wrapped = foolbox.PyTorchModel(problem.model, bounds=(0, 1), device="cpu")
    found: Tensor = attack(wrapped, problem.inputs, problem.labels, epsilons=problem.eps)[1]
    return found


def torchattacks_pgd(problem: Problem, seed: int) -> Tensor:
    """Return what torchattacks' PGD leaves."""
    import torchattacks

    torch.manual_seed(seed)
    attack = torchattacks.PGD if problem.norm == "linf" else torchattacks.PGDL2
    made = attack(problem.model, eps=problem.eps, alpha=step_size(problem), steps=STEPS)
    found: Tensor = made(problem.inputs, problem.labels)
    return found


def autoattack(members: tuple[str, ...]) -> Callable[[Problem, int], Tensor]:
    """Return a function that runs members of AutoAttack, or without any its standard version."""

    def run(problem: Problem, seed: int) -> Tensor:
        import pyautoattack

        which = "custom" if members else "standard"
        attack = pyautoattack.AutoAttack(
            problem.model, norm=NORMS[problem.norm], eps=problem.eps, seed=seed, version=which
        )
        if members:
            attack.attacks_to_run = list(members)
            attack.apgd.n_restarts = attack.fab.n_restarts = 1
            attack.square.n_queries = QUERIES
        found: Tensor = attack.run_standard_evaluation(problem.inputs, problem.labels, batch_size=len(problem.inputs))[
            0
        ]
        return found

    return run


def step_size(problem: Problem) -> float:
    """Return the step of PGD."""
    return 2.5 * problem.eps / STEPS


PGD = {"steps": STEPS, "step_size": "2.5 eps / steps", "random_start": True, "restarts": 1}
ATTACKS: dict[str, tuple[str, dict[str, Any], Callable[[Problem, int], Tensor]]] = {
    "foolbox-pgd-20": ("foolbox", PGD, foolbox_pgd),
    "torchattacks-pgd-20": ("torchattacks", PGD, torchattacks_pgd),
    "apgd-ce": ("pyautoattack", {"steps": 100, "restarts": 1}, autoattack(("apgd-ce",))),
    "apgd-dlr": ("pyautoattack", {"steps": 100, "restarts": 1}, autoattack(("apgd-dlr",))),
    "square": ("pyautoattack", {"queries": QUERIES, "restarts": 1}, autoattack(("square",))),
    "apgd-t": ("pyautoattack", {"steps": 100, "targets": 9, "restarts": 1}, autoattack(("apgd-t",))),
    "fab-t": ("pyautoattack", {"steps": 100, "targets": 9, "restarts": 1}, autoattack(("fab-t",))),
    "standard": ("pyautoattack", {"version": "standard"}, autoattack(())),
}
"""By name: the package, its parameters, and how it is run; the cheapest first."""

LINF_ONLY = {"standard"}


def main() -> None:
    """Run what is missing and write it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="*", metavar="ATTACK", choices=ATTACKS, default=list(ATTACKS))
    parser.add_argument("--out", type=Path, default=OUT, metavar="FILE", help="default: %(default)s")
    options = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore", DeprecationWarning)
    rows = json.loads(options.out.read_text("utf8"))["rows"] if options.out.exists() else []
    there = {tuple(row[key] for key in ("attack", "norm", "model", "seed")) for row in rows}
    for wanted in jobs(options.only):
        if wanted not in there:
            rows.append(run(*wanted))
            write(options.out, rows)


def jobs(names: list[str]) -> Iterator[tuple[str, str, str, int]]:
    """Yield attack, norm, model and seed."""
    for name in ATTACKS:
        for norm in NORMS:
            if name in names and not (norm == "l2" and name in LINF_ONLY):
                yield from ((name, norm, model, seed) for seed in SEEDS for model in MODELS)


def run(name: str, norm: str, model: str, seed: int) -> dict[str, Any]:
    """Return one row: which samples an attack breaks."""
    package, parameters, attack = ATTACKS[name]
    problem, ids = load(model, norm)
    start = time.process_time()
    found = attack(problem, seed).detach()
    seconds = time.process_time() - start
    broken = verified(problem, found)
    print(f"{name} {norm} {model} seed {seed}: {int(broken.sum())} of {len(ids)} broken, {seconds:.0f} s", flush=True)
    return {
        "attack": name,
        "norm": norm,
        "model": model,
        "seed": seed,
        "eps": problem.eps,
        "package": f"{package}-{version(package)}",
        "parameters": parameters,
        "cpu_seconds": round(seconds, 1),
        "broken": ids[broken.numpy()].tolist(),
    }


def load(name: str, norm: str) -> tuple[Problem, np.ndarray[Any, Any]]:
    """Return a model with the samples that it gets right, and their ids."""
    settings = MODELS[name]
    net = SmallCnn(SmallCnnParams())
    net.load_state_dict(load_file(checkpoint(settings)))
    model = Scaled(net, settings["logits_times"]).eval().requires_grad_(False)
    data, ids = FashionMnistMini(FashionMnistMiniParams()), np.array(IDS)
    inputs, labels = torch.from_numpy(data.read(ids)).float() / 255, torch.from_numpy(data.labels[ids])
    right = model(inputs).argmax(1) == labels
    return Problem(model, inputs[right], labels[right], norm, settings["eps"][norm]), ids[right.numpy()]


def checkpoint(settings: dict[str, Any]) -> Path:
    """Return the file of a model's weights."""
    return ASSETS / "checkpoints" / f"{settings['checkpoint']}.safetensors"


def verified(problem: Problem, found: Tensor) -> Tensor:
    """Return which samples are misclassified, and changed by no more than eps, but for the rounding of float32."""
    change = (found.double() - problem.inputs.double()).flatten(1)
    norm = change.abs().amax(1) if problem.norm == "linf" else change.square().sum(1).sqrt()
    flat = found.flatten(1)
    bounded = ((flat >= 0) & (flat <= 1)).all(1)
    wrong = problem.model(found).argmax(1) != problem.labels
    inside = norm <= problem.eps * (1 + 1e-6) + 1e-7
    if bool((wrong & ~(inside & bounded)).any()):
        print(f"  not counted: {int((wrong & ~(inside & bounded)).sum())} outside eps or the bounds", flush=True)
    return wrong & inside & bounded


def write(out: Path, rows: list[dict[str, Any]]) -> None:
    """Write everything, one row a line."""
    models = {
        name: settings | {"sha256": sha256(checkpoint(settings).read_bytes()).hexdigest(), "right": right(name)}
        for name, settings in MODELS.items()
    }
    packages = ("torch", "foolbox", "torchattacks", "pyautoattack")
    head = {
        "made_by": "scripts/reference_attacks.py",
        "versions": {package: version(package) for package in packages},
        "data": {"name": "zoo/fashion-mnist-mini", "split": "test", "ids": [IDS.start, IDS.stop, IDS.step]},
    }
    order = [(attack, norm, model, seed) for attack, norm, model, seed in jobs(list(ATTACKS))]
    rows.sort(key=lambda row: order.index((row["attack"], row["norm"], row["model"], row["seed"])))
    lines = [f" {json.dumps(key)}: {json.dumps(value)}," for key, value in head.items()]
    lines += [' "models": {', ",\n".join(f"  {json.dumps(k)}: {json.dumps(v)}" for k, v in models.items()), " },"]
    lines += [' "rows": [', ",\n".join(f"  {json.dumps(row)}" for row in rows), " ]"]
    out.write_text("\n".join(["{", *lines, "}", ""]), "utf8")


def right(name: str) -> list[int]:
    """Return the ids of the samples that a model gets right."""
    found: list[int] = load(name, "linf")[1].tolist()
    return found


if __name__ == "__main__":
    main()
