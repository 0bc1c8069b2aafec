"""What simulation shows of a stage that is too large to enumerate: episodes in which the agents act at random."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Final

import numpy as np

from ...envs.reference.action_mask import random_actions
from ...envs.reference.step import reset, step
from ...envs.time_limit import check_time
from ...envs.world.randomness import SampledDraws
from ...envs.world.world import World

EPISODES: Final = 64
"""Episodes that are played."""


@dataclass(frozen=True)
class RandomPlay:
    """Episodes at random.

    Attributes:
        episodes, ticks: how many, and of how many ticks at most: fewer than the stage has, where those took long.
        fired: the rules that fired; `silent`: those that did not, of which more is not known.
        performance: the mean hidden performance, and a standard error of it; None where there is none.
    """

    episodes: int
    ticks: int
    fired: tuple[str, ...]
    silent: tuple[str, ...]
    performance: tuple[float, float] | None


def play_at_random(world: World, episodes: int = EPISODES, seed: int = 0, seconds: float = 1.0) -> RandomPlay:
    """Play episodes in which every available action is as likely as the others.

    Args:
        world: compiled.
        episodes: how many, all at once.
        seed: of all draws.
        seconds: of the processor, after which the episodes are cut off.

    Raises:
        OutOfTimeError: a time limit passed.
    """
    rng, lanes = np.random.default_rng(seed), np.arange(episodes)
    clock = np.zeros(episodes, np.int64)
    tick = reset(world, SampledDraws(seed, lanes, clock), episodes)
    states, fired, score = tick.states, set(tick.fired), np.zeros(episodes)
    ticks, began = 0, time.thread_time()
    while ticks < world.steps and time.thread_time() - began < seconds:
        ticks += 1
        check_time("it was played at random")
        clock = clock + 1
        tick = step(world, states, random_actions(world, states, rng), SampledDraws(seed, lanes, clock))
        states, fired = tick.states, fired | tick.fired
        score += tick.performance
        if tick.ended.all():
            break
    # A rule for each instance of a group is compiled to a program per instance, named `RULE:INSTANCE`.
    rules = (*world.start_rules, *world.rules, *world.end_rules)
    names = dict.fromkeys(rule.name.split(":")[0] for rule in rules)
    came = {name.split(":")[0] for name in fired}
    error = float(score.std(ddof=1) / np.sqrt(episodes))
    return RandomPlay(
        episodes,
        ticks,
        tuple(name for name in names if name in came),
        tuple(name for name in names if name not in came),
        None if world.hidden is None else (float(score.mean()), error),
    )
