"""`robustkit report` and `robustkit plot` as users run them."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import robustkit as rk


@pytest.fixture(scope="session")
def finished(small: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of one model under a perturbation at two severities and an attack."""
    out = tmp_path_factory.mktemp("report") / "finished"
    config = {
        "model": [{"checkpoint": str(small.checkpoint), "model": small.model, "name": "net"}],
        "data": str(small.data),
        "perturbation": ["gaussian-noise:severity=[1,5]"],
        "attack": ["fgsm:eps=0.1"],
        "device": "cpu",
    }
    assert not rk.evaluate(config, out=out).failures
    return out


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> Path:
    """A copy that a test may spoil."""
    return Path(shutil.copytree(finished, tmp_path / "run"))


@pytest.fixture(scope="session")
def corrupted(small: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of one model under two corruptions at severities 1 to 5."""
    out = tmp_path_factory.mktemp("report") / "corrupted"
    config = {
        "model": [{"checkpoint": str(small.checkpoint), "model": small.model, "name": "net"}],
        "data": str(small.data),
        "perturbation": ["corruptions/contrast:severity=1..5", "corruptions/saturate:severity=1..5"],
        "device": "cpu",
    }
    assert not rk.evaluate(config, out=out).failures
    return out


def spoil(run: Path, **changes: Any) -> None:
    path = run / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_report_prints_the_page_and_writes_figures_and_tables(robustkit: Any, run: Path) -> None:
    result = robustkit("report", run)
    assert result.code == 0
    assert "robustkit: [1/4] reports/html: 1 file(s)" in result.err
    assert result.out.strip() == str(run / "report" / "index.html")
    found = {path.relative_to(run / "report").as_posix() for path in (run / "report").rglob("*") if path.is_file()}
    expected = {
        "index.html",
        "figures/tradeoff.pdf",
        "figures/severity.svg",
        "figures/tradeoff.csv",
        "tables/results.tex",
    }
    assert expected <= found
    assert not any(name.endswith(".partial") for name in found)


def test_reporters_take_parameters(robustkit: Any, run: Path) -> None:
    result = robustkit(
        "report", run, "-r", "figures:venue=neurips,formats=svg,figure=tradeoff", "-r", "markdown", "--json"
    )
    names = [Path(path).name for path in result.json["files"]]
    assert names == ["tradeoff.svg", "tradeoff.csv", "tradeoff.json", "tradeoff.txt", "report.md"]
    assert result.json["page"] is None
    omitted = {each["figure"] for each in result.json["omitted"]}
    assert omitted == {"robust-accuracy", "sensitivity", "cka", "layers", "probe"}


def test_a_report_can_be_written_again(robustkit: Any, run: Path) -> None:
    pages = []
    for _ in range(2):
        assert robustkit("report", run, "-r", "html").code == 0
        pages.append((run / "report" / "index.html").read_bytes())
    assert pages[0] == pages[1]


def test_several_runs_are_merged_and_told_apart(robustkit: Any, run: Path, tmp_path: Path) -> None:
    other = Path(shutil.copytree(run, tmp_path / "other"))
    models = json.loads((other / "manifest.json").read_text())["models"]
    models["net"]["identity"]["weights"] = "others"
    spoil(other, models=models)
    robustkit("report", run, other).assert_error(2, "several runs", "-o DIR")
    result = robustkit("report", run, other, "-o", "both", "-r", "csv")
    assert result.code == 0
    assert "2 runs are merged: run, other" in result.err
    table = (tmp_path / "both" / "tables" / "results.csv").read_text()
    assert "net (run)" in table
    assert "net (other)" in table


def test_the_same_model_in_two_runs_is_one(robustkit: Any, run: Path, tmp_path: Path) -> None:
    other = shutil.copytree(run, tmp_path / "other")
    result = robustkit("report", run, other, "-o", "both", "-r", "csv")
    assert "net is the same model in runs run, other" in result.err
    assert (tmp_path / "both" / "tables" / "results.csv").read_text().splitlines()[1].startswith("net,")


def test_failed_cells_are_on_the_page_and_on_stderr(robustkit: Any, run: Path) -> None:
    failure = {"model": "net", "condition": "clean", "seed": 0, "error": "the machine caught fire"}
    spoil(run, failures=[failure], status="finished with failures")
    result = robustkit("report", run, "-r", "html")
    assert result.code == 0
    assert "1 failure(s)" in result.err
    assert "the machine caught fire" in (run / "report" / "index.html").read_text()


def test_an_interrupted_run_is_reported_with_a_note(robustkit: Any, run: Path) -> None:
    spoil(run, status="interrupted", finished=None)
    (run / "results.json").unlink()
    result = robustkit("report", run, "-r", "csv")
    assert result.code == 0
    assert "did not finish" in result.err


def test_bad_input_is_one_line_with_a_hint(robustkit: Any, run: Path, tmp_path: Path) -> None:
    robustkit("report", tmp_path).assert_error(2, "is not a run folder")
    robustkit("report", str(run) + "n").assert_error(2, "did you mean")
    robustkit("report", run, "-r", "htlm").assert_error(2, "did you mean 'html'")
    robustkit("report", run, "-r", "figures:venue=icmll").assert_error(2, "did you mean 'icml'")
    robustkit("report", run, "-o", run / "manifest.json").assert_error(2, "is a file")
    (run / "results.json").write_text('[{"model": "x"}]')
    robustkit("report", run).assert_error(2, "not as robustkit writes them")
    (run / "results.json").write_text("{")
    robustkit("report", run).assert_error(2, "cannot be read")


def test_a_reporter_that_fails_is_named(robustkit: Any, run: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.py").write_text(
        "import robustkit\n"
        "def write(params):\n    def go(report, folder):\n        print('chatter')\n        1 / 0\n    return go\n"
        "@robustkit.hookimpl\ndef robustkit_reporters():\n"
        "    return [robustkit.Reporter(name='bad', summary='fails', target=write)]\n"
    )
    result = robustkit("report", run, "--include", "bad.py", "-r", "bad")
    result.assert_error(3, "reporter 'bad/bad' failed: ZeroDivisionError")
    assert result.out == ""


def test_plot_prints_the_files_of_one_figure(robustkit: Any, run: Path) -> None:
    result = robustkit("plot", run, "--figure", "tradeoff", "--column", "half", "--format", "pdf,png", "-o", "figs")
    assert [Path(line).name for line in result.out.splitlines()] == [
        f"tradeoff.{form}" for form in ("pdf", "png", "csv", "json", "txt")
    ]
    assert result.code == 0


def test_plot_says_what_it_cannot_draw(robustkit: Any, run: Path) -> None:
    robustkit("plot", run, "--figure", "cka").assert_error(2, "nothing to draw for 'cka'", "-m linear-cka")
    robustkit("plot", run, "--figure", "tradeof").assert_error(2, "did you mean 'tradeoff'")
    robustkit("plot", run, "--figure", "severity", "--format", "gif").assert_error(2, "'pdf', 'svg' or 'png'")
    robustkit("plot", run, "--figure", "severity", "--width", "3pt").assert_error(2, "1.5 to 20 inches")


def test_errors_are_json_where_json_is_asked_for(robustkit: Any, tmp_path: Path) -> None:
    result = robustkit("report", tmp_path, "--json")
    assert result.code == 2
    assert result.json["error"]["code"] == 2


def test_a_report_needs_no_torch(run: Path) -> None:
    program = (
        "import sys; from robustkit.cli.main import run\n"
        f"try: run(['report', {str(run)!r}, '-r', 'html'])\n"
        "except SystemExit as stop: assert stop.code == 0\n"
        "print([name for name in ('torch', 'scipy.stats', 'matplotlib.pyplot') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
    assert done.stdout.splitlines()[-1] == "[]", done.stderr


@pytest.mark.parametrize("name", ["report", "plot"])
def test_help_is_there(robustkit: Any, name: str) -> None:
    assert f"robustkit {name}" in robustkit(name, "--help").out


def test_what_a_foreign_run_says_steers_no_terminal_and_breaks_no_page(robustkit: Any, run: Path) -> None:
    bad = "\x1b[31mred"
    run = run.rename(run.with_name(f"run{bad}"))
    notes = [{"model": "net", "condition": "clean", "metric": bad, "note": bad}]
    spoil(run, status=f"interrupted {bad}", notes=notes, failures=[{**notes[0], "seed": 0, "error": bad}])
    for command in (("report", "-r", "html", "-r", "figures:formats=svg"), ("show",)):
        result = robustkit(command[0], run, *command[1:])
        assert result.code == 0, result.err
        assert "red" in result.err + result.out
        # stdout of `report` is the path as it is, for scripts.
        assert "\x1b" not in (result.err if command[0] == "report" else result.err + result.out)
    written = [path for path in (run / "report").rglob("*") if path.suffix in (".html", ".svg")]
    assert len(written) == 3
    assert not [path for path in written if "\x1b" in path.read_text("utf8")]


def test_a_training_folder_is_told_from_an_evaluation(robustkit: Any, tmp_path: Path) -> None:
    (tmp_path / "fcl").mkdir()
    (tmp_path / "fcl" / "manifest.json").write_text(json.dumps({"schema": 1, "kind": "training", "status": "finished"}))
    for command in (("report",), ("plot", "--figure", "tradeoff")):
        result = robustkit(command[0], "fcl", *command[1:])
        result.assert_error(2, "fcl was made by 'robustkit train'", "robustkit eval fcl/model.safetensors --data")


def test_a_run_that_is_named_twice_counts_once(robustkit: Any, run: Path) -> None:
    run.with_name("link").symlink_to(run)
    result = robustkit("report", run, f"{run}/", run.with_name("link"), "-r", "csv")
    assert result.code == 0, result.err
    assert "reading 1 run(s)" in result.err
    assert "merged" not in result.err
    assert result.out.strip() == str(run / "report")


@pytest.mark.parametrize("formats", [",", " ", ""])
def test_plot_without_any_format_is_refused(robustkit: Any, run: Path, formats: str) -> None:
    result = robustkit("plot", run, "--figure", "severity", "--format", formats)
    result.assert_error(2, "--format", "pdf, svg, png")


REPORTER = """
import os, robustkit
from pathlib import Path

def write(params):
    def go(report, folder):
        {body}
    return go

@robustkit.hookimpl
def robustkit_reporters():
    return [robustkit.Reporter(name="odd", summary="odd", target=write)]
"""


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("return str(folder)", "returned str, not a list of the files"),
        ("return None", "returned NoneType"),
        ("return [folder / 'absent.md']", "absent.md, which is not there"),
        ("return [3]", "returned a list with int"),
        ("p = folder.parent / 'beside.md'; p.write_text('x'); return [p]", "outside"),
        ("return {}['x']", "KeyError"),
        ("raise SystemExit(0)", "SystemExit"),
    ],
)
def test_a_reporter_that_breaks_its_contract_is_refused(
    robustkit: Any, run: Path, tmp_path: Path, body: str, said: str
) -> None:
    (tmp_path / "odd.py").write_text(REPORTER.format(body=body))
    result = robustkit("report", run, "--include", "odd.py", "-r", "odd")
    result.assert_error(3, "reporter 'odd/odd'", said)


def test_a_reporter_cannot_spoil_what_comes_after_it(robustkit: Any, run: Path, tmp_path: Path) -> None:
    spoils = "object.__setattr__(report.studies[0], 'dataset', 'spoilt'); os.chdir('/'); return []"
    (tmp_path / "odd.py").write_text(REPORTER.format(body=spoils))
    shutil.copytree(run, tmp_path / "relative")
    result = robustkit("report", "relative", "--include", "odd.py", "-r", "odd", "-r", "markdown", "--json")
    assert result.code == 0, result.err
    assert result.json["files"] == ["relative/report/report.md"]
    assert "spoilt" not in (tmp_path / "relative" / "report" / "report.md").read_text()
    assert "spoilt" not in result.out


def test_plot_leaves_the_report_and_plots_of_other_widths_as_they_are(robustkit: Any, run: Path) -> None:
    assert robustkit("report", run, "-r", "figures:formats=pdf").code == 0
    drawn = run / "report" / "figures" / "severity.pdf"
    before = drawn.read_bytes()
    folders = []
    for look in (["--column", "half"], ["--venue", "NeurIPS"], ["--width", "8.5 cm"], ["--width", "8.5cm", "-o", "x"]):
        result = robustkit("plot", run, "--figure", "severity", *look)
        assert result.code == 0, result.err
        folders.append(str(Path(result.out.splitlines()[0]).parent))
    assert drawn.read_bytes() == before
    places = [run / "plots" / name for name in ("icml-half", "neurips-full", "8.5cm")]
    assert folders == [*(f"{place}/figures" for place in places), "x/figures"]


def test_corruption_errors_are_tables_of_a_report(robustkit: Any, corrupted: Path, tmp_path: Path) -> None:
    result = robustkit("report", corrupted, "-o", "plain", "-r", "html", "-r", "csv", "-r", "latex")
    assert result.code == 0, result.err
    text = (tmp_path / "plain" / "tables" / "corruption-error.csv").read_text()
    assert text.splitlines()[0].startswith("model,error on clean images,")
    assert "mean corruption error (1 of 15)" in text
    assert "saturate" in (tmp_path / "plain" / "tables" / "corruptions.csv").read_text()
    assert "no mCE" in (tmp_path / "plain" / "tables" / "corruption-error.tex").read_text()
    assert (
        "Mean corruption error" in (tmp_path / "plain" / "index.html").read_text()
        or "mean corruption error" in (tmp_path / "plain" / "index.html").read_text()
    )


@pytest.mark.parametrize("baseline", ["alexnet-imagenet-c", "corruptions/alexnet-imagenet-c"])
def test_a_report_divides_by_a_registered_baseline(
    robustkit: Any, corrupted: Path, tmp_path: Path, baseline: str
) -> None:
    result = robustkit("report", corrupted, "-o", "d", "-r", "csv", "-r", "latex", "--baseline", baseline)
    assert result.code == 0, result.err
    assert "mean CE (1 of 15), baseline AlexNet" in (tmp_path / "d" / "tables" / "corruption-error.csv").read_text()
    assert "not ImageNet-C's mCE" in (tmp_path / "d" / "tables" / "corruption-error.tex").read_text()


def test_a_report_divides_by_a_model_of_a_run(robustkit: Any, corrupted: Path, tmp_path: Path) -> None:
    for number, baseline in enumerate((corrupted, corrupted / "net")):
        result = robustkit("report", corrupted, "-o", f"d{number}", "-r", "csv", "--baseline", baseline)
        assert result.code == 0, result.err
        text = (tmp_path / f"d{number}" / "tables" / "corruptions.csv").read_text()
        assert ",1.0,1.0,1.0," in text


def test_a_baseline_that_is_none_is_an_error(robustkit: Any, corrupted: Path, run: Path, tmp_path: Path) -> None:
    (tmp_path / "t.toml").write_text("errors = 3")
    robustkit("report", corrupted, "--baseline", "t.toml").assert_error(2, "expected a table 'errors'")
    robustkit("report", corrupted, "--baseline", "alexnet-imagenet").assert_error(2, "--baseline", "alexnet-imagenet-c")
    robustkit("report", corrupted, "--baseline", f"{corrupted}:nat").assert_error(2, "no model 'nat'", "net")
    robustkit("report", corrupted, "--baseline", "").assert_error(2, "--baseline: ''", "RUN/MODEL")
    robustkit("report", corrupted, "--baseline", corrupted / "nat").assert_error(2, "no model 'nat'", "net")
    robustkit("report", run, "--baseline", "alexnet-imagenet-c").assert_error(2, "nothing to divide", "severity=1..5")


def test_baselines_are_listed_and_described(robustkit: Any) -> None:
    assert "corruptions/alexnet-imagenet-c" in robustkit("list", "baselines").out
    assert "robustkit report RUN --baseline alexnet-imagenet-c" in robustkit("describe", "alexnet-imagenet-c").out


def test_a_report_judges_models_by_baselines(robustkit: Any, run: Path, tmp_path: Path) -> None:
    rows = [f"m{place},{0.02 + place / 10},{0.01 + place / 11}" for place in range(10)]
    (tmp_path / "b.csv").write_text("\n".join(["model,clean,mean", *rows]) + "\n")
    result = robustkit("report", run, "-o", "d", "-r", "csv", "--effective-robustness", "b.csv")
    assert result.code == 0, result.err
    header, line = (tmp_path / "d" / "tables" / "effective-robustness.csv").read_text().splitlines()
    assert header.startswith("model,shift,clean,")
    assert line.startswith("net,")
    assert {"curves.csv", "flips.csv"} <= {path.name for path in (tmp_path / "d" / "tables").iterdir()}


def test_baselines_that_give_no_line_are_an_error(robustkit: Any, run: Path, tmp_path: Path) -> None:
    (tmp_path / "b.csv").write_text("model,clean,maen\na,0.5,0.4\n")
    judge = ("report", run, "--effective-robustness")
    robustkit(*judge, "b.csv").assert_error(2, "no baseline has a shift that was measured here", "did you mean 'mean'?")
    robustkit(*judge, "none.csv").assert_error(2, "none.csv cannot be read")
    robustkit(*judge, run).assert_error(2, "needs 8 baseline models, got 1", "--fewest-baselines")
    robustkit(*judge, run, "--fewest-baselines", "2").assert_error(2, "--fewest-baselines")
