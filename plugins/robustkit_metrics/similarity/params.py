"""Parameters of the metrics of similarity. Light: listing components imports this module."""

from __future__ import annotations

from typing import Annotated, Literal

from annotated_types import Ge, Gt, Le, MinLen

import robustkit
from robustkit_metrics.features.params import Channels, Layers, Pooling

MeasureName = Literal[
    "cka",
    "cka-biased",
    "cka-trimmed",
    "cka-rbf",
    "cka-rbf-biased",
    "procrustes",
    "procrustes-angle",
    "procrustes-d2",
    "cca",
    "cca-r2",
    "svcca",
    "pwcca",
    "pwcca-second",
    "r2",
    "r2-second",
    "gulp",
    "mutual-knn",
    "jaccard-knn",
    "rsa",
    "rsa-pearson",
    "distance-correlation",
]


@robustkit.params
class LinearCkaParams:
    """Parameters of `linear-cka`."""

    layers: Layers = ()
    """Name or shell-style pattern of layers, or several; none for the network's direct children."""

    channels: Channels = "auto"
    """Which dimension of a layer's output its channels are: second, as after convolutions, or last, as in a
    transformer's (N, tokens, channels). auto takes the second, and leaves out three dimensions, which may be either."""

    widest: Annotated[int, Ge(8)] = 1024
    """Layers with more channels are projected at random to this many: what is kept grows with the square of it."""


@robustkit.params
class SimilarityParams:
    """Parameters of `similarity`."""

    measure: MeasureName | Annotated[tuple[MeasureName, ...], MinLen(1)] = "cka"
    """One measure, or several; see docs/metrics.md."""

    against: Literal["clean", "layers"] = "clean"
    """What a layer's features are compared with: those of the same samples when clean, or those of the other layers."""

    reference: str = ""
    """A second model of the run, by name: compare with its features of the same inputs instead."""

    pairs: Literal["same", "all"] = "same"
    """Each layer with the layer of its name, or all pairs of layers; `against=layers` means all pairs."""

    layers: Layers = ()
    """Name or shell-style pattern of layers, or several; none for the network's direct children."""

    reference_layers: Layers = ()
    """The layers of the second model; none for `layers`."""

    pooling: Pooling = "mean"
    """What becomes of a map's positions: their mean, or each stays a feature of its own."""

    channels: Channels = "auto"
    """As of `linear-cka`, for `pooling=mean`."""

    widest: Annotated[int, Ge(8)] = 1024
    """Layers with more features are projected at random to this many, for the measures that allow it."""

    samples: Annotated[int, Ge(10), Le(20_000)] = 1000
    """How many samples the measures see that compare samples with one another; which ones follows from `seed`."""

    seed: Annotated[int, Ge(0)] = 0
    """Of the projections and the choice of samples."""

    neighbours: Annotated[int, Ge(1)] = 10
    """How many nearest neighbours `mutual-knn` and `jaccard-knn` compare."""

    distance: Literal["cosine", "euclidean"] = "cosine"
    """By which those are nearest."""

    dissimilarity: Literal["correlation", "squared-euclidean"] = "correlation"
    """Of two samples, for `rsa` and `rsa-pearson`: 1 - correlation of their features, or squared distance."""

    bandwidth: Literal["median", "median-off-diagonal"] | Annotated[float, Gt(0), Le(1e100)] = "median"
    """Of `cka-rbf`, sigma, whose square is the median of all squared distances, or of those between two samples; or a
    number above 0."""

    keep: Annotated[float, Gt(0), Le(1)] = 0.99
    """Share of the variance that `svcca` keeps: the fewest principal components that reach it."""

    ridge: Annotated[float, Ge(0)] = 0.01
    """Of `r2` and `gulp`: what is added to every variance, in units of a layer's mean variance."""


@robustkit.params
class RepresentationRankParams:
    """Parameters of `representation-rank`."""

    layers: Layers = ()
    """Name or shell-style pattern of layers, or several; none for the network's direct children."""

    channels: Channels = "auto"
    """As of `linear-cka`."""

    widest: Annotated[int, Ge(1)] = 2048
    """Layers with more channels are left out: what is kept grows with the square of their number."""


@robustkit.params
class AlignmentUniformityParams:
    """Parameters of `alignment-uniformity`."""

    layers: Layers = ()
    """Name or shell-style pattern of layers, or several; none for the network's direct children."""

    channels: Channels = "auto"
    """As of `linear-cka`."""

    samples: Annotated[int, Ge(10), Le(20_000)] = 1000
    """How many samples uniformity is the mean over the pairs of."""

    seed: Annotated[int, Ge(0)] = 0
    """Of the choice of samples."""


@robustkit.params
class NeuralCollapseParams:
    """Parameters of `neural-collapse`."""

    widest: Annotated[int, Ge(1)] = 4096
    """With more features than this it is left out: what is kept grows with the square of their number."""

    samples: Annotated[int, Ge(10), Le(50_000)] = 2000
    """How many samples are compared with the nearest class mean."""

    seed: Annotated[int, Ge(0)] = 0
    """Of the choice of samples."""
