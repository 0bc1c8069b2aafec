"""What regret is measured from: the most that was to be had in a stage, exactly."""

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
        enumeration: of the stage.
        max_states: how many states may be enumerated.
        plan: makes the agent's own plan; called only where the agent plans by the exact solver, so that the two agree.

    Raises:
        ImproperDiscountError, NoFixedPointError, NotEnumerableError: see `plan_exactly`.
    """
    return plan() if planner_of(enumeration.world) is None else plan_exactly(enumeration, (), max_states)


def best_of(measure: Measure, plan: ExactPlan) -> float:
    """The value from which a regret is measured, over the stage's ticks.

    Args:
        measure: `regret`: the weighted, discounted return of the exact planner, at its best tie; it plans with or
            without a known horizon, as the agent does. `regret(performance)`: the hidden performance of the policy that
            maximises it, which observes the whole state.
        plan: the exact planner's, with no event barred.

    Raises:
        ValueError: the measure is no regret.
    """
    match measure:
        case Quantity("regret", None):
            gain = plan.mdp.rewards @ plan.weights
            return expectation_range(plan.mdp, plan.optimal, gain, plan.steps, plan.discount)[1]
        case Quantity("regret", "performance"):
            best = best_performance(plan)
            assert best is not None, "checked when the file was loaded"
            assert best.performance is not None
            return best.performance.high
    raise ValueError(f"no regret: {measure}")
