"""Effective robustness: accuracy under shift beyond what clean accuracy lets expect of other models."""
