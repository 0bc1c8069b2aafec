"""From files to plain data, each value with the place it came from."""
