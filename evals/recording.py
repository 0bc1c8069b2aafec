"""Episodes of the exact planner, recorded: what a reader can watch beside an exact judgement."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from ..agents.exact import ExactAgent
from ..envs.base import NotEnumerableError
from ..envs.changing import NoFixedPointError
from ..envs.observing import observe
from ..envs.planning import ExactPlan
from ..envs.policies import ImproperDiscountError
from ..envs.solving import InfeasibleError
from ..envs.world import WorldTooLargeError
from .acting import thinking
from .laboratory import Laboratory, Overrides
from .rundir import library_versions
from .simulate import simulate, trace_meta
from .trace import Trace

LONGEST = 120
"""Characters of a trace's name: it is a file's."""


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
    except (NotEnumerableError, WorldTooLargeError, ImproperDiscountError, NoFixedPointError, InfeasibleError):
        return None
    agent = exact_agent(plan)
    if agent is None:
        return None
    world, scenario = plan.enumeration.world, laboratory.scenario
    meta = trace_meta(world, "exact", scenario.hash, {**scenario.overrides, **overrides}, library_versions())
    played = episodes if plan.mdp.chancy else 1
    return simulate(world, [agent], meta, episodes=played, seed=0, thoughts=thoughts)


def trace_name(stage: str, agent: str, overrides: Overrides, barring: Sequence[str] = ()) -> str:
    """A file's name: the stage, the agent and, where there are any, the overrides and what is barred.

    Where something cannot be written so, or is too long, eight digits of its hash keep two names apart.
    """
    settings = [f"{name}={value}" for name, value in sorted(overrides.items())]
    plain = "-".join([stage, agent, *settings, *(f"barring={event}" for event in barring)])
    name = "".join(c if c.isascii() and (c.isalnum() or c in "._=-") else "_" for c in plain)
    if name == plain and len(name) <= LONGEST:
        return name
    return f"{name[: LONGEST - 9]}-{hashlib.sha256(plain.encode()).hexdigest()[:8]}"
