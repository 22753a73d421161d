"""How often each sample was right: what the bootstrap over samples resamples."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from robustkit.analysis.comparison.members import Member
from robustkit.analysis.comparison.scopes import Seeds


def correct_shares(members: Sequence[Member], conditions: Sequence[str], seeds: Seeds) -> NDArray[np.float64] | None:
    """Return (n,) shares of all (model, condition, seed) in which a sample was right, or None without records."""
    vectors = [member.correct(condition, seeds[condition]) for member in members for condition in conditions]
    known = [vector for vector in vectors if vector is not None]
    return np.mean(known, axis=0) if known and len(known) == len(vectors) else None
