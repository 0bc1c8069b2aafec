"""The checks of the single blocks of a scenario file."""
