"""The tabular model-based agent: transition counts, and exact planning on what they say."""
