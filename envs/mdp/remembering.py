"""A process that remembers what an automaton has read of its episodes, so that where this ends is one of its states.

Letters: S states, A actions and M outcomes of the process; L states of the automaton ("latches"), N letters that it
reads; P pairs of a state and a latch.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..base import Bools, FiniteMDP, Longs, NotEnumerableError
from ..time_limit import check_time
from .transition_tables import outcomes_of

MAX_PAIRS = 20_000_000
"""Pairs of a state of the process and one of the automaton at most."""


@dataclass(frozen=True, eq=False)
class EpisodeReader:
    """What a deterministic automaton reads of the episodes of one process.

    Attributes:
        table: int64 `[L, N]`, the latch after each letter; latch 0 has read nothing.
        start_letter: int64 `[S]`, the letter of an episode's first moment in each state.
        outcome_letter: int64 `[M]`, the letter of the moment that each outcome leads to.
    """

    table: Longs
    start_letter: Longs
    outcome_letter: Longs

    @property
    def settled(self) -> Bools:
        """bool `[L]`: the latches that nothing changes any more."""
        settled: Bools = (self.table == np.arange(len(self.table))[:, None]).all(axis=1)
        return settled


@dataclass(frozen=True, eq=False)
class Remembering:
    """A process over the pairs of a state and a latch that can be met, P of them.

    Where the latch is settled the episode is over, for nothing that is asked of the latch hangs on what follows; all
    pairs with that latch are one, whatever the state.

    Attributes:
        mdp: the process; its outcomes are copies, in the order of pairs.
        state_of: int64 `[P]`, the state of the other process, any where the latch is settled.
        latch_of: int64 `[P]`.
        outcome_of: int64, the outcome of the other process that each one is a copy of.
    """

    mdp: FiniteMDP
    state_of: Longs
    latch_of: Longs
    outcome_of: Longs


def remembering(mdp: FiniteMDP, reader: EpisodeReader, steps: int, among: Bools) -> Remembering:
    """The pairs that can be met within some ticks from the start, and the process over them.

    Args:
        mdp: the process.
        reader: of its episodes.
        steps: T, ticks.
        among: bool `[S, A]`, the actions that count; no other is available in the pairs.

    Raises:
        NotEnumerableError: there are too many pairs.
    """
    chosen = mdp.available & among
    latches, settled = len(reader.table), reader.settled

    def numbered(state: Longs, latch: Longs) -> Longs:
        return np.where(settled[latch], 0, state) * latches + latch

    def follow(pairs: Longs) -> tuple[Longs, Longs, Longs]:
        """The outcomes of the actions that count in some pairs: their rows, themselves, and where they lead."""
        state, latch = np.divmod(pairs, latches)
        owner, action = np.nonzero(chosen[state] & ~settled[latch][:, None])
        outcome, place = outcomes_of(mdp, state[owner] * mdp.n_actions + action)
        ahead = reader.table[latch[owner][place], reader.outcome_letter[outcome]]
        row = (owner * mdp.n_actions + action)[place]
        return row, outcome, numbered(mdp.next_state[outcome].astype(np.int64), ahead)

    start = np.flatnonzero(mdp.start_probability > 0)
    begin_state = mdp.start_state[start].astype(np.int64)
    begin = numbered(begin_state, reader.table[0, reader.start_letter[begin_state]])
    met = front = np.unique(begin)
    for _ in range(steps):
        check_time("the pairs of a state and what is remembered were searched")
        front = np.setdiff1d(follow(front)[2], met)
        if not front.size:
            break
        met = np.union1d(met, front)
        if met.size > MAX_PAIRS:
            raise NotEnumerableError(
                f"more than {MAX_PAIRS:,} pairs of a state and what the property remembers",
                "write smaller bounds, or ask in a smaller world",
            )
    # One more step leads to pairs beyond the last tick: nothing is done there, so they end.
    row, outcome, to = follow(met)
    every = np.union1d(met, to)
    state, latch = np.divmod(every, latches)
    place = np.searchsorted(every, met)
    row = place[row // mdp.n_actions] * mdp.n_actions + row % mdp.n_actions
    beyond = np.ones(every.size, np.bool_)
    beyond[place] = False
    process = replace(
        mdp,
        n_states=every.size,
        row_start=np.searchsorted(row, np.arange(every.size * mdp.n_actions + 1)),
        next_state=np.searchsorted(every, to).astype(np.int32),
        probability=mdp.probability[outcome],
        rewards=mdp.rewards[outcome],
        events=mdp.events[outcome],
        ended=mdp.ended[state] | settled[latch] | beyond,
        start_state=np.searchsorted(every, begin).astype(np.int32),
        start_probability=mdp.start_probability[start],
        known=None,
    )
    return Remembering(process, state, latch, outcome)
