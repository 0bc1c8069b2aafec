"""What names mean: symbols, types, ranges, overrides, boards."""
