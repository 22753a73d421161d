"""Strength and speed of robustkit's attacks beside Foolbox, torchattacks and AutoAttack's code, on one thread.

    python benchmarks/attacks.py [MODEL …] [--images N] [--attacks pgd,standard,…] [--norm l2]

Models: `provable`, the published network of Wong and Kolter (2018); `pgd-at`, a bundled network trained with PGD;
`standard`, a bundled one without a defence, reported apart: most of its images fall at the first steps.

All sides attack the same images, those that the model gets right, with the same steps, step sizes, restarts and
queries. Peers get all of them as one batch; robustkit's go through the evaluator, whose checks are in its time. What
each side returns is judged here, in norm, bounds and by a fresh forward pass. Times are CPU seconds; attacks that take
seconds are timed several times, taking turns, and the median counts. Passes are counted by hooks in a run of their own.

`Jaccard` is that of the images broken with those that robustkit breaks, `itself` that of a side with itself under
another seed: no two sets with random numbers of their own can be expected to be more alike than that, and of 25 broken
images, one is 4 %. `given` is the Jaccard index with a peer that runs once more, from the starting points that
robustkit drew, where a peer can be given them: then nothing is random. What is broken sample by sample,
tests/parity/attacks compares over several seeds. `ratio` is the peer's time over robustkit's,
and `limit` the same of the passes alone, a backward pass weighed by what it costs on this model: what is spared by
samples that drop out. No attack that asks the model as often can be faster than its limit, but for a peer's own
overhead. Where the limit is below what is wanted, a share of it is.

Needs foolbox, torchattacks and pyautoattack (`pip install 'robustkit[peers]'`), and for `provable` the checkpoint
`fashion_mnist_provable.pth` (locuslab/convex_adversarial) and Fashion-MNIST in the folder that --shared names.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch import Tensor, nn

from robustkit import Keys, ThreatModel
from robustkit.cli.memory import keep_freed_memory
from robustkit.config import parse_config
from robustkit.engine.adversarial import Assault, attack_samples, largest_norm, perturbation_norm
from robustkit.engine.classifier import Classifier
from robustkit.engine.plan import make_plan
from robustkit.host import Host, load_host
from robustkit_attacks.ball import Ball, ball_around

ROOT = Path(__file__).resolve().parents[1]
CHECKPOINTS = ROOT / "plugins" / "robustkit_zoo" / "assets" / "checkpoints"
BATCH = 256
"""What the evaluator gives an attack on images of 28x28."""

Starts = Callable[[int], Tensor]
"""From the number of a run, from 0, to the points (n, …), one an image, that it starts from."""


@dataclass(frozen=True)
class Trial:
    """What an attack is given; it returns (n, …) images, broken or not.

    Attributes:
        model: under attack.
        images: (n, …) in [0, 1].
        labels: (n,) int64.
        threat_model: norm and eps.
        seed: of the attack's random numbers.
        starts: where to start from, for attacks that can be told.
    """

    model: nn.Module
    images: Tensor
    labels: Tensor
    threat_model: ThreatModel
    seed: int = 0
    starts: Starts | None = None


Attack = Callable[[Trial], Tensor]


@dataclass(frozen=True)
class Problem:
    """A model and the images that it gets right."""

    name: str
    model: Classifier
    images: Tensor
    labels: Tensor
    eps: dict[str, float]
    right: int
    asked: int


@dataclass(frozen=True)
class Duel:
    """One attack of robustkit, and the same by peers.

    Attributes:
        own: robustkit's component and parameters.
        peers: by name, the same attack.
        rounds: how often it is timed.
        ratio: by how much robustkit has to be faster than the fastest peer; None where nothing is claimed.
        starts: from the balls around the images and robustkit's keys to the points that it starts from.
        given: the peers that can be given these.
        alike: the smallest Jaccard index: with those, or with every peer where none is given anything; None where
            nothing is claimed.
    """

    own: str
    peers: dict[str, Attack]
    rounds: int = 1
    ratio: float | None = None
    starts: Callable[[Ball, Keys], Starts] | None = None
    given: tuple[str, ...] = ()
    alike: float | None = None


STEPS = 20
OWN = "robustkit"
NEAR = 0.85
"""The share of the ratio that the passes allow which has to be reached where they do not allow what is wanted."""


def duels() -> dict[str, Duel]:
    """Return what is compared, by name."""
    return {
        "pgd": Duel(
            own=f"pgd:steps={STEPS}",
            peers={"foolbox": foolbox_pgd, "torchattacks": torchattacks_pgd},
            rounds=5,
            ratio=1.3,
            starts=lambda ball, keys: lambda _: ball.inside(keys.child("restart 0")),
            given=("foolbox",),
            alike=0.97,
        ),
        "apgd-ce": Duel(
            own="apgd-ce",
            peers={"torchattacks": torchattacks("APGD", loss="ce", steps=100), "autoattack": reference("apgd-ce")},
            rounds=3,
            starts=lambda ball, keys: lambda _: ball.surface(keys.child("restart 0")),
            given=("autoattack",),
            alike=0.97,
        ),
        "apgd-t": Duel(
            own="apgd-t",
            peers={"torchattacks": torchattacks("APGDT", steps=100), "autoattack": reference("apgd-t")},
            starts=lambda ball, keys: lambda run: ball.surface(keys.child("restart 0").child(f"target {run}")),
            given=("autoattack",),
            alike=0.97,
        ),
        "fab-t": Duel(
            # The reference stops at the first point inside eps.
            own="fab-t:minimise=false",
            peers={
                "torchattacks": torchattacks("FAB", steps=100, multi_targeted=True),
                "autoattack": reference("fab-t"),
            },
        ),
        "square": Duel(
            own="square:queries=5000",
            peers={"torchattacks": torchattacks("Square", n_queries=5000), "autoattack": reference("square")},
            alike=0.9,
        ),
        "standard": Duel(own="standard", peers={"autoattack": reference("standard")}, ratio=1.5),
    }


def main() -> int:
    """Print the tables; return 1 where something that is claimed does not hold."""
    options = _options()
    torch.set_num_threads(1)
    keep_freed_memory()
    host, fine = load_host(), True
    chosen = [name for name in options.attacks.split(",") if name] or list(duels())
    for name in options.models or ["provable", "pgd-at", "standard"]:
        problem = open_problem(name, host, options)
        threat_model = ThreatModel(norm=options.norm, eps=problem.eps[options.norm])
        print(
            f"\n{name}: {len(problem.images)} images of {problem.asked} that the model gets right, "
            f"{options.norm} eps {threat_model.eps:g}{' (no defence: reported apart)' if name == 'standard' else ''}"
        )
        print(
            f"{'attack':<10}{'by':<14}{'robust':>8}{'Jaccard':>9}{'itself':>8}{'given':>8}{'only it':>8}"
            f"{'images/s':>10}{'s/survivor':>12}{'fwd/image':>11}{'bwd/image':>11}{'ratio':>8}{'limit':>8}"
        )
        for attack in chosen:
            fine &= compare(attack, duels()[attack], problem, threat_model, host, claimed=name != "standard")
    return 0 if fine else 1


@dataclass(frozen=True)
class Found:
    """What came of one side.

    Attributes:
        broken: (n,) bool, which images.
        again: the same under another seed.
        seconds: of the CPU, the median of the rounds.
        passes: forward and backward, an image.
    """

    broken: Tensor
    again: Tensor
    seconds: float
    passes: tuple[float, float]


def compare(name: str, duel: Duel, problem: Problem, threat_model: ThreatModel, host: Host, *, claimed: bool) -> bool:
    """Print one attack's lines; return whether what is claimed holds."""
    own_attack, keys = prepare(duel.own, problem, threat_model, host)
    sides = measure({OWN: own_attack, **duel.peers}, duel.rounds, problem, threat_model)
    own, weight = sides[OWN], backward_cost(problem)
    given = {}
    if duel.starts:
        starts = duel.starts(ball_around(problem.images, threat_model), keys)
        given = {
            side: judge(run(duel.peers[side], problem, threat_model, starts=starts), problem, threat_model)
            for side in duel.given
        }

    def cost(passes: tuple[float, float]) -> float:
        return passes[0] + weight * passes[1]

    n = len(problem.images)
    for side, found in sides.items():
        held, only = n - int(found.broken.sum()), int((found.broken & ~own.broken).sum())
        overlap, itself = jaccard(own.broken, found.broken), jaccard(found.broken, found.again)
        same = f"{jaccard(own.broken, given[side]):.3f}" if side in given else "-"
        print(
            f"{name:<10}{side:<14}{held / problem.asked:>8.3f}{overlap:>9.3f}{itself:>8.3f}{same:>8}{only:>8}"
            f"{n / found.seconds:>10.1f}{found.seconds / max(held, 1):>12.4f}"
            f"{found.passes[0]:>11.1f}{found.passes[1]:>11.1f}"
            f"{found.seconds / own.seconds:>8.2f}{cost(found.passes) / cost(own.passes):>8.2f}",
            flush=True,
        )
    peers = [found for side, found in sides.items() if side != OWN]
    fastest = min(found.seconds for found in peers) / own.seconds
    limit = min(cost(found.passes) for found in peers) / cost(own.passes)
    weaker = max(int(found.broken.sum()) for found in peers) - int(own.broken.sum())
    print(f"{name}: {max(weaker, 0)} images weaker than the strongest peer; {fastest:.2f} times as fast as the fastest")
    if not claimed:
        return True
    compared = list(given.values()) or [found.broken for found in peers]
    fine = duel.alike is None or min(jaccard(own.broken, broken) for broken in compared) >= duel.alike
    if duel.ratio is None:
        return fine
    wanted = duel.ratio
    if fastest < wanted and limit < wanted:
        print(f"{name}: {wanted} times is beyond what the passes allow, {limit:.2f}")
        wanted = NEAR * limit
    return fine and weaker <= max(1, 0.005 * problem.asked) and fastest >= wanted


