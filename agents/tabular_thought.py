"""The thought of an agent that plans on a learned finite model: what `counts` and `local_rules` share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..envs.base import Bools, FiniteMDP, Floats, Longs
from .deliberation import Rule, attribution
from .heads import Heads
from .plans import Plan
from .tabular_plan import Course, plan_from_table
from .thoughts import Thought


@dataclass(frozen=True, eq=False)
class Decision:
    """One decision, as the agent that made it knows it.

    Attributes:
        agent: its name; channels, weights: as in `Thought`; rule: how they deliberate.
        step: ticks since the episode began; action: what was chosen.
        uncertainty: float64 `[A]`; available: bool `[A]`, what could be chosen.
    """

    agent: str
    channels: tuple[str, ...]
    weights: Floats
    rule: Rule
    step: int
    action: int
    uncertainty: Floats
    available: Bools


def tabular_thought(
    decision: Decision,
    planned: tuple[FiniteMDP, Heads, Longs, int] | None,
    hallucinated: int | None = 0,
    truncated: bool = False,
) -> Thought:
    """A decision with the plan behind it.

    Args:
        decision: what was decided.
        planned: the model, its heads, its observations int64 `[S, O]` and the state; None where there was no plan, and
            then `q` is zero.
        hallucinated: see `Plan`.
        truncated: the model itself was cut.
    """
    q = np.zeros((decision.available.size, len(decision.channels)))
    plans: tuple[Plan, ...] = ()
    if planned is not None:
        mdp, heads, observations, state = planned
        plan = plan_from_table(
            mdp,
            Course(lambda _: heads),
            observations,
            state,
            decision.action,
            decision.agent,
            decision.uncertainty,
            decision.available,
            hallucinated=hallucinated,
            truncated=truncated,
        )
        q, plans = plan.q, (plan,)
    return Thought(
        agent=decision.agent,
        step=decision.step,
        action=decision.action,
        channels=decision.channels,
        weights=decision.weights,
        deliberation=decision.rule.name,
        q=q,
        uncertainty=decision.uncertainty,
        available=decision.available,
        attribution=attribution(q, decision.weights, decision.available, decision.action, decision.rule),
        plans=plans,
    )
