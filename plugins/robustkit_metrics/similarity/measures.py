"""The measures of similarity, one row each: how they are computed, what chance gives, what they are called in full."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from robustkit_metrics.similarity import canonical, dissimilarity, kernels, neighbours, procrustes
from robustkit_metrics.similarity.cka import biased_chance, biased_hsic, ratio, unbiased_hsic
from robustkit_metrics.similarity.moments import Array
from robustkit_metrics.similarity.params import SimilarityParams
from robustkit_metrics.similarity.view import Pair, View

Options = SimilarityParams
Bounds = tuple[float | None, float | None]
OfPairs = Callable[[View, Sequence[Pair], Options], Array]

_SHARE = (0.0, 1.0)
_COSINE = (-1.0, 1.0)


@dataclass(frozen=True, kw_only=True)
class MomentMeasure:
    """A measure that follows from moments, over all samples.

    Attributes:
        spec: its canonical string.
        values: of the pairs of layers; NaN where it does not exist.
        chance: what unrelated features give.
        bounds: the ends of its scale.
        symmetric: whether the order of the layers plays no part.
        projectable: whether it may be estimated from sketches.
        ranked: whether it needs many times as many samples as features.
    """

    spec: Callable[[Options], str]
    values: OfPairs
    chance: OfPairs
    bounds: Bounds = (None, None)
    symmetric: bool = True
    projectable: bool = False
    ranked: bool = False


@dataclass(frozen=True, kw_only=True)
class SampleMeasure:
    """A measure that compares samples with one another, over a bounded choice of them.

    Attributes:
        spec: its canonical string.
        prepare: makes of a layer's (n, d) features what is compared.
        compare: gives the value from what was made of two layers; NaN where it does not exist.
        chance: what unrelated features give, from the same.
        bounds: the ends of its scale.
        symmetric: whether the order of the layers plays no part.
        fewest: with fewer samples it does not exist.
    """

    spec: Callable[[Options], str]
    prepare: Callable[[Array, Options], Any]
    compare: Callable[[Any, Any], float]
    chance: Callable[[Any, Any], float]
    bounds: Bounds = (None, None)
    symmetric: bool = True
    fewest: Callable[[Options], int] = lambda _: 5


def _matrix(compute: Callable[[View], Array], view: View, pairs: Sequence[Pair], _options: Options) -> Array:
    """Return the entries of a matrix over all pairs of layers."""
    matrix = compute(view)
    return np.array([matrix[pair] for pair in pairs])


def _each(compute: Callable[..., float], *names: str, turned: bool = False) -> OfPairs:
    """Return the function of many pairs for one of a pair, with these options, and the pair turned around on demand."""

    def values(view: View, pairs: Sequence[Pair], options: Options) -> Array:
        given = [getattr(options, name) for name in names]
        return np.array([compute(view, pair[::-1] if turned else pair, *given) for pair in pairs])

    return values


def _nuclear(made: Callable[[float], float], norm: Callable[[View, Pair], float]) -> OfPairs:
    return _each(lambda view, pair: made(norm(view, pair)))


def _zero(_view: View, pairs: Sequence[Pair], _options: Options) -> Array:
    return np.zeros(len(pairs))


def _procrustes(name: str, made: Callable[[float], float], bounds: Bounds) -> MomentMeasure:
    return MomentMeasure(
        spec=lambda _: f"procrustes/{name}/centred/unit-norm",
        values=_nuclear(made, procrustes.nuclear),
        chance=_nuclear(made, procrustes.nuclear_chance),
        bounds=bounds,
    )


def _pwcca(weights: str, *, turned: bool) -> MomentMeasure:
    return MomentMeasure(
        spec=lambda _: f"cca/mean/weights={weights}",
        values=_each(canonical.pwcca, turned=turned),
        chance=_each(canonical.mean_chance),
        bounds=_SHARE,
        symmetric=False,
        ranked=True,
    )


def _explained(direction: str, *, turned: bool) -> MomentMeasure:
    return MomentMeasure(
        spec=lambda options: f"r2/{direction}/in-sample/ridge={options.ridge:g}",
        values=_each(canonical.explained, "ridge", turned=turned),
        chance=_each(canonical.explained_chance, "ridge", turned=turned),
        bounds=_SHARE,
        symmetric=False,
        ranked=True,
    )


MOMENT_MEASURES: Mapping[str, MomentMeasure] = {
    "cka": MomentMeasure(
        spec=lambda _: "cka/linear/unbiased/full",
        values=partial(_matrix, lambda view: ratio(view.between(unbiased_hsic(view.moments)))),
        chance=_zero,
        bounds=_COSINE,
        projectable=True,
    ),
    "cka-biased": MomentMeasure(
        spec=lambda _: "cka/linear/biased/full",
        values=partial(_matrix, lambda view: ratio(view.between(biased_hsic(view.moments)))),
        chance=partial(_matrix, lambda view: view.between(biased_chance(view.moments))),
        bounds=_SHARE,
        projectable=True,
    ),
    "procrustes": _procrustes("nuclear", lambda norm: norm, _SHARE),
    "procrustes-angle": _procrustes("angle", procrustes.angle, (0.0, np.pi / 2)),
    "procrustes-d2": _procrustes("d2", procrustes.squared_distance, (0.0, 2.0)),
    "cca": MomentMeasure(
        spec=lambda _: "cca/mean",
        values=_each(canonical.mean_correlation),
        chance=_each(canonical.mean_chance),
        bounds=_SHARE,
        ranked=True,
    ),
    "cca-r2": MomentMeasure(
        spec=lambda _: "cca/mean-square",
        values=_each(canonical.mean_squared_correlation),
        chance=_each(canonical.squared_chance),
        bounds=_SHARE,
        ranked=True,
    ),
    "svcca": MomentMeasure(
        spec=lambda options: f"svcca/mean/keep={options.keep:g}-of-variance-inclusive",
        values=_each(canonical.svcca, "keep"),
        chance=_each(canonical.mean_chance, "keep"),
        bounds=_SHARE,
        ranked=True,
    ),
    "pwcca": _pwcca("first", turned=False),
    "pwcca-second": _pwcca("second", turned=True),
    "r2": _explained("first-to-second", turned=False),
    "r2-second": _explained("second-to-first", turned=True),
    "gulp": MomentMeasure(
        spec=lambda options: f"gulp/d2/ridge={options.ridge:g}",
        values=_each(canonical.gulp, "ridge"),
        chance=_each(canonical.gulp_chance, "ridge"),
        bounds=(0.0, None),
        ranked=True,
    ),
}


def _no_chance(_first: Any, _second: Any) -> float:
    return 0.0


def _rbf(*, biased: bool) -> SampleMeasure:
    centre = kernels.centre if biased else kernels.u_centre
    return SampleMeasure(
        spec=lambda options: f"cka/rbf/{'biased' if biased else 'unbiased'}/{_bandwidth(options)}",
        prepare=lambda x, options: centre(kernels.gaussian_kernel(x, options.bandwidth)),
        compare=kernels.cosine,
        chance=kernels.cosine_chance if biased else _no_chance,
        bounds=_SHARE if biased else _COSINE,
    )


def _bandwidth(options: Options) -> str:
    given = options.bandwidth
    return f"sigma2={given}" if isinstance(given, str) else f"sigma={given:g}"


def _neighbours(name: str, compare: Callable[..., float], chance: Callable[[int, int], float]) -> SampleMeasure:
    return SampleMeasure(
        spec=lambda options: f"knn/{name}/k={options.neighbours}/{options.distance}",
        prepare=lambda x, options: neighbours.nearest(x, options.neighbours, options.distance),
        compare=compare,
        chance=lambda first, _: chance(len(first), int(first[0].sum())),
        bounds=_SHARE,
        fewest=lambda options: options.neighbours + 2,
    )


def _rsa(name: str, made: Callable[[Array], Array]) -> SampleMeasure:
    return SampleMeasure(
        spec=lambda options: f"rsa/{name}/{options.dissimilarity}",
        prepare=lambda x, options: made(dissimilarity.dissimilarities(x, options.dissimilarity)),
        compare=dissimilarity.correlation,
        chance=_no_chance,
        bounds=_COSINE,
    )


SAMPLE_MEASURES: Mapping[str, SampleMeasure] = {
    "cka-trimmed": SampleMeasure(
        spec=lambda _: f"cka/linear/unbiased/without-top={kernels.TRIMMED:g}-by-leverage",
        prepare=lambda x, _: x,
        compare=kernels.trimmed_cka,
        chance=_no_chance,
        bounds=_COSINE,
    ),
    "cka-rbf": _rbf(biased=False),
    "cka-rbf-biased": _rbf(biased=True),
    "mutual-knn": _neighbours("mutual", neighbours.mutual, neighbours.mutual_chance),
    "jaccard-knn": _neighbours("jaccard", neighbours.jaccard, neighbours.jaccard_chance),
    "rsa": _rsa("spearman", dissimilarity.ranks),
    "rsa-pearson": _rsa("pearson", lambda values: values),
    "distance-correlation": SampleMeasure(
        spec=lambda _: "distance-correlation/squared/u-centred",
        prepare=lambda x, _: kernels.u_centre(kernels.euclidean_distances(x)),
        compare=kernels.cosine,
        chance=_no_chance,
        bounds=_COSINE,
    ),
}
