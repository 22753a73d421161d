"""Figures: exact width, embedded fonts, equal bytes, readable without colour, nothing on top of anything."""

from __future__ import annotations

import csv
import io
import re
import zlib
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Annotation, Text
from matplotlib.transforms import Bbox

from robustkit import Axis, ConfigError, FigureSpec, Point, Report, Series, spec_from_json
from robustkit.analysis.comparison.comparison import Comparison
from robustkit.analysis.report.load import FIGURES
from robustkit_reports.drawing import draw_figure, title_lines
from robustkit_reports.figures import Figures, plotted_numbers, render
from robustkit_reports.glyphs import legible
from robustkit_reports.inline_svg import SCREEN, panel_svgs
from robustkit_reports.labels import label_box, short_names, shorten
from robustkit_reports.look import look_of, paper_style
from robustkit_reports.params import FigureParams
from robustkit_reports.venues import VENUES, figure_width


def written(report: Report, folder: Path, **params: object) -> dict[str, bytes]:
    paths = Figures(FigureParams(**params))(report, folder)  # type: ignore[arg-type]
    return {path.name: path.read_bytes() for path in paths}


def media_box(pdf: bytes) -> tuple[float, float]:
    found = re.search(rb"/MediaBox \[ ?0 0 ([\d.]+) ([\d.]+) ?\]", pdf)
    assert found
    return float(found[1]), float(found[2])


@pytest.mark.parametrize(
    ("venue", "column", "inches"),
    [("icml", "half", 3.25), ("icml", "full", 6.75), ("neurips", "full", 5.5), ("cvpr", "full", 6.875)],
)
def test_a_figure_is_exactly_as_wide_as_the_venue_s_column(
    report: Report, tmp_path: Path, venue: str, column: str, inches: float
) -> None:
    # Widths from the venues' style files.
    files = written(report, tmp_path, venue=venue, column=column, formats=("pdf",))
    for name in ("tradeoff.pdf", "severity.pdf"):
        assert media_box(files[name])[0] == pytest.approx(72 * inches, abs=0.5)


def test_a_width_of_one_s_own_is_kept(report: Report, tmp_path: Path) -> None:
    files = written(report, tmp_path, width="8.5cm", formats=("pdf",))
    assert media_box(files["tradeoff.pdf"])[0] == pytest.approx(8.5 / 2.54 * 72, abs=0.5)


def test_fonts_are_embedded_as_truetype_not_type_3(report: Report, tmp_path: Path) -> None:
    pdf = written(report, tmp_path, formats=("pdf",))["tradeoff.pdf"]
    assert b"/Type3" not in pdf
    assert b"/FontFile2" in pdf


def test_the_check_for_type_3_can_fail() -> None:
    with paper_style("serif", {"pdf.fonttype": 3}):
        figure = Figure()
        figure.text(0.5, 0.5, "text")
        assert b"/Type3" in render(figure, "pdf")


def test_the_same_report_gives_the_same_bytes(report: Report, tmp_path: Path) -> None:
    assert written(report, tmp_path / "a") == written(report, tmp_path / "b")


def test_the_user_s_matplotlib_settings_play_no_part(report: Report, tmp_path: Path) -> None:
    expected = written(report, tmp_path / "a", formats=("svg",))
    with mpl.rc_context({"font.size": 20, "axes.facecolor": "red", "figure.dpi": 50}):
        assert written(report, tmp_path / "b", formats=("svg",)) == expected


def test_beside_a_figure_are_numbers_spec_and_caption(report: Report, tmp_path: Path) -> None:
    files = written(report, tmp_path, formats=("pdf",), figure=("tradeoff",))
    assert list(files) == ["tradeoff.pdf", "tradeoff.csv", "tradeoff.json", "tradeoff.txt"]
    spec = report.studies[0].figures[0]
    assert spec_from_json(FigureSpec, files["tradeoff.json"].decode()) == spec
    assert files["tradeoff.txt"].decode().strip() == spec.caption


