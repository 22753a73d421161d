"""Every measure against reference values that independent packages agree on, each with a variant that must differ.

The values are those of anatome, ckatorch, dcor, google/svcca, netrep, platonic-rep, resi and rsatoolbox on three small
cases; see `conftest`. Where a package departs from the definition, its number is the negative control.
"""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import numpy as np
import pytest
import torch
from scipy.spatial.distance import pdist, squareform

from robustkit_metrics.similarity import kernels
from robustkit_metrics.similarity.canonical import gulp_distance, null_correlation
from robustkit_metrics.similarity.dissimilarity import correlation, dissimilarities
from robustkit_metrics.similarity.measures import MOMENT_MEASURES, SAMPLE_MEASURES
from robustkit_metrics.similarity.moments import measure_moments
from robustkit_metrics.similarity.neighbours import jaccard_chance, nearest
from robustkit_metrics.similarity.params import MeasureName, SimilarityParams
from robustkit_metrics.similarity.view import View

PLAIN = {"ridge": 0.0, "neighbours": 3}

REFERENCE = [
    ("cka", {}, {"A": 0.251349, "B": 0.070759, "C": 0.654432}),
    ("cka-biased", {}, {"A": 0.416410, "B": 0.757751, "C": 0.679980}),
    ("cka-rbf-biased", {"bandwidth": 0.5**0.5}, {"A": 0.852234, "B": 1.0, "C": 0.999020}),
    ("cka-rbf", {"bandwidth": 0.5**0.5}, {"A": 0.368064, "B": -0.167911, "C": 0.054778}),
    ("cka-rbf-biased", {"bandwidth": 1.0}, {"A": 0.755017, "C": 0.987034}),
    ("cka-rbf", {"bandwidth": 1.0}, {"A": 0.428447, "C": 0.149164}),
    ("cka-rbf-biased", {"bandwidth": "median"}, {"A": 0.566094, "B": 0.852698, "C": 0.689052}),
    ("cka-rbf", {"bandwidth": "median"}, {"A": 0.338871, "B": 0.067368, "C": 0.637558}),
    ("cka-rbf-biased", {"bandwidth": "median-off-diagonal"}, {"A": 0.553501, "B": 0.847346, "C": 0.689106}),
    ("cka-rbf", {"bandwidth": "median-off-diagonal"}, {"A": 0.335150, "B": 0.068408, "C": 0.638092}),
    ("procrustes", {}, {"A": 0.530189, "B": 0.919291, "C": 0.732110}),
    ("procrustes-d2", {}, {"A": 0.939623, "B": 0.161418, "C": 0.535779}),
    ("procrustes-angle", {}, {"A": 1.011973, "B": 0.404521, "C": 0.749381}),
    ("cca", {}, {"A": 0.555087, "C": 0.959419}),
    ("cca-r2", {}, {"A": 0.404945, "C": 0.924128}),
    ("svcca", {"keep": 0.99}, {"A": 0.555087, "B": 1.0, "C": 0.959419}),
    ("svcca", {"keep": 0.9}, {"A": 0.555087, "B": 0.858248, "C": 0.986861}),
    ("pwcca", {}, {"A": 0.554661, "C": 0.962476}),
    ("pwcca-second", {}, {"A": 0.630842, "C": 0.981710}),
    ("r2", {}, {"A": 0.534045, "C": 0.980208}),
    ("r2-second", {}, {"A": 0.306111, "C": 0.592744}),
    ("gulp", {}, {"A": 4.570329, "C": 4.910461}),
    ("rsa", {}, {"A": 0.373427, "B": -0.304324, "C": 0.630896}),
    ("rsa-pearson", {}, {"A": 0.388436, "B": -0.322480, "C": 0.637138}),
    ("rsa", {"dissimilarity": "squared-euclidean"}, {"A": 0.010291, "B": 0.178435, "C": 0.606206}),
    ("rsa-pearson", {"dissimilarity": "squared-euclidean"}, {"A": 0.025659, "B": 0.106084, "C": 0.627981}),
    ("distance-correlation", {}, {"A": 0.340126, "B": 0.067228, "C": 0.645777}),
    ("jaccard-knn", {}, {"A": 0.233333, "B": 0.362500, "C": 0.187500}),
    ("mutual-knn", {}, {"A": 0.361111, "B": 0.500000, "C": 0.270833}),
    ("jaccard-knn", {"distance": "euclidean"}, {"A": 0.241667, "B": 0.425000, "C": 0.173437}),
    ("mutual-knn", {"distance": "euclidean"}, {"A": 0.361111, "B": 0.541667, "C": 0.255208}),
]
ROWS = [(name, given, case, value) for name, given, values in REFERENCE for case, value in values.items()]


