"""The numbers in the README are those of the committed report, and the report is of the committed checkpoints."""

from __future__ import annotations

import csv
import hashlib
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
GALLERY = ROOT / "reports" / "gallery"
README = (ROOT / "README.md").read_text("utf8")
CELL = re.compile(r"([\d.]+) \[([\d.]+), ([\d.]+)\]")


def rows(path: str) -> list[dict[str, str]]:
    with (GALLERY / path).open(newline="", encoding="utf8") as file:
        return list(csv.DictReader(file))


def per_cent(row: dict[str, str], column: str) -> list[float]:
    return [round(100 * float(row[key]), 1) for key in (column, f"{column} ci_low", f"{column} ci_high")]


def test_the_table_is_that_of_the_report() -> None:
    found = rows("tables/results.csv")
    attack = next(key for key in found[0] if key.startswith("attacks/pgd") and "ci_" not in key)
    assert len(found) == 4
    for row in found:
        line = re.search(rf"^\| {row['model']}(?: \(control\))? \|(.*)$", README, re.MULTILINE)
        assert line, row["model"]
        stated = [[float(number) for number in cell] for cell in CELL.findall(line[1])]
        assert stated == [per_cent(row, column) for column in ("clean", "mean over perturbations", attack)]


def test_the_sentences_about_sensitivity_are_those_of_the_figure() -> None:
    points = {row["series"]: row for row in rows("figures/sensitivity.csv") if row["kind"] == "point"}
    low, high = ([float(points[name][axis]) for name in ("FCL", "standard")] for axis in ("x", "y"))
    assert "({:.3f} against {:.3f})".format(*low) in README
    assert "({:.3f} against {:.3f})".format(*high) in README


def test_the_report_is_of_the_committed_checkpoints() -> None:
    page = (GALLERY / "index.html").read_text("utf8")
    checkpoints = sorted((ROOT / "plugins/robustkit_zoo/assets/checkpoints").glob("fashion-*.safetensors"))
    assert len(checkpoints) == 9
    for path in checkpoints:
        assert hashlib.sha256(path.read_bytes()).hexdigest()[:12] in page


PICTURE = re.compile(r"!\[[^\]]*\]\(([^)]+)\)")
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)]+)\)")


def test_the_pictures_of_the_readme_are_there() -> None:
    for target in PICTURE.findall(README):
        assert (ROOT / target).is_file(), target


def test_the_readme_links_to_no_page_that_a_code_host_shows_as_source() -> None:
    assert not [target for target in LINK.findall(README) if target.endswith(".html")]
    assert "reports/gallery/README.md" in LINK.findall(README)


def test_the_gallery_shows_every_figure_and_says_how_to_open_the_page() -> None:
    text = (GALLERY / "README.md").read_text("utf8")
    assert sorted(PICTURE.findall(text)) == sorted(
        f"figures/{path.name}" for path in (GALLERY / "figures").glob("*.png")
    )
    assert "python3 -m webbrowser reports/gallery/index.html" in text
    assert all((GALLERY / target).is_file() for target in LINK.findall(text))
