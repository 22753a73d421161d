"""The trust report of a run: what it covers, that it is computed once, and that nothing in a model can end a run."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from robustkit.engine.runner import Unobserved
from robustkit.evaluation import Evaluation, evaluate
from robustkit.store import RunFolder
from robustkit.store.checks import CHECKS, checks_from_plain, strict_failures

Run = Callable[..., Evaluation]
Find = Callable[[str], Path]

HEALTH = {name for name, (_, group) in CHECKS.items() if group == "model"} - {"expected-clean"} | {"data-range"}
MASKED = {name for name, (_, group) in CHECKS.items() if group == "masking"}
ATTACKED = {name for name, (_, group) in CHECKS.items() if group in ("gradient", "masking")}
CELLS = {"strength", "denominators", "verified"}


class Watch(Unobserved):
    def __init__(self) -> None:
        self.checked: list[str] = []

    def checking(self, model: str) -> None:
        self.checked.append(model)


def found(done: Evaluation) -> dict[str, Any]:
    return {check.id: check for check in done.checks if check.group != "manual"}


def test_without_attacks_only_the_models_health_is_checked(run: Run, bundled: Find) -> None:
    done = run(bundled("standard"), "small_plain", attack=[], perturbation=["contrast:severity=1"])
    assert set(found(done)) == HEALTH
    assert [check for check in done.checks if check.group == "manual"] == []
    assert not strict_failures(done.checks, attacked=False)


def test_with_attacks_everything_is_in_the_manifest_as_plain_data(run: Run, bundled: Find) -> None:
    done = run(bundled("standard"), "small_plain")
    assert set(found(done)) == HEALTH | ATTACKED | CELLS
    plain = done.folder.read_manifest()["checks"]
    assert checks_from_plain(plain) == done.checks
    keys = {"id", "title", "group", "status", "model", "condition", "seed", "numbers", "advice"}
    assert all(set(each) == keys for each in plain)
    assert [check.id for check in done.checks if check.group == "manual"] == [
        "adaptive-attack",
        "threat-model",
        "released-code",
    ]


def test_two_norms_and_several_seeds_and_eps_have_checks_of_their_own(run: Run, bundled: Find) -> None:
    attack = ["pgd:eps=[0.02,0.1],steps=2"]
    done = run(bundled("pgd-at"), "small_plain", attack=attack, seed=[0, 1], limit=20)
    trends = [(check.condition.partition(":")[0], check.seed) for check in done.checks if check.id == "eps-trend"]
    assert trends == [("attacks/pgd", 0), ("attacks/pgd", 1)]
    assert sum(check.id == "seeds" for check in done.checks) == 2
    assert [check.numbers["eps"] for check in done.checks if check.id == "black-box"] == [0.1]


@pytest.mark.parametrize("attack", ["fgsm:eps=1e-8", "fgsm:eps=1e-7,norm=l2"])
def test_a_ball_that_rounding_swallows_accuses_nobody(run: Run, bundled: Find, attack: str) -> None:
    checks = found(run(bundled("pgd-at"), "small_plain", attack=[attack]))
    assert checks["loss-rises"].status == "not run"
    assert "float32" in checks["loss-rises"].advice
    assert checks["unbounded"].status == "pass"


def test_a_resumed_run_probes_nothing_twice_and_says_the_same(run: Run, bundled: Find) -> None:
    first, again = Watch(), Watch()
    once = run(bundled("standard"), "small_plain", observer=first)
    twice = run(bundled("standard"), "small_plain", observer=again)
    assert (first.checked, again.checked) == (["small_plain"], [])
    assert twice.checks == once.checks


@pytest.mark.parametrize("damage", ["", "{}", "[]", '{"schema": 1}', "swap"])
def test_what_was_damaged_is_probed_again(run: Run, bundled: Find, damage: str) -> None:
    once = run(bundled("standard"), "small_plain", limit=10, trust_samples=4)
    (path,) = (once.folder.path / "trust").iterdir()
    text = path.read_text().replace("pass", "fail") if damage == "swap" else damage
    path.write_text(text)
    watch = Watch()
    twice = run(bundled("standard"), "small_plain", limit=10, trust_samples=4, observer=watch)
    assert watch.checked == ["small_plain"]
    assert twice.checks == once.checks


def test_another_number_of_samples_is_another_finding_of_the_same_run(run: Run, bundled: Find) -> None:
    run(bundled("standard"), "small_plain", trust_samples=8)
    done = run(bundled("standard"), "small_plain", trust_samples=12)
    assert found(done)["batch-size"].numbers["n"] == 12
    assert done.outcome.computed == 0


def test_no_samples_mean_that_nothing_was_run_and_strict_says_so(run: Run, bundled: Find) -> None:
    done = run(bundled("standard"), "small_plain", trust_samples=0)
    checks = found(done)
    assert {name for name, check in checks.items() if check.status == "not run"} == HEALTH - {"chance"} | ATTACKED
    assert "--trust-samples 0" in checks["unbounded"].advice
    assert {check.id for check in strict_failures(done.checks, attacked=True)} == ATTACKED


def test_too_few_samples_to_fail_on_are_too_few_to_pass_on(run: Run, bundled: Find) -> None:
    few = run(bundled("standard"), "small_plain", trust_samples=2)
    assert {each.id for each in few.checks if each.status == "not run" and each.group == "masking"} == MASKED
    assert {check.id for check in strict_failures(few.checks, attacked=True)} == MASKED
    assert "it takes 3 samples" in found(few)["unbounded"].advice
    enough = run(bundled("standard"), "small_plain", trust_samples=3)
    assert not [each.id for each in enough.checks if each.status == "not run" and each.group == "masking"]


def test_the_clean_accuracy_that_is_expected(run: Run, bundled: Find) -> None:
    done = run(bundled("standard"), "small_plain", attack=[], expect_clean=0.85)
    assert found(done)["expected-clean"].status == "pass"
    assert (
        found(run(bundled("standard"), "small_plain", attack=[], expect_clean=1.0))["expected-clean"].status == "fail"
    )


NETS = """
import torch
from robustkit_zoo.small_cnn import SmallCnn
from robustkit_zoo.params import SmallCnnParams

