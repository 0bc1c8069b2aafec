"""What trained agents share: training loops, checkpoints, device selection, reward models."""
