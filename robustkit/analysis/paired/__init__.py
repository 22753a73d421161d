"""Models compared in pairs, sample by sample: differences, their intervals and tests."""
