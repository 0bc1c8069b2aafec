"""Turncoat: model-based agents in hand-made scenarios, watched for the moment when they turn."""

__version__ = "0.1.0"
