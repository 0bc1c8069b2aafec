"""A process that remembers the state of an automaton, so that a temporal property is a condition on its last state."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..analysis.tie_ranges import Optimal, final_range
from ..base import Bools, FiniteMDP, Longs, NotEnumerableError
from ..mdp.transition_tables import tables
from ..solvers.dynamic_programming import FiniteHorizonSolution
from ..time_limit import check_time
from .automaton import Automaton, automaton
from .formulas import Formula

MAX_PAIRS = 20_000_000
"""Pairs of a state of the process and one of the automaton at most."""


@dataclass(frozen=True, eq=False)
class Remembering:
    """A process over the pairs of a state and an automaton's state that can be met, P of them.

    Attributes:
        mdp: the process; its outcomes are copies, in the order of pairs.
        state_of: int64 `[P]`, the state of the world's process; latch_of: int64 `[P]`, that of the automaton.
        accepted: bool `[P]`, whether the property holds if the episode is over here.
    """

    mdp: FiniteMDP
    state_of: Longs
    latch_of: Longs
    accepted: Bools

    def lift(self, optimal: Optimal) -> Optimal:
        """What may be done in the states, as what may be done in the pairs."""
        if not isinstance(optimal, FiniteHorizonSolution):
            return optimal[self.state_of]
        at = self.state_of
        return replace(
            optimal,
            values=optimal.values[:, at],
            vector_values=optimal.vector_values[at],
            policy=optimal.policy[:, at],
            packed=optimal.packed[:, at],
        )


def property_range(mdp: FiniteMDP, optimal: Optimal, formula: Formula, holds: Bools, steps: int) -> tuple[float, float]:
    """The range of the probability that an episode of T ticks has a temporal property.

    Args:
        mdp: the process.
        optimal: bool `[S, A]`, or a solution with a horizon of at least `steps`: what may be chosen.
        formula: the property, at the first moment.
        holds: bool `[S, P]`, in which states each condition of the formula holds.
        steps: T, ticks.

    Returns:
        The lowest and the highest over all policies that choose so, those with a memory included.

    Raises:
        NotEnumerableError: remembering what the property needs takes too many states.
        ValueError: as `tie_ranges.final_range`.
    """
    found = remembering(mdp, automaton(formula, mdp, holds), steps, None if _timed(optimal) else np.asarray(optimal))
    return final_range(found.mdp, found.lift(optimal), found.accepted.astype(np.float64), steps)


def _timed(optimal: Optimal) -> bool:
    return isinstance(optimal, FiniteHorizonSolution)


def remembering(mdp: FiniteMDP, decides: Automaton, steps: int, among: Bools | None = None) -> Remembering:
    """The pairs that can be met within some ticks from the start, and the process over them.

    Args:
        mdp: the process.
        decides: the automaton.
        steps: T, ticks.
        among: bool `[S, A]`, the actions that count; all that are available by default.

    Raises:
        NotEnumerableError: there are too many pairs.
    """
    latches, n_actions = len(decides.table), mdp.n_actions
    available = tables(mdp).available
    chosen = available if among is None else available & among
    start = np.flatnonzero(mdp.start_probability > 0)
    begin_state = mdp.start_state[start].astype(np.int64)
    begin = begin_state * latches + decides.table[0, decides.start_letter[begin_state]]
    met = front = np.unique(begin)
    # What no action counts leads to is never met; its rows are kept, so that actions keep their numbers.
    for _ in range(steps):
        check_time("the pairs of a state and what a property remembers were searched")
        _, to = _follow(mdp, decides, front, chosen)
        front = np.setdiff1d(to, met)
        if not front.size:
            break
        met = np.union1d(met, front)
        if met.size > MAX_PAIRS:
            raise NotEnumerableError(
                f"more than {MAX_PAIRS:,} pairs of a state and what the property remembers",
                "write smaller bounds, or ask in a smaller world",
            )
    # One more step leads to pairs beyond the last tick: nothing is done there, so they end.
    outcome, to = _follow(mdp, decides, met, available)
    every = np.union1d(met, to)
    state, latch = np.divmod(every, latches)
    rows = np.zeros((every.size, n_actions), np.int64)
    inside = np.isin(every, met)
    rows[inside] = np.diff(mdp.row_start).reshape(-1, n_actions)[state[inside]]
    process = replace(
        mdp,
        n_states=every.size,
        row_start=np.concatenate([[0], np.cumsum(rows.ravel())]),
        next_state=np.searchsorted(every, to).astype(np.int32),
        probability=mdp.probability[outcome],
        rewards=mdp.rewards[outcome],
        events=mdp.events[outcome],
        ended=mdp.ended[state] | ~inside,
        start_state=np.searchsorted(every, begin).astype(np.int32),
        start_probability=mdp.start_probability[start],
    )
    return Remembering(process, state, latch, decides.accepting[latch])


def _follow(mdp: FiniteMDP, decides: Automaton, pairs: Longs, chosen: Bools) -> tuple[Longs, Longs]:
    """The outcomes of the chosen actions in some pairs, pair by pair, and the pairs that they lead to."""
    state, latch = np.divmod(pairs, len(decides.table))
    counts = np.diff(mdp.row_start).reshape(-1, mdp.n_actions)[state] * chosen[state]
    rows = state[:, None] * mdp.n_actions + np.arange(mdp.n_actions)
    counts, rows = counts.ravel(), rows.ravel()
    outcome = np.repeat(mdp.row_start[rows] - (np.cumsum(counts) - counts), counts) + np.arange(int(counts.sum()))
    held = np.repeat(np.repeat(latch, mdp.n_actions), counts)
    to = decides.table[held, decides.outcome_letter[outcome]]
    return outcome, mdp.next_state[outcome].astype(np.int64) * len(decides.table) + to
