"""The lives that the question after an event compares: the best one, the best without it, and the surest of it.

They are solved on one process that remembers whether the event has come. Letters: P places, A actions, K channels.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..analysis.event_explanation import EventExplanation, Stance, explain, stance_of
from ..analysis.event_plans import CAME, Behaviour, ComparedPlans, SurestPlan
from ..analysis.exact_plan import deciding_agents
from ..analysis.tie_ranges import TieRange
from ..base import Bools, FiniteMDP, Floats, NotEnumerableError
from ..mdp.transition_tables import tables
from ..solvers.dynamic_programming import InfeasibleError, allowed_for_ever
from .plan import LifePlan, fixed_weights, solve_life
from .process import LifeProcess
from .ranges import LatchedSum, sum_range
from .worth import worth_of

WHOLE = "life"
"""The name by which all stages of a life are asked for."""


class LifeEventPlans(ComparedPlans[LifePlan]):
    """Solves for the life that would be led if an event were paid for, ruled out, or wanted above all.

    See `ComparedPlans`. An event between two episodes belongs to the one that is over.
    """

    by_rule = False

    def __init__(self, plan: LifePlan, event: str, stage: str = WHOLE) -> None:
        """Build the process.

        Args:
            plan: the life.
            event: its name.
            stage: the event counts in episodes of this stage alone; in all with `life`.

        Raises:
            NotEnumerableError: views are partial, so that beliefs would have to be planned on.
            UnknownNameError: no such event.
        """
        if plan.aliased:
            raise NotEnumerableError("why it lives so is not said where what matters is not all seen")
        world = plan.process.enumerations[0].world
        agent = world.agents[deciding_agents(world)[0]]
        mask = np.uint64(plan.process.mdp.event_mask(event))
        hit = ((plan.process.mdp.events | plan.process.between) & mask) != 0
        if stage != WHOLE:
            hit &= (plan.process.stage == plan.process.stage_named(stage))[plan.process.source]
        self._plan, self._judges_by, self._foresight = plan, agent.judges_by, agent.foresight
        self.process, self._came = _latched(plan.process, hit)
        self._weights = np.tile(plan.weights, (2, 1))
        fixed = fixed_weights(plan.process, plan.weights)
        self.linear = fixed and self._foresight == "life"
        self._by_start = fixed or self._judges_by != "future"

    # -------------------------------------------------------------- solutions

    def soonest(self) -> LifePlan:
        """See `EventPlans.soonest`."""
        return self._alone(None)

    def surest(self) -> SurestPlan[LifePlan]:
        """See `EventPlans.surest`; every life is over some time, so nothing is put off for ever.

        Raises:
            NoFixedPointError: the agent keeps to no such plan.
        """
        likely = self._alone(np.ones(self.process.mdp.n_states))
        mdp = self.process.mdp
        chance = float(mdp.start_probability @ likely.values[mdp.start_state])
        return SurestPlan(self._solve(0.0, ~likely.optimal), chance, True)

    def least_share(self) -> float:
        """See `EventPlans.least_share`."""
        mdp = self.process.mdp
        try:
            allowed_for_ever(mdp, tables(mdp), self._risking())
        except InfeasibleError:
            return self.extreme_shares()[0]
        return 0.0

    def extreme_shares(self) -> tuple[float, float]:
        """The least and the greatest share of lives with the event, over all plans there are."""
        mdp = self.process.mdp
        free = LifePlan(self.process, mdp.available, np.zeros(mdp.n_states), self._weights, WHOLE)
        return self.share(free)

    # -------------------------------------------------------------- what a solution is worth, and does

    def share(self, solution: LifePlan) -> TieRange:
        """The share of lives with the event, (low, high) over the ties of a solution."""
        low, high = sum_range(solution, LatchedSum(self._came[:, None].astype(np.float64)))
        ends = TieRange(min(max(low, 0.0), 1.0), min(max(high, 0.0), 1.0))
        return ends.outer_where(self._plan.ties_of_all)

    def chance_and_value(self, solution: LifePlan) -> tuple[float, float]:
        """The discounted chance of the event, and the value of the whole life without any reward for it."""
        vector, parts = self._worth(solution)
        return float(vector[-1]), float(parts.sum())

    def behaviour(self, solution: LifePlan) -> Behaviour:
        """The life of a solution; of its likeliest course what comes before it is again where it was."""
        vector, parts = self._worth(solution)
        names = self._plan.process.mdp.channels
        actions, tick = self._course(solution)
        return Behaviour(
            value=float(parts.sum()),
            values=dict(zip(names, vector.tolist(), strict=False)),
            parts=dict(zip(names, parts.tolist(), strict=True)),
            share=self.share(solution),
            actions=actions,
            tick=tick,
        )

    def supremum(self, surest: SurestPlan[LifePlan]) -> Behaviour:
        """See `EventPlans.supremum`: here there always is a surest plan."""
        return self.behaviour(surest.solution)

    # -------------------------------------------------------------- inside

    def _solve(self, reward: float, barred: Bools | None = None) -> LifePlan:
        weights = np.column_stack([self._weights, np.full(len(self._weights), reward)])
        return solve_life(self.process, weights, self._foresight, self._judges_by, barred)

    def _alone(self, discounts: Floats | None) -> LifePlan:
        """The best life for whoever wants the event alone, whatever else it values."""
        weights = np.zeros((self.process.mdp.n_states, len(self.process.mdp.channels)))
        weights[:, -1] = 1.0
        return solve_life(self.process, weights, WHOLE, "current", None, discounts)

    def _risking(self) -> Bools:
        """bool `[P, A]`: the pairs that may bring the event about."""
        mdp = self.process.mdp
        rows = mdp.outcome_rows
        barred = np.zeros(mdp.n_states * mdp.n_actions, np.bool_)
        barred[rows[self._came]] = True
        return barred.reshape(mdp.n_states, mdp.n_actions)

    def _worth(self, solution: LifePlan) -> tuple[Floats, Floats]:
        """What the channels and the event add up to over the life, `[K + 1]`, and what each channel adds, `[K]`."""
        mdp, count = self.process.mdp, self._weights.shape[1]
        gains = tables(mdp).vector_rewards
        if not self._by_start:
            gains = np.concatenate([gains, gains[..., :count] * self._weights[:, None, :]], axis=2)
        sums = worth_of(solution, gains)
        first = sums[mdp.start_state, solution.optimal[mdp.start_state].argmax(axis=1)]
        vector = np.asarray(mdp.start_probability @ first)
        if self._by_start:
            return vector, vector[:count] * self._plan.start_weights
        return vector[: count + 1], vector[count + 1 :]

    def _course(self, solution: LifePlan) -> tuple[tuple[str, ...], int | None]:
        """What is done where every draw has its likeliest outcome, and when the event comes on that way."""
        mdp, actions, tick = self.process.mdp, list[str](), None
        place, seen = int(mdp.start_state[mdp.start_probability.argmax()]), set[int]()
        while not mdp.ended[place] and place not in seen:
            seen.add(place)
            action = int(solution.optimal[place].argmax())
            row = place * mdp.n_actions + action
            outcome = int(mdp.row_start[row] + mdp.probability[mdp.row_start[row] : mdp.row_start[row + 1]].argmax())
            if tick is None and self._came[outcome]:
                tick = len(actions)
            actions.append(mdp.action_names[action])
            place = int(mdp.next_state[outcome])
        return tuple(actions), tick


def explain_event_of_life(plan: LifePlan, event: str, stage: str = WHOLE) -> EventExplanation:
    """Compare the best life with the best that never risks an event, and with the best that surely brings it about.

    Args:
        plan: the life.
        event: which one.
        stage: in whose episodes it counts; in all with `life`.

    Raises:
        NotEnumerableError, UnknownNameError: see `LifeEventPlans`.
    """
    plans, notes = LifeEventPlans(plan, event, stage), list[str]()
    if plan.foresight == "episode":
        notes.append("values are of its whole life; it looks ahead to the end of each episode, and does not weigh them")
    elif not fixed_weights(plan.process, plan.weights):
        how = "when each reward comes" if not plans._by_start else "at the start, whatever becomes of them"
        notes.append(f"values are by the weights held {how}")
    if any(entry.episodes is None for entry in plan.process.entries):
        notes.append("chance decides how many episodes there are; the course ends where it would go on as before")
    return replace(explain(plans, event, notes), of="life" if stage == WHOLE else stage)


def stance_in_life(plan: LifePlan, event: str, stage: str = WHOLE) -> Stance:
    """How often the best life brings an event about; see `Stance`."""
    return stance_of(LifeEventPlans(plan, event, stage))


def _latched(process: LifeProcess, hit: Bools) -> tuple[LifeProcess, Bools]:
    """The life with a latch for whether the event has come, and a channel that pays 1 when it first does.

    Places from P on are those after the event.

    Returns:
        The process, and bool `[2 M]`: the event comes for the first time.
    """
    mdp = process.mdp
    places, outcomes = mdp.n_states, mdp.next_state.size
    came = hit & (mdp.probability > 0)
    first = np.concatenate([came, np.zeros(outcomes, np.bool_)])
    last = mdp.row_start[-1]
    latched: FiniteMDP = replace(
        mdp,
        n_states=2 * places,
        row_start=np.concatenate([mdp.row_start, mdp.row_start[1:] + last]),
        next_state=np.concatenate([mdp.next_state + places * came, mdp.next_state + places]).astype(np.int32),
        probability=np.tile(mdp.probability, 2),
        rewards=np.column_stack([np.tile(mdp.rewards, (2, 1)), first]),
        events=np.tile(mdp.events, 2),
        ended=np.tile(mdp.ended, 2),
        channels=(*mdp.channels, CAME),
    )
    return process.lifted(latched, np.tile(np.arange(places), 2), np.tile(np.arange(outcomes), 2)), first
