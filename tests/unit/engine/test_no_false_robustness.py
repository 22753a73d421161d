"""What an attack cannot see is refused or counted as it is: no model looks robust because it hides something."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from robustkit import Evaluation, evaluate
from robustkit.store import RunFolder

NET = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(16, 3)

    def logits(self, x):
        return self.linear(x.flatten(1))

    def forward(self, x):
        {body}

def build():
    return {build}
"""

Try = Callable[..., Evaluation]


@pytest.fixture
def attempt(tmp_path: Path) -> Try:
    """Evaluate a network whose forward has the given body, on 20 images on which the plain network is right."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (20, 4, 4), dtype=np.uint8)
    weight = torch.from_numpy(rng.normal(size=(3, 16)).astype(np.float32))
    labels = (torch.from_numpy(images).reshape(20, -1).float() / 255 @ weight.T).argmax(dim=1).numpy()
    np.savez(tmp_path / "data.npz", images=images, labels=labels)
    save_file({"linear.weight": weight, "linear.bias": torch.zeros(3)}, tmp_path / "model.safetensors")

    def run(body: str, attack: str, *, build: str = "Net()", **more: Any) -> Evaluation:
        (tmp_path / "net.py").write_text(NET.format(body=body.replace("\n", "\n        "), build=build))
        model = {"checkpoint": str(tmp_path / "model.safetensors"), "model": f"{tmp_path / 'net.py'}:build"}
        config = {"model": [model], "data": str(tmp_path / "data.npz"), "attack": attack, "device": "cpu", **more}
        return evaluate(config, out=tmp_path / "run")

    return run


def rows_of(done: Evaluation, metric: str = "accuracy") -> dict[str, Any]:
    return {row["perturbation"]: row for row in done.rows if row["metric"] == f"metrics/{metric}"}


HIDDEN = {
    "detached": "return self.logits(x.detach())",
    "no grad": "with torch.no_grad():\n    return self.logits(x)",
    "inference": "with torch.inference_mode():\n    return self.logits(x)",
    "a gradient, but not of the inputs": "return self.logits(x.detach()) + torch.zeros(1, requires_grad=True)",
    "fails backwards": "y = torch.relu(self.logits(x))\ny += 1\nz = y * y\ny += 1\nreturn z",
}


@pytest.mark.parametrize("attack", ["fgsm:eps=0.1", "pgd:eps=0.1,steps=2"])
@pytest.mark.parametrize("kind", HIDDEN)
def test_a_model_without_gradients_has_no_result_under_a_white_box_attack(attempt: Try, kind: str, attack: str) -> None:
    done = attempt(HIDDEN[kind], attack)
    assert list(rows_of(done)) == ["clean"]
    (failure,) = done.failures
    assert failure["condition"].startswith(f"attacks/{attack.partition(':')[0]}")
    assert "gives none with respect to its inputs" in failure["error"]
    assert "no robustness" in failure["error"]


def test_the_plain_network_has_gradients(attempt: Try) -> None:
    done = attempt("return self.logits(x)", "fgsm:eps=0.1")
    assert not done.failures
    assert rows_of(done)["attacks/fgsm"]["value"] < 1


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
@pytest.mark.parametrize("hidden", [False, True])
def test_torchscript_is_attacked_where_it_has_gradients_and_refused_where_it_hides_them(
    attempt: Try, hidden: bool
) -> None:
    body = "return self.linear(x.detach().flatten(1))" if hidden else "return self.linear(x.flatten(1))"
    done = attempt(body, "fgsm:eps=0.1", build="torch.jit.script(Net())")
    if hidden:
        assert "gives none with respect to its inputs" in done.failures[0]["error"]
    else:
        assert not done.failures
        assert rows_of(done)["attacks/fgsm"]["value"] < 1


BLACK_BOX = """
import torch
from robustkit import Attack, AttackResult, hookimpl

class Up:
    def __init__(self, params): pass

    def run(self, model, inputs, labels, threat_model, keys):
        n = torch.ones(len(inputs), dtype=torch.int64)
        up = (inputs + threat_model.eps * 0.999).clamp(0, 1){wrong}
        return AttackResult(candidates=up, best_loss=n.double(), queries=n, forwards=n, backwards=0 * n)

@hookimpl
def robustkit_attacks():
    return [Attack(name="up", summary="brighter", target=Up, needs=frozenset(), stochastic=False)]
