"""The verdict: what the numbers say in plain words, and what they do not say."""

from __future__ import annotations

from collections.abc import Sequence

from robustkit.analysis.captions import UPPER_BOUND
from robustkit.analysis.comparison.comparison import NO_ACCURACY, Comparison, Difference, Measured, Subject
from robustkit.analysis.report.trust import TrustSaid
from robustkit.analysis.specs import FigureSpec, Finding, Panel

FEW_SEEDS = 4


def verdict(comparison: Comparison, tradeoff: FigureSpec | None, trust: TrustSaid | None = None) -> tuple[Finding, ...]:
    """Return the findings, the most important first; a function of the numbers alone.

    That a run was not finished or is not to be trusted comes before everything. Who has the highest value leads only
    where its difference to every other is separable.

    Differences are called separable where their 95 % interval excludes 0, each on its own: with many models some will
    be by chance.

    Args:
        comparison: what was measured.
        tradeoff: the trade-off figure, whose fronts are put into words.
        trust: what the runs' checks of themselves come to.
    """
    scopes = [scope for scope in comparison.headline if comparison.ranking(scope)]
    found = [_overall(comparison, scopes)] if len(comparison.subjects) > 1 and len(scopes) > 1 else []
    found += [_about(comparison, scope) for scope in scopes]
    if tradeoff and len(comparison.subjects) > 1:
        found.append(_fronts(tradeoff.panels))
    if not comparison.has_accuracy:
        found.append(Finding(about="accuracy", text=f"{NO_ACCURACY[0].upper()}{NO_ACCURACY[1:]}."))
    trust = trust or TrustSaid()
    doubts = [Finding(about="caution", text=text, kind="caution") for text in trust.doubts]
    return (*_alerts(comparison, trust), *found, *doubts, *_cautions(comparison))


def _alerts(comparison: Comparison, trust: TrustSaid) -> list[Finding]:
    unfinished = [Finding(about="not finished", text=text, kind="alert") for text in comparison.unfinished]
    return [*unfinished, *(Finding(about="not to be trusted", text=text, kind="alert") for text in trust.failed)]


def _overall(comparison: Comparison, scopes: Sequence[str]) -> Finding:
    best = {scope: _best(comparison, scope) for scope in scopes}
    everywhere = [each.name for each in comparison.subjects if all(each.name in names for names in best.values())]
    if not everywhere:
        parts = [
            f"{_some(names)} ({' · '.join(_title(comparison, scope) for scope in scopes if best[scope] == names)})"
            for names in dict.fromkeys(best.values())
        ]
        text = f"No model is best in every respect. Highest point estimates: {'; '.join(parts)}."
    elif len(everywhere) > 1:
        text = f"{_some(everywhere)} share the highest point estimate in every respect."
    elif all(gap.separable for (scope, _), gap in comparison.gaps.items() if scope in scopes):
        text = f"{everywhere[0]} has the highest accuracy in every respect."
    else:
        text = (
            f"{everywhere[0]} has the highest point estimate in every respect, but not every difference is separable "
            "from chance."
        )
    return Finding(about="overall", text=text)


def _best(comparison: Comparison, scope: str) -> tuple[str, ...]:
    """Return who has the highest value under a scope: several where it is the same."""
    ranking = comparison.ranking(scope)
    highest = comparison.of(ranking[0], scope).value
    return tuple(each.name for each in ranking if comparison.of(each, scope).value == highest)


def _title(comparison: Comparison, scope: str) -> str:
    return comparison.scopes[scope].title


def _about(comparison: Comparison, scope: str) -> Finding:
    ranking = comparison.ranking(scope)
    best = ranking[0]
    measured = comparison.of(best, scope)
    others = [(each, comparison.gaps[scope, each.name]) for each in ranking[1:]]
    if not others:
        return Finding(about=_title(comparison, scope), text=f"{best.name} reaches {share(measured)}.")
    if all(gap.value == 0 for _, gap in others):
        return Finding(about=_title(comparison, scope), text=f"All are level at {share(measured)}.")
    clear = all(gap.separable for _, gap in others)
    first = f"{best.name} leads with" if clear else f"Highest point estimate: {best.name} with"
    return Finding(about=_title(comparison, scope), text=f"{first} {share(measured)}: {_gaps(others)}.")


