"""The commented file that a new scenario begins with."""

from __future__ import annotations

from pathlib import Path

FILE = Path(__file__).with_name("template.yaml")
"""The file, a whole scenario with `NAME` in the place of its name."""


def starter(name: str) -> str:
    """The text of a scenario file with comments, under a name."""
    return FILE.read_text(encoding="utf-8").replace("name: NAME", f"name: {name}", 1)
