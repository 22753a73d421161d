"""The metric: what is compared with what, what each estimate says about itself, and what becomes of bad input."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch

import robustkit
from robustkit.host import load_host
from robustkit.host.validate import parse_params
from robustkit_metrics.similarity.params import SimilarityParams
from robustkit_metrics.similarity.similarity import Similarity


def random(*shape, seed=0):
    return torch.from_numpy(np.random.RandomState(seed).standard_normal(shape))


def states_of(metric, make_batch, first, second=None, *, batch=16, reference=None, unusable=None):
    """Return the states of features by layer, in batches."""
    n = len(next(iter(first.values())))
    found = []
    for a, b in pairwise([*range(0, n, batch), n]):
        parts = [{name: each[a:b] for name, each in (given or {}).items()} for given in (first, second, reference)]
        made = make_batch(None, torch.zeros(b - a, 1), None, start=a, features=parts[0], clean_features=parts[1])
        found.append(metric.measure(replace(made, reference_features=parts[2], unusable=unusable or {})))
    return found


def estimates(make_batch, first, second=None, *, reference=None, unusable=None, batch=16, **params):
    metric = Similarity(SimilarityParams(**params))
    states = states_of(metric, make_batch, first, second, batch=batch, reference=reference, unusable=unusable)
    return metric.estimate([metric.merge(states)])


def test_a_layer_is_compared_with_its_namesake_when_clean(make_batch, cases):
    x, y = (torch.from_numpy(each) for each in cases["C"])
    found = estimates(make_batch, {"a": y, "b": x}, {"a": x, "b": x}, measure=("cka", "procrustes-angle"))
    assert list(found) == ["cka/a", "cka/b", "procrustes-angle/a", "procrustes-angle/b"]
    assert found["cka/a"].value == pytest.approx(0.654432, abs=1e-6)
    assert found["cka/b"].value == pytest.approx(1)
    assert found["procrustes-angle/a"].value == pytest.approx(0.749381, abs=1e-6)
    assert {each.spec for each in found.values()} == {
        "cka/linear/unbiased/full/pool=mean",
        "procrustes/angle/centred/unit-norm/pool=mean",
    }


def test_all_pairs_have_degraded_layers_first_and_clean_ones_second(make_batch, cases):
    x, y = (torch.from_numpy(each) for each in cases["C"])
    found = estimates(
        make_batch, {"a": x, "b": x[:, :3]}, {"a": y, "b": x}, pairs="all", measure=("cka", "r2"), ridge=0
    )
    assert list(found) == [f"{measure}/{p}~{q}" for measure in ("cka", "r2") for p in "ab" for q in "ab"]
    assert found["cka/a~a"].value == pytest.approx(0.654432, abs=1e-6)
    assert found["cka/a~b"].value == pytest.approx(1)
    assert found["r2/a~a"].value == pytest.approx(0.980208, abs=1e-6)
    assert found["r2/b~b"].value < 0.9 < found["r2/a~b"].value, "three features do not predict ten, but ten predict ten"


def test_layers_are_compared_with_one_another_once_where_the_order_plays_no_part(make_batch, cases):
    x, y = (torch.from_numpy(each) for each in cases["C"])
    found = estimates(make_batch, {"a": x, "b": y}, against="layers", measure=("cka", "pwcca", "mutual-knn"))
    assert list(found) == [
        *("cka/a~a", "cka/a~b", "cka/b~b", "pwcca/a~a", "pwcca/a~b", "pwcca/b~a", "pwcca/b~b"),
        *("mutual-knn/a~a", "mutual-knn/a~b", "mutual-knn/b~b"),
    ]
    assert found["cka/a~b"].value == pytest.approx(0.654432, abs=1e-6)
    assert found["pwcca/a~b"].value == pytest.approx(0.962476, abs=1e-6)
    assert found["pwcca/b~a"].value == pytest.approx(0.981710, abs=1e-6)


def test_a_second_model_is_compared_by_name_and_what_has_no_namesake_names_the_nearest(make_batch, cases):
    x, y = (torch.from_numpy(each) for each in cases["C"])
    metric = Similarity(SimilarityParams(reference="other"))
    states = states_of(metric, make_batch, {"a": x, "conv1": x}, reference={"a": y, "conv2": y})
    found = metric.estimate(states)
    assert found["cka/a"].value == pytest.approx(0.654432, abs=1e-6)
    assert found["cka/conv1"].value is None
    assert found["cka/conv1"].note == (
        "undefined: 'other' has no layer of this name; did you mean 'conv2'? pairs=all compares all layers"
    )
    everything = Similarity(SimilarityParams(reference="other", pairs="all"))
    found = everything.estimate(states_of(everything, make_batch, {"a": x}, reference={"a": y, "conv2": y}))
    assert list(found) == ["cka/a~a", "cka/a~conv2"]


@pytest.mark.parametrize("sizes", [[64], [1] * 64, [40, 3, 21]])
def test_batches_and_their_order_do_not_matter(make_batch, cases, sizes):
    """Among others the samples that are chosen for the measures over pairs of samples."""
    x, y = (torch.from_numpy(each) for each in cases["C"])
    measures = ("cka", "svcca", "mutual-knn", "rsa", "cka-trimmed")
    metric = Similarity(SimilarityParams(measure=measures, samples=20, neighbours=3))
    ends = np.cumsum([0, *sizes])
    states = []
    for a, b in pairwise(ends):
        batch = make_batch(None, torch.zeros(b - a, 1), None, start=int(a), features={"l": x[a:b]})
        states.append(metric.measure(replace(batch, clean_features={"l": y[a:b]})))
    whole = estimates(make_batch, {"l": x}, {"l": y}, batch=64, measure=measures, samples=20, neighbours=3)
    for given in ([metric.merge(states)], states, states[::-1]):
        found = metric.estimate(given)
        assert {part: each.n for part, each in found.items()} == {part: each.n for part, each in whole.items()}
        assert [each.value for each in found.values()] == pytest.approx(
            [each.value for each in whole.values()], abs=1e-12
        )
    assert [each.n for each in whole.values()] == [64, 64, 20, 20, 20]


def test_the_chosen_samples_are_spread_over_data_that_are_sorted_and_follow_from_the_seed(make_batch):
    x = torch.arange(1000, dtype=torch.float64)[:, None] + random(1000, 3)
    kept = {}
    for seed in (0, 1):
        metric = Similarity(SimilarityParams(measure="mutual-knn", samples=100, seed=seed))
        state = metric.merge(states_of(metric, make_batch, {"l": x}, {"l": x}, batch=100))
        kept[seed] = state["0/rows"]
        assert kept[seed].shape == (100, 6), "both sides, and no more samples than asked for"
        assert 400 < np.median(kept[seed][:, 0]) < 600
    assert not np.array_equal(np.sort(kept[0][:, 0]), np.sort(kept[1][:, 0]))


def test_what_is_kept_does_not_grow_with_the_number_of_samples(make_batch):
    measures = ("cka", "mutual-knn")
    metric = Similarity(SimilarityParams(measure=measures, samples=30))
    sizes = []
    for n in (100, 1000):
        x = random(n, 4)
        state = metric.merge(states_of(metric, make_batch, {"l": x}, {"l": x}))
        sizes.append(sum(array.nbytes for array in state.values()))
    assert sizes[0] == sizes[1]


def test_every_estimate_says_its_chance_level(make_batch):
    x, y = random(300, 20), random(300, 20, seed=1)
    measures = ("cka", "cka-biased", "cca-r2", "procrustes", "mutual-knn", "jaccard-knn", "rsa")
    found = {
        part.partition("/")[0]: each
        for part, each in estimates(make_batch, {"l": x}, {"l": y}, measure=measures).items()
    }
    assert found["cka"].chance == found["rsa"].chance == 0
    assert found["cca-r2"].chance == pytest.approx(20 / 299)
    assert found["mutual-knn"].chance == pytest.approx(10 / 299)
    # Independent features: each is near its own chance level, which is not 0.
    for name in ("cka-biased", "cca-r2", "procrustes", "mutual-knn", "jaccard-knn"):
        assert found[name].value == pytest.approx(found[name].chance, rel=0.25), name
        assert found[name].chance > 0.01


UNDEFINED = {
    "3 samples, 4 are needed": {"n": 3},
    "constant features": {"first": torch.ones(40, 3)},
    "features that are NaN or infinite": {"first": torch.full((40, 3), float("nan"))},
}


@pytest.mark.parametrize("reason", UNDEFINED)
def test_bad_features_are_undefined_with_the_reason_and_cost_no_other_layer(make_batch, reason):
    given = UNDEFINED[reason]
    good = random(given.get("n", 40), 3)
    bad = given.get("first", good).double()
    measures = ("cka", "procrustes", "cca")
    found = estimates(make_batch, {"bad": bad, "good": good}, {"bad": good, "good": good}, measure=measures)
    assert {each.note for part, each in found.items() if part.endswith("/bad")} == {f"undefined: {reason}"}
    assert all(each.value is None for part, each in found.items() if part.endswith("/bad"))
    if "n" not in given:
        assert all(each.value is not None for part, each in found.items() if part.endswith("/good"))


@pytest.mark.parametrize("bad", [torch.ones(40, 3), torch.full((40, 3), float("inf"))])
def test_one_bad_layer_among_all_pairs_spoils_no_other_pair(make_batch, bad):
    good, other = random(40, 3), random(40, 3, seed=1)
    measures = ("cka", "cka-biased", "svcca", "rsa")
    found = estimates(make_batch, {"a": good, "b": bad.double(), "c": other}, against="layers", measure=measures)
    alone = estimates(make_batch, {"a": good, "c": other}, against="layers", measure=measures)
    for part, each in found.items():
        if "b" in part.partition("/")[2]:
            assert each.value is None
        else:
            assert each.value == pytest.approx(alone[part].value, abs=1e-12), part


def test_samples_that_compare_with_one_another_have_the_same_guards(make_batch):
    good = random(40, 3)
    for bad, reason in ((torch.ones(40, 3).double(), "constant"), (good * float("nan"), "NaN")):
        found = estimates(make_batch, {"l": bad}, {"l": good}, measure=("mutual-knn", "rsa", "cka-rbf"))
        assert all(each.value is None and reason in each.note for each in found.values())
    found = estimates(make_batch, {"l": good[:11]}, {"l": good[:11]}, measure="mutual-knn")
    assert found["mutual-knn/l"].note == "undefined: 11 samples, 12 are needed"
    found = estimates(make_batch, {"l": random(40, 1)}, {"l": good}, measure="rsa")
    assert found["rsa/l"].value is None, "one feature has no correlation over features"


@pytest.mark.parametrize(
    ("n", "note"), [(150, "150 samples for 20 features, 10 times as many"), (20, "any features give")]
)
def test_too_few_samples_for_a_rank_are_unreliable(make_batch, n, note):
    x, y = random(n, 20), random(n, 20, seed=1)
    measures = ("cca", "cca-r2", "svcca", "pwcca", "r2", "gulp")
    found = estimates(make_batch, {"l": x}, {"l": y}, measure=measures)
    assert all(each.unreliable and note in each.note for each in found.values())
    if n == 20:
        assert found["cca/l"].value == pytest.approx(1)
        assert found["cca/l"].chance == pytest.approx(1)
    enough = estimates(make_batch, {"l": random(200, 20)}, {"l": random(200, 20, seed=1)}, measure=measures)
    assert not any(each.unreliable for each in enough.values())


def test_values_that_rest_on_a_few_samples_are_unreliable_and_the_trimmed_one_is_given(make_batch):
    x, y = random(500, 64), random(500, 64, seed=1)
    x[:2] += 12.5
    y[:2] += 12.5
    found = estimates(make_batch, {"l": x}, {"l": y}, measure=("cka", "cka-trimmed"))
    assert found["cka/l"].value > 0.8
    assert found["cka/l"].unreliable
    assert found["cka/l"].note == ("unreliable: 13 of 500 samples carry the variance of l: see measure=cka-trimmed")
    assert abs(found["cka-trimmed/l"].value) < 0.05


def test_fewer_than_ten_samples_are_not_told_from_chance(make_batch, cases):
    x, y = (torch.from_numpy(each) for each in cases["B"])
    found = estimates(make_batch, {"l": x}, {"l": y}, measure=("cka", "cka-trimmed"))
    assert found["cka/l"].value == pytest.approx(0.070759, abs=1e-6)
    assert all(each.status == "unreliable" and "8 samples, 10 are needed" in each.note for each in found.values())


def test_values_are_never_cut(make_batch):
    found = [
        estimates(make_batch, {"l": random(12, 3, seed=k)}, {"l": random(12, 3, seed=50 + k)})["cka/l"].value
        for k in range(20)
    ]
    assert min(found) < -0.01
    assert len(set(found)) == 20


def test_wide_layers_are_projected_and_say_so(make_batch):
    maps = random(200, 4, 8, 8) * torch.arange(1, 257).view(4, 8, 8)
    noisy = maps + 100 * random(200, 4, 8, 8, seed=1)
    measures = ("cka", "mutual-knn", "procrustes")
    flat = {"pooling": "flatten", "measure": measures}
    exact = estimates(make_batch, {"l": noisy}, {"l": maps}, **flat)
    found = estimates(make_batch, {"l": noisy}, {"l": maps}, **flat, widest=128)
    assert exact["cka/l"].spec == "cka/linear/unbiased/full/pool=flatten"
    assert found["cka/l"].spec == "cka/linear/unbiased/full/pool=flatten/projected=128/projection-seed=0"
    assert found["cka/l"].value == pytest.approx(exact["cka/l"].value, abs=0.1)
    assert "standard error of the projection" in found["cka/l"].note
    assert "projected=128" in found["mutual-knn/l"].spec
    assert found["procrustes/l"].value is None
    assert found["procrustes/l"].note == (
        "undefined: 256 features, where this measure has room for 128: raise widest, pool, compare less"
    )
    other = estimates(make_batch, {"l": noisy}, {"l": maps}, **flat, widest=128, seed=1)
    assert other["cka/l"].value != found["cka/l"].value


def test_a_projection_that_adds_much_noise_is_unreliable(make_batch):
    maps = random(100, 9) @ random(9, 3000, seed=1)
    found = estimates(make_batch, {"l": maps + 3 * random(100, 3000, seed=2)}, {"l": maps}, widest=12)["cka/l"]
    assert found.unreliable
    assert "the projection adds a standard error of" in found.note


def test_many_wide_layers_share_the_room(make_batch):
    layers = {f"l{k}": random(20, 900, seed=k) for k in range(12)}
    found = estimates(make_batch, layers, against="layers", batch=20)
    assert found["cka/l0~l1"].spec.endswith("projected=680/projection-seed=0")
    with pytest.raises(robustkit.DataError, match="200 layers with 20000 features") as raised:
        estimates(make_batch, {f"l{k}": random(4, 100) for k in range(200)}, against="layers")
    assert "layers=[…]" in raised.value.hint


def test_layers_that_cannot_be_used_have_a_part_that_says_why(make_batch):
    tokens, x = random(40, 5, 3), random(40, 3)
    given = {"first": {"tokens": tokens, "l": x}, "second": {"tokens": tokens, "l": x}}
    for options in ({}, {"pairs": "all"}, {"against": "layers"}):
        found = estimates(make_batch, **given, unusable={"pair": "returns dict, not a tensor"}, **options)
        assert found["cka/pair"].note == "undefined: the layer returns dict, not a tensor"
        assert found["cka/tokens"].note.startswith("undefined: (N, 5, 3) features may be")
        assert found["cka/l" if not options else "cka/l~l"].value == pytest.approx(1)
    assert estimates(make_batch, **given, channels="last")["cka/tokens"].value == pytest.approx(1)


def test_a_layer_that_one_batch_lacks_is_left_out_of_all(make_batch):
    x, y = random(40, 3), random(40, 2)
    for options in ({"against": "layers"}, {"pairs": "all"}):
        metric = Similarity(SimilarityParams(**options))
        states = states_of(metric, make_batch, {"a": y, "b": x}, {"a": y, "b": x}, batch=20)
        states[1] = states_of(metric, make_batch, {"b": x[20:]}, {"b": x[20:]}, unusable={"a": "is not called"})[0]
        found = metric.estimate(states)
        assert found["cka/a"].note == "undefined: the layer is not called"
        assert found["cka/b~b"].value == pytest.approx(1)
        assert [part for part in found if "a~" in part or "~a" in part] == []


def test_five_chunks_have_an_interval_for_what_follows_from_moments(make_batch):
    x = random(300, 4)
    y = x + random(300, 4, seed=1)
    metric = Similarity(SimilarityParams(measure=("cka", "procrustes-angle", "mutual-knn")))
    found = metric.estimate(states_of(metric, make_batch, {"l": x}, {"l": y}, batch=50))
    for name in ("cka/l", "procrustes-angle/l"):
        assert found[name].ci_low < found[name].value < found[name].ci_high
        assert found[name].interval == "jackknife-chunks"
    assert found["mutual-knn/l"].ci_low is None


def test_half_precision_is_pooled_in_single(make_batch):
    maps = random(40, 3, 16, 16)
    exact = estimates(make_batch, {"l": maps.half()}, {"l": random(40, 3)})["cka/l"].value
    single = estimates(make_batch, {"l": maps.half().float()}, {"l": random(40, 3)})["cka/l"].value
    assert exact == single


def test_models_are_compared_in_a_run(tmp_path):
    from pathlib import Path

    from robustkit import evaluate

    checkpoints = Path(__file__).resolve().parents[4] / "plugins" / "robustkit_zoo" / "assets" / "checkpoints"
    first, second = sorted(checkpoints.glob("fashion-*.safetensors"))[:2]
    config = {
        "model": [{"checkpoint": str(first), "name": "a"}, {"checkpoint": str(second), "name": "b"}],
        "data": "zoo/fashion-mnist-mini",
        "limit": 60,
        "metric": ["similarity:reference=a,measure=[cka,mutual-knn]", "neural-collapse", "representation-rank"],
        "device": "cpu",
    }
    done = evaluate(config, out=tmp_path / "run")
    assert not done.failures
    rows = {(row["model"], row["metric"].partition("@")[2]): row for row in done.rows if "similarity" in row["metric"]}
    layers = {part.partition("/")[2] for _, part in rows}
    assert all(rows["a", f"cka/{layer}"]["value"] == pytest.approx(1) for layer in layers)
    assert any(rows["b", f"cka/{layer}"]["value"] < 0.999 for layer in layers)
    assert rows["b", "mutual-knn/conv1"]["chance"] == pytest.approx(10 / 59)
    assert {row["status"] for row in done.rows} <= {"ok", "unreliable"}
    wrong = {**config, "metric": ["similarity:reference=c"]}
    with pytest.raises(robustkit.ConfigError, match="no model of this run is called 'c'"):
        evaluate(wrong, out=tmp_path / "wrong")


@pytest.mark.gpu
@pytest.mark.parametrize(("dtype", "room"), [(torch.float64, 1e-6), (torch.float32, 1e-3)])
def test_a_gpu_gives_the_same(make_batch, dtype, room):
    if not torch.cuda.is_available():
        pytest.skip("needs a CUDA device")
    maps = (random(200, 8, 6, 6) * torch.arange(1, 289).view(8, 6, 6)).to(dtype)
    noisy = maps + 50 * random(200, 8, 6, 6, seed=1).to(dtype)
    given = {"measure": ("cka", "procrustes", "cca", "mutual-knn"), "pooling": "flatten", "samples": 50}
    for widest in (1024, 64):
        found = {
            device: estimates(make_batch, {"l": noisy.to(device)}, {"l": maps.to(device)}, widest=widest, **given)
            for device in ("cpu", "cuda")
        }
        for part, each in found["cpu"].items():
            assert found["cuda"][part].value == pytest.approx(each.value, abs=room), part


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"against": "layers", "reference": "other"}, "against=layers compares layers of one model"),
        ({"reference_layers": ("a",)}, "no reference is named"),
    ],
)
def test_parameters_that_contradict_each_other_are_refused(params, message):
    with pytest.raises(robustkit.ConfigError, match=message):
        Similarity(SimilarityParams(**params))
    Similarity(SimilarityParams(reference="other", reference_layers=("a",)))


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ({"measure": []}, "measure"),
        ({"bandwidth": 1e200}, "bandwidth"),
        ({"bandwidth": float("nan")}, "as a number: Input should be a finite number"),
        ({"bandwidth": 0}, "as a number: Input should be greater than 0"),
    ],
)
def test_impossible_parameters_are_refused_at_the_start(raw, message):
    (entry,) = [each for each in load_host(strict=True).catalog.all("metric") if each.component.name == "similarity"]
    with pytest.raises(robustkit.ConfigError, match="similarity") as refused:
        parse_params(entry, raw)
    assert message in f"{refused.value.message} {refused.value.hint}"
