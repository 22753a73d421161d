"""Features, targets, second models, estimators and class frequencies of the metrics of utility and sensitivity."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from pydantic import TypeAdapter, ValidationError
from scipy.stats import spearmanr

from robustkit import ConfigError, DataError, gradient_sensitivity, patch_basis
from robustkit_metrics.contextual.disattenuated import correct_for_noise
from robustkit_metrics.contextual.features import check_compared, check_features, feature_names, white_shares
from robustkit_metrics.contextual.measuring import plan_chunks
from robustkit_metrics.contextual.params import SensitivityParams, UtilityParams, UtilitySensitivityParams
from robustkit_metrics.contextual.profiles import Sensitivity, Utility
from robustkit_metrics.contextual.utility_sensitivity import UtilitySensitivity
from robustkit_metrics.groups.frequency import Frequencies

PARAMS = UtilitySensitivityParams(patch=2)
LABELS = torch.arange(12) % 4


def make_model(seed=0, outputs=4):
    generator = torch.Generator().manual_seed(seed)
    model = torch.nn.Sequential(
        torch.nn.Conv2d(1, 3, 3, padding=1), torch.nn.Tanh(), torch.nn.Flatten(), torch.nn.Linear(3 * 8 * 8, outputs)
    )
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) / 3)
    return model.eval().requires_grad_(False)


class Seen(torch.nn.Module):
    """Logits that are linear in the image, with weights of one's own."""

    def __init__(self, weight):
        super().__init__()
        self.weight = weight

    def forward(self, images):
        return images.flatten(1) @ self.weight.T


