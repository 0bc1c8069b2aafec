"""A finite-horizon MDP as an episodic one whose states are pairs of a state and a tick.

For planners that know no horizon; exact solvers count ticks themselves and do not need it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..base import FiniteMDP, Ints, Longs


@dataclass(frozen=True, eq=False)
class TimeAugmentedMDP:
    """An MDP over the reachable pairs of a state and a tick, S' of them.

    Attributes:
        mdp: the process; a pair is ended where its state had ended or its tick is the horizon. Its outcomes are copies.
        state_of: int32 `[S']`, the state; tick_of: int32 `[S']`, the tick: the horizon where time has run out, and -1
            for an ended state, which has one entry for all ticks.
        index_of: int32 `[T, S]`, the entry of a state that acts at a tick, -1 where that cannot be reached.
    """

    mdp: FiniteMDP
    state_of: Ints
    tick_of: Ints
    index_of: Ints


def augment_with_time(mdp: FiniteMDP, horizon: int) -> TimeAugmentedMDP:
    """Unroll a process over a known number of ticks, from its start states.

    Args:
        mdp: the process.
        horizon: T, ticks, at least 1.
    """
    index_of = np.full((horizon, mdp.n_states), -1, np.int32)
    layers, front, size = [], np.unique(mdp.start_state[~mdp.ended[mdp.start_state]]), 0
    for tick in range(horizon):
        index_of[tick, front] = np.arange(size, size + front.size)
        size += front.size
        layers.append(front)
        reached = np.unique(mdp.next_state[_outcomes(mdp, front)])
        front = reached[~mdp.ended[reached]]
    # Entries are numbered layer by layer, then the ended states, then those at which time runs out.
    ended_index = np.full(mdp.n_states, -1, np.int64)
    finished = np.flatnonzero(mdp.ended)
    ended_index[finished] = size + np.arange(finished.size)
    timeout_index = ended_index.copy()
    timeout_index[front] = size + finished.size + np.arange(front.size)
    next_state = [
        np.where(mdp.ended[to], ended_index[to], index_of[tick + 1, to] if tick + 1 < horizon else timeout_index[to])
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
        next_state=np.concatenate(next_state).astype(np.int32),
        probability=mdp.probability[outcomes],
        rewards=mdp.rewards[outcomes],
        events=mdp.events[outcomes],
        ended=np.arange(total) >= live.size,
        start_state=np.where(
            mdp.ended[mdp.start_state], ended_index[mdp.start_state], index_of[0, mdp.start_state]
        ).astype(np.int32),
    )
    tick_of = np.concatenate([ticks, np.full(finished.size, -1), np.full(front.size, horizon)]).astype(np.int32)
    return TimeAugmentedMDP(unrolled, state_of, tick_of, index_of)


def _outcomes(mdp: FiniteMDP, states: Ints | Longs) -> Longs:
    """int64 `[n]`: the outcomes of all actions in some states, state by state."""
    first = mdp.row_start[states.astype(np.int64) * mdp.n_actions]
    last = mdp.row_start[(states.astype(np.int64) + 1) * mdp.n_actions]
    counts = last - first
    return np.repeat(first - np.cumsum(counts) + counts, counts) + np.arange(int(counts.sum()))
