"""Matrix games by linear programming: values of zero-sum games, correlated equilibria, and plans that are dominated.

A game of two is given by what it pays, float64 `[m, n]`: rows are actions of the first, columns those of the second.
Linear programs are solved by HiGHS.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from ..base import Bools, Floats, NotEnumerableError
from ..time_limit import check_time

_TIGHT: Final[Any] = {"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10}
"""HiGHS's own tolerance is 1e-7."""
_NEAR: Final = 1e-9
"""A gain below this, of payoffs scaled to 1, is none."""
MAX_VERTICES: Final = 1_000
"""Vertices that a polytope of correlated equilibria may have, on the way to it too."""


def maximin(payoff: Floats) -> tuple[float, Floats]:
    """What the first player can secure whatever the second does, and a mixed strategy float64 `[m]` that secures it.

    In a zero-sum game this is its value (von Neumann 1928); the second's strategy is that of `-payoff.T`.
    """
    # A pure saddle point needs no linear program.
    secured, allowed = payoff.min(axis=1), payoff.max(axis=0)
    if secured.max() >= allowed.min():
        return float(secured.max()), np.eye(len(payoff))[secured.argmax()]
    m, n = payoff.shape
    low, high = float(payoff.min()), float(payoff.max())
    scaled = (payoff - low) / (high - low)
    # Greatest v with `x @ scaled >= v` in every column.
    solved: Any = _linear_program(
        np.r_[np.zeros(m), -1.0],
        A_ub=np.column_stack([-scaled.T, np.ones(n)]),
        b_ub=np.zeros(n),
        A_eq=np.r_[np.ones(m), 0.0][None],
        b_eq=[1.0],
        bounds=[(0, None)] * m + [(None, None)],
        method="highs",
        options=_TIGHT,
    )
    strategy = np.maximum(solved.x[:m], 0.0)
    strategy /= strategy.sum()
    return float((strategy @ payoff).min()), strategy


def correlated_equilibrium(payoffs: Floats, objective: Floats, then: Floats | None = None) -> Floats:
    """The correlated equilibrium of a game of N that is best by an objective (Aumann 1974).

    A mediator draws a joint action and tells each agent its own part; nobody gains by doing anything else.

    Args:
        payoffs: float64 `[N, A_1, .., A_N]`, what each joint action pays each agent.
        objective: float64 `[A_1, .., A_N]`, of each joint action; its expectation is maximised.
        then: another one, which is maximised among those that are best by the first; None: any of them.

    Returns:
        float64 `[A_1, .., A_N]`, the probability of each joint action.
    """
    rows = list(_gains_of_disobedience(payoffs))
    limits, most = [0.0] * len(rows), np.zeros(0)
    for goal in (objective, then):
        if goal is None:
            break
        scaled = goal.ravel() / max(float(np.abs(goal).max()), 1e-300)
        solved: Any = _linear_program(
            -scaled,
            A_ub=np.array(rows) if rows else None,
            b_ub=limits if rows else None,
            A_eq=np.ones((1, objective.size)),
            b_eq=[1.0],
            method="highs",
            options=_TIGHT,
        )
        most = np.maximum(solved.x, 0.0)
        rows, limits = [*rows, -scaled], [*limits, float(solved.fun) + 1e-12]
    return np.asarray((most / most.sum()).reshape(payoffs.shape[1:]))


def correlated_vertices(payoffs: Floats) -> Floats:
    """The vertices of the polytope of correlated equilibria: whatever is linear is least and greatest at one of them.

    By double description: from the simplex of all that a mediator could draw, what makes it worth while to do another
    thing than is told is cut off, inequality by inequality (Motzkin, Raiffa, Thompson and Thrall 1953).

    Args:
        payoffs: float64 `[N, A_1, .., A_N]`, what each joint action pays each agent.

    Returns:
        float64 `[V, A_1, .., A_N]`, the probabilities of joint actions at each of V vertices.

    Raises:
        NotEnumerableError: there are too many vertices.
    """
    rows = _gains_of_disobedience(payoffs)
    points = np.eye(payoffs[0].size)
    # bool [V, J + inequalities]: where a vertex lies on the boundary of each half-space.
    tight = np.column_stack([points == 0, np.zeros((len(points), len(rows)), np.bool_)])
    for number, row in enumerate(rows, start=points.shape[1]):
        check_time("correlated equilibria were looked for")
        gain = points @ row
        kept, cut = gain < -_NEAR, np.flatnonzero(gain > _NEAR)
        tight[:, number] = ~kept & (gain <= _NEAR)
        fresh, their_tight = [], []
        for out in cut:
            for stays in np.flatnonzero(kept):
                common = tight[out] & tight[stays]
                # Two vertices are joined by an edge if no third one lies on every boundary that both lie on.
                if np.count_nonzero(tight[:, common].all(axis=1)) == 2:
                    share = gain[out] / (gain[out] - gain[stays])
                    fresh.append(share * points[stays] + (1 - share) * points[out])
                    common[number] = True
                    their_tight.append(common)
        left = np.delete(np.arange(len(points)), cut)
        points = np.concatenate([points[left], np.reshape(fresh, (-1, points.shape[1]))])
        tight = np.concatenate([tight[left], np.reshape(np.array(their_tight, np.bool_), (-1, tight.shape[1]))])
        if len(points) > MAX_VERTICES:
            message = f"the correlated equilibria of a tick have more than {MAX_VERTICES:,} extreme ones"
            raise NotEnumerableError(message, "ask for the one with the largest sum: `{equilibrium: correlated}`")
    return points.reshape(-1, *payoffs.shape[1:])


