"""Environments for Gymnasium, PettingZoo and Stable-Baselines3, over the batch stepper."""
