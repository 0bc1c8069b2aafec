"""Execution of training: worker processes, time budgets, the cache of traces, checkpoints."""
