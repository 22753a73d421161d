"""What is kept of some samples, and how it is stored and merged: moments, and the features of a bounded choice."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import reduce
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from robustkit_metrics.features.chosen import State, rows_at, smallest
from robustkit_metrics.features.text import array_text, text_array
from robustkit_metrics.similarity.moments import Moments, add, from_state, measure_moments, select, subtract

Side = Literal["first", "second"]


@dataclass(frozen=True, kw_only=True)
class Layer:
    """A layer of one side of a comparison.

    Attributes:
        side: `first`, that of the evaluated inputs and model, or `second`, what they are compared with.
        name: of the layer.
        values: how many features it has.
        widths: how many of them are kept: those, or those of each sketch of them.
    """

    side: Side
    name: str
    values: int
    widths: tuple[int, ...]

    @property
    def sketched(self) -> bool:
        """Whether it was projected."""
        return len(self.widths) > 1


@dataclass(frozen=True, kw_only=True, eq=False)
class Group:
    """Layers that may be compared with one another.

    Attributes:
        layers: in the order of their features.
        moments: of all kept features, one set a width; None where no measure needs them.
        rows: (m, D) the kept features of the chosen samples; None where no measure needs them.
    """

    layers: tuple[Layer, ...]
    moments: Moments | None = None
    rows: NDArray[np.floating] | None = None

    def parts(self) -> list[list[int]]:
        """Return, for each layer, the places of its sets."""
        found, place = [], 0
        for layer in self.layers:
            found.append(list(range(place, place + len(layer.widths))))
            place += len(layer.widths)
        return found

    def columns(self, layer: int) -> slice:
        """Return the columns of a layer's kept features."""
        before = sum(sum(each.widths) for each in self.layers[:layer])
        return slice(before, before + sum(self.layers[layer].widths))

    def only(self, layers: Sequence[Layer]) -> Group:
        """Return what is kept of some of the layers."""
        if tuple(layers) == self.layers:
            return self
        places = [self.layers.index(layer) for layer in layers]
        parts = self.parts()
        moments = select(self.moments, [s for p in places for s in parts[p]]) if self.moments else None
        rows = None if self.rows is None else np.concatenate([self.rows[:, self.columns(p)] for p in places], axis=1)
        return Group(layers=tuple(layers), moments=moments, rows=rows)


@dataclass(frozen=True, kw_only=True, eq=False)
class Collected:
    """What is kept of n samples.

    Attributes:
        n: how many.
        groups: by name.
        without: by layer, why there is nothing of it.
        lots: (m,) those of the chosen samples, in increasing order.
    """

    n: int
    groups: Mapping[str, Group]
    without: Mapping[str, str]
    lots: NDArray[np.int64]


def collect(layers: Sequence[Layer], sets: Sequence[Tensor], chosen: NDArray[np.int64], *, moments: bool) -> Group:
    """Return what is kept of one batch.

    Args:
        layers: whose features the sets are.
        sets: each (n, width), in the order of the layers' widths.
        chosen: places of the samples whose features are kept.
        moments: whether moments are kept.
    """
    rows = np.concatenate([rows_at(each, chosen) for each in sets], axis=1) if len(chosen) else None
    return Group(layers=tuple(layers), moments=measure_moments(sets) if moments else None, rows=rows)


def merge(parts: Sequence[Collected], samples: int) -> Collected:
    """Return what is kept of all samples together; a layer that one part is without has nothing.

    Args:
        parts: at least one.
        samples: how many samples are chosen.
    """
    # Of several reasons the first is said.
    without = {layer: why for part in reversed(parts) for layer, why in part.without.items()}
    lots = np.concatenate([part.lots for part in parts])
    kept = smallest(lots, samples)
    names = [name for name in parts[0].groups if all(name in part.groups for part in parts)]
    groups = {name: _merge_groups([part.groups[name] for part in parts], kept) for name in names}
    return Collected(
        n=sum(part.n for part in parts),
        groups={name: group for name, group in groups.items() if group.layers},
        without=without,
        lots=lots[kept],
    )


def _merge_groups(groups: Sequence[Group], kept: NDArray[np.int64]) -> Group:
    common = [layer for layer in groups[0].layers if all(layer in each.layers for each in groups)]
    same = [group.only(common) for group in groups] if common else [Group(layers=())]
    moments = [group.moments for group in same if group.moments is not None]
    rows = [group.rows for group in same if group.rows is not None]
    return Group(
        layers=tuple(common),
        moments=reduce(add, moments) if moments else None,
        rows=np.concatenate(rows)[kept] if rows else None,
    )


def leave_out(whole: Group, part: Group) -> Moments:
    """Return the moments over the samples that are not in a part of the whole."""
    moments = part.only(whole.layers).moments
    assert whole.moments is not None
    assert moments is not None
    return subtract(whole.moments, moments)


def encode(collected: Collected) -> dict[str, NDArray[Any]]:
    """Return it as arrays by name; what they are about stands in one of them, as JSON."""
    about = {
        "groups": {name: [asdict(layer) for layer in group.layers] for name, group in collected.groups.items()},
        "without": dict(collected.without),
    }
    state = {"n": np.array(collected.n), "lots": collected.lots, "about": text_array(json.dumps(about))}
    for place, group in enumerate(collected.groups.values()):
        if group.moments is not None:
            state |= group.moments.to_state(f"{place}/")
        if group.rows is not None:
            state[f"{place}/rows"] = group.rows
    return state


def decode(state: State) -> Collected:
    """Return what `encode` made arrays of."""
    about = json.loads(array_text(state["about"]))
    groups = {name: read_group(state, name) for name in about["groups"]}
    return Collected(n=int(state["n"]), groups=groups, without=about["without"], lots=state["lots"])


def read_group(state: State, name: str) -> Group:
    """Return one of the groups that `encode` made arrays of."""
    groups = json.loads(array_text(state["about"]))["groups"]
    place = list(groups).index(name)
    return Group(
        layers=tuple(Layer(**{**layer, "widths": tuple(layer["widths"])}) for layer in groups[name]),
        moments=from_state(state, f"{place}/") if f"{place}/n" in state else None,
        rows=state.get(f"{place}/rows"),
    )


def merge_states(states: Sequence[State], samples: int) -> Collected:
    """Return what is kept of all samples together, reading one state after the other: they may be large."""
    total = decode(states[0])
    for state in states[1:]:
        total = merge([total, decode(state)], samples)
    return total
