"""Opens checkpoints and data, and computes per-sample records cell by cell. The only layer that imports torch."""
