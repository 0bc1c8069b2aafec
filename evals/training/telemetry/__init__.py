"""Who looks on while an agent is trained: curves, plateaus, heartbeats, TensorBoard."""
