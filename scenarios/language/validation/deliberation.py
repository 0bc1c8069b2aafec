"""Checks an agent's deliberation: its rule, the values that it names, and the disagreement action of a bargain."""

from __future__ import annotations

from ..expressions.constants import CEILING
from ..faults.collector import Path
from ..names.formula_context import Context
from ..names.symbols import action_names, unknown
from ..schema.document import AgentBlock, Bargain, Deliberating
from .agent_parts import chosen_part


def check_deliberation(name: str, agent: AgentBlock, path: Path, context: Context) -> None:
    """Check an agent's deliberation rule and its parameters.

    Args:
        name: the agent's name.
        agent: the agent's block.
        path: the position of the deliberation in the file.
        context: the symbols and the report.
    """
    part = chosen_part("deliberation", name, agent, path, context)
    if part is None:
        return
    word, block = part
    if block is None:
        _check_bare(word, name, agent, path, context)
    elif isinstance(agent.deliberation, Deliberating):  # a package's own rule passes: none of its parameters are set
        _check_rule(agent.deliberation, agent, (*path, word), context)


def _check_bare(rule: str, name: str, agent: AgentBlock, path: Path, context: Context) -> None:
    """Check a rule that is written as a bare word, and so with default parameters."""
    if rule == "veto":
        cure = "write `deliberation: {veto: {at_least: {VALUE: NUMBER}}}`"
        context.report.add("TC221", path, f"the veto of `{name}` has no threshold", cure)
    if rule in ("nash", "kalai_smorodinsky"):
        _check_bargain(Bargain(), rule, agent, path, context)


def _check_rule(its: Deliberating, agent: AgentBlock, path: Path, context: Context) -> None:
    if its.lexicographic is not None:
        order = its.lexicographic.order or []
        for index, value in enumerate(order):
            _check_value(value, agent, (*path, "order", index), context)
            if value in order[:index]:
                context.report.add("TC219", (*path, "order", index), f"`{value}` is here twice", "list each value once")
        context.bounded(its.lexicographic.slack, "the slack", (*path, "slack"), 0, CEILING)
    if its.veto is not None:
        for value, bound in its.veto.at_least.items():
            _check_value(value, agent, (*path, "at_least", value), context, key=True)
            context.fixed(bound, f"the threshold of `{value}`", (*path, "at_least", value))
    for rule in ("nash", "kalai_smorodinsky"):
        bargain = getattr(its, rule)
        if bargain is not None:
            _check_bargain(bargain, rule, agent, path, context)
    if its.vote is not None:
        context.bounded(its.vote.approves, "`approves`", (*path, "approves"), 0, 1)


def _check_value(value: str, agent: AgentBlock, path: Path, context: Context, key: bool = False) -> None:
    if value not in agent.values:
        unknown(context.report, "TC425", "value", value, agent.values, path, key=key)


def _check_bargain(bargain: Bargain, rule: str, agent: AgentBlock, path: Path, context: Context) -> None:
    names = action_names(agent.actions)
    if bargain.disagreement is None:
        if "stay" not in names:
            cure = f"write `{{{rule}: {{disagreement: {names[0]}}}}}`, or another of its actions"
            message = "a bargain needs the action that is taken without agreement, and there is no `stay`"
            context.report.add("TC221", path, message, cure)
    elif bargain.disagreement not in names:
        unknown(context.report, "TC424", "action", bargain.disagreement, names, (*path, "disagreement"))