def view_of(x, y):
    return View(measure_moments([torch.from_numpy(x), torch.from_numpy(y)]), [[0], [1]])


def value(name, x, y, part="values", **given):
    options = SimilarityParams(**{**PLAIN, **given})
    if name in MOMENT_MEASURES:
        return float(getattr(MOMENT_MEASURES[name], part)(view_of(x, y), [(0, 1)], options)[0])
    measure = SAMPLE_MEASURES[name]
    compute = measure.compare if part == "values" else measure.chance
    return compute(*(measure.prepare(each, options) for each in (x, y)))


def test_the_cases_are_those_of_the_reference(cases):
    sums = {"A": (-1.608633, -2.246661), "B": (16.580936, -28.001734), "C": (33.632474, -57.483533)}
    for case, expected in sums.items():
        assert [float(each.sum()) for each in cases[case]] == pytest.approx(expected, abs=1e-6)


def test_every_measure_has_a_row_and_a_name():
    assert set(get_args(MeasureName)) == {*MOMENT_MEASURES, *SAMPLE_MEASURES}
    assert {name for name, _, _ in REFERENCE} == {*MOMENT_MEASURES, *SAMPLE_MEASURES} - {"cka-trimmed"}


@pytest.mark.parametrize(("name", "given", "case", "expected"), ROWS)
def test_it_is_the_reference_value(cases, name, given, case, expected):
    assert value(name, *cases[case], **given) == pytest.approx(expected, abs=1e-6)


def test_no_two_variants_of_a_case_are_the_same_number_by_accident(cases):
    """Negative control of the table: one formula in the place of another would be seen."""
    for case in "AC":
        found = {}
        for name, given, values in REFERENCE:
            if case in values and not name.startswith("svcca"):
                found.setdefault(round(value(name, *cases[case], **given), 6), []).append((name, str(given)))
        doubles = [names for names in found.values() if len(names) > 1]
        assert doubles in ([], [[("mutual-knn", "{}"), ("mutual-knn", "{'distance': 'euclidean'}")]])


@pytest.mark.parametrize(("case", "lower"), [("A", 0.569079), ("B", 0.853247), ("C", 0.689055)])
def test_the_median_is_numpy_s_and_not_torch_s(cases, case, lower):
    """ckatorch takes torch.median, which is the lower of the two middle numbers."""
    x, y = cases[case]
    sigmas = [float(torch.from_numpy(kernels.squared_distances(each)).median()) ** 0.5 for each in (x, y)]
    measure = SAMPLE_MEASURES["cka-rbf-biased"]
    made = [measure.prepare(each, SimilarityParams(bandwidth=s)) for each, s in zip((x, y), sigmas, strict=True)]
    assert measure.compare(*made) == pytest.approx(lower, abs=1e-6)
    assert abs(value("cka-rbf-biased", x, y) - lower) > 2e-6


