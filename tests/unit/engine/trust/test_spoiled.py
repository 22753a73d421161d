"""Real runs: each spoiled network is caught by the check that is made for it, and healthy networks pass all of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from robustkit.evaluation import Evaluation
from robustkit.store.checks import strict_failures

Run = Callable[..., Evaluation]
Find = Callable[[str], Path]

CAUGHT = {
    "quantised3": {"zero-gradient", "loss-rises", "unbounded"},
    "quantised15": {"zero-gradient", "finite-differences", "loss-rises", "unbounded", "black-box", "strength"},
    "noisy1": {"determinism"},
    "noisy10": {"determinism"},
    "rounded10": {"zero-gradient", "loss-rises", "unbounded"},
    "rounded1": {"zero-gradient", "loss-rises", "unbounded"},
    "softmax1": {"logits"},
    "softmax10": {"logits"},
    "training_norm": {"eval-mode", "batch-size", "state"},
    "training_dropout": {"eval-mode", "determinism"},
}
"""What must fail, each spoiling at two strengths."""


def having(done: Evaluation, *wanted: str) -> set[str]:
    return {check.id for check in done.checks if check.status in wanted and check.group != "manual"}


@pytest.mark.parametrize("base", ["standard", "pgd-at"])
@pytest.mark.parametrize("spoiling", CAUGHT)
def test_a_spoiled_network_is_caught(run: Run, bundled: Find, base: str, spoiling: str) -> None:
    done = run(bundled(base), f"small_{spoiling}")
    assert having(done, "fail") >= CAUGHT[spoiling]
    assert strict_failures(done.checks, attacked=True)


@pytest.mark.parametrize("spoiling", ["scaled100", "scaled1000"])
def test_scaled_logits_blind_the_cross_entropy(run: Run, bundled: Find, spoiling: str) -> None:
    done = run(bundled("standard"), f"small_{spoiling}")
    # The gradient itself is sound, so nothing else is at fault: the run's attack is, for it followed that loss.
    assert having(done, "fail") == {"cross-entropy", "strength"}


@pytest.mark.parametrize("spoiling", ["scaled100", "scaled1000"])
def test_scaled_logits_of_a_robust_network_warn_at_least(run: Run, bundled: Find, spoiling: str) -> None:
    # Only where the run's own numbers are off does it fail: few images of this network break at all.
    found = having(run(bundled("pgd-at"), f"small_{spoiling}"), "warn", "fail")
    assert "cross-entropy" in found
    assert found <= {"cross-entropy", "strength"}


@pytest.mark.parametrize("base", ["standard", "pgd-at", "fcl"])
def test_a_healthy_network_passes_everything(run: Run, bundled: Find, base: str) -> None:
    done = run(bundled(base), "small_plain", trust_samples=48, limit=100)
    assert having(done, "fail", "warn", "not run") == set()
    assert len(having(done, "pass")) == 24
    assert not strict_failures(done.checks, attacked=True)


def test_training_mode_without_consequences_is_caught_by_the_flags(run: Run, bundled: Find) -> None:
    # This network has neither dropout nor batch normalisation: its answers are the same, and only the mode is wrong.
    assert having(run(bundled("standard"), "small_training", attack=[]), "fail", "warn") == {"eval-mode"}


@pytest.mark.shared
class TestPublished:
    """Checkpoints that others published."""

    @pytest.fixture
    def provable(self, shared: Path) -> Path:
        return shared / "checkpoints" / "fashion_mnist_provable.pth"

    @pytest.fixture
    def resnet(self, shared: Path, tmp_path: Path) -> dict[str, Any]:
        with np.load(shared / "cifar10-jpeg" / "test.npz") as data:
            np.savez(tmp_path / "some.npz", images=data["images"][:100], labels=data["labels"][:100])
        return {
            "checkpoint": shared / "checkpoints" / "resnet20-12fca82f.th",
            "data": str(tmp_path / "some.npz"),
            "normalize": "imagenet",
            "limit": 50,
        }

    def test_a_provably_robust_network_passes_everything(self, run: Run, provable: Path, shared: Path) -> None:
        done = run(provable, "provable_plain", data=str(shared / "fashion-mnist"), limit=100, trust_samples=48)
        assert having(done, "fail", "warn", "not run") == set()

    @pytest.mark.parametrize("eps", ["0.5/255", "2/255"])
    def test_a_resnet_passes_everything(self, run: Run, resnet: dict[str, Any], eps: str) -> None:
        done = run(network="resnet_plain", attack=[f"pgd:eps={eps},steps=20"], **resnet)
        assert having(done, "fail", "warn", "not run") == set()

    def test_a_resnet_in_training_mode_is_caught(self, run: Run, resnet: dict[str, Any]) -> None:
        done = run(network="resnet_training", attack=["pgd:eps=1/255,steps=5"], **{**resnet, "limit": 40})
        assert having(done, "fail") >= {"eval-mode", "batch-size", "state"}

    @pytest.mark.parametrize("spoiling", [*CAUGHT, "scaled100", "scaled1000"])
    def test_a_spoiled_provable_network_is_caught(self, run: Run, provable: Path, shared: Path, spoiling: str) -> None:
        done = run(provable, f"provable_{spoiling}", data=str(shared / "fashion-mnist"))
        if spoiling.startswith("scaled"):
            assert "cross-entropy" in having(done, "warn", "fail")
        else:
            assert having(done, "fail") >= CAUGHT[spoiling] - {"black-box", "strength"}
