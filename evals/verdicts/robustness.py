"""Measures of a plan over an interval of one setting: with the plan kept as it is, and with one made anew each time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ...envs.analysis.exact_plan import NO_PLAN, ExactPlan
from ...envs.analysis.tie_ranges import check_followable
from ...envs.base import NotEnumerableError
from ...envs.row_ids import row_places
from ...envs.solvers.dynamic_programming import FiniteHorizonSolution
from ...scenarios.arguments import check_names
from ...scenarios.errors import ArgumentError, check_name
from ...scenarios.language.expressions.parser import parsed_measure
from ...scenarios.language.faults.collector import Report as Faults
from ...scenarios.language.loading import Scenario
from ...scenarios.language.names.formula_context import Context
from ...scenarios.language.names.overrides import check_override
from ...scenarios.language.validation.sweeps import check_measured
from ..exact.solved_worlds import WHOLE_LIFE, SolvedWorlds
from ..measures.measure import Interval
from ..measures.measure_values import BOUND_ONLY, exact_range, measured, regret_baseline


@dataclass(frozen=True)
class Extremes:
    """The least and the greatest value of a measure at the values of a setting that were tried, ties included.

    Attributes:
        least, greatest: the values; None where the measure has a value nowhere.
        least_at, greatest_at: where each was found; of equals the first.
        without: at how many of the tried values the measure has no value.
        outer: some of the ranges are outer bounds, so that the extremes may lie within.
    """

    least: float | None = None
    least_at: float | None = None
    greatest: float | None = None
    greatest_at: float | None = None
    without: int = 0
    outer: bool = False


@dataclass(frozen=True)
class MeasureOver:
    """A measure at the file's own value of a setting, and over an interval of it.

    Attributes:
        measure: as written.
        here: its range over the best plans of the file as it is.
        kept: over the interval, by those plans, which know nothing of the change.
        anew: over the interval, by the best plans at each value.
        note: why there is no `kept`; empty where there is one.
    """

    measure: str
    here: Interval
    kept: Extremes
    anew: Extremes
    note: str = ""


def measures_over(
    scenario: Scenario,
    measures: Sequence[str],
    over: tuple[str, Sequence[float]] | None = None,
    stage: str | None = None,
    report: Callable[[str], None] = lambda _: None,
) -> tuple[MeasureOver, ...]:
    """Measures of a stage's best plans, and their extremes over the tried values of one setting.

    Nothing is said of what lies between the values.

    Args:
        scenario: loaded, at the values for which the kept plan is made.
        measures: as in an expectation.
        over: a setting, by its dotted name, and its values; None: only the file as it is.
        stage: when None, the judged one.
        report: told the progress.

    Raises:
        ArgumentError: nothing is measured, or the values are no numbers.
        NotEnumerableError: the file as it is cannot be solved, or a measure has no exact value.
        ScenarioError: the setting, one of its values or a measure is wrong.
        UnknownNameError: no such stage.
    """
    check_names("measures", measures)
    if not measures:
        raise ArgumentError("nothing is measured; name a measure, as in `share(seized)`")
    name, values = ("", ()) if over is None else over
    if not all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        raise ArgumentError("measures are taken over an interval of numbers")
    faults = Faults()
    for value in values:
        check_override(name, value, scenario.symbols, faults, ())
    for text in measures:
        check_measured(text, Context(scenario.symbols, faults), ())
    faults.raise_if_wrong()
    stage = stage or scenario.judged_stage
    check_name("stage", stage, (*scenario.document.stages, *((WHOLE_LIFE,) if scenario.document.life else ())))
    solved = SolvedWorlds(scenario)
    asked = [parsed_measure(text) for text in measures]
    here = [exact_range(solved, each, {}, stage) for each in asked]
    kept: list[list[Interval]] = [[] for _ in asked]
    anew: list[list[Interval]] = [[] for _ in asked]
    note = ""
    for number, value in enumerate(values, 1):
        point = {name: value}
        for found, each in zip(anew, asked, strict=True):
            found.append(exact_range(solved, each, point, stage))
        if not note:
            try:
                plan = kept_plan(solved.plan({}, stage), solved.plan(point, stage))
                for found, each in zip(kept, asked, strict=True):
                    found.append(measured(plan, each, regret_baseline(solved, each, point, stage)))
            except (NotEnumerableError, *NO_PLAN) as fault:
                note = f"{name} = {value:g}: {fault}"
        solved.forget(point)
        report(f"{number:,} of {len(values):,} values")
    return tuple(
        MeasureOver(text, at, Extremes() if note else extremes(old, values), extremes(new, values), note)
        for text, at, old, new in zip(measures, here, kept, anew, strict=True)
    )


def kept_plan(plan: ExactPlan, other: ExactPlan) -> ExactPlan:
    """A plan followed in the world of another one, in each of whose states it does what it would do in its own.

    Raises:
        NotEnumerableError: it is not known what it does there: the states are made of other fields, or one is met that
            its own world does not have, or the plan is of beliefs, of a game, or only an upper bound.
    """
    for each in (plan, other):
        if each.upper_bound:
            raise NotEnumerableError(BOUND_ONLY)
        if each.equilibria is not None or each.mdp is not each.enumeration.mdp:
            raise NotEnumerableError("a plan of beliefs or of a game is not followed in another world")
    ours, theirs = ([field.name for field in each.enumeration.world.fields] for each in (plan, other))
    if ours != theirs:
        raise NotEnumerableError("the states of the two worlds are made of different fields")
    at = row_places(plan.enumeration.states, other.enumeration.states)
    solution, own = other.solution, plan.optimal
    if isinstance(solution, FiniteHorizonSolution):
        if not isinstance(own, FiniteHorizonSolution) or own.horizon != solution.horizon:
            raise NotEnumerableError("the two plans are for different numbers of ticks")
        allowed = np.packbits(other.mdp.available, axis=1)
        packed = np.where((at >= 0)[None, :, None], own.packed[:, at] & allowed, 0)
        kept = replace(other, solution=replace(solution, packed=packed))
    else:
        if isinstance(own, FiniteHorizonSolution):
            raise NotEnumerableError("the two plans are for different numbers of ticks")
        optimal = (at >= 0)[:, None] & own[at] & other.mdp.available
        kept = replace(other, solution=replace(solution, optimal=optimal))
    check_followable(kept.mdp, kept.optimal, kept.steps)
    return kept


def extremes(found: Sequence[Interval], values: Sequence[float]) -> Extremes:
    """The extremes of the ranges of a measure at some values of a setting."""
    lows = [(each.low, value) for each, value in zip(found, values, strict=True) if each.low is not None]
    highs = [(each.high, value) for each, value in zip(found, values, strict=True) if each.high is not None]
    without = len(found) - len(lows)
    if not lows:
        return Extremes(without=without)
    (least, least_at), (greatest, greatest_at) = min(lows, key=lambda its: its[0]), max(highs, key=lambda its: its[0])
    return Extremes(least, least_at, greatest, greatest_at, without, any(each.outer for each in found))
