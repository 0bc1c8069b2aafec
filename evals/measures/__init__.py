"""Measures: numbers about behaviour, over exact plans and over recorded episodes."""
