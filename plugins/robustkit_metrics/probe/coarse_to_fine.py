"""Coarse-to-fine transfer of a model that was trained on coarse labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

import robustkit
from robustkit_metrics.features.chosen import CHOSEN, keep_chosen, merge_chosen, reason_of
from robustkit_metrics.features.vectors import UnusableError
from robustkit_metrics.groups.group_file import read_groups
from robustkit_metrics.probe.embedding import embed
from robustkit_metrics.probe.params import CoarseToFineParams

_OWN, _REFERENCE = "model", "reference"
_PARTS = ("transfer", "accuracy", "top-1", "nc1", "cdnv")
_CEILING = "ceiling"

Mask = NDArray[np.bool_]


class CoarseToFine:
    """How much a representation that was trained on coarse labels says about fine ones: `robustkit.coarse_to_fine`.

    Parts: `transfer`, from 0 at chance within each coarse class to 1 at the ceiling; `accuracy` within coarse classes;
    `top-1` over all fine labels; `nc1` and `cdnv`, how far fine classes have melted into their coarse class; with a
    reference its accuracy, `ceiling`.

    Args:
        params: where the fine labels are, which layer, how probes are fitted, which samples are kept.

    Raises:
        robustkit.ConfigError: a layer of the reference without a reference.
        robustkit.DataError: the file with the fine labels cannot be used.
    """

    def __init__(self, params: CoarseToFineParams) -> None:
        if params.reference_layer and not params.reference:
            raise robustkit.ConfigError(
                f"coarse-to-fine: reference_layer={params.reference_layer} is of a second model, and none is named",
                "name it with reference=NAME, or leave out reference_layer",
            )
        self.params = params
        self._fine = read_groups(Path(params.labels).expanduser(), params.column)

    @property
    def reference(self) -> str:
        """Name of the model whose accuracy is the ceiling; empty for none."""
        return self.params.reference

    @property
    def layers(self) -> tuple[str, ...]:
        """The layer, so that a wrong name is found early."""
        return (self.params.layer,) if self.params.layer else ()

    def measure(self, batch: robustkit.MetricBatch) -> robustkit.State:
        """Return the representations of the chosen samples, of the model and of the reference; or the reason."""
        rows: dict[str, Tensor] = {}
        reasons: dict[str, str] = {}
        for name, model, layer in self._embedded(batch):
            try:
                rows |= {f"{name}/{kind}": each for kind, each in self._representations(batch, model, layer).items()}
            except UnusableError as error:
                reasons[name] = error.message
        about = {"ids": batch.keys.ids, "labels": batch.labels}
        return keep_chosen(batch.keys, about | rows, reasons, self.params.samples, self.params.seed)

    def merge(self, states: Sequence[robustkit.State]) -> robustkit.State:
        """Return the representations of the samples that are chosen among all."""
        return merge_chosen(states, self.params.samples)

    def estimate(self, chunks: Sequence[robustkit.State]) -> dict[str, robustkit.Estimate]:
        """Return the parts, or why there are none."""
        whole = self.merge(chunks)
        codes = self._fine.of(whole[f"{CHOSEN}ids"])
        labelled = codes >= 0
        reason = reason_of(whole, _OWN)
        if not labelled.any():
            reason = f"none of {len(codes)} samples has a label in the column '{self.params.column}' of the file"
        found = self._undefined(len(codes), reason) if reason else self._estimates(whole, codes, labelled)
        left_out = len(codes) - int(labelled.sum())
        said = f"{left_out} of {len(codes)} samples have no fine label and are left out" if left_out else ""
        return {name: self._complete(each, said) for name, each in found.items()}

    @property
    def _kinds(self) -> tuple[str, ...]:
        return ("clean", "rows") if self.params.train == "clean" else ("rows",)

    def _embedded(self, batch: robustkit.MetricBatch) -> list[tuple[str, nn.Module, str]]:
        own = (_OWN, batch.model, self.params.layer)
        return [own] if batch.reference is None else [own, (_REFERENCE, batch.reference, self.params.reference_layer)]

    def _representations(self, batch: robustkit.MetricBatch, model: nn.Module, layer: str) -> dict[str, Tensor]:
        given = {"rows": batch.inputs, "clean": batch.clean}
        return {kind: embed(model, given[kind], layer, self.params.channels).float() for kind in self._kinds}

    def _estimates(
        self, state: robustkit.State, codes: NDArray[np.intp], labelled: Mask
    ) -> dict[str, robustkit.Estimate]:
        fine = np.array(self._fine.names)[codes[labelled]]
        if not self.params.reference:
            return dict(self._transfer(state, _OWN, labelled, fine, self.params.ceiling).estimates)
        reason = reason_of(state, _REFERENCE)
        if not reason:
            ceiling = self._transfer(state, _REFERENCE, labelled, fine, 1.0)
            return dict(self._transfer(state, _OWN, labelled, fine, ceiling).estimates)
        found = self._transfer(state, _OWN, labelled, fine, 1.0).estimates
        return {**found, **self._undefined(len(fine), f"the reference: {reason}", "transfer", _CEILING)}

    def _transfer(self, state: robustkit.State, name: str, labelled: Mask, fine: Any, ceiling: Any) -> Any:
        params = self.params
        fitted, asked = (state[f"{CHOSEN}{name}/{kind}"][labelled] for kind in (self._kinds[0], "rows"))
        return robustkit.coarse_to_fine(
            fitted,
            state[f"{CHOSEN}labels"][labelled],
            fine,
            evaluated=asked,
            ids=state[f"{CHOSEN}ids"][labelled],
            ceiling=ceiling,
            settings=robustkit.ProbeSettings(folds=params.folds, l2=params.l2, seed=params.seed),
        )

    def _undefined(self, n: int, reason: str, *names: str) -> dict[str, robustkit.Estimate]:
        every = (*_PARTS, *([_CEILING] if self.params.reference else []))
        nothing = robustkit.Estimate(value=None, n=n, note=f"undefined: {reason}")
        return dict.fromkeys(names or every, nothing)

    def _complete(self, found: robustkit.Estimate, said: str) -> robustkit.Estimate:
        params = self.params
        where = f"layer={params.layer or 'last-linear-input'}/pool=mean/labels=sha256:{self._fine.digest[:12]}"
        chosen = f"samples={params.samples}/sample-seed={params.seed}/float32"
        spec = "/".join(filter(None, [found.spec, f"train={params.train}", where, chosen]))
        return replace(found, spec=spec, note="; ".join(filter(None, [found.note, said])))
