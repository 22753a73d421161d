"""Parameters of the probes. Light: listing components imports this module."""

from __future__ import annotations

from typing import Annotated, Literal

from annotated_types import Ge, Gt, Le

import robustkit
from robustkit_metrics.features.params import Channels, Layers

L2 = Annotated[float, Ge(0)] | Literal["auto"]
Folds = Annotated[int, Ge(2), Le(100)]


@robustkit.params
class LinearProbeParams:
    """Parameters of `linear-probe`."""

    layers: Layers = ()
    """Name or shell-style pattern of layers, or several; none for the network's direct children."""

    channels: Channels = "auto"
    """Which dimension of a layer's output its channels are: second, as after convolutions, or last, as in a
    transformer's (N, tokens, channels). auto takes the second, and leaves out three dimensions, which may be either."""

    train: Literal["clean", "same"] = "clean"
    """Probes are fitted to features of clean inputs, so that degraded ones say what a layer still carries; or to
    features of the same degraded inputs, so that they say what can still be read off them by whoever knows them."""

    folds: Folds = 5
    """Each sample is classified by a probe that was fitted to the other folds."""

    l2: L2 = 0.001
    """Weight of the squared weights, for features of unit variance; `auto` to choose it on inner folds."""

    control: bool = False
    """The column `chance` is what probes reach for shuffled labels, in place of the share of the largest class."""

    samples: Annotated[int, Ge(10)] = 2000
    """At most so many samples, chosen by a hash of their ids; their features are kept as float32."""

    widest: Annotated[int, Ge(1)] = 4096
    """Layers with more channels are left out."""

    seed: Annotated[int, Ge(0)] = 0
    """Of the hashes by which samples are chosen, come into folds, and get shuffled labels."""


@robustkit.params
class CoarseToFineParams:
    """Parameters of `coarse-to-fine`."""

    labels: str
    """A CSV or parquet file with a column `id`, the place of a sample in the data from 0, and one with its fine label;
    the labels of the data are the coarse ones."""

    column: str = "label"
    """The column that names the fine label."""

    layer: str = ""
    """Layer whose output, averaged over positions, is probed; empty for what the last linear layer is given."""

    channels: Channels = "auto"
    """Which dimension of the layer's output its channels are, as for `linear-probe`."""

    train: Literal["clean", "same"] = "clean"
    """Probes are fitted to features of clean inputs, or to those of the same degraded inputs."""

    folds: Folds = 5
    """Each sample is classified by a probe that was fitted to the other folds."""

    l2: L2 = 0.001
    """Weight of the squared weights, for features of unit variance; `auto` to choose it on inner folds."""

    ceiling: Annotated[float, Gt(0), Le(1)] = 1.0
    """The accuracy that counts as full transfer; without effect where there is a reference."""

    reference: str = ""
    """Name of a model of the same run, trained on the fine labels: what can be read off it is the ceiling."""

    reference_layer: str = ""
    """Layer of the reference; empty for what its last linear layer is given."""

    samples: Annotated[int, Ge(10)] = 2000
    """At most so many samples, chosen by a hash of their ids; their features are kept as float32."""

    seed: Annotated[int, Ge(0)] = 0
    """Of the hashes by which samples are chosen and come into folds."""
