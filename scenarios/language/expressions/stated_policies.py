"""Stated policies of other agents: an action, `random`, or `if(CONDITION, POLICY, POLICY)`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

from ..faults.faults import Span
from .parser import ExpressionError, Formula, formula
from .syntax import Call, Expression, Name

RANDOM = "random"
"""The policy that takes each available action equally often."""


@dataclass(frozen=True)
class Otherwise:
    """`if(condition, then, otherwise)`, of which both ends are policies again."""

    condition: Expression
    then: StatedPolicy
    otherwise: StatedPolicy


StatedPolicy: TypeAlias = Name | Otherwise
"""An action's name (or `random`), or a choice between two policies by the state."""


def stated_policy(text: Formula) -> StatedPolicy:
    """Parse a policy.

    Raises:
        ExpressionError: it is malformed, or neither an action nor a choice between two.
    """
    return _policy(formula(text))


def _policy(node: Expression) -> StatedPolicy:
    if isinstance(node, Name):
        return node
    if isinstance(node, Call) and node.function == "if":
        condition, then, otherwise = node.arguments
        return Otherwise(condition, _policy(then), _policy(otherwise))
    span: Span = node.span
    cure = "write `if(CONDITION, ACTION, ACTION)`, in which each action may be such a choice again"
    raise ExpressionError("TC111", span, "this is neither an action nor a choice between actions", cure)


def actions_in(policy: StatedPolicy) -> Iterator[Name]:
    """Every action that a policy names."""
    if isinstance(policy, Name):
        yield policy
    else:
        yield from actions_in(policy.then)
        yield from actions_in(policy.otherwise)


def conditions_in(policy: StatedPolicy) -> Iterator[Expression]:
    """Every condition by which a policy chooses."""
    if isinstance(policy, Otherwise):
        yield policy.condition
        yield from conditions_in(policy.then)
        yield from conditions_in(policy.otherwise)
