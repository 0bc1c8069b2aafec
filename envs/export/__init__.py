"""Enumerated worlds in the file formats of probabilistic model checkers, and as plain arrays."""
