"""A training that is watched: it goes on in a process of its own, and what it has learned is looked at in another."""
