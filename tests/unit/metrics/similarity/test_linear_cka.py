"""Unbiased linear CKA against reference values that several published packages agree on."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from robustkit import find_layers
from robustkit_metrics.similarity.cka import biased_hsic, ratio, unbiased_hsic
from robustkit_metrics.similarity.linear_cka import LinearCka
from robustkit_metrics.similarity.moments import add, measure_moments, subtract
from robustkit_metrics.similarity.params import LinearCkaParams

# From anatome (reduce_bias), ckatorch, pytorch-cka and platonic-rep, which agree to these digits.
UNBIASED = {"A": 0.251349, "B": 0.070759, "C": 0.654432}
# From anatome, ckatorch, netrep and rsatoolbox.
BIASED = {"A": 0.416410, "B": 0.757751, "C": 0.679980}


def moments(x, y, **options):
    return measure_moments([torch.from_numpy(x), torch.from_numpy(y)], **options)


def unbiased_cka(m):
    return ratio(unbiased_hsic(m))[0, 1]


def from_definition(x, y):
    """Song et al. (2012), equation 5, on the whole kernel matrices."""

    def hsic(k, m):
        n = len(k)
        k, m = k - np.diag(np.diag(k)), m - np.diag(np.diag(m))
        trace, total, chained = (k * m.T).sum(), k.sum() * m.sum(), k.sum(0) @ m.sum(1)
        return (trace + total / ((n - 1) * (n - 2)) - 2 / (n - 2) * chained) / (n * (n - 3))

    k, m = x @ x.T, y @ y.T
    return hsic(k, m) / np.sqrt(hsic(k, k) * hsic(m, m))


def state(metric, make_batch, x, y):
    x, y = torch.as_tensor(x), torch.as_tensor(y)
    return metric.measure(make_batch(None, y, None, clean=x, features={"layer": y}, clean_features={"layer": x}))


def value_of(chunks, **params):
    return LinearCka(LinearCkaParams(**params)).estimate(chunks)["layer"]


@pytest.mark.parametrize("case", UNBIASED)
def test_it_is_the_published_value(case, make_batch, cases):
    metric = LinearCka(LinearCkaParams())
    found = metric.estimate([state(metric, make_batch, *cases[case])])["layer"]
    assert found.value == pytest.approx(UNBIASED[case], abs=1e-6)
    assert found.value == pytest.approx(from_definition(*cases[case]), abs=1e-12)
    assert (found.ci_low, found.ci_high, found.interval) == (None, None, "")


@pytest.mark.parametrize("case", UNBIASED)
def test_it_is_not_the_biased_value(case, cases):
    """Negative control: the same sums give the other published number by the other formula."""
    sums = moments(*cases[case])
    biased = ratio(biased_hsic(sums))[0, 1]
    assert biased == pytest.approx(BIASED[case], abs=1e-6)
    assert abs(unbiased_cka(sums) - biased) > 0.02


@pytest.mark.parametrize("sizes", [[1] * 64, [3] * 22, [40, 24], [2, 61, 1]])
@pytest.mark.parametrize("seed", [0, 1])
def test_it_is_the_same_for_any_batches_in_any_order(make_batch, sizes, seed, cases):
    metric = LinearCka(LinearCkaParams())
    x, y = (each[np.random.RandomState(seed).permutation(64)] for each in cases["C"])
    starts = np.cumsum([0, *sizes])
    states = [state(metric, make_batch, x[a:b], y[a:b]) for a, b in zip(starts, [*starts[1:]], strict=False)]
    whole = from_definition(x, y)
    assert value_of([metric.merge(states)]).value == pytest.approx(whole, abs=1e-12)
    assert value_of(states[::-1]).value == pytest.approx(whole, abs=1e-12)


def test_a_mean_over_batches_would_differ(cases):
    """Negative control: the minibatch estimate of case A is known to be -0.159992 for batches of 6 (torch_cka)."""
    x, y = cases["A"]
    parts = [moments(x[a : a + 6], y[a : a + 6]) for a in (0, 6)]
    assert abs(np.mean([unbiased_cka(part) for part in parts]) - UNBIASED["A"]) > 0.1


def test_merging_is_associative_and_subtracting_undoes_it(cases):
    x, y = cases["C"]
    a, b, c = (moments(x[rows], y[rows]) for rows in (slice(0, 10), slice(10, 40), slice(40, 64)))
    left, right = add(add(a, b), c), add(a, add(b, c))
    assert all(np.allclose(array, vars(right)[name], rtol=1e-12, atol=1e-9) for name, array in vars(left).items())
    assert unbiased_cka(subtract(left, a)) == pytest.approx(from_definition(x[10:], y[10:]), abs=1e-12)


@pytest.mark.parametrize("offset", [1e2, 1e4])
def test_a_large_mean_costs_no_digits(offset, cases):
    x, y = cases["C"]
    parts = [(x[a : a + 8] + offset, y[a : a + 8] - offset) for a in range(0, 64, 8)]
    total = moments(*parts[0])
    for part in parts[1:]:
        total = add(total, moments(*part))
    assert unbiased_cka(total) == pytest.approx(from_definition(x, y), abs=1e-8)


def test_without_a_pivot_the_digits_are_lost(cases):
    """Negative control; how many are left depends on the machine's matrix product, and with none it is undefined."""
    x, y = cases["C"]
    with np.errstate(invalid="ignore"):
        found = unbiased_cka(moments(x + 1e4, y - 1e4, pivot=False))
    assert not abs(found - from_definition(x, y)) <= 1e-3


