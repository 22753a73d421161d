"""The character error rate that a text perturbation says it has."""

from __future__ import annotations

import math

from robustkit.engine.grid import Condition
from robustkit.errors import PluginError
from robustkit.host.validate import build
from robustkit.protocols import TextPerturbation

_DEFECT = "this is a defect of the plugin; robustkit.testing.check_text_perturbation shows it"


def aimed_rate(condition: Condition) -> float:
    """Return the rate that the plugin of a text condition aims at.

    Raises:
        PluginError: its `rate` fails, or returns anything but a finite number of 0 or more.
    """
    assert condition.entry is not None
    asked = f"perturbation '{condition.component}' of plugin {condition.entry.plugin}: rate({condition.severity:g})"
    noise: TextPerturbation = build(condition.entry, condition.params)
    try:
        found = noise.rate(condition.severity or 0.0)
    except (Exception, SystemExit) as error:
        raise PluginError(f"{asked} failed: {type(error).__name__}: {error}", _DEFECT) from error
    try:
        rate = math.nan if isinstance(found, str) else float(found)
    except (TypeError, ValueError):
        rate = math.nan
    if not 0 <= rate < math.inf:
        raise PluginError(
            f"{asked}: expected a character error rate, a finite number of 0 or more, got {found!r:.60}", _DEFECT
        )
    return rate
