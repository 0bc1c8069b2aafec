"""Agents by the names used in files and on the command line, their capabilities, and where each can be trained."""
