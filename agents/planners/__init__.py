"""Planners over a finite model, true or learned, and their names in scenarios."""
