"""Which estimator of sensitivity to take, in how many samples at once, and what it costs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks

from robustkit.contextual.bases import FeatureBasis
from robustkit.contextual.directions import forward_sensitivity
from robustkit.contextual.estimated import Estimated, exactly
from robustkit.contextual.first_order import (
    Represent,
    check_represented,
    gradient_sensitivity,
    hutchinson_sensitivity,
)
from robustkit.engine.seeds import Keys
from robustkit.errors import ConfigError

Estimator = Literal["gradient", "forward", "hutchinson", "finite"]

MEBIBYTE = 1 << 20
_FLOAT = 4
_DOUBLE = 8


@dataclass(frozen=True, kw_only=True)
class SensitivitySizes:
    """What the cost of sensitivity depends on.

    Attributes:
        samples: N.
        values: D, of one input.
        outputs: m, the components of the representation.
        features: G.
        graph: bytes that the graph of one sample keeps for the backward pass.
        sets: whether the features are sets of values, which forward mode needs.
    """

    samples: int
    values: int
    outputs: int
    features: int
    graph: int
    sets: bool = True


@dataclass(frozen=True, kw_only=True)
class SensitivityPlan:
    """How sensitivity is estimated. Passes are counted by samples: one pass of a batch of 64 is 64.

    Attributes:
        estimator: `gradient` (exact, by backward passes), `forward` (exact, by forward-mode passes), `hutchinson`
            (random projections) or `finite` (noise on one feature at a time, `finite_effects`).
        draws: of `hutchinson` and `finite`.
        samples: N.
        chunk: how many samples are computed at once.
        forwards: forward passes, those in forward mode included.
        backwards: backward passes.
        mebibytes: what a chunk needs, about, beside the model.
    """

    estimator: Estimator
    draws: int
    samples: int
    chunk: int
    forwards: int
    backwards: int
    mebibytes: float

    @property
    def is_exact(self) -> bool:
        """Whether no draw has an influence."""
        return self.estimator in ("gradient", "forward")

    def slices(self) -> Iterator[slice]:
        """Yield the samples of one chunk after the other."""
        for start in range(0, self.samples, self.chunk):
            yield slice(start, min(start + self.chunk, self.samples))


def measure_sizes(represent: Represent, inputs: Tensor, basis: FeatureBasis) -> SensitivitySizes:
    """Return the sizes of a problem; costs forward passes of three samples.

    Args:
        represent: (N, ...) inputs to (N, m) representations.
        inputs: (N, ...) float, N of 1 or more.
        basis: of any of the inputs.

    Raises:
        DataError: the representations are not (N, m).
    """
    outputs, one = _graph_of(represent, inputs[:1])
    _, two = _graph_of(represent, inputs[:1].repeat(2, *[1] * (inputs.ndim - 1)))
    return SensitivitySizes(
        samples=len(inputs),
        values=inputs[0].numel(),
        outputs=outputs,
        features=basis.size,
        # What does not grow with the batch, such as the weights, is there anyway.
        graph=max(0, two - one),
        sets=hasattr(basis, "total"),
    )


def choose_estimator(sizes: SensitivitySizes, draws: int) -> Estimator:
    """Return the estimator that `auto` means: exact where that takes no more passes than the draws would, else random.

    Of the two exact ones, which agree but for rounding, the one with fewer passes. Neither the number of samples nor
    the memory has an influence: a result must not depend on them.

    >>> small = SensitivitySizes(samples=1, values=784, outputs=10, features=49, graph=0)
    >>> choose_estimator(small, 64), choose_estimator(small, 8)
    ('gradient', 'hutchinson')
    """
    forward = sizes.values if sizes.sets else sizes.outputs + 1
    if min(sizes.outputs, forward) > draws:
        return "hutchinson"
    return "gradient" if sizes.outputs <= forward else "forward"


def plan_sensitivity(
    sizes: SensitivitySizes, estimator: Estimator | Literal["auto"] = "auto", draws: int = 64, memory: float = 1024
) -> SensitivityPlan:
    """Return how sensitivity is estimated within a budget of memory, and what that costs.

    The budget decides how many samples are computed at once, at least one, and nothing else.

    Args:
        sizes: from `measure_sizes`, or known.
        estimator: one of them, or `auto` for the choice of `choose_estimator`.
        draws: of the random ones.
        memory: in MiB, beside the model, above 0.

    Raises:
        ConfigError: a budget that is not above 0.

    >>> plan_sensitivity(SensitivitySizes(samples=100, values=784, outputs=10, features=49, graph=1 << 20), memory=64)
    ... # doctest: +ELLIPSIS
    SensitivityPlan(estimator='gradient', draws=64, samples=100, chunk=63, forwards=100, backwards=1100, ...)
    """
    if not memory > 0:
        raise ConfigError(f"memory: expected MiB above 0, got {memory}", "1024 is the default")
    chosen = choose_estimator(sizes, draws) if estimator == "auto" else estimator
    each = _bytes_per_sample(sizes, chosen, draws)
    chunk = min(max(1, int(memory * MEBIBYTE) // each), sizes.samples)
    forwards, backwards = _passes(sizes, chosen, draws, chunk)
    return SensitivityPlan(
        estimator=chosen,
        draws=draws,
        samples=sizes.samples,
        chunk=chunk,
        forwards=forwards,
        backwards=backwards,
        mebibytes=chunk * each / MEBIBYTE,
    )


def estimate_sensitivity(
    represent: Represent, inputs: Tensor, basis: FeatureBasis, keys: Keys, plan: SensitivityPlan
) -> Estimated:
    """Return the sensitivity of each feature by the plan's first-order estimator, all samples at once.

    Args:
        represent: (N, ...) inputs to (N, m) representations.
        inputs: (N, ...) float, those of one of the plan's slices.
        basis: G features, of these inputs.
        keys: one key a sample.
        plan: from `plan_sensitivity`.

    Raises:
        ConfigError: the plan is for `finite`, which measures utility along: see `finite_effects`.
    """
    if plan.estimator == "hutchinson":
        return hutchinson_sensitivity(represent, inputs, basis, keys, plan.draws)
    if plan.estimator == "finite":
        raise ConfigError("estimator finite is not of first order", "call robustkit.finite_effects")
    exact = gradient_sensitivity if plan.estimator == "gradient" else forward_sensitivity
    return exactly(exact(represent, inputs, basis))


def _graph_of(represent: Represent, inputs: Tensor) -> tuple[int, int]:
    """Return how many outputs there are, and the bytes that are kept for their backward pass."""
    kept: dict[int, int] = {}

    def pack(saved: Tensor) -> Tensor:
        storage = saved.untyped_storage()
        kept[storage.data_ptr()] = storage.nbytes()
        return saved

    def unpack(saved: Any) -> Any:
        return saved

    with torch.inference_mode(False), torch.enable_grad(), saved_tensors_hooks(pack, unpack):
        outputs = check_represented(represent(inputs.detach().clone().requires_grad_()), inputs)
        return outputs.shape[1], sum(kept.values())


def _bytes_per_sample(sizes: SensitivitySizes, estimator: Estimator, draws: int) -> int:
    """Return about what one sample needs: its graph, a few tensors like it, and what is summed up."""
    tensors = 4 * _FLOAT * sizes.values
    kept = {
        "gradient": 2 * _FLOAT * sizes.features,
        "hutchinson": _FLOAT * draws * (sizes.features + sizes.outputs),
        "forward": _FLOAT * 2 * sizes.values,
        "finite": 3 * _DOUBLE * draws * sizes.features,
    }
    return max(1, sizes.graph + tensors + kept[estimator])


def _passes(sizes: SensitivitySizes, estimator: Estimator, draws: int, chunk: int) -> tuple[int, int]:
    """Return the forward and the backward passes, by samples."""
    n, rest = sizes.samples, sizes.samples % chunk
    # In chunks of two or more, one pass shows that samples do not depend on each other.
    checked = (n - rest if chunk > 1 else 0) + (rest if rest > 1 else 0)
    return {
        "gradient": (n, n * sizes.outputs + checked),
        "hutchinson": (n, n * draws + checked),
        "forward": (n * sizes.values + checked, 0),
        "finite": (n * (1 + sizes.features * draws), 0),
    }[estimator]
