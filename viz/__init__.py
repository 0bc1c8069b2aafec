"""Visualisation: pictures, films, reports and the window."""

import os

os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")  # read when pygame is imported; stdout is the program's own
