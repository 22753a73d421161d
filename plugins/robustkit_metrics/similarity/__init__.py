"""How similar representations are: of clean and degraded inputs, of two layers, of two models."""
