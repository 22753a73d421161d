"""Pairs of models, from run folders with chosen results."""

from __future__ import annotations

import numpy as np
import pytest

from robustkit import ConfigError, DataError
from robustkit.analysis.comparison.runs import read_runs
from robustkit.analysis.paired.pair import compare_paired
from robustkit.analysis.statistics.mcnemar import mcnemar_p
from robustkit.analysis.statistics.paired_proportions import newcombe_interval

FOG = "c/fog:severity="


def table(both=60, lost=15, gained=5, neither=20):
    """Return what two models make of the samples: of the reference table, the second is worse by 0.10."""
    first = [1] * both + [1] * lost + [0] * gained + [0] * neither
    second = [1] * both + [0] * lost + [1] * gained + [0] * neither
    return first, second


def lines_of(pair):
    return {line.title: line for line in pair.lines}


@pytest.fixture
def reference(make_run):
    first, second = table()
    return [str(make_run({"net": {"clean": each}}, name=name)) for each, name in ((first, "a"), (second, "b"))]


def test_of_one_condition_it_is_mcnemar_and_newcombe(reference):
    (pair,) = compare_paired(reference)
    (line,) = pair.lines
    assert (line.first, line.second, line.difference) == pytest.approx((0.75, 0.65, -0.10))
    assert (line.lost, line.gained, line.n) == (15, 5, 100)
    assert (line.low, line.high) == pytest.approx((-0.184500, -0.014201), abs=5e-7)
    assert line.p == line.p_holm == pytest.approx(0.041389, abs=5e-7)
    assert line.p_max_t == pytest.approx(line.p, abs=0.006)
    assert (line.test, line.method) == ("mcnemar-exact", "newcombe")
    assert line.detectable == pytest.approx(0.1237, abs=5e-4)


def test_the_order_of_the_runs_is_the_sign(reference):
    (pair,) = compare_paired(reference[::-1])
    assert pair.lines[0].difference == pytest.approx(0.10)
    assert (pair.lines[0].lost, pair.lines[0].gained) == (5, 15)


def test_means_over_conditions_resample_samples_and_are_tested_by_flips(make_run):
    rng = np.random.default_rng(0)
    # A sample that one model gets wrong it mostly gets wrong under all conditions.
    easy = {name: rng.normal(shift, 1, (200, 1)) for name, shift in (("weak", 0.5), ("strong", 0.8))}
    right = {name: (each + 0.3 * rng.normal(size=(200, 3)) > 0).astype(int) for name, each in easy.items()}
    results = {name: {f"{FOG}{each + 1}": found[:, each] for each in range(3)} for name, found in right.items()}
    run = make_run({name: {"clean": [1] * 200, **found} for name, found in results.items()})
    (pair,) = compare_paired([f"{run}/weak", f"{run}/strong"])
    found = lines_of(pair)
    assert list(found) == [
        "clean", "mean over perturbations", "fog, severity 1", "fog, severity 2", "fog, severity 3"
    ]  # fmt: skip
    mean = found["mean over perturbations"]
    assert (mean.method, mean.test, mean.lost) == ("bootstrap", "sign-flip", None)
    differences = right["strong"] - right["weak"]
    half = (mean.high - mean.low) / 2
    assert half == pytest.approx(1.96 * differences.mean(axis=1).std() / 200**0.5, rel=0.1)
    naive = 1.96 * differences.std() / 600**0.5
    assert half > 1.5 * naive
    for line in found.values():
        assert line.p_holm >= line.p
        assert line.joint_low <= line.low + 1e-9
        assert line.joint_high >= line.high - 1e-9


def test_equal_models_differ_nowhere_and_still_have_an_interval(make_run):
    run = make_run({"a": {"clean": [1] * 15 + [0] * 5}, "b": {"clean": [1] * 15 + [0] * 5}})
    (pair,) = compare_paired([f"{run}/a", f"{run}/b"], margin=0.2)
    (line,) = pair.lines
    assert (line.difference, line.p, line.p_max_t, line.lost, line.gained) == (0, 1, 1, 0, 0)
    assert (line.low, line.high) == newcombe_interval(15, 0, 0, 5)
    assert line.detectable is None
    assert "0 discordant" in line.note


