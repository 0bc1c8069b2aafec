"""Checks an agent's planner and its parameters."""

from __future__ import annotations

from ..faults.collector import Path
from ..names.formula_context import Context
from ..schema.document import ALL, AgentBlock, Formula, Greedy, Mcts, Shooting
from .agent_parts import chosen_part

MOST = 100_000
_BOUNDS = {
    "simulations": (1, MOST),
    "considered": (1, 64),
    "horizon": (1, 1_000),
    "population": (2, MOST),
    "iterations": (1, 1_000),
    "sweeps": (0, MOST),
}
"""Parameter that is a whole number -> its least and greatest allowed value."""


def check_planner(name: str, agent: AgentBlock, path: Path, context: Context) -> None:
    """Check an agent's planner and its parameters.

    Args:
        name: the agent's name.
        agent: the agent's block.
        path: the position of the planner in the file.
        context: the symbols and the report.
    """
    part = chosen_part("planner", name, agent, path, context)
    if part is None or not isinstance(part[1], Mcts | Shooting | Greedy):
        return
    word, block = part
    for parameter in sorted(block.model_fields_set):
        value, place = getattr(block, parameter), (*path, word, parameter)
        if parameter in _BOUNDS and value is not None and value != ALL:
            _check_whole(value, parameter, place, context)
    if isinstance(block, Mcts):
        context.bounded(block.gumbel, "`gumbel`", (*path, word, "gumbel"), 0, 100)
    if isinstance(block, Shooting):
        context.bounded(block.elites, "`elites`", (*path, word, "elites"), 0, 1)


def _check_whole(value: Formula, parameter: str, path: Path, context: Context) -> None:
    # The bounds hold for all values of the params; that it is whole is only tested at their own values.
    number = context.bounded(value, f"`{parameter}`", path, *_BOUNDS[parameter])
    if number is not None and number != int(number):
        context.report.add("TC223", path, f"`{parameter}` is {number:g}", "write a whole number")
