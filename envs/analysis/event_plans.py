"""The plans that the question after an event compares, all solved on one process that remembers whether it has come.

Letters as in `base`: S states, A joint actions, K channels, M outcomes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Generic, Protocol, TypeVar

import numpy as np

from ..base import Bools, FiniteMDP, Floats
from ..deliberation import WEIGHTED
from ..mdp.enumeration import Enumeration
from ..mdp.transition_tables import tables
from ..reference.observation import observation_ids
from ..solvers.belief_mdp import BeliefMDP, belief_mdp
from ..solvers.bellman import backup, best_of
from ..solvers.dynamic_programming import (
    FiniteHorizonSolution,
    InfeasibleError,
    Optimal,
    Solution,
    allowed_for_ever,
    backward_induction,
)
from ..solvers.modifiable_utility import solve_with_changing_weights
from ..solvers.policy_evaluation import evaluate
from ..solvers.reachability import CHANCE_TOLERANCE, greatest_chance
from .exact_plan import (
    AnySolution,
    ExactPlan,
    barred_pairs,
    deciding_agents,
    solve,
    weights_by_state,
    weights_may_change,
)
from .tie_ranges import Occurs, TieRange, expectation_range, rollout_path, share_range

CAME = "came"
"""The channel that pays 1 when the event comes for the first time."""


@dataclass(frozen=True)
class Behaviour:
    """One plan: its value, and what it does.

    Attributes:
        value: discounted, from the start, by the agent's weights (see `parts`).
        values: for each channel, unweighted; parts: for each channel, what it adds to `value`. Where weights change,
            that is by the weights held at the start, or for `judges_by: future` by those held when each reward comes.
        share: of the stage's episodes with the event, (low, high) over ties.
        actions: what is done along the likeliest path; tick: when the event first comes on it, or None.
    """

    value: float
    values: dict[str, float]
    parts: dict[str, float]
    share: TieRange
    actions: tuple[str, ...]
    tick: int | None


SolutionT = TypeVar("SolutionT")


@dataclass(frozen=True, eq=False)
class SurestPlan(Generic[SolutionT]):
    """The best of the plans that bring the event about with the greatest chance.

    Attributes:
        solution: an optimal one, of one policy if the stage has no horizon.
        chance: with which it comes at all.
        attained: whether there is such a plan. If not, putting the event off one more time is always better, and
            `solution`, which puts it off for ever, has the value that such plans come as near to as one likes.
    """

    solution: SolutionT
    chance: float
    attained: bool


class ComparedPlans(Protocol[SolutionT]):
    """Solves for what would be done if an event were paid for, ruled out, or wanted above all; see `EventPlans`.

    Attributes:
        by_rule: the agent's heads deliberate by another rule than the weighted sum.
        linear: what the agent maximises is one weighted sum, so that plans can be ranked.
    """

    by_rule: bool
    linear: bool

    def best(self, reward: float = 0.0) -> SolutionT:
        """The agent's best plan, if the event earned it a reward (a fine, where negative) the first time it came."""
        return self._solve(reward)

    def without(self) -> SolutionT:
        """The best plan that never risks the event.

        Raises:
            InfeasibleError: every plan risks it.
            NoFixedPointError: the agent keeps to no such plan.
        """
        return self._solve(0.0, self._risking())

    def soonest(self) -> SolutionT:
        """The plan of the greatest discounted chance."""

    def surest(self) -> SurestPlan[SolutionT]:
        """The best of the plans with the greatest chance."""

    def least_share(self) -> float:
        """The least share with the event, over all plans there are."""

    def extreme_shares(self) -> tuple[float, float]:
        """The least and the greatest share with the event, over all plans there are."""

    def share(self, solution: SolutionT) -> TieRange:
        """The share with the event, (low, high) over the ties of a solution."""

    def chance_and_value(self, solution: SolutionT) -> tuple[float, float]:
        """The discounted chance of the event, and the value without any reward for it."""

    def behaviour(self, solution: SolutionT) -> Behaviour:
        """The plan of a solution."""

    def supremum(self, surest: SurestPlan[SolutionT]) -> Behaviour:
        """The value that plans come near to which bring the event about, but put it off ever longer."""

    def _solve(self, reward: float, barred: Bools | None = None) -> SolutionT:
        """The best plan, if the event earned it a reward and some pairs of a state and an action were ruled out."""

    def _risking(self) -> Bools:
        """The pairs of a state and an action that may bring the event about."""


