"""How parameters are declared and validated."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pytest
from annotated_types import Ge, Le

import robustkit
from robustkit.config.shorthand import parse_shorthand
from robustkit.errors import ConfigError
from robustkit.host import Entry
from robustkit.host.canonical import canonical_name
from robustkit.host.validate import params_schema, parse_params


@robustkit.params
class NoiseParams:
    std: Annotated[float, Ge(0), Le(1)] = 0.1
    """Standard deviation."""
    per_channel: bool = False


def entry(params: type = NoiseParams) -> Entry:
    component = robustkit.Perturbation(name="noise", summary="", target="a:b", params=params)
    return Entry(component=component, plugin="ours", dist="", version="1", first_party=False)


def test_strings_from_the_command_line_are_coerced() -> None:
    parsed: Any = parse_params(entry(), {"std": "0.2", "per-channel": "true"})
    assert (parsed.std, parsed.per_channel) == (0.2, True)


def test_a_parameter_is_given_once_however_it_is_spelt() -> None:
    with pytest.raises(ConfigError, match="'per-channel' is given twice"):
        parse_params(entry(), {"per_channel": "true", "per-channel": "false"})


@robustkit.params
class ChoiceParams:
    profile: Literal["auto", "cifar", "imagenet"] = "auto"


def test_a_mistyped_choice_is_guessed() -> None:
    with pytest.raises(ConfigError, match=r"parameter 'profile'.*got 'cifra'") as error:
        parse_params(entry(ChoiceParams), {"profile": "cifra"})
    assert error.value.hint == "did you mean 'cifar'?"
    with pytest.raises(ConfigError, match=r"parameter 'profile'.*got 'x'") as error:
        parse_params(entry(ChoiceParams), {"profile": "x"})
    assert "robustkit describe" in error.value.hint


@robustkit.params
class ChoicesParams:
    measure: Literal["cka", "rsa"] | tuple[Literal["cka", "rsa"], ...] = "cka"


@pytest.mark.parametrize(
    ("given", "where", "got", "hint"),
    [("ckaa", "measure", "ckaa", "cka"), (["cka", "rs"], r"measure\.1", "rs", "rsa")],
)
def test_a_mistyped_choice_among_several_is_guessed_and_named_as_it_was_written(
    given: Any, where: str, got: str, hint: str
) -> None:
    with pytest.raises(
        ConfigError, match=rf"parameter '{where}': Input should be 'cka' or 'rsa', got '{got}'"
    ) as error:
        parse_params(entry(ChoicesParams), {"measure": given})
    assert error.value.hint == f"did you mean '{hint}'?"


@robustkit.params
class LayerParams:
    layer: str = ""
    layers: str | tuple[str, ...] = ()
    bins: int | str = 3


@pytest.mark.parametrize(
    ("given", "name", "parsed"),
    [
        ("layer=1", "layer", "1"),
        ('layer="1.10"', "layer", "1.10"),
        ("layers=7", "layers", "7"),
        ("layers=[0,features]", "layers", ("0", "features")),
        ("layers=0..2", "layers", ("0", "1", "2")),
        ("bins=5", "bins", 5),
    ],
)
def test_a_name_may_be_a_number(given: str, name: str, parsed: Any) -> None:
    raw = parse_shorthand(f"noise:{given}")
    raw.pop("name")
    found = parse_params(entry(LayerParams), raw)
    assert getattr(found, name) == parsed
    text = canonical_name(entry(LayerParams), found)
    again = parse_shorthand(text)
    again.pop("name")
    assert parse_params(entry(LayerParams), again) == found


@pytest.mark.parametrize("given", [{"layer": 1.1}, {"layers": ["0", 1.1]}])
def test_a_number_whose_text_is_lost_is_no_name(given: Any) -> None:
    with pytest.raises(ConfigError, match=r"expected a text, got the number 1\.1") as caught:
        parse_params(entry(LayerParams), given)
    assert "quotes" in caught.value.hint


@pytest.mark.parametrize("value", [True, None])
def test_what_is_no_number_does_not_become_a_name(value: Any) -> None:
    with pytest.raises(ConfigError, match="'layer'"):
        parse_params(entry(LayerParams), {"layer": value})


def test_parameters_are_frozen() -> None:
    parsed: Any = parse_params(entry(), {})
    with pytest.raises(AttributeError):
        parsed.std = 1.0


def test_an_unknown_parameter_asks_what_was_meant() -> None:
    with pytest.raises(ConfigError, match="stdd") as caught:
        parse_params(entry(), {"stdd": 1})
    assert caught.value.hint == "did you mean 'std'?"


@pytest.mark.parametrize("value", [-0.1, 1.1, "much"])
def test_a_value_out_of_bounds_is_refused_with_its_place(value: Any) -> None:
    with pytest.raises(ConfigError, match=r"ours/noise.*'std'"):
        parse_params(entry(), {"std": value})


def test_a_component_without_parameters_says_so() -> None:
    with pytest.raises(ConfigError) as caught:
        parse_params(entry(robustkit.NoParams), {"std": 1})
    assert caught.value.hint == "it takes none"


def test_the_schema_has_bounds_default_and_help() -> None:
    std = params_schema(entry())["properties"]["std"]
    assert (std["minimum"], std["maximum"], std["default"], std["description"]) == (0, 1, 0.1, "Standard deviation.")


@robustkit.params
class Base:
    inherited: int = 1
    """Stands in the class above."""

    replaced: int = 2
    """Has another default below."""


@robustkit.params
class Derived(Base):
    replaced: int = 3

    own: int = 4
    """Stands here."""


def test_inherited_parameters_keep_their_help() -> None:
    found = params_schema(entry(Derived))["properties"]
    assert {name: (each.get("description"), each["default"]) for name, each in found.items()} == {
        "inherited": ("Stands in the class above.", 1),
        "replaced": ("Has another default below.", 3),
        "own": ("Stands here.", 4),
    }
