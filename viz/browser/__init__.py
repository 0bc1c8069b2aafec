"""A browser of stored runs and sweeps in a window: its pages, how they are drawn, and its loop."""
