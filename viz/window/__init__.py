"""The pygame window: its display, its mouse, its keys."""
