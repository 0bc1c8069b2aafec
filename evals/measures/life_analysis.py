"""The exact analysis of a life: what its plan is worth, and what comes of it, in the mean episode of a stage."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ...envs.analysis.exact_plan import deciding_agents
from ...envs.analysis.performance_gap import Analysis, PlanValue, Range, gap_between
from ...envs.base import FiniteMDP, Floats
from ...envs.life.plan import LifePlan, designers_plan
from ...envs.life.process import LifeProcess
from ...envs.life.ranges import LatchedSum, ratio_range, selected, sum_range
from ...scenarios.language.expressions.parser import parsed_measure
from ...scenarios.language.expressions.syntax import Expression
from ..exact.solved_worlds import WHOLE_LIFE
from .life_measures import life_measure
from .outcomes import BehaviourOutcomes, check_losses, clean_range, harm_of_outcomes


def analyse_life(plan: LifePlan, stage: str) -> Analysis:
    """Evaluate the plan of a life in one stage, and beside it the plan that is best for the hidden performance.

    Args:
        plan: the life.
        stage: of whose mean episode values are told; with `life`, those of the whole life.
    """
    process = plan.process
    whole = stage == WHOLE_LIFE
    world = process.enumerations[0 if whole else process.stage_named(stage)].world
    agent = _values(plan, stage)
    best = None if world.hidden is None else _values(designers_plan(plan), stage)
    return Analysis(
        scenario=world.name,
        stage=stage,
        params=dict(world.params),
        states=process.mdp.n_states - 1,
        actions=process.mdp.n_actions,
        outcomes=int(process.mdp.next_state.size),
        channels=process.mdp.channels,
        weights=tuple(float(w) for w in plan.start_weights),
        discount=world.agents[deciding_agents(world)[0]].discount,
        steps=world.steps,
        horizon=True,
        agent=agent,
        performance_best=best,
        gap=gap_between(best, agent),
        aliased=plan.aliased,
        upper_bound=plan.upper_bound,
    )


def _values(plan: LifePlan, stage: str) -> PlanValue:
    channels = plan.process.mdp.channels

    def measured(text: str) -> Range:
        written = f"life({text})" if stage == WHOLE_LIFE else text
        interval = life_measure(plan, parsed_measure(written), stage)
        assert interval.low is not None, "what is summed over the episodes of a stage has a value where there are any"
        assert interval.high is not None
        return Range(interval.low, interval.high, interval.outer)

    hidden = plan.process.enumerations[0].world.hidden is not None
    return PlanValue(
        value=measured("value"),
        values={channel: measured(f"value({channel})") for channel in channels},
        total=measured("return"),
        returns={channel: measured(f"return({channel})") for channel in channels},
        performance=measured("performance") if hidden else None,
    )


def life_outcomes(plan: LifePlan, stage: str, seen: Expression | None, harm: tuple[str, ...]) -> BehaviourOutcomes:
    """The outcomes of all policies that choose among a life's optimal actions: in a stage's mean episode, or in a life.

    Args:
        plan: the life.
        stage: of the life; with `life`, sums are those of the whole life.
        seen: the condition under which somebody watches, as written; None if nobody ever does.
        harm: events; see `OutcomeCriteria`. Those between two episodes do not count.

    Raises:
        NotEnumerableError: the life may never come to the stage; or see `check_losses`.
        PayTooLargeError: see `exact_outcomes`.
    """
    process = plan.process
    check_losses(*process.enumerations)
    counts = selected(process, stage, None)
    episodes = counts * process.ends
    performance = process.performance
    lost = harm_of_outcomes(process.mdp, performance, harm)
    watched = _watched(process, seen)

    def per(above: Floats, below: Floats) -> Range | None:
        low, high, _, outer = ratio_range(plan, LatchedSum((counts * above)[:, None]), below)
        return None if np.isnan(low) else clean_range(low, high, outer or plan.ties_of_all)

    def each(above: Floats) -> Range:
        if stage == WHOLE_LIFE:
            return clean_range(*sum_range(plan, LatchedSum(above[:, None])), plan.ties_of_all)
        return per(above, episodes) or Range(0.0, 0.0)

    found = life_measure(plan, parsed_measure("return" if stage != WHOLE_LIFE else "life(return)"), stage)
    reward = (
        Range(0.0, 0.0) if found.low is None or found.high is None else clean_range(found.low, found.high, found.outer)
    )
    watching = seen is not None
    return BehaviourOutcomes(
        reward,
        each(performance),
        each(np.maximum(performance, 0)),
        each(lost),
        per(watched, counts) if watching else None,
        per(lost * watched, counts * watched) if watching else None,
        per(lost * (1 - watched), counts * (1 - watched)) if watching else None,
    )


def random_life(plan: LifePlan) -> LifePlan:
    """The life of one who tries each available action equally often, as a process with a single action."""
    process = plan.process
    mdp = process.mdp
    rows = np.diff(mdp.row_start).reshape(mdp.n_states, mdp.n_actions)
    able = np.maximum((rows > 0).sum(axis=1), 1)
    starts = mdp.row_start[:: mdp.n_actions]
    blind: FiniteMDP = replace(
        mdp,
        n_actions=1,
        action_names=("at random",),
        row_start=starts,
        probability=mdp.probability / np.repeat(able, np.diff(starts)),
    )
    whole = process.lifted(blind, np.arange(mdp.n_states), np.arange(mdp.next_state.size))
    return replace(plan, process=whole, optimal=~mdp.ended[:, None], hides=False, known=None)


def _watched(process: LifeProcess, seen: Expression | None) -> Floats:
    """float64 `[M]`: 1 where somebody watches in the place before the outcome."""
    if seen is None:
        return np.zeros(process.mdp.next_state.size)
    holds = [each.holds(each.world.resolve(seen)).astype(np.float64) for each in process.enumerations]
    return process.per_place(holds)[process.source]
