"""The configuration of a set of corrupted images to be written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from annotated_types import Ge, Le

from robustkit.config.schema import check_keys, parse_component
from robustkit.errors import ConfigError
from robustkit.parameters import params


@params
class CorruptConfig:
    """Everything that decides what is written."""

    data: str
    """A path or the name of a registered dataset."""
    perturbation: tuple[dict[str, Any], ...] = ()
    """Each has a `name`, which may be that of a tag, a `severity` (one or a list), and its own parameters."""
    split: str = ""
    """Which part of the data, where there are several. Empty: `test`."""
    view: str = ""
    """Resize and crop, before the corruption."""
    limit: Annotated[int, Ge(1)] | None = None
    """Corrupt this many samples, spread evenly over the dataset."""
    seed: Annotated[int, Ge(0)] = 0
    """The root of the random keys: an evaluation under this seed generates the same images."""
    layout: Literal["auto", "npy", "folder"] = "auto"
    """`npy`: one array a corruption, as CIFAR-10-C. `folder`: image files, as ImageNet-C. `auto`: files for data that
    are files, else arrays."""
    jpeg: Annotated[int, Ge(0), Le(100)] = 0
    """Quality of the image files; 0 for PNG, which loses nothing. ImageNet-C has 85."""
    device: str = "auto"
    """`auto`, `cpu`, `cuda`, `cuda:1` …"""
    include: tuple[str, ...] = ()
    """Python files with plugins."""

    @property
    def text_column(self) -> str:
        """Empty: texts are not corrupted here."""
        return ""

    @property
    def label_column(self) -> str:
        """Empty: texts are not corrupted here."""
        return ""


def parse_corrupting(values: Mapping[str, Any]) -> CorruptConfig:
    """Return the validated configuration.

    Args:
        values: plain values; perturbations may be tables or shorthand strings.

    Raises:
        ConfigError: an unknown key (with did-you-mean), a missing one, a wrong type or value.
    """
    from pydantic import TypeAdapter, ValidationError

    given = values.get("perturbation", [])
    listed = given if isinstance(given, list | tuple) else [given]
    prepared = {**values, "perturbation": [parse_component(item, "perturbation") for item in listed]}
    check_keys(prepared, CorruptConfig, "", "", "")
    if not prepared["perturbation"]:
        raise ConfigError("no perturbation was given", "for example -p corruptions/common:severity=1..5")
    try:
        return TypeAdapter(CorruptConfig).validate_python(prepared)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ConfigError(
            f"{where}: {first['msg']}, got {first.get('input')!r:.60}",
            "'robustkit corrupt --help' says what each entry means",
        ) from error