"""


def test_a_black_box_attack_needs_no_gradients(attempt: Try, tmp_path: Path) -> None:
    (tmp_path / "up.py").write_text(BLACK_BOX.format(wrong=""))
    done = attempt(HIDDEN["detached"], "up:eps=0.1", include=[str(tmp_path / "up.py")])
    assert not done.failures
    assert rows_of(done)["up/up"]["n"] == 20


def test_an_attack_that_returns_nan_has_no_result(attempt: Try, tmp_path: Path) -> None:
    (tmp_path / "up.py").write_text(BLACK_BOX.format(wrong=" * float('nan')"))
    done = attempt("return self.logits(x)", "up:eps=0.1", include=[str(tmp_path / "up.py")])
    assert list(rows_of(done)) == ["clean"]
    assert "left its threat model" in done.failures[0]["error"]


NO_PROBE = "(x.flatten(1).diff(dim=1) < 0).any(dim=1, keepdim=True)"
"""Leaves out the rising images with which a model is tried before a run: with NaN there it would be refused at once."""


def off_grid(value: str) -> str:
    """Return a forward that answers `value` where a pixel is no multiple of 1/255: on clean images never."""
    return (
        "y = self.logits(x)\n"
        "off = ((x * 255 - (x * 255).round()).abs() > 0.01).flatten(1).any(dim=1)\n"
        f"return torch.where(off.unsqueeze(1) & {NO_PROBE}, torch.full_like(y, {value}), y)"
    )


def records_under_attack(done: Evaluation) -> dict[str, Any]:
    manifest = json.loads((done.folder.path / "manifest.json").read_text())
    (cell,) = (cell for cell in manifest["cells"] if cell["condition"] != "clean")
    records = RunFolder(done.folder.path).read_cell(cell["key"], 1)
    assert records is not None
    return records


EVERY = {
    **{name: f"{name}:eps=0.0123" for name in ("fgsm", "random-noise", "pgd", "apgd-ce", "apgd-dlr", "square")},
    "pgd, L2": "pgd:eps=0.05,norm=l2",
}


@pytest.mark.parametrize("value", ["float('nan')", "float('inf')"])
@pytest.mark.parametrize("attack", EVERY.values(), ids=list(EVERY))
def test_logits_that_an_attack_makes_nan_are_neither_robust_nor_fooled(attempt: Try, attack: str, value: str) -> None:
    done = attempt(off_grid(value), attack, metric=["default"], save_examples=True)
    assert not done.failures
    records = records_under_attack(done)
    assert set(records["broken_by"]) == {"invalid"}
    assert set(records["prediction"]) == {-1}
    assert np.isnan(records["nll"]).all()
    name = f"attacks/{attack.partition(':')[0]}"
    assert (rows_of(done)[name]["value"], rows_of(done)[name]["n"]) == (0.0, 20)
    assert rows_of(done)["clean"]["value"] == 1.0
    assert rows_of(done, "nll")[name]["value"] is None
    manifest = json.loads((done.folder.path / "manifest.json").read_text())
    notes = [note["note"] for note in manifest["notes"] if isinstance(note, dict)]
    assert any("the logits of 20 of 20 samples are not finite: neither right nor fooled" in note for note in notes)


def test_an_attack_that_looks_for_the_boundary_shows_points_without_an_answer_too(attempt: Try) -> None:
    """FAB goes as far as the boundary, which needs a large ball; some samples it breaks on the grid, at 0 and 1."""
    records = records_under_attack(attempt(off_grid("float('nan')"), "fab-t:eps=0.5"))
    assert "invalid" in set(records["broken_by"]) <= {"invalid", "attacks/fab-t"}


def test_logits_that_are_nan_on_some_adversarial_inputs_cost_those_samples_alone(attempt: Try, tmp_path: Path) -> None:
    """NaN above a brightness that no clean image has, and that some of the attacked ones reach."""
    (tmp_path / "up.py").write_text(BLACK_BOX.format(wrong=""))
    images = np.load(tmp_path / "data.npz")["images"].reshape(20, -1) / 255
    after = np.minimum(images + 0.0999, 1).mean(axis=1)
    threshold = max(float(np.median(after)), float(images.mean(axis=1).max()) + 1e-4)
    expected = after > threshold
    assert 0 < expected.sum() < 20
    body = (
        "y = self.logits(x)\n"
        f"bright = x.flatten(1).mean(dim=1, keepdim=True) > {threshold!r}\n"
        f"return torch.where(bright & {NO_PROBE}, torch.full_like(y, float('nan')), y)"
    )
    done = attempt(body, "up:eps=0.1", include=[str(tmp_path / "up.py")])
    assert not done.failures
    records = records_under_attack(done)
    assert ((records["broken_by"] == "invalid") == expected).all()
    assert ((records["prediction"] == -1) == expected).all()
    assert np.isfinite(records["nll"][~expected]).all()
    held = records["broken_by"] == ""
    assert rows_of(done)["up/up"]["value"] == held.mean()


def test_logits_that_are_nan_on_a_clean_image_fail_the_clean_cell(attempt: Try) -> None:
    body = (
        "y = self.logits(x)\n"
        "dark = (x.flatten(1).mean(dim=1, keepdim=True) < 0.45)\n"
        f"return torch.where(dark & {NO_PROBE}, torch.full_like(y, float('nan')), y)"
    )
    done = attempt(body, "fgsm:eps=0.01")
    assert "clean" not in rows_of(done)
    assert "NaN or infinite logits for" in done.failures[0]["error"]
    records = records_under_attack(done)
    # Nothing was attacked that the model did not get right.
    nan = records["prediction"] == -1
    assert nan.any()
    assert set(records["broken_by"][nan]) <= {"clean", "invalid"}
    assert "clean" in set(records["broken_by"][nan])


ADAPTIVE = """
with torch.enable_grad():
    y = x.detach().clone().requires_grad_()
    (slope,) = torch.autograd.grad(self.logits(y).logsumexp(1).sum(), y)
return self.logits(x + 0.001 * slope.sign())
""".strip()


@pytest.mark.parametrize("attack", ["square:eps=0.1,queries=5", "pgd:eps=0.1,steps=2"])
def test_a_model_that_differentiates_while_it_answers_is_attacked(attempt: Try, attack: str) -> None:
    done = attempt(ADAPTIVE, attack, save_examples=True)
    assert not done.failures
    assert rows_of(done)[f"attacks/{attack.partition(':')[0]}"]["n"] == 20
