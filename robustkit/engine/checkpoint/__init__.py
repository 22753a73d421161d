"""Checkpoints: what a file is, what is in it, and how it fits a model. Nothing in a file is run unasked."""

from __future__ import annotations

from robustkit.engine.checkpoint.digest import file_digest, weights_digest
from robustkit.engine.checkpoint.fit import FitReport, load_into
from robustkit.engine.checkpoint.open import open_checkpoint

__all__ = ["FitReport", "file_digest", "load_into", "open_checkpoint", "weights_digest"]
