"""Finds and loads the agent parts that installed packages register as entry points.

Listing names runs no code of any package, so a scenario that names a part can be opened and checked safely. Loading a
part imports its package. A scenario can only name what is installed, so it can only run code that the user chose to
install.
"""

from __future__ import annotations

from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Final

from .did_you_mean import did_you_mean
from .errors import UsageError

AGENTS: Final = "turncoat.agents"
"""The entry point group of agents and of factories that make them."""
MODELS: Final = "turncoat.models"
"""The entry point group of factories of world models (`agents.base.WorldModel`)."""
PLANNERS: Final = "turncoat.planners"
"""The entry point group of factories of planners (`agents.planners.base.Planner`)."""
DELIBERATIONS: Final = "turncoat.deliberations"
"""The entry point group of deliberations (`envs.deliberation.Deliberation`)."""


class AgentPartError(UsageError):
    """A part of an agent cannot be found, loaded or made; the message says which and why."""


def names(group: str) -> tuple[str, ...]:
    """The sorted names that installed packages register in a group; none of their code is run."""
    return tuple(sorted(_points(group)))


def load(group: str, name: str) -> Any:
    """Load the object that an entry point names.

    Raises:
        AgentPartError: no installed package registers the name, or importing the object fails.
    """
    points = _points(group)
    if name not in points:
        hint = did_you_mean(name, points)
        there = ", ".join(points) or "none"
        raise AgentPartError(f"no installed package has `{name}` in the group `{group}`: {hint}there are {there}")
    try:
        return points[name].load()
    except Exception as fault:  # importing runs the package's own code, which may raise anything
        what = f"`{name}` ({points[name].value}) is installed and could not be loaded"
        raise AgentPartError(f"{what}: {type(fault).__name__}: {fault}") from fault


@cache
def _points(group: str) -> dict[str, EntryPoint]:
    """The entry points of a group by name; of two packages with the same name, the one that Python finds first."""
    found: dict[str, EntryPoint] = {}
    for point in entry_points(group=group):
        found.setdefault(point.name, point)
    return found
