"""The exact plan of a stage by the agent's own planner, given the true world as its model.

The planner `enumerate` is the exact solver itself, which keeps all ties. Any other planner decides on one action in
each state, and the value of the resulting policy is evaluated exactly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from ...agents.baselines.exact import Thinking
from ...agents.planners.base import BoundPlanner, Decision, Planner, Problem
from ...agents.planners.registry import make_planner
from ...agents.records.plan import Plan
from ...envs.analysis.exact_plan import AnySolution, ExactPlan, plan_exactly
from ...envs.base import FiniteMDP, Floats, NotEnumerableError
from ...envs.deliberation import DeliberationRule
from ...envs.mdp.enumeration import Enumeration
from ...envs.mdp.time_augmented import TimeAugmentedMDP, augment_with_time
from ...envs.solvers.fixed_policy import evaluate_stationary, evaluate_time_dependent
from ...envs.world.part_spec import ENUMERATE
from ...envs.world.world import World

EVERY_OPTIMAL = "every optimal policy"
EVERY_EQUILIBRIUM = "every equilibrium"
MOST_STATES = 500_000
"""The most states (with a horizon: pairs of state and tick) in which a searching planner is asked to decide."""


def plan_as_agent(
    enumeration: Enumeration,
    barring: Sequence[str] = (),
    max_states: int = 1_000_000,
    near: ExactPlan | None = None,
) -> ExactPlan:
    """The plan that the deciding agent of a stage makes with an exact model, by its own planner.

    Args:
        enumeration: see `plan_exactly`.
        barring: events that the plan must never risk.
        max_states: how many beliefs may be enumerated.
        near: a plan of the same world under other weights and discounts; see `plan_exactly`.

    Raises:
        AgentPartError: the planner cannot be made.
        ImproperDiscountError, InfeasibleError, NoFixedPointError, UnknownNameError, NotEnumerableError: see
            `plan_exactly`.
    """
    planner = planner_of(enumeration.world)
    if planner is None:
        return plan_exactly(enumeration, barring, max_states, near=near)

    def acting(
        mdp: FiniteMDP, weights: Floats, discount: float, horizon: int | None, rule: DeliberationRule
    ) -> AnySolution:
        return OnTheTruth(planner, mdp, weights, discount, horizon, rule).solution()

    return plan_exactly(enumeration, barring, max_states, acting)


def planner_of(world: World) -> Planner | None:
    """The planner of the agent that decides in a world; None where that is the exact solver.

    Raises:
        AgentPartError: it cannot be made.
        NotEnumerableError: several agents decide as one, and one of them would plan otherwise.
    """
    if world.response is not None:
        part = world.agents[world.response.agent].planner
    else:
        part = next((agent.planner for agent in world.agents if agent.planner != ENUMERATE), ENUMERATE)
    if part == ENUMERATE:
        return None
    if world.response is None and len(world.agents) > 1:
        raise NotEnumerableError("agents that decide as one are planned by `enumerate`; give each `planner: enumerate`")
    return make_planner(part)


def whose_policies(plan: ExactPlan) -> str:
    """The policies over which the measures of a plan range, in the words of `Interval.whose`.

    Raises:
        AgentPartError, NotEnumerableError: see `planner_of`.
    """
    if plan.equilibria is not None:
        return EVERY_EQUILIBRIUM
    planner = planner_of(plan.enumeration.world)
    if planner is not None:
        return f"the one policy of `{planner.name}`"
    return EVERY_OPTIMAL if plan.rule.name == "weighted" else f"the one policy that `{plan.rule.name}` brings about"


def thinking(plan: ExactPlan) -> Thinking | None:
    """How the agent of an exact plan reports its search; None for the exact solver, whose solution says it all."""
    world = plan.enumeration.world
    planner = planner_of(world)
    if planner is None:
        return None
    return OnTheTruth(planner, plan.mdp, plan.weights, plan.discount, world.horizon, plan.rule).plan


@dataclass(frozen=True, eq=False)
class OnTheTruth:
    """A planner whose model is the true world.

    Attributes:
        planner: the planner.
        mdp: the world's process.
        weights: float64 `[K]`, the weight of each reward channel.
        discount: per tick.
        horizon: the number of ticks, or None.
        rule: how the heads deliberate.
    """

    planner: Planner
    mdp: FiniteMDP
    weights: Floats
    discount: float
    horizon: int | None
    rule: DeliberationRule

    def solution(self) -> AnySolution:
        """The planner's policy in every reachable state (with a horizon, at every tick), and its exact values.

        Raises:
            NotEnumerableError: there are more than `MOST_STATES` of them.
            ImproperDiscountError: the discount is 1 and the policy may never end the episode.
        """
        mdp = self._mdp
        live = np.flatnonzero(~mdp.ended)
        if live.size > MOST_STATES:
            what = "states" if self.horizon is None else "states and ticks"
            cure = "only `enumerate` plans in so many"
            raise NotEnumerableError(f"{live.size:,} {what} for `{self.planner.name}` to search from: {cure}")
        # Ended states need an entry too, but nothing is decided there: any action stands for it.
        policy = mdp.available.argmax(axis=1).astype(np.int32)
        policy[live] = self._planning.decide(live, mdp.available[live])
        if self._clocked is None or self.horizon is None:
            return evaluate_stationary(mdp, policy, self.weights, self.discount)
        timed = np.tile(self.mdp.available.argmax(axis=1).astype(np.int32), (self.horizon, 1))
        # Only pairs of tick and state that the clocked process reaches have a decision; others keep the placeholder.
        known = self._clocked.index_of >= 0
        timed[known] = policy[self._clocked.index_of[known]]
        return evaluate_time_dependent(self.mdp, timed, self.weights, self.discount)

    def plan(self, tick: int, decision: Decision) -> Plan:
        """The planner's search behind a decision in a state of the world at a tick."""
        if self._clocked is None:
            return self._planning.plan(decision)
        place = int(self._clocked.index_of[tick, decision.state])
        # The search numbers its states by tick and state; each looks like the state of the world that it stands for.
        looks = decision.observations[self._clocked.state_of]
        return self._planning.plan(replace(decision, state=place, observations=looks))

    @cached_property
    def _clocked(self) -> TimeAugmentedMDP | None:
        """The process with the tick in its state, for a planner that only knows stationary ones; None: no horizon."""
        return None if self.horizon is None else augment_with_time(self.mdp, self.horizon)

    @property
    def _mdp(self) -> FiniteMDP:
        """The process on which the planner searches."""
        return self.mdp if self._clocked is None else self._clocked.mdp

    @cached_property
    def _planning(self) -> BoundPlanner:
        discounts = np.full(self.weights.size, self.discount)  # a problem has a discount for each head, the world one
        return self.planner.start(Problem(self._mdp, self.weights, discounts, self.rule))
