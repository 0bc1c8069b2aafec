"""Makes the `Thought` of a decision for agents that have a value for every action."""

from __future__ import annotations

import numpy as np

from ...envs.base import Bools, Floats
from .attribution import DeliberationRule, attribution
from .fired_rules import FiredRules
from .plan import Plan
from .thought import Thought


def tabular_thought(
    agent: str,
    channels: tuple[str, ...],
    weights: Floats,
    rule: DeliberationRule,
    step: int,
    action: int,
    uncertainty: Floats,
    available: Bools,
    plan: Plan | None,
    rules: FiredRules | None = None,
) -> Thought:
    """The thought of a decision that was made by a plan; its values are those of the plan.

    Args:
        agent: the agent's name.
        channels: as in `Thought`.
        weights: as in `Thought`.
        rule: the deliberation.
        step: ticks since the episode began.
        action: the chosen action.
        uncertainty: float64 `[A]`, as in `Thought`.
        available: bool `[A]`, the actions that could be chosen.
        plan: None where there was none; then `q` is zero.
        rules: as in `Thought`.
    """
    # Without a plan there are no values, and attribution by zeros names no head as deciding.
    q = np.zeros((available.size, len(channels))) if plan is None else plan.q
    plans = () if plan is None else (plan,)
    return valued_thought(agent, channels, weights, rule, step, action, q, uncertainty, available, plans, rules)


def valued_thought(
    agent: str,
    channels: tuple[str, ...],
    weights: Floats,
    rule: DeliberationRule,
    step: int,
    action: int,
    q: Floats,
    uncertainty: Floats,
    available: Bools,
    plans: tuple[Plan, ...] = (),
    rules: FiredRules | None = None,
) -> Thought:
    """The thought of a decision by values `q`, float64 `[A, K]`, with any number of plans.

    The other arguments are those of `tabular_thought`.
    """
    return Thought(
        agent=agent,
        step=step,
        action=action,
        channels=channels,
        weights=weights,
        deliberation=rule.name,
        q=q,
        uncertainty=uncertainty,
        available=available,
        attribution=attribution(q, weights, available, action, rule),
        plans=plans,
        rules=rules,
    )