def test_minibatches_of_case_a_give_other_numbers(cases):
    """torch_cka prints 0.1168 for batches of 4 and -0.1600 for batches of 6, where all samples give 0.2513."""

    def minibatch(size):
        parts = [slice(a, a + size) for a in range(0, 12, size)]
        hsic = MOMENT_MEASURES["cka"]
        assert hsic.projectable
        from robustkit_metrics.similarity.cka import unbiased_hsic

        total = sum(unbiased_hsic(view_of(cases["A"][0][p], cases["A"][1][p]).moments) for p in parts)
        return total[0, 1] / np.sqrt(total[0, 0] * total[1, 1])

    assert minibatch(4) == pytest.approx(0.116846, abs=1e-6)
    assert minibatch(6) == pytest.approx(-0.159992, abs=1e-6)
    assert minibatch(12) == pytest.approx(0.251349, abs=1e-6)


def test_svcca_counts_the_component_that_crosses_and_variance_not_singular_values(cases):
    """anatome leaves the crossing component out: 0.618018; by singular values, case C would be 0.912115."""
    assert abs(value("svcca", *cases["A"], keep=0.99) - 0.618018) > 0.05
    assert abs(value("svcca", *cases["C"], keep=0.9) - 0.912115) > 0.05


def test_pwcca_is_weighted_by_one_side_and_is_not_the_mean_of_both(cases):
    """The package repsim returns the mean of both sides: 0.592752; anatome, with wrong weights, 0.568675."""
    both = [value(name, *cases["A"]) for name in ("pwcca", "pwcca-second")]
    assert np.mean(both) == pytest.approx(0.592752, abs=1e-6)
    assert min(abs(each - 0.568675) for each in both) > 0.01


@pytest.mark.parametrize(
    ("penalty", "expected"), [(0.01, (4.365975, 0.000178, 4.787961)), (1.0, (0.538237, 0.260047, 1.906196))]
)
def test_gulp_with_a_penalty_in_absolute_units(cases, penalty, expected):
    for (x, y), wanted in zip(cases.values(), expected, strict=True):
        view, n = view_of(x, y), len(x)
        (a, own), (b, other) = view.eigen(0), view.eigen(1)
        cross = own.T @ view.scatter(0, 1) @ other
        assert gulp_distance(cross / n, a / n, b / n, penalty, penalty) == pytest.approx(wanted, abs=1e-6)
        assert abs(gulp_distance(cross / (n - 1), a / (n - 1), b / (n - 1), penalty, penalty) - wanted) > 1e-6


def test_gulp_s_ridge_is_in_units_of_the_mean_variance(cases):
    x, y = cases["C"]
    assert value("gulp", 7 * x, y, ridge=0.3) == pytest.approx(value("gulp", x, y, ridge=0.3), abs=1e-9)


def test_distance_correlation_is_u_centred(cases):
    """The biased statistic, 0.822332 in case A, tends to 1 with the number of features."""
    made = [kernels.centre(kernels.euclidean_distances(each)) for each in cases["A"]]
    assert kernels.cosine(*made) ** 0.5 == pytest.approx(0.822332, abs=1e-6)


def test_unbiased_is_not_the_off_diagonal_of_the_centred_kernel(cases):
    """Lange et al. (2023) sum that instead: 0.266724 in case A, 0.348512 in case B."""
    for case, other in (("A", 0.266724), ("B", 0.348512)):
        made = [kernels.centre(each @ each.T) for each in cases[case]]
        bare = [each - np.diag(np.diag(each)) for each in made]
        assert kernels.cosine(*bare) == pytest.approx(other, abs=1e-6)
        assert abs(value("cka", *cases[case]) - other) > 0.01


def test_squared_distances_lose_no_digits_to_a_large_mean(cases):
    x = cases["C"][0]
    assert np.allclose(kernels.squared_distances(x + 1e5), squareform(pdist(x, "sqeuclidean")), atol=1e-8)


# The weights of PWCCA are sums over single features, which a rotation mixes.
ROTATED = tuple(name for name in MOMENT_MEASURES if name != "pwcca")
INVARIANCES = {
    "linear": ("cca", "cca-r2", "gulp", "r2"),
    "scale": (*MOMENT_MEASURES, "cka-trimmed", "cka-rbf", "mutual-knn", "jaccard-knn", "rsa", "distance-correlation"),
    "orthogonal": (*ROTATED, "cka-trimmed", "cka-rbf", "mutual-knn", "distance-correlation"),
    "translation": (*MOMENT_MEASURES, "cka-trimmed", "cka-rbf", "distance-correlation"),
}


