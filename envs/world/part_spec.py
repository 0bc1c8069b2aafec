"""The specification of a part of an agent, such as its planner, as a scenario file gives it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final


@dataclass(frozen=True)
class PartSpec:
    """The name and parameters of a part of an agent; the room `agents` makes the part itself.

    Attributes:
        name: of a built-in part, or of one from an installed package.
        parameters: those that the file gives, plain values; all others keep the part's own defaults.
    """

    name: str
    parameters: Mapping[str, Any] = field(default_factory=dict)


ENUMERATE: Final = PartSpec("enumerate")
"""The planner where a file names none."""
