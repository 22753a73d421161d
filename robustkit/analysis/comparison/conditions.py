"""Conditions as reports name and sort them: short names, families of severities, the strongest of each attack."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Condition:
    """One condition of a report.

    Attributes:
        text: the canonical string.
        kind: `clean`, `perturbation`, `attack` or `worst-case`.
        component: qualified name.
        strength: severity of a perturbation, eps of an attack, 0 for clean.
        name: short, unique in the report.
        family: what remains of `text` without the strength: conditions of one family differ in strength alone.
        family_name: short, unique in the report.
        norm: of an attack's threat model.
        stochastic: whether it was evaluated under several seeds where the run has several.
        tags: of the component.
        params: of the component, by name; of stored images those that they were written with, empty if unknown.
        written: whether its images are stored files that robustkit wrote.
    """

    text: str
    kind: str
    component: str
    strength: float
    name: str
    family: str
    family_name: str
    norm: str = ""
    stochastic: bool = False
    tags: tuple[str, ...] = ()
    params: Mapping[str, Any] = field(default_factory=dict)
    written: bool = False


WORST_CASE = "worst-case"
"""Kind and component of a condition that stands for all attacks within a norm and eps."""

_STRENGTH = {"perturbation": "severity", "attack": "eps"}
_ALWAYS = (*_STRENGTH.values(), "source")
"""Parameters that every name shows: how strong, and that the images are stored ones."""


def source_of(facts: Mapping[str, Any]) -> str:
    """Return whether a condition's inputs are `stored`, as clean ones are, or were `generated` in the run.

    Args:
        facts: what the manifest says of the condition; the first manifests do not say it.
    """
    return str(facts.get("source") or ("stored" if facts["kind"] == "clean" else "generated"))


def describe_conditions(found: Mapping[str, Mapping[str, Any]]) -> dict[str, Condition]:
    """Return the conditions by canonical string.

    Args:
        found: by canonical string, what the manifest says of each.
    """
    families = {text: _family(text, facts) for text, facts in found.items()}
    names, family_names = short_names(found), short_names(families.values())
    return {
        text: Condition(
            text=text,
            kind=facts["kind"],
            component=facts["component"],
            strength=_strength(facts),
            name=names[text],
            family=families[text],
            family_name=family_names[families[text]],
            norm=(facts.get("threat_model") or {}).get("norm", ""),
            stochastic=bool(facts.get("stochastic")),
            tags=tuple(facts.get("tags") or ()),
            params=dict(facts.get("params") or {}) or _params_written(facts),
            written=bool(facts.get("written_as")),
        )
        for text, facts in found.items()
    }


def short_names(texts: Iterable[str]) -> dict[str, str]:
    """Return a short unique name for each canonical condition: its strength, and what else tells it from the others.

    >>> names = short_names(["clean", "c/fog:mode=fixed,severity=1", "c/fog:mode=fixed,severity=2"])
    >>> list(names.values())
    ['clean', 'fog, severity 1', 'fog, severity 2']
    >>> list(short_names(["a/pgd:eps=0.1,steps=5", "a/pgd:eps=0.1,steps=9"]).values())
    ['pgd, eps 0.1, steps 5', 'pgd, eps 0.1, steps 9']
    """
    split = {text: split_canonical(text) for text in texts}
    bare = {component: component.rpartition("/")[2] for component, _ in split.values()}
    names = {}
    for text, (component, items) in split.items():
        siblings = [others for other, others in split.values() if other == component]
        clash = sum(name == bare[component] for name in bare.values()) > 1
        shown = _telling(items, siblings)
        first = component if clash else bare[component]
        names[text] = ", ".join([first, *(f"{key} {items[key]}" for key in shown)])
    return names


def by_family(conditions: Iterable[Condition]) -> str:
    """Return conditions in few words, their strengths together: `fog (severities 1, 3), pgd (eps 0.1)`."""
    families: dict[str, list[Condition]] = {}
    for condition in conditions:
        families.setdefault(condition.family, []).append(condition)
    parts = []
    for members in families.values():
        if members[0].kind == "clean":
            parts.append("clean")
            continue
        noun = "eps" if members[0].kind == "attack" else "severity" if len(members) == 1 else "severities"
        parts.append(f"{members[0].family_name} ({noun} {', '.join(f'{each.strength:g}' for each in members)})")
    return ", ".join(parts)


def _telling(items: Mapping[str, str], siblings: Sequence[Mapping[str, str]]) -> list[str]:
    """Return the parameters that a name shows: strength and source always, others where they tell siblings apart."""
    keys = list(dict.fromkeys(key for each in siblings for key in each))
    shown = [key for key in keys if key in _ALWAYS]
    for key in keys:
        if key not in shown and _kinds(siblings, [*shown, key]) > _kinds(siblings, shown):
            shown.append(key)
    return [key for key in shown if key in items]


def _kinds(siblings: Sequence[Mapping[str, str]], keys: Sequence[str]) -> int:
    return len({tuple(each.get(key) for key in keys) for each in siblings})


def split_canonical(text: str) -> tuple[str, dict[str, str]]:
    """Return the component and the parameters, as they are written, of a canonical string.

    >>> split_canonical("m/x:layers=[a,b],samples=3")
    ('m/x', {'layers': '[a,b]', 'samples': '3'})
    """
    component, _, rest = text.partition(":")
    # Lists hold commas too; only those before a key separate parameters.
    items = re.split(r",(?=[\w-]+=)", rest) if rest else []
    return component, dict(item.split("=", 1) for item in items if "=" in item)


def _params_written(facts: Mapping[str, Any]) -> dict[str, str]:
    """Return the parameters that stored images were written with; files of a quality hold what `storage_jpeg` makes."""
    _, items = split_canonical(facts.get("written_as") or "")
    params = {key.replace("-", "_"): value for key, value in items.items() if key != "severity"}
    return params | ({"storage_jpeg": str(jpeg)} if (jpeg := facts.get("written_with_jpeg")) else {})


def _family(text: str, facts: Mapping[str, Any]) -> str:
    component, items = split_canonical(text)
    # Resolved parameters such as a step size follow eps, so attacks of one family may differ in them.
    dropped = {"severity"} if facts["kind"] == "perturbation" else {"eps", "step-size"}
    kept = ",".join(f"{key}={value}" for key, value in items.items() if key not in dropped)
    return f"{component}:{kept}" if kept else component


def _strength(facts: Mapping[str, Any]) -> float:
    if facts["kind"] == "attack":
        return float((facts.get("threat_model") or {}).get("eps", 0.0))
    return float(facts["severity"] or 0.0)
