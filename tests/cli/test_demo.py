"""What `robustkit demo` ends with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from robustkit import Finding, Report, Study, TableSpec


def report(*verdict: Finding) -> Report:
    study = Study(id="", dataset="toy", samples=1000, verdict=verdict, figures=(), omitted=(), tables=())
    failures = TableSpec(id="failures", title="Failures", caption="", columns=(), rows=())
    return Report(title="toy", runs=("demo",), studies=(study,), failures=failures)


def test_it_ends_with_the_verdict_and_the_paths_the_page_first() -> None:
    from robustkit.cli.demo import closing

    verdict = (
        Finding(about="clean", text=f"a leads {'a long way ' * 20}"),
        Finding(about="caution", text="An upper bound.", kind="caution"),
    )
    folder = Path("out")
    written = [folder / "report" / name for name in ("figures/a.pdf", "figures/a.csv", "index.html", "tables/r.tex")]
    text = closing(report(*verdict), folder, [folder / "results.csv"], written)
    lines = text.splitlines()
    assert lines[0] == "Verdict on toy, 1,000 samples"
    assert lines[1].startswith("  clean: a leads")
    assert max(map(len, lines)) <= 100
    assert "An upper bound." in text
    paths = [line.strip() for line in lines if line.startswith("  out")]
    assert paths == [
        str(folder / name) for name in ("report/index.html", "report/figures", "report/tables", "results.csv")
    ]
    assert lines[-1] == "Every number: robustkit show out"


def test_the_text_demo_prints_no_table(robustkit: Any, tmp_path: Path) -> None:
    result = robustkit("demo", "--text", "-o", "out")
    assert result.code == 0, result.err
    assert "Verdict on" in result.out
    assert len(result.out.splitlines()) < 40
    paths = [tmp_path / line.strip() for line in result.out.splitlines() if line.startswith("  out")]
    assert paths[0].name == "index.html"
    assert all(path.exists() for path in paths)
