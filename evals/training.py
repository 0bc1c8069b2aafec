"""Trained agents for a run: each seed its own agent, trained in the training stage and played where it is judged."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import numpy as np
from joblib import Parallel, delayed

from ..agents.base import Agent, Learner, Trainable
from ..agents.counts import CountsAgent, CountsOptions
from ..agents.tabular import RandomAgent, TabularAgent, Update
from ..envs.enumerating import Enumeration
from ..envs.lanes import TableLane, WorldLane, tellable
from ..envs.world import World
from ..scenarios.language.schema import Learn
from .rundir import library_versions
from .simulate import simulate, trace_meta
from .trace import Trace, join_traces


class Pupil(Agent, Trainable, Protocol):
    """An agent that can be trained."""


def _counts(world: World) -> Pupil:
    its = world.agents[0]
    options = CountsOptions(deliberation=its.deliberation)
    return CountsAgent(world.channels, len(its.actions), its.weights, its.discount, options)


def _tabular(update: Update, world: World) -> Pupil:
    its = world.agents[0]
    return TabularAgent(update, world.channels, len(its.actions), its.weights, its.discount, rule=its.deliberation)


def _random(_: World) -> Pupil:
    return RandomAgent()


METHODS: dict[str, Callable[[World], Pupil]] = {
    "counts": _counts,
    "q_learning": partial(_tabular, "q_learning"),
    "virtual_sarsa": partial(_tabular, "virtual_sarsa"),
    "empirical_sarsa": partial(_tabular, "empirical_sarsa"),
    "random": _random,
}
"""Agents that are trained, each from the world of the training stage; every other name is refused."""

PLANNERS = ("counts",)
"""Those that plan on a model of their own: they look at what they chose, never at what was executed instead."""


@dataclass(frozen=True)
class Training:
    """What each seed does.

    Attributes:
        method: one of `METHODS`.
        school: the world of the training stage, enumerated where that is possible.
        field: the world of the stage in which it is judged.
        learn: which parts go on learning there.
        steps: environment steps of training; episodes: played in `field` afterwards.
        scenario_hash, overrides: for the trace.
    """

    method: str
    school: World | Enumeration
    field: World
    learn: Learn
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
    agent = METHODS[training.method](world)
    agent.fit(_lane(training.school, training.method in PLANNERS), training.steps, seed)
    learns = False
    if isinstance(agent, Learner):
        learns = agent.learning = getattr(training.learn, getattr(agent, "learns_with", "model"))
    meta = trace_meta(training.field, training.method, training.scenario_hash, training.overrides, library_versions())
    lanes = 1 if learns else min(training.episodes, 256)
    return simulate(training.field, [agent], meta, episodes=training.episodes, seed=seed, lanes=lanes)


def _lane(school: World | Enumeration, forgetful: bool) -> TableLane | WorldLane:
    """The quickest lane there is; for an agent that is not `forgetful`, one that says what was executed."""
    if isinstance(school, World):
        return WorldLane(school)
    return TableLane(school) if forgetful or tellable(school.world) else WorldLane(school.world)


def unable(method: str, world: World) -> str | None:
    """Why a method cannot be trained in a world, or None."""
    if method not in METHODS:
        return f"there is no agent `{method}`; there are exact, {', '.join(METHODS)}"
    if len(world.agents) > 1:
        return f"`{method}` learns alone, and this world has {len(world.agents)} agents"
    if method in PLANNERS and world.agents[0].discount >= 1:
        return f"`{method}` needs a discount below 1"
    if any(np.asarray(world.agents[0].weight_columns) >= 0):
        return f"`{method}` has fixed weights, and this world can change them"
    return None
