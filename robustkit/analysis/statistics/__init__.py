"""Statistics of numbers: intervals, the bootstrap, Pareto fronts. Knows neither runs nor models."""
