"""The protocols of planners: the planning problem that they are given, their decisions, and the plans that they record.

A planner is one part of an agent, beside its world model and its deliberation. It works on a finite model, which is
either the true world (for the agent `exact`) or what an agent has learned; it does not learn and has no access to the
world itself. Heads are vector value functions, one per reward channel (`envs.solvers.vector_values`). Letters for
shapes: B decisions in one call, S states of the model, A actions, K channels, O observed fields.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal, Protocol, TypeAlias, runtime_checkable

from ...envs.base import Bools, FiniteMDP, Floats, Ints, Longs
from ...envs.solvers.policy_evaluation import ImproperDiscountError
from ...envs.solvers.vector_values import Heads, evaluate_heads, solve_heads, sweep_heads
from ..records.attribution import DeliberationRule
from ..records.plan import Counterfactual, Plan

Sweeps: TypeAlias = int | Literal["all"]
"""How many sweeps of value iteration, starting from zero, compute the heads; `all`: policy iteration to convergence.

After n sweeps a head holds the return of the next n ticks on the model, and nothing of what comes later.
"""
Leaves: TypeAlias = Literal["followed", "swept"]
"""Which values are used at the leaves of a search.

`followed`: the infinite-horizon value of the policy that is greedy by the heads. `swept`: the heads themselves, which
cover `sweeps` ticks: a path whose leaf is deeper then accounts for more ticks in total, and compares as better or worse
for that reason alone (docs/decisions/0013-planners.md).
"""


@dataclass(frozen=True, eq=False)
class Problem:
    """A planning problem: a model, and how its channels are valued. The solution is computed once, on first use.

    Attributes:
        mdp: the model, true or learned.
        weights: float64 `[K]`, the weight of each channel.
        discounts: float64 `[K]`, the discount of each channel's head.
        rule: the deliberation, which chooses one action by K values.
        first: int32 `[S]`, a policy from which policy iteration starts, -1 in states that it does not cover; None
            where there is none. A policy from before the last few ticks of learning makes solving faster.
    """

    mdp: FiniteMDP
    weights: Floats
    discounts: Floats
    rule: DeliberationRule
    first: Ints | None = None

    # Lazily, because planners that look few ticks ahead never need the full solution, which is the costliest part.
    @cached_property
    def solved(self) -> Heads:
        """The heads after policy iteration with the deliberation as the policy improvement step; see `solve_heads`."""
        return solve_heads(self.mdp, self.weights, self.discounts, self.rule, self.first)

    @property
    def solution(self) -> Heads | None:
        """`solved` if it has been computed already, else None; reading it computes nothing."""
        # A `cached_property` stores its value in the instance's dictionary, also in a frozen dataclass.
        return self.__dict__.get("solved")

    def weights_in(self, state: int) -> Floats:
        """float64 `[K]`, the weights in a state: the same in all states, except in `ChangingProblem`."""
        return self.weights

    def heads(self, sweeps: Sweeps) -> Heads:
        """The heads after that many sweeps; `all` gives `solved`."""
        if sweeps == "all":
            return self.solved
        return sweep_heads(self.mdp, self.weights, self.discounts, self.rule, sweeps)

    def leaf_values(self, sweeps: Sweeps, leaves: Leaves) -> Floats:
        """float64 `[S, K]`: the values at the leaves of a search.

        Raises:
            ImproperDiscountError: a discount is 1, and under the policy of the heads some state never reaches an end.
        """
        heads = self.heads(sweeps)
        # After `all` sweeps the heads are already the values of their own policy.
        if leaves == "swept" or sweeps == "all":
            return heads.vector_values
        try:
            return evaluate_heads(self.mdp, heads.policy, self.discounts)
        except ImproperDiscountError as fault:
            raise ImproperDiscountError(f"{fault}, or `leaves: swept` to the planner") from fault


@dataclass(frozen=True, eq=False)
class Decision:
    """One decision that an agent made, with what its plan needs beside the problem.

    Attributes:
        state: the index of the present state in the model; not an ended one.
        action: the chosen action.
        available: bool `[A]`, the actions among which the agent chose.
        uncertainty: float64 `[A]`, of the model about each action; see `Plan`.
        observations: int64 `[S, O]`, the observation in each state of the model.
        counterfactuals: see `Plan`.
        hallucinated: see `Plan`.
        truncated: whether the model itself is incomplete because of a cap on its size.
    """

    state: int
    action: int
    available: Bools
    uncertainty: Floats
    observations: Longs
    counterfactuals: tuple[Counterfactual, ...] = ()
    hallucinated: int | None = 0
    truncated: bool = False


@runtime_checkable
class BoundPlanner(Protocol):
    """A planner bound to one problem.

    A decision is a function of the state and the allowed actions: it does not depend on earlier calls or on the other
    rows of a batch. Nothing of the problem is modified. `turncoat.testing.check_planner` checks this contract.
    """

    def decide(self, states: Longs, available: Bools) -> Ints:
        """Chooses an action in each state.

        Args:
            states: int64 `[B]`, indices of states of the model; no ended ones.
            available: bool `[B, A]`, the actions that may be chosen: a subset of those that are available in the
                model, with
                at least one in every row.

        Returns:
            The actions, int32 `[B]`.
        """
        ...

    def plan(self, decision: Decision) -> Plan:
        """The record of the search behind a decision; recording it does not affect any decision.

        The plan takes over the decision's uncertainty, counterfactuals, hallucinated states and truncation. All
        transitions on its line and between its nodes are possible in the model.
        """
        ...


@runtime_checkable
class Planner(Protocol):
    """A planning algorithm with its parameters; it can be bound to any number of problems.

    Attributes:
        name: the planner's name in the plans that it records.
    """

    @property
    def name(self) -> str:
        """The planner's name in the plans that it records."""
        ...

    def start(self, problem: Problem) -> BoundPlanner:
        """Binds the planner to a problem."""
        ...


def check_heads_asked(sweeps: Sweeps, leaves: Leaves = "swept") -> None:
    """Checks a planner's parameters `sweeps` and `leaves`.

    Raises:
        ValueError: `sweeps` is neither `all` nor a whole number from 0 up, or `leaves` neither `followed` nor `swept`.
    """
    # The types are checked too, since the values come from scenario files.
    if sweeps != "all" and (not isinstance(sweeps, int) or sweeps < 0):
        raise ValueError(f"sweeps: {sweeps!r} is neither `all` nor a whole number from 0 up")
    if leaves not in ("followed", "swept"):
        raise ValueError(f"leaves: {leaves!r} is neither followed nor swept")