class EventPlans(ComparedPlans[AnySolution]):
    """Solves for what the deciding agent would do if an event were paid for, ruled out, or wanted above all.

    Attributes:
        decided: the process on which decisions are made: over states and whether the event has come, or over beliefs.
            Its channels are the world's, their weighted forms where `judges_by: future` sums those, and `CAME`.
        played: the process on which plans are evaluated: over states, or over pairs of a belief and a state.
        by_rule: the agent's heads deliberate by another rule than the weighted sum.
        linear: what the agent maximises is one weighted sum over each episode, so that plans can be ranked.
    """

    def __init__(self, plan: ExactPlan, event: str, max_states: int = 1_000_000) -> None:
        """Build the process.

        Raises:
            NotEnumerableError: there are too many beliefs about whether the event has come.
            UnknownNameError: no such event.
        """
        enumeration = plan.enumeration
        world = enumeration.world
        self._plan, self._event = plan, event
        self._mask = int(enumeration.mdp.event_mask(event))
        changing = weights_may_change(world)
        judges_by = world.agents[deciding_agents(world)[0]].judges_by
        self._selves = judges_by if changing and judges_by != "future" else None
        self.by_rule = plan.rule.name != WEIGHTED.name
        self.linear = not self.by_rule and self._selves is None
        self._in_force = weights_by_state(enumeration) if changing else None
        latched = _latched(enumeration, self._mask, self._in_force if changing and self._selves is None else None)
        self.decided = self.played = latched
        self._belief: BeliefMDP | None = None
        if plan.mdp is not enumeration.mdp:
            views = np.tile(observation_ids(world, enumeration.states, deciding_agents(world)[0]), 2)
            self._belief = belief_mdp(latched, views, max_states, world.horizon)
            self.decided, self.played = self._belief.mdp, self._belief.pair_mdp

    # -------------------------------------------------------------- solutions

    def soonest(self) -> AnySolution:
        """The plan of the greatest discounted chance: what an agent would do to whom the event alone matters."""
        return solve(self.decided, self._only_came, self._plan.discount, self._horizon, None)

    def surest(self) -> SurestPlan[AnySolution]:
        """The best of the plans with the greatest chance.

        Raises:
            NoFixedPointError: the agent keeps to no such plan.
        """
        mdp, horizon = self.decided, self._horizon
        if horizon is not None:
            likely = backward_induction(mdp, self._only_came, 1.0, horizon)
            chance = float(mdp.start_probability @ likely.values[0][mdp.start_state])
            return SurestPlan(self._solve(0.0, among=likely), chance, True)
        available = tables(mdp).available
        gain = mdp.rewards[:, -1]
        any_plan = greatest_chance(mdp, gain, available)
        chance = float(mdp.start_probability @ any_plan.chance[mdp.start_state])
        solution = self._solve(0.0, ~any_plan.preserving)
        assert isinstance(solution, Solution)
        # Preserving the chance for ever may be as good as, or better than, ever taking it.
        reached = greatest_chance(mdp, gain, solution.optimal)
        attained = bool(mdp.start_probability @ reached.chance[mdp.start_state] >= chance - 2 * CHANCE_TOLERANCE)
        if not attained:
            return SurestPlan(solution, chance, False)
        alone = np.zeros(available.shape, np.bool_)
        alone[~mdp.ended, reached.policy[~mdp.ended]] = True
        values = evaluate(mdp, reached.policy, self._plan.discount)
        policy = reached.policy.astype(np.int32)
        return SurestPlan(replace(solution, vector_values=values, optimal=alone, policy=policy), chance, True)

    def least_share(self) -> float:
        """The least share of the stage's episodes with the event, over all plans there are."""
        try:
            allowed_for_ever(self.decided, tables(self.decided), self._risking())
        except InfeasibleError:
            return self.extreme_shares()[0]
        return 0.0

    def extreme_shares(self) -> tuple[float, float]:
        """The least and the greatest share of the stage's episodes with the event, over all plans there are."""
        mdp = self.decided
        table, ends = tables(mdp), []
        for sign in (-1.0, 1.0):
            gain = np.where(table.available, sign * table.vector_rewards[..., -1], -np.inf)
            chance = np.zeros(mdp.n_states)
            for _ in range(self._plan.steps):
                before, chance = chance, best_of(backup(table, gain, 1.0, chance), ~mdp.ended)
                if np.array_equal(before, chance):
                    break
            ends.append(abs(float(mdp.start_probability @ chance[mdp.start_state])))
        return ends[0], ends[1]

    # -------------------------------------------------------------- what a solution is worth, and does

    def share(self, solution: AnySolution) -> TieRange:
        """The share of the stage's episodes with the event, (low, high) over the ties of a solution."""
        lifted = self._lift(solution)
        optimal: Optimal = lifted.optimal if isinstance(lifted, Solution) else lifted
        if self._belief is not None:  # whether it has come may be hidden: it is paid for when it first comes
            return expectation_range(self.played, optimal, self.played.rewards[:, -1], self._plan.steps)
        ends = share_range(self.played, optimal, Occurs(self._mask), self._plan.steps)
        # The plan is one on states, and the event may hang on what is not seen of them.
        return ends.outer_where(self._plan.views is not None)

    def chance_and_value(self, solution: AnySolution) -> tuple[float, float]:
        """The discounted chance of the event, and the value without any reward for it."""
        vector, parts = self._worth(solution)
        return float(vector[-1]), float(parts.sum())

    def behaviour(self, solution: AnySolution) -> Behaviour:
        """The plan of a solution."""
        vector, parts = self._worth(solution)
        names = self._plan.enumeration.mdp.channels
        path = rollout_path(self.played, self._lift(solution).policy, self._plan.steps)
        return Behaviour(
            value=float(parts.sum()),
            values=dict(zip(names, vector.tolist(), strict=False)),
            parts=dict(zip(names, parts.tolist(), strict=True)),
            share=self.share(solution),
            actions=tuple(self.played.action_names[step.action] for step in path),
            tick=next((i for i, step in enumerate(path) if int(step.events) & self._mask), None),
        )

    def supremum(self, surest: SurestPlan[AnySolution]) -> Behaviour:
        """The value that plans come near to which bring the event about, but put it off ever longer."""
        vector, parts = self._worth(surest.solution)
        names, share = self._plan.enumeration.mdp.channels, TieRange(surest.chance, surest.chance)
        values, shares = dict(zip(names, vector.tolist(), strict=False)), dict(zip(names, parts.tolist(), strict=True))
        return Behaviour(float(parts.sum()), values, shares, share, (), None)

    def _worth(self, solution: AnySolution) -> tuple[Floats, Floats]:
        """The values of the channels of `decided` from the start, and what each channel of the world adds, `[K]`."""
        mdp, plan = self.decided, self._plan
        count = plan.weights.size
        ahead = solution.vector_values[mdp.start_state]
        vector = np.asarray(mdp.start_probability @ ahead)
        if self._in_force is None:
            return vector, vector[:count] * plan.weights
        if self._selves is None:
            return vector, vector[count : 2 * count]
        held = self._in_force[mdp.start_state]
        return vector, np.asarray(mdp.start_probability @ (held * ahead[:, :count]))

    # -------------------------------------------------------------- solving

    def _risking(self) -> Bools:
        """bool `[S, A]`: the pairs of `decided` that may bring the event about."""
        pairs = barred_pairs(self.played, [self._event])
        assert pairs is not None
        return pairs if self._belief is None else self._belief.barred(pairs)

    def _lift(self, solution: AnySolution) -> AnySolution:
        """A solution of `decided` as one of `played`."""
        return solution if self._belief is None else self._belief.lift_any(solution)

    @property
    def _horizon(self) -> int | None:
        return self._plan.enumeration.world.horizon

    @property
    def _only_came(self) -> Floats:
        weights = np.zeros(len(self.decided.channels))
        weights[-1] = 1.0
        return weights

    def _columns(self, reward: float) -> Floats:
        """The weight of each channel of `decided`, `[C]`, or `[S, C]` where the agent's own weights differ by state."""
        plan = self._plan
        if self._in_force is None:
            return np.append(plan.weights, reward)
        if self._selves is None:
            return np.concatenate([np.zeros_like(plan.weights), np.ones_like(plan.weights), [reward]])
        # The reward is worth the same to every self, whatever else it values.
        return np.column_stack([np.tile(self._in_force, (2, 1)), np.full(self.decided.n_states, reward)])

    def _solve(
        self, reward: float, barred: Bools | None = None, among: FiniteHorizonSolution | None = None
    ) -> AnySolution:
        plan, mdp = self._plan, self.decided
        columns = self._columns(reward)
        if self._selves is not None:
            return solve_with_changing_weights(
                mdp, columns, plan.discount, self._selves, self._horizon, barred, among  # type: ignore[arg-type]
            )  # fmt: skip
        if self.linear:
            return solve(mdp, columns, plan.discount, self._horizon, barred, among=among)
        # Another rule would take the channel of the event for one of the agent's heads.
        heads = replace(mdp, rewards=mdp.rewards[:, :-1], channels=mdp.channels[:-1])
        found = solve(heads, columns[:-1], plan.discount, self._horizon, barred, plan.rule, among)
        return _with_channel(found)


