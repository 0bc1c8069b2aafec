"""Temporal properties of an episode: formulas, their automata, and the process that remembers an automaton's state."""
