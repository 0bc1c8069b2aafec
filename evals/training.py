"""Trained agents for a run: each seed its own agent, trained in the training stage and played where it is judged."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from joblib import Parallel, delayed

from ..agents.base import Agent, Learner, Perceiver, Trainable
from ..agents.counts import CountsAgent
from ..agents.rules import RulesAgent
from ..envs.enumerating import Enumeration
from ..envs.lanes import TableLane, WorldLane
from ..envs.senses import senses
from ..envs.world import World
from .rundir import library_versions
from .simulate import simulate, trace_meta
from .trace import Trace, join_traces


class TrainedAgent(Agent, Trainable, Learner, Protocol):
    """What a method makes: an agent that trains alone and may go on learning."""


def _counts(world: World, name: str) -> TrainedAgent:
    program = world.agents[0]
    return CountsAgent(world.channels, len(program.actions), program.weights, program.discount, name=name)


def _local_rules(world: World, name: str) -> TrainedAgent:
    program, seen = world.agents[0], senses(world)
    return RulesAgent(seen, world.channels, len(program.actions), program.weights, program.discount, name=name)


METHODS: Final[dict[str, Callable[[World, str], TrainedAgent]]] = {"counts": _counts, "local_rules": _local_rules}
"""Agents that are trained, by name; every other name is refused."""


@dataclass(frozen=True)
class Training:
    """What each seed does.

    Attributes:
        method: one of `METHODS`.
        school: the world of the training stage, enumerated where that is possible.
        field: the world of the stage in which it is judged.
        learns: it goes on learning there.
        steps: environment steps of training; episodes: played in `field` afterwards.
        scenario_hash, overrides: for the trace.
    """

    method: str
    school: World | Enumeration
    field: World
    learns: bool
    steps: int
    episodes: int
    scenario_hash: str
    overrides: dict[str, object]


def trained_traces(training: Training, seeds: int, jobs: int) -> Trace:
    """Train and play every seed from 0 on, `jobs` at a time; one trace with a seed each."""
    parts = Parallel(n_jobs=min(jobs, seeds))(delayed(_one)(training, seed) for seed in range(seeds))
    return join_traces(list(parts))


def _one(training: Training, seed: int) -> Trace:
    world = training.school.world if isinstance(training.school, Enumeration) else training.school
    agent = METHODS[training.method](world, training.method)
    lane = TableLane(training.school) if isinstance(training.school, Enumeration) else WorldLane(training.school)
    agent.fit(lane, training.steps, seed)
    agent.learning = training.learns
    if isinstance(agent, Perceiver):
        agent.enter(senses(training.field))
    meta = trace_meta(training.field, training.method, training.scenario_hash, training.overrides, library_versions())
    lanes = 1 if training.learns else min(training.episodes, 256)
    return simulate(training.field, [agent], meta, episodes=training.episodes, seed=seed, lanes=lanes)


def unable(method: str, world: World) -> str | None:
    """Why a method cannot be trained in a world, or None."""
    if method not in METHODS:
        return f"there is no agent `{method}`; there are exact, {', '.join(METHODS)}"
    if len(world.agents) > 1:
        return f"`{method}` learns alone, and this world has {len(world.agents)} agents"
    if world.agents[0].discount >= 1:
        return f"`{method}` needs a discount below 1"
    if any(np.asarray(world.agents[0].weight_columns) >= 0):
        return f"`{method}` has fixed weights, and this world can change them"
    return None
