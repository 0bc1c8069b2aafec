"""Trained agents for a run: each seed its own agent, trained in the training stage and played where it is judged."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ..agents.counts import CountsAgent
from ..envs.enumerating import Enumeration
from ..envs.lanes import TableLane, WorldLane
from ..envs.world import World
from .cache import code_hash
from .rundir import library_versions
from .simulate import simulate, trace_meta
from .trace import Trace
from .workers import NoCluster, Workers

METHODS = ("counts",)
"""Agents that are trained; every other name is refused."""


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


def trained_traces(
    training: Training, seeds: Sequence[int], workers: Workers, go_on: Callable[[], bool]
) -> Iterator[tuple[int, Trace]]:
    """Train and play each of some seeds.

    Args:
        training: what each does.
        seeds: which.
        workers: who does it.
        go_on: asked before each is begun.

    Yields:
        A seed and its trace, as they are finished.

    Raises:
        NoCluster: the workers run another Turncoat, or other libraries, than this process.
    """
    for seed, code, trace in workers.each(_signed, [(training, seed) for seed in seeds], go_on):
        if code != code_hash() or trace.meta.versions != library_versions():
            raise NoCluster(
                "the workers run another Turncoat or other libraries than this process, so their results would differ; "
                "install the same on all of them"
            )
        yield seed, trace


def _signed(training: Training, seed: int) -> tuple[int, str, Trace]:
    """A seed's trace, and which code made it."""
    return seed, code_hash(), _one(training, seed)


def _one(training: Training, seed: int) -> Trace:
    world = training.school.world if isinstance(training.school, Enumeration) else training.school
    program = world.agents[0]
    agent = CountsAgent(world.channels, len(program.actions), program.weights, program.discount, name=training.method)
    lane = TableLane(training.school) if isinstance(training.school, Enumeration) else WorldLane(training.school)
    agent.fit(lane, training.steps, seed)
    agent.learning = training.learns
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
