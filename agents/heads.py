"""Vector values of a model, learned or true (see `envs.heads`)."""

from ..envs.heads import MAX_ROUNDS, Heads, solve_heads

__all__ = ["MAX_ROUNDS", "Heads", "solve_heads"]
