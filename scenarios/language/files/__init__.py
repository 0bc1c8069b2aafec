"""Reads and merges scenario files into plain data, in which each value keeps its position."""
