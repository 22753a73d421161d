"""Whether a model says of degraded inputs what it says of the clean ones."""