def test_the_worst_case_over_attacks_is_compared_too(make_run):
    clean = [1] * 18 + [0] * 2
    results = {
        "weak": {"clean": clean, "a/pgd:eps=0.1": [1] * 6 + [0] * 14, "a/fgsm:eps=0.1": [0] * 2 + [1] * 8 + [0] * 10},
        "hard": {"clean": clean, "a/pgd:eps=0.1": [1] * 15 + [0] * 5, "a/fgsm:eps=0.1": [1] * 15 + [0] * 5},
    }
    run = make_run(results)
    (pair,) = compare_paired([f"{run}/weak", f"{run}/hard"])
    (worst,) = [line for line in pair.lines if line.kind == "worst-case"]
    assert (worst.first, worst.second) == pytest.approx((4 / 20, 15 / 20))
    assert (worst.lost, worst.gained) == (0, 11)
    assert worst.p == mcnemar_p(0, 11)


def test_groups_of_training_seeds_are_compared_over_seeds_and_samples(make_run):
    rng = np.random.default_rng(1)
    shares = {"base": (0.6, 0.7, 0.8), "new": (0.65, 0.72, 0.8)}
    results = {
        f"{group}{seed}": {"clean": (rng.random(80) < share).astype(int)}
        for group, each in shares.items()
        for seed, share in enumerate(each)
    }
    facts = {name: {"group": name[:-1], "training_seed": int(name[-1])} for name in results}
    run = make_run(results, facts=facts)
    (pair,) = compare_paired([f"{run}/base", f"{run}:new"], margin=0.5)
    (line,) = pair.lines
    assert pair.seeds == (3, 3)
    assert (line.method, line.test, line.lost, line.p_max_t) == ("seeds-and-samples-t",) * 2 + (None, None)
    samples_alone = 1.96 * (2 * 0.21 / 3 / 80) ** 0.5
    assert line.high - line.low > 2 * samples_alone
    assert line.equivalent is True
    assert any("few training seeds (base 3, new 3)" in note for note in pair.notes)
    (pair,) = compare_paired([f"{run}/base", f"{run}/new1"])
    assert (pair.seeds, pair.lines[0].method) == ((3, 1), "bootstrap")
    assert any(note.startswith("new1: trained once") for note in pair.notes)


def test_samples_are_matched_by_id_and_only_shared_ones_count(make_run):
    first = make_run({"net": {"clean": [1, 0, 1, 1, 0, 1]}}, name="a", ids=[10, 20, 30, 40, 50, 60])
    second = make_run({"net": {"clean": [0, 1, 1, 1]}}, name="b", ids=[60, 20, 40, 70], **same_data(6))
    (pair,) = compare_paired([str(first), str(second)])
    (line,) = pair.lines
    # Samples 20, 40, 60: right by the first are 40 and 60, by the second 20 and 40.
    assert (line.n, line.lost, line.gained) == (3, 1, 1)
    assert (line.first, line.second) == pytest.approx((2 / 3, 2 / 3))
    assert any("only the 3 samples that both sides share" in note for note in pair.notes)
    assert pair.evaluated == (6, 4)


def same_data(n, evaluated=4):
    return {"datasets": {"toy": {"n": n, "evaluated": evaluated, "fingerprint": f"toy-{n}"}}}


def test_what_was_not_evaluated_on_the_same_data_is_refused(make_run):
    first = make_run({"net": {"clean": [1] * 4}}, name="a")
    second = make_run({"net": {"clean": [1] * 4}}, name="b", **same_data(9))
    with pytest.raises(DataError, match=r"different data: toy \(toy-4\) and toy \(toy-9\)"):
        compare_paired([str(first), str(second)])


def test_no_shared_sample_is_refused(make_run):
    first = make_run({"net": {"clean": [1] * 4}}, name="a", ids=[0, 1, 2, 3])
    second = make_run({"net": {"clean": [1] * 4}}, name="b", ids=[4, 5, 6, 7])
    with pytest.raises(DataError, match="none is shared"):
        compare_paired([str(first), str(second)])


def test_no_shared_condition_is_refused(make_run):
    first = make_run({"net": {f"{FOG}1": [1] * 4}}, name="a")
    second = make_run({"net": {f"{FOG}2": [1] * 4}}, name="b")
    with pytest.raises(DataError, match="no condition in common"):
        compare_paired([str(first), str(second)])


def test_runs_without_records_are_refused(make_run):
    first = make_run({"net": {"clean": [1] * 4}}, name="a", records=False)
    second = make_run({"net": {"clean": [1] * 4}}, name="b")
    with pytest.raises(DataError, match="no per-sample records"):
        compare_paired([str(first), str(second)])