@pytest.mark.parametrize("kind", INVARIANCES)
def test_it_does_not_change_where_it_must_not(cases, kind):
    x, y = cases["C"]
    random = np.random.RandomState(3)
    other = {
        "linear": x @ (random.standard_normal((10, 10)) + 3 * np.eye(10)),
        "scale": 5 * x,
        "orthogonal": x @ np.linalg.qr(random.standard_normal((10, 10)))[0],
        "translation": x + np.arange(10),
    }[kind]
    for name in INVARIANCES[kind]:
        assert value(name, other, y) == pytest.approx(value(name, x, y), abs=1e-9), name


def test_it_changes_where_it_may(cases):
    """Negative control: the invariances are not those of a constant."""
    x, y = cases["C"]
    stretched = x * np.arange(1, 11)
    for name in ("cka", "cka-biased", "procrustes", "pwcca", "cka-rbf", "mutual-knn", "rsa", "distance-correlation"):
        assert abs(value(name, stretched, y) - value(name, x, y)) > 1e-3, name
    assert abs(value("mutual-knn", x + np.arange(10), y) - value("mutual-knn", x, y)) > 1e-3
    assert abs(value("gulp", stretched, y, ridge=0.1) - value("gulp", x, y, ridge=0.1)) > 1e-3


def test_equal_features_are_as_similar_as_can_be(cases):
    x = cases["C"][0]
    for name in (*MOMENT_MEASURES, *SAMPLE_MEASURES):
        distance = name in ("procrustes-angle", "procrustes-d2", "gulp")
        # The arc cosine of 1 - 1e-16 is 1e-8.
        assert value(name, x, x) == pytest.approx(0 if distance else 1, abs=1e-7), name


PATTERN = {10: (0.082, 0.25), 100: (0.497, 0.75), 1000: (0.909, 0.975)}


@pytest.mark.parametrize("width", PATTERN)
def test_biased_measures_of_independent_features_grow_with_their_number_and_unbiased_ones_do_not(width):
    """Published for n = 100: biased CKA 0.082, 0.497, 0.909, Procrustes 0.25, 0.75, 0.975."""
    random = np.random.RandomState(width)
    pairs = [(random.standard_normal((100, width)), random.standard_normal((100, width))) for _ in range(5)]
    biased, nuclear = PATTERN[width]
    assert np.mean([value("cka-biased", *pair) for pair in pairs]) == pytest.approx(biased, abs=0.02)
    assert np.mean([value("procrustes", *pair) for pair in pairs]) == pytest.approx(nuclear, abs=0.04)
    for name in ("cka", "distance-correlation"):
        found = [value(name, *pair) for pair in pairs]
        assert abs(np.mean(found)) < 0.03
        assert min(found) < 0


@pytest.mark.parametrize("name", [*MOMENT_MEASURES, *SAMPLE_MEASURES])
def test_chance_is_what_shuffled_rows_give_on_average(name):
    random = np.random.RandomState(7)
    x = random.standard_normal((80, 6)) * np.arange(1, 7)
    y = x[:, :4] + random.standard_normal((80, 4))
    given = {"ridge": 0.05, "neighbours": 5}
    shuffled = [value(name, x, y[random.permutation(80)], **given) for _ in range(200)]
    chance = value(name, x, y, part="chance", **given)
    room = 4 * np.std(shuffled) / 200**0.5
    # Gaussian cross-products stand for shuffled rows in Procrustes, Gaussian features in the mean correlations.
    approximate = 0.02 if name.startswith(("procrustes", "svcca", "pwcca", "cca")) else 0.0
    assert chance == pytest.approx(np.mean(shuffled), abs=room + approximate)
    # Negative control: that chance is not what these features, which are related, give.
    assert abs(value(name, x, y, **given) - chance) > 4 * room


