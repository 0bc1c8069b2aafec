"""Stage games: two agents choose simultaneously, once, or repeatedly in rounds that are all alike.

What is solved is one round: all of its extreme equilibria. Where rounds repeat, each may be any equilibrium of the
round; strategies that depend on earlier rounds are left out, since agents see only the board.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..base import Bools, FiniteMDP, Floats, Longs
from ..mdp.enumeration import Enumeration
from ..mdp.transition_tables import outcomes_of
from ..solvers.dynamic_programming import FiniteHorizonSolution, Solution
from ..solvers.fixed_policy import evaluate_stationary, evaluate_time_dependent
from ..world.world import EquilibriumChoice, World
from .best_response import marginalise_others, uniform_policy
from .equilibrium_process import Equilibria, Equilibrium, in_words, in_words_together, values_of
from .subgame_perfect import StageSolver


def stage_equilibria(enumeration: Enumeration, choice: EquilibriumChoice) -> Equilibria:
    """Find the extreme equilibria of the round of a world of two agents (see `is_stage_game`).

    Args:
        enumeration: of the joint actions of two agents.
        choice: which of the equilibria count.

    Raises:
        NotEnumerableError: there are too many actions.
        ImproperDiscountError: discount 1, no horizon, and it never ends.
    """
    world, mdp = enumeration.world, enumeration.mdp
    start = int(mdp.start_state[mdp.start_probability > 0][0])
    available = [np.unique(column) for column in world.joint_actions[mdp.available[start]].T]
    first, second = (_pay(enumeration, start, number)[np.ix_(*available)] for number in (0, 1))
    chances = np.zeros((0, mdp.n_actions))
    for _, played in StageSolver(choice).plays(first, second):
        whole = np.zeros(world.action_counts)
        whole[np.ix_(*available)] = played
        chances = np.vstack([chances, whole.ravel()])
    names = tuple(_told(world, each, choice) for each in chances)
    process, order = _as_actions(mdp, start, chances, names)
    count = len(chances)
    every = []
    for number, words in enumerate(names):
        plays = process.available & (np.arange(count) == number)
        every.append(Equilibrium(words, _values(process, world, plays), (plays,)))
    return Equilibria(
        process, np.arange(mdp.n_states), order, chances, np.where(process.available, np.arange(count), -1),
        _indifferent(process, world), tuple(every),
    )  # fmt: skip


def is_stage_game(mdp: FiniteMDP, horizon: int | None) -> bool:
    """Whether anybody chooses in a single state only, and what is chosen there does not decide what follows."""
    starts = np.unique(mdp.start_state[mdp.start_probability > 0])
    if starts.size != 1 or mdp.ended[starts[0]]:
        return False
    start = int(starts[0])
    successors = mdp.next_state[outcomes_of(mdp, start * mdp.n_actions + np.arange(mdp.n_actions))[0]]
    return bool(horizon == 1 or (successors == start).all() or mdp.ended[successors].all())


def _told(world: World, chances: Floats, choice: EquilibriumChoice) -> str:
    """What each agent does in a round, or both together where a mediator tells them."""
    if choice.mediated:
        return f"{' and '.join(its.name for its in world.agents)}: {in_words_together(world, chances)}"
    return "; ".join(f"{its.name}: {in_words(world, chances, a)}" for a, its in enumerate(world.agents))


def _pay(enumeration: Enumeration, start: int, number: int) -> Floats:
    """float64 `[actions of the first, of the second]`: what a joint action pays an agent; 0 where it is not there."""
    world, mdp = enumeration.world, enumeration.mdp
    outcome, place = outcomes_of(mdp, start * mdp.n_actions + np.arange(mdp.n_actions))
    gain = mdp.probability[outcome] * (mdp.rewards[outcome] @ world.agents[number].weights)
    return np.asarray(np.bincount(place, weights=gain, minlength=mdp.n_actions), np.float64).reshape(
        world.action_counts
    )


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


def _values(mdp: FiniteMDP, world: World, plays: Bools) -> tuple[float, ...]:
    """N discounted values at the start, over the horizon if there is one."""
    if world.horizon is None:
        return values_of(mdp, world, plays)
    policy = np.tile(plays.argmax(axis=1).astype(np.int32), (world.horizon, 1))
    worth = []
    for its in world.agents:
        values = evaluate_time_dependent(mdp, policy, its.weights, its.discount).values[0]
        worth.append(float(mdp.start_probability @ values[mdp.start_state]))
    return tuple(worth)


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
