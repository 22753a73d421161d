"""What the host expects of an implementation, by shape alone: no base class is needed.

Nothing here imports torch or numpy at run time, so a plugin can type against it for free.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from robustkit.components import Estimate, ThreatModel, View

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor, nn

    from robustkit.engine.seeds import Keys


class ImagePerturbation(Protocol):
    """An image perturbation, split into what does not depend on the image and what does.

    The host calls `sample` and then `apply` on batches whose severities are all above 0.
    """

    def sample(self, keys: Keys, shape: tuple[int, int, int], severity: Tensor) -> Any:
        """Return the randomness and the strengths for one batch.

        Args:
            keys: one random key a sample; every draw comes from here, so that the result for a sample does not
                depend on its batch.
            shape: (C, H, W) of the images.
            severity: (N,) float64, above 0, on `keys.device`. The same keys are used for all severities, so that the
                levels of a sample nest.
        """
        ...

    def apply(self, images: Tensor, draws: Any) -> Tensor:
        """Return the degraded batch; `images` is left as it is.

        Args:
            images: (N, C, H, W), uint8, or float in [0, 1].
            draws: what `sample` returned for these N images.

        Returns:
            Same shape, dtype, device and range as `images`.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class AttackResult:
    """What an attack found; the evaluator alone decides what counts as broken.

    Attributes:
        candidates: (N, C, H, W), the worst input found for each sample, inside the threat model.
        best_loss: (N,), the highest loss reached (what is maximised is the attack's choice).
        queries: (N,) int64, how often the model was asked about each sample.
        forwards: (N,) int64, forward passes spent on each sample.
        backwards: (N,) int64, backward passes spent on each sample.
    """

    candidates: Tensor
    best_loss: Tensor
    queries: Tensor
    forwards: Tensor
    backwards: Tensor


class AttackMethod(Protocol):
    """An attack, ready to run."""

    def run(
        self, model: nn.Module, inputs: Tensor, labels: Tensor, threat_model: ThreatModel, keys: Keys
    ) -> AttackResult:
        """Return the worst inputs found.

        Args:
            model: in evaluation mode, parameters frozen; maps float inputs in [0, 1] to (N, classes) logits.
            inputs: (N, C, H, W) float in [0, 1], correctly classified.
            labels: (N,) int64.
            threat_model: norm, eps and bounds.
            keys: one random key a sample.
        """
        ...


class RecordMetric(Protocol):
    """A metric computed from the stored per-sample records of one cell, without the model."""

    def __call__(self, records: Mapping[str, NDArray[Any]]) -> Estimate:
        """Return the estimate.

        Args:
            records: one array a column, all of length n: `id`, `label`, `prediction`, `label_rank`, `confidence`,
                `nll`, `brier`, `margin`, `input_hash`; under an attack also `broken_by`, `norm`, `loss`, `queries`,
                `forwards`, `backwards`.
        """
        ...


class ImageDataset(Protocol):
    """Labelled images in a fixed order; a sample's id is its index."""

    @property
    def labels(self) -> NDArray[np.int64]:
        """(n,) class indices."""
        ...

    @property
    def view(self) -> View:
        """What `read` hands out."""
        ...

    @property
    def class_names(self) -> Sequence[str]:
        """One name a class, or empty if unknown."""
        ...

    def read(self, ids: NDArray[np.int64]) -> NDArray[Any]:
        """Return (len(ids), C, H, W) uint8, or float32 in [0, 1], for the given ids."""
        ...

    def fingerprint(self) -> str:
        """Return a sha256 that changes whenever an image, a label or the view changes."""
        ...


@dataclass(frozen=True, kw_only=True)
class LoadedCheckpoint:
    """What came out of a checkpoint file.

    Attributes:
        weights: the state dict, on the CPU.
        format: what the file is, for the report: `"torch zip"`, `"safetensors"` …
        unwrapped: the keys that were descended to reach the weights, outermost first.
        extras: what else the file held, one short description each.
        metadata: `model` (the name of a registered architecture) and `normalize`, where the file itself states them.
    """

    weights: Mapping[str, Tensor]
    format: str
    unwrapped: tuple[str, ...] = ()
    extras: Mapping[str, str] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class CheckpointOptions:
    """How a checkpoint may be opened.

    Attributes:
        trust_pickle: whether the user allowed pickles that can run code.
    """

    trust_pickle: bool = False
