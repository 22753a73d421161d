"""How plugins are loaded: what one plugin does wrong must not reach another."""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Any

import pytest

import robustkit
from robustkit.errors import ConfigError, PluginError
from robustkit.host import Host, Source, load_host


def noise(name: str = "noise", **more: Any) -> robustkit.Perturbation:
    return robustkit.Perturbation(name=name, summary="a noise", target="nowhere.at_all:Noise", **more)


def plugin(*perturbations: Any, **attributes: Any) -> types.SimpleNamespace:
    @robustkit.hookimpl
    def robustkit_perturbations() -> list[Any]:
        return list(perturbations)

    return types.SimpleNamespace(robustkit_perturbations=robustkit_perturbations, **attributes)


def source(made: Any, name: str = "ours", dist: str = "robustkit-ours") -> Source:
    load: Callable[[], Any] = made if isinstance(made, types.FunctionType) else lambda: made
    return Source(name=name, dist=dist, version="1.2", origin="ours.module", load=load)


def test_a_plugin_contributes_under_its_own_namespace() -> None:
    host = Host()
    record = host.load(source(plugin(noise())))
    assert record.status == "ok"
    assert record.components == ("ours/noise",)
    assert host.catalog.find("perturbation", "ours/noise").component.name == "noise"


def test_a_plugin_that_raises_on_import_is_recorded_and_the_next_one_works() -> None:
    def broken() -> Any:
        raise ImportError("no module named 'leftpad'")

    host = Host()
    record = host.load(source(broken, name="broken", dist="robustkit-broken"))
    host.load(source(plugin(noise())))
    assert record.status == "failed"
    assert "leftpad" in record.error
    assert "Traceback" in record.details
    assert [entry.qualified for entry in host.catalog.all()] == ["ours/noise"]


def test_a_plugin_that_exits_on_import_is_recorded() -> None:
    def exits() -> Any:
        raise SystemExit(1)

    assert Host().load(source(exits)).status == "failed"


def test_a_misspelt_hook_is_named_with_the_right_one_and_leaves_nothing_behind() -> None:
    @robustkit.hookimpl
    def robustkit_pertubations() -> list[Any]:
        return [noise()]

    good = plugin(noise("kept")).robustkit_perturbations
    host = Host()
    made = types.SimpleNamespace(robustkit_pertubations=robustkit_pertubations, robustkit_perturbations=good)
    record = host.load(source(made))
    assert record.status == "failed"
    assert "robustkit_pertubations" in record.error
    assert "did you mean 'robustkit_perturbations'" in record.error
    assert host.catalog.all() == []
    assert not host.manager.is_registered(made)


def test_forgetting_the_decorator_is_explained() -> None:
    record = Host().load(source(types.SimpleNamespace(robustkit_perturbations=lambda: [noise()])))
    assert "@robustkit.hookimpl" in record.error


def test_a_hook_that_raises_half_way_contributes_nothing() -> None:
    @robustkit.hookimpl
    def robustkit_perturbations() -> Any:
        yield noise()
        raise ValueError("half way")

    host = Host()
    record = host.load(source(types.SimpleNamespace(robustkit_perturbations=robustkit_perturbations)))
    assert "half way" in record.error
    assert host.catalog.all() == []


def test_a_reused_plugin_name_is_an_error_that_names_both() -> None:
    host = Host()
    host.load(source(plugin(noise())))
    record = host.load(source(plugin(noise("other")), dist="robustkit-theirs"))
    assert record.status == "failed"
    assert "robustkit-ours 1.2" in record.error
    assert record.source.dist == "robustkit-theirs"
    assert [entry.qualified for entry in host.catalog.all()] == ["ours/noise"]


def test_a_name_declared_twice_in_one_plugin_is_an_error() -> None:
    assert "twice" in Host().load(source(plugin(noise(), noise()))).error


@pytest.mark.parametrize(
    ("declared", "expected"),
    [
        ({"name": "noise"}, "Perturbation"),
        (noise("Not A Name"), "not-a-name"),
        (robustkit.Perturbation(name="x", summary="", target="no colon"), "package.module:attribute"),
        (robustkit.Metric(name="x", summary="", target="a:b", higher_is_better=True), "Perturbation"),
        (noise(params=int), "robustkit.params"),
    ],
)
def test_a_wrong_declaration_is_refused_with_what_is_expected(declared: Any, expected: str) -> None:
    assert expected in Host().load(source(plugin(declared))).error


def test_another_api_version_is_incompatible_not_a_traceback() -> None:
    record = Host().load(source(plugin(noise(), robustkit_api=999)))
    assert record.status == "incompatible"
    assert "999" in record.error


def test_this_api_version_is_accepted() -> None:
    assert Host().load(source(plugin(noise(), robustkit_api=robustkit.PLUGIN_API))).status == "ok"


