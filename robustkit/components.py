"""What a plugin contributes: one light, frozen declaration for each component.

A declaration names its implementation as `"package.module:attribute"`; the host imports it on first
use, so that listing plugins costs nothing. Nothing here imports torch or numpy.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from robustkit.parameters import NoParams

Target = str | Callable[..., Any]
Modality = Literal["image", "text"]
Norm = Literal["linf", "l2"]
Parity = Literal["", "exact", "one-level", "statistical"]
Bounds = tuple[float | None, float | None]
MeasuredOn = Literal["every", "clean", "degraded", "attacked"]
Status = Literal["ok", "unreliable", "undefined"]


@dataclass(frozen=True, kw_only=True)
class Component:
    """What every declaration has.

    Attributes:
        name: lower-case words joined by `-`, unique in the plugin. Users write `plugin/name`, or
            `name` alone where it is unambiguous.
        summary: one line for `robustkit list`.
        target: the implementation, `"package.module:attribute"` or the object itself. It is called
            with the validated parameters: `target(params)`.
        params: a class decorated with `robustkit.params`.
        tags: free words to select by.
        citation: the paper or reference that the component follows.
        caveat: one line that is printed wherever results of the component are: that it is approximate, or how far it
            follows its source. Empty where there is nothing to say.
        requires: `requires() -> str`, where it needs files or packages that do not come with its plugin: what it found
            of them in a few words, or a `RobustkitError` that tells how to get them; for `robustkit doctor`.
    """

    kind: ClassVar[str] = "component"

    name: str
    summary: str
    target: Target
    params: type = NoParams
    tags: tuple[str, ...] = ()
    citation: str = ""
    caveat: str = ""
    requires: Target | None = None


@dataclass(frozen=True, kw_only=True)
class Perturbation(Component):
    """Turns a batch into a degraded batch at a severity, without the model.

    `target(params)` returns an `ImagePerturbation`, or for texts a `TextPerturbation` (see `robustkit.protocols`).

    Attributes:
        modality: what it perturbs.
        severities: the published levels. Floats between 0 and the highest interpolate; 0 is identity.
        stochastic: whether `sample` draws anything. What is not stochastic is evaluated under one seed.
        stream_version: raised only when the random draws change; part of every random key and cell key.
        resolve: `resolve(params, shape) -> params`, or its `"package.module:attribute"`: makes choices that depend
            on the images' (C, H, W) concrete, so that a condition's name says what was really done. May raise a
            `RobustkitError` for what cannot be done with such images, before any work.
        parity: how closely results follow the reference implementation that `citation` names, given its random
            numbers: exact, one-level (off by at most one of 255), statistical, or empty where there is no reference.
    """

    kind: ClassVar[str] = "perturbation"

    modality: Modality = "image"
    severities: tuple[int, ...] = (1, 2, 3, 4, 5)
    stochastic: bool = True
    stream_version: int = 1
    resolve: Target | None = None
    parity: Parity = ""


@dataclass(frozen=True, kw_only=True)
class Attack(Component):
    """Searches, with the model, for the worst input within a threat model.

    `target(params)` returns an `AttackMethod` (see `robustkit.protocols`).

    Attributes:
        modality: what it attacks.
        norms: the norms that its threat model may have; the first is the default.
        needs: what it needs of the model: `{"gradient"}`, or empty for a black-box attack.
        stochastic: whether it draws anything.
        stream_version: as for `Perturbation`.
        resolve: `resolve(params, threat_model) -> params`: makes defaults that depend on eps concrete.
        batches: whether `run` splits its samples into batches of `model.batch_size` itself. Then it is given several
            batches at once and can keep them full while samples drop out.
    """

    kind: ClassVar[str] = "attack"

    modality: Modality = "image"
    norms: tuple[Norm, ...] = ("linf",)
    needs: frozenset[str] = frozenset({"gradient"})
    stochastic: bool = True
    stream_version: int = 1
    resolve: Target | None = None
    batches: bool = False


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


@dataclass(frozen=True, kw_only=True)
class Trainer(Component):
    """A way to train a model. `target(params, model)` returns an `Objective` (see `robustkit.protocols`).

    Attributes:
        modality: the kind of inputs that it is for; None for any.
    """

    kind: ClassVar[str] = "trainer"

    modality: Modality | None = "image"


@dataclass(frozen=True, kw_only=True)
class Model(Component):
    """An architecture that a checkpoint may be loaded into.

    `target(params)` returns a `torch.nn.Module` that maps a normalised (N, C, H, W) batch to (N, classes) logits; for
    texts a `TextNetwork` (see `robustkit.protocols`).
    """

    kind: ClassVar[str] = "model"

    modality: Modality = "image"


@dataclass(frozen=True, kw_only=True)
class Dataset(Component):
    """Labelled data. `target(params)` returns an `ImageDataset` or a `TextDataset` (see `robustkit.protocols`).

    Attributes:
        modality: what it holds.
        licence: the licence of the data.
        source: where the data comes from.
    """

    kind: ClassVar[str] = "dataset"

    modality: Modality = "image"
    licence: str = ""
    source: str = ""


@dataclass(frozen=True, kw_only=True)
class Reporter(Component):
    """Writes files from finished runs. `target(params)` returns a `ReportWriter` (see `robustkit.protocols`).

    Attributes:
        formats: the file formats that it writes.
    """

    kind: ClassVar[str] = "reporter"

    formats: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Baseline(Component):
    """The errors of a known model, by which corruption errors are divided.

    `target(params)` returns the path of a table (see `robustkit.read_baseline`).
    """

    kind: ClassVar[str] = "baseline"


@dataclass(frozen=True, kw_only=True)
class ThreatModel:
    """What an attack may do to an input.

    Attributes:
        norm: the norm that bounds the change of one input.
        eps: the largest norm of the change, in units of the [0, 1] range (L2: of the flattened input).
        low: the smallest value that an input may have.
        high: the largest value that an input may have.
    """

    norm: Norm
    eps: float
    low: float = 0.0
    high: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A number, what it was computed from, and how far it can be trusted.

    Attributes:
        value: the number; None where it is not defined, for example a share of no samples.
        n: how many samples it rests on.
        ci_low: lower end of the 95 % interval, or None where none is defined.
        ci_high: upper end.
        interval: how the interval was made, for captions: `"wilson"`, `"bootstrap"` …
        note: why there is no value, or why it is not to be relied on; empty where nothing is to be said.
        unreliable: whether the value is not to be relied on, for the reason that `note` gives.
        chance: the value that chance alone gives: of unrelated features, of shuffled labels; None where there is none.
        spec: what exactly was computed, as a canonical string: `cka/linear/unbiased/full/pool=mean`; empty where the
            metric's name with its parameters says it all.
    """

    value: float | None
    n: int
    ci_low: float | None = None
    ci_high: float | None = None
    interval: str = ""
    note: str = ""
    unreliable: bool = False
    chance: float | None = None
    spec: str = ""

    @property
    def status(self) -> Status:
        """How far the value can be used: `undefined` where there is none, else `unreliable` or `ok`."""
        return "undefined" if self.value is None else "unreliable" if self.unreliable else "ok"


@dataclass(frozen=True, kw_only=True)
class Edit:
    """One change of a text.

    Attributes:
        start: offset of the first character of the original text that is replaced, in code points.
        end: offset after the last one; equal to `start` for an insertion.
        text: what stands there afterwards; empty for a deletion.
        op: what it is, in one word: `substitute`, `insert`, `delete` …
    """

    start: int
    end: int
    text: str
    op: str


@dataclass(frozen=True, kw_only=True)
class View:
    """What a dataset hands out: perturbations and eps act on this.

    Attributes:
        channels: number of channels.
        height: in pixels.
        width: in pixels.
        resize: the shorter side was resized to this before the crop; None if nothing was resized.
        crop: side of the central crop; None if nothing was cropped.
        interpolation: the filter of the resize; empty if nothing was resized.
    """

    channels: int
    height: int
    width: int
    resize: int | None = None
    crop: int | None = None
    interpolation: str = ""

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, H, W) of one image."""
        return (self.channels, self.height, self.width)
