"""A part of an agent as a scenario file names it. What it does belongs to the room `agents`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final


@dataclass(frozen=True)
class PartSpec:
    """A part by its name.

    Attributes:
        name: built in, or of an installed package.
        parameters: those that the file gives, plain values; all others are as the part has them.
    """

    name: str
    parameters: Mapping[str, Any] = field(default_factory=dict)


ENUMERATE: Final = PartSpec("enumerate")
"""The planner where a file names none."""
