"""Severity constants as the published scripts print them, and what lies between whole severities.

The constants were read off github.com/hendrycks/robustness, ImageNet-C/create_c (Apache-2.0): `cifar` off
make_cifar_c.py, `tiny-imagenet` off make_tinyimagenet_c.py (make_imagenet_64_c.py has the same), `imagenet` off
make_imagenet_c.py, `inception` off make_imagenet_c_inception.py; `imagecorruptions`, where it has its own, off
imagecorruptions 1.1.2. The rows of severity 0 and the rules between whole severities are robustkit's choice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf, isnan
from typing import Literal

from robustkit_corruptions.params import Published

Rule = Literal["linear", "inverse", "step", "kind"]
Row = tuple[float, ...]
Rows = tuple[Row, ...]


@dataclass(frozen=True, kw_only=True)
class Constants:
    """The constants of one corruption at severities 1 to 5, by published set.

    Attributes:
        names: of the columns.
        identity: the row of severity 0, which changes nothing. nan in a column that says how, not how much: the value
            of severity 1.
        rules: how each column is read between whole severities. `linear`: piecewise linear. `inverse`: its inverse is
            piecewise linear, for a column that is infinite at severity 0. `step`: the value of the next whole severity,
            for whole numbers and for columns that say how. `kind`: the same, and where it changes, the other columns
            are of the next severity too: there is nothing between two kinds.
        tables: five rows for each set. `imagecorruptions` may be left out where it is that of imagenet.
    """

    names: tuple[str, ...]
    identity: Row
    rules: tuple[Rule, ...]
    tables: Mapping[Published, Rows]

    def table(self, profile: Published) -> Rows:
        """Return the five rows of a published set."""
        return self.tables[profile] if profile in self.tables else self.tables["imagenet"]

    def at(self, profile: Published, severity: float) -> Row:
        """Return the constants at a severity from 0 to 5, in the order of `names`.

        >>> photons = Constants(
        ...     names=("photons",), identity=(inf,), rules=("inverse",), tables={"imagenet": ((60.0,), (25.0,))}
        ... )
        >>> photons.at("imagenet", 2.0), photons.at("imagecorruptions", 0.5)
        ((25.0,), (120.0,))
        """
        rows = self.table(profile)
        origin = tuple(first if isnan(own) else own for own, first in zip(self.identity, rows[0], strict=True))
        below = int(severity)
        lower, upper = (origin, *rows, ())[below : below + 2]
        if below == severity:
            return lower
        columns = list(zip(self.rules, lower, upper, strict=True))
        if any(rule == "kind" and low != high for rule, low, high in columns):
            return upper
        return tuple(_between(rule, low, high, severity - below) for rule, low, high in columns)


def levels(*values: float) -> Rows:
    """Return the rows of a corruption with one constant."""
    return tuple((value,) for value in values)


def _between(rule: Rule, low: float, high: float, share: float) -> float:
    if rule in ("step", "kind"):
        return high
    if rule == "inverse":
        return 1 / _between("linear", 0.0 if low == inf else 1 / low, 1 / high, share)
    return low + share * (high - low)
