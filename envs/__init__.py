"""What a scenario means: worlds, stepped, enumerated and solved."""
