"""Zero-sum Markov games without end, in which everybody sees everything that matters.

A state is worth the value of the matrix game whose pay is that of the tick and what the next state is worth (Shapley
1953). Repeated, this converges by a factor of the discount; here each round also solves for the second player's best
response to the first's strategies of the round (Hoffman and Karp 1966), so that few rounds are needed. The residual
bounds the error whichever way the values came about.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from ..base import Bools, Floats, NotEnumerableError
from ..mdp.enumeration import Enumeration
from ..mdp.transition_tables import tables
from ..solvers.dynamic_programming import optimise
from ..time_limit import check_time
from ..world.world import EquilibriumChoice
from .best_response import induced_mdp
from .common_knowledge import common_cells, looks_of, sees_alone
from .equilibrium_process import (
    Equilibria,
    Equilibrium,
    EquilibriumProcess,
    check_players,
    indifferent,
    shared,
    told,
    values_of,
)
from .matrix_games import maximin
from .subgame_perfect import StageGame, StageSolver

MAX_ROUNDS: Final = 10_000
TOLERANCE: Final = 1e-11
"""The relative error of values at which to stop."""


@dataclass(frozen=True, eq=False)
class ZeroSumSolution:
    """The values of a zero-sum Markov game, and a pair of optimal strategies.

    Attributes:
        values: float64 `[S]`, to the first player, discounted; 0 in ended states.
        first, second: float64 `[S, actions]`, optimal mixed strategies.
        residual: a bound on the error of `values`: what one more round would change, over `1 - discount`.
    """

    values: Floats
    first: Floats
    second: Floats
    residual: float


def is_zero_sum(enumeration: Enumeration) -> bool:
    """Whether what one of two agents is expected to be paid the other loses, in each state for each joint action."""
    world = enumeration.world
    if len(world.agents) != 2 or world.agents[0].discount != world.agents[1].discount:
        return False
    rewards = tables(enumeration.mdp).rewards
    first, second = (rewards @ its.weights for its in world.agents)
    size = max(float(np.abs(first).max(initial=0.0)), float(np.abs(second).max(initial=0.0)), 1e-300)
    return bool(np.abs(first + second).max(initial=0.0) <= 1e-12 * size)


def shapley_iteration(enumeration: Enumeration, tolerance: float = TOLERANCE) -> ZeroSumSolution:
    """Solve a zero-sum Markov game of two with a discount below 1.

    Args:
        enumeration: of the joint actions of two agents; the second is taken to lose what the first is paid.
        tolerance: the residual at which to stop, relative to the largest value.

    Raises:
        NotEnumerableError: the discount is 1, or values do not settle.
    """
    world, mdp = enumeration.world, enumeration.mdp
    its, table = world.agents[0], tables(mdp)
    if its.discount >= 1:
        raise NotEnumerableError("an endless game needs a discount below 1", "give the stage a horizon")
    pay = table.rewards @ its.weights
    counts = (mdp.n_states, *world.action_counts)
    values = np.zeros(mdp.n_states)
    for _ in range(MAX_ROUNDS):
        check_time("values of a zero-sum game were computed")
        q = (pay + its.discount * (table.matrix @ values)).reshape(counts)
        new, first = _stage_values(q, mdp.available.reshape(counts))
        residual = float(np.abs(new - values).max()) / (1 - its.discount)
        if residual <= tolerance * max(1.0, float(np.abs(new).max())):
            _, second = _stage_values(-q.transpose(0, 2, 1), mdp.available.reshape(counts).transpose(0, 2, 1))
            return ZeroSumSolution(new, first, second, residual * its.discount)
        facing = induced_mdp(enumeration, 1, {0: first}).mdp
        faced = tables(facing)
        gain = np.where(faced.available, -(faced.vector_rewards @ its.weights), -np.inf)
        values = -optimise(faced, gain, its.discount, -new)
    raise NotEnumerableError(f"values did not settle in {MAX_ROUNDS:,} rounds: {residual:.3g} is left")


def zero_sum_equilibria(enumeration: Enumeration) -> Equilibria:
    """The stationary equilibria of a zero-sum Markov game without end, all of which are worth the same.

    In each state any extreme pair of optimal strategies of its matrix game may be played.

    Raises:
        NotEnumerableError: it is no game of two, or there are too many actions, or see `shapley_iteration`.
    """
    world, mdp = enumeration.world, enumeration.mdp
    check_players(world)
    solved = shapley_iteration(enumeration)
    table, its = tables(mdp), world.agents[0]
    pay = (table.rewards @ its.weights).reshape(mdp.n_states, -1)
    solver, builder = StageSolver(EquilibriumChoice()), EquilibriumProcess(enumeration)
    looks = np.stack([looks_of(enumeration, agent) for agent in range(2)])
    cells = common_cells(looks)
    mixtures_in: dict[int, list[Floats]] = {}
    starts = [
        ((state,), state, p)
        for state, p in zip(mdp.start_state.tolist(), mdp.start_probability.tolist(), strict=True)
        if p > 0
    ]
    for key, state, _ in starts:
        builder.place(key, state)
    done = 0
    while done < len(builder.keys):
        (state,) = builder.keys[done]
        if not mdp.ended[state]:
            first = int(cells[state])
            if first not in mixtures_in:
                game = StageGame.of(enumeration, np.flatnonzero(cells == first).tolist())
                worth = pay[first] + its.discount * (game.chances @ solved.values[game.successors])
                # Values carry an error, so ties of the matrix game are looked for no finer than that.
                near = worth[game.joint].round(max(0, 9 - _digits(solved.values)))
                mixtures_in[first] = []
                for x, y in solver.solve(near, -near):
                    mixture = np.zeros(mdp.n_actions)
                    mixture[game.joint.ravel()] = np.outer(x, y).ravel()
                    mixtures_in[first].append(mixture)
            for mixture in mixtures_in[first]:
                builder.add(done, mixture, lambda outcome, _: [(s,) for s in mdp.next_state[outcome].tolist()])
        done += 1
    process, state_of, order, mixtures, play = builder.finish(starts)
    plays = process.available
    words = told(world, process, mixtures, play, plays)
    every = (Equilibrium(words, values_of(process, world, plays), (plays,)),)
    return Equilibria(
        process,
        state_of,
        order,
        mixtures,
        play,
        indifferent(process, world),
        every,
        sees_alone(enumeration, looks, cells) or "",
        views=shared(cells[state_of]),
    )


def _stage_values(q: Floats, available: Bools) -> tuple[Floats, Floats]:
    """The value float64 `[S]` of the matrix game of each state, and the first's strategy float64 `[S, actions]`."""
    values, strategy = np.zeros(len(q)), np.zeros(q.shape[:2])
    rows: Bools = np.any(available, axis=2)
    columns: Bools = np.any(available, axis=1)
    # Saddle points of pure actions for all states at once; what is not available is never the best nor the worst.
    low = np.where(columns[:, None, :], q, np.inf).min(axis=2)
    low = np.where(rows, low, -np.inf)
    high = np.where(rows[:, :, None], q, -np.inf).max(axis=1)
    high = np.where(columns, high, np.inf)
    live: Bools = np.any(rows, axis=1)
    secured, allowed = low.max(axis=1), high.min(axis=1)
    pure = live & (secured >= allowed)
    values[pure] = secured[pure]
    strategy[np.flatnonzero(pure), low[pure].argmax(axis=1)] = 1.0
    for state in np.flatnonzero(live & ~pure).tolist():
        value, mixed = maximin(q[state][np.ix_(rows[state], columns[state])])
        values[state], strategy[state, rows[state]] = value, mixed
    return values, strategy


def _digits(values: Floats) -> int:
    """How many digits the largest value has before the point."""
    largest = float(np.abs(values).max(initial=0.0))
    return 0 if largest < 1 else int(np.floor(np.log10(largest))) + 1
