"""A finite MDP in the form that solvers read: expected rewards and transition probabilities.

Letters as in `base`: S states, A joint actions, K channels, M outcomes. A row is a pair `s * A + a`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from ...scenarios.deferred import sparse
from ..base import Bools, FiniteMDP, Floats, Ints, Longs

Sparse: TypeAlias = "sparse.csr_array[np.float64]"


@dataclass(frozen=True, eq=False)
class TransitionTables:
    """Expected rewards and transition probabilities of an MDP, one row for each pair of a state and an action.

    Attributes:
        available: bool `[S, A]`.
        rewards: float64 `[S * A, K]`, expected; zero in rows that are not available.
        next_state: int32 `[S, A]` where every available row has one outcome, else None; a row that is not available
            leads to its own state.
        ended: bool `[S]`.
    """

    available: Bools
    rewards: Floats
    next_state: Ints | None
    ended: Bools
    _row_start: Longs
    _next: Ints
    _probability: Floats

    @property
    def outcomes(self) -> tuple[Longs, Ints, Floats]:
        """Where the outcomes of each row start, int64 `[S * A + 1]`; their next states and probabilities, `[M]`."""
        return self._row_start, self._next, self._probability

    @cached_property
    def matrix(self) -> Sparse:
        """Transition probabilities `[S * A, S]`, each pair once, none of them zero."""
        shape = (self._row_start.size - 1, self.ended.size)
        # The rows of the MDP are CSR already. A copy, since merging duplicates works in place on the caller's arrays.
        matrix: Sparse = sparse.csr_array((self._probability, self._next, self._row_start), shape=shape, copy=True)
        matrix.sum_duplicates()
        matrix.eliminate_zeros()
        return matrix

    def expected_next(self, values: Floats) -> Floats:
        """Expected `values` (`[S]` or `[S, K]`) of the next state: `[S, A]` or `[S, A, K]`."""
        # Without chance a gather does it, several times faster than the sparse product.
        if self.next_state is not None:
            return values[self.next_state]
        return np.asarray(self.matrix @ values, dtype=np.float64).reshape(*self.available.shape, *values.shape[1:])

    @property
    def vector_rewards(self) -> Floats:
        """float64 `[S, A, K]`."""
        return self.rewards.reshape(*self.available.shape, -1)


# Several solvers ask for the tables of one process; a weak key lets a process be freed with its tables.
_TABLES: WeakKeyDictionary[FiniteMDP, TransitionTables] = WeakKeyDictionary()


def tables(mdp: FiniteMDP) -> TransitionTables:
    """The tables of a process, built once per process."""
    if mdp not in _TABLES:
        _TABLES[mdp] = _build(mdp)
    return _TABLES[mdp]


def transition_matrix(mdp: FiniteMDP) -> Sparse:
    """Transition probabilities, sparse float64 `[S * A, S]`; rows that are not available are empty."""
    return tables(mdp).matrix


def expected_rewards(mdp: FiniteMDP) -> Floats:
    """float64 `[S * A, K]`; zero in rows that are not available."""
    return tables(mdp).rewards


def expected_outcome(mdp: FiniteMDP, per_outcome: npt.ArrayLike) -> Floats:
    """Expectation over each row's outcomes of a quantity per outcome.

    Args:
        mdp: the process.
        per_outcome: float64 `[M]` (or `[M, K]`), for instance the hidden performance.

    Returns:
        float64 `[S * A]` (or `[S * A, K]`); zero in rows that are not available.

    Raises:
        ValueError: not one entry per outcome.
    """
    values = np.asarray(per_outcome, dtype=np.float64)
    n_outcomes = mdp.next_state.size
    if values.shape[:1] != (n_outcomes,):
        raise ValueError(f"one entry per outcome is needed, {n_outcomes}; got an array of shape {values.shape}")
    shape = (mdp.row_start.size - 1, n_outcomes)
    average: Sparse = sparse.csr_array((mdp.probability, np.arange(n_outcomes), mdp.row_start), shape=shape)
    return np.asarray(average @ values, dtype=np.float64)


def outcomes_of(mdp: FiniteMDP, rows: Longs) -> tuple[Longs, Longs]:
    """The outcomes of some rows that have a positive probability.

    Args:
        mdp: the process.
        rows: int64 `[R]`, each `s * A + a`.

    Returns:
        The index of each outcome in the process, row by row, and the place of its row in `rows`; both int64 `[n]`.
    """
    counts = mdp.row_start[rows + 1] - mdp.row_start[rows]
    place = np.repeat(np.arange(rows.size), counts)
    outcome = np.arange(place.size) + (mdp.row_start[rows] - (np.cumsum(counts) - counts))[place]
    possible = mdp.probability[outcome] > 0
    return outcome[possible], place[possible]


def _build(mdp: FiniteMDP) -> TransitionTables:
    available = mdp.available
    next_state: Ints | None = None
    if (np.diff(mdp.row_start) <= 1).all():
        own = np.arange(mdp.n_states, dtype=np.int32)
        next_state = np.repeat(own[:, None], mdp.n_actions, axis=1)
        next_state[available] = mdp.next_state
    rewards = expected_outcome(mdp, mdp.rewards)
    # Compiled sweeps read these by address. Nothing is copied where enumeration made the process.
    return TransitionTables(
        available, rewards, next_state, mdp.ended,
        np.ascontiguousarray(mdp.row_start, np.int64), np.ascontiguousarray(mdp.next_state, np.int32),
        np.ascontiguousarray(mdp.probability, np.float64),
    )  # fmt: skip
