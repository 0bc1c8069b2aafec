"""How large a world is: what multiplies its states, and a quick trial of whether enumerating it can end."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from ..base import Ints, Longs, TooManyStatesError
from ..reference.action_mask import random_actions
from ..reference.step import reset, step
from ..time_limit import check_time
from ..world.randomness import EnumeratedDraws, GivenDraws, SampledDraws
from ..world.world import World

SAMPLE = 20_000
"""States among which it is asked what multiplies."""
LANES, KEPT = 64, 16
"""Episodes of the trial, and how many of them go on after each tick, each four times."""
LOOKS = (16, 32, 64)
"""Ticks after which outcomes are counted."""
TRIED = 2
"""States whose outcomes are counted then, and joint actions of each."""


def too_many_states(world: World, states: Ints, max_states: int) -> TooManyStatesError:
    """The exception for a stage with more states than are allowed, of which some (int32 `[S, F]`) are known."""
    guess = estimate_states(world)
    more = f" (estimated, rather too low: {guess})" if guess.states > max(max_states, guess.met) else ""
    return TooManyStatesError(
        f"more than {max_states:,} states in stage `{world.stage}`{more}; "
        f"what multiplies: {what_multiplies(world, states)}",
        f"shrink what multiplies, or raise `runs.max_states` ({max_states:,})",
    )


@dataclass(frozen=True)
class SizeEstimate:
    """How many states a world has, by a sample.

    Attributes:
        met: different states that were met: no fewer are there.
        states: the estimate; low, high: its 95 % interval.
    """

    met: int
    states: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{_rounded(self.states)} states, 95 % from {_rounded(self.low)} to {_rounded(self.high)}"


def _rounded(number: float) -> str:
    """A number of states in words: three figures are more than an estimate knows."""
    return f"{number:.1e}" if number >= 1e7 else f"{round(number, -3 if number >= 1e5 else 0):,.0f}"


EPISODES, TICKS = 128, 48
"""The sample of an estimate."""


def estimate_states(world: World) -> SizeEstimate:
    """Estimate how many states there are from how many of them few of some random episodes come to.

    Chao 1987: from those that one episode came to, and those that two did, follows how many none did. It estimates a
    lower bound, which is far too low where random play comes nowhere.
    """
    rng, lanes = np.random.default_rng(0), np.arange(EPISODES)
    states = reset(world, SampledDraws(0, lanes, np.zeros(EPISODES, np.int64)), EPISODES).states
    who, met = [lanes], [states]
    for tick in range(1, TICKS + 1):
        check_time(f"it was estimated how large stage `{world.stage}` is")
        going = states[:, world.ended] == 0
        states, lanes = states[going], lanes[going]
        if not lanes.size:
            break
        draws = SampledDraws(0, lanes, np.full(lanes.size, tick))
        states = step(world, states, random_actions(world, states, rng), draws).states
        who.append(lanes)
        met.append(states)
    _, number = np.unique(np.concatenate(met), axis=0, return_inverse=True)
    often = np.bincount(np.unique(np.column_stack([number.ravel(), np.concatenate(who)]), axis=0)[:, 0])
    return chao(often, EPISODES)


def chao(often: Longs, samples: int) -> SizeEstimate:
    """The estimate of Chao (1987), corrected for bias, with its log-normal interval.

    Args:
        often: int64 `[met]`, in how many of the samples each of them is.
        samples: how many there are.
    """
    once, twice, share = int((often == 1).sum()), int((often == 2).sum()), (samples - 1) / samples
    unseen = share * once * (once - 1) / (2 * (twice + 1))
    if unseen <= 0:
        return SizeEstimate(often.size, often.size, often.size, often.size)
    variance = (
        unseen
        + share**2 * once * (2 * once - 1) ** 2 / (4 * (twice + 1) ** 2)
        + share**2 * once**2 * twice * (once - 1) ** 2 / (4 * (twice + 1) ** 4)
    )
    wide = float(np.exp(1.96 * np.sqrt(np.log1p(variance / unseen**2))))
    return SizeEstimate(often.size, often.size + unseen, often.size + unseen / wide, often.size + unseen * wide)


def what_multiplies(world: World, states: Ints) -> str:
    """The fields that multiply states (int32 `[S, F]`), with how many values each takes there, the most first.

    A field that follows from the others (where a thing lies that its carrier takes along) has values and multiplies
    nothing: without it there would be as many states.
    """
    states = np.asarray(states[:SAMPLE], np.uint64)
    # A sum of random multiples stands for a state, so that dropping a field is a subtraction.
    mixed = states * np.random.default_rng(0).integers(1, 1 << 63, states.shape[1], dtype=np.uint64)
    whole = mixed.sum(axis=1, dtype=np.uint64)
    many = np.unique(whole).size
    groups: dict[str, list[tuple[int, str]]] = {}
    for column, field in enumerate(world.fields):
        values = np.unique(states[:, column]).size
        if values > 1 and np.unique(whole - mixed[:, column]).size < many:
            groups.setdefault(re.sub(r"\[\d+\]", "", field.name), []).append((values, field.name))
    # Fields of one kind multiply together: nine trees that stand or not are 2 ** 9, and first of all.
    ranked = sorted(groups.items(), key=lambda item: -sum(np.log(values) for values, _ in item[1]))
    return ", ".join(
        f"{alike[0][1]} x {alike[0][0]}" if len(alike) == 1 else f"{len(alike)} of {kind} x {max(alike)[0]} each"
        for kind, alike in ranked[:6]
    )


def refuse_what_cannot_end(world: World, max_states: int) -> None:
    """Play a world at random, away from its start, and refuse it if what is met is too much to enumerate.

    After each tick the episodes go on that changed the most fields: far from the start more may change by chance. What
    is met can be reached, so that no world is refused that enumeration would not refuse too, only much later.

    Args:
        world: to try.
        max_states: of the enumeration.

    Raises:
        TooManyStatesError: a tick has more joint outcomes, or there are more states.
    """
    rng = np.random.default_rng(0)
    start = reset(world, GivenDraws({}), 1).states
    states = np.repeat(start, LANES, axis=0)
    met = [start]
    for tick in range(1, LOOKS[-1] + 1):
        check_time(f"it was tried how large stage `{world.stage}` is")
        # The likeliest outcome of each draw: what may come of the others is counted, not played.
        after = step(world, states, random_actions(world, states, rng), GivenDraws({})).states
        met.append(after)
        after = after[after[:, world.ended] == 0]
        if not len(after):
            break
        changed = (after != start).sum(axis=1)
        furthest = after[np.argsort(-changed, kind="stable")[:KEPT]]
        if tick in LOOKS:
            _count_outcomes(world, furthest[:TRIED])
        states = np.repeat(furthest, LANES // KEPT, axis=0)
    found = np.unique(np.concatenate(met), axis=0)
    if len(found) > max_states:
        raise too_many_states(world, found, max_states)


def _count_outcomes(world: World, states: Ints) -> None:
    """Enumerate the outcomes of some states, each with one joint action after another, and forget them."""
    for action in world.joint_actions[:TRIED]:
        step(world, states, np.tile(action, (len(states), 1)), EnumeratedDraws(world.max_outcomes))