def test_the_numbers_are_those_that_are_plotted(report: Report) -> None:
    spec = report.studies[0].figures[0]
    rows = list(csv.DictReader(io.StringIO(plotted_numbers(spec))))
    points = [(each.name, point) for each in spec.panels[0].series for point in each.points]
    marks = [row for row in rows if row["kind"] == "point"]
    assert [(row["series"], float(row["x"]), float(row["y_high"])) for row in marks] == [
        (name, point.x, point.y_high) for name, point in points
    ]
    assert sum(row["kind"] == "training seed" for row in rows) == 2
    assert marks[0]["condition"] == "a/pgd:eps=0.1"


@pytest.mark.parametrize("width", [3.25, 6.75])
def test_labels_cover_neither_one_another_nor_markers_and_are_inside(report: Report, width: float) -> None:
    with paper_style():
        figure = draw_figure(report.studies[0].figures[0], width)
        renderer = FigureCanvasAgg(figure).get_renderer()
        figure.draw_without_rendering()
        axes = figure.axes[0]
        labels = [child for child in axes.get_children() if isinstance(child, Annotation)]
        # Without the line that leads to the marker.
        boxes = [Text.get_window_extent(label, renderer) for label in labels]
    assert len(boxes) == 4
    assert not any(a.overlaps(b) for a, b in combinations(boxes, 2))
    markers = axes.transData.transform([(0.9, 0.2), (0.7, 0.6), (0.69, 0.58), (0.6, 0.1)])
    assert not any(box.contains(*marker) for box in boxes for marker in markers)
    frame = axes.get_window_extent(renderer).padded(3)
    assert all(frame.contains(*corner) for box in boxes for corner in box.corners())


def test_the_name_of_a_model_alone_is_on_no_arm_of_its_cross(report: Report) -> None:
    spec = report.studies[0].figures[0]
    point = Point(x=0.75, y=0.4, x_low=0.55, x_high=0.95, y_low=0.05, y_high=0.75)
    lone = Series(name="a standard net", style=0, points=(point,))
    with paper_style("sans", SCREEN):
        figure = draw_figure(replace(spec, panels=(replace(spec.panels[0], series=(lone,), front=()),)), 2.8)
        figure.draw_without_rendering()
        (axes,) = figure.axes
        (label,) = [child for child in axes.get_children() if isinstance(child, Annotation)]
        box = Text.get_window_extent(label, FigureCanvasAgg(figure).get_renderer())
        x, y = axes.transData.transform((0.75, 0.4))
        assert not figure.legends
    assert not box.x0 <= x <= box.x1
    assert not box.y0 <= y <= box.y1


@pytest.mark.parametrize("corner", [1, 3, 5, 7])
def test_along_a_diagonal_a_long_name_does_not_reach_back_over_its_marker(corner: int) -> None:
    box = label_box(np.array([0.0, 0.0]), Bbox.from_bounds(0, 0, 120, 10), 5.0, corner * np.pi / 4)
    assert box.x0 > 0 or box.x1 < 0
    assert box.y0 > 0 or box.y1 < 0


def test_a_model_alone_needs_no_legend_but_layers_do(report: Report) -> None:
    spec = report.studies[0].figures[1]
    alone = replace(spec, panels=tuple(replace(panel, series=panel.series[:1]) for panel in spec.panels))
    with paper_style():
        found = [len(draw_figure(each, 3.25).legends) for each in (spec, alone, replace(alone, kind="cka"))]
    assert found == [1, 0, 1]


@pytest.mark.parametrize("width", [2.3, 3.25, 6.75])
@pytest.mark.parametrize("kind", FIGURES)
def test_nothing_is_cut_off_at_the_edge(comparison: Comparison, kind: str, width: float) -> None:
    spec = FIGURES[kind](comparison)
    assert isinstance(spec, FigureSpec)
    with paper_style():
        figure = draw_figure(spec, width)
        tight = figure.get_tightbbox(FigureCanvasAgg(figure).get_renderer())
    assert tight.x0 >= -0.01
    assert tight.x1 <= width + 0.01
    assert tight.y0 >= -0.01
    assert tight.y1 <= figure.get_size_inches()[1] + 0.01


