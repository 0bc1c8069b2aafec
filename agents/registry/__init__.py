"""Agents by the names that files and the command line use, what each can do, and where it cannot be trained."""
