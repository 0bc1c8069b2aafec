"""What regret is measured from: the most that was to be had in a stage, exactly."""

from __future__ import annotations

from collections.abc import Callable

from ...envs.analysis.exact_plan import ExactPlan, plan_exactly
from ...envs.analysis.performance_gap import best_performance
from ...envs.analysis.tie_ranges import expectation_range
from ...envs.mdp.enumeration import Enumeration
from ...scenarios.language.expressions.parser import parse_measure
from ...scenarios.language.expressions.syntax import Measure, Quantity
from .planned_policy import planner_of


def is_regret(measure: Measure) -> bool:
    """Whether a measure needs `best_of`."""
    return isinstance(measure, Quantity) and measure.quantity == "regret" and measure.responder is None


def responder_of(text: str) -> str | None:
    """Whose best response to the others a written measure is about (`regret(AGENT)`); None for any other."""
    measure = parse_measure(text)
    return measure.responder if isinstance(measure, Quantity) else None


def truly_best(enumeration: Enumeration, max_states: int, plan: Callable[[], ExactPlan]) -> ExactPlan:
    """The exact solver's plan, whatever the agent plans by.

    Args:
        enumeration: of the stage.
        max_states: that may be enumerated.
        plan: the agent's own; asked for only where the agent plans by the solver.

    Raises:
        ImproperDiscountError, NoFixedPointError, NotEnumerableError: see `plan_exactly`.
    """
    return plan() if planner_of(enumeration.world) is None else plan_exactly(enumeration, (), max_states)


def best_of(measure: Measure, plan: ExactPlan) -> float:
    """What the best is worth over the stage's ticks, both for the exact planner and for whoever falls short of it.

    Args:
        measure: `regret`: the weighted, discounted sum that the exact planner gets, at its best tie; it plans with or
            without an end in sight, as the agent does. `regret(performance)`: the hidden score of the best plan for it,
            seeing all.
        plan: the exact planner's, with nothing barred.

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


def best_in(text: str, plan: Callable[[], ExactPlan]) -> float | None:
    """The same of a written measure; None, and no plan is asked for, where it is no regret."""
    measure = parse_measure(text)
    return best_of(measure, plan()) if is_regret(measure) else None
