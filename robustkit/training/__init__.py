"""Training: one objective a method, a loop on Lightning Fabric, and a folder that a killed run continues exactly."""
