"""A parsed measure evaluated in the worlds of a scenario: exactly over a plan's ties, or on recorded episodes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from ...envs.analysis.exact_plan import NO_PLAN, ExactPlan
from ...envs.base import NotEnumerableError
from ...envs.multi_agent.equilibrium_process import Equilibria
from ...envs.reference.expressions import context_between_ticks, evaluate_float
from ...envs.solvers.modifiable_utility import NoFixedPointError
from ...envs.solvers.policy_evaluation import ImproperDiscountError
from ...envs.world.world import World
from ...scenarios.language.expressions.constants import constant
from ...scenarios.language.expressions.syntax import (
    EpisodeCondition,
    EpisodeLogic,
    ExtremeShare,
    Measure,
    Number,
    OfLife,
    ParsedMeasure,
    Rate,
    Share,
    StateHolds,
    Statistic,
    TailMean,
    Temporal,
)
from ...scenarios.language.names.overrides import Overrides
from ..exact.planned_policy import whose_policies
from ..exact.regret import best_of
from ..exact.solved_worlds import WHOLE_LIFE, SolvedWorlds
from ..traces.trace import Trace
from .life_measures import life_measure
from .measure import Interval, exact_measure, sampled_measure, spanned
from .temporal_conditions import Reads

if TYPE_CHECKING:
    import polars as pl

BOUND_ONLY = "views are partial and beliefs too many: only an upper bound is known"


def exact_range(
    solved: SolvedWorlds,
    measure: ParsedMeasure,
    overrides: Overrides,
    stage: str,
    barring: Sequence[str] = (),
    episode: Literal[1, "last"] | None = None,
) -> Interval:
    """The range of a measure over the ties of a stage's plan; without a value if no plan exists.

    A planner that searches follows a single policy, and so does a deliberation that is not a weighted sum; for these
    the range is a single number.

    Args:
        solved: worlds of the scenario.
        measure: the measure to evaluate.
        overrides: the condition, as dotted overrides.
        stage: the stage in which the agent acts.
        barring: events that the plan must never risk.
        episode: which one of the episodes that the stage has in the file's life; None for their mean.

    Raises:
        NotEnumerableError: see `enumerate_world`; or observations are partial and only an upper bound is known; or the
            measure is defined for trained agents only.
    """
    if isinstance(measure.syntax, OfLife) and not solved.lives_in(stage):
        raise NotEnumerableError(f"`{measure}` is of a life, and `{stage}` is no stage of one")
    if solved.lives_in(stage):
        return _range_in_life(solved, measure, overrides, stage, barring, episode)
    _check_exact(measure, solved.world(overrides, stage))
    try:
        plan = solved.plan(overrides, stage, barring)
        best = regret_baseline(solved, measure, overrides, stage)
    except NO_PLAN as fault:
        return Interval(None, None, str(fault))
    # The fully observed optimum bounds the value from above, but says nothing of how the agent behaves: other measures
    # of it are not bounds of anything.
    if plan.upper_bound:
        raise NotEnumerableError(BOUND_ONLY)
    if plan.equilibria is None:
        return replace(measured(plan, measure, best), whose=whose_policies(plan))
    return _of_equilibria(plan, plan.equilibria, measure)


def _of_equilibria(plan: ExactPlan, equilibria: Equilibria, measure: ParsedMeasure) -> Interval:
    """The range over all equilibria, with that of each beside it."""
    alone = [spanned([_under_ties(plan.playing(plays), measure) for plays in its.ways]) for its in equilibria.every]
    interval = spanned(alone) if equilibria.settled else measured(plan, measure)
    interval = replace(interval, whose=whose_policies(plan))
    each = tuple((one.low, one.high) for one in alone if one.low is not None and one.high is not None)
    reads_states = isinstance(measure.syntax, Statistic)
    cut = "; ".join(filter(None, (equilibria.cut, equilibria.states_cut if reads_states else "")))
    return replace(interval, each=each if len(each) == len(alone) else (), cut=cut)


def _range_in_life(
    solved: SolvedWorlds,
    measure: ParsedMeasure,
    overrides: Overrides,
    stage: str,
    barring: Sequence[str],
    episode: Literal[1, "last"] | None,
) -> Interval:
    """As `exact_range`, of a stage that is part of a life, or of the whole life."""
    entries = solved.under(overrides).document.life
    _check_exact(measure, solved.world(overrides, entries[0].stage if stage == WHOLE_LIFE else stage))
    try:
        plan = solved.life(overrides, barring)
        if plan.upper_bound:
            raise NotEnumerableError(BOUND_ONLY)
        return life_measure(plan, measure, stage, episode, lambda: solved.life(overrides))
    except NO_PLAN as fault:
        return Interval(None, None, str(fault))


def regret_baseline(solved: SolvedWorlds, measure: ParsedMeasure, overrides: Overrides, stage: str) -> float | None:
    """The value from which a regret is measured (see `best_of`); None for any other measure.

    Raises:
        NotEnumerableError: there is no exact plan, or only an upper bound of one.
    """
    if not measure.is_regret:
        return None
    _check_exact(measure, solved.world(overrides, stage))
    try:
        plan = solved.best_plan(overrides, stage)
    except (ImproperDiscountError, NoFixedPointError) as fault:
        raise NotEnumerableError(f"regret is measured from the exact plan, and there is none: {fault}") from fault
    if plan.upper_bound:
        raise NotEnumerableError(BOUND_ONLY)
    return best_of(measure.syntax, plan)


def baseline_in(measure: ParsedMeasure, plan: Callable[[], ExactPlan]) -> float | None:
    """The value from which a regret is measured, by a plan that is made only then; None for any other measure."""
    return best_of(measure.syntax, plan()) if measure.is_regret else None


def measured(plan: ExactPlan, measure: ParsedMeasure, best: float | None = None) -> Interval:
    """The exact range of a measure over the ties of a plan; `best` as in `exact_measure`.

    Raises:
        NotEnumerableError: the measure is defined for trained agents only, or in worlds of one agent.
    """
    _check_exact(measure, plan.enumeration.world)
    return spanned([_under_ties(each, measure, best) for each in plan.alternatives])


def _under_ties(plan: ExactPlan, measure: ParsedMeasure, best: float | None = None) -> Interval:
    return exact_measure(measure_in(plan.enumeration.world, measure), plan, best)


def _check_exact(measure: ParsedMeasure, world: World) -> None:
    if measure.responder is not None:
        raise NotEnumerableError(f"`{measure}` is of what agents learned; the exact plan keeps to `solution`")
    if measure.is_regret and len(world.agents) > 1:
        raise NotEnumerableError("regret is one agent's, and this world has several")


def sampled_in(world: World, measure: ParsedMeasure, trace: Trace, best: float | None = None) -> pl.DataFrame:
    """A measure in every episode of a trace of one world, for its first agent; see `sampled_measure`."""
    if isinstance(measure.syntax, ExtremeShare):
        raise NotEnumerableError(
            f"`{measure}` is of every policy there is, not of what an agent did: ask it of `exact`"
        )
    if isinstance(measure.syntax, TailMean):
        raise NotEnumerableError(
            f"`{measure}` is of all that may come of a plan, and few episodes have the worst in them: ask it of `exact`"
        )
    program = world.agents[0]
    # NaN instead of None keeps the polars expression numeric; only a regret reads it, and then `best` is given.
    reference = math.nan if best is None else best
    return sampled_measure(
        measure_in(world, measure), trace, reads_in(world), program.weights, program.discounts, reference
    )


def measure_in(world: World, measure: ParsedMeasure) -> Measure:
    """The syntax of a measure, its condition or formula resolved for one world."""
    syntax = measure.syntax
    if isinstance(syntax, Share | ExtremeShare):
        return replace(syntax, condition=_condition_in(world, syntax.condition))
    if isinstance(syntax, Rate) and syntax.condition is not None:
        return replace(syntax, condition=world.resolve(syntax.condition))
    if isinstance(syntax, TailMean):
        return replace(syntax, share=Number(constant(syntax.share, world.params)))
    if isinstance(syntax, Statistic):
        tick = None if syntax.tick is None else Number(constant(syntax.tick, world.params))
        return replace(syntax, formula=world.resolve(syntax.formula), tick=tick)
    return syntax


def _condition_in(world: World, condition: EpisodeCondition) -> EpisodeCondition:
    """A condition on an episode, its formulas resolved for one world and its numbers of ticks known."""
    match condition:
        case StateHolds(formula):
            return replace(condition, formula=world.resolve(formula))
        case Temporal(_, operands, within):
            known = None if within is None else Number(constant(within, world.params))
            return replace(condition, operands=tuple(_condition_in(world, each) for each in operands), within=known)
        case EpisodeLogic(_, operands):
            return replace(condition, operands=tuple(_condition_in(world, each) for each in operands))
        case _:
            return condition


def reads_in(world: World) -> Reads:
    """A function that evaluates resolved formulas in the states of a trace of this world."""
    return lambda formula, states: evaluate_float(formula, context_between_ticks(world, states))
