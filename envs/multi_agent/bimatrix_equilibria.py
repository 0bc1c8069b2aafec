"""All extreme Nash equilibria of a bimatrix game, by vertex enumeration.

A pair of mixed strategies is an equilibrium where each action of each player is either not played or a best response.
The strategies, scaled by the other player's payoff, are the points of two polytopes, and an equilibrium is a pair of
vertices at which every action has a label (Nisan et al. 2007, Algorithmic Game Theory, chapter 3). A degenerate game
has infinitely many equilibria; all are mixtures of these, so whatever is linear in each player's strategy takes its
extremes among them.
"""

from __future__ import annotations

from itertools import combinations
from math import comb
from typing import Final

import numpy as np

from ..base import Bools, Floats, NotEnumerableError
from ..time_limit import check_time

MAX_BASES: Final = 200_000
"""Sets of constraints of one polytope that are tried: enough for 9 actions each."""

_NEAR: Final = 1e-9
"""How near to 0 a slack or a determinant counts as 0; payoffs are scaled to between 1 and 2 before."""

_NOISE: Final = 1e-12
"""Payoffs nearer to each other than this, relative to the largest, are the same one: what sums of the same terms in
another order differ by."""


def equilibria(first: Floats, second: Floats) -> list[tuple[Floats, Floats]]:
    """The extreme equilibria of a game, pure ones included.

    Args:
        first: float64 `[m, n]`, what the first player earns where it plays the row and the other the column.
        second: float64 `[m, n]`, what the second earns.

    Returns:
        Pairs of mixed strategies, float64 `[m]` and `[n]`, ordered; at least one.

    Raises:
        NotEnumerableError: there are too many actions.
        ValueError: the shapes differ, or a number is not finite.
    """
    if first.shape != second.shape or first.ndim != 2 or not np.isfinite([first, second]).all():
        raise ValueError(f"a game needs two finite tables of one shape, not {first.shape} and {second.shape}")
    first, second = without_noise(first), without_noise(second)
    m, n = first.shape
    if comb(m + n, min(m, n)) > MAX_BASES:
        raise NotEnumerableError(
            f"equilibria of a game of {m} by {n} actions are too many to look for; 9 by 9 can be done"
        )
    rows, row_labels = _vertices(_positive(second).T)
    columns, column_labels = _vertices(_positive(first))
    found = []
    for x, its in zip(rows, row_labels, strict=True):
        check_time("equilibria were looked for")
        # The labels of x: actions of the first not played, then actions of the second that answer best; of y: the
        # second's that are not played, then the first's that answer best.
        for y, others in zip(columns, column_labels, strict=True):
            if (its[:m] | others[n:]).all() and (its[m:] | others[:n]).all() and x.any() and y.any():
                found.append((x / x.sum(), y / y.sum()))
    return sorted(found, key=lambda pair: (*(-pair[0]).tolist(), *(-pair[1]).tolist()))


def without_noise(payoff: Floats) -> Floats:
    """The same payoffs, those that only rounding tells apart made equal.

    Scaled by a range that is nothing but rounding, a tie would become a preference. So a game of which actions are to
    be left out is rid of noise before, while the payoffs that it came from are there to compare with.
    """
    values, place = np.unique(payoff, return_inverse=True)
    starts = np.diff(values, prepend=-np.inf) > _NOISE * float(np.abs(values).max(initial=0.0))
    same = values[starts][np.cumsum(starts) - 1]
    return np.asarray(same[place.reshape(-1)].reshape(payoff.shape))


def _positive(payoff: Floats) -> Floats:
    """The same game with payoffs between 1 and 2, so that tolerances mean the same in all games."""
    low, high = payoff.min(), payoff.max()
    return np.asarray(1 + (payoff - low) / (high - low if high > low else 1.0))


def _vertices(limits: Floats) -> tuple[Floats, Bools]:
    """The vertices of `x >= 0, limits @ x <= 1`, float64 `[v, d]`, and which constraints are tight, bool `[v, d + c]`.

    The constraints `x >= 0` come first.
    """
    c, d = limits.shape
    whole, right = np.vstack([np.eye(d), limits]), np.concatenate([np.zeros(d), np.ones(c)])
    bases = np.array(list(combinations(range(d + c), d)))
    regular = np.abs(np.linalg.det(whole[bases])) > _NEAR
    points = np.linalg.solve(whole[bases[regular]], right[bases[regular]][..., None])[..., 0]
    inside = (points >= -_NEAR).all(axis=1) & (points @ limits.T <= 1 + _NEAR).all(axis=1)
    points = np.maximum(np.unique(points[inside].round(9), axis=0), 0.0)
    return points, np.abs(points @ whole.T - right) <= 10 * _NEAR
