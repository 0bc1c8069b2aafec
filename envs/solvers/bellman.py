"""One Bellman backup, and which actions tie.

Two actions tie when their values differ by no more than `tie_tolerance`: a little above the noise of double precision,
so that a far-off reward which a short-sighted agent hardly weighs still counts as a difference.
"""

from __future__ import annotations

import math

import numpy as np

from ..base import Bools, Floats
from ..mdp.transition_tables import TransitionTables
from ..time_limit import check_time

EPSILON = float(np.finfo(np.float64).eps)
"""The rounding of double precision, relative to the number."""

SOLVING = "the plan was solved for"
"""What solvers are doing, as `check_time` says it."""


def tie_tolerance(scale: float, discount: float, horizon: float = math.inf) -> float:
    """How far apart the values of tied actions may lie.

    Rounding errors grow with the largest value and the number of ticks that count, `1 / (1 - discount)`.

    Args:
        scale: the largest absolute value.
        discount: per tick.
        horizon: ticks to go, if known.

    Returns:
        `scale * 2e-14` per tick that counts, at most `scale * 1e-9`.
    """
    ticks = min(horizon, 1 / (1 - discount) if discount < 1 else math.inf)
    return scale * min(1e-9, 2e-14 * max(ticks, 1.0))


def largest(values: Floats) -> float:
    """The largest finite absolute value, 0 where there is none."""
    finite = values[np.isfinite(values)]
    return float(np.abs(finite).max(initial=0.0))


def backup(table: TransitionTables, scalar: Floats, discount: float, values: Floats) -> Floats:
    """The Q-values float64 `[S, A]` of `values` `[S]` of the next state.

    `scalar` `[S, A]` is the expected weighted reward; where it is -inf (the action may not be taken), so is the result.

    Raises:
        OutOfTimeError: a time limit passed. Every solver backs up in every round, so each of them stops here.
    """
    check_time(SOLVING)
    # In place: these arrays are the largest of a solver, and a fresh one for each term costs more than the arithmetic.
    q = table.expected_next(values)
    q *= discount
    q += scalar
    return q


def best_of(q: Floats, acting: Bools) -> Floats:
    """The largest value per state, 0 where nobody acts."""
    # Column by column: NumPy reduces slowly along a short last axis.
    best = q[:, 0].copy()
    for action in range(1, q.shape[1]):
        np.maximum(best, q[:, action], out=best)
    best[~acting] = 0.0
    return best


def ties(q: Floats, acting: Bools, tolerance: float) -> Bools:
    """bool `[S, A]`: every action within `tolerance` of the best in its state; none where nobody acts."""
    tied: Bools = q >= (best_of(q, acting) - tolerance)[:, None]
    tied[~acting] = False
    return tied
