"""The schema of a scenario file: its models, their validation and the JSON Schema for editors."""
