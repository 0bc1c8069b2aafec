"""The scenario language: schema, expressions, loading and faults."""
