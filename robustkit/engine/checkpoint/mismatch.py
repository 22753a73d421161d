"""How the names and shapes of a checkpoint differ from those of a model, and what that probably means."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor

from robustkit.engine.checkpoint.prefix import PREFIXES

_SHOWN = 3
_NORMALISATION = frozenset({"mean", "std", "mu", "sigma", "new_mean", "new_std"})

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Mismatch:
    """The differences; false if there are none.

    Attributes:
        missing: names that only the model has.
        unexpected: names that only the checkpoint has.
        shapes: for names in both, the shape in the checkpoint and in the model, where they differ.
        names: all names of the model, in its order.
    """

    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    shapes: Mapping[str, tuple[Shape, Shape]]
    names: tuple[str, ...]

    @classmethod
    def between(cls, weights: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> Mismatch:
        """Return how `weights` differ from what a model expects."""
        shapes = {
            name: (tuple(weights[name].shape), tuple(tensor.shape))
            for name, tensor in expected.items()
            if name in weights and weights[name].shape != tensor.shape
        }
        return cls(
            missing=tuple(name for name in expected if name not in weights),
            unexpected=tuple(name for name in weights if name not in expected),
            shapes=shapes,
            names=tuple(expected),
        )

    def __bool__(self) -> bool:
        return bool(self.missing or self.unexpected or self.shapes)

    def describe(self) -> str:
        """Return the differences in one line: how many of each kind, and the first few."""
        shapes = [f"{name}: checkpoint {found}, model {wanted}" for name, (found, wanted) in self.shapes.items()]
        parts = [
            _listed("missing from the checkpoint", self.missing),
            _listed("unknown to the model", self.unexpected),
            _listed("of another shape", shapes),
        ]
        return "; ".join(part for part in parts if part)

    def hint(self) -> str:
        """Return the likely reasons and what to do, in one line."""
        classes, part = self._classes(), self._fitting_part()
        reasons = {
            f"the checkpoint has {classes} classes: try --model NAME:num_classes={classes}": bool(classes),
            "normalisation is inside the checkpoint: use a model that has these buffers, and --normalize none": (
                _has_normalisation(self.unexpected)
            ),
            "the model normalises by itself, the checkpoint does not: use a model without, and --normalize": (
                _has_normalisation(self.missing)
            ),
            f"the names below '{part}' alone fit: save those in a file of their own": bool(part),
            "no name agrees: check that --model is the architecture that was trained": (
                len(self.missing) == len(self.names) and not part
            ),
        }
        found = [reason for reason, applies in reasons.items() if applies]
        return "; ".join(found) or "check --model and its parameters (width, depth, num_classes)"

    def _classes(self) -> int | None:
        """The checkpoint's number of classes, if the last layer's is all that differs."""
        if self.missing or self.unexpected:
            return None
        last = self.names[-1].rpartition(".")[0]
        for name, (found, wanted) in self.shapes.items():
            if name.rpartition(".")[0] != last or found[1:] != wanted[1:] or len(found) != len(wanted) or not found:
                return None
        return next(found[0] for found, _ in self.shapes.values())

    def _fitting_part(self) -> str | None:
        """The prefix whose names are just the model's, where the checkpoint holds other things beside."""
        for prefix in PREFIXES:
            part = {name.removeprefix(prefix) for name in self.unexpected if name.startswith(prefix)}
            if part and part >= set(self.names):
                return prefix
        return None


def _listed(kind: str, names: Sequence[str]) -> str:
    if not names:
        return ""
    return f"{len(names)} {kind} ({', '.join(names[:_SHOWN])}{' …' if len(names) > _SHOWN else ''})"


def _has_normalisation(names: Iterable[str]) -> bool:
    return any(name.rpartition(".")[2] in _NORMALISATION for name in names)
