"""Checks that catch false robustness: robustkit's own small probes of each model of a run.

They use no plugin: what they judge may be a plugin's attack, and the same checks are made whatever is installed.
"""
