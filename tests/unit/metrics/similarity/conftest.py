from __future__ import annotations

import numpy as np
import pytest


@pytest.fixture(scope="session")
def cases():
    """Three pairs of feature matrices with published similarities; B has more features than samples."""
    i = np.arange(1, 13)[:, None]
    a = np.sin(i * np.arange(1, 5))
    b, c = np.random.RandomState(0), np.random.RandomState(1)
    x, w, e = (c.standard_normal(shape) for shape in ((64, 10), (10, 6), (64, 6)))
    return {
        "A": (a, np.cos(i * np.arange(2, 5)) + 0.5 * a[:, :3]),
        "B": (b.standard_normal((8, 20)), b.standard_normal((8, 30))),
        "C": (x, x @ w + 0.5 * e),
    }
