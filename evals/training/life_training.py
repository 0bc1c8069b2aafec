"""One life for each seed: an agent reads what there is to read, is trained in the life's training entries, and goes on.

Training is a part of the life that the agent is judged in: what persists is not undone, and what it tries counts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from typing import Any

import numpy as np

from ...agents.base import (
    AgentState,
    LearnsFromLogs,
    OnlineLearner,
    Resumable,
    Stops,
    Thinker,
    TrainableAgent,
    learns_with,
)
from ...envs.life.training_env import EntriesOverError, LifeTrainingEnv, LivedTick
from ...envs.world.world import LifeEntry
from ...scenarios.deferred import pl
from ...scenarios.language.loading import Scenario
from ..exact.demonstrations import watched_lives
from ..exact.solved_worlds import SolvedWorlds
from ..traces.provenance import library_versions
from ..traces.rollout import trace_meta
from ..traces.trace import BETWEEN, HIDDEN, Trace
from .curriculum import carried, later_seed, learns_in, untrained, watch
from .execution.time_budget import Deadline
from .spec import TrainingSpec, is_training

_UNBOUNDED = 2**31
"""Steps that a `fit` in a life is asked for: the entries end it."""


@dataclass(frozen=True)
class _Span:
    """Entries of one stage that follow each other: numbers `first` to `until`, and whether they are training."""

    stage: str
    first: int
    until: int
    training: bool


def live(specs: Sequence[TrainingSpec], seed: int, deadline: Deadline) -> tuple[Trace, ...]:
    """Live one life and return what each stage saw of it.

    Args:
        specs: of one agent under one condition, one for each stage that it is judged in.
        seed: of the agent and of the life.
        deadline: checked at every tick.

    Returns:
        For each specification the trace of its stage's episodes in the life.
    """
    spec, ticks, thoughts = specs[0], list[LivedTick](), dict[int, str]()
    scenario, make = spec.scenario, partial(untrained, spec)
    foresight = spec.life[0].agents[0].foresight
    env = LifeTrainingEnv(spec.life, foresight, seed, ticks.append, deadline.check)
    agent, trained = make(), 0
    _read(agent, scenario, foresight, seed)
    for number, span in enumerate(_spans(scenario, spec.life[0].life)):
        if env.life_over:
            break
        begun, stage = len(ticks), scenario.document.stages[span.stage]
        if number:
            agent = carried(agent, stage, make)
        env.enter(span.until, stage.learn.reward)
        if span.training and learns_in(agent, stage):
            _train(agent, env, later_seed(seed, number) if number else seed)
        elif isinstance(agent, OnlineLearner):
            agent.learning = not span.training and bool(getattr(stage.learn, learns_with(agent)))
        recorded = thoughts if spec.thoughts and not span.training else {}
        _act(agent, env, ticks, recorded)
        trained += span.training * (len(ticks) - begun)
    return tuple(_trace(each, ticks, thoughts, seed, trained) for each in specs)


def _spans(scenario: Scenario, entries: Sequence[LifeEntry]) -> list[_Span]:
    """The entries of a life, those of one stage that follow each other together."""
    spans, first = [], 0
    for stage, some in groupby(entries, key=lambda entry: entry.stage):
        until = first + len(list(some))
        spans.append(_Span(stage, first, until, is_training(scenario, stage)))
        first = until
    return spans


def _read(agent: TrainableAgent, scenario: Scenario, foresight: str, seed: int) -> None:
    """Give an agent the logs of others' lives that the file's stages with `watch` show, before its own begins."""
    if not isinstance(agent, LearnsFromLogs):
        return
    solved = SolvedWorlds(scenario)
    for name, stage in scenario.document.stages.items():
        if stage.watch and learns_in(agent, stage):
            watch(agent, watched_lives(solved, name, seed, foresight), stage, seed)


def _train(agent: TrainableAgent, env: LifeTrainingEnv, seed: int) -> None:
    """Train an agent to the end of the entries that the environment is in, or until it takes no more steps."""
    try:
        agent.fit(env, _UNBOUNDED, seed)
    except EntriesOverError:
        # The tick that was the last is learned from; what is left is to come out of `fit` in good order.
        if isinstance(agent, Stops) and isinstance(agent, Resumable):
            agent.stop()
            agent.resume(env)


def _act(agent: TrainableAgent, env: LifeTrainingEnv, ticks: Sequence[LivedTick], thoughts: dict[int, str]) -> None:
    """Let an agent act to the end of the entries that the environment is in; it may go on learning."""
    if env.over:
        return
    observation, mask = env.reset()
    memory: AgentState = None
    while True:
        action, memory = agent.act(observation[None], memory, mask[None])
        if isinstance(agent, Thinker) and (thought := agent.thought()) is not None:
            thoughts[len(ticks)] = thought.to_json()
        after, rewards, ended, _, able = env.step(int(action[0]))
        if isinstance(agent, OnlineLearner) and agent.learning:
            paid = None if rewards is None else rewards[None]
            executed = np.array([env.executed], np.int32)
            agent.observe(observation[None], executed, paid, after[None], np.array([ended]), able[None])
        if env.over:
            return
        if ended:
            observation, mask = env.reset()
            memory = None
        else:
            observation, mask = after, able


def _trace(
    spec: TrainingSpec, lived: Sequence[LivedTick], thoughts: Mapping[int, str], seed: int, trained: int
) -> Trace:
    """The episodes of the judged stage, in the columns of every trace.

    What happens between an episode and the next is among the events of its last tick, marked as `BETWEEN`.
    """
    world = spec.eval_world
    meta = trace_meta(world, spec.method, spec.scenario_hash, spec.overrides, library_versions())
    rows = [(number, tick) for number, tick in enumerate(lived) if tick.world.stage == world.stage]
    columns: dict[str, list[Any]] = {
        "seed": [seed for _ in rows],
        "episode": [tick.episode for _, tick in rows],
        "lane": [0 for _ in rows],
        "step": [tick.tick for _, tick in rows],
        "state": [tick.state.tolist() for _, tick in rows],
        "chosen": [[tick.chosen] for _, tick in rows],
        "executed": [[tick.executed] for _, tick in rows],
        **{f"reward.{name}": [float(t.rewards[k]) for _, t in rows] for k, name in enumerate(world.channels)},
        HIDDEN: [tick.performance for _, tick in rows],
        "events": [
            [*world.happenings(tick.events), *(BETWEEN + name for name in world.happenings(tick.between))]
            for _, tick in rows
        ],
        "ended": [world.reasons[int(t.after[world.ended]) - 1] if t.ended else None for _, t in rows],
        "truncated": [False for _ in rows],
        "final_state": [tick.after.tolist() if tick.last else None for _, tick in rows],
        "thoughts": [[thoughts[number]] if number in thoughts else None for number, _ in rows],
    }
    series = [pl.Series(name, columns[name], dtype=dtype) for name, dtype in meta.schema.items()]
    return Trace(meta, pl.DataFrame(series).sort("episode", "step"), trained={seed: trained})
