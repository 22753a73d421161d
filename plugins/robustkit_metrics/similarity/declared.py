"""The metrics of similarity. Light: listing components imports this module."""

from __future__ import annotations

import robustkit
from robustkit_metrics.similarity.params import (
    AlignmentUniformityParams,
    LinearCkaParams,
    NeuralCollapseParams,
    RepresentationRankParams,
    SimilarityParams,
)

METRICS = (
    robustkit.Metric(
        name="linear-cka",
        summary="how similar each layer's features of degraded inputs are to those of clean ones",
        target="robustkit_metrics.similarity.linear_cka:LinearCka",
        params=LinearCkaParams,
        higher_is_better=None,
        bounds=(-1.0, 1.0),
        needs=frozenset({"features"}),
        on="degraded",
        tags=("similarity",),
        citation="Kornblith et al. (2019), Similarity of neural network representations revisited; "
        "unbiased by Song et al. (2012), Feature selection via dependence maximization",
    ),
    robustkit.Metric(
        name="similarity",
        summary="how similar layers are, on degraded inputs, to one another, or to a second model's",
        target="robustkit_metrics.similarity.similarity:Similarity",
        params=SimilarityParams,
        higher_is_better=None,
        needs=frozenset({"features"}),
        tags=("similarity",),
        citation="Kornblith et al. (2019), Similarity of neural network representations revisited",
    ),
    robustkit.Metric(
        name="representation-rank",
        summary="how many directions each layer's features use: effective rank, participation ratio, stable rank",
        target="robustkit_metrics.similarity.representation_rank:RepresentationRank",
        params=RepresentationRankParams,
        higher_is_better=None,
        bounds=(1.0, None),
        needs=frozenset({"features"}),
        tags=("similarity",),
        citation="Roy and Vetterli (2007), The effective rank: a measure of effective dimensionality",
    ),
    robustkit.Metric(
        name="alignment-uniformity",
        summary="how near degraded inputs stay to clean ones in each layer, and how evenly inputs spread there",
        target="robustkit_metrics.similarity.alignment_uniformity:AlignmentUniformity",
        params=AlignmentUniformityParams,
        higher_is_better=None,
        bounds=(-8.0, 4.0),
        needs=frozenset({"features"}),
        on="degraded",
        tags=("similarity",),
        citation="Wang and Isola (2020), Understanding contrastive representation learning through alignment and "
        "uniformity on the hypersphere",
    ),
    robustkit.Metric(
        name="neural-collapse",
        summary="how far features have collapsed to the means of their classes: NC1 to NC4, CDNV",
        target="robustkit_metrics.similarity.neural_collapse:NeuralCollapse",
        params=NeuralCollapseParams,
        higher_is_better=None,
        bounds=(0.0, None),
        part_bounds={"nc3": (0.0, 2.0), "nc4": (0.0, 1.0)},
        needs=frozenset({"model"}),
        tags=("similarity",),
        citation="Papyan, Han and Donoho (2020), Prevalence of neural collapse during the terminal phase of deep "
        "learning training",
    ),
)