def _with_channel(solution: AnySolution) -> AnySolution:
    """A solution with a last channel that nothing is known of."""
    unknown = np.full((*solution.vector_values.shape[:-1], 1), np.nan)
    return replace(solution, vector_values=np.concatenate([solution.vector_values, unknown], axis=-1))


def _latched(enumeration: Enumeration, mask: int, in_force: Floats | None) -> FiniteMDP:
    """The process with a latch for whether the event has come, and a channel that pays 1 when it first does.

    States from S on are those after the event. With weights in force, `[S, K]`, each channel has a weighted form too.
    """
    mdp = enumeration.mdp
    n_states, n_rows = mdp.n_states, mdp.n_states * mdp.n_actions
    came = ((mdp.events & np.uint64(mask)) != 0) & (mdp.probability > 0)
    columns, names = [mdp.rewards], list(mdp.channels)
    if in_force is not None:
        row = mdp.outcome_rows
        columns.append(mdp.rewards * in_force[row // mdp.n_actions])
        names += [f"weighted {name}" for name in mdp.channels]
    rewards = np.concatenate([*columns, np.zeros((came.size, 1))], axis=1)
    first = rewards.copy()
    first[came, -1] = 1
    return replace(
        mdp,
        n_states=2 * n_states,
        row_start=np.concatenate([mdp.row_start, mdp.row_start[1:] + mdp.row_start[n_rows]]),
        next_state=np.concatenate([mdp.next_state + n_states * came, mdp.next_state + n_states]).astype(np.int32),
        probability=np.tile(mdp.probability, 2),
        rewards=np.concatenate([first, rewards]),
        events=np.tile(mdp.events, 2),
        ended=np.tile(mdp.ended, 2),
        channels=(*names, CAME),
    )
