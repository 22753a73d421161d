"""Corruption error, relative corruption error, mCE: the numbers, and what they may be called."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from robustkit.analysis.corruption.baseline import TableBaseline, open_run_baseline, read_baseline
from robustkit.analysis.corruption.error import corruption_error, relative_corruption_error
from robustkit.analysis.report.load import load_report
from robustkit.analysis.specs import TableSpec
from robustkit.errors import ConfigError, DataError

# By hand; the model's and the reference's errors under two corruptions at three severities.
MODEL, CLEAN = np.array([[0.2, 0.3, 0.5], [0.3, 0.5, 0.6]]), 0.1
REFERENCE, REFERENCE_CLEAN = np.array([[0.3, 0.5, 0.7], [0.4, 0.6, 0.8]]), 0.2


def test_ce_is_a_ratio_of_sums() -> None:
    # (.2 + .3 + .5) / (.3 + .5 + .7) = 1 / 1.5; (.3 + .5 + .6) / (.4 + .6 + .8) = 1.4 / 1.8
    ce = corruption_error(MODEL, REFERENCE)
    np.testing.assert_allclose(ce, [1 / 1.5, 1.4 / 1.8])
    assert ce.mean() == pytest.approx(0.722222, abs=1e-6)


def test_the_mean_of_ratios_is_another_number() -> None:
    wrong = (MODEL / REFERENCE).mean(axis=1)
    assert wrong.mean() == pytest.approx(0.719048, abs=1e-6)
    assert not np.allclose(corruption_error(MODEL, REFERENCE), wrong, atol=1e-3)


def test_relative_ce_subtracts_the_clean_error_from_both() -> None:
    # Sums of 1.0 and 1.4 over sums of 1.5 and 1.8; three times the clean errors are .3 and .6.
    relative = relative_corruption_error(MODEL, CLEAN, REFERENCE, REFERENCE_CLEAN)
    np.testing.assert_allclose(relative, [0.7 / 0.9, 1.1 / 1.2])
    assert relative.mean() == pytest.approx(0.847222, abs=1e-6)


def test_what_cannot_be_divided_is_undefined() -> None:
    assert np.isnan(corruption_error([0.1, 0.2], [0.0, 0.0]))
    assert np.isnan(relative_corruption_error([0.1, 0.2], 0.1, [0.2, 0.2], 0.2))
    assert np.isnan(relative_corruption_error([0.1, 0.2], 0.1, [0.1, 0.2], 0.2))


def wrong(count: int, n: int = 20) -> list[int]:
    """Return n samples of which the first `count` are wrong."""
    return [0] * count + [1] * (n - count)


def conditions(
    plugin: str, errors: Mapping[str, Sequence[int]], params: str = "mode=reference,profile=imagenet"
) -> dict[str, list[int]]:
    return {
        f"{plugin}/{name}:{params},severity={severity}": wrong(count)
        for name, counts in errors.items()
        for severity, count in enumerate(counts, start=1)
    }


COMMON = (
    *("gaussian-noise", "shot-noise", "impulse-noise", "defocus-blur", "glass-blur", "motion-blur", "zoom-blur"),
    *("snow", "frost", "fog", "brightness", "contrast", "elastic-transform", "pixelate", "jpeg-compression"),
)
EXTRA = ("spatter",)


@pytest.fixture
def make(make_run: Any) -> Any:
    """Return a function that writes a run with tags, parameters, view and classes as an evaluation has them."""

    def write(correct: Mapping[str, Any], *, source: str = "generated", written: str = "", **changes: Any) -> Path:
        dataset = changes.pop("dataset", {})
        run = make_run(correct, **changes)
        path = run / "manifest.json"
        manifest = json.loads(path.read_text())
        manifest["datasets"]["toy"] |= dataset
        for text, facts in manifest["conditions"].items():
            name, _, rest = text.partition(":")
            bare = name.rpartition("/")[2]
            facts["tags"] = ["common"] if bare in COMMON else ["extra"] if bare in EXTRA else []
            facts["params"] = dict(
                item.replace("-", "_", 1).split("=") if item.startswith("storage-") else item.split("=")
                for item in rest.split(",")
                if "=" in item and "severity" not in item
            )
            if source == "stored" and "severity" in rest:
                facts.update(params={}, source=source, written_as=written and f"{name}:{written},severity=1")
        path.write_text(json.dumps(manifest))
        results = run / "results.json"
        rows = [
            row | {"source": "stored" if row["condition"] == "clean" else source}
            for row in json.loads(results.read_text())
        ]
        results.write_text(json.dumps(rows))
        return run

    return write


IMAGENET = {
    "view": {"channels": 3, "height": 224, "width": 224},
    "classes": [f"n{number:08d}" for number in range(1000)],
}
FOG = TableBaseline(name="old net", source="by hand", clean=0.2, errors={"corruptions/fog": (0.4, 0.5, 0.6, 0.7, 0.8)})
ALEXNET = TableBaseline(
    name="AlexNet",
    source="the paper",
    clean=0.4,
    benchmark="imagenet-c",
    errors={f"corruptions/{name}": (0.5, 0.5, 0.6, 0.7, 0.7) for name in COMMON},
)


def tables(run: Path, baseline: Any = None, *others: Path) -> dict[str, TableSpec]:
    (study,) = load_report(run, *others, baseline=baseline).studies
    return {table.id: table for table in study.tables}


def line(table: TableSpec, *names: str) -> dict[str, float | None]:
    (row,) = [row for row in table.rows if all(name in {cell.text for cell in row} for name in names)]
    return {column.title: cell.value for column, cell in zip(table.columns, row, strict=True) if column.form != "text"}


def every(run_errors: Sequence[int], names: Sequence[str] = COMMON, **more: Any) -> dict[str, list[int]]:
    return {"clean": wrong(2), **conditions("corruptions", dict.fromkeys(names, run_errors), **more)}


def test_without_a_baseline_errors_are_averaged_and_called_so(make: Any) -> None:
    errors = {"fog": (4, 6, 8, 10, 12), "snow": (2, 2, 2, 2, 2), "spatter": (20, 20, 20, 20, 20)}
    found = tables(make({"m": {"clean": wrong(2), **conditions("corruptions", errors)}}))
    by_model = found["corruption-error"]
    assert "mean corruption error (2 of 15)" in by_model.title
    shown = line(by_model, "m")
    # fog: (.2 + .3 + .4 + .5 + .6) / 5 = .4; snow .1; their mean .25; spatter is an extra one.
    assert shown["clean error"] == pytest.approx(0.1)
    assert shown["mean corruption error (2 of 15)"] == pytest.approx(0.25)
    assert shown["fog"] == pytest.approx(0.4)
    assert "spatter" not in shown
    assert line(found["corruptions"], "m", "extra", "spatter") == {"error": pytest.approx(1.0)}
    assert "no mCE" in by_model.caption
    assert "mCE" not in by_model.title


def test_a_table_divides_sums_by_sums(make: Any) -> None:
    run = make({"m": {"clean": wrong(2), **conditions("corruptions", {"fog": (4, 6, 8, 10, 12)})}})
    shown = line(tables(run, FOG)["corruptions"], "m", "common", "fog")
    # 2.0 / 3.0; (2.0 - .5) / (3.0 - 1.0). The mean of the ratios would be .6543.
    assert shown["CE"] == pytest.approx(2 / 3)
    assert shown["relative CE"] == pytest.approx(1.5 / 2)


def test_ces_of_a_model_alone_have_bootstrap_intervals_that_hold_them(make: Any) -> None:
    run = make({"m": {"clean": wrong(2), **conditions("corruptions", {"fog": (4, 6, 8, 10, 12)})}})
    table = tables(run, FOG)["corruptions"]
    (cell,) = [row[4] for row in table.rows if row[2].text == "fog"]
    assert cell.low is not None
    assert cell.high is not None
    assert cell.low < cell.value < cell.high
    # The first four samples are wrong throughout: the share of wrong answers has a standard error of about 0.09.
    assert 0.2 < cell.high - cell.low < 1.0
    assert "taken as exact" in table.caption


def test_a_model_of_a_run_is_its_own_measure(make: Any) -> None:
    errors = {"fog": (4, 6, 8, 10, 12)}
    run = make(
        {
            "m": {"clean": wrong(2), **conditions("corruptions", errors)},
            "base": {"clean": wrong(4), **conditions("corruptions", {"fog": (8, 10, 12, 14, 16)})},
        }
    )
    baseline = open_run_baseline(str(run / "base"))
    assert baseline is not None
    table = tables(run, baseline)["corruptions"]
    assert line(table, "m", "fog") == {
        "error": pytest.approx(0.4),
        "CE": pytest.approx(2 / 3),
        "relative CE": pytest.approx(1.5 / 2),
    }
    (own,) = [row[4] for row in table.rows if row[0].text == "base" and row[2].text == "fog"]
    # Resampled together, a model over itself is 1 in every resample.
    assert (own.value, own.low, own.high) == (1.0, 1.0, 1.0)


def test_groups_have_intervals_over_their_training_seeds(make: Any) -> None:
    facts = {f"s{seed}": {"group": "g", "training_seed": seed} for seed in range(2)}
    correct = {
        name: {"clean": wrong(2), **conditions("corruptions", {"fog": (count,) * 5})}
        for name, count in (("s0", 8), ("s1", 12))
    }
    table = tables(make(correct, facts=facts), FOG)["corruptions"]
    (cell,) = [row[4] for row in table.rows if row[2].text == "fog"]
    # CE .4 / .6 and .6 / .6.
    assert cell.value == pytest.approx((2 / 3 + 1) / 2)
    assert "Student's t over training seeds" in table.caption
    # t(1) = 12.706 times 1/6, cut off at 0.
    assert (cell.low, cell.high) == (0.0, pytest.approx(5 / 6 + 12.7062 / 6, abs=1e-4))


def test_severities_must_be_complete(make: Any) -> None:
    errors = {"fog": (4, 6, 8, 10, 12), "snow": (2, 2, 2)}
    table = tables(make({"m": {"clean": wrong(2), **conditions("corruptions", errors)}}))["corruption-error"]
    assert "snow" not in [column.title for column in table.columns]
    assert any("snow" in note for note in table.notes)


def test_no_table_without_a_complete_corruption(make: Any) -> None:
    run = make({"m": {"clean": wrong(2), **conditions("corruptions", {"snow": (2, 2, 2), "spatter": (1, 1, 1, 1, 1)})}})
    assert "corruption-error" not in tables(run)
    with pytest.raises(ConfigError, match="nothing to divide"):
        load_report(run, baseline=FOG)


def test_mce_is_named_where_the_run_is_imagenet_c(make: Any) -> None:
    run = make({"m": every((6, 6, 6, 6, 6))}, dataset=IMAGENET, source="stored")
    table = tables(run, ALEXNET)["corruption-error"]
    shown = line(table, "m")
    # An error of .3 over one of .6, and .2 beyond the clean error over .2 beyond it.
    assert shown["mCE"] == pytest.approx(0.5)
    assert shown["relative mCE"] == pytest.approx(1.0)
    assert "not ImageNet-C's mCE" not in table.caption
    assert "20 of ImageNet-C's 50,000 images" in table.caption


def test_generated_images_are_told_from_stored_ones(make: Any) -> None:
    table = tables(make({"m": every((6, 6, 6, 6, 6))}, dataset=IMAGENET), ALEXNET)["corruption-error"]
    assert table.title == "Corruption errors: mCE (generated images)"
    assert "Published mCE are on the stored files" in table.caption


def test_stored_files_that_robustkit_wrote_are_no_published_ones(make: Any) -> None:
    written = "mode=reference,profile=imagenet,storage-jpeg=85"
    correct = every((6, 6, 6, 6, 6), params="source=stored")
    table = tables(make({"m": correct}, dataset=IMAGENET, source="stored", written=written), ALEXNET)[
        "corruption-error"
    ]
    assert table.title == "Corruption errors: mCE (generated images)"
    assert (
        "stored files that robustkit wrote (profile imagenet, mode reference), as JPEG of quality 85" in table.caption
    )
    assert "Published mCE are on the stored files" in table.caption
    other = make({"m": correct}, dataset=IMAGENET, source="stored", written="mode=fixed,profile=cifar", name="other")
    table = tables(other, ALEXNET)["corruption-error"]
    assert "mCE-style" in table.title
    assert "profile 'cifar'; the mode is 'fixed'" in table.caption


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"names": COMMON[:-1]}, "14 of its 15 corruptions"),
        ({"params": "mode=reference,profile=cifar"}, "profile 'cifar'"),
        ({"params": "mode=fixed,profile=imagenet"}, "mode is 'fixed'"),
        ({"params": "mode=reference,profile=imagenet,storage-jpeg=10"}, "JPEG files of quality 10, not 85"),
        ({"view": {"channels": 3, "height": 32, "width": 32}}, "3x32x32, not 3x224x224"),
        ({"view": None}, "not 3x224x224"),
        ({"classes": [str(number) for number in range(1000)]}, "WordNet"),
        ({"classes": [f"n{number:08d}" for number in range(200)]}, "WordNet"),
        ({"baseline": FOG}, "baseline old net is not the one"),
    ],
)
def test_mce_is_refused_elsewhere(make: Any, changes: dict[str, Any], reason: str) -> None:
    dataset = {key: changes.get(key, value) for key, value in IMAGENET.items()}
    correct = every((6, 6, 6, 6, 6), **{key: changes[key] for key in ("names", "params") if key in changes})
    baseline = changes.get("baseline", ALEXNET)
    table = tables(make({"m": correct}, dataset=dataset), baseline)["corruption-error"]
    titles = [column.title for column in table.columns]
    assert not {"mCE", "mCE (generated images)"} & set(titles)
    assert titles[2].endswith(f", baseline {baseline.name}")
    assert reason in table.caption
    assert "not ImageNet-C's mCE" in table.caption


def test_a_mean_with_a_term_that_is_undefined_is_undefined(make: Any) -> None:
    run = make({"m": every((6, 6, 6, 6, 6), names=("fog", "snow"))})
    shown = line(tables(run, FOG)["corruption-error"], "m")
    assert shown["fog"] == pytest.approx(0.5)
    assert shown["snow"] is None
    assert shown["mean CE (2 of 15), baseline old net"] is None
    assert any("no errors under snow" in note for note in tables(run, FOG)["corruption-error"].notes)


def test_relative_ce_needs_the_baselines_clean_error(make: Any) -> None:
    unknown = TableBaseline(name="b", source="s", errors=FOG.errors)
    table = tables(make({"m": every((6, 6, 6, 6, 6), names=("fog",))}), unknown)["corruption-error"]
    assert [row[3].value for row in table.rows] == [None]
    assert any("Relative CE is undefined under fog" in note for note in table.notes)


def test_profiles_are_not_mixed(make: Any) -> None:
    fog = {"fog": (4, 6, 8, 10, 12)}
    correct = {
        "clean": wrong(2),
        **conditions("corruptions", fog),
        **conditions("corruptions", {"fog": (2, 2, 2, 2, 2)}, "mode=reference,profile=cifar"),
    }
    found = tables(make({"m": correct}))
    assert line(found["corruption-error"], "m")["fog"] == pytest.approx(0.4)
    assert line(found["corruption-error-2"], "m")["fog"] == pytest.approx(0.1)
    assert "profile cifar" in found["corruption-error-2"].caption


def test_images_as_jpeg_files_hold_them_are_not_mixed_with_others(make: Any) -> None:
    plain, stored = (f"mode=reference,profile=imagenet,storage-jpeg={quality}" for quality in (0, 85))
    correct = {
        **every((4, 4, 4, 4, 4), params=plain),
        **conditions("corruptions", dict.fromkeys(COMMON, (6, 6, 6, 6, 6)), stored),
    }
    found = tables(make({"m": correct}, dataset=IMAGENET), ALEXNET)
    assert line(found["corruption-error"], "m")["mCE (generated images)"] == pytest.approx(2 / 6)
    assert line(found["corruption-error-2"], "m")["mCE (generated images)"] == pytest.approx(0.5)
    assert "JPEG of quality 85" in found["corruption-error-2"].caption
    assert "JPEG of quality" not in found["corruption-error"].caption
    assert not any("Without all severities" in note for note in found["corruption-error"].notes)


def test_a_mean_over_plain_images_and_jpeg_files_is_no_mce(make: Any) -> None:
    plain, stored = (f"mode=reference,profile=imagenet,storage-jpeg={quality}" for quality in (0, 85))
    correct = {
        **every((4, 4, 4, 4, 4), names=COMMON[:-1], params=plain),
        **conditions("corruptions", {COMMON[-1]: (4, 4, 4, 4, 4)}, stored),
    }
    found = tables(make({"m": correct}, dataset=IMAGENET), ALEXNET)
    assert "14 of its 15 corruptions" in found["corruption-error"].caption
    assert not [table.title for table in found.values() if "mCE (generated" in table.title]


def test_a_baseline_on_other_samples_is_refused(make: Any) -> None:
    run = make({"m": every((6, 6, 6, 6, 6), names=("fog",))})
    other = make({"m": every((6, 6, 6, 6, 6), names=("fog",))}, name="other", identity={"samples": "few"})
    baseline = open_run_baseline(str(other))
    with pytest.raises(ConfigError, match="other data or samples"):
        load_report(run, baseline=baseline)


def test_a_baseline_of_a_run_must_be_one_model(make: Any) -> None:
    run = make({"a": every((6, 6, 6, 6, 6), names=("fog",)), "b": every((6, 6, 6, 6, 6), names=("fog",))})
    with pytest.raises(ConfigError, match="has 2 models"):
        open_run_baseline(str(run))
    with pytest.raises(ConfigError, match="has no model 'c'"):
        open_run_baseline(str(run / "c"))
    assert open_run_baseline(str(run.parent / "nothing")) is None


TABLE = 'name = "n"\nsource = "s"\nclean = 0.4\n[errors]\n"corruptions/fog" = [0.1, 0.2, 0.3, 0.4, 0.5]\n'


def test_a_table_is_read(tmp_path: Path) -> None:
    path = tmp_path / "t.toml"
    path.write_text(TABLE)
    found = read_baseline(path)
    assert found == TableBaseline(
        name="n", source="s", clean=0.4, errors={"corruptions/fog": (0.1, 0.2, 0.3, 0.4, 0.5)}
    )


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ('name = "n"', "", "expected name = a text, got None"),
        ('source = "s"', "source = 3", "expected source = a text, got 3"),
        ("0.4\n", "43.5\n", "clean: expected shares of errors from 0 to 1, got 43.5"),
        ("0.5]", "true]", "got True"),
        (", 0.5]", "]", "expected five shares"),
        ("corruptions/fog", "fog", "expected qualified names"),
        ("[errors]", "[wrong]", "expected a table 'errors'"),
        ("[errors]", "[errors", "cannot be read as TOML"),
    ],
)
def test_a_table_that_is_wrong_says_where(tmp_path: Path, before: str, after: str, message: str) -> None:
    path = tmp_path / "t.toml"
    path.write_text(TABLE.replace(before, after))
    with pytest.raises(DataError) as caught:
        read_baseline(path)
    assert message in caught.value.message
    assert caught.value.hint


def test_a_table_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read: No such file"):
        read_baseline(tmp_path / "none.toml")


# google-research/augmix, imagenet.py, commit 202cf4c: ALEXNET_ERR, in the order of its CORRUPTIONS.
AUGMIX = (
    *(0.886428, 0.894468, 0.922640, 0.819880, 0.826268, 0.785948, 0.798360, 0.866816),
    *(0.826572, 0.819324, 0.564592, 0.853204, 0.646056, 0.717840, 0.606500),
)


def test_the_shipped_table_is_that_of_other_sources(root: Path) -> None:
    path = root / "plugins" / "robustkit_corruptions" / "baselines" / "alexnet-imagenet-c.toml"
    found, raw = read_baseline(path), tomllib.loads(path.read_text("utf8"))
    for name, mean in zip(COMMON, AUGMIX, strict=True):
        values = found.errors[f"corruptions/{name}"]
        assert np.mean(values) == pytest.approx(mean, abs=1e-9)
        # 50,000 images were classified, so every error is a whole number of them.
        assert [value * 50_000 for value in values] == pytest.approx([round(value * 50_000) for value in values])
        sources = raw["verified"][f"corruptions/{name}"]
        assert len(sources) >= 2
        assert set(sources) <= set(raw["sources"])
    assert len(found.errors) == 15
    # torchvision's documentation: acc@1 56.522.
    assert found.clean == pytest.approx(1 - 0.56522)
