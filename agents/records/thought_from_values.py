"""Thoughts of agents that have a value for every action."""

from __future__ import annotations

import numpy as np

from ...envs.base import Bools, Floats
from .attribution import DeliberationRule, attribution
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
) -> Thought:
    """A decision with the plan behind it.

    Args:
        agent: its name.
        channels: as in `Thought`.
        weights: as in `Thought`.
        rule: how the heads deliberate.
        step: ticks since the episode began.
        action: what was chosen.
        uncertainty: float64 `[A]`.
        available: bool `[A]`, what could be chosen.
        plan: None where there was none, and then `q` is zero.
    """
    q = np.zeros((available.size, len(channels))) if plan is None else plan.q
    plans = () if plan is None else (plan,)
    return valued_thought(agent, channels, weights, rule, step, action, q, uncertainty, available, plans)


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
) -> Thought:
    """A decision with its values float64 `[A, K]`, by plans or without any; the rest as in `tabular_thought`."""
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
    )
