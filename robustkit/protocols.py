"""What the host expects of an implementation, by shape alone: no base class is needed.

Nothing here imports torch or numpy at run time, so a plugin can type against it for free.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from robustkit.components import Edit, Estimate, ThreatModel, View

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor, nn

    from robustkit.analysis.specs import Report
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


class TextPerturbation(Protocol):
    """A perturbation of texts: it says what to change, and the host changes exactly that.

    The host applies the edits, so a text is unchanged outside them, and measures the character error rate that results:
    the Levenshtein distance from the original, in code points, over the original's length.
    """

    def rate(self, severity: float) -> float:
        """Return the character error rate that this severity aims at, over all texts; 0 at severity 0."""
        ...

    def edit(self, texts: Sequence[str], keys: Keys, severity: float) -> Sequence[Sequence[Edit]]:
        """Return the edits of each text, in the order of their offsets, without overlap.

        Args:
            texts: N texts.
            keys: one random key a text; every draw comes from here. The same keys are used for all severities.
            severity: above 0.
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
        found_by: of an ensemble, the name of the member that found each candidate; otherwise empty.
    """

    candidates: Tensor
    best_loss: Tensor
    queries: Tensor
    forwards: Tensor
    backwards: Tensor
    found_by: tuple[str, ...] = ()


class AttackMethod(Protocol):
    """An attack, ready to run.

    One that looks for the smallest change that breaks a sample, wherever in the ball that is, has an attribute
    `minimises_norm` that is True: what is known of the norms of others says nothing about smaller eps.
    """

    def run(
        self, model: nn.Module, inputs: Tensor, labels: Tensor, threat_model: ThreatModel, keys: Keys
    ) -> AttackResult:
        """Return the worst inputs found.

        Args:
            model: in evaluation mode, parameters frozen; maps float inputs in [0, 1] to (N, classes) logits. Its
                attribute `batch_size` says how many it should be given at once, which matters where the attack is
                declared with `batches=True`: then N may be several times as large.
            inputs: (N, C, H, W) float in [0, 1], correctly classified.
            labels: (N,) int64.
            threat_model: norm, eps and bounds.
            keys: one random key a sample.
        """
        ...


class RecordMetric(Protocol):
    """A metric computed from the stored per-sample records of one cell, without the model."""

    def __call__(self, records: Mapping[str, NDArray[Any]]) -> Estimate | Mapping[str, Estimate]:
        """Return the estimate, or several by name: the result's row is then called `METRIC@NAME`.

        The names are the same for all records, but for those of the form `KEY=VALUE`: such an estimate is of the
        samples that have this value, and may be missing where there are none.

        Args:
            records: one array a column, all of length n: `id`, `label`, `prediction`, `label_rank`, `confidence`,
                `nll`, `brier`, `margin`, `input_hash`; under an attack also `broken_by`, `norm`, `loss`, `queries`,
                `forwards`, `backwards`, and in every row `eps`, that of the threat model, and `minimises_norm`, whether
                the attack looks for the smallest change. A sample whose logits an attack made NaN or infinite has the
                `prediction` -1, NaN in the columns that follow from logits, and `broken_by` `invalid`. With
                `needs={"records", "clean"}` also what the same model made of the same samples when they were clean:
                `clean_prediction`, `clean_label_rank`, `clean_confidence`, `clean_nll`, `clean_brier`, `clean_margin`,
                `clean_input_hash`.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class MetricBatch:
    """One batch of a cell, as a `ModelMetric` sees it.

    Attributes:
        model: in evaluation mode, parameters frozen; maps `inputs` to (N, classes) float32 logits. Gradients with
            respect to image inputs flow. With `needs={"logits"}` alone there is none, and calling it is an error.
        inputs: what the model was given: (N, C, H, W) float32 in [0, 1], or N texts.
        clean: the same samples before the perturbation or attack; with `needs={"logits"}` alone it may be `inputs`.
        labels: (N,) int64, on the model's device.
        keys: one random key a sample, the metric's own; the same for all conditions and models.
        logits: with `needs={"logits"}`, (N, classes) float32, what `model` says of `inputs`; None otherwise. Under an
            attack, rows may be NaN or infinite.
        features: with `needs={"features"}`, the output of each layer for `inputs`, in the order of the network.
        clean_features: the same for `clean`.
        unusable: by layer that is missing there, why: it is not called in the forward pass, returns no tensor …
        reference: the second model of a metric that names one, as `model`, and `model` itself where it names the
            evaluated one; None for any other.
        reference_labels: (N,) int64, the labels as indices of its logits; None without a reference.
        reference_features: with `needs={"features"}`, the output of each of its layers for `inputs`.
        reference_unusable: by layer that is missing there, why.
    """

    model: nn.Module
    inputs: Tensor | list[str]
    clean: Tensor | list[str]
    labels: Tensor
    keys: Keys
    logits: Tensor | None = None
    features: Mapping[str, Tensor] = field(default_factory=dict)
    clean_features: Mapping[str, Tensor] = field(default_factory=dict)
    unusable: Mapping[str, str] = field(default_factory=dict)
    reference: nn.Module | None = None
    reference_labels: Tensor | None = None
    reference_features: Mapping[str, Tensor] = field(default_factory=dict)
    reference_unusable: Mapping[str, str] = field(default_factory=dict)


