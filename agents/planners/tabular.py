"""Planners that look their decisions up in a table of values: `enumerate` and `none`.

`enumerate` solves the model completely, by policy iteration over all of its states. `none` is greedy by heads from a
limited number of sweeps of value iteration; it does no search at a decision, so it ignores rewards that lie further
ahead than those sweeps reach. With `sweeps: all` the two decide alike.
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
"""The default number of sweeps of a planner's heads."""


@dataclass(frozen=True)
class Enumerate:
    """Solves the whole model by policy iteration under the deliberation. It has no parameters."""

    @property
    def name(self) -> str:
        """See `Planner.name`."""
        return "enumerate"

    def start(self, problem: Problem) -> BoundPlanner:
        """See `Planner.start`; the model is solved at the first decision."""
        return _Solved(problem)


@dataclass(frozen=True)
class GreedyPlanner:
    """Takes the greedy action by the heads, without any search.

    Attributes:
        sweeps: of the heads; see `planners.base.Sweeps`.
    """

    sweeps: Sweeps = SWEEPS

    def __post_init__(self) -> None:
        check_heads_asked(self.sweeps)

    @property
    def name(self) -> str:
        """See `Planner.name`."""
        return "none"

    def start(self, problem: Problem) -> BoundPlanner:
        """See `Planner.start`."""
        return _LookedUp(problem, problem.heads(self.sweeps))


class _Solved:
    """`enumerate` bound to a problem."""

    def __init__(self, problem: Problem) -> None:
        self._problem = problem

    def decide(self, states: Longs, available: Bools) -> Ints:
        """The actions of the solved policy; where those are not allowed, the deliberation's choice by its values."""
        # `solved` is cached by the problem, so only the first decision solves the model.
        return followed(self._problem, self._problem.solved, states, available)

    def plan(self, decision: Decision) -> Plan:
        """The states that the policy can reach, the most probable first; see `plan_from_table`."""
        heads = self._problem.solved
        return table_plan(self._problem, heads, decision, "enumerate")


class _LookedUp:
    """`none` bound to a problem."""

    def __init__(self, problem: Problem, heads: Heads) -> None:
        self._problem, self._heads = problem, heads

    def decide(self, states: Longs, available: Bools) -> Ints:
        """The greedy actions by the heads."""
        return followed(self._problem, self._heads, states, available)

    def plan(self, decision: Decision) -> Plan:
        """A plan of the present state alone: there was no search, so it has no line and no further nodes."""
        return root_plan(self._problem, self._heads, decision, "none")


def followed(problem: Problem, heads: Heads, states: Longs, available: Bools) -> Ints:
    """int32 `[B]`: the actions of the heads' policy; where those are not allowed, the deliberation's choice.

    Args:
        problem: gives the deliberation and the weights.
        heads: a policy and its values.
        states: int64 `[B]`, indices of states of the model.
        available: bool `[B, A]`, the allowed actions.
    """
    # Row by row, because the weights may differ from state to state; such rows are rare.
    actions = heads.policy[states].astype(np.int32)
    for lane in np.flatnonzero(~available[np.arange(states.size), actions]).tolist():
        state = int(states[lane])
        actions[lane] = problem.rule(heads.vector_q[state], problem.weights_in(state), available[lane]).action
    return actions


def table_plan(problem: Problem, heads: Heads, decision: Decision, planner: str) -> Plan:
    """The plan of a decision that follows a table of heads from now on; see `plan_from_table`."""
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
    """A plan of one node: the present state, with the heads' values of its actions."""
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
