"""Given the same starting points, robustkit's gradient attacks break the images that other libraries' break.

What is left of the comparison in `benchmarks/attacks.py` when nothing is random. The libraries stop at their last point
or their best one, robustkit at the first that is misclassified: an image may be broken here and not there.
"""

from __future__ import annotations

import importlib.util
import sys
from argparse import Namespace
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from robustkit import ThreatModel, load_host
from robustkit_attacks.ball import ball_around

# Foolbox imports what scipy calls deprecated.
pytestmark = [pytest.mark.peers, pytest.mark.filterwarnings("ignore:Please import:DeprecationWarning")]

BENCHMARK = Path(__file__).parents[3] / "benchmarks" / "attacks.py"
HOST = load_host()
CASES = [("pgd", "foolbox"), ("apgd-ce", "autoattack"), ("apgd-t", "autoattack")]


@cache
def load_benchmark():
    spec = importlib.util.spec_from_file_location("benchmark_of_attacks", BENCHMARK)
    module = importlib.util.module_from_spec(spec)
    # Its dataclasses look their module up.
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def compare(attack, peer, model, norm, *, seed=0):
    """Return what robustkit breaks from the starts of seed 0, and a peer from those of `seed`."""
    benchmark = load_benchmark()
    problem = benchmark.open_problem(model, HOST, Namespace(images=100, shared=""))
    threat_model = ThreatModel(norm=norm, eps=problem.eps[norm])
    duel = benchmark.duels()[attack]
    own, keys = benchmark.prepare(duel.own, problem, threat_model, HOST)
    starts = duel.starts(ball_around(problem.images, threat_model), replace(keys, seed=seed))
    here = benchmark.run(own, problem, threat_model)
    there = benchmark.run(duel.peers[peer], problem, threat_model, starts=starts)
    return (benchmark.judge(each, problem, threat_model) for each in (here, there))


@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize("model", ["pgd-at", "standard"])
@pytest.mark.parametrize(("attack", "peer"), CASES)
def test_the_same_starts_break_the_same_images(attack, peer, model, norm):
    ours, theirs = compare(attack, peer, model, norm)
    assert int(theirs.sum()) > 5
    assert load_benchmark().jaccard(ours, theirs) >= 0.97
    assert int((theirs & ~ours).sum()) <= 1


@pytest.mark.parametrize(("attack", "peer"), CASES[:2])
def test_control_other_starts_are_told_apart(attack, peer):
    ours, theirs = compare(attack, peer, "pgd-at", "linf", seed=1)
    assert load_benchmark().jaccard(ours, theirs) < 0.97
