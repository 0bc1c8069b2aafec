"""Agents and world models of other code: Stable-Baselines3's, installed packages', the user's own."""
