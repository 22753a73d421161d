"""The contract of a metric that needs the model, one check a clause."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn

from robustkit.components import Estimate, Metric
from robustkit.engine.classifier import Classifier
from robustkit.engine.features import capture_features, find_layers
from robustkit.engine.normalize import parse_normalize
from robustkit.engine.text_classifier import TextClassifier
from robustkit.protocols import MetricBatch, ModelMetric, State
from robustkit.testing.texts import ENGLISH
from robustkit.testing.watch import (
    make_images,
    make_keys,
    model_state,
    require,
    require_no_global_randomness,
    require_same_state,
    working,
)

Factory = Callable[[], ModelMetric]
Check = Callable[[Factory, Metric], None]
Estimates = dict[str, Estimate]

_N = 24
_CLASSES = 4
_SHAPE = (3, 8, 8)
_SPLIT = (0, 5, 6, 18, _N)
# Float32 networks differ in their last bits between batches of different sizes, and ratios enlarge that.
_ROUNDING = 1e-3
_TINY = 1e-6
# A value may lie beyond the end of its scale by rounding: cut off there, it would no longer be what was computed.
_BEYOND = 1e-9


def check_state(factory: Factory, declaration: Metric) -> None:
    """`measure` returns numpy arrays of numbers by name; the model and the batch are left as they are."""
    batch, fresh = _batch(factory(), declaration), _batch(factory(), declaration)
    before = model_state(batch.model)
    state = _measure(factory(), declaration, batch)
    require_same_state(declaration.name, before, model_state(batch.model))
    same = _same(batch.inputs, fresh.inputs) and _same(batch.clean, fresh.clean) and _same(batch.labels, fresh.labels)
    require(same, f"{declaration.name} changes its inputs or labels; work on a copy")
    numbers = all(isinstance(array, np.ndarray) and array.dtype.kind in "biuf" for array in state.values())
    require(bool(state) and numbers, f"{declaration.name}: expected a state of numpy arrays of numbers by name")


def check_estimates(factory: Factory, declaration: Metric) -> None:
    """Every estimate is a number within the declared bounds, or none with a note that says why."""
    for name, found in _estimates(factory, declaration, _SPLIT).items():
        _require_sound(f"{declaration.name}, {name}" if name else declaration.name, declaration, name, found)


def check_batches(factory: Factory, declaration: Metric) -> None:
    """Values, n and parts are the same whatever the batches, their order and the chunks are."""
    whole = _estimates(factory, declaration, (0, _N))
    for split in (_SPLIT, tuple(range(_N + 1)), (0, _N // 2, _N)):
        _require_equal(declaration, "in other batches", whole, _estimates(factory, declaration, split))
    chunks = _estimates(factory, declaration, _SPLIT, merged=False)
    _require_equal(declaration, "in several chunks", whole, chunks)
    turned = _estimates(factory, declaration, _SPLIT, merged=False, order=-1)
    _require_equal(declaration, "in another order", whole, turned)


def check_merge(factory: Factory, declaration: Metric) -> None:
    """`merge` is associative, leaves a single state's estimate as it is, and leaves what it is given as it is."""
    metric, states = factory(), _states(factory, declaration, _SPLIT)
    kept = [{name: array.copy() for name, array in state.items()} for state in states]
    first, *rest = states
    together = metric.merge(states)
    left, right = metric.merge([metric.merge(states[:2]), *states[2:]]), metric.merge([first, metric.merge(rest)])
    estimates = [_estimate(metric, declaration, [state]) for state in (together, left, right)]
    _require_equal(declaration, "merged from the left", estimates[0], estimates[1])
    _require_equal(declaration, "merged from the right", estimates[0], estimates[2])
    alone = [_estimate(metric, declaration, [state]) for state in (first, metric.merge([first]))]
    _require_equal(declaration, "merged alone", *alone)
    same = all(
        state.keys() == copy.keys() and all(np.array_equal(state[name], copy[name], equal_nan=True) for name in copy)
        for state, copy in zip(states, kept, strict=True)
    )
    require(same, f"{declaration.name}: merge or estimate changes the states that it is given; work on copies")


def check_one_sample(factory: Factory, declaration: Metric) -> None:
    """One sample gives a value, or none with a note; never a bare NaN or an exception."""
    for name, found in _estimates(factory, declaration, (0, 1)).items():
        _require_sound(f"{declaration.name}, {name}, for one sample", declaration, name, found)


def check_model_metric_no_global_randomness(factory: Factory, declaration: Metric) -> None:
    """No global random generator is moved, and none has an influence; asked again, the answer is the same."""
    require_no_global_randomness(
        declaration.name,
        lambda: _estimates(factory, declaration, _SPLIT),
        lambda first, second: first == second,
    )


MODEL_METRIC_CHECKS: tuple[Check, ...] = (
    check_state,
    check_estimates,
    check_batches,
    check_merge,
    check_one_sample,
    check_model_metric_no_global_randomness,
)
"""Every check of `check_metric` for a metric that needs the model, to be run one by one."""


class _ToyText(nn.Module):
    """A small network for texts: one vector a code point, averaged."""

    max_length = 200

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.EmbeddingBag(128, 8, mode="mean", padding_idx=0)
        self.output = nn.Linear(8, _CLASSES)

    def encode(self, texts: Sequence[str]) -> Tensor:
        rows = [[ord(sign) % 127 + 1 for sign in text[: self.max_length]] for text in texts]
        return torch.tensor([row + [0] * (self.max_length - len(row)) for row in rows])

    def forward(self, encoded: Tensor) -> Tensor:
        return self.output(torch.tanh(self.embedding(encoded)))  # type: ignore[no-any-return]


