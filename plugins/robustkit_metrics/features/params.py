"""Parameters that several metrics of representations have. Light: listing components imports this module."""

from __future__ import annotations

from typing import Literal

Channels = Literal["auto", "second", "last"]

Layers = str | tuple[str, ...]

Pooling = Literal["mean", "flatten"]
