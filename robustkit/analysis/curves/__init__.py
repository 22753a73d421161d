"""What follows from a perturbation at several severities: curves of accuracy, flips of predictions."""
