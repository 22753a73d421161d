"""Applies a condition to a batch, as far as that needs no model."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from robustkit.components import Attack, Perturbation
from robustkit.engine.edits import degrade_texts, hash_texts
from robustkit.engine.grid import Condition
from robustkit.engine.inputs import Inputs
from robustkit.engine.outputs import hash_inputs
from robustkit.engine.perturb import perturb
from robustkit.engine.seeds import Keys
from robustkit.engine.timer import UNTIMED, Timer, Untimed
from robustkit.errors import PluginError, RobustkitError


@dataclass(frozen=True, kw_only=True)
class Degraded:
    """A batch after its perturbation.

    Attributes:
        inputs: the batch, in the form in which it came.
        columns: what is recorded of each sample: for texts the character error rate and the edits.
    """

    inputs: Inputs
    columns: dict[str, NDArray[Any]] = field(default_factory=dict)


def degrade(
    condition: Condition, implementation: Any, inputs: Inputs, keys: Keys, timer: Timer | Untimed = UNTIMED
) -> Degraded:
    """Return the batch as the condition leaves it; clean and stored batches and those to be attacked stay as they are.

    Args:
        condition: what is to be done.
        implementation: its perturbation, if it has one.
        inputs: the batch, as it is stored.
        keys: one a sample.
        timer: is charged with perturbations.

    Raises:
        PluginError: the perturbation does not keep its contract.
    """
    if condition.kind != "perturbation" or condition.severity is None or condition.stored is not None:
        return Degraded(inputs=inputs)
    with timer.section("perturbation", condition.component, samples=len(inputs)), torch.no_grad():
        if isinstance(inputs, Tensor):
            return Degraded(inputs=perturb(implementation, inputs, keys, condition.severity))
        found = degrade_texts(implementation, inputs, keys, condition.severity)
    return Degraded(inputs=found.texts, columns={"cer": found.cer, "edits": np.asarray(found.log, dtype=object)})


def degrade_or_blame(condition: Condition, implementation: Any, inputs: Inputs, keys: Keys) -> Degraded:
    """Return what `degrade` returns; whatever the perturbation raises becomes an error that names its condition.

    Raises:
        PluginError: the perturbation fails, or does not keep its contract.
    """
    try:
        return degrade(condition, implementation, inputs, keys)
    except RobustkitError:
        raise
    except Exception as error:
        raise PluginError(
            f"{condition.text} failed: {type(error).__name__}: {' '.join(str(error).split())}",
            "this is a defect of the plugin; leave the perturbation out, or mend it",
        ) from error


def condition_keys(condition: Condition, seed: int, ids: Tensor) -> Keys:
    """Return the random keys of a condition's samples.

    Args:
        condition: whose component draws.
        seed: the root of the keys.
        ids: (N,) int64 sample ids.
    """
    if condition.entry is None:
        return Keys(seed=seed, stream="clean", version=1, ids=ids)
    component = cast("Perturbation | Attack", condition.entry.component)
    return Keys(seed=seed, stream=condition.component, version=component.stream_version, ids=ids)


def hash_batch(inputs: Inputs) -> NDArray[np.int64]:
    """Return one 64-bit hash a sample of exactly what is given to the model."""
    return hash_inputs(inputs) if isinstance(inputs, Tensor) else hash_texts(inputs)
