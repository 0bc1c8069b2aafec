"""Checks which deliberation or planner an agent's setting names: a built-in one, or one of an installed package."""

from __future__ import annotations

from typing import Any, get_args

from ... import installed
from ..faults.collector import Path
from ..names.formula_context import Context
from ..names.overrides import GROUPS
from ..names.symbols import suggestion
from ..schema.document import AgentBlock, Choosing

CODES = {"deliberation": "TC221", "planner": "TC223"}
PLURAL = {"deliberation": "rule", "planner": "planner"}


def chosen_part(setting: str, name: str, agent: AgentBlock, path: Path, context: Context) -> tuple[str, Any] | None:
    """Find which part a setting of an agent chooses.

    Args:
        setting: `deliberation` or `planner`.
        name: the agent's name.
        agent: the agent's block.
        path: the position of the setting in the file.
        context: the symbols and the report.

    Returns:
        The part's name and its parameters (None if it is written as a bare word); None if the setting is at fault,
        which is reported.
    """
    its = getattr(agent, setting)
    one = PLURAL[setting]
    if isinstance(its, Choosing):
        # Only what is written counts: every known part is a field of the block, and empty ones are None.
        given = sorted(its.model_fields_set)
        if len(given) != 1:
            what = f"no {one}" if not given else " and ".join(f"`{part}`" for part in given)
            example = {"deliberation": "nash", "planner": "mcts"}[setting]
            cure = "write one of them" if given else f"write one {one} with what it needs, as in `{{{example}: {{}}}}`"
            does = {"deliberation": "deliberates", "planner": "plans"}[setting]
            context.report.add(CODES[setting], path, f"`{name}` {does} by {what}", cure)
            return None
        word, block = given[0], getattr(its, given[0])
        place = (*path, word)
    else:
        word, block, place = str(its), None, path
    # The first member of the setting's type is the `Literal` of the built-in parts.
    known = (*get_args(get_args(AgentBlock.model_fields[setting].annotation)[0]), *installed.names(GROUPS[setting]))
    if word not in known:
        cure = f"{suggestion(word, known)}; others have to be installed"
        message = f"there is no {one} `{word}`"
        context.report.add(CODES[setting], place, message, cure, key=isinstance(its, Choosing))
        return None
    return word, block
