"""The decorator under which a component declares its parameters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(frozen_default=True, kw_only_default=True)
def params(cls: type[T]) -> type[T]:
    """Return `cls` as a frozen, keyword-only dataclass whose fields the host validates.

    Bounds are written with `typing.Annotated` and `annotated_types` (or `pydantic.Field`), help as a
    string below the field. Unknown keys are errors. Nothing heavy is imported: pydantic reads the
    declaration only when a component is used or described.

    Example:
        @robustkit.params
        class NoiseParams:
            std: Annotated[float, Ge(0), Le(1)] = 0.1
            '''Standard deviation, in units of the [0, 1] range.'''
    """
    decorated = dataclass(frozen=True, slots=True, kw_only=True)(cls)
    # Without this pydantic would drop unknown keys silently and lose the fields' help.
    config = {"extra": "forbid", "use_attribute_docstrings": True, "allow_inf_nan": False}
    decorated.__pydantic_config__ = config  # type: ignore[attr-defined]
    return decorated


@params
class NoParams:
    """A component without parameters."""
