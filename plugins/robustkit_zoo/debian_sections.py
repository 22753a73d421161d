"""The bundled descriptions of Debian packages, by section of the archive."""

from __future__ import annotations

import robustkit
from robustkit_zoo.assets import ASSETS
from robustkit_zoo.params import DebianSectionsParams


def debian_sections(params: DebianSectionsParams) -> robustkit.TextDataset:
    """Return one-line descriptions, one a source package: 3,099 for training or 1,338 for testing.

    The eight classes are of very different size, from 814 training texts (`science`) to 71 (`hamradio`).
    """
    path = ASSETS / "debian-sections" / f"{params.split}.tsv"
    return robustkit.open_table(path, text_column="description", label_column="section")
