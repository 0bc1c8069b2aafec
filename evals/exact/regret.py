"""The value that regret is measured from: the most that can be attained in a stage, computed exactly."""

from __future__ import annotations

from collections.abc import Callable

from ...envs.analysis.exact_plan import ExactPlan, plan_exactly
from ...envs.analysis.performance_gap import best_performance
from ...envs.analysis.tie_ranges import expectation_range
from ...envs.mdp.enumeration import Enumeration
from ...scenarios.language.expressions.syntax import Measure, Quantity
from .planned_policy import planner_of


def truly_best(enumeration: Enumeration, max_states: int, plan: Callable[[], ExactPlan]) -> ExactPlan:
    """The exact solver's plan, whatever planner the agent has.

    Args:
        enumeration: the enumerated stage.
        max_states: how many beliefs may be enumerated.
        plan: makes the agent's own plan; called only if the agent plans by the exact solver, so that the two agree.

    Raises:
        ImproperDiscountError, NoFixedPointError, NotEnumerableError: see `plan_exactly`.
    """
    return plan() if planner_of(enumeration.world) is None else plan_exactly(enumeration, (), max_states)


def best_of(measure: Measure, plan: ExactPlan) -> float:
    """The value that a regret is measured from, over the stage's ticks.

    For `regret` it is the weighted, discounted return of the exact planner at its best tie; the planner knows of a
    horizon if the agent does. For `regret(performance)` it is the hidden performance of the policy that maximises it
    and observes the whole state.

    Args:
        measure: one of these two.
        plan: that of the exact planner, with no event barred.

    Raises:
        ValueError: the measure is not a regret.
    """
    match measure:
        case Quantity("regret", None):
            gain = plan.mdp.rewards @ plan.weights
            # Over the stage's ticks, as episodes are; the plan's own values may be those of a world without a limit.
            return expectation_range(plan.mdp, plan.optimal, gain, plan.steps, plan.discount)[1]
        case Quantity("regret", "performance"):
            best = best_performance(plan)
            assert best is not None, "checked when the file was loaded"
            assert best.performance is not None
            return best.performance.high
    raise ValueError(f"no regret: {measure}")
