"""Parts of agents by name: those that come with Turncoat, and those of installed packages (`scenarios.installed`)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from ...envs.world.agent_parts import PartSpec
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
"""What makes each planner that comes with Turncoat, from its parameters."""


def make_planner(part: PartSpec) -> Planner:
    """The planner that a scenario names.

    Raises:
        AgentPartError: it is not installed, cannot be loaded, or cannot be made with these parameters.
    """
    maker = PLANNERS.get(part.name) or installed.load(installed.PLANNERS, part.name)
    made = made_with(maker, "planner", part)
    if not isinstance(made, Planner):
        raise AgentPartError(f"`{part.name}` is no planner: it lacks `name` or `start(problem)`")
    return made


def made_with(maker: Callable[..., Any], kind: str, part: PartSpec) -> Any:
    """What a maker makes of a part's parameters, its faults put down to it.

    Raises:
        AgentPartError: it failed.
    """
    told = ", ".join(f"{name}={value!r}" for name, value in part.parameters.items())
    try:
        return maker(**part.parameters)
    except Exception as fault:
        raise AgentPartError(
            f"the {kind} `{part.name}` cannot be made with ({told}): {type(fault).__name__}: {fault}"
        ) from fault
