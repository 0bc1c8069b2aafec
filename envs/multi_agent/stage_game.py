"""Stage games: two agents choose simultaneously, once, or repeatedly in rounds that are all alike.

What is solved is one round: all of its extreme equilibria. Where rounds repeat, each may be any equilibrium of the
round; strategies that depend on earlier rounds are left out, since agents see only the board.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..base import FiniteMDP, Floats, Longs, NotEnumerableError
from ..deliberation import WEIGHTED
from ..mdp.enumeration import Enumeration
from ..mdp.transition_tables import outcomes_of
from ..solvers.dynamic_programming import FiniteHorizonSolution, Solution
from ..solvers.fixed_policy import evaluate_stationary, evaluate_time_dependent
from ..world.world import World
from .best_response import marginalise_others, uniform_policy
from .bimatrix_equilibria import equilibria

_SHOWN = 1e-9
"""Probabilities below it are rounding errors, and not named."""


@dataclass(frozen=True, eq=False)
class Equilibria:
    """The equilibria of a round, as the actions of a process in which everything else is chance.

    Attributes:
        mdp: of E actions; order: int64 `[M]`, which outcome of the world's process each of its outcomes is.
        chances: float64 `[E, J]`, the probability of each joint action in each equilibrium.
        solution: one in which all actions count as optimal; its values are those of the first.
    """

    mdp: FiniteMDP
    order: Longs
    chances: Floats
    solution: Solution | FiniteHorizonSolution


def all_equilibria(enumeration: Enumeration) -> Equilibria:
    """Find all extreme equilibria of the round of a world.

    Args:
        enumeration: of the joint actions of two agents.

    Raises:
        NotEnumerableError: it is no game of two that is played in one tick; or there are too many actions, or an
            agent's weights may change, or it deliberates by another rule than `weighted`.
        ImproperDiscountError: discount 1, no horizon, and it never ends.
    """
    world, mdp = enumeration.world, enumeration.mdp
    _check(world)
    start = _only_state(mdp, world.horizon)
    available = [np.unique(column) for column in world.joint_actions[mdp.available[start]].T]
    first, second = (_pay(enumeration, start, number)[np.ix_(*available)] for number in (0, 1))
    chances = np.zeros((0, mdp.n_actions))
    names = []
    for x, y in equilibria(first, second):
        whole = np.zeros(world.action_counts)
        whole[np.ix_(*available)] = np.outer(x, y)
        chances = np.vstack([chances, whole.ravel()])
        names.append("; ".join(_in_words(world, number, available[number], each) for number, each in enumerate((x, y))))
    process, order = _as_actions(mdp, start, chances, tuple(names))
    return Equilibria(process, order, chances, _indifferent(process, world))


def _check(world: World) -> None:
    if len(world.agents) != 2:
        raise NotEnumerableError(f"equilibria are found of two agents, and there are {len(world.agents)}")
    for its in world.agents:
        if any(column >= 0 for column in its.weight_columns):
            raise NotEnumerableError(f"the weights of `{its.name}` can change, so it plays no one game")
        if its.deliberation != WEIGHTED:
            raise NotEnumerableError(f"`{its.name}` does not deliberate by weighted sums, so it plays no one game")


def _only_state(mdp: FiniteMDP, horizon: int | None) -> int:
    """The single state in which anybody chooses.

    Raises:
        NotEnumerableError: there are several, or what is chosen decides whether there is another round.
    """
    cure = "write `solution: joint`, or `{best_response: AGENT, others: {...}}`, and measure what learners do"
    starts = np.unique(mdp.start_state[mdp.start_probability > 0])
    if starts.size != 1:
        raise NotEnumerableError(f"an episode begins in one of {starts.size} states, which is no matrix game: {cure}")
    start = int(starts[0])
    successors = mdp.next_state[outcomes_of(mdp, start * mdp.n_actions + np.arange(mdp.n_actions))[0]]
    again = (successors == start).all()
    if horizon != 1 and not again and not mdp.ended[successors].all():
        raise NotEnumerableError(f"what is chosen decides what comes next, so this is no game of one tick: {cure}")
    return start


def _pay(enumeration: Enumeration, start: int, number: int) -> Floats:
    """float64 `[actions of the first, of the second]`: what a joint action pays an agent; 0 where it is not there."""
    world, mdp = enumeration.world, enumeration.mdp
    outcome, place = outcomes_of(mdp, start * mdp.n_actions + np.arange(mdp.n_actions))
    gain = mdp.probability[outcome] * (mdp.rewards[outcome] @ world.agents[number].weights)
    return np.asarray(np.bincount(place, weights=gain, minlength=mdp.n_actions), np.float64).reshape(
        world.action_counts
    )


def _in_words(world: World, number: int, available: Longs, chances: Floats) -> str:
    """`ann: left 0.25, right 0.75`, or `ann: left`."""
    its = world.agents[number]
    played = [(its.actions[a], p) for a, p in zip(available.tolist(), chances.tolist(), strict=True) if p > _SHOWN]
    words = ", ".join(name if p > 1 - _SHOWN else f"{name} {p:.4g}" for name, p in played)
    return f"{its.name}: {words}"


def _as_actions(mdp: FiniteMDP, start: int, chances: Floats, names: tuple[str, ...]) -> tuple[FiniteMDP, Longs]:
    """The process whose E actions are ways to play the round; in all other states they do the same."""
    count, joint = chances.shape
    rows = (np.arange(mdp.n_states)[:, None, None] * joint + np.arange(joint)).repeat(count, axis=1)
    outcome, place = outcomes_of(mdp, rows.ravel())
    counts = np.bincount(place, minlength=rows.size)
    copied = replace(
        mdp,
        n_actions=count * joint,
        row_start=np.concatenate([[0], np.cumsum(counts)]),
        next_state=mdp.next_state[outcome],
        probability=mdp.probability[outcome],
        rewards=mdp.rewards[outcome],
        events=mdp.events[outcome],
        action_names=tuple(str(index) for index in range(count * joint)),
    )
    played = np.repeat(uniform_policy(mdp.available)[:, None, :], count, axis=1)
    played[start] = chances
    own = np.repeat(np.arange(count, dtype=np.int32), joint)
    process, order = marginalise_others(copied, own, played.reshape(mdp.n_states, -1), names)
    return process, outcome[order]


def _indifferent(mdp: FiniteMDP, world: World) -> Solution | FiniteHorizonSolution:
    # The values of the first equilibrium, with every action marked as optimal: which one is played is left open, and a
    # claim has to hold in all of them.
    weights = np.sum([its.weights for its in world.agents], axis=0)
    discount, available = world.agents[0].discount, mdp.available
    if world.horizon is None:
        solution = evaluate_stationary(mdp, np.zeros(mdp.n_states, np.int32), weights, discount)
        return replace(solution, optimal=available)
    timed = evaluate_time_dependent(mdp, np.zeros((world.horizon, mdp.n_states), np.int32), weights, discount)
    return replace(timed, packed=np.tile(np.packbits(available, axis=1), (world.horizon, 1, 1)))
