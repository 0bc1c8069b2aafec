"""Trained agents for a run: each seed its own agent, trained in the training stage and played where it is judged."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from ..agents.base import Learner, Pupil, TrainingEnv
from ..envs.enumerating import Enumeration
from ..envs.lanes import TableLane, WorldLane, tellable
from ..envs.world import World
from . import together
from .budget import Deadline
from .cache import code_hash
from .entering import enter
from .methods import methods, plans
from .progress import Earning
from .rundir import library_versions
from .simulate import simulate, trace_meta
from .stages import Life, School, world_of
from .tapped import TappedLane
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
    earning = Earning(world_of(training.school).agents[0].weights, training.steps)
    agent = _life(training, earning, deadline).brought_up(seed)
    enter(agent, training.field)
    learns = False
    if isinstance(agent, Learner):
        learns = agent.learning = getattr(training.learn, getattr(agent, "learns_with", "model"))
    meta = trace_meta(training.field, training.method, training.scenario_hash, training.overrides, library_versions())
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
    return replace(played, learning={seed: earning.curve})


def _life(training: Training, earning: Earning, deadline: Deadline) -> Life[Pupil]:
    """What the agent goes through before it is judged."""
    world = world_of(training.school)

    def make() -> Pupil:
        return training.own.make(world) if training.own else methods()[training.method](world, training.scenario)

    def timed(school: School) -> TrainingEnv:
        inner = lane(school, plans(training.method))
        return TappedLane(inner, deadline.check, earning.paid, earning.begun)

    # Stable-Baselines3 steps lanes of its own, and reports after each of its rollouts.
    on_progress = deadline.progress if training.method.startswith(("ppo", "dqn")) else None
    return Life(make, timed, training.scenario, training.school, training.field.stage, training.steps, on_progress)


def lane(school: World | Enumeration, forgetful: bool) -> TableLane | WorldLane:
    """The quickest lane there is; for an agent that is not `forgetful`, one that says what was executed."""
    if isinstance(school, World):
        return WorldLane(school)
    return TableLane(school) if forgetful or tellable(school.world) else WorldLane(school.world)
