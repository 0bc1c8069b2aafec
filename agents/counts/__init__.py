"""The tabular model-based agent: a world model of transition counts, and planning on it."""
