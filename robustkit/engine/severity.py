"""Severities: from a level on the published scale to a constant of the perturbation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from robustkit.errors import ConfigError

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Levels:
    """The published constants of one parameter, and what lies between them.

    Attributes:
        identity: the constant that changes nothing; severity 0.
        values: the constants at severities 1, 2, …
    """

    identity: float
    values: tuple[float, ...]

    def at(self, severity: Tensor) -> Tensor:
        """Return (N,) float64 constants: the published ones at whole severities, piecewise linear between them.

        Linear interpolation is robustkit's choice; the papers define whole severities only.

        Args:
            severity: (N,), 0 to `len(values)`.

        Raises:
            ConfigError: a severity is outside that range.

        >>> import torch
        >>> Levels(0.0, (0.04, 0.06)).at(torch.tensor([0.0, 0.5, 1.0, 2.0]))
        tensor([0.0000, 0.0200, 0.0400, 0.0600], dtype=torch.float64)
        """
        import torch

        severity = severity.to(torch.float64)
        highest = len(self.values)
        if not bool(((severity >= 0) & (severity <= highest)).all()):
            got = f"{severity.min().item():g} to {severity.max().item():g}"
            raise ConfigError(f"severity: expected 0 to {highest}, got {got}", "choose severities on the scale")
        constants = torch.tensor((self.identity, *self.values), dtype=torch.float64, device=severity.device)
        below = severity.floor().to(torch.int64)
        above = (below + 1).clamp(max=highest)
        return constants[below] + (severity - below) * (constants[above] - constants[below])
