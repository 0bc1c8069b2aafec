"""Runs: made, kept in a folder, reopened, reproduced and compared."""
