"""What the figures' specs hold: every model once, the right front, the right ends of intervals."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from robustkit.analysis.comparison.measure import compare_runs
from robustkit.analysis.comparison.runs import read_runs
from robustkit.analysis.figures.probe_curve import probe_figure
from robustkit.analysis.figures.robust_accuracy_curve import robust_accuracy_figure
from robustkit.analysis.figures.sensitivity_plane import sensitivity_figure
from robustkit.analysis.figures.severity_curve import severity_figure
from robustkit.analysis.figures.similarity_curve import cka_figure
from robustkit.analysis.figures.similarity_matrix import layers_figure
from robustkit.analysis.figures.tradeoff import tradeoff_figure
from robustkit.analysis.report.load import FIGURES, load_report
from robustkit.analysis.specs import FigureSpec, Omission

HALF, FULL, NONE = [1, 0] * 10, [1] * 20, [0] * 20


def drawn(build: Any, *paths: Path) -> FigureSpec:
    (comparison,) = compare_runs(read_runs(paths))
    figure = build(comparison)
    assert isinstance(figure, FigureSpec), figure
    return figure


def omitted(build: Any, *paths: Path) -> str:
    (comparison,) = compare_runs(read_runs(paths))
    figure = build(comparison)
    assert isinstance(figure, Omission)
    return figure.reason


def row(model: str, metric: str, value: float | None, condition: str = "clean") -> dict[str, Any]:
    cell = {"model": model, "dataset": "toy", "condition": condition, "seed": 0}
    ends = (None, None) if value is None else (value - 0.1, value + 0.1)
    return {**cell, "metric": metric, "value": value, "n": 20, "ci_low": ends[0], "ci_high": ends[1]}


def test_the_trade_off_has_a_panel_for_the_mean_and_one_an_attack(two_models: Path) -> None:
    figure = drawn(tradeoff_figure, two_models)
    assert [panel.title for panel in figure.panels] == ["mean of 2 perturbation conditions", "pgd, eps 0.1 (linf)"]


def test_every_model_is_drawn_once_where_its_numbers_are(two_models: Path) -> None:
    for panel, below in zip(drawn(tradeoff_figure, two_models).panels, ((0.4, 0.65), (0.0, 0.5)), strict=True):
        points = {series.name: (point.x, point.y) for series in panel.series for point in series.points}
        assert points == {"plain": (0.9, pytest.approx(below[0])), "hardened": (0.7, pytest.approx(below[1]))}
        assert [len(series.points) for series in panel.series] == [1, 1]


def test_the_front_is_a_step_line_through_the_best_and_ends_at_the_axes(two_models: Path) -> None:
    panel = drawn(tradeoff_figure, two_models).panels[1]
    expected = [(panel.x.low, 0.5), (0.7, 0.5), (0.7, 0.0), (0.9, 0.0), (0.9, panel.y.low)]
    assert list(panel.front) == expected
    assert {series.points[0].front for series in panel.series} == {"on"}


def test_a_model_alone_has_no_front(make_run: Any) -> None:
    figure = drawn(tradeoff_figure, make_run({"m": {"clean": FULL, "a/pgd:eps=0.1": HALF}}))
    assert figure.panels[0].front == ()
    assert figure.panels[0].series[0].points[0].front == ""
    assert "Pareto" not in figure.caption


def test_dominated_points_are_told_from_those_that_reach_the_front(make_run: Any) -> None:
    n, attack = 400, "a/pgd:eps=0.1"
    rights = {"best": (380, 300), "close": (376, 296), "far": (200, 100)}
    correct = {
        name: {"clean": [1] * clean + [0] * (n - clean), attack: [1] * hard + [0] * (n - hard)}
        for name, (clean, hard) in rights.items()
    }
    (panel,) = drawn(tradeoff_figure, make_run(correct)).panels
    assert [series.points[0].front for series in panel.series] == ["on", "reaches", "dominated"]


def test_everything_drawn_is_inside_the_axes(two_models: Path) -> None:
    for build in (tradeoff_figure, severity_figure):
        for panel in drawn(build, two_models).panels:
            for point in (point for series in panel.series for point in series.points):
                for axis, values in (
                    (panel.x, (point.x, point.x_low, point.x_high)),
                    (panel.y, (point.y, point.y_low, point.y_high)),
                ):
                    assert all(axis.low <= value <= axis.high for value in values if value is not None)


def test_a_group_shows_its_training_seeds(make_run: Any) -> None:
    correct = {f"m{seed}": {"clean": FULL, "a/pgd:eps=0.1": HALF if seed else NONE} for seed in (0, 1)}
    facts = {name: {"group": "net"} for name in correct}
    figure = drawn(tradeoff_figure, make_run(correct, facts=facts))
    (series,) = figure.panels[0].series
    assert [(dot.label, dot.y) for dot in series.replicates] == [("m0", 0.0), ("m1", 0.5)]
    assert series.points[0].n == 2
    assert "net: 2" in figure.caption
    assert "Student's t" in figure.caption


def test_undefined_values_are_not_drawn_as_zero(make_run: Any) -> None:
    correct = {"a": {"clean": FULL, "c/f:severity=1": HALF}, "b": {"clean": FULL}}
    run = make_run(correct, rows=[row("b", "metrics/accuracy", None, "c/f:severity=1")])
    panel = drawn(severity_figure, run).panels[0]
    assert [series.name for series in panel.series] == ["a"]


def test_the_caption_says_that_attacks_give_an_upper_bound_and_what_n_is(two_models: Path) -> None:
    caption = drawn(tradeoff_figure, two_models).caption
    assert "upper bound" in caption
    assert "n = 20" in caption
    assert "a/pgd:eps=0.1" in caption


def test_severity_lines_start_at_the_clean_level(two_models: Path) -> None:
    (panel,) = drawn(severity_figure, two_models).panels
    plain = panel.series[0]
    assert [(point.x, point.y) for point in plain.points] == [(0.0, 0.9), (1.0, 0.6), (2.0, 0.2)]
    assert plain.level == 0.9
    assert panel.x.ticks == (0.0, 1.0, 2.0)


def test_an_attack_at_several_eps_has_a_robust_accuracy_curve(make_run: Any) -> None:
    run = make_run({"m": {"clean": FULL, "a/pgd:eps=0.1": NONE, "a/pgd:eps=0.05": HALF}})
    figure = drawn(robust_accuracy_figure, run)
    (panel,) = figure.panels
    assert [(point.x, point.y) for point in panel.series[0].points] == [(0.0, 1.0), (0.05, 0.5), (0.1, 0.0)]
    assert (panel.title, panel.x.label, panel.y.label) == ("pgd", "eps (linf)", "robust accuracy")
    assert "upper bound" in figure.caption
    assert "with -p" in omitted(severity_figure, run)


def test_one_run_of_an_attack_that_minimises_the_norm_is_a_curve_too(make_run: Any) -> None:
    attack, metric = "a/fab:eps=0.1", "metrics/robust-accuracy-curve:eps=[4/255,0.05,0.2]"
    parts = {"0.05": 0.4, "4/255": 0.8, "0.2": None, "median-norm": 0.04}
    rows = [row("m", f"{metric}@{part}", value, attack) for part, value in parts.items()]
    figure = drawn(robust_accuracy_figure, make_run({"m": {"clean": FULL, attack: HALF}}, rows=rows))
    (panel,) = figure.panels
    assert [(point.x, point.y) for point in panel.series[0].points] == [(0.0, 1.0), (4 / 255, 0.8), (0.05, 0.4)]
    assert panel.title == "fab, eps 0.1, one run"
    assert panel.series[0].points[1].y_low == pytest.approx(0.7)
    assert "One run" in figure.caption


def test_unreliable_parts_of_one_run_are_no_curve(make_run: Any) -> None:
    attack, metric = "a/pgd:eps=0.1", "metrics/robust-accuracy-curve"
    rows = [row("m", f"{metric}@{part}", 0.5, attack) | {"status": "unreliable"} for part in ("0.05", "0.075")]
    rows.append(row("m", f"{metric}@0.1", 0.5, attack) | {"status": "ok"})
    said = omitted(robust_accuracy_figure, make_run({"m": {"clean": FULL, attack: HALF}}, rows=rows))
    assert "minimises the norm" in said


def test_an_attack_at_one_eps_is_no_curve(two_models: Path) -> None:
    assert "several eps" in omitted(robust_accuracy_figure, two_models)


def test_a_model_has_the_same_style_in_every_figure(two_models: Path) -> None:
    figures = load_report(two_models).studies[0].figures
    styles = {(s.name, s.style) for figure in figures for panel in figure.panels for s in panel.series}
    assert styles == {("plain", 0), ("hardened", 1)}


def test_the_sensitivity_plane_prefers_low_and_high(make_run: Any) -> None:
    metric = "metrics/utility-sensitivity:basis=patch"
    values = {"robust": (0.2, 0.9), "dull": (0.2, 0.3), "nervous": (0.8, 1.4)}
    rows = [
        row(name, f"{metric}@{part}", value)
        for name, pair in values.items()
        for part, value in zip(("s-low", "s-high"), pair, strict=True)
    ]
    (panel,) = drawn(sensitivity_figure, make_run({name: {"clean": HALF} for name in values}, rows=rows)).panels
    assert {s.name: (s.points[0].x, s.points[0].y) for s in panel.series} == values
    assert {s.name: s.points[0].front for s in panel.series} == {"robust": "on", "dull": "reaches", "nervous": "on"}
    assert (panel.x.better, panel.y.better) == ("lower", "higher")
    assert list(panel.front) == [(panel.x.high, 1.4), (0.8, 1.4), (0.8, 0.9), (0.2, 0.9), (0.2, panel.y.low)]
    assert (panel.series[0].points[0].x_low, panel.series[0].points[0].y_high) == pytest.approx((0.1, 1.0))


@pytest.mark.parametrize(("used", "expected"), [("hutchinson-64", "random projections"), ("gradient", "")])
def test_an_estimator_that_the_metric_chose_itself_is_in_the_caption(make_run: Any, used: str, expected: str) -> None:
    spec = f"contextual/s-low/basis=patch-4/representation=logits/sensitivity={used}"
    rows = [row("m", f"metrics/utility-sensitivity@{part}", 0.5) | {"spec": spec} for part in ("s-low", "s-high")]
    caption = drawn(sensitivity_figure, make_run({"m": {"clean": HALF}}, rows=rows)).caption
    assert ("estimated" in caption) == bool(expected)
    assert expected in caption


def test_planes_of_several_features_say_which(make_run: Any) -> None:
    metrics = [f"metrics/utility-sensitivity:basis={basis},patch=4" for basis in ("patch", "fourier")]
    rows = [row("m", f"{metric}@{part}", 0.5) for metric in metrics for part in ("s-low", "s-high")]
    figure = drawn(sensitivity_figure, make_run({"m": {"clean": HALF}}, rows=rows))
    assert [panel.title for panel in figure.panels] == [
        "utility-sensitivity, basis=patch",
        "utility-sensitivity, basis=fourier",
    ]


def test_cka_has_a_line_a_layer(make_run: Any) -> None:
    correct = {"m": {"clean": FULL, "c/f:severity=1": HALF, "c/f:severity=2": NONE}}
    rows = [
        row("m", f"metrics/linear-cka@{layer}", value / severity, f"c/f:severity={severity}")
        for layer, value in (("conv1", 0.9), ("conv2", 0.8))
        for severity in (1, 2)
    ]
    (panel,) = drawn(cka_figure, make_run(correct, rows=rows)).panels
    assert {s.name: [(p.x, p.y) for p in s.points] for s in panel.series} == {
        "conv1": [(1.0, 0.9), (2.0, 0.45)],
        "conv2": [(1.0, 0.8), (2.0, 0.4)],
    }


def test_probes_have_a_line_a_layer_that_begins_at_clean_inputs(make_run: Any) -> None:
    correct = {"m": {"clean": FULL, "c/f:severity=1": HALF, "c/f:severity=2": NONE}}
    rows = [
        row(
            "m",
            f"metrics/linear-probe@{layer}",
            value / (severity + 1),
            f"c/f:severity={severity}" if severity else "clean",
        )
        for layer, value in (("conv1", 0.9), ("conv2", 0.8))
        for severity in (0, 1, 2)
    ]
    figure = drawn(probe_figure, make_run(correct, rows=rows))
    (panel,) = figure.panels
    assert {s.name: [(p.x, p.y) for p in s.points] for s in panel.series} == {
        "conv1": [(0.0, 0.9), (1.0, 0.45), (2.0, pytest.approx(0.3))],
        "conv2": [(0.0, 0.8), (1.0, 0.4), (2.0, pytest.approx(0.8 / 3))],
    }
    assert (panel.x.ticks, panel.y.unit, panel.y.better) == ((0.0, 1.0, 2.0), "%", "higher")
    assert "cross-fitted" in figure.caption


def test_each_way_to_probe_has_panels_of_its_own_with_the_same_line_for_a_layer(make_run: Any) -> None:
    same = "metrics/linear-probe:train=same"
    names = ("metrics/linear-probe@conv1", "metrics/linear-probe@conv2", f"{same}@conv2")
    rows = [row("m", name, 0.5, "c/f:severity=1") for name in names]
    panels = drawn(probe_figure, make_run({"m": {"clean": FULL, "c/f:severity=1": HALF}}, rows=rows)).panels
    assert {panel.title: [(s.name, s.style) for s in panel.series] for panel in panels} == {
        "m: f": [("conv1", 0), ("conv2", 1)],
        "m: f, train same": [("conv2", 1)],
    }


def test_probes_of_clean_inputs_alone_are_no_curve(make_run: Any) -> None:
    correct = {"m": {"clean": FULL, "c/f:severity=1": HALF}}
    assert omitted(probe_figure, make_run(correct, rows=[row("m", "metrics/linear-probe@conv", 0.9)]))


def test_cka_below_zero_is_inside_the_axes(make_run: Any) -> None:
    correct = {"m": {"clean": FULL, "c/f:severity=1": HALF, "c/f:severity=2": NONE}}
    rows = [row("m", "metrics/linear-cka@conv", -0.3, f"c/f:severity={severity}") for severity in (1, 2)]
    figure = drawn(cka_figure, make_run(correct, rows=rows))
    assert figure.panels[0].y.low < -0.4
    assert "unbiased estimator, features averaged over positions" in figure.caption


def test_other_measures_have_panels_of_their_own_and_a_second_model_s_have_none(make_run: Any) -> None:
    correct = {"m": {"clean": FULL, "c/f:severity=1": HALF}}
    plain, other = 'metrics/similarity:measure=[cka,rsa],reference=""', "metrics/similarity:reference=x"
    names = [f"{plain}@cka/conv1", f"{plain}@rsa/conv1", f"{plain}@rsa/conv2", f"{other}@rsa/conv1"]
    names += [f"{plain},pairs=all@rsa/conv1~conv2", "metrics/linear-cka@conv1"]
    rows = [row("m", name, 0.1 * place, "c/f:severity=1") for place, name in enumerate(names)]
    panels = drawn(cka_figure, make_run(correct, rows=rows)).panels
    found = {panel.y.label: {series.name: series.points[0].y for series in panel.series} for panel in panels}
    assert found == {
        "cka": {"conv1": 0.0},
        "rsa": {"conv1": 0.1, "conv2": 0.2},
        "linear CKA": {"conv1": 0.5},
    }
    assert {series.style for panel in panels for series in panel.series if series.name == "conv1"} == {0}


def test_each_way_to_compare_has_a_panel_that_tells_it_on_the_axis_of_its_measure(make_run: Any) -> None:
    names = [f"metrics/linear-cka{params}@conv1" for params in ("", ":layers=[conv1],widest=8")]
    rows = [row("m", name, 0.5, "c/f:severity=1") for name in names]
    panels = drawn(cka_figure, make_run({"m": {"clean": FULL, "c/f:severity=1": HALF}}, rows=rows)).panels
    assert [(panel.title, panel.y.label) for panel in panels] == [
        ("m: f", "linear CKA"),
        ("m: f, widest 8", "linear CKA"),
    ]


def matrix_rows(metric: str, pairs: str, **changes: Any) -> list[dict[str, Any]]:
    return [
        {**row("m", f"metrics/similarity:{metric}@{pair}", 0.1 * place), **changes}
        for place, pair in enumerate(pairs.split())
    ]


def test_pairs_of_layers_are_a_matrix_with_the_degraded_layers_in_rows(make_run: Any) -> None:
    rows = matrix_rows("pairs=all", "cka/a~a cka/a~b cka/b~a cka/b~b")
    figure = drawn(layers_figure, make_run({"m": {"clean": FULL}}, rows=rows))
    (panel,) = figure.panels
    assert (panel.x.names, panel.y.names) == (("a", "b"), ("a", "b"))
    assert [[point.value for point in series.points] for series in panel.series] == [
        [0.0, 0.1],
        [0.2, pytest.approx(0.3)],
    ]
    assert (panel.y.label, panel.x.label) == ("layer, clean", "layer, clean")
    assert (panel.value.low, panel.value.high) == (0.0, 1.0)


def test_a_measure_without_order_is_mirrored_and_one_with_order_is_not(make_run: Any) -> None:
    once = matrix_rows("against=layers", "cka/a~a cka/a~b cka/b~b")
    panel = drawn(layers_figure, make_run({"m": {"clean": FULL}}, rows=once)).panels[0]
    assert [[point.value for point in series.points] for series in panel.series] == [[0.0, 0.1], [0.1, 0.2]]
    other = matrix_rows("reference=x,pairs=all", "cka/a~u cka/a~v cka/b~u")
    panel = drawn(layers_figure, make_run({"m": {"clean": FULL}}, rows=other, name="other")).panels[0]
    assert [[point.value for point in series.points] for series in panel.series] == [[0.0, 0.1], [0.2, None]]
    assert panel.x.label == "layer of x"


def test_doubts_and_chance_are_told_of_each_cell(make_run: Any) -> None:
    rows = matrix_rows("against=layers", "r2/a~b r2/b~a", status="unreliable", chance=0.25)
    figure = drawn(layers_figure, make_run({"m": {"clean": FULL}}, rows=rows))
    point = next(point for point in figure.panels[0].series[0].points if point.value is not None)
    assert point.doubtful
    assert point.label == "r2/a~b; chance 0.25; unreliable"
    assert "In parentheses: unreliable" in figure.caption


def test_no_more_matrices_are_drawn_than_a_page_has_room_for(make_run: Any) -> None:
    texts = [f"c/f{number}:severity=1" for number in range(10)]
    rows = [{**each, "condition": text} for text in texts for each in matrix_rows("pairs=all", "cka/a~a")]
    figure = drawn(layers_figure, make_run({"m": {"clean": FULL, **dict.fromkeys(texts, HALF)}}, rows=rows))
    assert len(figure.panels) == 8
    assert "2 more are in results.csv" in figure.caption


def test_pairs_of_layers_have_tables_of_their_own(make_run: Any) -> None:
    rows = [*matrix_rows("against=layers", "cka/a~a cka/a~b cka/b~b"), row("m", "metrics/other@part", 0.5)]
    (study,) = load_report(make_run({"m": {"clean": FULL}}, rows=rows)).studies
    tables = {table.id: table for table in study.tables}
    assert [[cell.text or cell.value for cell in line] for line in tables["layers-1"].rows] == [
        ["a", 0.0, 0.1],
        ["b", 0.1, 0.2],
    ]
    assert [line[3].text for line in tables["parts"].rows] == ["part"]


@pytest.mark.parametrize(
    ("estimator", "expected"),
    [
        ("hutchinson", "random projections: biased low, ranks attenuated."),
        ("finite", "the same random noise on one feature at a time: they agree too well."),
        ("gradient", ""),
    ],
)
def test_an_estimator_that_is_not_exact_is_in_the_caption(make_run: Any, estimator: str, expected: str) -> None:
    metric = f"metrics/utility-sensitivity:basis=patch,estimator={estimator},patch=4"
    rows = [row("m", f"{metric}@{part}", 0.5) for part in ("s-low", "s-high")]
    caption = drawn(sensitivity_figure, make_run({"m": {"clean": HALF}}, rows=rows)).caption
    assert expected in caption
    assert ("estimated" in caption) == bool(expected)


def test_with_many_panels_cka_is_averaged_over_perturbations(make_run: Any) -> None:
    texts = [f"c/f{number}:severity=1" for number in range(9)]
    rows = [row("m", "metrics/linear-cka@conv", number / 10, text) for number, text in enumerate(texts)]
    figure = drawn(cka_figure, make_run({"m": {"clean": FULL, **dict.fromkeys(texts, HALF)}}, rows=rows))
    (point,) = figure.panels[0].series[0].points
    assert point.y == pytest.approx(0.4)
    assert (point.y_low, point.y_high) == (None, None)


@pytest.mark.parametrize("kind", FIGURES)
def test_what_cannot_be_drawn_says_why(make_run: Any, kind: str) -> None:
    assert omitted(FIGURES[kind], make_run({"m": {"clean": FULL}}))


def test_the_command_line_knows_every_figure() -> None:
    from robustkit.cli.plot import FIGURES as NAMES

    assert set(NAMES) == set(FIGURES)


def test_probes_show_chance_and_what_is_unreliable(make_run: Any) -> None:
    rows = [
        row("m", "metrics/linear-probe@conv", 0.5) | {"chance": 0.1, "status": "ok"},
        row("m", "metrics/linear-probe@conv", 0.4, "c/f:severity=1") | {"chance": 0.2, "status": "unreliable"},
    ]
    figure = drawn(probe_figure, make_run({"m": {"clean": FULL, "c/f:severity=1": HALF}}, rows=rows))
    points = figure.panels[0].series[0].points
    assert [(point.chance, point.doubtful) for point in points] == [(0.1, False), (0.2, True)]
    assert points[1].label.endswith("; chance 0.2; unreliable")
    assert figure.panels[0].y.low < 0.1
    assert "dotted lines: what chance alone gives" in figure.caption
    assert "Hollow markers: unreliable" in figure.caption


def test_a_distance_is_called_one(make_run: Any) -> None:
    rows = [row("m", f"metrics/similarity@{name}/conv", 0.1, "c/f:severity=1") for name in ("procrustes-angle", "cka")]
    panels = drawn(cka_figure, make_run({"m": {"clean": FULL, "c/f:severity=1": HALF}}, rows=rows)).panels
    assert {panel.y.label for panel in panels} == {"procrustes-angle (distance)", "cka"}


def test_similarity_to_another_model_by_layer_is_said_not_to_be_drawn(make_run: Any) -> None:
    rows = [row("m", "metrics/similarity:reference=x@cka/conv", 0.1, "c/f:severity=1")]
    run = make_run({"m": {"clean": FULL, "c/f:severity=1": HALF}}, rows=rows)
    assert "(similarity:reference=x) is not drawn: the table of metrics with parts" in omitted(cka_figure, run)


def test_a_reference_has_no_matrix_against_itself(make_run: Any) -> None:
    rows = matrix_rows("reference=x,pairs=all", "cka/a~u")
    run = make_run({"m": {"clean": FULL}, "x": {"clean": FULL}}, rows=[*rows, *({**e, "model": "x"} for e in rows)])
    assert [panel.title for panel in drawn(layers_figure, run).panels] == ["m: clean, cka"]


def test_matrices_of_the_same_condition_are_told_apart(make_run: Any) -> None:
    rows = [*matrix_rows("against=layers", "cka/a~b"), *matrix_rows("pairs=all", "cka/a~b cka/b~a")]
    titles = [panel.title for panel in drawn(layers_figure, make_run({"m": {"clean": FULL}}, rows=rows)).panels]
    assert titles == ["m: clean, cka, against layers", "m: clean, cka, pairs all"]


@pytest.mark.parametrize(("eps", "unit"), [("2/255", "/255"), ("0.1", "")])
def test_eps_is_in_grey_levels_where_it_was_given_so(make_run: Any, eps: str, unit: str) -> None:
    metric, attack = "metrics/robust-accuracy-curve", "a/fab:eps=0.5"
    rows = [row("m", f"{metric}@{part}", 0.5, attack) for part in (eps, "8/255")][: 2 if unit else 1]
    (panel,) = drawn(robust_accuracy_figure, make_run({"m": {"clean": FULL, attack: HALF}}, rows=rows)).panels
    assert panel.x.unit == unit
