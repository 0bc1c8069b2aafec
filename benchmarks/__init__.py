"""What the library promises to be quick at, measured: `python -m benchmarks`."""
