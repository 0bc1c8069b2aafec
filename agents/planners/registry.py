"""Planners by name: those of this package, and those of installed packages (`scenarios.installed`)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from ...envs.world.part_spec import PartSpec
from ...scenarios import installed
from ...scenarios.installed import AgentPartError
from .base import Planner
from .cross_entropy import CrossEntropyPlanner
from .mcts import MctsPlanner
from .tabular import Enumerate, GreedyPlanner

PLANNERS: Final[dict[str, Callable[..., Planner]]] = {
    "enumerate": Enumerate,
    "mcts": MctsPlanner,
    "shooting": CrossEntropyPlanner,
    "none": GreedyPlanner,
}
"""The planners of this package by name; each is made from its parameters as keyword arguments."""


def make_planner(part: PartSpec) -> Planner:
    """Makes the planner that a scenario names.

    Raises:
        AgentPartError: it is not installed, cannot be loaded, or cannot be made with these parameters.
    """
    maker = PLANNERS.get(part.name) or installed.load(installed.PLANNERS, part.name)
    made = made_with(maker, "planner", part)
    if not isinstance(made, Planner):
        raise AgentPartError(f"`{part.name}` is no planner: it lacks `name` or `start(problem)`")
    return made


def made_with(maker: Callable[..., Any], kind: str, part: PartSpec) -> Any:
    """Calls a maker with a part's parameters, and reports any exception as a fault of that part.

    Args:
        maker: returns the part.
        kind: what the part is, for the message.
        part: its name and parameters.

    Raises:
        AgentPartError: the maker raised an exception.
    """
    told = ", ".join(f"{name}={value!r}" for name, value in part.parameters.items())
    try:
        return maker(**part.parameters)
    except Exception as fault:  # any kind, since the maker may be code of another package
        raise AgentPartError(
            f"the {kind} `{part.name}` cannot be made with ({told}): {type(fault).__name__}: {fault}"
        ) from fault
