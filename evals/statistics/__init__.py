"""Intervals and tests, with no knowledge of scenarios."""