def _model(declaration: Metric) -> nn.Module:
    """Return a frozen classifier, the same at every call."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        if declaration.modality == "text":
            return TextClassifier(_ToyText())
        layers = (
            nn.Conv2d(_SHAPE[0], 6, 3, padding=1),
            nn.BatchNorm2d(6),
            nn.Tanh(),
            nn.Flatten(),
            nn.Linear(6 * 64, _CLASSES),
        )
        return Classifier(nn.Sequential(*layers), parse_normalize("none"))


def _batch(metric: ModelMetric, declaration: Metric, start: int = 0, stop: int = _N) -> MetricBatch:
    """Return the samples start, …, stop - 1 of a cell of the kind that the metric is for."""
    model, clean = _model(declaration), _inputs(declaration)
    inputs = clean if declaration.on == "clean" else _degraded(clean)
    batch = MetricBatch(
        model=model,
        inputs=inputs[start:stop],
        clean=clean[start:stop],
        labels=torch.arange(start, stop) % _CLASSES,
        keys=make_keys(declaration.name, _N).rows(slice(start, stop)),
    )
    if "logits" in declaration.needs:
        with torch.no_grad():
            batch = replace(batch, logits=model(batch.inputs))
    if "features" not in declaration.needs:
        return batch
    layers = find_layers(model, getattr(metric, "layers", ()))
    features, clean_features = (_features(model, layers, each) for each in (batch.inputs, batch.clean))
    return replace(batch, features=features, clean_features=clean_features)


def _inputs(declaration: Metric) -> Tensor | list[str]:
    if declaration.modality == "text":
        return [f"{ENGLISH[row % len(ENGLISH)]} {row}" for row in range(_N)]
    return make_images(_N, _SHAPE)


def _degraded(clean: Tensor | list[str]) -> Tensor | list[str]:
    if not isinstance(clean, Tensor):
        return [text.replace("e", "3") for text in clean]
    noise = make_keys("degraded", len(clean)).normal(*_SHAPE).to(clean)
    return (clean + 0.3 * noise).clamp(0, 1)


def _features(model: nn.Module, layers: Sequence[str], inputs: Tensor | list[str]) -> Mapping[str, Tensor]:
    with torch.no_grad(), capture_features(model, layers) as found:
        model(inputs)
    return dict(found)


def _measure(metric: ModelMetric, declaration: Metric, batch: MetricBatch) -> State:
    with working(f"{declaration.name}: measure"):
        state = metric.measure(batch)
    found = type(state).__name__
    require(isinstance(state, Mapping), f"{declaration.name}: expected a state of arrays by name, got {found}")
    return state


def _states(factory: Factory, declaration: Metric, split: Sequence[int]) -> list[State]:
    metric = factory()
    return [_measure(metric, declaration, _batch(metric, declaration, *span)) for span in pairwise(split)]


def _estimates(
    factory: Factory, declaration: Metric, split: Sequence[int], *, merged: bool = True, order: int = 1
) -> Estimates:
    metric, states = factory(), _states(factory, declaration, split)[::order]
    with working(f"{declaration.name}: merge"):
        chunks = [metric.merge(states)] if merged else states
    return _estimate(metric, declaration, chunks)


def _estimate(metric: ModelMetric, declaration: Metric, chunks: Sequence[State]) -> Estimates:
    with working(f"{declaration.name}: estimate"):
        found = metric.estimate(chunks)
    parts = dict(found) if isinstance(found, Mapping) else {"": found}
    kept = bool(parts) and all(isinstance(each, Estimate) for each in parts.values())
    require(kept, f"{declaration.name}: expected a robustkit.Estimate, or several by name, got {found!r:.60}")
    return parts


def _require_sound(what: str, declaration: Metric, part: str, found: Estimate) -> None:
    if found.value is None:
        require(bool(found.note), f"{what}: there is no value; say in `note` why")
        require(found.ci_low is found.ci_high is None, f"{what}: an interval, but no value")
        return
    low, high = bounds = declaration.bounds_of(part)
    ends = [each for each in (found.ci_low, found.ci_high) if each is not None]
    for number in (found.value, *ends):
        require(math.isfinite(number), f"{what}: expected a finite number, or None and a note, got {number!r}")
        within = (low is None or low - _BEYOND <= number) and (high is None or number <= high + _BEYOND)
        require(within, f"{what}: {number} lies outside the declared bounds {bounds}")
    require(len(ends) != 1, f"{what}: expected both ends of the interval or none, got {ends}")
    require(ends == sorted(ends), f"{what}: the ends of the interval are not in order: {ends}")
    require(not ends or bool(found.interval), f"{what}: say in `interval` how the interval was made")
    counts = isinstance(found.n, int) and 1 <= found.n <= _N
    require(counts, f"{what}: expected an int n in 1..{_N} for {_N} samples, got {found.n!r}")


def _require_equal(declaration: Metric, how: str, first: Estimates, second: Estimates) -> None:
    parts = f"{', '.join(first)} and {', '.join(second)}"
    require(first.keys() == second.keys(), f"{declaration.name}: {how}, the parts differ: {parts}")
    for name, one in first.items():
        other = second[name]
        same = one.n == other.n and _equal(one.value, other.value)
        what = f"{declaration.name}, {name}" if name else declaration.name
        require(same, f"{what}: {how}, {one.value!r} (n={one.n}) becomes {other.value!r} (n={other.n})")


def _equal(first: float | None, second: float | None) -> bool:
    if first is None or second is None:
        return first is second
    return math.isclose(first, second, rel_tol=_ROUNDING, abs_tol=_TINY)


def _same(one: Tensor | list[str], other: Tensor | list[str]) -> bool:
    if isinstance(one, Tensor) and isinstance(other, Tensor):
        return torch.equal(one, other)
    return not isinstance(one, Tensor) and one == other
