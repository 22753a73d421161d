"""The trust report as users meet it: on stderr, as an exit code, in `show`, on the page."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

ATTACK = ("-a", "pgd:eps=0.1,steps=5", "-m", "accuracy")


def spoil(small: Any, tmp_path: Path, answer: str) -> list[str]:
    """Return the arguments that evaluate the small model with another answer."""
    (tmp_path / "spoiled.py").write_text(
        "import torch\nfrom torch import nn\n\n"
        "class Net(nn.Sequential):\n"
        "    def forward(self, x):\n"
        f"        return {answer}\n\n"
        "def build():\n    return Net(nn.Flatten(), nn.Linear(64, 3))\n"
    )
    return [str(small.checkpoint), "--model", f"{tmp_path / 'spoiled.py'}:build", "--data", str(small.data)]


def test_a_healthy_model_passes_under_strict(robustkit: Any, small: Any) -> None:
    done = robustkit("eval", *small.arguments, *ATTACK, "--strict", "-o", "r")
    assert done.code == 0, done.err
    assert re.search(r"^robustkit: trust: 24 passed; 'robustkit show RUN'", done.err, flags=re.M)
    shown = robustkit("show", "r").out
    assert "\ntrust: 24 passed\n  not checked by this tool: an attack made for this defence; a threat model" in shown


def test_a_masked_model_fails_under_strict_alone(robustkit: Any, small: Any, tmp_path: Path) -> None:
    arguments = spoil(small, tmp_path, "super().forward(torch.round(x * 4) / 4)")
    loose = robustkit("eval", *arguments, *ATTACK, "-o", "r")
    assert (loose.code, "robustkit: trust: FAIL small0: non-zero input gradient: zero sh" in loose.err) == (0, True)
    strict = robustkit("eval", *arguments, *ATTACK, "-o", "r", "--resume", "--strict", "--json")
    assert strict.code == 1
    assert "robustkit: --strict: FAIL small0: non-zero input gradient: zero share margin 1, " in strict.err
    assert "trust: FAIL" not in strict.err, "each is named once"
    assert "probing" not in strict.err, "the first run has the findings"
    failed = {check["id"]: check for check in strict.json["failed_checks"]}
    assert failed["zero-gradient"]["numbers"]["zero_share_margin"] == 1.0
    shown = robustkit("show", "r").out
    assert re.search(r"\ntrust: \d+ passed, \d+ failed\n  FAIL small0: non-zero input gradient: .*BPDA", shown)
    page = Path(tmp_path / robustkit("report", "r").out.strip()).read_text("utf8")
    assert "Do not rely on small0: " in page
    assert page.index("Do not rely on small0: ") < page.index("<h3>Verdict</h3>")
    assert page.index("Trust checks: ") < page.index("Do not rely on small0: ")
    assert (tmp_path / "r" / "report" / "tables" / "checks.csv").read_text().startswith("status,check,model,condition")


def test_probabilities_fail_and_warnings_do_not(robustkit: Any, small: Any, tmp_path: Path) -> None:
    soft = spoil(small, tmp_path, "super().forward(x).softmax(1)")
    done = robustkit("eval", *soft, "-m", "accuracy", "--strict")
    assert (done.code, "the model returns probabilities" in done.err) == (1, True)
    noisy = spoil(small, tmp_path, "super().forward(x) + 0.01 * torch.randn(len(x), 3)")
    done = robustkit("eval", *noisy, "-m", "accuracy", "--strict", "-o", "n")
    assert (done.code, "1 with a warning" in done.err) == (0, True)
    assert "robustkit: trust: WARN small0: same answer each time: " in done.err
    assert "  WARN small0: same answer each time: " in robustkit("show", "n").out


def test_strict_does_not_take_what_was_not_looked_for(robustkit: Any, small: Any) -> None:
    unchecked = (*small.arguments, "-m", "accuracy", "--trust-samples", 0, "--strict")
    done = robustkit("eval", *unchecked, "-a", "fgsm:eps=0.1")
    assert done.code == 1
    lines = [line for line in done.err.splitlines() if "--strict:" in line]
    assert len(lines) == 1, "what has one reason has one line"
    assert lines[0].endswith(": switched off by --trust-samples 0")
    assert robustkit("eval", *unchecked).code == 0


def test_an_expected_accuracy(robustkit: Any, small: Any) -> None:
    assert robustkit("eval", *small.arguments, "--expect-clean", 0.9, "--strict", "-o", "r").code == 0
    done = robustkit("eval", "--resume", "-o", "r", "--model", small.model, "--expect-clean", 0.99, "--strict")
    assert done.code == 1
    assert "FAIL small0: clean accuracy as expected: accuracy 0.9, ci low " in done.err
    robustkit("eval", *small.arguments, "--expect-clean", 90).assert_error(2, "expect_clean", "less than or equal to 1")
    robustkit("eval", *small.arguments, "--trust-samples", -1).assert_error(2, "trust_samples", "greater than or equal")


def test_a_failed_cell_comes_before_trust(robustkit: Any, small: Any, tmp_path: Path) -> None:
    broken = spoil(small, tmp_path, "super().forward(x) * (torch.nan if len(x) > 3 else 1)")
    done = robustkit("eval", *broken, "--strict", "-o", "r")
    assert done.code == 4
    assert "FAIL small0: finite logits: " in done.err
    checks = json.loads((tmp_path / "r" / "manifest.json").read_text())["checks"]
    assert {check["id"]: check["status"] for check in checks}["chance"] == "not run"