State = Mapping[str, "NDArray[Any]"]
"""What a `ModelMetric` keeps of some samples: one array a name."""


class ModelMetric(Protocol):
    """A metric that needs the model while a cell is computed.

    What `measure` returns is stored chunk by chunk, so that a killed run computes nothing twice; results are estimated
    from it later, without the model. A metric that needs `features` has an attribute `layers`: names or shell-style
    patterns of the network's modules, or empty for its direct children. One that measures a model beside another has
    an attribute `reference`, the name of a model of the same run, or empty for none; the layers of the reference are
    chosen by the attribute `reference_layers`, or by `layers` where there is none.
    """

    def measure(self, batch: MetricBatch) -> State:
        """Return what is to be kept of one batch: values a sample, or sums."""
        ...

    def merge(self, states: Sequence[State]) -> State:
        """Return the state of all the samples together; associative. At least one state is given."""
        ...

    def estimate(self, chunks: Sequence[State]) -> Estimate | Mapping[str, Estimate]:
        """Return the estimates from the state of each chunk; by name, where there are several, as `RecordMetric`."""
        ...


@dataclass(frozen=True, kw_only=True)
class TrainingBatch:
    """One batch, as an `Objective` sees it.

    Attributes:
        inputs: (N, C, H, W) float32 in [0, 1], or N texts.
        labels: (N,) int64, on the model's device.
        keys: one random key a sample, different in each epoch.
        epoch: from 0.
        epochs: how many there will be.
    """

    inputs: Tensor | list[str]
    labels: Tensor
    keys: Keys
    epoch: int
    epochs: int


class Objective(Protocol):
    """A training method: a `torch.nn.Module` that holds the model and whose `forward` reads as the paper does.

    One forward pass of the objective is one training step: whatever the method needs of the model (attacks, several
    views) happens inside. Inner gradients are taken with `torch.autograd.grad`, never with `backward`. `correct` and
    `check_inputs` may be left out: then plain accuracy selects the epoch, and images of any shape are tried.
    """

    def __call__(self, batch: TrainingBatch) -> Mapping[str, Tensor]:
        """Return scalar losses by name; `loss` is the one that is minimised, the others are logged."""
        ...

    def correct(self, batch: TrainingBatch) -> Tensor:
        """Return (N,) bool: which validation samples count as right. The epoch with the most of them is selected."""
        ...

    def check_inputs(self, shape: tuple[int, int, int]) -> None:
        """Raise ConfigError if the method cannot work on images of this (C, H, W); asked before the first step."""
        ...


class TextNetwork(Protocol):
    """A `torch.nn.Module` that classifies texts."""

    max_length: int
    """How many code points of a text it reads; what lies behind is cut off, and counted in the manifest."""

    def encode(self, texts: Sequence[str]) -> Tensor:
        """Return what `forward` takes for these texts, on the CPU; the row of a text does not depend on the others."""
        ...

    def __call__(self, encoded: Tensor) -> Tensor:
        """Return (N, classes) logits."""
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


class TextDataset(Protocol):
    """Labelled texts in a fixed order; a sample's id is its index."""

    @property
    def labels(self) -> NDArray[np.int64]:
        """(n,) class indices."""
        ...

    @property
    def class_names(self) -> Sequence[str]:
        """One name a class, or empty if unknown."""
        ...

    def read(self, ids: NDArray[np.int64]) -> list[str]:
        """Return the texts of the given ids, none of them empty."""
        ...

    def fingerprint(self) -> str:
        """Return a sha256 that changes whenever a text or a label changes."""
        ...


class ReportWriter(Protocol):
    """Writes files from what runs have found; it sees numbers only, never a model."""

    def __call__(self, report: Report, folder: Path) -> list[Path]:
        """Write below `folder`, which exists, and return the files written. The same report gives the same bytes."""
        ...


@dataclass(frozen=True, kw_only=True)
class LoadedCheckpoint:
    """What came out of a checkpoint file.

    Attributes:
        weights: the state dict, on the CPU.
        format: what the file is, for the report: `"torch zip"`, `"safetensors"` …
        unwrapped: the keys that were descended to reach the weights, outermost first.
        extras: what else the file held, one short description each.
        metadata: what the file itself states: `model` (the name of a registered architecture), `normalize`, `classes`
            (their names, as JSON), `training` (by what it was trained, as JSON).
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
