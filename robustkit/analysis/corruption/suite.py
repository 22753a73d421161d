"""Which corruptions have an error over all severities, and what the mean over them may be called."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from robustkit.analysis.comparison.comparison import Comparison
from robustkit.analysis.comparison.conditions import Condition
from robustkit.analysis.comparison.runs import ACCURACY
from robustkit.analysis.corruption.baseline import CorruptionBaseline
from robustkit.analysis.corruption.error import SEVERITIES

BENCHMARK = "imagenet-c"
COMMON = 15
"""Corruptions that ImageNet-C's mean is over."""

VIEW = (3, 224, 224)
IMAGES = 50_000
QUALITY = "85"
"""Of ImageNet-C's files."""

PLAIN = ("", "0")
"""Qualities of images that are no JPEG files."""

_WORDNET = re.compile(r"n\d{8}")


@dataclass(frozen=True, kw_only=True)
class Suite:
    """Corruptions of one plugin that were made in the same way.

    Attributes:
        plugin: which contributes them.
        profile: whose constants they follow; empty where they have no such parameter.
        mode: as the reference or mended; empty where they have no such parameter.
        source: `stored` for published files, `written` for stored ones that robustkit wrote, `generated` for what was
            made for the run.
        jpeg: quality of the JPEG files as which generated images are (`storage_jpeg`), `0` for none; empty
            where they have no such parameter.
        common: by qualified name of a common corruption, its conditions at severities 1 to 5.
        extra: the same of those that the benchmark holds out.
        incomplete: names of those that were not measured at all these severities.
    """

    plugin: str
    profile: str
    mode: str
    source: str
    jpeg: str
    common: dict[str, tuple[str, ...]] = field(default_factory=dict)
    extra: dict[str, tuple[str, ...]] = field(default_factory=dict)
    incomplete: list[str] = field(default_factory=list)

    @property
    def all(self) -> dict[str, tuple[str, ...]]:
        """Common ones, then extra ones."""
        return {**self.common, **self.extra}


def find_suites(comparison: Comparison) -> list[Suite]:
    """Return the suites with at least one common corruption that was measured at all severities from 1 to 5."""
    suites: dict[tuple[str, ...], Suite] = {}
    for members in comparison.families().values():
        first = members[0]
        tag = next((tag for tag in ("common", "extra") if tag in first.tags), "")
        if tag:
            key = _key(comparison, first)
            plugin, profile, mode, source, jpeg = key
            suite = suites.setdefault(key, Suite(plugin=plugin, profile=profile, mode=mode, source=source, jpeg=jpeg))
            _add(suite, tag, members)
    return [suite for suite in suites.values() if suite.common]


def _key(comparison: Comparison, condition: Condition) -> tuple[str, str, str, str, str]:
    profile, mode, jpeg = (str(condition.params.get(name, "")) for name in ("profile", "mode", "storage_jpeg"))
    source = "written" if condition.written else _source(comparison, condition.text)
    return condition.component.partition("/")[0], profile, mode, source, jpeg


def _source(comparison: Comparison, text: str) -> str:
    members = [member for team in comparison.teams for member in team.members]
    rows = [row for member in members for row in member.rows.get((text, ACCURACY), {}).values()]
    return "stored" if any(row.get("source") == "stored" for row in rows) else "generated"


def _add(suite: Suite, tag: str, members: Sequence[Condition]) -> None:
    by_severity = {condition.strength: condition.text for condition in members}
    chosen = {"common": suite.common, "extra": suite.extra}[tag]
    if set(SEVERITIES) <= set(by_severity) and members[0].component not in chosen:
        chosen[members[0].component] = tuple(by_severity[severity] for severity in SEVERITIES)
    else:
        suite.incomplete.append(members[0].family_name)


def obstacles(suite: Suite, data: Mapping[str, Any], baseline: CorruptionBaseline) -> list[str]:
    """Return why the mean of the corruption errors is not ImageNet-C's mCE; nothing if it is.

    Args:
        suite: the corruptions.
        data: what the manifest says about the dataset.
        baseline: what their errors are divided by.
    """
    view, classes = data.get("view") or {}, data.get("classes") or []
    size = tuple(view.get(side) for side in ("channels", "height", "width"))
    imagenet = len(classes) == 1000 and all(_WORDNET.fullmatch(str(name)) for name in classes)
    # Published files say by their names only what they are.
    unstated = ("",) if suite.source == "stored" else ()
    found = {
        f"the baseline {baseline.name} is not the one that ImageNet-C is defined with": baseline.benchmark != BENCHMARK,
        f"{len(suite.common)} of its {COMMON} corruptions were measured": len(suite.common) != COMMON,
        f"the constants are those of the profile '{suite.profile}'": suite.profile not in ("imagenet", *unstated),
        f"the mode is '{suite.mode}'": suite.mode not in ("reference", *unstated),
        f"the images are as JPEG files of quality {suite.jpeg}, not {QUALITY}": suite.jpeg not in (*PLAIN, QUALITY),
        f"the images are {'x'.join(map(str, size))}, not {'x'.join(map(str, VIEW))}": size != VIEW,
        "the data are not known as ImageNet's, which have 1,000 classes named by their WordNet ids": not imagenet,
    }
    return [reason for reason, holds in found.items() if holds]


def mean_title(suite: Suite, data: Mapping[str, Any], baseline: CorruptionBaseline | None) -> str:
    """Return what the mean over the common corruptions is called; `mCE` is ImageNet-C's alone."""
    partial = f"{len(suite.common)} of {COMMON}"
    if baseline is None:
        return "mean corruption error" + (f" ({partial})" if len(suite.common) < COMMON else "")
    if not obstacles(suite, data, baseline):
        return "mCE" if suite.source == "stored" else "mCE (generated images)"
    if len(suite.common) < COMMON:
        return f"mean CE ({partial}), baseline {baseline.name}"
    return f"mCE-style, baseline {baseline.name}"
