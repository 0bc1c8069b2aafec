"""Evaluation rollouts: agents act in a world and everything is recorded; they see no hidden performance."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from ...agents.base import Agent, AgentState, OnlineLearner, Thinker
from ...envs.base import Bools, Floats, Ints, Longs
from ...envs.reference import action_mask
from ...envs.reference import step as reference
from ...envs.reference.observation import observe
from ...envs.reference.step import TickResult
from ...envs.world.randomness import SampledDraws
from ...envs.world.world import World
from ...scenarios.deferred import pl
from .trace import HIDDEN, Trace, TraceMeta

Steps: TypeAlias = Callable[[Ints, Ints], TickResult]
"""One tick of states int32 `[B, F]` and actions int32 `[B, N]`."""


def simulate(
    world: World,
    agents: Sequence[Agent],
    meta: TraceMeta,
    *,
    episodes: int,
    seed: int,
    lanes: int = 256,
    thoughts: bool = True,
    before_tick: Callable[[], None] | None = None,
    steps: Steps | None = None,
) -> Trace:
    """Play episodes and record them; their random numbers do not depend on how many are played at once.

    Args:
        world: compiled; an episode lasts `world.steps` ticks at most.
        agents: N, in the world's order. One that goes on learning (`OnlineLearner`) is told its own transitions.
        meta: of the trace.
        episodes: how many.
        seed: of the random numbers.
        lanes: episodes played at once. Only with 1 does a learner meet the episodes one after another.
        thoughts: record those of the first episode of every batch of lanes.
        before_tick: called before every tick; what it raises ends the rollout.
        steps: gives what the reference gives, in a world whose ticks are without chance; None: the reference.

    Raises:
        ValueError: the stage has neither limit nor horizon, the number of agents is wrong, or an episode is over at its
            start.
    """
    if world.steps < 1:
        raise ValueError(f"stage `{world.stage}` has neither a limit nor a horizon, so an episode might never end")
    if len(agents) != len(world.agents):
        raise ValueError(f"{len(agents)} agents for the {len(world.agents)} of `{world.name}`")
    batches = []
    for first in range(0, episodes, lanes):
        numbers = np.arange(first, min(first + lanes, episodes))
        played = _play(world, agents, numbers, seed, thoughts, before_tick, steps)
        batches.append(_table(world, meta, numbers, played, seed))
    return Trace(meta, pl.concat(batches))


def trace_meta(
    world: World, agent: str, scenario_hash: str, overrides: Mapping[str, object], versions: Mapping[str, str]
) -> TraceMeta:
    """The metadata of a trace of this world."""
    return TraceMeta(
        scenario=world.name,
        scenario_hash=scenario_hash,
        stage=world.stage,
        agent=agent,
        agents=tuple(program.name for program in world.agents),
        actions=tuple(program.actions for program in world.agents),
        channels=world.channels,
        fields=tuple(column.name for column in world.fields),
        overrides=dict(overrides),
        versions=dict(versions),
    )


@dataclass(frozen=True, eq=False)
class _Tick:
    """One tick of all lanes; only `live` lanes, whose episode was not over before, become rows of the trace."""

    step: int
    live: Longs
    states: Ints
    chosen: Ints
    tick: TickResult
    thoughts: tuple[str | None, ...] | None


def _play(
    world: World,
    agents: Sequence[Agent],
    episodes: Longs,
    seed: int,
    thoughts: bool,
    before_tick: Callable[[], None] | None,
    steps: Steps | None,
) -> list[_Tick]:
    """Play some episodes in parallel lanes, to the end of the longest."""
    size = episodes.size
    lanes, numbers = np.arange(size), range(len(agents))
    states = reference.reset(world, SampledDraws(seed, episodes, np.zeros(size, np.int64)), size).states
    over = states[:, world.ended] > 0
    if over.any():
        raise ValueError(f"an episode of `{world.name}` is over at its start, before anyone can act")
    memories: list[AgentState] = [None] * len(agents)
    observations = [observe(world, states, number) for number in numbers]
    available = [_available(world, states, number, over) for number in numbers]
    played = []
    for step in range(world.steps):
        if before_tick is not None:
            before_tick()
        actions = np.empty((size, len(agents)), np.int32)
        for number, agent in enumerate(agents):
            actions[:, number], memories[number] = agent.act(observations[number], memories[number], available[number])
        thought = _thoughts(agents) if thoughts and not over[0] else None
        chance = SampledDraws(seed, episodes, np.full(size, step + 1))
        tick = reference.step(world, states, actions, chance) if steps is None else steps(states, actions)
        live = lanes[~over]  # lanes that are over are still stepped, and left out of everything that is recorded
        before, over = observations, tick.ended
        observations = [observe(world, tick.states, number) for number in numbers]
        available = [_available(world, tick.states, number, over) for number in numbers]
        for number, agent in enumerate(agents):
            if isinstance(agent, OnlineLearner) and agent.learning:
                rewards = _own_rewards(world, tick.rewards[live], number) if world.rewards_shown else None
                agent.observe(
                    before[number][live],
                    tick.executed[live, number],
                    rewards,
                    observations[number][live],
                    over[live],
                    available[number][live],
                )
        played.append(_Tick(step, live, states, actions, tick, thought))
        states = tick.states
        if over.all():
            break
    return played


def _available(world: World, states: Ints, number: int, over: Bools) -> Bools:
    """The available actions; in a lane that is over all are, so that agents need not deal with an empty mask."""
    return action_mask.available(world, states, number) | over[:, None]


def _own_rewards(world: World, rewards: Floats, number: int) -> Floats:
    """Rewards, float64 `[n, K]`, with 0 in the channels of other agents."""
    return np.where(np.asarray(world.owners) == number, rewards, 0.0)


def _thoughts(agents: Sequence[Agent]) -> tuple[str | None, ...] | None:
    """The agents' thoughts as JSON, one per agent; None if there are none."""
    recorded = [agent.thought() if isinstance(agent, Thinker) else None for agent in agents]
    if all(thought is None for thought in recorded):
        return None
    return tuple(None if thought is None else thought.to_json() for thought in recorded)


