"""Agents to compare with: the oracle that knows the world, scripted ones, tabular model-free ones."""
