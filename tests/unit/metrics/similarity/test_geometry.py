"""Ranks, alignment and uniformity, and neural collapse, against reference values and cases known in closed form."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import nn

from robustkit_metrics.similarity.alignment_uniformity import AlignmentUniformity, uniformity
from robustkit_metrics.similarity.class_sums import add_classes, measure_classes
from robustkit_metrics.similarity.collapse import SPECS, collapse, nearest_means, self_duality
from robustkit_metrics.similarity.moments import measure_moments
from robustkit_metrics.similarity.neural_collapse import PARTS, NeuralCollapse
from robustkit_metrics.similarity.params import (
    AlignmentUniformityParams,
    NeuralCollapseParams,
    RepresentationRankParams,
)
from robustkit_metrics.similarity.representation_rank import RepresentationRank, ranks

RANKS = {
    "A": (3.995089, 3.962582, 3.598990),
    "B": (6.610572, 4.919685, 3.099299),
    "C": (9.798388, 8.584573, 5.456824),
}


def of_batches(metric, make_batch, features, clean=None, *, size=16):
    n = len(features)
    states = []
    for a, b in pairwise([*range(0, n, size), n]):
        layers = {
            "features": {"l": features[a:b]},
            "clean_features": {"l": (features if clean is None else clean)[a:b]},
        }
        states.append(metric.measure(make_batch(None, torch.zeros(b - a, 1), None, start=a, **layers)))
    return metric.estimate([metric.merge(states)])


@pytest.mark.parametrize("case", RANKS)
def test_the_three_ranks_are_the_reference_values(make_batch, cases, case):
    x = torch.from_numpy(cases[case][0])
    assert ranks(measure_moments([x + 100])) == pytest.approx(RANKS[case], abs=1e-6)
    found = of_batches(RepresentationRank(RepresentationRankParams()), make_batch, x, size=3)
    assert list(found) == ["effective-rank/l", "participation-ratio/l", "stable-rank/l"]
    assert [each.value for each in found.values()] == pytest.approx(RANKS[case], abs=1e-6)
    assert all(each.unreliable for each in found.values()), "few samples for so many features"


def test_ranks_of_features_without_centring_would_differ(cases):
    """Negative control."""
    values = np.linalg.svd(cases["A"][0] + 1, compute_uv=False)
    assert abs((values**2).sum() / (values**2).max() - RANKS["A"][2]) > 0.5


def test_ranks_count_equal_directions_and_do_not_change_by_rotation_and_scale():
    x = torch.zeros(400, 9, dtype=torch.float64)
    x[torch.arange(400), torch.arange(400) % 4] = 1
    assert ranks(measure_moments([x])) == pytest.approx((3, 3, 3))
    turned = torch.linalg.qr(torch.rand(9, 9, dtype=torch.float64))[0]
    assert ranks(measure_moments([7 * x @ turned + 2])) == pytest.approx((3, 3, 3))


def test_layers_without_a_rank_say_why(make_batch):
    metric = RepresentationRank(RepresentationRankParams(widest=3))
    wide = of_batches(metric, make_batch, torch.rand(20, 4))
    assert {each.note for each in wide.values()} == {"undefined: 4 features, more than widest=3"}
    constant = of_batches(metric, make_batch, torch.ones(20, 2))
    assert {each.note for each in constant.values()} == {"undefined: constant features"}
    enough = of_batches(metric, make_batch, torch.rand(20, 2))
    assert not any(each.unreliable for each in enough.values())


def test_alignment_and_uniformity_are_the_reference_values(make_batch, cases):
    x, y = (torch.from_numpy(each) for each in cases["A"])
    y = torch.cat([y, torch.zeros(12, 1)], dim=1)
    metric = AlignmentUniformity(AlignmentUniformityParams())
    found = of_batches(metric, make_batch, y, x, size=5)
    assert found["alignment/l"].value == pytest.approx(1.501337, abs=1e-6)
    assert found["uniformity-clean/l"].value == pytest.approx(-2.753119, abs=1e-6)
    assert found["uniformity/l"].value != pytest.approx(-2.753119, abs=0.01)
    assert found["alignment/l"].ci_low < 1.501337 < found["alignment/l"].ci_high
    scaled = of_batches(metric, make_batch, 7 * y, x)
    assert scaled["alignment/l"].value == pytest.approx(1.501337, abs=1e-6), "features are scaled to unit length"


def test_uniformity_is_the_logarithm_of_a_mean_and_not_the_mean_of_logarithms(cases):
    """Negative control."""
    x = cases["A"][0]
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    squares = np.square(unit[:, None] - unit)[np.triu_indices(12, 1)].sum(axis=-1)
    assert abs((-2 * squares).mean() - uniformity(unit)) > 0.5


def test_equal_inputs_are_aligned_and_equal_rows_are_not_uniform(make_batch):
    x = torch.rand(30, 4, generator=torch.Generator().manual_seed(0))
    metric = AlignmentUniformity(AlignmentUniformityParams(samples=10))
    found = of_batches(metric, make_batch, x)
    assert found["alignment/l"].value == 0
    assert found["uniformity/l"].value == found["uniformity-clean/l"].value < 0
    assert found["uniformity/l"].n == 10
    assert uniformity(np.ones((30, 4)) / 2) == 0


@pytest.mark.parametrize(
    ("features", "note"),
    [
        (torch.zeros(30, 4), "of 30 samples are all 0 and have no direction"),
        (torch.cat([torch.rand(29, 4), torch.zeros(1, 4)]), "the features of 2 inputs of 30 samples are all 0"),
        (torch.full((30, 4), 0.1), "constant features"),
    ],
)
def test_features_without_a_direction_or_the_same_for_all_are_not_aligned(make_batch, features, note):
    found = of_batches(AlignmentUniformity(AlignmentUniformityParams()), make_batch, features)
    assert {each.status for each in found.values()} == {"undefined"}
    assert note in found["alignment/l"].note


def test_alignment_of_few_samples_is_unreliable(make_batch):
    x = torch.rand(10, 4, generator=torch.Generator().manual_seed(0))
    metric = AlignmentUniformity(AlignmentUniformityParams())
    few, enough = of_batches(metric, make_batch, x[:9]), of_batches(metric, make_batch, x)
    assert {each.status for each in few.values()} == {"unreliable"}
    assert few["alignment/l"].note == "unreliable: 9 samples, 10 are needed"
    assert {each.status for each in enough.values()} == {"ok"}


NC = {"nc1": 0.183653, "within-over-between": 1.558285, "nc2-norms": 0.090519, "nc2-angles": 0.121928}
NC |= {"nc2-offset": 0.114187, "cdnv": 0.542387}


def classes_of(x, labels, count=3):
    return measure_classes(torch.as_tensor(x), torch.as_tensor(labels), count)


def test_neural_collapse_is_the_reference_values(cases):
    x, labels = cases["A"][0], np.arange(12) % 3
    parts = [classes_of(x[a:b] + 50, labels[a:b]) for a, b in ((0, 1), (1, 7), (7, 12))]
    sums = add_classes(parts)
    found = dict(zip(SPECS, collapse(sums), strict=True))
    assert found == pytest.approx(NC, abs=1e-6)
    assert nearest_means(sums, x + 50).tolist() == labels.tolist()
    assert collapse(add_classes([sums, parts[1]], -1)) == pytest.approx(
        collapse(classes_of(x[[0, *range(7, 12)]], labels[[0, *range(7, 12)]])), abs=1e-9
    )


def test_neural_collapse_with_other_labels_is_another(cases):
    """Negative control: and standard deviations with n - 1 would give 0.110862 and 0.149330."""
    other = dict(zip(SPECS, collapse(classes_of(cases["A"][0], np.arange(12) // 4)), strict=True))
    assert all(abs(other[name] - value) > 1e-3 for name, value in NC.items())
    assert min(abs(NC["nc2-norms"] - 0.110862), abs(NC["nc2-angles"] - 0.149330)) > 0.02


def test_a_simplex_is_fully_collapsed():
    corners = np.eye(4) - 0.25
    labels = np.arange(40) % 4
    sums = classes_of(3 * corners[labels] + 5, labels, 4)
    assert collapse(sums) == pytest.approx(np.zeros(6), abs=1e-12)
    assert self_duality(sums, 9 * corners) == pytest.approx(0, abs=1e-12)
    assert self_duality(sums, -corners) == pytest.approx(2)
    turned = np.linalg.qr(np.random.RandomState(0).standard_normal((4, 4)))[0]
    assert self_duality(sums, corners @ turned) > 0.5


class Net(nn.Module):
    """Features are the inputs."""

    def __init__(self, width=4, classes=4, head=True):
        super().__init__()
        self.before = nn.Linear(width, width)
        self.head = nn.Linear(width, classes)
        self.is_head = head
        with torch.no_grad():
            self.before.weight.copy_(torch.eye(width))
            self.before.bias.zero_()
            self.head.weight.copy_((torch.eye(classes) - 0.25)[:, :width])
            self.head.bias.zero_()

    def forward(self, x):
        logits = self.head(self.before(x))
        return logits if self.is_head else logits.softmax(dim=1)


def collapse_of(make_batch, x, labels, *, net=None, size=16, **params):
    metric = NeuralCollapse(NeuralCollapseParams(**params))
    states = []
    for a, b in pairwise([*range(0, len(x), size), len(x)]):
        states.append(metric.measure(make_batch(net or Net(), x[a:b], labels[a:b], start=a)))
    return metric.estimate([metric.merge(states)])


def test_the_head_is_found_and_compared_with_the_means_of_what_it_is_given(make_batch):
    labels = torch.arange(80) % 4
    x = torch.eye(4)[labels] - 0.25
    found = collapse_of(make_batch, x, labels, samples=20)
    assert list(found) == list(PARTS)
    assert found["nc1"].value == pytest.approx(0, abs=1e-9)
    assert found["nc3"].value == pytest.approx(0, abs=1e-6)
    assert (found["nc4"].value, found["nc4"].n) == (1, 20)
    assert not any(each.unreliable for each in found.values())
    noisy = collapse_of(make_batch, x + torch.randn(80, 4, generator=torch.Generator().manual_seed(0)), labels)
    assert noisy["nc1"].value > 0.5
    assert noisy["nc4"].value < 1


def test_without_a_linear_head_nothing_is_claimed(make_batch):
    labels = torch.arange(80) % 4
    found = collapse_of(make_batch, torch.rand(80, 4), labels, net=Net(head=False))
    assert {each.note for each in found.values()} == {
        "undefined: the logits are not what a linear layer (torch.nn.Linear) returns for (N, d) features"
    }
    found = collapse_of(make_batch, torch.rand(80, 4), labels, widest=3)
    assert {each.note for each in found.values()} == {"undefined: 4 features, more than widest=3"}


@pytest.mark.parametrize(
    ("labels", "x", "status", "note"),
    [
        (torch.zeros(80, dtype=torch.long), torch.rand(80, 4), "undefined", "samples of one class only"),
        (torch.arange(80) % 4, torch.ones(80, 4), "undefined", "class means that do not differ"),
        (torch.arange(80) % 4, torch.full((80, 4), torch.nan), "undefined", "NaN or infinite"),
        (torch.arange(80) % 3, torch.rand(80, 4), "unreliable", "1 of 4 classes have no sample"),
        (torch.arange(20) % 4, torch.rand(20, 4), "unreliable", "a class has 5 samples, 10 are needed"),
    ],
)
def test_classes_that_cannot_be_told_are_said(make_batch, labels, x, status, note):
    found = collapse_of(make_batch, x, labels)
    assert {each.status for each in found.values()} == {status}
    assert all(note in each.note for each in found.values())


def test_five_chunks_have_an_interval(make_batch):
    metric = NeuralCollapse(NeuralCollapseParams())
    labels = torch.arange(400) % 4
    x = torch.eye(4)[labels] + 0.5 * torch.randn(400, 4, generator=torch.Generator().manual_seed(0))
    chunks = [metric.measure(make_batch(Net(), x[a : a + 50], labels[a : a + 50], start=a)) for a in range(0, 400, 50)]
    found = metric.estimate(chunks)
    assert all(found[part].ci_low < found[part].value < found[part].ci_high for part in ("nc1", "cdnv"))
    rank = RepresentationRank(RepresentationRankParams())
    batches = [make_batch(None, x[a : a + 50], None, features={"l": x[a : a + 50]}) for a in range(0, 400, 50)]
    estimate = rank.estimate([rank.measure(batch) for batch in batches])["stable-rank/l"]
    assert estimate.ci_low < estimate.value < estimate.ci_high


def undefined_in(found):
    return {part for part, each in found.items() if each.status == "undefined"}


def test_parts_of_neural_collapse_are_undefined_each_for_itself(make_batch):
    labels = torch.arange(80) % 4
    noise = torch.randn(80, 4, generator=torch.Generator().manual_seed(0))
    noise -= torch.stack([noise[labels == k].mean(dim=0) for k in range(4)])[labels]
    means = torch.tensor([[1.0, 0, 0, 0], [1.0, 0, 0, 0], [0, 1.0, 0, 0], [0, 0, 0, 1.0]])
    equal = collapse_of(make_batch, means[labels] + noise, labels)
    assert undefined_in(equal) == {"cdnv"}
    assert equal["cdnv"].note == "undefined: the means of the classes 0 and 1 do not differ"
    middle = torch.tensor([[1.0, 0, 0, 0], [-1.0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]])
    central = collapse_of(make_batch, middle[labels] + noise, labels)
    assert undefined_in(central) == {"cdnv", "nc2-angles", "nc2-offset"}
    assert "is the global mean" in central["nc2-angles"].note
    net = Net()
    torch.nn.init.zeros_(net.head.weight)
    flat = collapse_of(make_batch, torch.eye(4)[labels] + noise, labels, net=net)
    assert undefined_in(flat) == {"nc3"}
    assert flat["nc3"].note == "undefined: the classifier's weights are 0"


def test_one_sample_of_each_class_has_no_scatter(make_batch):
    found = collapse_of(make_batch, torch.eye(4) + 0.1 * torch.rand(4, 4), torch.arange(4))
    assert undefined_in(found) == {"nc1", "within-over-between", "cdnv"}
    assert "one sample of each class" in found["nc1"].note
