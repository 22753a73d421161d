"""Calibration error: of the predicted class from records, of every class from logits."""
