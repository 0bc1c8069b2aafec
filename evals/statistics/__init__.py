"""Intervals, tests and corrections for few seeds, with no knowledge of scenarios."""
