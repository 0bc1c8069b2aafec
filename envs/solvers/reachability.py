"""The greatest chance with which a policy brings something about, however long it takes.

Letters as in `base`: S states, A joint actions, M outcomes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from ...scenarios.deferred import linalg, sparse
from ..base import Bools, FiniteMDP, Floats, Longs
from ..mdp.transition_tables import Sparse, tables
from ..time_limit import check_time
from .bellman import SOLVING

CHANCE_TOLERANCE: Final = 1e-10
"""Chances that differ by no more count as equal: the error of a sparse linear solution."""


@dataclass(frozen=True, eq=False)
class GreatestChance:
    """What the policies of the greatest chance have in common.

    Attributes:
        chance: float64 `[S]`, the greatest chance from each state.
        preserving: bool `[S, A]`, the allowed actions after which it is still as great. Taking these alone does not yet
            bring anything about: a policy may preserve the chance for ever.
        policy: int64 `[S]`, preserving actions that reach it; 0 where there is none.
    """

    chance: Floats
    preserving: Bools
    policy: Longs


def greatest_chance(mdp: FiniteMDP, gain: Floats, allowed: Bools) -> GreatestChance:
    """The greatest expected total of a gain that no policy can gather more than once.

    Policy iteration at discount 1. It begins with a policy that gathers something from wherever anything can be
    gathered, and changes an action only where that strictly gains. So no policy on the way can go round for ever
    without gathering: on such a circle the changes would have gained nothing, so it would have been there before.

    Args:
        mdp: the process.
        gain: float64 `[M]`, not negative; the chance that what is asked for comes for the first time with an outcome.
        allowed: bool `[S, A]`, available pairs that may be taken.
    """
    table, n_actions = tables(mdp), mdp.n_actions
    row = mdp.outcome_rows
    first: Floats = np.bincount(row, mdp.probability * gain, mdp.n_states * n_actions).astype(np.float64)
    first = first.reshape(mdp.n_states, n_actions)
    policy, able = _gathering(table.matrix, first, allowed)
    states = np.flatnonzero(able)
    chance = np.zeros(mdp.n_states)
    q = np.where(allowed, first, -np.inf)
    while states.size:
        check_time(SOLVING)
        before = chance.copy()
        kernel = table.matrix[states * n_actions + policy[states]][:, states]
        system = sparse.csc_array(sparse.eye_array(states.size, format="csr") - kernel)
        chance[states] = linalg.splu(system, diag_pivot_thresh=0.0).solve(first[states, policy[states]])
        q = np.where(allowed, first + table.expected_next(chance), -np.inf)
        better = able & (q.max(axis=1) > chance + CHANCE_TOLERANCE)
        if not better.any() or not (chance > before + 0.1 * CHANCE_TOLERANCE).any():
            break
        policy[better] = q[better].argmax(axis=1)
    preserving = allowed & (q >= chance[:, None] - CHANCE_TOLERANCE)
    return GreatestChance(np.clip(chance, 0.0, 1.0), preserving, policy)


def _gathering(matrix: Sparse, first: Floats, allowed: Bools) -> tuple[Longs, Bools]:
    """A policy on the shortest way to where something may be gathered, and the states from which it can be."""
    n_states, n_actions = first.shape
    rows = np.flatnonzero(allowed)
    into = sparse.csc_array((sparse.csr_array(matrix))[rows])
    policy, able = allowed.argmax(axis=1), np.zeros(n_states, np.bool_)
    fresh_rows = np.flatnonzero(allowed & (first > 0))
    while fresh_rows.size:
        states, place = np.unique(fresh_rows // n_actions, return_index=True)
        new = ~able[states]
        states, chosen = states[new], fresh_rows[place[new]]
        able[states] = True
        policy[states] = chosen % n_actions
        fresh_rows = rows[np.unique(into[:, states].indices)] if states.size else rows[:0]
    return policy, able
