"""What a run finds out about itself: whether its numbers can be trusted, as plain data for the manifest."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, get_args

from robustkit.errors import DataError

Status = Literal["fail", "warn", "not run", "pass"]
STATUSES: tuple[Status, ...] = get_args(Status)
"""The worst first."""

Group = Literal["model", "gradient", "masking", "attack", "data", "manual"]
"""What a check is about: the model as it was evaluated, its input gradient, whether gradients are masked, what the
run's own attacks came to, the inputs, and what only a person can check."""

Number = float | int | str | None

CHECKS: Mapping[str, tuple[str, Group]] = {
    "character-error-rate": ("character error rate", "data"),
    "data-range": ("images in [0, 1]", "data"),
    "eval-mode": ("evaluation mode", "model"),
    "determinism": ("same answer each time", "model"),
    "batch-size": ("same answer in any batch", "model"),
    "state": ("parameters and buffers unchanged", "model"),
    "finite-logits": ("finite logits", "model"),
    "logits": ("logits, not probabilities", "model"),
    "classes": ("labels are classes of the model", "model"),
    "dynamic": ("forward pass without gradients of its own", "model"),
    "chance": ("clean accuracy above chance", "model"),
    "expected-clean": ("clean accuracy as expected", "model"),
    "differentiable": ("differentiable", "gradient"),
    "finite-gradient": ("finite input gradient", "gradient"),
    "zero-gradient": ("non-zero input gradient", "gradient"),
    "finite-differences": ("gradient agrees with finite differences", "gradient"),
    "iterations": ("several steps beat one", "masking"),
    "loss-rises": ("loss rises along the gradient", "masking"),
    "converged": ("20 steps are enough", "masking"),
    "cross-entropy": ("cross-entropy sees what the margin sees", "masking"),
    "unbounded": ("unbounded attack breaks everything", "masking"),
    "random-corners": ("random corners find nothing beyond the gradient", "masking"),
    "black-box": ("search without gradients finds nothing beyond the gradient", "masking"),
    "strength": ("attacks as strong as robustkit's probes", "attack"),
    "denominators": ("samples behind the shares", "attack"),
    "verified": ("adversarial inputs verified", "attack"),
    "eps-trend": ("accuracy falls with eps", "attack"),
    "seeds": ("seeds agree", "attack"),
    "adaptive-attack": ("an attack made for this defence", "manual"),
    "threat-model": ("a threat model in words", "manual"),
    "released-code": ("code and weights that others can run", "manual"),
}
"""Every check by its id, in the order of reports: title and group."""

_VOIDING = "character-error-rate"
"""The check that leaves no result where it fails: the condition was not what its severity says."""


@dataclass(frozen=True, kw_only=True)
class Check:
    """One check of one model, or of one condition.

    Attributes:
        id: which check; a key of `CHECKS`.
        status: `not run` never counts as passed.
        model: name of the model; empty for what is not about one.
        condition: canonical string; empty for the model as a whole.
        seed: of the condition; None for all seeds or none.
        numbers: what was measured, and the bars that it was held against. All finite.
        advice: why it was not run, or what to do about it; empty where it passed.
    """

    id: str
    status: Status
    model: str = ""
    condition: str = ""
    seed: int | None = None
    numbers: Mapping[str, Number] = field(default_factory=dict)
    advice: str = ""

    @property
    def title(self) -> str:
        """In a few words, what holds where it passes."""
        return CHECKS[self.id][0]

    @property
    def group(self) -> Group:
        """What it is about."""
        return CHECKS[self.id][1]


@dataclass(frozen=True, kw_only=True)
class Probed:
    """What robustkit's own probes of a model break.

    Attributes:
        model: its name.
        norm: of the ball.
        eps: its size.
        ids: of the samples that were tried, all of them right before.
        broken: of those that any probe broke, each confirmed on a fresh forward pass.
    """

    model: str
    norm: str
    eps: float
    ids: tuple[int, ...]
    broken: tuple[int, ...]


