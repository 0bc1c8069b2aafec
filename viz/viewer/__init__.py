"""The state behind a window: what is looked at, what is changed by hand, and the frame that comes of it."""
