"""Baseline agents: the exact planner on the true world, scripted agents, and tabular model-free ones."""
