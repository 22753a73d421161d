"""The page's source: self-contained, escaped, complete, equal each time; its behaviour is in tests/browser."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from robustkit import Report
from robustkit_reports.page import Page, render_page
from robustkit_reports.params import PageParams

HOSTILE = "<script>alert(1)</script>"


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


@pytest.fixture(scope="module")
def page(report: Report) -> str:
    return render_page(report, report.title)


@pytest.fixture(scope="module")
def tags(page: str) -> list[tuple[str, dict[str, str | None]]]:
    parser = Tags()
    parser.feed(page)
    return parser.found


def test_a_hostile_name_stays_text(page: str, tags: list[tuple[str, dict[str, str | None]]]) -> None:
    assert HOSTILE not in page
    assert "&lt;script&gt;alert(1)" in page
    assert sum(tag == "script" for tag, _ in tags) == 1


def test_nothing_is_loaded_from_anywhere(tags: list[tuple[str, dict[str, str | None]]]) -> None:
    loading = {"src", "srcset", "href", "xlink:href", "data", "action", "poster", "background"}
    named = [value for _, attributes in tags for key, value in attributes.items() if key in loading]
    assert named, "markers are drawn by reference"
    assert all(str(value).startswith("#") for value in named)
    assert not {"link", "img", "iframe", "object", "embed", "base"} & {tag for tag, _ in tags}


def test_the_page_forbids_itself_to_load_anything(tags: list[tuple[str, dict[str, str | None]]]) -> None:
    policies = [attributes["content"] for tag, attributes in tags if attributes.get("http-equiv")]
    assert policies == ["default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:"]


def test_styles_load_nothing(page: str) -> None:
    assert "@import" not in page
    assert all(target.startswith("#") for target in re.findall(r"url\(([^)]*)\)", page))


def test_identifiers_are_unique(tags: list[tuple[str, dict[str, str | None]]]) -> None:
    found = [attributes["id"] for _, attributes in tags if "id" in attributes]
    found.remove("table-failures")
    found.remove("rows-failures")  # this report has the table twice
    assert len(found) == len(set(found))


def test_every_reference_has_its_target(page: str) -> None:
    targets = set(re.findall(r'\bid="([^"]*)"', page))
    used = set(re.findall(r'href="#([^"]*)"', page)) | set(re.findall(r"url\(#([^)]*)\)", page))
    assert used <= targets


def test_every_point_of_a_plane_says_what_it_is_and_takes_the_focus(
    tags: list[tuple[str, dict[str, str | None]]],
) -> None:
    points = [attributes for _, attributes in tags if attributes.get("tabindex") == "0" and "data-s" in attributes]
    assert len(points) == 4
    assert points[0]["aria-label"] == (
        "standard · clean accuracy 90.0 % [87.0, 93.0] · attacked 0.2 [0.15, 0.25] · on the front"
    )


def test_what_is_missing_and_what_failed_is_on_the_page(page: str) -> None:
    for text in ("Not drawn:", "not measured", "1 result is missing", "boom", "An upper bound.", "a note"):
        assert text in page


def test_undefined_values_are_dashes_and_sorted_last(page: str) -> None:
    assert re.search(r'data-v="" class="num">–<', page)


def test_the_page_is_the_same_each_time(report: Report, tmp_path: Path) -> None:
    first, second = (Page(PageParams())(report, tmp_path / name)[0].read_bytes() for name in "ab")
    assert first == second


def test_the_title_can_be_chosen(report: Report, tmp_path: Path) -> None:
    (path,) = Page(PageParams(title="Our <models>"))(report, tmp_path)
    assert "<h1>Our &lt;models&gt;</h1>" in path.read_text("utf8")
