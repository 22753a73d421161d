"""The checks of a model that need no attack, each on its own: one that cannot be made costs no other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from robustkit.engine.trust import answers, logits, modes, pixels
from robustkit.engine.trust.sight import Sight
from robustkit.store.checks import Check, not_run

HEALTH = ("data-range", "eval-mode", "determinism", "batch-size", "finite-logits", "logits", "classes", "dynamic")


def check_health(sight: Sight, precision: str, attacked: bool) -> Iterator[Check]:
    """Yield the checks of `HEALTH`.

    Args:
        sight: the model and samples.
        precision: of its arithmetic.
        attacked: whether the run has attacks that take the model for a function of its input.
    """
    yield guarded("data-range", lambda: pixels.data_range(sight.images))
    yield guarded("eval-mode", lambda: modes.eval_mode(sight))
    steady = guarded("determinism", lambda: answers.determinism(sight, precision, attacked))
    yield steady
    if steady.status == "pass":
        yield guarded("batch-size", lambda: answers.batch_size(sight, precision))
    else:
        silent = bool(steady.numbers.get("not_finite"))
        reason = answers.NOT_FINITE if silent else "what the batch does cannot be told from the model's noise"
        yield not_run(["batch-size"], reason)[0]
    yield guarded("finite-logits", lambda: logits.finite_logits(sight.logits()))
    yield guarded("logits", lambda: logits.are_logits(sight.logits()))
    yield guarded("classes", lambda: logits.classes(sight.logits(), sight.labels))
    yield guarded("dynamic", lambda: modes.dynamic(sight))


def guarded(name: str, check: Callable[[], Check]) -> Check:
    """Return a check, or why it could not be made: a model's own code can fail in any way."""
    try:
        return check()
    except (Exception, SystemExit) as error:
        return not_run([name], failed(error))[0]


def failed(error: BaseException) -> str:
    """Return the reason for a check that raised."""
    return f"it could not be made: {type(error).__name__}: {' '.join(str(error).split())}"[:300]


def unsteady(checks: Iterable[Check]) -> str:
    """Return why a model's answers cannot be compared with one another; empty where they can."""
    why = {
        "determinism": "the model is randomised: what one probe finds beyond another is noise",
        "batch-size": "answers depend on the batch: what one probe finds beyond another may be due to that",
    }
    moving = next((check for check in checks if check.id in why and check.status in ("warn", "fail")), None)
    if moving is None:
        return ""
    return answers.NOT_FINITE if moving.numbers.get("not_finite") else why[moving.id]
