"""The exact analysis of a life: what its plan is worth in the mean episode of a stage, beside the designers' best."""

from __future__ import annotations

from ...envs.analysis.exact_plan import deciding_agents
from ...envs.analysis.performance_gap import Analysis, PlanValue, Range, gap_between
from ...envs.life.plan import LifePlan, designers_plan
from ...scenarios.language.expressions.parser import parsed_measure
from ..exact.solved_worlds import WHOLE_LIFE
from .life_measures import life_measure


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
        return Range(interval.low, interval.high)

    hidden = plan.process.enumerations[0].world.hidden is not None
    return PlanValue(
        value=measured("value"),
        values={channel: measured(f"value({channel})") for channel in channels},
        total=measured("return"),
        returns={channel: measured(f"return({channel})") for channel in channels},
        performance=measured("performance") if hidden else None,
    )
