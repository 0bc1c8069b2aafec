"""How large a world is: what multiplies its states, and a quick trial of whether enumerating it can end."""

from __future__ import annotations

import re

import numpy as np

from ..base import Ints, TooManyStatesError
from ..reference.action_mask import random_actions
from ..reference.step import reset, step
from ..time_limit import check_time
from ..world.randomness import EnumeratedDraws, GivenDraws
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
    return TooManyStatesError(
        f"more than {max_states:,} states in stage `{world.stage}`; what multiplies: {what_multiplies(world, states)}",
        f"shrink what multiplies, or raise `runs.max_states` ({max_states:,})",
    )


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