@pytest.mark.parametrize(("font", "width"), [("serif", 1.7), ("sans", 2.5)])
@pytest.mark.parametrize("title", ["standard: gaussian-noise", "FCL, random features: gaussian-blur"])
def test_a_title_breaks_between_words_and_only_where_it_must(
    report: Report, font: str, width: float, title: str
) -> None:
    spec = report.studies[0].figures[1]
    with paper_style(font, SCREEN if font == "sans" else {}):
        figure = draw_figure(replace(spec, panels=(replace(spec.panels[0], title=title),)), width, legend=False)
        figure.draw_without_rendering()
        (axes,) = figure.axes
        shown = axes.get_title("left")
        renderer = FigureCanvasAgg(figure).get_renderer()
        right = max(text.get_window_extent(renderer).x1 for text in axes.get_children() if isinstance(text, Text))
    assert right <= width * figure.dpi
    assert shown.split() == title.split()
    assert shown.count("\n") == (title.startswith("FCL"))


def test_every_series_is_drawn_once_in_every_panel(report: Report) -> None:
    with paper_style():
        figure = draw_figure(report.studies[0].figures[1], 6.75)
    for axes in figure.axes:
        gids = [line.get_gid() for line in axes.get_lines()]
        assert sum(str(gid).endswith("-m0") for gid in gids) == 2


