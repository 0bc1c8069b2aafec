"""Measures given as text, in a world."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ...envs.analysis.exact_plan import ExactPlan
from ...envs.base import NotEnumerableError
from ...envs.reference.expressions import context_between_ticks, evaluate_bool
from ...envs.solvers.dynamic_programming import InfeasibleError
from ...envs.solvers.editable_weights import NoFixedPointError
from ...envs.solvers.policy_evaluation import ImproperDiscountError
from ...envs.world.world import World
from ...scenarios.language.expressions.parser import parse_measure
from ...scenarios.language.expressions.syntax import Measure, Rate
from ...scenarios.language.names.overrides import Overrides
from ..exact.planned_policy import whose_policies
from ..exact.regret import best_of, is_regret, responder_of
from ..exact.solved_worlds import Laboratory
from ..traces.trace import Trace
from .measure import Holds, Interval, exact_measure, sampled_measure

if TYPE_CHECKING:
    import polars as pl

BOUND_ONLY = "views are partial and beliefs too many: only an upper bound is known"


def exact_range(
    laboratory: Laboratory, text: str, overrides: Overrides, stage: str, barring: Sequence[str] = ()
) -> Interval:
    """A written measure's range over the ties of a stage's plan; it has no value where no plan can be made.

    A planner that searches makes one policy, and so does a deliberation that is no weighted sum: one number.

    Raises:
        NotEnumerableError: see `enumerate_world`; or views are partial and only an upper bound is known; or the
            measure is one of trained agents alone.
    """
    if responder_of(text) is not None:
        raise NotEnumerableError(f"`{text}` is of what agents learned; the exact plan keeps to `solution`")
    try:
        plan = laboratory.plan(overrides, stage, barring)
        best = regret_baseline(laboratory, text, overrides, stage)
    except (ImproperDiscountError, InfeasibleError, NoFixedPointError) as fault:
        return Interval(None, None, str(fault))
    if plan.upper_bound:
        raise NotEnumerableError(BOUND_ONLY)
    return replace(measured(plan, text, best), whose=whose_policies(plan))


def regret_baseline(laboratory: Laboratory, text: str, overrides: Overrides, stage: str) -> float | None:
    """What a written regret is measured from (see `best_of`); None for any other measure.

    Raises:
        NotEnumerableError: there is no exact plan, or only an upper bound of one.
    """
    measure = parse_measure(text)
    if not is_regret(measure):
        return None
    if len(laboratory.world(overrides, stage).agents) > 1:
        raise NotEnumerableError("regret is one agent's, and this world has several")
    try:
        plan = laboratory.best_plan(overrides, stage)
    except (ImproperDiscountError, NoFixedPointError) as fault:
        raise NotEnumerableError(f"regret is measured from the exact plan, and there is none: {fault}") from fault
    if plan.upper_bound:
        raise NotEnumerableError(BOUND_ONLY)
    return best_of(measure, plan)


def measured(plan: ExactPlan, text: str, best: float | None = None) -> Interval:
    """The exact range of a written measure over the ties of a plan; `best` as in `exact_measure`."""
    return exact_measure(measure_in(plan.enumeration.world, text), plan, best)


def sampled_in(world: World, text: str, trace: Trace, best: float | None = None) -> pl.DataFrame:
    """A written measure in every episode of a trace of one world, for its first agent; see `sampled_measure`."""
    program = world.agents[0]
    reference = math.nan if best is None else best
    return sampled_measure(
        measure_in(world, text), trace, holds_in(world), program.weights, program.discount, reference
    )


def measure_in(world: World, text: str) -> Measure:
    """A written measure, its condition in the terms of one world."""
    measure = parse_measure(text)
    if isinstance(measure, Rate) and measure.condition is not None:
        return replace(measure, condition=world.resolve(measure.condition))
    return measure


def holds_in(world: World) -> Holds:
    """Where a condition holds, in the states of a trace of this world."""
    return lambda condition, states: evaluate_bool(condition, context_between_ticks(world, states))
