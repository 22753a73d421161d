from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from robustkit.engine.data import open_table

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="session")
def bundled():
    """1,338 descriptions of software packages."""
    data = open_table(ROOT / "plugins/robustkit_zoo/assets/debian-sections/test.tsv")
    return data.read(np.arange(len(data.labels)))


@pytest.fixture(scope="session")
def reviews():
    """The 872 sentences of SST-2's development set."""
    path = ROOT.parent / "shared/data/sst2/dev.tsv"
    if not path.is_file():
        pytest.skip("the published data are not beside this checkout")
    data = open_table(path)
    return data.read(np.arange(len(data.labels)))
