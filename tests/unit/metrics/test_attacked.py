"""Attack success rate and robust accuracy against eps, by hand."""

from __future__ import annotations

import numpy as np
import pytest

import robustkit
from robustkit_metrics.attack_success_rate import AttackSuccessRate
from robustkit_metrics.params import RobustAccuracyCurveParams
from robustkit_metrics.robust_accuracy_curve import RobustAccuracyCurve

success_rate = AttackSuccessRate(robustkit.NoParams())
BROKEN_BY = ["clean", "clean", "", "", "attacks/fab", "attacks/standard@fab", "attacks/fab", "invalid"]
NORM = [0.0, 0.0, 0.0, 0.1, 0.02, 0.05, 0.08, 0.04]


@pytest.fixture
def attacked():
    """Eight samples: two wrong before, two that held, three broken, one with logits that are not finite."""
    said = np.array(BROKEN_BY, dtype=object)
    return {
        "label": np.zeros(8, dtype=np.int32),
        "prediction": np.array([1, 1, 0, 0, 1, 1, 1, -1], dtype=np.int32),
        "broken_by": said,
        "norm": np.array(NORM, dtype=np.float32),
        "eps": np.full(8, 0.1),
        "minimises_norm": np.full(8, True),
    }


def curve(records, *eps):
    return RobustAccuracyCurve(RobustAccuracyCurveParams(eps=eps))(records)


def test_the_success_rate_is_over_the_samples_that_were_right(attacked):
    found = success_rate(attacked)
    assert (found.value, found.n, found.interval) == (3 / 6, 6, "wilson")
    assert (found.ci_low, found.ci_high) == robustkit.wilson_interval(3, 6)
    assert "1 of 8 samples are not finite: neither right nor fooled" in found.note


def test_without_a_sample_that_was_right_there_is_no_success_rate(attacked):
    attacked["broken_by"][:] = "clean"
    found = success_rate(attacked)
    assert (found.value, found.n) == (None, 0)
    assert "no sample was right" in found.note


@pytest.mark.parametrize("metric", [success_rate, RobustAccuracyCurve(RobustAccuracyCurveParams())])
def test_without_an_attack_there_is_nothing_to_say(attacked, metric):
    del attacked["broken_by"]
    with pytest.raises(robustkit.DataError, match="broken_by"):
        metric(attacked)


def test_robust_accuracy_falls_where_norms_are_reached(attacked):
    found = curve(attacked, 0.01, 0.02, 0.045, 0.06, 0.1)
    shares = {part: estimate.value for part, estimate in found.items() if part != "median-norm"}
    # Six of eight were right; they fall at 0.02, 0.04 (logits not finite), 0.05 and 0.08.
    assert shares == {"0.01": 6 / 8, "0.02": 5 / 8, "0.045": 4 / 8, "0.06": 3 / 8, "0.1": 2 / 8}
    assert found["0.06"].n == 8
    assert (found["0.06"].ci_low, found["0.06"].ci_high) == robustkit.wilson_interval(3, 8)


def test_at_the_eps_of_the_attack_it_is_its_accuracy(attacked):
    right = (attacked["prediction"] == attacked["label"]).mean()
    assert curve(attacked, 0.1)["0.1"].value == right


def test_the_median_norm_is_over_what_was_broken(attacked):
    found = curve(attacked, 0.1)["median-norm"]
    assert (found.value, found.n) == (pytest.approx(0.05), 3)
    attacked["broken_by"][4:7] = ""
    assert curve(attacked, 0.1)["median-norm"].value is None


def test_beyond_the_eps_of_the_attack_nothing_is_said(attacked):
    found = curve(attacked, 0.1, 0.11)
    assert found["0.11"].value is None
    assert "searched up to eps 0.1" in found["0.11"].note


def test_without_a_choice_it_is_drawn_at_the_quarters(attacked):
    attacked["eps"] = np.full(8, 8 / 255)
    parts = RobustAccuracyCurve(RobustAccuracyCurveParams())(attacked)
    assert list(parts) == ["2/255", "4/255", "6/255", "8/255", "median-norm"]


def test_one_eps_needs_no_list(attacked):
    assert list(RobustAccuracyCurve(RobustAccuracyCurveParams(eps=0.05))(attacked)) == ["0.05", "median-norm"]


@pytest.mark.parametrize("said", [False, None])
def test_below_its_eps_an_attack_that_does_not_minimise_the_norm_says_nothing(attacked, said):
    assert {part.status for part in curve(attacked, 0.05, 0.1).values()} == {"ok"}
    del attacked["minimises_norm"]
    if said is not None:
        attacked["minimises_norm"] = np.full(8, said)
    found = curve(attacked, 0.05, 0.1, 0.2)
    status = {"0.05": "unreliable", "0.1": "ok", "0.2": "undefined", "median-norm": "unreliable"}
    assert {name: part.status for name, part in found.items()} == status
    assert "does not minimise the norm" in found["0.05"].note
