"""Every first-party metric that needs the model keeps the contract, and the kit notices every way to break it."""

from dataclasses import replace
from typing import get_args

import numpy as np
import pytest
import torch

from robustkit import Estimate, Metric, mean_interval
from robustkit.host import load_host
from robustkit.testing import METRIC_CHECKS, MODEL_METRIC_CHECKS, check_metric
from robustkit.testing import model_metric as kit
from robustkit_metrics.similarity.params import MeasureName

HOST = load_host(strict=True)
ENTRIES = [entry for entry in HOST.catalog.all("metric") if entry.first_party and not entry.component.reads_records]
OTHER = [
    ("utility-sensitivity", {"estimator": "hutchinson", "draws": 4, "memory": 0.01}),
    ("utility-sensitivity", {"estimator": "forward", "basis": "superpixel", "ablation": "blur", "patch": 3}),
    ("utility-sensitivity", {"basis": "fourier", "bands": 3, "target": "margin", "counts": "evaluated", "few": 6}),
    ("utility-sensitivity", {"estimator": "finite", "draws": 4, "basis": "pixel", "layer": "0"}),
    ("token-utility-sensitivity", {"perturb": "mask", "replacement": "…", "layer": "embedding"}),
    ("utility", {"basis": "fourier", "bands": 2, "target": "smoothed-ce", "counts": "evaluated", "few": 6}),
    ("utility", {"ablation": "mean", "basis": "superpixel"}),
    ("sensitivity", {"estimator": "finite", "draws": 3, "worst_case": True, "memory": 0.01}),
    ("sensitivity", {"basis": "value", "layer": "0", "estimator": "hutchinson", "draws": 4}),
    ("linear-cka", {"layers": "[14]"}),
    ("classwise-ece", {"bins": 4, "norm": "l2"}),
    ("classwise-ece", {"norm": "max", "edge": "left"}),
    ("linear-cka", {"widest": 40}),
    ("similarity", {"measure": tuple(get_args(MeasureName)), "neighbours": 3, "layers": ("4",)}),
    ("similarity", {"measure": ("cka", "svcca", "rsa", "cka-trimmed"), "against": "layers", "samples": 10}),
    ("similarity", {"measure": ("cka", "cka-biased", "mutual-knn"), "pairs": "all", "pooling": "flatten"}),
    ("representation-rank", {"widest": 5}),
    ("alignment-uniformity", {"samples": 10, "layers": "[14]"}),
    ("neural-collapse", {"samples": 10}),
    ("linear-probe", {"train": "same", "folds": 2, "samples": 10}),
    ("linear-probe", {"control": True, "folds": 2, "l2": "auto", "layers": "[14]"}),
    ("coarse-to-fine", {"layer": "4", "folds": 2}),
    ("coarse-to-fine", {"train": "same", "folds": 2, "samples": 20}),
]


@pytest.fixture(scope="module")
def needed(tmp_path_factory):
    """What metrics must be given, by name: a file with two fine classes in each class of the kit's samples."""
    path = tmp_path_factory.mktemp("labels") / "fine.csv"
    path.write_text("id,label\n" + "".join(f"{id_},{id_ % 8}\n" for id_ in range(24)))
    return {"coarse-to-fine": {"labels": str(path)}}


def test_the_first_party_metrics_are_found():
    assert {entry.component.name for entry in ENTRIES} == {name for name, _ in OTHER}


@pytest.mark.parametrize("check", MODEL_METRIC_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.qualified)
def test_first_party_metrics_keep_the_contract(entry, check, needed):
    check(lambda: HOST.build(entry, needed.get(entry.component.name, {})), entry.component)


@pytest.mark.parametrize(("name", "params"), OTHER, ids=str)
def test_they_keep_it_with_other_parameters(name, params, needed):
    entry = HOST.catalog.find("metric", name)
    check_metric(lambda: HOST.build(entry, {**needed.get(name, {}), **params}), entry.component)


def declare(**changes):
    facts = {
        "higher_is_better": None,
        "bounds": (0, 20),
        "part_bounds": {"share": (0, 1)},
        "needs": frozenset({"model"}),
    }
    return Metric(**{"name": "toy", "summary": "a toy", "target": Good, **facts, **changes})


class Good:
    """Mean length of the logits, which keeps every clause; the broken ones below change one thing."""

    def measure(self, batch):
        with torch.no_grad():
            return {"lengths": batch.model(batch.inputs).norm(dim=1).numpy()}

    def merge(self, states):
        return {"lengths": np.concatenate([state["lengths"] for state in states])}

    def estimate(self, chunks):
        values = self.merge(chunks)["lengths"].astype(np.float64)
        low, high = mean_interval(values)
        return Estimate(value=float(values.mean()), n=len(values), ci_low=low, ci_high=high, interval="student-t")


class FromLogits(Good):
    def measure(self, batch):
        return {"lengths": batch.logits.norm(dim=1).numpy()}


def test_logits_are_handed_out_where_they_are_declared():
    check_metric(FromLogits, declare(needs=frozenset({"logits"})))
    with pytest.raises(AssertionError, match="NoneType"):
        check_metric(FromLogits, declare())


class NoState(Good):
    def measure(self, batch):
        return {}


class TensorState(Good):
    def measure(self, batch):
        return {"lengths": torch.from_numpy(super().measure(batch)["lengths"])}


class WordState(Good):
    def measure(self, batch):
        return {**super().measure(batch), "name": np.array(["toy"])}


class Trains(Good):
    def measure(self, batch):
        batch.model.train()
        return super().measure(batch)


