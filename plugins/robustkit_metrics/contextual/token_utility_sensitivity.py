"""Contextual utility and sensitivity of words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

import robustkit
from robustkit_metrics.contextual.params import TokenUtilitySensitivityParams
from robustkit_metrics.contextual.ranges import AGREEMENT, REASONS
from robustkit_metrics.contextual.sample_columns import CHANCE, Said, append, estimate_means

_REASONS = {part: f"the text has fewer than two words, or {REASONS[part]}" for part in AGREEMENT}


@dataclass(frozen=True)
class TokenUtilitySensitivity:
    """Whether the words to which a model is sensitive are those that are useful to it, text by text.

    Each word is left out (or replaced) in turn: its utility is the absolute change of the cross-entropy of the label,
    its sensitivity the change of the representation relative to the representation's length; robustkit's definitions,
    after Kim et al. (2021). Undefined for texts of fewer than two words. The parts are means over texts with Student's
    t-interval; of `contrast-ratio`, the geometric mean. See `robustkit.agreement` and `robustkit.word_effects`.
    """

    params: TokenUtilitySensitivityParams

    @property
    def layers(self) -> tuple[str, ...]:
        """The layer that is the representation, if one is named: the host looks for it before anything is computed."""
        return (self.params.layer,) if self.params.layer else ()

    def measure(self, batch: robustkit.MetricBatch) -> robustkit.State:
        """Return one column for each part, with one number a text; NaN where it is undefined."""
        assert not isinstance(batch.inputs, Tensor)
        respond = robustkit.Representation(batch.model, self.params.layer, self.params.channels).respond(batch.labels)
        effects = robustkit.word_effects(
            respond,
            batch.inputs,
            perturb=self.params.perturb,
            replacement=self.params.replacement,
            max_length=_max_length(batch.model),
        )
        found = [self._agreement(each) for each in effects]
        return {name: torch.stack([row[name] for row in found]).numpy() for name in found[0]}

    def merge(self, states: Sequence[robustkit.State]) -> robustkit.State:
        """Return the columns of all texts."""
        return append(states)

    def estimate(self, chunks: Sequence[robustkit.State]) -> dict[str, robustkit.Estimate]:
        """Return the mean of each column; texts for which it is undefined are left out, and counted in the note."""
        return estimate_means(append(chunks), Said(reasons=_REASONS))

    def _agreement(self, effects: robustkit.WordEffects) -> dict[str, Tensor]:
        """Return each part of one text as a number."""
        utility, sensitivity = effects.utility.abs()[None], effects.sensitivity[None]
        if len(effects.spans) < 2 or not bool(sensitivity.isfinite().all()):
            names = [*AGREEMENT, *(CHANCE + name for name in AGREEMENT)]
            return dict.fromkeys(names, torch.tensor(torch.nan, dtype=torch.float64))
        # The sensitivity of a word is relative already: the length is 1.
        length = torch.ones(1, dtype=torch.float64)
        given = (utility, sensitivity, length, self.params.fraction)
        found = robustkit.agreement(*given)
        found |= {CHANCE + name: each for name, each in robustkit.agreement_by_chance(*given).items()}
        return {name: each[0] for name, each in found.items()}


def _max_length(model: torch.nn.Module) -> int | None:
    found = getattr(model, "max_length", getattr(getattr(model, "net", None), "max_length", None))
    return found if isinstance(found, int) else None