def grey(colour: str) -> float:
    red, green, blue = (int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_series_differ_without_colour() -> None:
    looks = [look_of(style) for style in range(8)]
    assert len({look.marker for look in looks}) == 8
    assert len({str(look.line) for look in looks}) == 8


def test_colours_alone_would_not_do_in_grey() -> None:
    levels = sorted(grey(look_of(style).colour) for style in range(7))
    assert min(np.diff(levels)) < 0.05, "markers and lines are what tells these apart"


def test_dollars_in_names_are_not_mathematics(report: Report) -> None:
    with paper_style("serif", {"svg.fonttype": "none"}):
        svg = render(draw_figure(report.studies[0].figures[0], 6.75), "svg").decode()
    assert "e$f{g}" in svg


def test_a_figure_that_no_report_has_is_refused(report: Report, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="unknown figure 'heatmap'"):
        written(report, tmp_path, figure=("heatmap",))


@pytest.mark.parametrize(
    ("params", "hint"),
    [
        ({"venue": "icmll"}, "did you mean 'icml'"),
        ({"venue": "desk drawer"}, "known: aaai"),
        ({"width": "wide"}, "number and unit"),
        ({"width": "3pt"}, "check the unit"),
        ({"width": "4000in"}, "check the unit"),
    ],
)
def test_a_width_that_is_none_is_refused_before_anything_is_written(params: dict[str, str], hint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Figures(FigureParams(**params))  # type: ignore[arg-type]
    assert hint in caught.value.hint


def test_half_is_less_than_full_everywhere() -> None:
    for venue in VENUES:
        assert 1.5 < figure_width(venue, "half") < figure_width(venue, "full") / 1.9


def test_shortened_names_stay_different() -> None:
    names = ["x" * 40 + end for end in "ab"] + ["y" * 30, "y" * 31]
    short = short_names(names)
    assert len(set(short.values())) == 4
    assert shorten("short") == "short"


def test_many_series_are_drawn_with_a_legend_that_fits(report: Report) -> None:
    spec = report.studies[0].figures[1]
    many = tuple(replace(spec.panels[0].series[0], name=f"model number {style}", style=style) for style in range(30))
    with paper_style():
        figure = draw_figure(replace(spec, panels=tuple(replace(panel, series=many) for panel in spec.panels)), 3.25)
        assert isinstance(figure, Figure)
        box = figure.legends[0].get_window_extent(FigureCanvasAgg(figure).get_renderer())
    assert box.width <= 3.25 * figure.dpi
    assert figure.axes[0].get_position().height > 0.15


def test_streams_of_the_pdf_hold_no_date(report: Report, tmp_path: Path) -> None:
    pdf = written(report, tmp_path, formats=("pdf",))["tradeoff.pdf"]
    assert b"/CreationDate" not in pdf
    streams = re.findall(rb"stream\r?\n(.*?)\r?\nendstream", pdf, re.DOTALL)
    assert any(zlib.decompressobj().decompress(stream) for stream in streams[:1])


def renamed(spec: FigureSpec, *names: str) -> FigureSpec:
    (panel,) = spec.panels
    series = tuple(replace(each, name=name) for each, name in zip(panel.series, names, strict=False))
    return replace(spec, panels=(replace(panel, series=series, title=names[0]),))


@pytest.mark.parametrize("font", ["serif", "sans"])
def test_letters_that_the_fonts_lack_are_drawn_as_code_points(report: Report, tmp_path: Path, font: str) -> None:
    names = ("标准", "모델", "naïve Ωmega", "🦜")
    study = replace(report.studies[0], figures=(renamed(report.studies[0].figures[0], *names),))
    # Warnings are errors here: matplotlib warns of every letter that it cannot draw.
    files = written(replace(report, studies=(study,)), tmp_path, font=font, formats=("pdf", "png"))
    assert "标准" in files["tradeoff.csv"].decode()
    with paper_style(font, {"svg.fonttype": "none"}):
        svg = render(draw_figure(legible(study.figures[0], font), 6.75), "svg").decode()
    for text in (r"\u6807\u51c6", r"\ubaa8\ub378", "naïve Ωmega", r"\U0001f99c"):
        assert text in svg


def test_the_page_keeps_letters_that_matplotlib_lacks(report: Report) -> None:
    (svg,) = panel_svgs(renamed(report.studies[0].figures[0], "标准", "모델"))
    assert "标准" in svg
    assert "모델" in svg


def test_what_the_fonts_have_is_drawn_as_it_is(report: Report) -> None:
    for figure in report.studies[0].figures:
        assert legible(figure, "serif") == figure


def heat(comparison: Comparison) -> FigureSpec:
    spec = FIGURES["layers"](comparison)
    assert isinstance(spec, FigureSpec)
    return replace(spec, panels=spec.panels[:1])


def changed(spec: FigureSpec, **point: object) -> FigureSpec:
    """Return the figure with its first cell changed."""
    panel = spec.panels[0]
    first, *others = panel.series
    points = (replace(first.points[0], **point), *first.points[1:])
    return replace(spec, panels=(replace(panel, series=(replace(first, points=points), *others)),))


def texts_of(spec: FigureSpec, width: float) -> list[str]:
    with paper_style():
        return [text.get_text() for text in draw_figure(spec, width).axes[0].texts]


def test_cells_have_their_numbers_where_there_is_room(comparison: Comparison) -> None:
    spec = heat(comparison)
    assert texts_of(spec, 3.25) == [".10"] * 9
    panel = spec.panels[0]
    many = replace(panel, x=replace(panel.x, names=tuple(f"l{k}" for k in range(40))))
    assert texts_of(replace(spec, panels=(many,)), 3.25) == []
    assert texts_of(changed(spec, value=0.5, doubtful=True), 3.25)[0] == "(.50)"
    assert len(texts_of(changed(spec, value=None), 3.25)) == 8


def luminance(colour: object) -> float:
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in mpl.colors.to_rgb(colour)]
    return float(np.dot((0.2126, 0.7152, 0.0722), linear))


@pytest.mark.parametrize("value", np.linspace(0, 1, 11))
def test_numbers_stand_out_from_their_cells(comparison: Comparison, value: float) -> None:
    """By the contrast ratio of WCAG 2, of which 4.5 is asked for text."""
    with paper_style():
        axes = draw_figure(changed(heat(comparison), value=float(value)), 3.25).axes[0]
    both = sorted((luminance(axes.patches[0].get_facecolor()), luminance(axes.texts[0].get_color())))
    assert (both[1] + 0.05) / (both[0] + 0.05) >= 4.5


def test_cells_grow_lighter_with_their_values(comparison: Comparison) -> None:
    with paper_style():
        drawn = [
            draw_figure(changed(heat(comparison), value=value), 3.25).axes[0].patches[0].get_facecolor()
            for value in (0.0, 0.25, 0.5, 0.75, 1.0)
        ]
    assert [luminance(each) for each in drawn] == sorted(luminance(each) for each in drawn)


def test_a_cell_without_a_value_is_hatched_and_not_coloured(comparison: Comparison) -> None:
    with paper_style():
        cell = draw_figure(changed(heat(comparison), value=None), 3.25).axes[0].patches[0]
    assert cell.get_facecolor()[3] == 0
    assert cell.get_hatch()


def test_numbers_stay_inside_their_cells(comparison: Comparison) -> None:
    with paper_style():
        figure = draw_figure(changed(heat(comparison), value=-0.99, doubtful=True), 2.3)
        renderer = FigureCanvasAgg(figure).get_renderer()
        axes = figure.axes[0]
        cell = axes.patches[0].get_window_extent(renderer)
        text = axes.texts[0].get_window_extent(renderer)
    assert text.width <= cell.width


def test_a_heat_map_on_a_page_says_what_each_cell_is(comparison: Comparison) -> None:
    (svg,) = panel_svgs(heat(comparison))
    assert svg.count('class="point"') == 9
    assert "conv1 · head · cka 0.1000 · cka/conv1~head" in svg
    rows = list(csv.DictReader(io.StringIO(plotted_numbers(heat(comparison)))))
    assert {row["value"] for row in rows} == {"0.1"}
    assert len(rows) == 9


@pytest.mark.parametrize(
    ("title", "letters", "expected"),
    [
        # A name that just fits leaves no sign over for the next line.
        ("fashion-cnn-seed2: gaussian-noise", 17, ["fashion-", "cnn-seed2:", "gaussian-noise"]),
        ("net: gaussian-noise, severity 1, cka", 32, ["net: gaussian-noise,", "severity 1, cka"]),
        ("short", 12, ["short"]),
        ("abcdefghijklmnop", 12, ["abcdefghijkl", "mnop"]),
        ("one two three four five six", 5, ["one", "two", "three", "four …"]),
    ],
)
def test_lines_of_a_title_are_about_as_long_and_begin_with_no_sign(
    title: str, letters: int, expected: list[str]
) -> None:
    assert title_lines(title, letters) == expected


def test_the_panels_of_a_row_name_their_axis_all_or_none(report: Report) -> None:
    spec = report.studies[0].figures[1]
    for count, named in ((7, [True] * 7), (8, [False] * 4 + [True] * 4)):
        panels = tuple(replace(spec.panels[0], title=str(number)) for number in range(count))
        with paper_style():
            figure = draw_figure(replace(spec, panels=panels), 6.75)
        assert [bool(axes.get_xlabel()) for axes in figure.axes] == named


def test_an_unreliable_point_is_hollow_and_chance_is_a_line(report: Report) -> None:
    spec = report.studies[0].figures[1]
    panel = spec.panels[0]
    points = tuple(replace(point, doubtful=not at, chance=0.1) for at, point in enumerate(panel.series[0].points))
    changed_panel = replace(panel, series=(replace(panel.series[0], points=points),))
    with paper_style():
        (axes,) = draw_figure(replace(spec, panels=(changed_panel,)), 3.25).axes
    by_id = {line.get_gid(): line for line in axes.lines}
    assert [by_id[f"p0-s0-i{at}"].get_markerfacecolor() == "#ffffff" for at in (0, 1)] == [True, False]
    assert set(by_id["p0-s0-c0"].get_ydata()) == {0.1}


def test_eps_is_printed_in_grey_levels(report: Report) -> None:
    spec = report.studies[0].figures[1]
    x = Axis(label="eps (linf)", low=0.0, high=9 / 255, unit="/255", ticks=(0.0, 2 / 255, 8 / 255))
    with paper_style():
        (axes,) = draw_figure(replace(spec, panels=(replace(spec.panels[0], x=x),)), 3.25).axes
    assert [label.get_text() for label in axes.get_xticklabels()] == ["0", "2/255", "8/255"]
    assert axes.get_xlabel() == "eps (linf)"


def test_names_of_axes_of_many_heat_maps_are_inside(comparison: Comparison) -> None:
    spec = heat(comparison)
    many = replace(spec, panels=(spec.panels[0],) * 8)
    with paper_style():
        figure = draw_figure(many, 6.75)
        tight = figure.get_tightbbox(FigureCanvasAgg(figure).get_renderer())
    assert (tight.x0 >= -0.01, tight.x1 <= 6.76) == (True, True)