def test_chance_of_a_mean_correlation_is_the_same_by_both_ways_of_drawing():
    """With room for both subspaces, Wishart matrices are drawn; without, bases."""
    assert null_correlation(41, 20, 20) == pytest.approx(null_correlation(40, 20, 20), abs=0.02)
    assert null_correlation(10, 9, 9) == pytest.approx(1)
    assert null_correlation(10_001, 1, 1) == pytest.approx((2 / np.pi / 10_000) ** 0.5, rel=0.1)


def test_the_chance_of_jaccard_is_not_that_of_the_mutual_neighbours():
    random = np.random.RandomState(0)
    drawn = [nearest(random.standard_normal((30, 3)), 5, "euclidean") for _ in range(100)]
    found = np.mean([((a & b).sum(1) / (a | b).sum(1)).mean() for a, b in zip(drawn[::2], drawn[1::2], strict=True)])
    assert jaccard_chance(30, 5) == pytest.approx(found, abs=0.01)
    assert abs(5 / 29 - found) > 0.03


OUTLIERS = {0: (0.113, 0.0), 1: (0.793, -0.009), 2: (0.914, 0.841), 5: (0.972, 0.966)}


@pytest.mark.parametrize("count", OUTLIERS)
def test_outliers_carry_cka_away_but_not_the_trimmed_one_nor_neighbours(count):
    """Independent features, n = 500, d = 64, with shared points far off: debiasing protects against exactly one."""
    random = np.random.RandomState(0)
    x, y = random.standard_normal((500, 64)), random.standard_normal((500, 64))
    x[:count] += 12.5
    y[:count] += 12.5
    biased, unbiased = OUTLIERS[count]
    assert value("cka-biased", x, y) == pytest.approx(biased, abs=0.02)
    assert value("cka", x, y) == pytest.approx(unbiased, abs=0.03)
    assert abs(value("cka-trimmed", x, y)) < 0.02
    assert value("mutual-knn", x, y, neighbours=10) == pytest.approx(0.0194, abs=0.01)
    few = [view_of(x, y).effective_samples(side) < 50 for side in (0, 1)]
    assert few == [count > 0, count > 0]


def test_one_dominant_direction_carries_cka_away_but_not_cca_nor_neighbours():
    random = np.random.RandomState(0)
    x, y = random.standard_normal((500, 64)), random.standard_normal((500, 64))
    y[:, 0] = x[:, 0] = 30 * x[:, 0]
    assert value("cka", x, y) > 0.99
    assert value("procrustes", x, y) == pytest.approx(0.954, abs=0.02)
    assert value("cca", x, y) == pytest.approx(0.320, abs=0.03)
    assert value("mutual-knn", x, y, neighbours=10) == pytest.approx(0.264, abs=0.05)


def test_ties_among_neighbours_go_to_the_earlier_sample():
    x = np.array([[0.0], [1.0], [-1.0], [5.0]])
    assert nearest(x, 1, "euclidean")[0].tolist() == [False, True, False, False]


def test_a_row_that_does_not_vary_has_no_correlation():
    x = np.random.RandomState(0).standard_normal((6, 4))
    x[2] = 3.0
    assert np.isnan(correlation(*[dissimilarities(x, "correlation")] * 2))
    assert np.isfinite(correlation(*[dissimilarities(x, "squared-euclidean")] * 2))


def test_options_have_an_influence_on_what_they_are_for_alone(cases):
    x, y = cases["C"]
    changed = {"ridge": 0.2, "neighbours": 5, "keep": 0.8, "bandwidth": 2.0, "dissimilarity": "squared-euclidean"}
    for option, new in changed.items():
        plain = SimilarityParams(**PLAIN)
        moved = set()
        for name, measure in {**MOMENT_MEASURES, **SAMPLE_MEASURES}.items():
            if measure.spec(replace(plain, **{option: new})) != measure.spec(plain):
                moved.add(name)
                assert abs(value(name, x, y, **{option: new}) - value(name, x, y)) > 1e-4, (option, name)
        assert moved, option
