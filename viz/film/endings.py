"""The kinds of films, by the endings of their files."""

from __future__ import annotations

from typing import Final

ENDINGS: Final = (".mp4", ".gif", ".webp")
"""The endings of film files; a path without an ending is a folder of pictures."""
