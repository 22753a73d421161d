"""What every declaration has."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from robustkit.parameters import NoParams

Target = str | Callable[..., Any]
Modality = Literal["image", "text"]


@dataclass(frozen=True, kw_only=True)
class Component:
    """What every declaration has.

    Attributes:
        name: lower-case words joined by `-`, unique in the plugin. Users write `plugin/name`, or
            `name` alone where it is unambiguous.
        summary: one line for `robustkit list`.
        target: the implementation, `"package.module:attribute"` or the object itself. It is called
            with the validated parameters: `target(params)`.
        params: a class decorated with `robustkit.params`.
        tags: free words to select by.
        citation: the paper or reference that the component follows.
        caveat: one line that is printed wherever results of the component are: that it is approximate, or how far it
            follows its source. Empty where there is nothing to say.
        requires: `requires() -> str`, where it needs files or packages that do not come with its plugin: what it found
            of them in a few words, or a `RobustkitError` that tells how to get them; for `robustkit doctor`.
    """

    kind: ClassVar[str] = "component"

    name: str
    summary: str
    target: Target
    params: type = NoParams
    tags: tuple[str, ...] = ()
    citation: str = ""
    caveat: str = ""
    requires: Target | None = None
