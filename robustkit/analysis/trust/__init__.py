"""Checks that follow from stored records, without a model, and the rule that weighs them with the probes' findings."""