def _gaps(others: Sequence[tuple[Subject, Difference]]) -> str:
    ahead = [(each, gap) for each, gap in others if gap.separable]
    close = [(each, gap) for each, gap in others if not gap.separable]
    parts = []
    if ahead:
        # The closest of those that are behind says the most.
        each, gap = min(ahead, key=lambda pair: pair[1].value)
        rest = f" and further ahead of {_count(len(ahead) - 1)}" if len(ahead) > 1 else ""
        parts.append(f"ahead of {each.name} by {points(gap)}{rest}")
    if close:
        names = ", ".join(f"{each.name} ({points(gap)})" for each, gap in close[:3])
        more = f" and {len(close) - 3} more" if len(close) > 3 else ""
        parts.append(f"not separable from {names}{more}")
    return "; ".join(parts)


def _count(others: int) -> str:
    return "one other" if others == 1 else f"{others} others"


def share(measured: Measured) -> str:
    """Return an accuracy with its interval, in per cent.

    >>> share(Measured(value=0.9, low=0.861, high=0.9291)), share(Measured(value=0.5))
    ('90.0 % [86.1, 92.9]', '50.0 %')
    """
    if measured.value is None:
        return "–"
    text = f"{100 * measured.value:.1f} %"
    if measured.low is None or measured.high is None:
        return text
    return f"{text} [{100 * measured.low:.1f}, {100 * measured.high:.1f}]"


def points(gap: Difference) -> str:
    """Return a difference in percentage points with its interval."""
    text = f"{100 * gap.value:.1f} points"
    if gap.low is None or gap.high is None:
        return f"{text}, no interval"
    return f"{text} [{_signed(gap.low)}, {_signed(gap.high)}]"


def _signed(value: float) -> str:
    # A minus sign, not a hyphen: it stands between numbers.
    text = f"{100 * value:.1f}"
    return "0.0" if text == "-0.0" else text.replace("-", "−")


def _fronts(panels: Sequence[Panel]) -> Finding:
    """Put the Pareto fronts into words, those that are equal together."""
    titles: dict[str, list[str]] = {}
    for panel in panels:
        titles.setdefault(_front(panel), []).append(panel.title)
    parts = [
        f"{'Against' if place else 'Clean accuracy against'} {' · '.join(each)}: {front}."
        for place, (front, each) in enumerate(titles.items())
    ]
    return Finding(about="Pareto front", text=" ".join(parts))


def _front(panel: Panel) -> str:
    on, reaches, dominated = (
        ", ".join(each.name for each in panel.series if each.points[0].front == place)
        for place in ("on", "reaches", "dominated")
    )
    parts = [f"on the front {on}"]
    parts += [f"not separable from it {reaches}"] if reaches else []
    parts += [f"dominated {dominated}"] if dominated else []
    return "; ".join(parts)


def _cautions(comparison: Comparison) -> list[Finding]:
    texts = []
    if comparison.failures:
        texts.append(f"{comparison.failures} cell(s) or metric(s) have no result: they are in no figure and no mean.")
    texts += comparison.caveats
    texts += [f"{name}: {caveat}." for name, caveat in comparison.metric_caveats.items()]
    attacks = {condition.component for condition in comparison.conditions.values() if condition.kind == "attack"}
    if attacks:
        texts.append(f"{UPPER_BOUND} Here: {', '.join(sorted(attacks))}.")
    else:
        texts.append("No attack was run: nothing here says how the models fare against an adversary.")
    if len(comparison.subjects) > 2:
        texts.append("Each difference is judged on its own at 95 %: among many, some will look separable by chance.")
    alone = [subject.name for subject in comparison.subjects if not subject.is_group]
    if alone:
        whose = "Its" if len(alone) == 1 else "Their"
        texts.append(
            f"Trained once: {_some(alone)}. {whose} intervals cover the choice of samples, not what another training "
            "seed would give."
        )
    few = [subject for subject in comparison.subjects if subject.is_group and len(subject.models) <= FEW_SEEDS]
    if few:
        seeds = ", ".join(f"{subject.name}: {len(subject.models)}" for subject in few)
        texts.append(f"Few training seeds ({seeds}): intervals over seeds are wide, and cover no choice of samples.")
    return [Finding(about="caution", text=text, kind="caution") for text in texts]


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