def measure(attacks: dict[str, Attack], rounds: int, problem: Problem, threat_model: ThreatModel) -> dict[str, Found]:
    """Return what comes of each side; they take turns."""
    seconds: dict[str, list[float]] = {side: [] for side in attacks}
    broken: dict[str, Tensor] = {}
    for _ in range(rounds):
        for side, attack in attacks.items():
            start = time.process_time()
            found = run(attack, problem, threat_model)
            seconds[side].append(time.process_time() - start)
            broken[side] = judge(found, problem, threat_model)
    return {
        side: Found(
            broken[side],
            judge(run(attack, problem, threat_model, seed=1), problem, threat_model),
            median(seconds[side]),
            count_passes(attack, problem, threat_model),
        )
        for side, attack in attacks.items()
    }


def jaccard(first: Tensor, second: Tensor) -> float:
    """Return the Jaccard index of two sets, given as (n,) bool; 1 where both are empty."""
    return int((first & second).sum()) / max(int((first | second).sum()), 1) if bool((first | second).any()) else 1.0


def backward_cost(problem: Problem) -> float:
    """Return what a backward pass costs in forward passes, as the median of several of both on the images."""
    ratios = []
    for _ in range(9):
        leaf = problem.images.clone().requires_grad_()
        start = time.process_time()
        loss = problem.model(leaf).logsumexp(dim=1).sum()
        between = time.process_time()
        torch.autograd.grad(loss, leaf)
        ratios.append((time.process_time() - between) / (between - start))
    return median(ratios)


