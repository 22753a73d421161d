"""The metric `coarse-to-fine`: the file of fine labels, the representation, the reference."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

import robustkit
from robustkit_metrics.probe.coarse_to_fine import CoarseToFine
from robustkit_metrics.probe.params import CoarseToFineParams

N = 200
FINE = np.arange(N) % 4
COARSE = torch.from_numpy(FINE // 2)
NAMES = ("pug", "husky", "tabby", "manx")


@pytest.fixture
def fine(tmp_path):
    def write(names=NAMES, kept=range(N), column="label"):
        path = tmp_path / "fine.csv"
        path.write_text(f"id,{column}\n" + "".join(f"{row},{names[FINE[row]]}\n" for row in kept))
        return str(path)

    return write


class Net(nn.Module):
    """Its last linear layer is given the first `seen` inputs."""

    def __init__(self, seen=4):
        super().__init__()
        self.seen = seen
        self.encoder = nn.Identity()
        self.maps = nn.Unflatten(1, (2, 2))
        torch.manual_seed(0)
        self.head = nn.Linear(seen, 2)

    def forward(self, x):
        x = self.encoder(x)
        self.maps(x)
        return self.head(x[:, : self.seen])


class Bent(Net):
    def forward(self, x):
        return super().forward(x).relu()


def inputs(scatter=0.3, seed=0):
    """Four features: two tell the coarse class, one the fine classes of the first, one those of the second."""
    known = np.stack([FINE // 2, 1 - FINE // 2, FINE == 1, FINE == 3], axis=1)
    return torch.from_numpy(known + scatter * np.random.default_rng(seed).standard_normal((N, 4))).float()


def metric(path, **given):
    return CoarseToFine(CoarseToFineParams(labels=path, **given))


def estimate(metric, make_batch, model=None, degraded=None, reference=None, step=N):
    clean = inputs()
    shown = clean if degraded is None else degraded
    states = []
    for a in range(0, N, step):
        rows = slice(a, a + step)
        batch = make_batch(model or Net(), shown[rows], COARSE[rows], start=a, clean=clean[rows])
        states.append(metric.measure(replace(batch, reference=reference)))
    return metric.estimate(states)


def test_it_is_the_public_function_on_what_the_last_linear_layer_is_given(fine, make_batch):
    found = estimate(metric(fine()), make_batch)
    expected = robustkit.coarse_to_fine(inputs().numpy(), COARSE.numpy(), np.array(NAMES)[FINE]).estimates
    assert list(found) == ["transfer", "accuracy", "top-1", "nc1", "cdnv"]
    # Which rows come first does not matter but for rounding.
    assert {name: each.value for name, each in found.items()} == pytest.approx(
        {name: each.value for name, each in expected.items()}, rel=1e-9
    )
    assert found["transfer"].value > 0.8
    assert "layer=last-linear-input" in found["transfer"].spec
    assert "labels=sha256:" in found["cdnv"].spec


def test_a_representation_without_fine_labels_has_no_transfer(fine, make_batch):
    found = estimate(metric(fine()), make_batch, Net(seen=2))
    assert found["transfer"].ci_low < 0 < found["transfer"].ci_high
    assert found["cdnv"].value > 0.1 * found["cdnv"].chance
    apart = estimate(metric(fine()), make_batch)["cdnv"]
    assert apart.value < 0.1 * apart.chance


def test_another_layer_can_be_named(fine, make_batch):
    named = estimate(metric(fine(), layer="encoder"), make_batch, Net(seen=2))
    assert named["transfer"].value == estimate(metric(fine()), make_batch)["transfer"].value
    assert metric(fine(), layer="encoder").layers == ("encoder",)
    assert metric(fine()).layers == ()


def test_probes_of_clean_features_are_asked_about_degraded_ones(fine, make_batch):
    turned = 1 - inputs()
    clean = estimate(metric(fine()), make_batch, degraded=turned)["accuracy"].value
    same = estimate(metric(fine(), train="same"), make_batch, degraded=turned)["accuracy"].value
    assert clean < 0.2
    assert same > 0.8


def test_the_reference_is_the_ceiling(fine, make_batch):
    poor = inputs(scatter=1.0, seed=3)
    bound = metric(fine(), reference="fine-model", train="same")
    assert bound.reference == "fine-model"
    found = estimate(bound, make_batch, Net(seen=3), degraded=poor, reference=Net())
    own, top, chance = found["accuracy"].value, found["ceiling"].value, found["accuracy"].chance
    assert own < top < 1
    assert found["transfer"].value == pytest.approx((own - chance) / (top - chance), abs=1e-12)
    assert found["transfer"].interval == "bootstrap"
    itself = estimate(bound, make_batch, Net(), degraded=poor, reference=Net())
    assert itself["transfer"].value == 1.0


def test_a_reference_without_a_representation_costs_transfer_and_ceiling_alone(fine, make_batch):
    found = estimate(metric(fine(), reference="other"), make_batch, reference=Bent())
    assert found["transfer"].value is found["ceiling"].value is None
    assert "undefined: the reference: the logits are not what a linear layer" in found["transfer"].note
    assert found["accuracy"].value > 0.8


@pytest.mark.parametrize(
    ("model", "layer", "reason"),
    [
        (Bent, "", "the logits are not what a linear layer (torch.nn.Linear) returns"),
        (Net, "maps", "(N, 2, 2) features may be"),
    ],
)
@pytest.mark.parametrize("step", [N, 50])
def test_what_has_no_representation_is_undefined_and_says_why(fine, make_batch, model, layer, reason, step):
    found = estimate(metric(fine(), layer=layer), make_batch, model(), step=step)
    assert all(each.value is None for each in found.values())
    assert all(reason in each.note for each in found.values())
    assert {each.n for each in found.values()} == {N}


def test_samples_without_a_fine_label_are_left_out_and_counted(fine, make_batch):
    found = estimate(metric(fine(kept=range(150))), make_batch)
    assert found["accuracy"].n == found["cdnv"].n == 150
    assert all("50 of 200 samples have no fine label" in each.note for each in found.values())
    assert found["accuracy"].status == "ok"


def test_fine_labels_of_other_samples_are_none(tmp_path, make_batch):
    path = tmp_path / "other.csv"
    path.write_text("id,label\n900,pug\n901,husky\n")
    found = estimate(metric(str(path)), make_batch)
    assert all("none of 200 samples has a label" in each.note for each in found.values())


def test_a_fine_label_in_two_coarse_classes_is_named(fine, make_batch):
    found = estimate(metric(fine(names=("pug", "husky", "pug", "manx"))), make_batch)
    assert "fine label pug has samples of the coarse labels 0 and 1" in found["transfer"].note


def test_the_column_can_be_named(fine, make_batch):
    assert estimate(metric(fine(column="breed"), column="breed"), make_batch)["accuracy"].value > 0.8
    with pytest.raises(robustkit.DataError, match="expected a column 'label', got 'id', 'breed'"):
        metric(fine(column="breed"))


def test_a_file_that_is_not_there_is_an_error_before_anything_is_computed(tmp_path):
    with pytest.raises(robustkit.DataError, match="cannot be read"):
        metric(str(tmp_path / "none.csv"))


def test_several_layers_are_too_many(fine, make_batch):
    with pytest.raises(robustkit.ConfigError, match="matches encoder, maps, head"):
        estimate(metric(fine(), layer="*"), make_batch)


def test_a_layer_of_no_reference_is_refused(fine):
    params = CoarseToFineParams(labels=fine(), reference_layer="encoder")
    with pytest.raises(robustkit.ConfigError, match="reference_layer=encoder is of a second model, and none is named"):
        CoarseToFine(params)
    CoarseToFine(replace(params, reference="other"))
