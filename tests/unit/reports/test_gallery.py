"""Pictures in rows and columns."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from robustkit import ConfigError
from robustkit_reports import gallery
from robustkit_reports.gallery import PictureRow, render_pictures


def picture(seed: int, height: int = 8, width: int = 10) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def opened(content: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))


def test_every_pixel_is_a_block_of_one_colour() -> None:
    rows = [
        PictureRow(label="a", pictures=(picture(0), picture(1))),
        PictureRow(label="b", pictures=(picture(2), None)),
    ]
    found = opened(render_pictures("title", ["one", "two"], rows, "png"))
    # 10 pixels are enlarged 13 times to 130 dots, 8 to 104; above are one line and the heading.
    top, left, factor = 12 + 18 + 22, 150, 13
    for row, column, seed in ((0, 0, 0), (0, 1, 1), (1, 0, 2)):
        upper, start = top + row * (104 + 6), left + column * (130 + 6)
        shown = found[upper : upper + 104, start : start + 130]
        np.testing.assert_array_equal(shown, picture(seed).repeat(factor, axis=0).repeat(factor, axis=1))
    empty = found[top + 110 : top + 110 + 104, left + 136 : left + 136 + 130]
    assert (empty == 255).all()


def test_titles_and_labels_are_drawn_beside_the_pictures() -> None:
    def ink(title: str, column: str, label: str) -> tuple[int, int, int]:
        content = render_pictures(title, [column], [PictureRow(label=label, pictures=(picture(0),))], "png")
        dark = (opened(content) < 200).any(axis=2)
        return int(dark[:30].sum()), int(dark[30:52, 150:].sum()), int(dark[52:, :145].sum())

    assert all(count > 0 for count in ink("title", "column", "label"))
    assert ink("", "", "") == (0, 0, 0)


@pytest.mark.parametrize(("form", "start"), [("png", b"\x89PNG"), ("pdf", b"%PDF"), ("svg", b"<?xml")])
def test_equal_pictures_give_equal_files(form: str, start: bytes) -> None:
    rows = [PictureRow(label="a", pictures=(picture(0),))]
    first, second = (render_pictures("t", ["c"], rows, form) for _ in range(2))
    assert first == second
    assert first.startswith(start)


def test_large_pictures_are_not_enlarged_and_long_titles_are_broken() -> None:
    rows = [PictureRow(label="a", pictures=(picture(0, 224, 224),))]
    found = opened(render_pictures("word " * 60, ["c"], rows, "png"))
    assert found.shape[1] == 150 + 224 + 6 + 12
    assert found.shape[0] > 12 + 4 * 18 + 22 + 224


def test_what_no_figure_can_hold_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gallery, "LONGEST", 300)
    with pytest.raises(ConfigError, match="and can have 300 on a side"):
        render_pictures("t", ["c"], [PictureRow(label="a", pictures=(picture(0),))] * 3, "png")