def judge(found: Tensor, problem: Problem, threat_model: ThreatModel) -> Tensor:
    """Return (n,) bool: inside the ball and the bounds, and misclassified on a fresh forward pass."""
    norm = perturbation_norm(found.double() - problem.images.double(), threat_model.norm)
    flat = found.flatten(1)
    inside = (norm <= largest_norm(threat_model)) & ((flat >= 0) & (flat <= 1)).all(dim=1)
    with torch.no_grad():
        return (problem.model(found).argmax(dim=1) != problem.labels) & inside


def run(
    attack: Attack, problem: Problem, threat_model: ThreatModel, seed: int = 0, starts: Starts | None = None
) -> Tensor:
    """Return what an attack makes of a problem; what libraries print is not shown."""
    with contextlib.redirect_stdout(io.StringIO()):
        images, labels = problem.images.clone(), problem.labels.clone()
        return attack(Trial(problem.model, images, labels, threat_model, seed, starts)).detach()


def count_passes(attack: Attack, problem: Problem, threat_model: ThreatModel) -> tuple[float, float]:
    """Return forward and backward passes an image of one run."""
    counts = {"forward": 0, "backward": 0}

    def forward(_: nn.Module, inputs: tuple[Tensor, ...], outputs: Tensor) -> None:
        counts["forward"] += len(inputs[0])
        if outputs.requires_grad:

            def backward(gradient: Tensor) -> None:
                counts["backward"] += len(gradient)

            outputs.register_hook(backward)

    # Global, as robustkit gives attacks a copy of the model.
    handle = nn.modules.module.register_module_forward_hook(
        lambda module, inputs, outputs: forward(module, inputs, outputs) if isinstance(module, Classifier) else None
    )
    run(attack, problem, threat_model)
    handle.remove()
    n = len(problem.images)
    return counts["forward"] / n, counts["backward"] / n


