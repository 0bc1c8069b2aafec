"""Single pictures: a state, and a phase diagram."""