class Shifts(Good):
    def measure(self, batch):
        batch.inputs.add_(1)
        return super().measure(batch)


class Silent(Good):
    def estimate(self, chunks):
        return Estimate(value=None, n=3)


class NotANumber(Good):
    def estimate(self, chunks):
        return {"part": replace(super().estimate(chunks), value=float("nan"))}


class OutOfBounds(Good):
    def estimate(self, chunks):
        return replace(super().estimate(chunks), value=-1.0)


class PartOutOfBounds(Good):
    def estimate(self, chunks):
        return {"whole": super().estimate(chunks), "share": Estimate(value=1.5, n=1)}


class NoName(Good):
    def estimate(self, chunks):
        return replace(super().estimate(chunks), interval="")


class JustANumber(Good):
    def estimate(self, chunks):
        return super().estimate(chunks).value


class CountsChunks(Good):
    def estimate(self, chunks):
        return replace(super().estimate(chunks), n=len(chunks))


class MeanOfBatchMeans(Good):
    def measure(self, batch):
        return {"lengths": super().measure(batch)["lengths"].mean(keepdims=True)}


class BatchStatistics(Good):
    def measure(self, batch):
        lengths = super().measure(batch)["lengths"]
        return {"lengths": lengths - 0.5 * lengths.min()}


class FirstChunkOnly(Good):
    def estimate(self, chunks):
        return super().estimate(chunks[:1])


class MeanOfTwo(Good):
    def merge(self, states):
        return {"lengths": sum(state["lengths"].mean(keepdims=True) for state in states) / len(states)}

    def estimate(self, chunks):
        return Estimate(value=float(self.merge(chunks)["lengths"][0]), n=1)


class AddsInPlace(Good):
    def measure(self, batch):
        return {"sum": super().measure(batch)["lengths"].sum(keepdims=True), "n": np.array([len(batch.inputs)])}

    def merge(self, states):
        total = dict(states[0])
        for state in states[1:]:
            total["sum"] += state["sum"]
            total["n"] += state["n"]
        return total

    def estimate(self, chunks):
        n = sum(int(chunk["n"][0]) for chunk in chunks)
        return Estimate(value=float(sum(chunk["sum"][0] for chunk in chunks)) / n, n=n)


class NeedsTwo(Good):
    def estimate(self, chunks):
        return replace(super().estimate(chunks), value=float(np.std(self.merge(chunks)["lengths"], ddof=1)))


class Draws(Good):
    def measure(self, batch):
        return {"lengths": super().measure(batch)["lengths"] + 1e-6 * torch.rand(len(batch.inputs)).numpy()}


BROKEN = [
    (NoState, kit.check_state, "expected a state of numpy arrays"),
    (TensorState, kit.check_state, "expected a state of numpy arrays"),
    (WordState, kit.check_state, "expected a state of numpy arrays"),
    (Trains, kit.check_state, "changes the model: .*training mode"),
    (Shifts, kit.check_state, "changes its inputs"),
    (Silent, kit.check_estimates, "say in `note` why"),
    (NotANumber, kit.check_estimates, "toy, part: expected a finite number"),
    (OutOfBounds, kit.check_estimates, "lies outside the declared bounds"),
    (PartOutOfBounds, kit.check_estimates, r"toy, share: 1.5 lies outside the declared bounds \(0, 1\)"),
    (NoName, kit.check_estimates, "how the interval was made"),
    (JustANumber, kit.check_estimates, r"expected a robustkit\.Estimate"),
    (CountsChunks, kit.check_batches, "in several chunks, .* becomes"),
    (MeanOfBatchMeans, kit.check_batches, "in other batches, .* becomes"),
    (BatchStatistics, kit.check_batches, "in other batches, .* becomes"),
    (FirstChunkOnly, kit.check_batches, "in several chunks, .* becomes"),
    (MeanOfTwo, kit.check_merge, "merged from the left, .* becomes"),
    (AddsInPlace, kit.check_merge, "merged from the left|changes the states"),
    (NeedsTwo, kit.check_one_sample, "expected a finite number|raises RuntimeWarning"),
    (Draws, kit.check_model_metric_no_global_randomness, "draws from a global generator: torch"),
]


@pytest.mark.filterwarnings("ignore:Degrees of freedom", "ignore:invalid value")
@pytest.mark.parametrize(("toy", "check", "reason"), BROKEN, ids=[toy.__name__ for toy, _, _ in BROKEN])
def test_a_broken_metric_is_noticed_by_the_right_check(toy, check, reason):
    with pytest.raises(AssertionError, match=reason):
        check(toy, declare())


def test_a_value_beyond_its_scale_by_rounding_passes():
    class Rounded(Good):
        def estimate(self, chunks):
            return {"share": Estimate(value=float(np.nextafter(1.0, 2.0)), n=1)}

    kit.check_estimates(Rounded, declare())


def test_every_check_is_seen_to_fail():
    assert {check for _, check, _ in BROKEN} == set(MODEL_METRIC_CHECKS)


@pytest.mark.parametrize("check", MODEL_METRIC_CHECKS, ids=lambda check: check.__name__)
def test_a_good_metric_passes(check):
    check(Good, declare())
    check(Good, declare(modality="text", on="clean"))


def test_check_metric_knows_which_contract_is_meant():
    check_metric(Good, declare())
    with pytest.raises(AssertionError, match="raises TypeError: 'Good' object is not callable"):
        check_metric(Good, declare(needs=frozenset({"records"})))
    assert not set(METRIC_CHECKS) & set(MODEL_METRIC_CHECKS)
