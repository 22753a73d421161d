"""What a report says of the trust checks of its runs: sentences for the verdict, and the table of all of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from robustkit.analysis.comparison.conditions import short_names
from robustkit.analysis.comparison.runs import Run
from robustkit.analysis.specs import TableCell, TableColumn, TableSpec
from robustkit.store.checks import STATUSES, Check, checks_from_plain, shown, tally

CAPTION = (
    "What the runs checked about themselves, the worst first: docs/trust.md says how and with which thresholds. What "
    "was not run never counts as passed. Passing is no proof of robustness: it says that none of these signs was seen."
)


@dataclass(frozen=True, kw_only=True)
class TrustSaid:
    """Sentences about trust checks.

    Attributes:
        failed: what must be known before any result.
        doubts: what a reader should keep in mind: warnings, and masking that nobody looked for.
    """

    failed: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()


def trust_said(runs: Sequence[Run]) -> TrustSaid:
    """Return what the checks of these runs come to, in sentences; models with the same failures share one."""
    checks = [replace(check, model=_named(check, run, runs)) for run in runs for check in _checks(run)]
    failed: dict[tuple[str, ...], dict[str, None]] = {}
    advice: dict[tuple[str, ...], str] = {}
    for about in dict.fromkeys(check.model for check in checks):
        own = [check for check in checks if check.model == about and check.status == "fail"]
        titles = tuple(dict.fromkeys(check.title for check in own))
        if titles:
            failed.setdefault(titles, {})[about] = None
            advice.setdefault(titles, own[0].advice)
    sentences = [_sentence(titles, list(about), advice[titles]) for titles, about in failed.items()]
    doubts = [*_doubts(checks, "warn", "Trust warning"), *_doubts(checks, "not run", "Not checked")]
    return TrustSaid(failed=tuple(sentences), doubts=tuple(doubts))


def _named(check: Check, run: Run, runs: Sequence[Run]) -> str:
    """Return whom a check is about; among several runs their models may share a name."""
    name = check.model or check.condition
    return f"{name} ({run.name})" if len(runs) > 1 else name


def _sentence(titles: Sequence[str], about: Sequence[str], advice: str) -> str:
    noun = "trust check fails" if len(titles) == 1 else f"{len(titles)} trust checks fail"
    first = "" if len(titles) == 1 else "First of all: "
    said = advice or "see the table of checks"
    return f"Do not rely on {', '.join(about)}: {noun} ({'; '.join(titles)}). {_upper(first + said)}."


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]


def _doubts(checks: Iterable[Check], status: str, what: str) -> list[str]:
    """Return one sentence for each advice that checks of a status give, with the models that it is about."""
    about: dict[str, dict[str, None]] = {}
    titles: dict[str, dict[str, None]] = {}
    for check in checks:
        if check.status == status and check.group != "manual":
            about.setdefault(check.advice, {})[check.model] = None
            titles.setdefault(check.advice, {})[check.title] = None
    return [f"{what}, {', '.join(about[each])}: {_few(list(titles[each]))} ({each})." for each in about]


def _few(titles: Sequence[str]) -> str:
    return "; ".join(titles[:3]) + (f" and {len(titles) - 3} more" if len(titles) > 3 else "")


def trust_table(runs: Sequence[Run]) -> TableSpec | None:
    """Return all checks of all runs, the worst first, or None where there are none."""
    checks = [(run.name, check) for run in runs for check in _checks(run)]
    if not checks:
        return None
    names = short_names(check.condition for _, check in checks if check.condition)
    checks.sort(key=lambda pair: STATUSES.index(pair[1].status))
    several = len(runs) > 1
    titles = ("status", "check", "model", "condition", "numbers", "advice", *(("run",) if several else ()))
    rows = []
    for run, check in checks:
        numbers = ", ".join(f"{name.replace('_', ' ')} {shown(value)}" for name, value in check.numbers.items())
        seed = f", seed {check.seed}" if check.condition and check.seed is not None else ""
        condition = TableCell(text=f"{names[check.condition]}{seed}" if check.condition else "", full=check.condition)
        texts = [TableCell(text=text) for text in (check.status, check.title, check.model)]
        last = [TableCell(text=text) for text in (numbers, check.advice, *((run,) if several else ()))]
        rows.append((*texts, condition, *last))
    return TableSpec(
        id="checks",
        title=f"Trust checks: {tally(check for _, check in checks)}",
        caption=CAPTION,
        columns=tuple(TableColumn(title=title) for title in titles),
        rows=tuple(rows),
    )


def _checks(run: Run) -> list[Check]:
    return checks_from_plain(run.manifest.get("checks", []))
