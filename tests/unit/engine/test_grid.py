"""Conditions, their canonical names, and the addresses of cells."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from robustkit.config import RunConfig, parse_config
from robustkit.engine.grid import CHUNK, CLEAN, digest, expand_cells, expand_conditions, split_chunks
from robustkit.errors import ConfigError
from robustkit.host import Host, Source, load_host

SMALL, LARGE = (3, 32, 32), (3, 224, 224)


@pytest.fixture(scope="module")
def host() -> Host:
    return load_host(strict=True)


def config(**more: Any) -> RunConfig:
    return parse_config({"model": [{"checkpoint": "a"}], "data": "d", **more})


def names(host: Host, shape: tuple[int, int, int] = SMALL, **more: Any) -> list[str]:
    return [condition.text for condition in expand_conditions(config(**more), host, shape)]


def test_clean_comes_first_and_each_condition_once(host: Host) -> None:
    found = names(host, perturbation=["contrast:severity=[2,2]", "corruptions/contrast:severity=2"])
    assert found == ["clean", "corruptions/contrast:mode=reference,profile=cifar,storage-jpeg=0,severity=2"]


def test_the_name_says_which_profile_the_size_chose(host: Host) -> None:
    assert "profile=cifar" in names(host, SMALL, perturbation=["contrast:severity=1"])[1]
    assert "profile=imagenet" in names(host, LARGE, perturbation=["contrast:severity=1"])[1]


def test_a_tag_stands_for_every_perturbation_of_its_set(host: Host) -> None:
    found = names(host, perturbation=["corruptions/common:severity=1..5", "corruptions/extra:severity=1..5"])
    assert len(found) == 1 + 95
    assert found[1].startswith("corruptions/gaussian-noise:")
    given = names(host, LARGE, perturbation=["corruptions/extra:profile=cifar,severity=2"])
    assert len(given) == 1 + 4
    assert all("profile=cifar" in text for text in given[1:])


def test_without_a_severity_all_published_levels_run(host: Host) -> None:
    assert len(names(host, perturbation=["contrast"])) == 6


def test_severity_zero_and_fractions_are_allowed(host: Host) -> None:
    found = expand_conditions(config(perturbation=["contrast:severity=[0,2.5]"]), host, SMALL)
    assert [condition.severity for condition in found] == [0.0, 0.0, 2.5]


def test_an_attack_states_its_threat_model_and_resolved_parameters(host: Host) -> None:
    found = expand_conditions(config(attack=["pgd:eps=8/255,steps=10"]), host, SMALL)[1]
    assert found.threat_model is not None
    assert (found.threat_model.norm, found.threat_model.eps) == ("linf", 8 / 255)
    assert found.severity is None
    assert found.text.startswith(
        "attacks/pgd:eps=8/255,loss=ce,norm=linf,restarts=1,step-size=2/255,steps=10,targets=0"
    )


@pytest.mark.parametrize("search", [None, "fp32", "bf16"])
def test_the_precision_of_a_search_is_named_where_it_is_given(host: Host, search: str | None) -> None:
    given = f",search={search}" if search else ""
    found = expand_conditions(config(attack=[f"pgd:eps=0.1{given}"], precision="bf16"), host, SMALL)[1]
    assert found.search == search
    assert ("search" in found.text) == (search is not None)
    assert given in found.text


def test_every_canonical_name_reads_back_to_itself(host: Host) -> None:
    given = {
        "perturbation": ["gaussian-noise:severity=1.5", "contrast:severity=2"],
        "attack": ["pgd:eps=0.1", "fgsm:eps=3/255", "fgsm:eps=3/255,search=fp32"],
    }
    first = expand_conditions(config(**given), host, SMALL)
    again = {
        "perturbation": [c.text for c in first if c.kind == "perturbation"],
        "attack": [c.text for c in first if c.kind == "attack"],
    }
    assert [c.text for c in expand_conditions(config(**again), host, LARGE)] == [c.text for c in first]


@pytest.mark.parametrize("severity", ["5.1", "-1", "[]", "strong", "true", "inf"])
def test_a_wrong_severity_is_refused(host: Host, severity: str) -> None:
    with pytest.raises(ConfigError, match="severity"):
        names(host, perturbation=[f"contrast:severity={severity}"])


@pytest.mark.parametrize("eps", ["8px", "[]", "true", "inf", "8/0"])
def test_a_wrong_eps_is_refused_with_one_as_papers_write_it(host: Host, eps: str) -> None:
    with pytest.raises(ConfigError, match="attacks/pgd: eps") as error:
        names(host, attack=[f"pgd:eps={eps}"])
    assert "8/255" in error.value.hint


def cells(**changes: Any) -> list[Any]:
    models = changes.pop("models", {"m": {"weights": "w"}})
    return expand_cells(models, [CLEAN], [0], {"dataset": "d", **changes})


def test_a_key_depends_on_everything_that_decides_the_records() -> None:
    keys = {
        cells()[0].key,
        cells(dataset="e")[0].key,
        cells(precision="bf16")[0].key,
        cells(models={"m": {"weights": "v"}})[0].key,
    }
    assert len(keys) == 4


def test_a_key_does_not_depend_on_what_the_model_is_called() -> None:
    assert cells(models={"n": {"weights": "w"}})[0].key == cells()[0].key


def test_a_stochastic_condition_has_a_cell_for_each_seed(host: Host) -> None:
    conditions = expand_conditions(
        config(perturbation=["gaussian-noise:severity=1", "contrast:severity=1"]), host, SMALL
    )
    found = expand_cells({"m": {}}, conditions, [3, 4], {})
    assert [(cell.condition.component, cell.seed) for cell in found] == [
        ("clean", 3),
        ("corruptions/gaussian-noise", 3),
        ("corruptions/gaussian-noise", 4),
        ("corruptions/contrast", 3),
    ]


def test_a_digest_ignores_the_order_of_keys_and_refuses_nan() -> None:
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
    with pytest.raises(ValueError, match="JSON"):
        digest({"a": float("nan")})


def test_chunks_cover_the_ids_in_order() -> None:
    import numpy as np

    chunks = split_chunks(np.arange(2 * CHUNK + 5))
    assert [len(chunk) for chunk in chunks] == [CHUNK, CHUNK, 5]
    assert np.concatenate(chunks).tolist() == list(range(2 * CHUNK + 5))


PLUGIN = """
import robustkit


