"""Contextual utility and sensitivity: robustkit's definitions, after Kim et al. (2021)."""