def prepare(text: str, problem: Problem, threat_model: ThreatModel, host: Host) -> tuple[Attack, Keys]:
    """Return an attack of robustkit, run as the evaluator runs it, and its keys under seed 0."""
    from robustkit.config.shorthand import parse_shorthand
    from robustkit.host.validate import parse_params, resolve_params

    raw = dict(parse_shorthand(text))
    entry = host.catalog.find("attack", f"attacks/{raw.pop('name')}")
    params = resolve_params(entry, parse_params(entry, raw), threat_model)
    implementation = host.build(entry, params)
    keys = Keys(seed=0, stream=entry.qualified, version=1, ids=torch.arange(len(problem.images)))

    def attack(trial: Trial) -> Tensor:
        assert isinstance(trial.model, Classifier)
        assault = Assault(attack=implementation, name=entry.qualified, threat_model=threat_model, batch_size=BATCH)
        return attack_samples(assault, trial.model, trial.images, trial.labels, replace(keys, seed=trial.seed)).inputs

    return attack, keys


def foolbox_pgd(trial: Trial) -> Tensor:
    """PGD by Foolbox."""
    import eagerpy
    import foolbox

    torch.manual_seed(trial.seed)
    kind = {"linf": foolbox.attacks.LinfPGD, "l2": foolbox.attacks.L2PGD}[trial.threat_model.norm]
    step = 2.5 * trial.threat_model.eps / STEPS
    attack = kind(abs_stepsize=step, steps=STEPS, random_start=True)
    if trial.starts:
        start = eagerpy.astensor(trial.starts(0))
        attack.get_random_start = lambda inputs, epsilon: start  # noqa: ARG005
    wrapped = foolbox.PyTorchModel(trial.model, bounds=(0, 1), device=trial.images.device)
    found: Tensor = attack(wrapped, trial.images, trial.labels, epsilons=trial.threat_model.eps)[1]
    return found


def torchattacks_pgd(trial: Trial) -> Tensor:
    """PGD by torchattacks."""
    import torchattacks

    torch.manual_seed(trial.seed)
    kind = {"linf": torchattacks.PGD, "l2": torchattacks.PGDL2}[trial.threat_model.norm]
    step = 2.5 * trial.threat_model.eps / STEPS
    found: Tensor = kind(trial.model, eps=trial.threat_model.eps, alpha=step, steps=STEPS, random_start=True)(
        trial.images, trial.labels
    )
    return found


