"""How parameters are declared and validated."""

from __future__ import annotations

from typing import Annotated, Any

import pytest
from annotated_types import Ge, Le

import robustkit
from robustkit.errors import ConfigError
from robustkit.host import Entry
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