class Base(SmallCnn):
    calls = 0
    def __init__(self):
        super().__init__(SmallCnnParams())

class Counting(Base):
    def __init__(self):
        super().__init__()
        self.register_buffer("seen", torch.zeros(()), persistent=False)
    def forward(self, x):
        self.seen += len(x)
        return super().forward(x)

class Failing(Base):
    def forward(self, x):
        if len(x) == 1:
            raise SystemExit("one is too few")
        return super().forward(x)

class Detached(Base):
    def forward(self, x):
        return super().forward(x).detach()

class NotANumber(Base):
    def forward(self, x):
        return super().forward(x) * (torch.nan if len(x) > 2 else 1)

class Bad(Base):
    def forward(self, x):
        return super().forward(x) * 0
"""


@pytest.fixture
def other(tmp_path: Path, bundled: Find) -> Callable[..., Evaluation]:
    (tmp_path / "nets.py").write_text(NETS)

    def start(network: str, **settings: Any) -> Evaluation:
        model = {"checkpoint": str(bundled("pgd-at")), "model": f"{tmp_path / 'nets.py'}:{network}", "name": network}
        config = {"model": [model], "data": "zoo/fashion-mnist-mini", "limit": 30, "trust_samples": 16, "device": "cpu"}
        return evaluate({**config, "metric": ["accuracy"], **settings}, out=tmp_path / network)

    return start


def test_a_model_that_counts_its_inputs_has_changed(other: Run) -> None:
    assert {name for name, check in found(other("Counting")).items() if check.status != "pass"} == {"state"}


def test_a_model_that_ends_the_process_loses_one_check(other: Run) -> None:
    checks = found(other("Failing"))
    assert (checks["batch-size"].status, checks["logits"].status) == ("not run", "pass")
    assert "SystemExit: one is too few" in checks["batch-size"].advice


def test_a_black_box_run_of_a_model_without_a_gradient_is_not_called_checked(other: Run, tmp_path: Path) -> None:
    (tmp_path / "box.py").write_text(BOX)
    done = other("Detached", attack=["still:eps=0.1"], include=[str(tmp_path / "box.py")])
    assert not done.failures
    checks = found(done)
    assert (checks["differentiable"].status, checks["unbounded"].status) == ("fail", "not run")
    assert {"differentiable", "unbounded"} <= {check.id for check in strict_failures(done.checks, attacked=True)}


def test_a_model_whose_logits_are_no_numbers_fails_though_it_has_no_cell(other: Run) -> None:
    done = other("NotANumber")
    assert done.failures
    assert found(done)["finite-logits"].status == "fail"
    assert found(done)["chance"].status == "not run"


def test_a_model_at_chance_is_told(other: Run) -> None:
    done = other("Bad", limit=200, attack=["fgsm:eps=0.1"])
    checks = found(done)
    assert checks["chance"].status == "fail"
    assert checks["zero-gradient"].status == "fail"


BOX = """
import robustkit
import torch


