"""The small languages: syntax, parser, constants."""
