"""Runs: making, storing, reopening, reproducing and comparing them."""
