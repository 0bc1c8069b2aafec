"""The contract of planners: the problem, the decision, and the record of the search.

A planner is one part of an agent, beside its world model and its deliberation. It works on a finite model, be that the
true world (`exact`) or the table of what an agent learned; it never learns, and it never sees the world. Letters for
shapes: B decisions at once, S states of the model, A actions, K channels, O observed fields.
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
"""How often the heads of all states of the model are backed up, from zero; `all`: until they no longer change.

So many ticks ahead the heads see: after n sweeps a head holds what the best n ticks on the model pay, and nothing of
what comes later.
"""
Leaves: TypeAlias = Literal["followed", "swept"]
"""How the end of what is imagined is judged, be it soon or late.

`followed`: by what doing as the heads say from there on is really worth, for ever. `swept`: by the heads themselves,
which see `sweeps` ticks: what ends later then looks further, and looks better or worse for that alone
(docs/decisions/0013-planners.md).
"""


@dataclass(frozen=True, eq=False)
class Problem:
    """A planning problem: a model, weights, discounts and a deliberation. Heads are computed on first use and cached.

    Attributes:
        mdp: the model, true or learned.
        weights: float64 `[K]`; discounts: float64 `[K]`.
        rule: the deliberation.
        first: int32 `[S]`, a policy that solving starts from, -1 where it says nothing; None: no such policy.
    """

    mdp: FiniteMDP
    weights: Floats
    discounts: Floats
    rule: DeliberationRule
    first: Ints | None = None

    @cached_property
    def solved(self) -> Heads:
        """The heads of the policy that the deliberation brings about."""
        return solve_heads(self.mdp, self.weights, self.discounts, self.rule, self.first)

    @property
    def solution(self) -> Heads | None:
        """The same where they were asked for already, else None."""
        return self.__dict__.get("solved")

    def weights_in(self, state: int) -> Floats:
        """float64 `[K]`, what is weighed in a state: the same in all, unless weights can change."""
        return self.weights

    def heads(self, sweeps: Sweeps) -> Heads:
        """The heads after so many sweeps."""
        if sweeps == "all":
            return self.solved
        return sweep_heads(self.mdp, self.weights, self.discounts, self.rule, sweeps)

    def leaf_values(self, sweeps: Sweeps, leaves: Leaves) -> Floats:
        """float64 `[S, K]`: what states are worth where a search ends.

        Raises:
            ImproperDiscountError: discount 1, and doing as the heads say never comes to an end.
        """
        heads = self.heads(sweeps)
        if leaves == "swept" or sweeps == "all":
            return heads.vector_values
        try:
            return evaluate_heads(self.mdp, heads.policy, self.discounts)
        except ImproperDiscountError as fault:
            raise ImproperDiscountError(f"{fault}, or `leaves: swept` to the planner") from fault


@dataclass(frozen=True, eq=False)
class Decision:
    """One decision that was made, as the agent that made it knows it.

    Attributes:
        state: of the model, not ended.
        action: what was chosen.
        available: bool `[A]`, what could be chosen.
        uncertainty: float64 `[A]`, of the model; see `Plan`.
        observations: int64 `[S, O]`, what the states of the model look like.
        counterfactuals, hallucinated: see `Plan`.
        truncated: the model itself was cut.
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
    """A planner bound to one problem. The same question has the same answer, whatever was asked before.

    It does not modify the problem. `turncoat.testing.check_planner` checks this contract.
    """

    def decide(self, states: Longs, available: Bools) -> Ints:
        """What to do.

        Args:
            states: int64 `[B]`, of the model, none of them ended.
            available: bool `[B, A]`, what may be chosen: available in the model too, at least one in every row.

        Returns:
            int32 `[B]`.
        """
        ...

    def plan(self, decision: Decision) -> Plan:
        """The record of the search behind a decision, which changes none.

        It passes on what the decision says of uncertainty, counterfactuals, hallucinated states and truncation. What is
        on its line and in its nodes the model can bring about.
        """
        ...


@runtime_checkable
class Planner(Protocol):
    """A planning algorithm with its parameters; it can be bound to any number of problems.

    Attributes:
        name: in plans.
    """

    @property
    def name(self) -> str:
        """In plans."""
        ...

    def start(self, problem: Problem) -> BoundPlanner:
        """Binds the planner to a problem."""
        ...


def check_heads_asked(sweeps: Sweeps, leaves: Leaves = "swept") -> None:
    """Refuse what is no number of sweeps, and no way to judge leaves.

    Raises:
        ValueError: it is neither `all` nor a whole number from 0 up; neither `followed` nor `swept`.
    """
    if sweeps != "all" and (not isinstance(sweeps, int) or sweeps < 0):
        raise ValueError(f"sweeps: {sweeps!r} is neither `all` nor a whole number from 0 up")
    if leaves not in ("followed", "swept"):
        raise ValueError(f"leaves: {leaves!r} is neither followed nor swept")
