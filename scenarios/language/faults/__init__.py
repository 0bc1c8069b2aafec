"""Faults of scenario files: their codes and explanations, how they are collected and how they are printed."""
