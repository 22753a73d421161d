"""The declaration of a metric, and for which cells it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from robustkit.components.declaration import Component, Modality, Target

Bounds = tuple[float | None, float | None]
MeasuredOn = Literal["every", "clean", "degraded", "attacked"]


@dataclass(frozen=True, kw_only=True)
class Metric(Component):
    """Turns what is known about one cell into numbers with intervals.

    `target(params)` returns a `RecordMetric` where `needs` is `{"records"}` or `{"records", "clean"}`, and a
    `ModelMetric` otherwise (see `robustkit.protocols`).

    Attributes:
        higher_is_better: the direction that reporters rank by; None where neither is better.
        bounds: the smallest and largest value that is possible; None for unbounded.
        part_bounds: those of single parts, by name, of a metric that has several and whose parts differ in them.
        needs: what it is computed from. `records`: the stored per-sample records, without the model. `clean`, beside
            `records`: those of the same samples without degradation too. `logits`: of each batch while the cell is
            computed, from the forward pass that the records are made from; all metrics with this need share it.
            `features`: outputs of layers on clean and on degraded inputs. `model`: the model and each batch.
        on: the cells that it is computed for: all, those with clean inputs, those with degraded ones (perturbed or
            attacked), or those under an attack.
        modality: the kind of inputs that it is for; None for any.
        default: whether `eval` computes it when the user names no metrics.
        resolve: as for `Perturbation`; the place to refuse, with a `ConfigError`, what does not go with the images'
            (C, H, W). It is not called for texts.
    """

    kind: ClassVar[str] = "metric"

    higher_is_better: bool | None
    bounds: Bounds = (None, None)
    part_bounds: Mapping[str, Bounds] = field(default_factory=dict, hash=False)
    needs: frozenset[str] = frozenset({"records"})
    on: MeasuredOn = "every"
    modality: Modality | None = None
    default: bool = False
    resolve: Target | None = None

    @property
    def reads_records(self) -> bool:
        """Whether it is computed from stored records alone, without the model."""
        return self.needs <= {"records", "clean"}

    def bounds_of(self, part: str = "") -> Bounds:
        """Return the bounds of a part; without a name, or where the part has none of its own, those of the metric."""
        return self.part_bounds.get(part, self.bounds)


def is_measured_on(on: str, kind: str) -> bool:
    """Return whether a metric that says `on` is computed for cells with a condition of this kind.

    >>> [kind for kind in ("clean", "perturbation", "attack") if is_measured_on("degraded", kind)]
    ['perturbation', 'attack']
    """
    return (
        on == "every"
        or on == {"clean": "clean", "attack": "attacked"}.get(kind)
        or (on == "degraded" and kind != "clean")
    )