def judged(name: str, status: Status, numbers: Mapping[str, Number], advice: str) -> Check:
    """Return a check of this id, with the advice only where it did not pass."""
    return Check(id=name, status=status, numbers=numbers, advice="" if status == "pass" else advice)


def not_run(ids: Iterable[str], reason: str, model: str = "") -> list[Check]:
    """Return the checks of these ids as ones that were not run."""
    return [Check(id=each, status="not run", model=model, advice=reason) for each in ids]


def checks_to_plain(checks: Iterable[Check]) -> list[dict[str, Any]]:
    """Return checks as plain values for JSON: the fields, title and group; a number that is not finite is a string."""
    return [
        {
            **{"id": check.id, "title": check.title, "group": check.group},
            **{key: value for key, value in asdict(check).items() if key != "id"},
            "numbers": {key: _plain(value) for key, value in check.numbers.items()},
        }
        for check in checks
    ]


def _plain(value: Number) -> Number:
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def checks_from_plain(values: Iterable[Mapping[str, Any]]) -> list[Check]:
    """Return the checks that `checks_to_plain` made plain.

    Raises:
        DataError: something else, or a check that this robustkit does not know.
    """
    found = []
    for each in values:
        facts = {key: value for key, value in dict(each).items() if key not in ("title", "group")}
        if facts.get("id") not in CHECKS or facts.get("status") not in STATUSES:
            raise DataError(
                f"expected a check with a known id and status, got {each!r:.80}",
                "another robustkit version wrote the manifest: repeat the run in a new folder",
            )
        try:
            found.append(Check(**facts))
        except TypeError as error:
            raise DataError(
                f"a check is not as robustkit writes it: {error}", "repeat the run in a new folder"
            ) from error
    return found


def describe(check: Check) -> str:
    """Return a check in one line: what it is, what was measured, what to do.

    >>> describe(Check(id="chance", status="fail", numbers={"accuracy": 0.125, "n": 48}, advice="look at the data"))
    'clean accuracy above chance: accuracy 0.125, n 48; look at the data'
    """
    numbers = ", ".join(f"{name.replace('_', ' ')} {shown(value)}" for name, value in check.numbers.items())
    said = "; ".join(part for part in (numbers, check.advice) if part)
    return f"{check.title}: {said}" if said else check.title


def shown(value: Number) -> str:
    """Return a number of a check as reports print it: four significant digits; nothing for None."""
    if isinstance(value, float):
        return f"{value:.4g}"
    return "" if value is None else str(value)


def tally(checks: Iterable[Check]) -> str:
    """Return in one line how many checks came to what; those for people to make are left out.

    >>> tally([Check(id="logits", status="pass"), Check(id="state", status="fail")])
    '1 passed, 1 failed'
    """
    words = {"pass": "passed", "fail": "failed", "warn": "with a warning", "not run": "not run"}
    counts = Counter(check.status for check in checks if check.group != "manual")
    order: tuple[Status, ...] = ("pass", "fail", "warn", "not run")
    return ", ".join(f"{counts[status]} {words[status]}" for status in order if counts[status]) or "no checks"


def voided(checks: Iterable[Check]) -> set[tuple[str, int | None]]:
    """Return condition and seed of the cells that have no result, because the inputs were not what they should be."""
    return {(check.condition, check.seed) for check in checks if check.id == _VOIDING and check.status == "fail"}


def strict_failures(checks: Iterable[Check], attacked: bool) -> list[Check]:
    """Return the checks for which `robustkit eval --strict` fails.

    Args:
        checks: of a run.
        attacked: whether it attacked; then masking that nobody looked for counts, too.
    """
    return [
        check
        for check in checks
        if check.status == "fail" or (attacked and check.status == "not run" and check.group in ("gradient", "masking"))
    ]
