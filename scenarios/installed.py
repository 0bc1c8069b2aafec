"""Agent parts of installed packages, found by entry points: their names, and the object when one is used.

Looking at names runs no code of any package, so a file that names a part can be opened and checked safely. Loading one
imports its package, which whoever installed it trusts; a file can name nothing that is not installed.
"""

from __future__ import annotations

from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Final

from .did_you_mean import did_you_mean
from .errors import UsageError

AGENTS: Final = "turncoat.agents"
"""Entry points whose objects are agents, or make them."""
MODELS: Final = "turncoat.models"
"""Entry points that make world models (`agents.modelled.WorldModel`)."""
PLANNERS: Final = "turncoat.planners"
"""Entry points that make planners (`agents.planning.Planner`)."""
DELIBERATIONS: Final = "turncoat.deliberations"
"""Entry points that are deliberations (`envs.deliberation.Deliberation`)."""


class AgentPartError(UsageError):
    """A part of an agent cannot be found, loaded or made; the message says which and why."""


def names(group: str) -> tuple[str, ...]:
    """The names that installed packages bring in a group, sorted; nothing of theirs is run."""
    return tuple(sorted(_points(group)))


def load(group: str, name: str) -> Any:
    """Load the object that an entry point names.

    Raises:
        AgentPartError: no installed package brings it, or it cannot be imported.
    """
    points = _points(group)
    if name not in points:
        hint = did_you_mean(name, points)
        there = ", ".join(points) or "none"
        raise AgentPartError(f"no installed package has `{name}` in the group `{group}`: {hint}there are {there}")
    try:
        return points[name].load()
    except Exception as fault:
        what = f"`{name}` ({points[name].value}) is installed and could not be loaded"
        raise AgentPartError(f"{what}: {type(fault).__name__}: {fault}") from fault


@cache
def _points(group: str) -> dict[str, EntryPoint]:
    """By name; of two packages that bring one name, the first that Python finds."""
    found: dict[str, EntryPoint] = {}
    for point in entry_points(group=group):
        found.setdefault(point.name, point)
    return found
