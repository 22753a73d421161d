"""The page in a browser: nothing is fetched, nothing fails, it fits a phone, and its controls work."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.browser


FITS = """
const scaled = (text) => {
  const to = text.getScreenCTM();
  return parseFloat(getComputedStyle(text).fontSize) * Math.sqrt(Math.abs(to.a * to.d - to.b * to.c));
};
const wide = [...document.querySelectorAll("body *")].filter((each) => !each.closest(".scroll, svg, #tip"))
  .filter((each) => each.getBoundingClientRect().right > innerWidth + 1).map((each) => each.tagName);
return {
  inner: innerWidth, document: document.documentElement.scrollWidth, wide,
  letters: Math.min(...[...document.querySelectorAll(".plot text")].map((each) =>
    scaled(each))),
  fetched: performance.getEntriesByType("resource").length,
  scripts: document.scripts.length,
};
"""


@pytest.mark.parametrize("width", [390, 1280])
def test_the_page_fits_fetches_nothing_and_is_silent(browse: Any, width: int) -> None:
    seen = browse(FITS, width=width)
    assert seen.console == []
    assert seen.result["fetched"] == 0
    assert seen.result["inner"] == width
    assert seen.result["document"] <= width
    assert seen.result["wide"] == []
    assert seen.result["letters"] >= 8.5, "the smallest letters of the figures, in pixels"
    assert seen.result["scripts"] == 2, "the page's own and this test's, none from a model's name"


def test_the_page_would_refuse_to_fetch(browse: Any) -> None:
    def with_image(text: str) -> str:
        return text.replace("<main>", '<main><img src="http://127.0.0.1:9/x.png" alt="">')

    seen = browse("return 0;", change=with_image)
    assert any("Content Security Policy" in line for line in seen.console), "the console is heard, the policy works"


CONTROLS = """
const found = {};
const table = document.querySelector("#rows-conditions");
const column = (place) => [...table.tBodies[0].rows].map((row) => row.cells[place].dataset.v);
const button = table.querySelectorAll("[data-sort]")[3];
button.click(); found.up = column(3).map(Number); found.sorted = button.parentElement.getAttribute("aria-sort");
button.click(); found.down = column(3).map(Number);
const input = document.querySelector("[data-filter=conditions]");
input.value = "noise severity=5"; input.dispatchEvent(new Event("input"));
found.shown = [...table.tBodies[0].rows].filter((row) => !row.hidden).length;
found.count = document.querySelector("[data-count=conditions]").textContent;
const point = document.querySelector("#figure-tradeoff .point[tabindex]");
point.focus(); const tip = document.querySelector("#tip");
found.tip = tip.hidden ? null : tip.textContent;
const box = tip.getBoundingClientRect(); found.inside = box.left >= 0 && box.right <= innerWidth;
document.dispatchEvent(new KeyboardEvent("keydown", { key: "Escape", bubbles: true })); found.escaped = tip.hidden;
const names = document.querySelectorAll("#figure-severity [data-only]");
names[0].click();
found.alone = [...document.querySelectorAll("#figure-severity [data-s]")].filter((each) =>
  getComputedStyle(each).opacity === "1").map((each) => each.dataset.s);
found.pressed = names[0].getAttribute("aria-pressed");
names[0].click(); found.released = names[0].getAttribute("aria-pressed");
dispatchEvent(new Event("beforeprint"));
found.open = [...document.querySelectorAll("details")].every((each) => each.open);
found.focusable = [...document.querySelectorAll("button, input, a")].every((each) => each.tabIndex === 0);
return found;
"""


def test_controls_work_with_pointer_and_keyboard(browse: Any) -> None:
    found = browse(CONTROLS, width=390).result
    assert isinstance(found, dict), found
    assert found["up"] == sorted(found["up"])
    assert found["down"] == sorted(found["up"], reverse=True)
    assert found["sorted"] == "ascending"
    assert found["shown"] == 2
    assert found["count"].startswith("2 of ")
    assert found["tip"].startswith("<script>alert(1)</script> · clean accuracy")
    assert found["inside"]
    assert found["escaped"]
    assert set(found["alone"]) == {"0"}
    assert (found["pressed"], found["released"]) == ("true", "false")
    assert found["open"]
    assert found["focusable"]


BROKEN = """
const broken = [];
const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walk.nextNode()) {
  const node = walk.currentNode;
  if (node.parentElement.closest("script, style, svg, #tip, td.lines, details")) continue;
  for (const word of node.data.matchAll(/[\\p{L}\\p{N}_.]+/gu)) {
    const range = document.createRange();
    range.setStart(node, word.index); range.setEnd(node, word.index + word[0].length);
    const boxes = [...range.getClientRects()].filter((each) => each.width > 0);
    if (new Set(boxes.map((each) => Math.round(each.top))).size > 1) broken.push(word[0]);
  }
}
return broken;
"""


@pytest.mark.parametrize("width", [390, 1280])
def test_no_word_is_broken_inside(browse: Any, width: int) -> None:
    assert browse(BROKEN, width=width).result == []


def test_the_check_for_broken_words_can_fail(browse: Any) -> None:
    def change(text: str) -> str:
        return text.replace("</style>", "td { overflow-wrap: anywhere; }</style>")

    assert browse(BROKEN, width=390, change=change).result


def test_the_main_table_needs_no_scrolling_on_a_desk(browse: Any) -> None:
    probe = """
    const box = document.querySelector("#table-results .scroll");
    return [box.scrollWidth - box.clientWidth, box.getBoundingClientRect().width / innerWidth];
    """
    beyond, share = browse(probe, width=1280).result
    assert beyond <= 0
    assert share > 0.9
