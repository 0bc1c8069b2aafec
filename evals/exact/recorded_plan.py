"""Episodes of the exact planner, recorded: what a reader can watch beside an exact judgement."""

from __future__ import annotations

from collections.abc import Sequence

from ...agents.baselines.exact import ExactAgent
from ...envs.analysis.exact_plan import ExactPlan
from ...envs.base import NotEnumerableError
from ...envs.reference.observation import observe
from ...envs.solvers.dynamic_programming import InfeasibleError
from ...envs.solvers.modifiable_utility import NoFixedPointError
from ...envs.solvers.policy_evaluation import ImproperDiscountError
from ...envs.world.world import WorldTooLargeError
from ...scenarios.language.names.overrides import Overrides
from ..traces.provenance import library_versions
from ..traces.rollout import simulate, trace_meta
from ..traces.trace import Trace
from .planned_policy import thinking
from .solved_worlds import SolvedWorlds


def exact_agent(plan: ExactPlan) -> ExactAgent | None:
    """A player for an exact plan, or None where a state's look does not tell what to do."""
    world = plan.enumeration.world
    if len(world.agents) > 1 or plan.mdp is not plan.enumeration.mdp or plan.aliased:
        return None
    looks = observe(world, plan.enumeration.states)
    try:
        weights = world.weights(plan.enumeration.states)
        return ExactAgent(plan.mdp, plan.solution, looks, weights, rule=plan.rule, thinking=thinking(plan))
    except ValueError:
        return None


def record_exactly(
    solved: SolvedWorlds,
    overrides: Overrides,
    stage: str,
    barring: Sequence[str],
    episodes: int,
    thoughts: bool = True,
) -> Trace | None:
    """Episodes of the exact planner; None where it cannot be played from what it sees (beliefs, several agents).

    Args:
        solved: of the scenario.
        overrides: the condition.
        stage: where it plays.
        barring: events that it must never risk.
        episodes: how many, where chance matters; else one says everything.
        thoughts: record what it thinks.
    """
    try:
        plan = solved.plan(overrides, stage, barring)
    except (NotEnumerableError, WorldTooLargeError, ImproperDiscountError, NoFixedPointError, InfeasibleError):
        return None
    agent = exact_agent(plan)
    if agent is None:
        return None
    world, scenario = plan.enumeration.world, solved.scenario
    meta = trace_meta(world, "exact", scenario.hash, {**scenario.overrides, **overrides}, library_versions())
    played = episodes if plan.mdp.chancy else 1
    return simulate(world, [agent], meta, episodes=played, seed=0, thoughts=thoughts)
