from __future__ import annotations

from pathlib import Path

import pytest

SHARED = Path(__file__).parents[3].parent / "shared" / "data"


@pytest.fixture
def shared():
    """The published data beside the checkout."""
    if not SHARED.is_dir():
        pytest.skip("the published data is not beside the checkout")
    return SHARED
