"""Quantities of a scenario that are solved, not sampled."""
