"""Where the bundled files are."""

from __future__ import annotations

from pathlib import Path

ASSETS = Path(__file__).with_name("assets")
"""Folder with `fashion-mnist-mini/`, `debian-sections/` and `checkpoints/`; each holds a README that states source,
licence and digests."""
