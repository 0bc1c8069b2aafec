"""Bounds of values in worlds that are too large to enumerate."""
