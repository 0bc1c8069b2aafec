"""Training of seeds: each seed is one agent, trained through its curriculum and evaluated in the judged stage."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import partial

from ...agents.base import OnlineLearner, TrainableAgent, learns_with
from ...agents.registry.multi_agent_profiles import alone
from ...envs.time_limit import OutOfTimeError, time_limit
from ...scenarios.errors import TurncoatError
from ..traces.experience import Experience
from ..traces.learning_curve import LearningCurve
from ..traces.provenance import code_hash, library_versions
from ..traces.rollout import simulate, trace_meta
from ..traces.trace import Trace
from .callbacks import TrainingCallbacks
from .curriculum import Curriculum, enter, untrained
from .execution.time_budget import Deadline
from .execution.workers import ClusterError, Workers
from .joint import deployed, train_jointly
from .life_training import live
from .spec import TrainingSpec, has_performance
from .telemetry.experience_recorder import ExperienceRecorder


def trained_traces(
    spec: TrainingSpec, seeds: Sequence[int], workers: Workers, go_on: Callable[[], bool]
) -> Iterator[tuple[int, Trace]]:
    """Train and evaluate several seeds of one specification; see `trained_together`.

    Yields:
        A seed and its trace, in the order in which seeds are finished.

    Raises:
        ClusterError: as `trained_together`.
    """
    for seed, (trace,) in trained_together((spec,), seeds, workers, go_on):
        yield seed, trace


def trained_together(
    specs: Sequence[TrainingSpec], seeds: Sequence[int], workers: Workers, go_on: Callable[[], bool]
) -> Iterator[tuple[int, tuple[Trace, ...]]]:
    """Train each seed once and evaluate it in every judged stage, as if it had been trained for that stage alone.

    Args:
        specs: one for each judged stage; they differ only in that stage and share their curriculum (see
            `share_curriculum`).
        seeds: the seeds to train.
        workers: the processes that train.
        go_on: asked before each seed's training begins; False begins no more of them.

    Yields:
        A seed and its traces, one for each specification, in the order in which seeds are finished; nothing for a seed
        that was stopped (see `TrainingSpec.until`).

    Raises:
        ClusterError: the workers run another Turncoat, or other libraries, than this process.
    """
    for seed, code, traces in workers.map_unordered(_train_in_time, [(tuple(specs), seed) for seed in seeds], go_on):
        if traces is None:
            continue
        # A worker on another machine may have another installation; its results could not be reproduced from this one.
        if code != code_hash() or any(trace.meta.versions != library_versions() for trace in traces):
            raise ClusterError(
                "the workers run another Turncoat or other libraries than this process, so their results would differ; "
                "install the same on all of them"
            )
        yield seed, traces


def share_curriculum(a: TrainingSpec, b: TrainingSpec) -> bool:
    """Whether two specifications, of one method under one condition, train the same agent before it is judged."""
    if a.life and b.life:
        return True
    return a.scenario.stages_before(a.eval_world.stage) == b.scenario.stages_before(b.eval_world.stage)


def _train_in_time(specs: tuple[TrainingSpec, ...], seed: int) -> tuple[int, str, tuple[Trace, ...] | None]:
    """The task of a worker: train a seed before the deadline.

    Returns:
        The seed, the hash of the code that made its traces, and the traces (None if the deadline passed).
    """
    deadline = Deadline(specs[0].until)
    try:
        # Between two steps the deadline is checked; an agent that plans may also be long within one step.
        with time_limit(specs[0].until - time.time(), "the time of this training"):
            return seed, code_hash(), train_seed(specs, seed, deadline)
    except Exception as fault:
        # The deadline stops a training by an exception, which a user's agent may turn into any other.
        if deadline.passed or isinstance(fault, OutOfTimeError):
            return seed, code_hash(), None
        raise


def train_seed(specs: Sequence[TrainingSpec], seed: int, deadline: Deadline) -> tuple[Trace, ...]:
    """Train one seed and evaluate it in every stage in which it is judged.

    Args:
        specs: as for `trained_together`.
        seed: the seed to train.
        deadline: checked at every step.

    Returns:
        One trace for each specification. Each is of an agent of its own: a deep copy of the trained one, or one that is
        trained again where the agent cannot be copied.
    """
    if specs[0].life:
        return live(specs, seed, deadline)
    first, *others = specs
    trained = _train(first, seed, deadline)
    copies = [trained.copied() if first.deep_copyable else _train(first, seed, deadline) for _ in others]
    return tuple(_evaluate(each, spec, seed, deadline) for each, spec in zip([trained, *copies], specs, strict=True))


def train_and_enter(spec: TrainingSpec, seed: int) -> TrainableAgent:
    """Train a single agent and return it as it is before its first tick in the judged stage."""
    (agent,) = _enter(_train(spec, seed, Deadline(math.inf)), spec)
    return agent


def play_trained(agent: TrainableAgent, spec: TrainingSpec, seed: int) -> Trace:
    """Play the judged stage with a single agent as if its training were over; the agent itself is changed by it."""
    deadline = Deadline(math.inf)
    callbacks = TrainingCallbacks(spec, seed, deadline)
    judged = spec.eval_world.stage
    curriculum = Curriculum(partial(untrained, spec), spec.scenario, spec.train_world, judged, spec.steps, callbacks)
    return _evaluate(_Trained([agent], curriculum), spec, seed, deadline)


@dataclass(frozen=True)
class _Trained:
    """Trained agents that have not entered the judged stage yet.

    Attributes:
        agents: one for each agent of the world.
        curriculum: the curriculum of a single agent; None for several agents.
        curve: the learning curve of a single agent; None for several agents.
        experience: what happened in the training; None if that was not seen.
    """

    agents: list[TrainableAgent]
    curriculum: Curriculum[TrainableAgent] | None = None
    curve: LearningCurve | None = None
    experience: Experience | None = None

    def copied(self) -> _Trained:
        """A deep copy, which shares neither learned state nor random generators with this one."""
        return replace(self, agents=deepcopy(self.agents))


def _train(spec: TrainingSpec, seed: int, deadline: Deadline) -> _Trained:
    if spec.joint:
        recorder = ExperienceRecorder()
        agents = train_jointly(spec, seed, deadline, recorder)
        return _Trained(agents, experience=recorder.experience(has_performance(spec.scenario)))
    callbacks = TrainingCallbacks(spec, seed, deadline)
    try:
        return _train_alone(spec, seed, callbacks)
    except Exception as fault:
        # What a checkpoint restores is checked only by being trained further, and may make it fail in any way.
        if not callbacks.resumed or deadline.passed or isinstance(fault, OSError | TurncoatError):
            raise
        callbacks.discard(f"the training that it holds failed: {type(fault).__name__}: {fault}")
    return _train_alone(spec, seed, TrainingCallbacks(spec, seed, deadline))


def _train_alone(spec: TrainingSpec, seed: int, callbacks: TrainingCallbacks) -> _Trained:
    make, judged = partial(untrained, spec), spec.eval_world.stage
    curriculum = Curriculum(make, spec.scenario, spec.train_world, judged, spec.steps, callbacks)
    agent = curriculum.train(seed)
    callbacks.close()
    return _Trained([agent], curriculum, callbacks.curve, callbacks.experience)


def _enter(trained: _Trained, spec: TrainingSpec) -> list[TrainableAgent]:
    """The agents after they entered the judged stage, with what they carry into it."""
    agents = trained.agents
    if trained.curriculum is not None:
        agents = [trained.curriculum.enter(agent, spec.eval_world.stage) for agent in agents]
    for number, agent in enumerate(agents):
        enter(agent, alone(spec.eval_world, number))
    return agents


def _evaluate(trained: _Trained, spec: TrainingSpec, seed: int, deadline: Deadline) -> Trace:
    """Play the episodes of the judged stage and return their trace, with the learning curve of the training."""
    world, agents, learning = spec.eval_world, _enter(trained, spec), False
    for agent in agents:
        if isinstance(agent, OnlineLearner):
            agent.learning = getattr(spec.learn, learns_with(agent))
            learning |= agent.learning
    acting, regrets = deployed(agents, spec, seed) if spec.joint else (agents, None)
    trace = simulate(
        replace(world, rewards_shown=world.rewards_shown and spec.learn.reward),
        acting,
        trace_meta(world, spec.method, spec.scenario_hash, spec.overrides, library_versions()),
        episodes=spec.episodes,
        seed=seed,
        # An agent that learns while it acts does so from one episode after another.
        lanes=1 if learning else min(spec.episodes, 256),
        before_tick=deadline.check,
        thoughts=spec.thoughts,
    )
    if regrets is not None:
        trace = replace(trace, regrets={seed: regrets})
    if spec.result_relevant:
        trace = replace(trace, meta=replace(trace.meta, training=spec.result_relevant))
    if (curve := trained.curve) is not None:
        trace = replace(trace, learning={seed: curve.points}, trained={seed: curve.steps})
        if curve.knowledge:
            trace = replace(trace, knowledge={seed: curve.knowledge})
    if trained.experience is not None:
        trace = replace(trace, experience={seed: trained.experience})
    return trace
