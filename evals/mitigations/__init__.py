"""Mitigations of a turn: what a planner does under each, exact or on what was learned, and how they are scored."""
