"""Perturbations that all models have at several severities, clean inputs first: the sequences that curves are over."""

from __future__ import annotations

from dataclasses import dataclass

from robustkit.analysis.comparison.comparison import CLEAN, Comparison

FEWEST = 2
"""Severities above 0: with one there is a difference, and no curve."""

MEAN = "mean"


@dataclass(frozen=True, kw_only=True)
class SeveritySequence:
    """One perturbation at several severities.

    Attributes:
        family: its conditions' common part.
        name: short, unique in the report.
        texts: its conditions; the first is `clean`.
        severities: of each, ascending from 0.
        noise: whether its frames have nothing in common but the image, as its tags or its name say.
    """

    family: str
    name: str
    texts: tuple[str, ...]
    severities: tuple[float, ...]
    noise: bool


def find_sequences(comparison: Comparison) -> list[SeveritySequence]:
    """Return the perturbations that all models share at two severities or more, where clean inputs are shared too."""
    if CLEAN not in comparison.shared:
        return []
    found = []
    for family, members in comparison.families().items():
        # Severity 0 is the clean input, whatever the perturbation.
        shared = [each for each in members if each.text in comparison.shared and each.strength > 0]
        if len({each.strength for each in shared}) == len(shared) >= FEWEST:
            component = shared[0].component.rpartition("/")[2]
            found.append(
                SeveritySequence(
                    family=family,
                    name=shared[0].family_name,
                    texts=(CLEAN, *(each.text for each in shared)),
                    severities=(0.0, *(each.strength for each in shared)),
                    noise="noise" in (*shared[0].tags, *component.split("-")),
                )
            )
    return found
