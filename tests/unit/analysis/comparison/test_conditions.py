"""Short names of conditions, and which of them belong together."""

from __future__ import annotations

import pytest

from robustkit.analysis.comparison.conditions import describe_conditions, short_names


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["clean"], ["clean"]),
        (
            ["corruptions/gaussian-noise:mode=reference,profile=cifar,severity=1"],
            ["gaussian-noise, severity 1"],
        ),
        (
            ["c/fog:profile=cifar,severity=1", "c/fog:profile=imagenet,severity=1"],
            ["fog, severity 1, profile cifar", "fog, severity 1, profile imagenet"],
        ),
        (["a/fog:severity=1", "b/fog:severity=1"], ["a/fog, severity 1", "b/fog, severity 1"]),
        (
            ["a/pgd:eps=8/255,step-size=2/255,steps=5", "a/pgd:eps=4/255,step-size=1/255,steps=5"],
            ["pgd, eps 8/255", "pgd, eps 4/255"],
        ),
        (
            ["c/mix:levels=[1,2],severity=1", "c/mix:levels=[3,4],severity=1"],
            ["mix, severity 1, levels [1,2]", "mix, severity 1, levels [3,4]"],
        ),
    ],
)
def test_a_name_shows_strength_and_what_tells_it_from_the_others(texts: list[str], expected: list[str]) -> None:
    assert list(short_names(texts).values()) == expected


def test_names_are_unique() -> None:
    texts = [f"c/fog:profile={p},mode={m},severity={s}" for p in "ab" for m in "xy" for s in (1, 2)]
    assert len(set(short_names(texts).values())) == len(texts)


def test_a_family_differs_in_strength_alone() -> None:
    texts = ["c/fog:profile=cifar,severity=1", "c/fog:profile=cifar,severity=2", "c/fog:profile=imagenet,severity=1"]
    facts = {"kind": "perturbation", "component": "c/fog"}
    found = describe_conditions({text: {**facts, "severity": float(text[-1])} for text in texts})
    families = [condition.family for condition in found.values()]
    assert families[0] == families[1] != families[2]
    assert found[texts[1]].strength == 2.0
