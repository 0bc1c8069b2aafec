"""Verdicts: whether an expectation holds, with which confidence, and how many seeds it takes to show it."""
