"""The meaning of names in a scenario: symbols, types, ranges, overrides and boards."""
