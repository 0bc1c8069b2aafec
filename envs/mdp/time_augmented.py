"""A process with a horizon as one that knows the time: its states are pairs of a state and a tick, and it surely ends.

For planners that know no clock; exact solvers count time themselves and need none of this.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..base import FiniteMDP, Ints, Longs


@dataclass(frozen=True, eq=False)
class TimeAugmentedMDP:
    """A process over (state, tick), as far as it can be reached.

    Attributes:
        mdp: the process; a state whose time is up, or that had ended, is ended. Its outcomes are copies.
        state_of: int32 `[S']`, the state; tick_of: int32 `[S']`, the tick (the horizon, where time is up; an ended
            state has that of no tick, -1, and stands for all).
        places: int32 `[T, S]`, the pair of a state and a tick that is neither ended nor up, -1 where unreachable.
    """

    mdp: FiniteMDP
    state_of: Ints
    tick_of: Ints
    places: Ints


def augment_with_time(mdp: FiniteMDP, horizon: int) -> TimeAugmentedMDP:
    """Unrolls a process over a known number of ticks, from its starts.

    Args:
        mdp: the process.
        horizon: T, ticks, at least 1.
    """
    places = np.full((horizon, mdp.n_states), -1, np.int32)
    layers, front, size = [], np.unique(mdp.start_state[~mdp.ended[mdp.start_state]]), 0
    for tick in range(horizon):
        places[tick, front] = np.arange(size, size + front.size)
        size += front.size
        layers.append(front)
        reached = np.unique(mdp.next_state[_outcomes(mdp, front)])
        front = reached[~mdp.ended[reached]]
    over = np.full(mdp.n_states, -1, np.int64)
    finished = np.flatnonzero(mdp.ended)
    over[finished] = size + np.arange(finished.size)
    up = over.copy()
    up[front] = size + finished.size + np.arange(front.size)
    following = [
        np.where(mdp.ended[to], over[to], places[tick + 1, to] if tick + 1 < horizon else up[to])
        for tick, layer in enumerate(layers)
        for to in (mdp.next_state[_outcomes(mdp, layer)],)
    ]
    outcomes = np.concatenate([_outcomes(mdp, layer) for layer in layers])
    state_of = np.concatenate([*layers, finished, front]).astype(np.int32)
    live = np.concatenate(layers).astype(np.int64)
    total, actions = state_of.size, mdp.n_actions
    counts = np.zeros((total, actions), np.int64)
    counts[: live.size] = np.diff(mdp.row_start).reshape(-1, actions)[live]
    ticks = np.repeat(np.arange(horizon), [layer.size for layer in layers])
    unrolled = replace(
        mdp,
        n_states=total,
        row_start=np.concatenate([[0], np.cumsum(counts.ravel())]).astype(np.int64),
        next_state=np.concatenate(following).astype(np.int32),
        probability=mdp.probability[outcomes],
        rewards=mdp.rewards[outcomes],
        events=mdp.events[outcomes],
        ended=np.arange(total) >= live.size,
        start_state=np.where(mdp.ended[mdp.start_state], over[mdp.start_state], places[0, mdp.start_state]).astype(
            np.int32
        ),
    )
    tick_of = np.concatenate([ticks, np.full(finished.size, -1), np.full(front.size, horizon)]).astype(np.int32)
    return TimeAugmentedMDP(unrolled, state_of, tick_of, places)


def _outcomes(mdp: FiniteMDP, states: Ints | Longs) -> Longs:
    """int64 `[n]`: the outcomes of all actions in some states, state by state."""
    first = mdp.row_start[states.astype(np.int64) * mdp.n_actions]
    last = mdp.row_start[(states.astype(np.int64) + 1) * mdp.n_actions]
    counts = last - first
    return np.repeat(first - np.cumsum(counts) + counts, counts) + np.arange(int(counts.sum()))