def _table(world: World, meta: TraceMeta, episodes: Longs, played: list[_Tick], seed: int) -> pl.DataFrame:
    """The rows of a batch of episodes, in the trace's columns and order."""

    def gather(per_lane: Callable[[_Tick], np.ndarray]) -> np.ndarray:
        return np.concatenate([per_lane(rows)[rows.live] for rows in played])

    lane = np.concatenate([rows.live for rows in played])
    step = np.repeat([rows.step for rows in played], [rows.live.size for rows in played])
    after, ended = gather(lambda rows: rows.tick.states), gather(lambda rows: rows.tick.ended)
    rewards = gather(lambda rows: rows.tick.rewards)
    last = ended | (step + 1 == world.steps)
    reasons = np.array([None, *world.reasons], dtype=object)
    columns: dict[str, Any] = {
        "seed": np.full(lane.size, seed, np.uint64),
        "episode": episodes[lane],
        "lane": lane,
        "step": step,
        "state": gather(lambda rows: rows.states),
        "chosen": gather(lambda rows: rows.chosen),
        "executed": gather(lambda rows: rows.tick.executed),
        **{f"reward.{name}": rewards[:, k] for k, name in enumerate(world.channels)},
        HIDDEN: gather(lambda rows: rows.tick.performance),
        "events": _event_lists(world, gather(lambda rows: rows.tick.events)),
        "ended": reasons[np.where(ended, after[:, world.ended], 0)].tolist(),
        # A stage with a horizon ends by its own rules, so that only a limit truncates.
        "truncated": last & ~ended & (world.horizon is None),
        "final_state": [state.tolist() if done else None for state, done in zip(after, last, strict=True)],
        # Thoughts are large, so that only those of the first lane are recorded.
        "thoughts": [rows.thoughts if row == 0 else None for rows in played for row in rows.live],
    }
    series = [pl.Series(name, columns[name]).cast(dtype) for name, dtype in meta.schema.items()]
    return pl.DataFrame(series).sort("episode", "step")


def _event_lists(world: World, masks: np.ndarray) -> list[list[str]]:
    """The event names of every bit mask, without the ends of episodes, which have a column of their own."""
    different, which = np.unique(masks, return_inverse=True)
    # There are few different masks, so each is decoded once.
    lists = [list(world.happenings(int(mask))) for mask in different]
    return [lists[index] for index in which]
