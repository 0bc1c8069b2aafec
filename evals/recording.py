"""Episodes of the exact planner, recorded: what a reader can watch beside an exact judgement."""

from __future__ import annotations

from collections.abc import Sequence

from ..agents.exact import ExactAgent
from ..envs.base import NotEnumerable
from ..envs.changing import NoFixedPoint
from ..envs.observing import observe
from ..envs.planning import ExactPlan
from ..envs.policies import ImproperDiscount
from ..envs.solving import Unavoidable
from ..envs.world import TooLarge
from ..scenarios.language.dotted import Overrides
from .acting import thinking
from .laboratory import Laboratory
from .provenance import library_versions
from .simulate import simulate, trace_meta
from .trace import Trace


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
    laboratory: Laboratory,
    overrides: Overrides,
    stage: str,
    barring: Sequence[str],
    episodes: int,
    thoughts: bool = True,
) -> Trace | None:
    """Episodes of the exact planner; None where it cannot be played from what it sees (beliefs, several agents).

    Args:
        laboratory: of the scenario.
        overrides: the condition.
        stage: where it plays.
        barring: events that it must never risk.
        episodes: how many, where chance matters; else one says everything.
        thoughts: record what it thinks.
    """
    try:
        plan = laboratory.plan(overrides, stage, barring)
    except (NotEnumerable, TooLarge, ImproperDiscount, NoFixedPoint, Unavoidable):
        return None
    agent = exact_agent(plan)
    if agent is None:
        return None
    world, scenario = plan.enumeration.world, laboratory.scenario
    meta = trace_meta(world, "exact", scenario.hash, {**scenario.overrides, **overrides}, library_versions())
    played = episodes if plan.mdp.chancy else 1
    return simulate(world, [agent], meta, episodes=played, seed=0, thoughts=thoughts)
