"""What the reader of a paired comparison should know besides its numbers."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from robustkit.analysis.comparison.conditions import Condition, by_family
from robustkit.analysis.paired.samples import Aligned
from robustkit.analysis.paired.sides import Side
from robustkit.store.checks import CHECKS, checks_from_plain

ENOUGH_SEEDS = 5
"""Training seeds a side that a claim about a method should rest on."""


def remarks(
    named: tuple[Side, Side],
    sides: tuple[Aligned, Aligned],
    conditions: Mapping[str, Condition],
    shared: Collection[str],
    lone: Sequence[str],
) -> list[str]:
    """Return notes on runs, samples, conditions, metrics and training seeds, the gravest first.

    Args:
        named: the sides.
        sides: the same on the shared samples.
        conditions: all that either side has.
        shared: those that could be compared.
        lone: metrics that one side alone has.
    """
    runs = list({id(side.run): side.run for side in named}.values())
    notes = [run.unfinished for run in runs if run.unfinished]
    notes += [
        f"run {run.name} has {len(run.manifest['failures'])} failure(s)" for run in runs if run.manifest["failures"]
    ]
    notes += _distrusted(named, sides)
    notes += _same_model(named, sides) + _samples(named, sides) + _conditions(named, sides, conditions, shared)
    notes += [f"metrics that one side alone has: {', '.join(lone)}"] if lone else []
    return notes + _seeds(named, sides)


def _distrusted(named: tuple[Side, Side], sides: tuple[Aligned, Aligned]) -> list[str]:
    """Return which trust checks a side has failed: its numbers may not be what they seem."""
    notes = []
    for each, side in zip(named, sides, strict=True):
        models = {member.evaluations[0].model for member in side.members}
        failed = [check for check in checks_from_plain(each.run.manifest.get("checks", [])) if check.status == "fail"]
        titles = dict.fromkeys(CHECKS[check.id][0] for check in failed if not check.model or check.model in models)
        notes += (
            [f"{each.label} failed trust checks ({', '.join(titles)}): 'robustkit show' says more"] if titles else []
        )
    return notes


def _same_model(named: tuple[Side, Side], sides: tuple[Aligned, Aligned]) -> list[str]:
    one, two = ([member.evaluations[0].identity for member in side.members] for side in sides)
    return (
        [f"{named[0].label} and {named[1].label} share a model: it is compared with itself"]
        if any(each in two for each in one)
        else []
    )


def _samples(named: tuple[Side, Side], sides: tuple[Aligned, Aligned]) -> list[str]:
    if all(side.whole for side in sides):
        return []
    counts = ", ".join(f"{side.label} {len(each.ids[0])}" for side, each in zip(named, sides, strict=True))
    return [f"only the {len(sides[0].shared)} samples that both sides share are compared ({counts})"]


def _conditions(
    named: tuple[Side, Side],
    sides: tuple[Aligned, Aligned],
    conditions: Mapping[str, Condition],
    shared: Collection[str],
) -> list[str]:
    notes, left = [], [each for text, each in conditions.items() if text not in shared]
    having = [[each for each in left if any(each.text == text for text, _ in _rows(side))] for side in sides]
    both = [each for each in left if all(each in one for one in having)]
    for side, mine in zip(named, having, strict=True):
        alone = [each for each in mine if each not in both]
        notes += [f"not compared, as {side.label} alone has it: {by_family(alone)}"] if alone else []
    notes += [f"not compared, for want of records or of a common seed: {by_family(both)}"] if both else []
    return notes


def _rows(side: Aligned) -> list[tuple[str, str]]:
    return [key for member in side.members for key in member.rows]


def _seeds(named: tuple[Side, Side], sides: tuple[Aligned, Aligned]) -> list[str]:
    counts = {each.label: len(side.members) for each, side in zip(named, sides, strict=True)}
    once = [label for label, count in counts.items() if count == 1]
    if once:
        return [
            f"{' and '.join(once)}: trained once. The intervals are over samples: they say how the models differ, and "
            "not how the methods do that trained them"
        ]
    few = [f"{label} {count}" for label, count in counts.items() if count < ENOUGH_SEEDS]
    return (
        [f"few training seeds ({', '.join(few)}): {ENOUGH_SEEDS} or more a side are advised for a claim"] if few else []
    )
