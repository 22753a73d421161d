"""What utility and sensitivity cost, in units of one forward and backward pass, beside what the planner says.

    python benchmarks/utility.py [MODEL …] [--images N] [--rounds R] [--forward]

Models: `cnn`, a bundled network on Fashion-MNIST mini (10 logits, 784 values), and `resnet20` on CIFAR-10 images, whose
checkpoint and data lie in the folder that --shared names (10 logits, 3,072 values).

Every line is one estimator, all on the same images and one thread. Passes are counted on the model itself, by images,
and stand before those of the plan, both for one image. Time is CPU time, the median of some rounds, each divided by a
forward and a backward pass of the same batch just before; `predicted` is what the planned passes would take at the
speed of plain ones. Forward mode carries a derivative along, so its passes take longer than that. It takes one pass for
each value of an image, so it is measured on two images, on `resnet20` only with --forward.

Exits with 1 where a count is not the planned one.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import torch
from torch import Tensor, nn

import robustkit
from robustkit.cli.memory import keep_freed_memory
from robustkit.config import parse_config
from robustkit.engine.plan import make_plan

ROOT = Path(__file__).resolve().parents[1]
CNN = ROOT / "plugins" / "robustkit_zoo" / "assets" / "checkpoints" / "fashion-cnn-standard-seed0.safetensors"
PATCH, BANDS, HUTCHINSON_DRAWS, NOISE_DRAWS = 4, 8, 16, 4


class Counted(nn.Module):
    """A model that counts the images that pass through it, forwards and backwards."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model
        self.forwards = self.backwards = 0

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits."""
        self.forwards += len(images)
        logits: Tensor = self.model(images)
        if logits.requires_grad:
            logits.register_hook(self._count)
        return logits

    def _count(self, gradient: Tensor) -> None:
        self.backwards += len(gradient)


@dataclass(frozen=True)
class Task:
    """Something that is measured.

    Attributes:
        name: what, and by which estimator.
        run: does it with a model.
        forwards: passes that the plan says, by images.
        backwards: the same.
        images: how many.
        mebibytes: what the plan says that it needs; None where there is no plan.
    """

    name: str
    run: Callable[[nn.Module], object]
    forwards: int
    backwards: int
    images: int
    mebibytes: float | None = None


def main() -> int:
    """Print a table for each model; return 1 where passes are not those of the plan."""
    options = _options()
    torch.set_num_threads(1)
    keep_freed_memory()
    fine = True
    for name in options.models or ["cnn", "resnet20"]:
        model, images, labels = open_model(name, options)
        print(f"\n{name}: {len(images)} images of {tuple(images.shape[1:])}")
        print(f"{'what':<42}{'images':>7}{'forwards':>17}{'backwards':>15}{'MiB':>8}{'predicted':>11}{'measured':>10}")
        for task in tasks(model, images, labels, with_forward=name == "cnn" or options.forward):
            fine &= measure(task, model, images, labels, options.rounds)
    print("\npredicted and measured: times a forward and a backward pass of the same images")
    return 0 if fine else 1


def tasks(model: nn.Module, images: Tensor, labels: Tensor, *, with_forward: bool) -> list[Task]:
    """Return what is measured."""
    shape = (images.shape[1], images.shape[2], images.shape[3])
    patches, bands = robustkit.patch_basis(shape, PATCH), robustkit.fourier_basis(shape, BANDS)
    found = [_utility(images, labels, basis) for basis in (patches, bands)]
    found.append(_ablation(images, labels, patches))
    found += [
        _sensitivity(model, images, basis, estimator, draws)
        for basis in (patches, bands)
        for estimator, draws in (("auto", 64), ("hutchinson", HUTCHINSON_DRAWS))
    ]
    found.append(_noise(model, images, labels, patches))
    if with_forward:
        found.append(_sensitivity(model, images[:2], patches, "forward", 64))
    return found


def measure(task: Task, model: nn.Module, images: Tensor, labels: Tensor, rounds: int) -> bool:
    """Print the line of a task; return whether its passes are those of the plan."""
    counted = Counted(model)
    task.run(counted)
    same = (counted.forwards, counted.backwards) == (task.forwards, task.backwards)
    forward, both, measured = [], [], []
    given, asked = images[: task.images], labels[: task.images]
    for _ in range(rounds):
        forward.append(_seconds(lambda: _forward(model, given)))
        both.append(_seconds(lambda: robustkit.gradient_utility(_loss(model, asked), given, _whole(given))))
        measured.append(_seconds(lambda: task.run(model)) / both[-1])
    one, unit = median(forward), median(both)
    predicted = (task.forwards * one + task.backwards * (unit - one)) / task.images / unit
    pairs = [
        f"{count / task.images:.4g} {'=' if count == plan else '!='} {plan / task.images:.4g}"
        for count, plan in ((counted.forwards, task.forwards), (counted.backwards, task.backwards))
    ]
    memory = "" if task.mebibytes is None else f"{task.mebibytes:.0f}"
    print(
        f"{task.name:<42}{task.images:>7}{pairs[0]:>17}{pairs[1]:>15}{memory:>8}{predicted:>11.1f}"
        f"{median(measured):>10.1f}",
        flush=True,
    )
    return same


def _utility(images: Tensor, labels: Tensor, basis: robustkit.FeatureBasis) -> Task:
    n = len(images)
    return Task(
        f"utility, gradient, {basis.name}",
        lambda model: robustkit.gradient_utility(_loss(model, labels), images, basis),
        n,
        n,
        n,
    )


def _ablation(images: Tensor, labels: Tensor, basis: robustkit.FeatureBasis) -> Task:
    n, loss, baseline = len(images), robustkit.target_loss("ce"), robustkit.make_baseline(images, "mean")

    def run(model: nn.Module) -> object:
        return robustkit.ablation_utility(lambda p, rows: loss(model(p), labels[rows]), images, basis, baseline)

    return Task(f"utility, ablation, {basis.name}", run, n * (1 + basis.size), 0, n)


def _sensitivity(model: nn.Module, images: Tensor, basis: robustkit.FeatureBasis, estimator: str, draws: int) -> Task:
    sizes = robustkit.measure_sizes(model, images, basis)
    plan = robustkit.plan_sensitivity(sizes, estimator, draws)  # type: ignore[arg-type]
    keys = _keys(images)

    def run(model: nn.Module) -> None:
        for rows in plan.slices():
            robustkit.estimate_sensitivity(model, images[rows], basis, keys.rows(rows), plan)

    how = plan.estimator if plan.is_exact else f"{plan.estimator} {draws}"
    name = f"sensitivity, {'auto: ' if estimator == 'auto' else ''}{how}, {basis.name}"
    return Task(name, run, plan.forwards, plan.backwards, len(images), plan.mebibytes)


def _noise(model: nn.Module, images: Tensor, labels: Tensor, basis: robustkit.FeatureBasis) -> Task:
    plan = robustkit.plan_sensitivity(robustkit.measure_sizes(model, images, basis), "finite", NOISE_DRAWS)

    def run(model: nn.Module) -> None:
        for rows in plan.slices():
            respond = robustkit.Representation(model, "").respond(labels[rows])
            robustkit.finite_effects(
                respond,
                images[rows],
                basis,
                _keys(images).rows(rows),
                draws=NOISE_DRAWS,
                std=0.1,
                batch_size=plan.chunk,
            )

    name = f"both, finite {NOISE_DRAWS}, {basis.name}"
    return Task(name, run, plan.forwards, plan.backwards, len(images), plan.mebibytes)


def open_model(name: str, options: argparse.Namespace) -> tuple[nn.Module, Tensor, Tensor]:
    """Return a model with the first test images and their labels."""
    shared = Path(options.shared)
    model, data = {"checkpoint": str(CNN)}, "zoo/fashion-mnist-mini"
    if name == "resnet20":
        checkpoint = shared / "checkpoints" / "resnet20-12fca82f.th"
        model = {"checkpoint": str(checkpoint), "model": "resnet20-cifar", "normalize": "imagenet"}
        data = str(shared / "cifar10-jpeg")
    plan = make_plan(parse_config({"model": [model], "data": data, "device": "cpu"}), robustkit.load_host())
    (prepared,) = plan.models.values()
    ids = plan.ids[: options.images]
    images = torch.from_numpy(plan.dataset.read(ids)).float() / 255
    return prepared.classifier, images, prepared.translate(torch.from_numpy(plan.dataset.labels[ids]))


def _loss(model: nn.Module, labels: Tensor) -> Callable[[Tensor], Tensor]:
    loss = robustkit.target_loss("ce")
    return lambda points: loss(model(points), labels)


def _whole(images: Tensor) -> robustkit.FeatureBasis:
    return robustkit.patch_basis((images.shape[1], images.shape[2], images.shape[3]), max(images.shape[2:]))


def _keys(images: Tensor) -> robustkit.Keys:
    return robustkit.Keys(seed=0, stream="benchmarks/utility", version=1, ids=torch.arange(len(images)))


def _forward(model: nn.Module, images: Tensor) -> None:
    with torch.no_grad():
        model(images)


def _seconds(run: Callable[[], object]) -> float:
    start = time.process_time()
    run()
    return time.process_time() - start


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", metavar="MODEL", help="cnn, resnet20; default: both")
    parser.add_argument("--images", type=int, default=32, help="first test images (default: 32)")
    parser.add_argument("--rounds", type=int, default=3, help="how often each is timed (default: 3)")
    parser.add_argument("--forward", action="store_true", help="measure forward mode on resnet20 too (minutes)")
    parser.add_argument("--shared", default=str(ROOT.parent / "shared" / "data"), help="folder of published data")
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
