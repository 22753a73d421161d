"""The report on runs: figures, tables, verdict and provenance together."""
