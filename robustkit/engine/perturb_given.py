"""Perturbs samples that are handed over in memory, each under a condition of its own."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from robustkit.config.shorthand import parse_shorthand
from robustkit.engine.degrade import condition_keys, degrade_or_blame
from robustkit.engine.device import numerics
from robustkit.engine.given_samples import GivenSamples, take_samples
from robustkit.engine.grid import Condition, expand_perturbations
from robustkit.engine.inputs import Inputs
from robustkit.errors import ConfigError
from robustkit.host import Host
from robustkit.host.validate import build

_EXAMPLE = "for example 'corruptions/fog:severity=3'"


@dataclass(frozen=True, kw_only=True)
class _Group:
    """The samples that share a condition."""

    condition: Condition
    implementation: Any
    rows: list[int]


def perturb_given(given: Any, conditions: Any, *, severity: Any, seed: Any, ids: Any, host: Host) -> Any:
    """Return samples under conditions, in the form in which they came; see `robustkit.perturb`.

    Raises:
        ConfigError, DataError, PluginError: as `robustkit.perturb`.
    """
    samples = take_samples(given)
    n = len(samples.inputs)
    root, keyed_by = _seed(seed), _ids(ids, n)
    groups = _groups(_texts(conditions, n, samples.shape), _levels(severity, n), samples.shape, host)
    result = samples.inputs.clone() if isinstance(samples.inputs, Tensor) else list(samples.inputs)
    with numerics("fp32"):
        for group in groups:
            _put(result, group.rows, _degrade(group, samples, root, keyed_by))
    return samples.back(result)


def _degrade(group: _Group, samples: GivenSamples, seed: int, ids: Tensor) -> Inputs:
    chosen = ids[group.rows]
    if isinstance(samples.inputs, Tensor):
        part: Inputs = samples.inputs[group.rows]
        chosen = chosen.to(samples.inputs.device)
    else:
        part = [samples.inputs[row] for row in group.rows]
    keys = condition_keys(group.condition, seed, chosen)
    return degrade_or_blame(group.condition, group.implementation, part, keys).inputs


def _put(result: Inputs, rows: Sequence[int], found: Inputs) -> None:
    if isinstance(result, Tensor):
        assert isinstance(found, Tensor)
        result[list(rows)] = found
        return
    for row, text in zip(rows, found, strict=True):
        result[row] = text


def _groups(
    texts: Sequence[str], levels: Sequence[float | None], shape: tuple[int, int, int] | None, host: Host
) -> list[_Group]:
    """Return the samples by condition; each is resolved before anything is computed."""
    asked: dict[str, dict[float | None, list[int]]] = {}
    for row, (text, level) in enumerate(zip(texts, levels, strict=True)):
        asked.setdefault(text, {}).setdefault(level, []).append(row)
    groups = []
    for text, by_level in asked.items():
        found = _conditions(text, list(by_level), shape, host)
        entry, params = found[0].entry, found[0].params
        assert entry is not None
        implementation = build(entry, params)
        groups += [
            _Group(condition=condition, implementation=implementation, rows=rows)
            for condition, rows in zip(found, by_level.values(), strict=True)
        ]
    return groups


def _conditions(
    text: str, levels: Sequence[float | None], shape: tuple[int, int, int] | None, host: Host
) -> list[Condition]:
    """Return the condition that a shorthand means at each severity; None is the one that it states itself."""
    raw = parse_shorthand(text)
    own = levels[0] is None
    if own and "severity" not in raw:
        # A name that is not known, or an attack's, is the nearer mistake.
        expand_perturbations([{**raw, "severity": 1}], host, shape)
        raise ConfigError(f"conditions: '{text}' states no severity", f"{_EXAMPLE}, or severity=3")
    found = expand_perturbations([raw if own else {**raw, "severity": list(levels)}], host, shape)
    names = dict.fromkeys(each.component for each in found)
    if len(names) > 1:
        raise ConfigError(f"conditions: '{text}' stands for {len(names)} perturbations", f"one of {', '.join(names)}")
    if len(found) != len(levels):
        raise ConfigError(f"conditions: '{text}' stands for {len(found)} conditions", "give one, and each in a call")
    return found


def _texts(conditions: Any, n: int, shape: tuple[int, int, int] | None) -> list[str]:
    if isinstance(conditions, str):
        return [conditions] * n
    texts = list(conditions) if isinstance(conditions, Sequence | np.ndarray) else [conditions]
    other = next((text for text in texts if not isinstance(text, str)), None)
    if other is not None:
        raise ConfigError(f"conditions: expected one text or one a sample, got {other!r:.60}", _EXAMPLE)
    if len(texts) != n:
        # (N, H, W) cannot be told from (C, H, W), but here they may have been meant.
        grey = "; a batch of grey images is images[:, None]" if shape is not None and shape[0] == len(texts) else ""
        raise ConfigError(f"conditions: expected one, or one a sample: {n}, got {len(texts)}", f"{_EXAMPLE}{grey}")
    return [str(text) for text in texts]


def _levels(severity: Any, n: int) -> list[float] | list[None]:
    if severity is None:
        return [None] * n
    expected = f"severity: expected a number, or {n} (one a sample), got"
    values = _array(severity)
    if values is None or values.dtype.kind not in "iuf":
        raise ConfigError(f"{expected} {severity!r:.60}", "for example severity=3")
    if values.shape not in ((), (n,)):
        raise ConfigError(f"{expected} shape {values.shape}", "for example severity=3")
    return [float(value) for value in np.broadcast_to(values, (n,))]


def _ids(ids: Any, n: int) -> Tensor:
    if ids is None:
        return torch.arange(n)
    expected = f"ids: expected {n} whole numbers from 0, one a sample; got"
    values = _array(ids)
    if values is None or (values.dtype.kind not in "iu" and values.size):
        raise ConfigError(f"{expected} {ids!r:.60}", "for example ids=range(100, 200)")
    if values.shape != (n,) and not (values.shape == () and n == 1):
        raise ConfigError(f"{expected} shape {values.shape}", "for example ids=range(100, 200)")
    found = values.astype(np.int64).reshape(n)
    if (found < 0).any():
        raise ConfigError(f"{expected} {found.min()}", "for example ids=range(100, 200)")
    return torch.from_numpy(found)


def _array(value: Any) -> NDArray[Any] | None:
    try:
        return np.asarray(value.detach().cpu() if isinstance(value, Tensor) else value)
    except (TypeError, ValueError):
        return None


def _seed(seed: Any) -> int:
    try:
        found = operator.index(seed)
    except TypeError:
        found = -1
    if found < 0:
        raise ConfigError(f"seed: expected a whole number from 0, got {seed!r:.60}", "for example seed=0")
    return found
