"""States and episodes as plain text."""
