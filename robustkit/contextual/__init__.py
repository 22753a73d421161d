"""Contextual feature utility and sensitivity: how much the loss, and how much a representation, depends on a feature.

The definitions are robustkit's, after Kim et al. (2021), Balancing robustness and sensitivity using feature contrastive
learning (arXiv 2105.09394), which names the two notions; its own formulas are not public. Utility is tied to the change
of the loss, sensitivity to the change of the representation, both for one sample: that is what makes them contextual.
"""