@robustkit.hookimpl
def robustkit_perturbations():
    return [robustkit.Perturbation(name="dim", summary="s", target="edited_plugin.inner.dim:Dim")]


@robustkit.hookimpl
def robustkit_attacks():
    return [robustkit.Attack(name="push", summary="s", target="edited_plugin.inner.dim:Dim")]
"""


def test_an_edited_plugin_has_other_cells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The version stays, and so does the file of the implementation: what changes is another file of the plugin."""
    package = tmp_path / "edited_plugin"
    (package / "inner").mkdir(parents=True)
    (package / "__init__.py").write_text(PLUGIN)
    (package / "inner" / "__init__.py").write_text("")
    (package / "inner" / "dim.py").write_text("class Dim:\n    def __init__(self, params): ...\n")
    (package / "strength.py").write_text("STRENGTH = 1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    import importlib

    host = Host()
    source = Source(name="edited", dist="d", version="1", origin="", load=lambda: importlib.import_module(package.name))
    assert host.load(source).status == "ok"

    def keys() -> list[str]:
        given = config(perturbation=["dim:severity=1"], attack=["push:eps=0.1"])
        found = expand_cells({"m": {}}, expand_conditions(given, host, SMALL), [0], {})
        return [cell.key for cell in found]

    before = keys()
    assert keys() == before
    (package / "strength.py").write_text("STRENGTH = 2\n")
    after = keys()
    assert [one == other for one, other in zip(before, after, strict=True)] == [True, False, False]
    for name in [name for name in sys.modules if name.startswith("edited_plugin")]:
        del sys.modules[name]
