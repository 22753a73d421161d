"""Accuracy by group of samples: worst group, worst class, classes with few training samples."""
