"""Curves and flips in a report: numbers by hand, intervals, what is left out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from robustkit.analysis.corruption.baseline import open_run_baseline
from robustkit.analysis.report.load import load_report
from robustkit.analysis.specs import TableSpec
from robustkit.errors import ConfigError

FOG, NOISE = "c/fog:severity=", "c/shot-noise:severity="


def some(right: int, n: int = 20) -> list[int]:
    return [1] * right + [0] * (n - right)


def tables(run: Path, **against: Any) -> dict[str, TableSpec]:
    return {each.id: each for each in load_report(run, **against).studies[0].tables}


def cells(spec: TableSpec, *row: str) -> dict[str, Any]:
    found = next(each for each in spec.rows if tuple(cell.text for cell in each[: len(row)]) == row)
    return dict(zip([column.title for column in spec.columns], found, strict=True))


@pytest.fixture
def run(make_run: Any) -> Path:
    """Severities 1, 3 of fog and 2, 4 of noise; the wrong samples are 1 where they are right and 0 where not."""
    model = {"clean": some(18), f"{FOG}1": some(14), f"{FOG}3": some(6), f"{NOISE}2": some(16), f"{NOISE}4": some(16)}
    return make_run({"m": model})


def test_area_slope_and_half_are_those_of_the_accuracies(run: Path) -> None:
    found = cells(tables(run)["curves"], "m", "fog")
    # (.9 + .7) / 2 * 1 + (.7 + .3) / 2 * 2 over 3; half of .9 lies .25 / .4 of the way from 1 to 3.
    assert found["area"].value == pytest.approx((0.8 + 1.0) / 3)
    assert found["half"].value == pytest.approx(1 + 2 * 0.25 / 0.4)
    assert found["slope"].value == pytest.approx(np.polyfit([0, 1, 3], [0.9, 0.7, 0.3], 1)[0])
    assert found["severities"].text == "0, 1, 3"
    assert found["area"].low < found["area"].value < found["area"].high


def test_a_half_that_is_not_reached_is_undefined_and_so_is_the_mean(run: Path) -> None:
    spec = tables(run)["curves"]
    assert cells(spec, "m", "shot-noise")["half"].value is None
    mean = cells(spec, "m", "mean of 2")
    assert mean["half"].value is None
    assert mean["area"].value == pytest.approx((0.6 + (1.7 + 1.6) / 4) / 2)


def test_noise_is_compared_with_the_clean_input_and_the_rest_with_its_neighbour(run: Path) -> None:
    spec = tables(run)["flips"]
    # Predictions follow what is right: fog loses 4 samples and then 8; both noises have lost the same 2.
    assert cells(spec, "m", "fog")["flip probability"].value == pytest.approx((4 + 8) / 20 / 2)
    assert cells(spec, "m", "shot-noise")["flip probability"].value == pytest.approx((2 + 2) / 20 / 2)
    assert [cells(spec, "m", name)["compared with"].text for name in ("fog", "shot-noise")] == [
        "severity before",
        "clean",
    ]
    assert "no mFR" not in " ".join(spec.notes)
    assert "top-5 distance is left out" in " ".join(spec.notes)


def test_flips_are_divided_by_those_of_a_model_of_a_run(make_run: Any) -> None:
    steps = {"a": (18, 14, 6), "b": (18, 16, 10)}
    correct = {
        name: {
            "clean": some(one),
            f"{FOG}1": some(two),
            f"{FOG}3": some(three),
            f"{NOISE}2": some(one - 3),
            f"{NOISE}4": some(9),
        }
        for name, (one, two, three) in steps.items()
    }
    run = make_run(correct)
    spec = tables(run, baseline=open_run_baseline(str(run / "b")))["flips"]
    fog, noise = (cells(spec, "a", name)["flip rate"] for name in ("fog", "shot-noise"))
    assert fog.value == pytest.approx(12 / 8)
    assert fog.low < fog.value < fog.high
    assert cells(spec, "a", "mean of 2")["flip rate"].value == pytest.approx((fog.value + noise.value) / 2)
    assert cells(spec, "b", "fog")["flip rate"].value == 1.0
    assert "the mean flip rate is no mFR" in " ".join(spec.notes)
    assert "mCE" not in json.dumps([note for each in (spec,) for note in each.notes])


def test_where_the_baseline_never_flips_there_is_no_rate(make_run: Any) -> None:
    fogs = {"a": (18, 14, 6), "b": (18, 18, 18)}
    run = make_run(
        {name: {"clean": some(a), f"{FOG}1": some(b), f"{FOG}3": some(c)} for name, (a, b, c) in fogs.items()}
    )
    spec = tables(run, baseline=open_run_baseline(str(run / "b")))["flips"]
    assert cells(spec, "a", "fog")["flip rate"].value is None


def test_groups_have_intervals_over_training_seeds_and_perturbation_seeds_are_sequences(make_run: Any) -> None:
    def model(first: int, second: int) -> dict[str, list[int]]:
        return {"clean": some(18), f"{FOG}1@0": some(first), f"{FOG}1@1": some(first), f"{FOG}3@0": some(second),
                f"{FOG}3@1": some(18)}  # fmt: skip

    facts = {name: {"group": "g", "training_seed": seed} for seed, name in enumerate("ab")}
    run = make_run({"a": model(14, 6), "b": model(16, 6)}, facts=facts)
    found = tables(run)
    flips = cells(found["flips"], "g", "fog")["flip probability"]
    # a: (4 + 8) / 2 and (4 + 4) / 2 of 20; b: (2 + 10) / 2 and (2 + 2) / 2.
    assert flips.value == pytest.approx(((6 + 4) / 2 + (6 + 2) / 2) / 2 / 20)
    assert flips.low is not None
    assert cells(found["curves"], "g", "fog")["area"].low is not None


def test_without_records_there_are_no_flips_and_no_intervals(make_run: Any) -> None:
    model = {"clean": some(18), f"{FOG}1": some(14), f"{FOG}3": some(6)}
    found = tables(make_run({"m": model}, records=False))
    assert "flips" not in found
    area = cells(found["curves"], "m", "fog")["area"]
    assert area.value == pytest.approx(0.6)
    assert area.low is None


@pytest.mark.parametrize(
    "model",
    [
        {"clean": some(18), f"{FOG}1": some(14)},
        {f"{FOG}1": some(14), f"{FOG}3": some(6)},
        {"clean": some(18), "a/pgd:eps=0.1": some(3), "a/pgd:eps=0.2": some(1)},
    ],
    ids=["one severity", "no clean inputs", "an attack"],
)
def test_what_is_no_curve_has_no_table(make_run: Any, model: dict[str, list[int]]) -> None:
    assert not {"curves", "flips"} & set(tables(make_run({"m": model})))


def test_severity_zero_is_the_clean_input_once(make_run: Any) -> None:
    model = {"clean": some(18), f"{FOG}0": some(18), f"{FOG}1": some(14), f"{FOG}3": some(6)}
    found = cells(tables(make_run({"m": model}))["curves"], "m", "fog")
    assert found["severities"].text == "0, 1, 3"
    assert found["area"].value == pytest.approx(0.6)


def test_a_baseline_without_anything_to_divide_is_refused(make_run: Any) -> None:
    run = make_run({"m": {"clean": some(18), f"{FOG}1": some(14)}})
    with pytest.raises(ConfigError, match="and no perturbation at two severities"):
        load_report(run, baseline=open_run_baseline(str(run)))