@pytest.fixture
def images():
    return torch.rand(12, 1, 8, 8, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def batch(make_batch, images):
    return make_batch(make_model(), images, LABELS)


def run(kind, params, *batches):
    metric = kind(params)
    return metric.estimate([metric.measure(batch) for batch in batches])


def values(found):
    return {name: estimate.value for name, estimate in found.items()}


@pytest.mark.parametrize("basis", ["value", "pixel", "patch", "superpixel", "fourier"])
def test_every_basis_gives_every_part(batch, basis):
    found = run(UtilitySensitivity, replace(PARAMS, basis=basis, bands=3), batch)
    assert all(estimate.status == "ok" for estimate in found.values())
    size = {"patch": "-2", "superpixel": "-2", "fourier": "-3"}.get(basis, "")
    assert found["s-low"].spec == (
        f"contextual/s-low/basis={basis}{size}/utility=gradient-of-ce-by-itself/representation=logits/"
        "sensitivity=gradient"
    )


def test_exact_estimators_agree_and_say_which_they_are(batch):
    found = {name: run(UtilitySensitivity, replace(PARAMS, estimator=name), batch) for name in ("gradient", "forward")}
    assert values(found["forward"]) == pytest.approx(values(found["gradient"]), rel=1e-3)
    assert found["forward"]["s-low"].spec.endswith("/sensitivity=forward")


@pytest.mark.parametrize(("draws", "expected"), [(4, "gradient"), (3, "hutchinson-3")])
def test_auto_takes_what_the_draws_allow_and_says_so(batch, draws, expected):
    found = run(UtilitySensitivity, replace(PARAMS, draws=draws), batch)
    assert found["rank-correlation"].spec.endswith(f"/sensitivity={expected}")
    explicit = run(UtilitySensitivity, replace(PARAMS, draws=draws, estimator=expected.partition("-")[0]), batch)
    assert values(found) == values(explicit)


def test_little_memory_means_small_chunks_and_the_same_numbers(batch):
    little = replace(PARAMS, memory=0.02, basis="superpixel")
    sizes = [len(chunk.inputs) for chunk in plan_chunks(batch, little, batch.model)]
    assert max(sizes) < 12
    assert sum(sizes) == 12
    whole = run(UtilitySensitivity, replace(little, memory=1024), batch)
    assert values(run(UtilitySensitivity, little, batch)) == pytest.approx(values(whole), rel=1e-3)


def test_the_chance_of_a_rank_correlation_is_that_of_another_loss(batch):
    """By hand: the slope of the loss with its entries in another order, and scipy."""
    found = UtilitySensitivity(PARAMS).measure(batch)
    jacobian = torch.stack([torch.func.jacrev(lambda x: batch.model(x[None])[0])(x) for x in batch.inputs])[:, :, 0]
    sensitivity = patch_basis((1, 8, 8), 2).total(jacobian.square().sum(1)[:, None]).sqrt()
    slope = batch.model(batch.inputs).softmax(1) - torch.eye(4)[LABELS]
    order = batch.keys.child("another loss").uniform(4).argsort(1)
    for row in range(12):
        other = torch.einsum("khw,k->hw", jacobian[row], slope[row][order[row]])
        utility = patch_basis((1, 8, 8), 2).total(other.square()[None, None]).sqrt()[0]
        expected = spearmanr(utility, sensitivity[row]).statistic
        assert found["chance rank-correlation"][row] == pytest.approx(expected, abs=0.02)
    excess = found["rank-correlation"] - found["chance rank-correlation"]
    assert np.allclose(found["rank-correlation-excess"], excess)


def test_with_two_classes_utility_is_coupled_altogether(make_batch, images):
    """Both orders of the slope point along the same line: no agreement is beyond chance."""
    found = run(UtilitySensitivity, PARAMS, make_batch(make_model(outputs=2), images, LABELS % 2))
    assert found["rank-correlation"].value == pytest.approx(found["rank-correlation"].chance)
    assert found["rank-correlation-excess"].value == pytest.approx(0, abs=1e-9)


def test_a_second_model_says_what_is_useful(make_batch, images):
    """The reference looks at the left half and knows the classes in another order."""
    left = torch.zeros(4, 8, 8)
    left[..., :4] = torch.randn(4, 8, 4, generator=torch.Generator().manual_seed(0))
    reference = Seen(left.flatten(1))
    batch = replace(make_batch(make_model(), images, LABELS), reference=reference, reference_labels=3 - LABELS)
    halves = replace(PARAMS, patch=4, reference="left")
    metric = Utility(UtilityParams(patch=4, reference="left"))
    found = metric.estimate([metric.measure(batch)])
    assert metric.reference == "left"
    assert found["share/row-1-column-2"].value == 0
    assert found["share/row-1-column-1"].value + found["share/row-2-column-1"].value == pytest.approx(1)
    both = run(UtilitySensitivity, halves, batch)
    assert "utility=gradient-of-ce-by-left" in both["s-low"].spec
    assert "rank-correlation-excess" not in both
    assert "loss-aligned-fraction" not in both
    assert both["rank-correlation"].chance == 0
    swapped = run(UtilitySensitivity, halves, replace(batch, reference_labels=LABELS))
    assert values(swapped) != values(both), "negative control: the labels are those of the second model"
    with pytest.raises(ConfigError, match="asked of the model 'left', which is not here"):
        UtilitySensitivity(halves).measure(make_batch(make_model(), images, LABELS))


def test_a_model_that_is_its_own_reference_is_coupled_as_without_one(make_batch, images):
    batch = make_batch(make_model(), images, LABELS)
    alone = run(UtilitySensitivity, PARAMS, batch)
    named = replace(PARAMS, reference="itself-by-name")
    own = run(UtilitySensitivity, named, replace(batch, reference=batch.model, reference_labels=LABELS))
    assert values(own) == values(alone)
    assert own["rank-correlation"].chance == alone["rank-correlation"].chance != 0
    assert "the model is its own reference" in own["rank-correlation"].note
    # As a model of its own, an equal one is another one: who lends it says which it is.
    other = run(UtilitySensitivity, named, replace(batch, reference=make_model(), reference_labels=LABELS))
    assert "rank-correlation-excess" not in other
    assert "own reference" not in other["rank-correlation"].note


def test_margins_do_not_saturate(make_batch, images):
    sure = Seen(300 * torch.eye(64)[:4])
    labels = sure(images).argmax(1)
    batch = make_batch(sure, images, labels)
    norms = {t: run(Utility, UtilityParams(target=t), batch)["norm"].value for t in ("ce", "margin", "logit")}
    assert norms["ce"] < 1
    assert norms["margin"] == pytest.approx(300 * 2**0.5)
    assert norms["logit"] == pytest.approx(300)


def test_ablation_is_what_the_target_loses(make_batch, images):
    """Of a linear logit, replacing a patch by 0 takes away its weights times its values."""
    weight = torch.randn(4, 64, generator=torch.Generator().manual_seed(0))
    params = UtilityParams(target="logit", ablation="zero", patch=4)
    found = run(Utility, params, make_batch(Seen(weight), images, LABELS))
    lost = patch_basis((1, 8, 8), 4).total((weight[LABELS] * images.flatten(1)).reshape(12, 1, 8, 8))
    for feature, name in enumerate(feature_names(params, (1, 8, 8))):
        assert found[f"change/{name}"].value == pytest.approx(float(lost[:, feature].mean()), rel=1e-4)
    assert found["mean"].value == pytest.approx(float(lost.mean()), rel=1e-4)
    assert found["useful"].value == pytest.approx(float((lost > 0).double().mean()))


def test_shares_add_up_and_chance_is_the_share_of_the_dimensions(batch):
    for params in (SensitivityParams(basis="fourier", bands=3), SensitivityParams(patch=3)):
        found = run(Sensitivity, params, batch)
        shares = [each for name, each in found.items() if name.startswith("share/")]
        assert sum(each.value for each in shares) == pytest.approx(1)
        assert sum(each.chance for each in shares) == pytest.approx(1)


def test_white_noise_has_the_shares_of_chance(make_batch):
    """A representation that is the image itself is as sensitive along every direction."""
    identity = make_batch(Seen(torch.eye(64)), torch.rand(3, 1, 8, 8), LABELS[:3])
    for name, each in run(Sensitivity, SensitivityParams(basis="fourier", bands=3), identity).items():
        assert each.value == pytest.approx(each.chance if each.chance is not None else each.value, abs=1e-5), name


def test_the_whole_jacobian_is_that_of_every_basis(batch):
    norms = {
        basis: run(Sensitivity, SensitivityParams(basis=basis, patch=2, bands=3), batch)["jacobian-norm"].value
        for basis in ("value", "pixel", "patch", "superpixel", "fourier")
    }
    expected = gradient_sensitivity(batch.model, batch.inputs, patch_basis((1, 8, 8), 8)).double().mean()
    assert norms == pytest.approx(dict.fromkeys(norms, float(expected)), rel=1e-4)


def test_the_worst_case_lies_below_the_norm(batch, make_batch, images):
    found = run(Sensitivity, SensitivityParams(patch=8, worst_case=True), batch)
    assert 0.3 * found["relative"].value < found["worst-case"].value < found["relative"].value
    wide = make_batch(make_model(outputs=200), images, LABELS)
    with pytest.raises(ConfigError, match="at most 128 components, this one has 200"):
        Sensitivity(SensitivityParams(worst_case=True)).measure(wide)


def test_profiles_are_of_few_features_that_all_samples_share():
    assert len(feature_names(UtilityParams(patch=4), (3, 32, 32))) == 64
    assert feature_names(UtilityParams(patch=3), (3, 32, 32)) == ()
    assert feature_names(UtilityParams(basis="superpixel"), (3, 8, 8)) == ()
    assert white_shares(patch_basis((1, 5, 4), 2)).tolist() == pytest.approx([0.2, 0.2, 0.2, 0.2, 0.1, 0.1])


@pytest.mark.parametrize(
    ("params", "reason"),
    [
        ({"basis": "fourier", "bands": 1}, "have one band of frequency"),
        ({"basis": "superpixel", "patch": 8}, "have one superpixel of 8x8"),
        ({"basis": "fourier", "bands": 30}, "do not fill 30 bands"),
        ({"basis": "fourier", "bands": 2, "estimator": "forward"}, "bands of frequency are not"),
    ],
)
def test_what_cannot_be_compared_is_refused(params, reason):
    with pytest.raises(ConfigError, match=reason):
        check_compared(replace(PARAMS, **params), (1, 8, 8))
    assert check_compared(PARAMS, (1, 8, 8)) == PARAMS


@pytest.mark.parametrize("params", [UtilitySensitivityParams, SensitivityParams])
@pytest.mark.parametrize("std", [1e-30, 1e-7, 9e-5, 1e30])
def test_noise_that_inputs_do_not_resolve_is_refused(params, std):
    reader = TypeAdapter(params)
    with pytest.raises(ValidationError, match="std"):
        reader.validate_python({"std": std})
    assert reader.validate_python({"std": 1e-4}).std == 1e-4


@pytest.mark.parametrize("metric", [UtilitySensitivity, Utility, Sensitivity])
def test_thresholds_of_frequency_must_not_overlap(metric):
    params = {UtilitySensitivity: UtilitySensitivityParams, Utility: UtilityParams, Sensitivity: SensitivityParams}
    with pytest.raises(ConfigError, match="few=30 and many=5 overlap"):
        metric(params[metric](few=30, many=5))


def test_a_transformer_s_layer_needs_to_say_where_its_channels_are(make_batch, images):
    model = torch.nn.Sequential(torch.nn.Flatten(2), torch.nn.Unflatten(2, (8, 8)), make_model())
    batch = make_batch(model, images, LABELS)
    found = {
        channels: run(Sensitivity, SensitivityParams(layer="0", channels=channels, patch=4), batch)["relative"].value
        for channels in ("second", "last")
    }
    assert found["second"] != found["last"]
    with pytest.raises(DataError, match="may be"):
        Sensitivity(SensitivityParams(layer="0")).measure(batch)


def test_a_profile_may_have_one_feature():
    assert check_features(SensitivityParams(patch=8), (1, 8, 8)).patch == 8


def test_parts_by_the_frequency_of_classes(make_batch, images, tmp_path):
    counts = tmp_path / "counts.json"
    counts.write_text("[500, 50, 5, 3]")
    batch = make_batch(make_model(), images, LABELS)
    found = run(UtilitySensitivity, replace(PARAMS, counts=str(counts)), batch)
    assert [found[f"{group}/s-low"].n for group in ("head", "medium", "tail")] == [3, 3, 6]
    columns = UtilitySensitivity(PARAMS).measure(batch)
    assert found["tail/s-low"].value == pytest.approx(columns["s-low"][LABELS >= 2].mean())
    assert found["tail/s-low"].spec.startswith("contextual/s-low/")
    profile = run(Sensitivity, SensitivityParams(counts=str(counts), patch=4), batch)
    assert profile["head/share/row-1-column-1"].n == 3


def test_classes_may_be_as_frequent_as_they_are_evaluated(make_batch, images):
    labels = torch.tensor([0] * 7 + [1] * 4 + [2])
    params = replace(PARAMS, counts="evaluated", many=6, few=3)
    found = run(UtilitySensitivity, params, make_batch(make_model(), images, labels))
    assert [found[f"{group}/cosine"].n for group in ("head", "medium", "tail")] == [7, 4, 1]
    alone = run(UtilitySensitivity, params, make_batch(make_model(), images, 0 * labels))
    assert alone["head/cosine"].n == 12
    assert (alone["tail/cosine"].value, alone["tail/cosine"].note) == (None, "undefined: there is no sample")


def test_a_class_without_a_count_is_named(batch, tmp_path):
    counts = tmp_path / "counts.csv"
    counts.write_text("class,count\n0,500\n1,3\n2,40\n")
    with pytest.raises(DataError, match="got none for 3"):
        run(UtilitySensitivity, replace(PARAMS, counts=str(counts)), batch)
    with pytest.raises(DataError, match="cannot be read"):
        UtilitySensitivity(replace(PARAMS, counts=str(tmp_path / "none.csv")))
    assert Frequencies.of("", 100, 20).split(np.arange(4)) == {}


def test_random_estimators_say_their_own_error(batch):
    found = run(UtilitySensitivity, replace(PARAMS, estimator="hutchinson", draws=8), batch)
    columns = UtilitySensitivity(replace(PARAMS, estimator="hutchinson", draws=8)).measure(batch)
    assert f"a feature's is {columns['about error'].mean():.2g}" in found["s-low"].note
    assert "beside the interval" in found["s-low"].note
    more = UtilitySensitivity(replace(PARAMS, estimator="hutchinson", draws=512)).measure(batch)
    assert more["about error"].mean() == pytest.approx(columns["about error"].mean() / 8, rel=0.2)


@pytest.mark.parametrize(("estimator", "off"), [("hutchinson", -0.05), ("finite", 0.08)])
def test_few_draws_change_the_ranks_and_the_correction_undoes_it(make_batch, estimator, off):
    """Against the exact correlation. Projections attenuate it; noise that both share raises it."""
    images = torch.rand(200, 1, 8, 8, generator=torch.Generator().manual_seed(3))
    batch = make_batch(make_model(), images, torch.arange(200) % 4)
    pixels = replace(PARAMS, basis="pixel")
    exact = run(UtilitySensitivity, pixels, batch)["rank-correlation"].value
    found = run(UtilitySensitivity, replace(pixels, estimator=estimator, draws=4, std=0.001), batch)
    corrected, plain = found["rank-correlation-disattenuated"], found["rank-correlation"]
    assert abs(corrected.value - exact) < 0.03
    assert corrected.ci_low < corrected.value < corrected.ci_high
    assert (plain.value - exact) / off > 1, "negative control: what is not corrected is off"
    assert plain.unreliable
    assert corrected.unreliable
    assert "by whose root it is divided; raise draws" in corrected.note
    assert "of sensitivity have a reliability of" in plain.note
    assert not found["s-low"].unreliable


def test_halves_that_do_not_agree_correct_nothing():
    columns = {
        "about halves": np.array([0.1, 0.2]),
        "about reliability of utility": np.array([1.0, 1.0]),
        "about reliability of sensitivity": np.array([-0.2, 0.1]),
    }
    (found,) = correct_for_noise(columns, "/basis=pixel").values()
    assert (found.value, found.status) == (None, "undefined")
    assert "raise draws" in found.note
    assert correct_for_noise({}, "") == {}
    undefined = {name: np.full(2, np.nan) for name in columns}
    assert "no sample has ranks" in next(iter(correct_for_noise(undefined, "").values())).note


@pytest.mark.parametrize(
    ("half", "status"), [(0.04, "undefined"), (0.06, "unreliable"), (0.66, "unreliable"), (0.67, "ok")]
)
@pytest.mark.parametrize("of", ["utility", "sensitivity"])
def test_the_correction_is_as_reliable_as_the_ranks(half, status, of):
    columns = {
        "about halves": np.array([0.3, 0.3]),
        "about reliability of utility": np.array([1.0, 1.0]),
        "about reliability of sensitivity": np.array([1.0, 1.0]),
    } | {f"about reliability of {of}": np.array([half, half])}
    (found,) = correct_for_noise(columns, "").values()
    assert found.status == status


class Cusp(torch.nn.Module):
    """Finite logits whose gradient is not a number where a sample is dark."""

    def forward(self, images):
        return (0 * images.flatten(1).sum(1, keepdim=True)).sqrt() + images.flatten(1)[:, :4]


def test_a_gradient_that_is_no_number_is_said_to_be_none(make_batch, images):
    batch = make_batch(Cusp(), images, LABELS)
    for kind, params, part in (
        (Utility, UtilityParams(patch=2), "norm"),
        (Sensitivity, SensitivityParams(patch=2, worst_case=True), "jacobian-norm"),
        (Sensitivity, SensitivityParams(patch=2, worst_case=True), "worst-case"),
    ):
        found = run(kind, params, batch)[part]
        assert (found.value, found.status) == (None, "undefined")
        assert "or its gradient, is not a number" in found.note
    with pytest.raises(DataError, match="to be finite"):
        run(UtilitySensitivity, PARAMS, batch)


def test_degenerate_models_are_flagged(make_batch):
    """T5: the identity is as sensitive to every pixel; constant images; dead features."""
    constant = torch.full((5, 1, 8, 8), 0.3)
    found = run(UtilitySensitivity, PARAMS, make_batch(Seen(torch.eye(64)), constant, LABELS[:5]))
    assert found["rank-correlation"].value is None
    assert "is the same for all features" in found["rank-correlation"].note
    assert found["sensitivity-mass"].value == pytest.approx(0.1)
    assert found["weighted-sensitivity"].value == pytest.approx(1)
    dead = torch.randn(4, 8, 8, generator=torch.Generator().manual_seed(0))
    dead[:, :4] = 0
    half = run(UtilitySensitivity, PARAMS, make_batch(Seen(dead.flatten(1)), constant, LABELS[:5]))
    assert half["contrast-ratio"].value is None
    assert half["s-low"].value == 0
    assert half["rank-correlation"].status == "ok"
    nothing = run(Sensitivity, SensitivityParams(patch=4), make_batch(Seen(0 * dead.flatten(1)), constant, LABELS[:5]))
    assert nothing["jacobian-norm"].value == 0
    assert nothing["relative"].value is None
    assert nothing["share/row-1-column-1"].note.startswith("undefined: for all of 5 samples: all features have 0")
