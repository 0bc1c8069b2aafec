"""Trained agents for a run: each seed its own agent, trained in the training stage and played where it is judged."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from ..agents.base import Agent, Computes, Learner, Perceiver, Pupil
from ..agents.device import CPU
from ..envs.senses import senses
from ..envs.world import World
from . import together
from .budget import Deadline
from .cache import code_hash
from .course import Course
from .methods import methods
from .rundir import library_versions
from .simulate import simulate, trace_meta
from .stages import Enters, Life, world_of
from .trace import Trace
from .training import Training
from .workers import NoCluster, Workers


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
        A seed and its trace, as they are finished; none for a seed that was stopped (see `Training.until`).

    Raises:
        NoCluster: the workers run another Turncoat, or other libraries, than this process.
    """
    for seed, code, trace in workers.each(_signed, [(training, seed) for seed in seeds], go_on):
        if trace is None:
            continue
        if code != code_hash() or trace.meta.versions != library_versions():
            raise NoCluster(
                "the workers run another Turncoat or other libraries than this process, so their results would differ; "
                "install the same on all of them"
            )
        yield seed, trace


def _signed(training: Training, seed: int) -> tuple[int, str, Trace | None]:
    """A seed's trace, and which code made it; None if the time was over before it was done."""
    deadline = Deadline(training.until)
    try:
        return seed, code_hash(), _one(training, seed, deadline)
    except Exception:
        if deadline.passed:  # whatever an agent of the user's own has made of it
            return seed, code_hash(), None
        raise


def _one(training: Training, seed: int, deadline: Deadline) -> Trace:
    if len(training.field.agents) > 1 or "=" in training.method:
        return together.trace_of_all(training, seed, deadline)
    course = Course(training, seed, deadline)
    agent = _life(training, course).brought_up(seed)
    course.close()
    enter(agent, training.field)
    learns = False
    if isinstance(agent, Learner):
        learns = agent.learning = getattr(training.learn, getattr(agent, "learns_with", "model"))
    meta = trace_meta(training.field, training.method, training.scenario_hash, training.overrides, library_versions())
    meta = replace(meta, training=training.told)
    lanes = 1 if learns else min(training.episodes, 256)
    field = replace(training.field, rewards_shown=training.field.rewards_shown and training.learn.reward)
    played = simulate(
        field,
        [agent],
        meta,
        episodes=training.episodes,
        seed=seed,
        lanes=lanes,
        before_tick=deadline.check,
        thoughts=training.thoughts,
    )
    return replace(played, learning={seed: course.earning.curve}, trained={seed: course.earning.steps})


def _life(training: Training, course: Course) -> Life[Pupil]:
    """What the agent goes through before it is judged."""
    world = world_of(training.school)

    def make() -> Pupil:
        agent = training.own.make(world) if training.own else methods()[training.method](world, training.scenario)
        if isinstance(agent, Computes) and training.manner.device != CPU:
            agent.use(training.manner.device)
        return agent

    return Life(make, training.scenario, training.school, training.field.stage, training.steps, course)


def enter(agent: Agent, field: World) -> None:
    """Show an agent the world where it acts from now on."""
    if isinstance(agent, Enters):
        agent.enter_world(field)
    if isinstance(agent, Perceiver):
        agent.enter(senses(field))
