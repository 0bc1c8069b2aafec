"""Recorded episodes of the exact planner, which a reader can watch beside an exact judgement."""

from __future__ import annotations

from collections.abc import Sequence

from ...agents.baselines.exact import ExactAgent
from ...envs.analysis.exact_plan import NOT_SOLVED, ExactPlan
from ...envs.reference.observation import observe
from ...scenarios.language.names.overrides import Overrides
from ..traces.provenance import library_versions
from ..traces.rollout import simulate, trace_meta
from ..traces.trace import Trace
from .certain_steps import CertainSteps, is_certain
from .planned_policy import thinking
from .solved_worlds import SolvedWorlds


def exact_agent(plan: ExactPlan) -> ExactAgent | None:
    """An agent that follows an exact plan, or None if its observations do not determine what the plan does."""
    world = plan.enumeration.world
    # A process other than the world's own is one over beliefs, which a single observation does not reveal.
    if len(world.agents) > 1 or plan.mdp is not plan.enumeration.mdp or plan.aliased:
        return None
    looks = observe(world, plan.enumeration.states)
    try:
        weights = world.weights(plan.enumeration.states)
        return ExactAgent(plan.mdp, plan.solution, looks, weights, rule=plan.rule, thinking=thinking(plan))
    # Two states look alike and call for different actions.
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
    """Record episodes of the exact planner; None if there is no plan or no agent that follows it (see `exact_agent`).

    Args:
        solved: worlds of the scenario.
        overrides: the condition, as dotted overrides.
        stage: the stage in which it plays.
        barring: events that it must never risk.
        episodes: how many are recorded if the stage has chance; without chance a single one shows everything.
        thoughts: whether to record what it thinks.
    """
    try:
        plan = solved.plan(overrides, stage, barring)
    except NOT_SOLVED:
        return None
    agent = exact_agent(plan)
    if agent is None:
        return None
    world, scenario = plan.enumeration.world, solved.scenario
    meta = trace_meta(world, "exact", scenario.hash, {**scenario.overrides, **overrides}, library_versions())
    played = episodes if plan.mdp.chancy else 1
    steps = CertainSteps(plan.enumeration) if is_certain(world) else None
    return simulate(world, [agent], meta, episodes=played, seed=0, thoughts=thoughts, steps=steps)
