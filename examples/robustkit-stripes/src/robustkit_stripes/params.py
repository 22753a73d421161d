"""What the stripes can be told."""

from typing import Annotated, Literal

from annotated_types import Ge
from robustkit import params


@params
class StripesParams:
    """The parameters of `stripes`."""

    width: Annotated[int, Ge(1)] = 3
    """Width of a stripe, and of the gap beside it, in pixels."""

    direction: Literal["horizontal", "vertical"] = "horizontal"
    """How the stripes run."""
