"""Trained agents for a run: each seed its own agent, trained in the training stage and played where it is judged."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace

from ...agents.base import DeviceAware, OnlineLearner, TrainableAgent
from ...agents.learning.device import CPU
from ...agents.registry.agents import methods
from ...agents.registry.profiles import alone
from ..traces.learning_curve import Earning
from ..traces.provenance import code_hash, library_versions
from ..traces.rollout import simulate, trace_meta
from ..traces.trace import Trace
from . import joint as together
from .callbacks import Course
from .curriculum import Life, enter, stages_before, world_of
from .execution.time_budget import Deadline
from .execution.workers import ClusterError, Workers
from .spec import Training


def trained_traces(
    training: Training, seeds: Sequence[int], workers: Workers, go_on: Callable[[], bool]
) -> Iterator[tuple[int, Trace]]:
    """Train and play each of some seeds; see `trained_together`, of which this is the plain case.

    Yields:
        A seed and its trace, as they are finished.

    Raises:
        ClusterError: as there.
    """
    for seed, (trace,) in trained_together((training,), seeds, workers, go_on):
        yield seed, trace


def trained_together(
    trainings: Sequence[Training], seeds: Sequence[int], workers: Workers, go_on: Callable[[], bool]
) -> Iterator[tuple[int, tuple[Trace, ...]]]:
    """Train each of some seeds once, and play it in every stage in which it is judged, as if trained for that alone.

    Args:
        trainings: what each does; they differ only in where they are judged, and `lives_alike`.
        seeds: which.
        workers: who does it.
        go_on: asked before each is begun.

    Yields:
        A seed and its traces, one of each training, as they are finished; none for a seed that was stopped (see
        `Training.until`).

    Raises:
        ClusterError: the workers run another Turncoat, or other libraries, than this process.
    """
    for seed, code, traces in workers.each(_signed, [(tuple(trainings), seed) for seed in seeds], go_on):
        if traces is None:
            continue
        if code != code_hash() or any(trace.meta.versions != library_versions() for trace in traces):
            raise ClusterError(
                "the workers run another Turncoat or other libraries than this process, so their results would differ; "
                "install the same on all of them"
            )
        yield seed, traces


def brought_up(training: Training, seed: int) -> TrainableAgent:
    """A single agent as it is before its first tick in the stage in which it is judged."""
    (agent,) = _there(_raised(training, seed, Deadline(math.inf)), training)
    return agent


def lives_alike(a: Training, b: Training) -> bool:
    """Whether two trainings, of one method under one condition, come to the same agent until it is judged."""
    return stages_before(a.scenario, a.field.stage) == stages_before(b.scenario, b.field.stage)


def _signed(trainings: tuple[Training, ...], seed: int) -> tuple[int, str, tuple[Trace, ...] | None]:
    """A seed's traces, and which code made them; None if the time was over before they were done."""
    deadline = Deadline(trainings[0].until)
    try:
        return seed, code_hash(), _all(trainings, seed, deadline)
    except Exception:
        if deadline.passed:  # whatever an agent of the user's own has made of it
            return seed, code_hash(), None
        raise


def _all(trainings: tuple[Training, ...], seed: int, deadline: Deadline) -> tuple[Trace, ...]:
    """Where an agent cannot be doubled, each training is made."""
    first, *others = trainings
    raised = _raised(first, seed, deadline)
    copies = [raised.doubled() if first.doubles else _raised(first, seed, deadline) for _ in others]
    return tuple(_played(each, its, seed, deadline) for each, its in zip([raised, *copies], trainings, strict=True))


@dataclass(frozen=True)
class _Raised:
    """Agents as their training has left them, one for each of the world's, not yet where they are judged.

    Attributes:
        agents: see there; life: theirs, where there is one agent; earning: what it earned meanwhile.
    """

    agents: list[TrainableAgent]
    life: Life[TrainableAgent] | None = None
    earning: Earning | None = None

    def doubled(self) -> _Raised:
        """The same again, so that what one of the two learns or draws the other does not."""
        return replace(self, agents=deepcopy(self.agents))


def _raised(training: Training, seed: int, deadline: Deadline) -> _Raised:
    if len(training.field.agents) > 1 or "=" in training.method:
        return _Raised(together.raised_together(training, seed, deadline))
    course = Course(training, seed, deadline)
    life = _life(training, course)
    agent = life.raised(seed)
    course.close()
    return _Raised([agent], life, course.earning)


def _there(raised: _Raised, training: Training) -> list[TrainableAgent]:
    """The agents, in the stage in which they are judged."""
    life, agents = raised.life, raised.agents
    if life is not None:
        agents = [life.moved(agent, training.field.stage) for agent in agents]
    for number, agent in enumerate(agents):
        enter(agent, alone(training.field, number))
    return agents


def _played(raised: _Raised, training: Training, seed: int, deadline: Deadline) -> Trace:
    """What agents do in the stage in which they are judged."""
    pupils, learns = _there(raised, training), False
    for agent in pupils:
        if isinstance(agent, OnlineLearner):
            agent.learning = getattr(training.learn, getattr(agent, "learns_with", "model"))
            learns |= agent.learning
    agents, short = together.deployed(pupils, training) if raised.life is None else (pupils, None)
    played = simulate(
        replace(training.field, rewards_shown=training.field.rewards_shown and training.learn.reward),
        agents,
        trace_meta(training.field, training.method, training.scenario_hash, training.overrides, library_versions()),
        episodes=training.episodes,
        seed=seed,
        lanes=1 if learns else min(training.episodes, 256),
        before_tick=deadline.check,
        thoughts=training.thoughts,
    )
    if short is not None:
        played = replace(played, regrets={seed: short})
    if training.told:
        played = replace(played, meta=replace(played.meta, training=training.told))
    if (earning := raised.earning) is None:
        return played
    return replace(played, learning={seed: earning.curve}, trained={seed: earning.steps})


def _life(training: Training, course: Course) -> Life[TrainableAgent]:
    """What the agent goes through before it is judged."""
    world = world_of(training.school)

    def make() -> TrainableAgent:
        agent = training.own.make(world) if training.own else methods()[training.method](world, training.scenario)
        if isinstance(agent, DeviceAware) and training.manner.device != CPU:
            agent.use(training.manner.device)
        return agent

    return Life(make, training.scenario, training.school, training.field.stage, training.steps, course)