def torchattacks(kind: str, **parameters: Any) -> Attack:
    """Return another attack by torchattacks, with one restart."""

    def attack(trial: Trial) -> Tensor:
        import torchattacks as library

        more = {"n_classes": 10} if kind in ("APGDT", "FAB") else {}
        common = {"norm": {"linf": "Linf", "l2": "L2"}[trial.threat_model.norm], "eps": trial.threat_model.eps}
        made = getattr(library, kind)(trial.model, **common, n_restarts=1, seed=trial.seed, **parameters, **more)
        found: Tensor = made(trial.images, trial.labels)
        return found

    return attack


def reference(name: str) -> Attack:
    """Return AutoAttack's reference code: one member, or the version `standard`."""

    def attack(trial: Trial) -> Tensor:
        from pyautoattack import AutoAttack

        norm = {"linf": "Linf", "l2": "L2"}[trial.threat_model.norm]
        version = "standard" if name == "standard" else "custom"
        made = AutoAttack(
            trial.model,
            norm=norm,
            eps=trial.threat_model.eps,
            seed=trial.seed,
            version=version,
            device=trial.images.device,
        )
        if name != "standard":
            made.attacks_to_run = [name]
            made.apgd.n_restarts = made.fab.n_restarts = made.apgd_targeted.n_restarts = 1
            made.apgd_targeted.n_target_classes = made.fab.n_target_classes = 9
            made.square.n_queries = 5000
        if trial.starts:
            for member in (made.apgd, made.apgd_targeted):
                start_from(member, trial.images.clone(), trial.starts)
        found = made.run_standard_evaluation(trial.images, trial.labels, batch_size=len(trial.images))
        return found[0] if isinstance(found, tuple) else found

    return attack


def start_from(member: Any, images: Tensor, starts: Starts) -> None:
    """Have a member of the reference's ensemble start from these points; it attacks some of the images at a time."""
    single, runs = member.attack_single_run, itertools.count()

    def attack_single_run(inputs: Tensor, labels: Tensor) -> Any:
        rows = torch.stack([(images == each).flatten(1).all(dim=1).nonzero()[0, 0] for each in inputs])
        return single(inputs, labels, x_init=starts(next(runs))[rows])

    member.attack_single_run = attack_single_run


def open_problem(name: str, host: Host, options: argparse.Namespace) -> Problem:
    """Return a model with the first test images that it gets right."""
    if name == "provable":
        shared = Path(options.shared)
        model = {
            "checkpoint": str(shared / "checkpoints" / "fashion_mnist_provable.pth"),
            "model": f"{ROOT / 'scripts' / 'certification' / 'wong_kolter.py'}:build",
        }
        data, eps = str(shared / "fashion-mnist"), {"linf": 0.1, "l2": 1.0}
    else:
        model = {"checkpoint": str(CHECKPOINTS / f"fashion-cnn-{name}-seed0.safetensors")}
        # Where attacks leave 40 to 70 % of the adversarially trained network's images.
        data, eps = (
            "zoo/fashion-mnist-mini",
            {"linf": 0.12, "l2": 1.5} if name == "pgd-at" else {"linf": 0.1, "l2": 1.0},
        )
    plan = make_plan(parse_config({"model": [model], "data": data, "device": "cpu"}), host)
    (prepared,) = plan.models.values()
    ids = plan.ids[: options.images]
    images = torch.from_numpy(plan.dataset.read(ids)).float() / 255
    labels = prepared.translate(torch.from_numpy(plan.dataset.labels[ids]))
    with torch.no_grad():
        right = prepared.classifier(images).argmax(dim=1) == labels
    return Problem(name, prepared.classifier, images[right], labels[right], eps, int(right.sum()), len(ids))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", metavar="MODEL", help="provable, pgd-at, standard; default: all")
    parser.add_argument("--images", type=int, default=200, help="first test images (default: 200)")
    parser.add_argument("--attacks", default="", help="names, joined by commas; default: all")
    parser.add_argument("--norm", default="linf", choices=["linf", "l2"], help="of the threat model (default: linf)")
    parser.add_argument("--shared", default=str(ROOT.parent / "shared" / "data"), help="folder of published data")
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
