"""The exact planner: choose the solver that fits a stage's horizon, observability, weights and number of agents.

The result is a set of optimal actions for each state (of the world, or of the world and a belief), never one arbitrary
policy: measures range from the worst to the best that those ties allow.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeAlias

import numpy as np

from ...scenarios.errors import WorldError
from ..base import Bools, FiniteMDP, Floats, Ints, Longs, NotEnumerableError
from ..deliberation import WEIGHTED, DeliberationRule
from ..mdp.enumeration import Enumeration
from ..multi_agent.best_response import induced_by_response
from ..multi_agent.equilibria import equilibria_of
from ..multi_agent.equilibrium_process import Equilibria
from ..reference.observation import observation_ids
from ..solvers.belief_mdp import BeliefMDP, alias_report, belief_mdp
from ..solvers.deliberation_fixed_point import solve_finite_horizon_deliberation, solve_stationary_deliberation
from ..solvers.dynamic_programming import (
    FiniteHorizonSolution,
    InfeasibleError,
    Solution,
    backward_induction,
    policy_iteration,
)
from ..solvers.modifiable_utility import NoFixedPointError, solve_with_changing_weights
from ..solvers.policy_evaluation import ImproperDiscountError
from ..world.world import World, WorldTooLargeError, check_discounts
from .known_process import MOST_BELIEFS, last_kept

AnySolution = Solution | FiniteHorizonSolution

MAX_SUM = 1e300
"""The largest sum of rewards that is solved for: far enough below the largest number for channels to be added up."""
PolicySolver: TypeAlias = Callable[[FiniteMDP, Floats, float, int | None, DeliberationRule], AnySolution]
"""Solves for one policy, given a process, weights, a discount, a horizon and a deliberation; it need not be optimal."""


NO_PLAN = (ImproperDiscountError, InfeasibleError, NoFixedPointError)
"""What a solver raises where a process has no plan of the kind that is asked for."""
NOT_SOLVED = (NotEnumerableError, WorldTooLargeError, *NO_PLAN)
"""What keeps a stage from being solved: its size, or that there is no plan."""
MIN_PAY = 1e-290
"""The largest weighted pay may be no smaller: near the smallest number, what differs is rounded to the same."""


class ValueOverflowError(WorldError):
    """What a stage pays, or that times its weight, adds up to more than a number can hold, or is all but nothing.

    Attributes:
        channel: which reward, or `performance`.
        agent: whose weight makes it so; None where the pay alone does.
        weight, pay: the largest in absolute value.
        too_small: whether it is all but nothing, rather than too much.
    """

    def __init__(
        self, channel: str, pay: float, ticks: float | None, agent: str | None = None, weight: float = 1.0
    ) -> None:
        """`ticks` is how many are added up; None where even the largest pay is too small."""
        self.channel, self.agent, self.weight, self.pay = channel, agent, weight, pay
        self.too_small = ticks is None
        times = "" if agent is None else f" times the weight {weight:g} of `{agent}`"
        words = f"`{channel}` pays up to {pay:g} in a tick{times}"
        if ticks is None:
            most = "" if agent is None else ", and nothing pays more"
            super().__init__(f"{words}{most}: that is too little for numbers to tell from nothing")
        else:
            super().__init__(f"{words}, and {ticks:,.0f} ticks count: that is more than numbers hold")


@dataclass(frozen=True, eq=False)
class ExactPlan:
    """An exactly solved stage.

    Attributes:
        enumeration: the world that was solved.
        mdp: the process on which the plan is to be evaluated: the world's own, or one over (belief, state) pairs.
        performance: float64 `[M]`, the hidden score of each outcome of `mdp`.
        state_of: int64 `[S]`, the world's state that a state of `mdp` stands for.
        solution: the optimal actions in every state of `mdp`, and their values.
        weights: float64 `[K]`, of the deciding agent at the start (all agents' together in a joint solution).
        discount: of the deciding agent.
        steps: ticks of the stage.
        aliased: how many reachable states share an observation with one that has a different future.
        upper_bound: observations are partial and beliefs were too many, so this is the fully observed optimum.
        free: every available action counts as optimal, to ask what any policy at all could do.
        equilibria: where two agents choose apart, what they may play: each action of `mdp` is a way to play a tick.
        beliefs: the beliefs that were planned on, if any were.
        views: int64 `[S]`, what each state shows to whoever decides, where some share a view and yet the plan is one on
            states: none of them differs in what is paid or seen later. Ties of the plan are then those of one who sees
            all, and what is never paid nor seen may hang on them (see `as_seen`). Of equilibria: what both see.
        rule: how the deciding agent's heads deliberate; where it is not `weighted`, `solution` holds one policy only.
    """

    enumeration: Enumeration
    mdp: FiniteMDP
    performance: Floats
    state_of: Longs
    solution: AnySolution
    weights: Floats
    discount: float
    steps: int
    aliased: int = 0
    upper_bound: bool = False
    free: bool = False
    rule: DeliberationRule = WEIGHTED
    equilibria: Equilibria | None = None
    beliefs: BeliefMDP | None = None
    views: Longs | None = None

    @cached_property
    def as_seen(self) -> ExactPlan:
        """The same plan over beliefs where views hide something, so that ties are broken by what was seen.

        The plan itself where they hide nothing, or where there are more than `MOST_BELIEFS` of them: `views` says so.
        """
        if self.views is None:
            return self
        beliefs = _beliefs_of(self.mdp, self.views, self.enumeration.world.horizon)
        if beliefs is None:
            return self
        at = beliefs.pair_state.astype(np.int64)
        return replace(
            self,
            mdp=beliefs.pair_mdp,
            performance=self.performance[beliefs.pair_outcome],
            state_of=self.state_of[at],
            solution=self.solution.at_states(at),
            views=None,
        )

    @property
    def together(self) -> str:
        """That one planner, who sees all, chooses for several who do not, in words; empty where it is not so."""
        world, states = self.enumeration.world, self.enumeration.states
        if self.equilibria is not None or len(deciding_agents(world)) < 2:
            return ""
        seen = [observation_ids(world, states, number) for number in range(len(world.agents))]
        blind = [its.name for its, views in zip(world.agents, seen, strict=True) if np.unique(views).size < len(states)]
        if not blind:
            return ""
        return f"one planner sees all and chooses for all: an upper bound, for less is seen by {' and '.join(blind)}"

    @property
    def evaluated(self) -> Enumeration:
        """The process on which the plan is evaluated, with the world's state behind each of its states."""
        states = self.enumeration.states[self.state_of]
        return replace(self.enumeration, mdp=self.mdp, states=states, performance=self.performance)

    @property
    def source(self) -> Longs:
        """int64 `[M]`: the world's state in which each outcome of `mdp` came, the one behind a belief too."""
        # Every `n_actions`-th row starts a state, so the differences count the outcomes of each state.
        return np.repeat(self.state_of, np.diff(self.mdp.row_start[:: self.mdp.n_actions]))

    @property
    def optimal(self) -> Bools | FiniteHorizonSolution:
        """The optimal actions in the form that `tie_ranges` takes."""
        if self.free:
            return self.mdp.available
        return self.solution.optimal if isinstance(self.solution, Solution) else self.solution

    @property
    def alternatives(self) -> tuple[ExactPlan, ...]:
        """The plans that it stands for: what is true of it is true under the ties of any one of them.

        That is the plan itself, except where which equilibrium is played is settled at once (see `Equilibria`).
        """
        if self.equilibria is None or not self.equilibria.settled:
            return (self,)
        return tuple(self.playing(plays) for its in self.equilibria.every for plays in its.ways)

    def playing(self, plays: Bools) -> ExactPlan:
        """The same plan where only some actions bool `[S, A]` count as optimal, at every tick."""
        if isinstance(self.solution, Solution):
            return replace(self, solution=replace(self.solution, optimal=plays))
        packed = np.tile(np.packbits(plays, axis=1), (self.solution.horizon, 1, 1))
        return replace(self, solution=replace(self.solution, packed=packed))

    @property
    def start_value(self) -> float:
        """The deciding agent's expected value over the start distribution."""
        values = self.solution.values
        first = values if isinstance(self.solution, Solution) else values[0]
        return float(self.mdp.start_probability @ first[self.mdp.start_state])

    @property
    def start_vector(self) -> Floats:
        """float64 `[K]`: the same for each channel, of one optimal policy."""
        return np.asarray(self.mdp.start_probability @ self.solution.vector_values[self.mdp.start_state])


def plan_exactly(
    enumeration: Enumeration,
    barring: Sequence[str] = (),
    max_states: int = 1_000_000,
    solver: PolicySolver | None = None,
    near: ExactPlan | None = None,
) -> ExactPlan:
    """Solve a stage for those who decide in it: a single agent, a best responder, all jointly, or two in a stage game.

    Args:
        enumeration: of the stage's world, over the joint actions.
        barring: events that the plan may not risk.
        max_states: beliefs that may be enumerated before the fully observed optimum is given instead.
        solver: the agent's own planner where that is not exact: it gives one policy, which is evaluated exactly.
        near: a plan of the same world, whose agents had other weights and discounts and nothing else: what does not
            depend on these is taken from it, and its policy is where solving starts. What is optimal is the same
            without it; values may differ by rounding.

    Raises:
        ImproperDiscountError: discount 1, no horizon, and some policy never ends.
        InfeasibleError: what is barred cannot be avoided.
        NoFixedPointError: no policy was found that the agent's deliberation keeps to.
        UnlikeDiscountsError: an agent's values are discounted differently.
        UnknownNameError: no such event.
        ValueOverflowError: sums of rewards are too large, or all but nothing.
        NotEnumerableError: no solver fits. The agent's weights may change, and events are barred or it deliberates by a
            rule other than `weighted`; or several agents decide jointly, and one of them deliberates so. Or equilibria
            are asked for, and it is no game that is solved (see `equilibria_of`). Or there is a `solver`, and events
            are barred, weights may change, or states are aliased.
    """
    world = enumeration.world
    deciding = deciding_agents(world)
    check_sums(enumeration)
    check_discounts(world)
    if world.equilibrium is not None:
        return _plan_apart(enumeration, barring)
    if solver is not None and (barring or weights_may_change(world)):
        what = "what an agent would do without an event" if barring else "an agent whose weights may change"
        raise NotEnumerableError(f"{what} is planned by `enumerate` alone")
    if world.response is not None:
        enumeration = induced_by_response(enumeration, world.response)
    mdp = enumeration.mdp
    if near is not None and near.enumeration.mdp is not mdp:
        near = None
    weights = np.sum([world.agents[agent].weights for agent in deciding], axis=0)
    solution = _solve(world, enumeration, barring, solver, _policy_on(near, mdp))
    whole = ExactPlan(
        enumeration, mdp, enumeration.performance, np.arange(mdp.n_states), solution,
        weights, world.agents[deciding[0]].discount, world.steps, rule=_rule(world),
    )  # fmt: skip
    if len(deciding) > 1:
        return whole
    if near is not None and near.aliased == 0:
        return replace(whole, views=near.views)
    if near is not None and near.upper_bound:
        return replace(whole, aliased=near.aliased, upper_bound=True)
    if near is not None and near.beliefs is not None:
        known = near.solution
        first = near.beliefs.support_start[:-1]  # pairs of one belief have the same policy
        start = known.policy[first] if isinstance(known, Solution) else None
        return _plan_on_beliefs(enumeration, near.beliefs, barring, replace(whole, aliased=near.aliased), start)
    # Partial views cost nothing unless two states share one and differ in their future; only then are beliefs needed.
    views = observation_ids(world, enumeration.states, deciding[0])
    if int(views.max()) + 1 == mdp.n_states:
        return whole
    aliased = int(alias_report(mdp, views).states.sum())
    if aliased == 0:
        return replace(whole, views=views)
    if solver is not None:
        raise NotEnumerableError(f"{aliased} states look like others: beliefs are planned on by `enumerate` alone")
    try:
        if weights_may_change(world):
            raise NotEnumerableError("beliefs are not planned on where weights may change")
        beliefs = belief_mdp(mdp, views, max_states, world.horizon)
        return _plan_on_beliefs(enumeration, beliefs, barring, replace(whole, aliased=aliased))
    except NotEnumerableError:
        return replace(whole, aliased=aliased, upper_bound=True)


def _plan_apart(enumeration: Enumeration, barring: Sequence[str]) -> ExactPlan:
    """The plan of two who choose apart: all equilibria count, so that a claim has to hold in each of them."""
    if barring:
        raise NotEnumerableError("equilibria without an event are not solved for", "write `solution: joint`")
    world, found = enumeration.world, equilibria_of(enumeration)
    weights = np.sum([its.weights for its in world.agents], axis=0)
    return ExactPlan(
        enumeration, found.mdp, enumeration.performance[found.order], found.state_of, found.solution,
        weights, world.agents[0].discount, world.steps, equilibria=found, views=found.views,
    )  # fmt: skip


@last_kept
def _beliefs_of(mdp: FiniteMDP, views: Longs, horizon: int | None) -> BeliefMDP | None:
    """The beliefs of who sees so much of a process; None where they are too many. All equilibria of it ask for them."""
    try:
        return belief_mdp(mdp, views, MOST_BELIEFS, horizon)
    except NotEnumerableError:
        return None


def barred_pairs(mdp: FiniteMDP, events: Sequence[str]) -> Bools | None:
    """bool `[S, A]`: the pairs that may bring about one of the events; None where there are no events."""
    if not events:
        return None
    mask = np.bitwise_or.reduce([mdp.event_mask(event) for event in events])
    hit = ((mdp.events & mask) != 0) & (mdp.probability > 0)
    rows = mdp.outcome_rows[hit]
    barred = np.zeros(mdp.n_states * mdp.n_actions, np.bool_)
    barred[rows] = True
    return barred.reshape(mdp.n_states, mdp.n_actions)


def _policy_on(plan: ExactPlan | None, mdp: FiniteMDP) -> Ints | None:
    """int32 `[S]`: the policy of a plan on a process itself, not on beliefs nor for a known end; None without one."""
    if plan is None or plan.mdp is not mdp or not isinstance(plan.solution, Solution):
        return None
    return plan.solution.policy


def solve(
    mdp: FiniteMDP,
    weights: Floats,
    discount: float,
    horizon: int | None,
    barred: Bools | None,
    rule: DeliberationRule = WEIGHTED,
    among: FiniteHorizonSolution | None = None,
    start: Ints | None = None,
) -> AnySolution:
    """Solve one process for fixed weights, by backward induction where there is a horizon.

    Where the rule is not a weighted sum, the result is the one policy that is its fixed point. With a horizon, only
    what is optimal by `among` may be taken, if that is given; without one a policy `start` may be where to start.
    """
    if rule.name != "weighted":
        if horizon is not None:
            return solve_finite_horizon_deliberation(mdp, rule, weights, discount, horizon, barred, among)
        return solve_stationary_deliberation(mdp, rule, weights, discount, barred)
    if horizon is not None:
        return backward_induction(mdp, weights, discount, horizon, barred, among=among)
    return policy_iteration(mdp, weights, discount, barred, start)


def check_sums(enumeration: Enumeration) -> None:
    """Check that no sum over an episode, weighted or not, is beyond floats, and that what is paid is no rounding error.

    An infinite value would tie with any other, and so would one that is rounded to nothing.

    Raises:
        ValueOverflowError: one is.
    """
    world, mdp = enumeration.world, enumeration.mdp
    discount = world.agents[deciding_agents(world)[0]].discount
    # Without a horizon as many ticks count as a discount lets count.
    endless = 1 / (1 - discount) if world.horizon is None and discount < 1 else 1.0
    ticks = max(float(world.steps), endless)
    pays = {name: _largest(column) for name, column in zip(mdp.channels, mdp.rewards.T, strict=True)}
    for name, pay in {**pays, "performance": _largest(enumeration.performance)}.items():
        if not pay * ticks <= MAX_SUM:
            raise ValueOverflowError(name, pay, ticks)
        if name == "performance" and 0 < pay < MIN_PAY:
            raise ValueOverflowError(name, pay, None)
    weighted: dict[int, list[tuple[float, str, float]]] = {}
    for agent in range(len(world.agents)):
        held = world.weights(enumeration.states, agent)
        for name, column in zip(mdp.channels, held.T, strict=True):
            weight = _largest(column)
            if not weight * pays[name] * ticks <= MAX_SUM:
                raise ValueOverflowError(name, pays[name], ticks, world.agents[agent].name, weight)
            if weight > 0 and pays[name] > 0:
                weighted.setdefault(agent, []).append((weight * pays[name], name, weight))
    # In a game each weighs for itself; else those who decide are one, and what is much to one of them is enough.
    deciding = deciding_agents(world)
    for together in [(agent,) for agent in deciding] if world.equilibrium is not None else [deciding]:
        found = [(*each, agent) for agent in together for each in weighted.get(agent, ())]
        most, name, weight, agent = max(found, default=(MIN_PAY, "", 0.0, 0))
        if most < MIN_PAY:
            raise ValueOverflowError(name, pays[name], None, world.agents[agent].name, weight)


def _largest(values: Floats) -> float:
    """The largest absolute value: a Python number, which overflows to infinity without a warning."""
    return float(np.abs(values).max(initial=0.0))


def deciding_agents(world: World) -> tuple[int, ...]:
    """The agents for whom the plan is made; the discount and `judges_by` of the first one count."""
    return tuple(range(len(world.agents))) if world.response is None else (world.response.agent,)


def _rule(world: World) -> DeliberationRule:
    """How the deciding agent's heads deliberate.

    Raises:
        NotEnumerableError: several agents decide as one, and not all by weighted sums.
    """
    rules = [world.agents[agent].deliberation for agent in deciding_agents(world)]
    if len(rules) > 1 and any(rule.name != "weighted" for rule in rules):
        raise NotEnumerableError(
            "a joint solution is the best by weighted sums", "give every agent `deliberation: weighted`"
        )
    return rules[0]


def weights_may_change(world: World) -> bool:
    """Whether some effect may change a weight of a deciding agent."""
    return any(column >= 0 for agent in deciding_agents(world) for column in world.agents[agent].weight_columns)


def weights_by_state(enumeration: Enumeration) -> Floats:
    """float64 `[S, K]`: the weights of those who decide (all together in a joint solution) in each state."""
    world = enumeration.world
    held = [world.weights(enumeration.states, each) for each in deciding_agents(world)]
    return np.asarray(np.sum(held, axis=0))


def _solve(
    world: World, enumeration: Enumeration, barring: Sequence[str], solver: PolicySolver | None, start: Ints | None
) -> AnySolution:
    deciding, mdp = deciding_agents(world), enumeration.mdp
    agent = world.agents[deciding[0]]
    if solver is not None:
        return solver(mdp, agent.weights, agent.discount, world.horizon, _rule(world))
    if not weights_may_change(world):
        weights = np.sum([world.agents[each].weights for each in deciding], axis=0)
        barred = barred_pairs(mdp, barring)
        return solve(mdp, weights, agent.discount, world.horizon, barred, _rule(world), start=start)
    if _rule(world).name != "weighted":
        raise NotEnumerableError(
            "deliberation by another rule than `weighted` is not solved for where weights may change"
        )
    per_state, barred = weights_by_state(enumeration), barred_pairs(mdp, barring)
    return solve_with_changing_weights(mdp, per_state, agent.discount, agent.judges_by, world.horizon, barred)  # type: ignore[arg-type]


def _plan_on_beliefs(
    enumeration: Enumeration, belief: BeliefMDP, barring: Sequence[str], whole: ExactPlan, start: Ints | None = None
) -> ExactPlan:
    pairs = barred_pairs(belief.pair_mdp, barring)
    barred = None if pairs is None else belief.barred(pairs)
    horizon = enumeration.world.horizon
    solution = solve(belief.mdp, whole.weights, whole.discount, horizon, barred, whole.rule, start=start)
    return replace(
        whole,
        mdp=belief.pair_mdp,
        performance=enumeration.performance[belief.pair_outcome],
        state_of=belief.pair_state.astype(np.int64),
        solution=belief.lift_any(solution),
        beliefs=belief,
    )
