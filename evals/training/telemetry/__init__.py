"""Telemetry of training: monitored environments, exact curves, early stopping, heartbeats, TensorBoard."""