def _gains_of_disobedience(payoffs: Floats) -> Floats:
    """float64 `[inequalities, J]`: what an agent that is told one action would gain by each other one, scaled.

    A distribution over J joint actions is a correlated equilibrium where none of them is above 0.
    """
    size = max(float(np.abs(payoffs).max()), 1e-300)
    rows = [np.zeros((0, payoffs[0].size))]
    for agent, count in enumerate(payoffs.shape[1:]):
        mine = np.moveaxis(payoffs[agent] / size, agent, 0)
        for told in range(count):
            for other in range(count):
                if other != told:
                    gain = np.zeros_like(mine)
                    gain[told] = mine[other] - mine[told]
                    rows.append(np.moveaxis(gain, 0, agent).reshape(1, -1))
    return np.concatenate(rows)


def is_dominated(payoff: Floats, strategy: Floats) -> bool:
    """Whether a mixed strategy float64 `[m]` of the first player is weakly dominated.

    It is, where some other one pays no less against anything the second does, and more against something.
    """
    m, n = payoff.shape
    size = max(float(payoff.max() - payoff.min()), 1e-300)
    scaled = (payoff - payoff.min()) / size
    ours = strategy @ scaled
    # Maximise the sum of gains; each of them has to be at least 0.
    solved: Any = _linear_program(
        -scaled.sum(axis=1),
        A_ub=-scaled.T,
        b_ub=-ours + 1e-12,
        A_eq=np.ones((1, m)),
        b_eq=[1.0],
        method="highs",
        options=_TIGHT,
    )
    return bool(solved.status == 0 and -solved.fun - ours.sum() > 1e-7 * n)


def not_weakly_dominated(payoff: Floats) -> Bools:
    """bool `[m]`: the pure strategies of the first player that nothing, mixtures included, weakly dominates."""
    near = _NEAR * max(float(np.abs(payoff).max(initial=0.0)), 1e-300)
    kept = np.ones(len(payoff), np.bool_)
    for number, own in enumerate(payoff):
        # Another pure one that is no worse anywhere and better somewhere spares a linear program.
        better = (payoff >= own - near).all(axis=1) & (payoff > own + near).any(axis=1)
        kept[number] = not better.any() and not is_dominated(payoff, np.eye(len(payoff))[number])
    return kept


def undominated(first: Floats, second: Floats) -> tuple[Bools, Bools]:
    """The actions left after strictly dominated ones are taken away again and again, bool `[m]` and `[n]`.

    Only domination by a pure action is looked for. No equilibrium is lost.
    """
    rows, columns = np.ones(len(first), np.bool_), np.ones(first.shape[1], np.bool_)
    scale = [max(float(np.abs(table).max()), 1e-300) for table in (first, second)]
    while True:
        gone = _dominated(first[np.ix_(rows, columns)] / scale[0])
        gone_too = _dominated(second[np.ix_(rows, columns)].T / scale[1])
        if not gone.any() and not gone_too.any():
            return rows, columns
        rows[np.flatnonzero(rows)[gone]] = False
        # Both at once would be right as well; one after the other keeps each step's game the one that was looked at.
        if not gone.any():
            columns[np.flatnonzero(columns)[gone_too]] = False


def _dominated(payoff: Floats) -> Bools:
    """bool `[m]`: some other row pays more in every column."""
    better = np.zeros(len(payoff), np.bool_)
    for row in payoff:
        better |= (row > payoff + _NEAR).all(axis=1)
    return better


def _linear_program(*given: Any, **settings: Any) -> Any:
    """`scipy.optimize.linprog`, which is imported here because few worlds are games."""
    from scipy.optimize import linprog

    return linprog(*given, **settings)
