"""Statistics of stored results: numpy, pandas and scipy only; no torch, no model, no plugin."""
