"""`eval --save-examples` and `verify`: what is stored is what was judged, and forgeries are found."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from robustkit import ConfigError, DataError, read_examples
from robustkit.cli.verify import command
from robustkit.store import RunFolder
from robustkit.store.examples import attacked_cells

COMMAND = [sys.executable, "-m", "robustkit"]
ATTACK = "pgd:eps=0.05,steps=5"
Forge = Callable[[Any, Any], tuple[Any, Any]]


@pytest.fixture(scope="module")
def original(small: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("original") / "run"
    arguments = [*small.arguments, "-a", ATTACK, "--device", "cpu", "--save-examples", "-o", str(run)]
    done = subprocess.run([*COMMAND, "eval", *arguments], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return run


@pytest.fixture
def attacked(original: Path, tmp_path: Path) -> Path:
    """A run with examples, in which some samples are broken and some are not."""
    return Path(shutil.copytree(original, tmp_path / "run"))


def cell_of(run: Path) -> str:
    (cell,) = attacked_cells(json.loads((run / "manifest.json").read_text()))
    return str(cell["key"])


@dataclass
class Verified:
    code: int
    out: str
    err: str

    @property
    def cell(self) -> Any:
        (cell,) = json.loads(self.out)["cells"]
        return cell


Verify = Callable[..., Verified]


@pytest.fixture
def verify(small: Any, capsys: pytest.CaptureFixture[str]) -> Verify:
    """Run `robustkit verify RUN …` in this process, which saves its start."""

    def run(folder: Path, *more: str) -> Verified:
        capsys.readouterr()
        code = command.main([str(folder), "--model", small.model, "--device", "cpu", *more], standalone_mode=False)
        return Verified(code, *capsys.readouterr())

    return run


def test_what_is_stored_is_what_was_judged(attacked: Path, small: Any) -> None:
    key, found = cell_of(attacked), read_examples(attacked)
    records = RunFolder(attacked).read_chunk(key, 0)
    assert records is not None
    broken = records["id"][records["broken_by"].astype(str) == "attacks/pgd"]
    assert 0 < len(broken) < 60
    assert found.ids.tolist() == broken.tolist()
    assert (found.inputs.dtype, found.inputs.shape[1:]) == (np.float32, (1, 8, 8))
    clean = np.load(small.data)["images"][broken].reshape(-1, 1, 8, 8).astype(np.float32) / 255
    norms = np.abs(found.inputs - clean).reshape(len(broken), -1).max(axis=1)
    np.testing.assert_allclose(norms, records["norm"][np.isin(records["id"], broken)], rtol=1e-5)


def test_examples_are_found_by_what_names_their_cell(attacked: Path) -> None:
    condition = read_examples(attacked).condition
    for choice in ({"cell": cell_of(attacked)[:12]}, {"condition": "pgd"}, {"condition": condition, "seed": 0}):
        assert len(read_examples(attacked, **choice).ids) > 0
    with pytest.raises(ConfigError, match="expected one") as raised:
        read_examples(attacked, model="nobody")
    assert condition in raised.value.hint


def test_a_run_without_examples_says_how_to_get_them(robustkit: Any, small: Any, tmp_path: Path) -> None:
    run = tmp_path / "run"
    robustkit("eval", *small.arguments, "-a", ATTACK, "-o", run)
    with pytest.raises(DataError, match="absent") as raised:
        read_examples(run)
    assert "--save-examples --resume" in raised.value.hint
    refused = robustkit("verify", run, "--model", small.model)
    refused.assert_error(2, "holds no adversarial examples", "--save-examples --resume")


def test_resume_computes_the_examples_that_are_missing_and_nothing_else(
    robustkit: Any, verify: Verify, small: Any, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    robustkit("eval", *small.arguments, "-a", ATTACK, "-o", run)
    before = {path: path.read_bytes() for path in run.glob("records/*/*")}
    resume = ["eval", *small.arguments, "-a", ATTACK, "-o", run, "--save-examples", "--resume"]
    assert robustkit(*resume).code == 0
    assert {path: path.read_bytes() for path in run.glob("records/*/*")} == before
    assert committed(run) == 3  # clean, the attack, the attack once more
    assert verify(run).code == 0
    path = RunFolder(run).examples_path(cell_of(run), 0)
    whole = path.read_bytes()
    path.write_bytes(whole[:-8])
    assert robustkit("eval", "--resume", "-o", run, "--model", small.model).code == 0
    assert path.read_bytes() == whole
    assert committed(run) == 4


def test_examples_of_other_records_are_computed_again(robustkit: Any, small: Any, attacked: Path) -> None:
    folder, key = RunFolder(attacked), cell_of(attacked)
    path = folder.examples_path(key, 0)
    whole = path.read_bytes()
    ids, inputs = folder.read_examples(key, 0) or (None, None)
    assert ids is not None
    assert inputs is not None
    folder.commit_examples(key, 0, ids, inputs[::-1].copy())
    assert robustkit("eval", "--resume", "-o", attacked, "--model", small.model).code == 0
    assert path.read_bytes() == whole


def committed(run: Path) -> int:
    events = [json.loads(line) for line in (run / "events.jsonl").read_text().splitlines()]
    return sum(event["event"] == "committed" for event in events)


def test_an_untouched_run_verifies(verify: Verify, attacked: Path) -> None:
    result = verify(attacked)
    assert result.code == 0, result.err
    n = len(read_examples(attacked).ids)
    assert f" {n} " in result.out
    cell = verify(attacked, "--json").cell
    assert (cell["broken"], cell["examples"], cell["offenders"], cell["absent"]) == (n, n, [], 0)


def moved(ids: Any, inputs: Any) -> tuple[Any, Any]:
    inputs[2, 0, 0, 0] += 0.11 if inputs[2, 0, 0, 0] < 0.5 else -0.11
    return ids, inputs


def out_of_bounds(ids: Any, inputs: Any) -> tuple[Any, Any]:
    inputs[2, 0, 3, 3] = 1.001
    return ids, inputs


def not_a_number(ids: Any, inputs: Any) -> tuple[Any, Any]:
    inputs[2, 0, 3, 3] = np.nan
    return ids, inputs


def swapped(ids: Any, inputs: Any) -> tuple[Any, Any]:
    return ids[[1, 0, *range(2, len(ids))]], inputs


def dropped(ids: Any, inputs: Any) -> tuple[Any, Any]:
    return ids[1:], inputs[1:]


def doubled(ids: Any, inputs: Any) -> tuple[Any, Any]:
    return ids[[0, *range(len(ids))]], inputs[[0, *range(len(ids))]]


def unknown(ids: Any, inputs: Any) -> tuple[Any, Any]:
    ids[2] = 1000
    return ids, inputs


@pytest.mark.parametrize(
    ("forge", "said"),
    [
        (moved, "expected a linf norm of at most 0.05, got"),
        (out_of_bounds, "expected values in [0, 1], got"),
        (not_a_number, "values that are not finite"),
        (swapped, "its hash is not that of its record"),
        (dropped, "without an example"),
        (doubled, "stored 2 times"),
        (unknown, "no sample of this chunk has this id"),
    ],
)
def test_a_forged_example_is_found(verify: Verify, attacked: Path, forge: Forge, said: str) -> None:
    folder, key = RunFolder(attacked), cell_of(attacked)
    stored = folder.read_examples(key, 0)
    assert stored is not None
    ids, inputs = forge(*(each.copy() for each in stored))
    folder.commit_examples(key, 0, ids, np.ascontiguousarray(inputs))
    result = verify(attacked)
    assert result.code == 1, result.err
    assert said in result.err
    assert "Traceback" not in result.err
    if forge in (moved, out_of_bounds, not_a_number):
        # One sample was forged, and one is named.
        assert f"id {ids[2]}: " in result.err
        assert len(verify(attacked, "--json").cell["offenders"]) == 1


def test_an_example_that_fools_nobody_is_found_though_its_record_was_forged_too(
    verify: Verify, attacked: Path, small: Any
) -> None:
    """A sample that held is declared broken, with its own clean image as the example and the hash to go with it."""
    import torch

    from robustkit.engine.outputs import hash_inputs

    folder, key = RunFolder(attacked), cell_of(attacked)
    records, stored = folder.read_chunk(key, 0), folder.read_examples(key, 0)
    assert records is not None
    assert stored is not None
    row = int(np.flatnonzero(records["broken_by"].astype(str) == "")[0])
    clean = np.load(small.data)["images"][row].reshape(1, 1, 8, 8).astype(np.float32) / 255
    changed = {name: column.copy() for name, column in records.items()}
    changed["broken_by"][row], changed["norm"][row] = "attacks/pgd", 0.0
    changed["prediction"][row] = (changed["label"][row] + 1) % 3
    changed["input_hash"][row] = hash_inputs(torch.from_numpy(clean))[0]
    place = int(np.searchsorted(stored[0], row))
    folder.commit_chunk(key, 0, changed)
    folder.commit_examples(key, 0, np.insert(stored[0], place, row), np.insert(stored[1], place, clean[0], axis=0))
    cell = verify(attacked, "--json").cell
    (offender,) = cell["offenders"]
    assert offender["id"] == row
    assert offender["problem"].startswith("the model gets it right")


def test_a_broken_sample_that_the_records_hide_is_found(verify: Verify, attacked: Path) -> None:
    folder, key = RunFolder(attacked), cell_of(attacked)
    records = folder.read_chunk(key, 0)
    assert records is not None
    changed = {name: column.copy() for name, column in records.items()}
    row = int(np.flatnonzero(changed["broken_by"].astype(str) == "attacks/pgd")[0])
    changed["broken_by"][row] = ""
    folder.commit_chunk(key, 0, changed)
    result = verify(attacked)
    assert result.code == 1
    assert "does not say that an attack broke it" in result.err
    assert "contradicts its broken_by" in result.err


@pytest.mark.parametrize("what", ["records", "examples"])
def test_a_file_that_is_gone_is_found(verify: Verify, attacked: Path, what: str) -> None:
    folder, key = RunFolder(attacked), cell_of(attacked)
    path = folder.chunk_path(key, 0) if what == "records" else folder.examples_path(key, 0)
    path.write_bytes(path.read_bytes()[:-8])
    result = verify(attacked)
    assert result.code == 1
    assert str(path) in result.err
    assert "its digest or its stamp differs" in result.err
    if what == "records":
        path.unlink()
        assert "found no file" in verify(attacked).err


def test_another_model_or_other_data_verify_nothing(robustkit: Any, attacked: Path, small: Any, tmp_path: Path) -> None:
    images, labels = (np.load(small.data)[name] for name in ("images", "labels"))
    images[0, 0, 0] ^= 1
    np.savez(tmp_path / "other.npz", images=images, labels=labels)
    result = robustkit("verify", attacked, "--model", small.model, "--set", f"data={tmp_path / 'other.npz'}")
    result.assert_error(2, "dataset was")


def test_code_that_a_run_folder_names_does_not_run_unasked(robustkit: Any, attacked: Path, small: Any) -> None:
    robustkit("verify", attacked).assert_error(2, "names code to run", "--model")


def test_a_folder_that_is_no_run_is_refused(robustkit: Any, tmp_path: Path) -> None:
    robustkit("verify", tmp_path).assert_error(2, "not a run folder")
