"""Statistics of stored results: numpy and scipy only; no torch, no model, no plugin."""
