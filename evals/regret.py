"""What regret is measured from: the most that was to be had in a stage, exactly."""

from __future__ import annotations

from ..envs.analysis import best_for_designers
from ..envs.extremes import expectation_range
from ..envs.planning import ExactPlan
from ..scenarios.language.syntax import Measure, Quantity


def is_regret(measure: Measure) -> bool:
    """Whether a measure needs `best_of`."""
    return isinstance(measure, Quantity) and measure.quantity == "regret"


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
            best = best_for_designers(plan)
            assert best is not None, "checked when the file was loaded"
            assert best.performance is not None
            return best.performance.high
    raise ValueError(f"no regret: {measure}")