def test_it_does_not_change_by_rotation_scale_and_translation(cases):
    x, y = cases["C"]
    rotation = np.linalg.qr(np.random.RandomState(2).standard_normal((10, 10)))[0]
    assert unbiased_cka(moments(7 * x @ rotation + 3, y)) == pytest.approx(UNBIASED["C"], abs=1e-6)
    assert unbiased_cka(moments(x, x @ rotation)) == pytest.approx(1, abs=1e-12)
    stretch = np.diag(np.arange(1.0, 11))
    assert abs(unbiased_cka(moments(x @ stretch, y)) - UNBIASED["C"]) > 0.01


@pytest.mark.parametrize("width", [2, 50, 400])
def test_independent_features_are_at_zero(width):
    random = np.random.RandomState(3)
    found = [
        unbiased_cka(moments(random.standard_normal((100, width)), random.standard_normal((100, width))))
        for _ in range(30)
    ]
    assert abs(np.mean(found)) < 3 * np.std(found) / 30**0.5
    assert min(found) < 0, "it is not cut off at 0"


@pytest.mark.parametrize("n", [1, 2, 3])
def test_fewer_than_four_samples_are_undefined(make_batch, n, cases):
    found = value_of([state(LinearCka(LinearCkaParams()), make_batch, *(each[:n] for each in cases["C"]))])
    assert (found.value, found.n, found.note) == (None, n, f"undefined: {n} samples, 4 are needed")


@pytest.mark.parametrize("constant", [0.0, 1.0, 0.1, 1e6])
def test_features_that_do_not_vary_are_undefined(make_batch, constant, cases):
    x, y = (torch.from_numpy(each).float() for each in cases["C"])
    metric = LinearCka(LinearCkaParams())
    states = [state(metric, make_batch, x[a : a + 7], torch.full_like(y[a : a + 7], constant)) for a in range(0, 64, 7)]
    assert value_of(states).note == "undefined: constant features"
    assert value_of(states).value is None


def test_five_chunks_have_an_interval_that_is_named(make_batch):
    metric = LinearCka(LinearCkaParams())
    random = np.random.RandomState(4)
    x = random.standard_normal((600, 5))
    y = x + random.standard_normal((600, 5))
    chunks = [state(metric, make_batch, x[a : a + 100], y[a : a + 100]) for a in range(0, 600, 100)]
    found = value_of(chunks)
    assert found.interval == "jackknife-chunks"
    assert found.ci_low < found.value < found.ci_high
    # scipy.stats.jackknife does not exist: by hand, from the definition on the rows that are left.
    without = [
        from_definition(np.delete(x, range(a, a + 100), 0), np.delete(y, range(a, a + 100), 0))
        for a in range(0, 600, 100)
    ]
    half = 2.570582 * np.sqrt(5 / 6 * np.square(without - np.mean(without)).sum())  # t(0.975, 5), from tables
    assert found.ci_high - found.value == pytest.approx(half, rel=1e-6)
    assert value_of(chunks[:4]).ci_low is None


def test_an_interval_ends_where_the_scale_ends(make_batch):
    metric = LinearCka(LinearCkaParams())
    random = np.random.RandomState(6)
    x = random.standard_normal((120, 5))
    y = x + 1e-3 * random.standard_normal((120, 5)) * (np.arange(120) < 20)[:, None] * 300
    chunks = [state(metric, make_batch, x[a : a + 20], y[a : a + 20]) for a in range(0, 120, 20)]
    found = value_of(chunks)
    assert 0.9 < found.value < 1
    assert found.ci_high == 1.0
    same = value_of([state(metric, make_batch, x[a : a + 20], x[a : a + 20]) for a in range(0, 120, 20)])
    assert same.value == pytest.approx(1.0)
    assert same.value <= 1.0