def test_conditions_that_one_side_lacks_are_named_and_in_no_mean(make_run):
    first = make_run({"net": {"clean": [1] * 4, f"{FOG}1": [1] * 4, f"{FOG}2": [0] * 4}}, name="a")
    second = make_run(
        {"net": {"clean": [1] * 4, f"{FOG}1": [1] * 4, "c/snow:severity=1": [1] * 4}},
        name="b",
        failures=[{"model": "net", "condition": f"{FOG}2", "seed": 0, "error": "boom"}],
    )
    (pair,) = compare_paired([str(first), str(second)])
    assert [line.title for line in pair.lines] == ["clean", "fog, severity 1"]
    assert pair.missing == (f"{FOG}2",)
    assert any("net (a) alone has it: fog (severity 2)" in note for note in pair.notes)
    assert any("net (b) alone has it: snow" in note for note in pair.notes)
    assert any("run b has 1 failure" in note for note in pair.notes)


def test_conditions_under_several_seeds_use_those_that_both_have(make_run):
    right, wrong = [1] * 4, [0] * 4
    first = make_run({"net": {f"{FOG}1@0": right, f"{FOG}1@1": wrong, f"{FOG}1@2": wrong}}, name="a")
    second = make_run({"net": {f"{FOG}1@0": right, f"{FOG}1@1": right}}, name="b")
    (pair,) = compare_paired([str(first), str(second)])
    assert (pair.lines[0].first, pair.lines[0].second) == (0.5, 1.0)
    assert pair.lines[0].lost is None
    assert "same for every sample" in pair.lines[0].note


def test_an_unfinished_run_says_so_first(make_run):
    first = make_run({"net": {"clean": [1] * 4}}, name="a", status="running")
    second = make_run({"net": {"clean": [1] * 4}}, name="b")
    (pair,) = compare_paired([str(first), str(second)])
    assert "is not finished" in pair.notes[0]


def test_failed_trust_checks_of_either_side_are_named_and_others_are_not(make_run):
    failed = {"id": "zero-gradient", "status": "fail", "model": "b"}
    run = make_run({name: {"clean": [1] * 4} for name in "abc"}, checks=[failed, {**failed, "status": "warn"}])
    (with_b,) = compare_paired([f"{run}/a", f"{run}/b"])
    assert any(note.startswith("b failed trust checks (non-zero input gradient)") for note in with_b.notes)
    (without,) = compare_paired([f"{run}/a", f"{run}/c"])
    assert not any("trust" in note for note in without.notes)


def test_a_model_that_is_compared_with_itself_is_noted(make_run):
    same = {"net": {"identity": {"weights": "w"}}}
    runs = [str(make_run({"net": {"clean": [1] * 4}}, name=name, facts=same)) for name in "ab"]
    (pair,) = compare_paired(runs)
    assert any("compared with itself" in note for note in pair.notes)


def test_several_are_each_compared_with_the_first(make_run):
    run = make_run({name: {"clean": [1] * right + [0] * (9 - right)} for name, right in (("a", 3), ("b", 5), ("c", 9))})
    pairs = compare_paired([f"{run}/a", f"{run}/b", f"{run}/c"])
    assert [(pair.first.label, pair.second.label) for pair in pairs] == [("a", "b"), ("a", "c")]


def test_what_names_no_single_model_is_refused(make_run, tmp_path):
    run = make_run({"standard": {"clean": [1]}, "robust": {"clean": [1]}})
    for texts, said, hint in (
        ([f"{run}"], "expected two or more", f"{run}/standard {run}/robust"),
        ([f"{run}", f"{run}/robust"], "has 2 models", f"{run}/standard, {run}/robust"),
        ([f"{run}/standrad", f"{run}/robust"], "no model or group 'standrad'", "standard"),
        ([f"{run}/robust", f"{run}:robust"], "named twice", "another"),
    ):
        with pytest.raises(ConfigError, match=said) as raised:
            compare_paired(texts)
        assert hint in raised.value.hint
    with pytest.raises(DataError, match="is not a run folder"):
        compare_paired([f"{run}/robust", str(tmp_path / "absent")])


def test_a_folder_with_a_colon_in_its_name_is_a_run(make_run):
    first, second = (str(make_run({"net": {"clean": [1] * 4}}, name=name)) for name in ("x:1", "x:2"))
    (pair,) = compare_paired([first, f"{second}:net"])
    assert [run.name for run in read_runs([pair.second.run.folder.path])] == ["x:2"]


def test_labels_that_differ_are_refused(make_run):
    first, second = (make_run({"net": {"clean": [1] * 4}}, name=name) for name in "ab")
    from robustkit.store import RunFolder

    folder = RunFolder(second)
    (cell,) = folder.read_manifest()["cells"]
    records = folder.read_cell(cell["key"], 1)
    folder.commit_chunk(cell["key"], 0, {**records, "label": records["label"] + 1, "prediction": records["label"] + 1})
    with pytest.raises(DataError, match="different labels"):
        compare_paired([str(first), str(second)])
