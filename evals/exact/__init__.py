"""Quantities of a scenario that are solved exactly instead of sampled."""