def test_jackknife_intervals_cover_the_truth(make_batch):
    """Nominal 95 %; the truth is the value for very many samples."""
    random, metric = np.random.RandomState(5), LinearCka(LinearCkaParams())
    big = random.standard_normal((200_000, 3))
    truth = unbiased_cka(moments(big, big + random.standard_normal(big.shape)))
    covered = 0
    for _ in range(60):
        x = random.standard_normal((400, 3))
        y = x + random.standard_normal(x.shape)
        chunks = [state(metric, make_batch, x[a : a + 50], y[a : a + 50]) for a in range(0, 400, 50)]
        found = metric.estimate(chunks)["layer"]
        covered += found.ci_low <= truth <= found.ci_high
    assert covered >= 50


def test_each_layer_is_a_part_in_the_order_of_the_network(make_batch):
    metric = LinearCka(LinearCkaParams(layers=("0", "2")))
    model = torch.nn.Sequential(torch.nn.Linear(10, 4), torch.nn.ReLU(), torch.nn.Linear(4, 3))
    assert find_layers(model, metric.layers) == ("0", "2")
    x, maps = torch.rand(20, 10), torch.rand(20, 3, 4, 5)
    batch = make_batch(
        model, x, None, features={"deep.1": maps, "head": x}, clean_features={"deep.1": 2 * maps + 1, "head": -x}
    )
    found = metric.estimate([metric.measure(batch)])
    assert list(found) == ["deep.1", "head"]
    assert [each.value for each in found.values()] == pytest.approx([1, 1])
    assert [each.n for each in found.values()] == [20, 20]


@pytest.mark.parametrize(("given", "layers"), [((), ()), ("conv*", ("conv*",)), (("a", "b"), ("a", "b"))])
def test_one_pattern_needs_no_brackets(given, layers):
    assert LinearCka(LinearCkaParams(layers=given)).layers == layers


def test_a_layer_that_is_too_wide_is_projected_and_said(make_batch, cases):
    metric = LinearCka(LinearCkaParams(widest=8))
    states = [state(metric, make_batch, x, x) for x in np.split(cases["C"][0], 4)]
    assert max(array.size for each in states for array in each.values()) <= 16 * 16
    found = value_of([metric.merge(states[:2]), *states[2:]], widest=8)
    assert (found.value, found.n) == (pytest.approx(1), 64)
    assert found.spec == "cka/linear/unbiased/full/pool=mean/projected=8/projection-seed=0"


ODD = """
import torch
from torch import nn


class Pair(nn.Module):
    def forward(self, x):
        return {"x": x}


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.conv = nn.Conv2d(1, 4, 3, stride=3)
        self.tokens = nn.LayerNorm(4)
        self.turned = nn.Identity()
        self.scalar = nn.Identity()
        self.pair = Pair()
        self.spare = nn.Linear(3, 3)
        self.head = nn.Linear(4, 10)

    def forward(self, x):
        tokens = self.tokens(self.conv(x).flatten(2).transpose(1, 2))
        self.turned(tokens.transpose(0, 1))
        self.scalar(tokens.sum())
        self.pair(x)
        return self.head(tokens.mean(1))
"""


def test_a_layer_that_cannot_be_used_costs_its_own_part_alone(tmp_path):
    from safetensors.torch import save_file

    from robustkit import evaluate

    (tmp_path / "net.py").write_text(ODD)
    space = {}
    exec(ODD, space)
    save_file(space["Net"]().state_dict(), tmp_path / "net.safetensors")
    config = {
        "model": [{"checkpoint": str(tmp_path / "net.safetensors"), "model": f"{tmp_path / 'net.py'}:Net"}],
        "data": "zoo/fashion-mnist-mini",
        "limit": 40,
        "batch_size": 30,
        "perturbation": ["gaussian-noise:severity=5"],
        "metric": ["accuracy", "linear-cka", "linear-cka:channels=last"],
        "device": "cpu",
    }
    done = evaluate(config, out=tmp_path / "run")
    assert not done.failures
    values = {row["metric"].partition("/")[2]: row["value"] for row in done.rows if row["condition"] != "clean"}
    declared = "linear-cka:channels=last"
    assert {name for name, value in values.items() if value is None} == {
        *(f"{name}@{layer}" for name in ("linear-cka", declared) for layer in ("turned", "scalar", "pair", "spare")),
        "linear-cka@tokens",
    }
    assert values[f"{declared}@tokens"] == pytest.approx(values["linear-cka@head"], abs=0.2)
    notes = {note["metric"].partition("@")[2]: note["note"] for note in done.folder.read_manifest()["notes"][-9:]}
    assert notes["spare"] == "undefined: the layer is not called in the forward pass"
    assert notes["pair"] == "undefined: the layer returns dict, not a tensor"
    assert "(81, 30, 4) for 30 samples" in notes["turned"]
    assert "() for 30 samples" in notes["scalar"]
    (refused,) = [note["note"] for note in done.folder.read_manifest()["notes"] if "@tokens" in str(note)]
    assert refused.startswith("undefined: (N, 81, 4) features may be")
    assert {row["n"] for row in done.rows} == {40}