class Still:
    def __init__(self, params):
        pass

    def run(self, model, inputs, labels, threat_model, keys):
        n = torch.ones(len(inputs), dtype=torch.int64)
        return robustkit.AttackResult(candidates=inputs, best_loss=n.float(), queries=n, forwards=n, backwards=n)


def attack(name, tags=()):
    facts = {"needs": frozenset(), "stochastic": False, "norms": ("linf", "l2"), "tags": tags}
    return robustkit.Attack(name=name, summary="does nothing", target=Still, **facts)


@robustkit.hookimpl
def robustkit_attacks():
    return [attack("still"), attack("averaged", ("eot",))]
"""


@pytest.mark.parametrize(("attack", "status"), [([], "fail"), (["pgd:eps=0.1"], "pass")])
def test_the_worst_case_over_the_runs_attacks_is_what_counts(
    run: Run, bundled: Find, tmp_path: Path, attack: list[str], status: str
) -> None:
    (tmp_path / "box.py").write_text(BOX)
    settings = {"attack": ["still:eps=0.1", *attack], "include": [str(tmp_path / "box.py")]}
    strength = found(run(bundled("standard"), "small_plain", **settings))["strength"]
    assert strength.status == status
    if status == "fail":
        assert (strength.numbers["robust_after_the_run"], strength.numbers["missed"]) == (24, 24)


def test_an_l2_ball_is_probed_beside_an_linf_one(other: Run, tmp_path: Path) -> None:
    (tmp_path / "box.py").write_text(BOX)
    done = other("Base", attack=["still:eps=0.5,norm=l2", "still:eps=0.02"], include=[str(tmp_path / "box.py")])
    assert [check.numbers["norm"] for check in done.checks if check.id == "black-box"] == ["l2", "linf"]
    assert sum(check.id == "unbounded" for check in done.checks) == 1


@pytest.mark.parametrize(("attack", "status"), [("averaged", "warn"), ("still", "fail")])
def test_noise_fails_unless_the_attack_averages_over_it(
    run: Run, bundled: Find, tmp_path: Path, attack: str, status: str
) -> None:
    (tmp_path / "box.py").write_text(BOX)
    torch.manual_seed(0)
    done = run(bundled("pgd-at"), "small_noisy1", attack=[f"{attack}:eps=0.1"], include=[str(tmp_path / "box.py")])
    assert found(done)["determinism"].status == status


def test_folders_keep_what_they_are_given_and_nothing_else(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.commit_trust("k" * 64, {"checks": [], "probed": []})
    assert folder.read_trust("k" * 64) == {"checks": [], "probed": []}
    assert folder.read_trust("k" * 32 + "l" * 32) is None
    stored = json.loads(folder.trust_path("k" * 64).read_text())
    folder.trust_path("k" * 64).write_text(json.dumps({**stored, "found": '{"checks": [1]}'}))
    assert folder.read_trust("k" * 64) is None
