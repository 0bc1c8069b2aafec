"""The shape of a scenario file."""
