"""No attack breaks a certified image: an evaluation that says so counts something that it must not."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from robustkit import evaluate, load_host

pytestmark = pytest.mark.shared

STORED = json.loads(Path(__file__).with_name("fashion-mnist-provable-eps0.1.json").read_text("utf8"))
NETWORK = Path(__file__).resolve().parents[2] / "scripts" / "certification" / "wong_kolter.py"
CHEAP = {"steps": 10, "targets": 3, "queries": 100, "draws": 20, "eot": 2}
"""Values of the parameters that cost time, by name: enough to break what is easily broken."""

HOST = load_host()
ATTACKS = [
    # Other libraries' attacks run where these are installed.
    pytest.param(entry, id=entry.qualified, marks=pytest.mark.peers if entry.plugin == "peers" else ())
    for entry in HOST.catalog.all("attack")
    if entry.component.modality == "image" and "linf" in entry.component.norms
]


def cheaply(entry: Any) -> dict[str, Any]:
    """Return an attack with few steps or queries, whatever it calls them."""
    known = entry.component.params.__dataclass_fields__
    return {"name": entry.qualified, **{key: value for key, value in CHEAP.items() if key in known}}


@pytest.fixture
def attacked(shared: Path, tmp_path: Path) -> Callable[..., dict[int, str]]:
    """Attack images of these ids in an evaluation and return what its records say broke each, by id; '' for nothing."""

    def call(ids: Iterable[int], attack: dict[str, Any], eps: float = STORED["eps"]) -> dict[int, str]:
        (tmp_path / "ids.txt").write_text("\n".join(map(str, ids)))
        model = {
            "checkpoint": str(shared / "checkpoints" / "fashion_mnist_provable.pth"),
            "model": f"{NETWORK}:build",
            "normalize": "none",
        }
        config = {
            "model": [model],
            "data": str(shared / "fashion-mnist"),
            "indices": str(tmp_path / "ids.txt"),
            "attack": [{"norm": STORED["norm"], "eps": eps, **attack}],
            "metric": ["accuracy"],
            "device": "cpu",
        }
        done = evaluate(config, out=tmp_path / "run", host=HOST)
        assert not done.failures, done.failures
        (key,) = (
            cell["key"] for cell in json.loads(done.folder.manifest_path.read_text())["cells"] if _is_attack(cell)
        )
        files = sorted((done.folder.path / "records" / key[:32]).glob("*.parquet"))
        rows = [row for file in files for row in pq.read_table(file, columns=["id", "broken_by"]).to_pylist()]
        return {row["id"]: row["broken_by"] for row in rows}

    return call


def _is_attack(cell: dict[str, Any]) -> bool:
    return str(cell["condition"]) != "clean"


def assert_none_broken(found: dict[int, str], certified: list[int]) -> None:
    """Assert that every certified image was attacked, and none of them broken or wrong from the start."""
    assert set(certified) <= set(found)
    broken = {number: found[number] for number in certified if found[number]}
    assert not broken, f"certified, and broken all the same: {broken}"


def spread(ids: list[int], count: int) -> list[int]:
    return [ids[place * len(ids) // count] for place in range(count)]


def test_pgd_40_breaks_no_certified_image_and_many_others(attacked: Any) -> None:
    certified, correct = STORED["certified"], STORED["correct"]
    found = attacked(correct, {"name": "pgd", "steps": 40})
    assert_none_broken(found, certified)
    # The attack is one: it breaks most of what is right and cannot be certified.
    others = set(correct) - set(certified)
    broken = [number for number in others if found[number]]
    assert len(broken) > len(others) / 2
    # The control: an image that is broken, on a list that calls it certified.
    with pytest.raises(AssertionError, match=f"{{{broken[0]}: 'attacks/pgd'}}"):
        assert_none_broken(found, [*certified, broken[0]])


@pytest.mark.parametrize("entry", ATTACKS)
def test_no_attack_breaks_a_certified_image(entry: Any, attacked: Any) -> None:
    ids = spread(STORED["certified"], 64)
    assert_none_broken(attacked(ids, cheaply(entry)), ids)


def test_beyond_eps_certified_images_are_broken(attacked: Any) -> None:
    ids = spread(STORED["certified"], 64)
    with pytest.raises(AssertionError, match="broken all the same"):
        assert_none_broken(attacked(ids, {"name": "pgd", "steps": 10}, eps=0.3), ids)
