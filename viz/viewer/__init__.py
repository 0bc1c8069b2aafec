"""The state behind a window: what is selected, what is edited, and the frame that results."""
