"""Monitors: what reads an agent's behaviour, plans, values or imagination, and how early that gives an event away."""
