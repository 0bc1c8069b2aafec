"""Planners that read their decisions off a table: `enumerate`, which solves the model, and `none`, which only looks up.

`enumerate` is deep and complete: every state of the model, until the values no longer change. `none` follows heads that
were swept a number of times before; at a decision it takes no step of the model, so what those sweeps did not reach it
does not know. With sweeps that never end the two are one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from ...envs.base import Bools, Ints, Longs
from ...envs.solvers.vector_values import Heads
from ..records.plan import Plan
from ..records.plan_from_mdp import PlannedPath, plan_from_table
from .base import BoundPlanner, Decision, Problem, Sweeps, check_heads_asked

SWEEPS: Final = 10
"""So many, where a planner is not told how far its heads see."""


@dataclass(frozen=True)
class Enumerate:
    """Solves the whole model for what the deliberation brings about. It has no parameters."""

    @property
    def name(self) -> str:
        """In plans."""
        return "enumerate"

    def start(self, problem: Problem) -> BoundPlanner:
        """See `Planner.start`; nothing is solved before the first decision."""
        return _Solved(problem)


@dataclass(frozen=True)
class GreedyPlanner:
    """Takes the best action by the heads, without a step of the model.

    Attributes:
        sweeps: how often the heads were backed up before; see `planners.base.Sweeps`.
    """

    sweeps: Sweeps = SWEEPS

    def __post_init__(self) -> None:
        check_heads_asked(self.sweeps)

    @property
    def name(self) -> str:
        """In plans."""
        return "none"

    def start(self, problem: Problem) -> BoundPlanner:
        """See `Planner.start`."""
        return _LookedUp(problem, problem.heads(self.sweeps))


class _Solved:
    """`enumerate` bound to a problem."""

    def __init__(self, problem: Problem) -> None:
        self._problem = problem

    def decide(self, states: Longs, available: Bools) -> Ints:
        """The solved policy; where it may not be followed, what the rule makes of its values."""
        return followed(self._problem, self._problem.solved, states, available)

    def plan(self, decision: Decision) -> Plan:
        """Everything that the policy may come to, most probable first."""
        heads = self._problem.solved
        return table_plan(self._problem, heads, decision, "enumerate")


class _LookedUp:
    """`none` bound to a problem."""

    def __init__(self, problem: Problem, heads: Heads) -> None:
        self._problem, self._heads = problem, heads

    def decide(self, states: Longs, available: Bools) -> Ints:
        """The best by the heads."""
        return followed(self._problem, self._heads, states, available)

    def plan(self, decision: Decision) -> Plan:
        """The present state alone: nothing was imagined, so there is no line and no further node."""
        return root_plan(self._problem, self._heads, decision, "none")


def followed(problem: Problem, heads: Heads, states: Longs, available: Bools) -> Ints:
    """int32 `[B]`: the policy of some heads, and where that may not be taken, the rule on their values."""
    actions = heads.policy[states].astype(np.int32)
    for lane in np.flatnonzero(~available[np.arange(states.size), actions]).tolist():
        state = int(states[lane])
        actions[lane] = problem.rule(heads.vector_q[state], problem.weights_in(state), available[lane]).action
    return actions


def table_plan(problem: Problem, heads: Heads, decision: Decision, planner: str) -> Plan:
    """The plan that a table of heads implies; see `plan_from_table`."""
    return plan_from_table(
        problem.mdp,
        PlannedPath(lambda _: heads),
        decision.observations,
        decision.state,
        decision.action,
        planner,
        decision.uncertainty,
        decision.available,
        decision.counterfactuals,
        decision.hallucinated,
        decision.truncated,
    )


def root_plan(problem: Problem, heads: Heads, decision: Decision, planner: str) -> Plan:
    """A plan that knows the present state and the heads' judgement of its actions."""
    state = decision.state
    return Plan(
        planner=planner,
        root=decision.observations[state],
        node_observation=decision.observations[state][None],
        node_value=heads.vector_values[state][None],
        node_visits=np.ones(1, np.int64),
        node_parent=np.full(1, -1, np.int32),
        node_action=np.full(1, -1, np.int32),
        node_probability=np.ones(1),
        node_events=((),) if problem.mdp.event_names else None,
        line=(),
        q=np.where(decision.available[:, None], heads.vector_q[state], 0.0),
        uncertainty=decision.uncertainty,
        available=decision.available,
        counterfactuals=decision.counterfactuals,
        hallucinated=decision.hallucinated,
        truncated=decision.truncated,
    )
