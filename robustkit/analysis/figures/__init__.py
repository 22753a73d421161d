"""The figures of a comparison, as specs: plain numbers for any renderer."""
