"""What a good plan of a world too large to enumerate is worth, by simulation, at a stated confidence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from ...envs.base import Longs
from ...envs.bounds.anytime_bounds import BoundedRound, any_episode, weighing_agent
from ...envs.bounds.pay_intervals import pay_intervals
from ...envs.bounds.playout import hopeful_plan
from ...envs.mdp.enumeration import StateNumbers
from ...envs.reference.action_mask import random_actions
from ...envs.reference.step import reset, step
from ...envs.time_limit import check_time
from ...envs.world.randomness import SampledDraws
from ..statistics.bounded_mean import share_interval

EPISODES: Final = 256
"""Episodes that are simulated."""


@dataclass(frozen=True)
class SimulatedValue:
    """The value of one plan, estimated from episodes of it: that of the best plan is no lower.

    The plan is the best one where states are known, if what lies beyond pays halfway between the least and the most;
    beyond it acts at random.

    Attributes:
        mean: over the episodes.
        lower: a lower bound of the plan's value, at the confidence.
        confidence: the probability with which it holds, at least.
        episodes: how many.
    """

    mean: float
    lower: float
    confidence: float
    episodes: int


def simulated_value(
    found: BoundedRound, episodes: int = EPISODES, seed: int = 0, confidence: float = 0.95
) -> SimulatedValue:
    """Simulate the plan of a round of the search for bounds.

    Args:
        found: the round.
        episodes: how many, at once.
        seed: of all draws.
        confidence: of `lower`.

    Raises:
        NotEnumerableError: see `bound_value`.
        OutOfTimeError: a time limit passed.
    """
    world, process = found.world, found.process
    weights, discount = weighing_agent(world)
    pay = pay_intervals(world, weights)
    plan = hopeful_plan(world, process, weights, discount, pay, world.steps)
    numbers = StateNumbers(world)
    numbers.number(process.states)
    rng, lanes = np.random.default_rng(seed), np.arange(episodes)
    clock: Longs = np.zeros(episodes, np.int64)
    states = reset(world, SampledDraws(seed, lanes, clock), episodes).states
    value, weight = np.zeros(episodes), 1.0
    for tick in range(world.steps):
        check_time("a plan was simulated")
        at = numbers.number(states)
        known = at < process.states.shape[0]
        known[known] = ~process.beyond[at[known]]
        actions = random_actions(world, states, rng)
        actions[known, 0] = plan[tick, at[known]]
        clock = clock + 1
        after = step(world, states, actions, SampledDraws(seed, lanes, clock))
        value += weight * (after.rewards @ weights)
        weight *= discount
        states = after.states
        if (states[:, world.ended] > 0).all():
            break
    if world.horizon is None:  # what may be lost after the last tick that was played
        value += weight * min(pay.each_tick[0], 0.0) / (1 - discount) + min(pay.at_end[0], 0.0) * weight
    least, most = any_episode(world, discount, pay)
    if most <= least:
        return SimulatedValue(least, least, confidence, episodes)
    shares = np.clip((value - least) / (most - least), 0.0, 1.0)
    low, _ = share_interval(shares, confidence, "low")
    return SimulatedValue(float(value.mean()), least + low * (most - least), confidence, episodes)
