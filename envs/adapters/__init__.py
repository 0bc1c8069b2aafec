"""Faces of a world: what Gymnasium, PettingZoo and Stable-Baselines3 expect, over the one stepper."""
