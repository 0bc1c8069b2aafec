"""Scenarios as tasks of Inspect (`inspect eval turncoat/lab`): language models play them and are judged as agents are.

Needs the extra `inspect`.
"""
