"""Linear probes: what can be read off features by a linear classifier that has not seen the samples it is asked about.

Functions of numpy arrays alone. Fits are convex and deterministic: multinomial logistic regression, cross-fitted.
"""