def test_names_ignore_case_and_kind_of_dash() -> None:
    host = Host()
    host.load(source(plugin(noise("salt-pepper"))))
    assert host.catalog.find("perturbation", "Salt_Pepper").qualified == "ours/salt-pepper"


def test_a_bare_name_means_the_first_party_component_whatever_else_is_installed() -> None:
    host = Host()
    host.load(source(plugin(noise()), name="theirs", dist="robustkit-theirs"))
    host.load(source(plugin(noise()), name="home", dist="robustkit"))
    assert host.catalog.find("perturbation", "noise").qualified == "home/noise"


def test_an_ambiguous_third_party_name_lists_the_candidates() -> None:
    host = Host()
    host.load(source(plugin(noise()), name="one", dist="robustkit-one"))
    host.load(source(plugin(noise()), name="two", dist="robustkit-two"))
    with pytest.raises(ConfigError, match=r"one/noise, two/noise"):
        host.catalog.find("perturbation", "noise")


def test_a_tag_stands_for_the_components_of_its_plugin_that_carry_it_as_declared() -> None:
    host = Host()
    host.load(source(plugin(noise("rain", tags=("wet",)), noise("dust"), noise("hail", tags=("wet", "cold")))))
    host.load(source(plugin(noise("mist", tags=("wet",))), name="theirs"))
    assert [entry.qualified for entry in host.catalog.find_all("perturbation", "Ours/wet")] == [
        "ours/rain",
        "ours/hail",
    ]
    assert [entry.qualified for entry in host.catalog.find_all("perturbation", "ours/dust")] == ["ours/dust"]
    for unknown in ("wet", "ours/dry", "attack/wet"):
        with pytest.raises(ConfigError, match="unknown perturbation"):
            host.catalog.find_all("perturbation", unknown)
    with pytest.raises(ConfigError) as caught:
        host.catalog.find_all("perturbation", "ours/wett")
    assert "ours/wet" in caught.value.hint


def test_a_component_comes_before_a_tag_of_the_same_name() -> None:
    host = Host()
    host.load(source(plugin(noise("wet"), noise("rain", tags=("wet",)))))
    assert [entry.qualified for entry in host.catalog.find_all("perturbation", "ours/wet")] == ["ours/wet"]


def test_an_unknown_name_asks_what_was_meant() -> None:
    host = Host()
    host.load(source(plugin(noise())))
    with pytest.raises(ConfigError) as caught:
        host.catalog.find("perturbation", "nois")
    assert "did you mean" in caught.value.hint


def test_asking_for_a_component_of_a_broken_plugin_names_its_cause() -> None:
    def broken() -> Any:
        raise ImportError("leftpad")

    host = Host()
    host.load(source(broken, name="broken"))
    with pytest.raises(PluginError, match="leftpad"):
        host.catalog.find("perturbation", "broken/fog")


def test_a_component_of_another_kind_is_pointed_out() -> None:
    host = Host()
    host.load(source(plugin(noise())))
    with pytest.raises(ConfigError) as caught:
        host.catalog.find("attack", "noise")
    assert caught.value.hint == "'noise' is of the kind perturbation"


def test_a_target_that_cannot_be_imported_names_the_plugin() -> None:
    host = Host()
    host.load(source(plugin(noise())))
    with pytest.raises(PluginError, match=r"nowhere\.at_all") as caught:
        host.build(host.catalog.find("perturbation", "noise"))
    assert "robustkit-ours" in caught.value.hint


def test_first_party_plugins_come_through_the_same_door_and_all_work() -> None:
    host = load_host(strict=True)
    first_party = [record for record in host.records if record.source.first_party]
    assert {record.source.name for record in first_party} >= {"attacks", "corruptions", "metrics", "zoo"}
    assert all(record.heavy == () for record in first_party)


def test_a_blocked_plugin_is_not_imported() -> None:
    host = load_host(block=["zoo"])
    record = next(record for record in host.records if record.source.name == "zoo")
    assert record.status == "blocked"
    with pytest.raises(ConfigError):
        host.catalog.find("model", "resnet20-cifar")


def test_blocking_what_is_not_installed_is_an_error() -> None:
    with pytest.raises(ConfigError, match="zooo"):
        load_host(block=["zooo"])


def test_the_first_plugin_that_knows_a_checkpoint_opens_it(tmp_path: Any) -> None:
    opened = robustkit.LoadedCheckpoint(weights={}, format="mine", extras={}, metadata={})

    @robustkit.hookimpl
    def robustkit_load_checkpoint(path: Any) -> Any:
        return opened if path.suffix == ".mine" else None

    host = Host()
    host.load(source(types.SimpleNamespace(robustkit_load_checkpoint=robustkit_load_checkpoint)))
    options = robustkit.CheckpointOptions()
    assert host.open_with_plugins(tmp_path / "a.mine", options) is opened
    assert host.open_with_plugins(tmp_path / "a.pt", options) is None
