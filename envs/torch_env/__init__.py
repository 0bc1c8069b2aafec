"""Enumerated worlds as batched torch environments, on the CPU or a GPU."""
