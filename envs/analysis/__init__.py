"""Exact answers about a stage: plans, origins of misalignment, explanations of events, gaps in performance."""
