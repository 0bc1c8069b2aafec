"""What each agent of a game sees of a state, and what all of them together know that all of them see."""

from __future__ import annotations

import numpy as np

from ..base import Longs
from ..mdp.enumeration import Enumeration
from ..reference.observation import observation_ids
from ..solvers.belief_mdp import alias_report
from .best_response import own_available


def looks_of(enumeration: Enumeration, agent: int) -> Longs:
    """int64 `[S]`, equal for states that look alike to an agent.

    Beside its view an agent sees which of its actions are available, and that the episode is over.
    """
    world, mdp = enumeration.world, enumeration.mdp
    own = own_available(world.joint_actions[:, agent], mdp.available, world.action_counts[agent])
    looks = np.column_stack([observation_ids(world, enumeration.states, agent), own, mdp.ended])
    return np.unique(looks, axis=0, return_inverse=True)[1].reshape(-1).astype(np.int64)


def sees_enough(enumeration: Enumeration, agent: int) -> bool:
    """Whether no two states that look alike to an agent, what it may do in them included, have different futures."""
    views = observation_ids(enumeration.world, enumeration.states, agent)
    if np.unique(views).size == enumeration.mdp.n_states:
        return True
    # Futures are told apart by what anybody may do, which this agent need not see.
    futures = alias_report(enumeration.mdp, views).futures
    met = futures >= 0
    looks = looks_of(enumeration, agent)[met]
    return bool(np.unique(looks).size == len(np.unique(np.column_stack([looks, futures[met]]), axis=0)))


def common_cells(looks: Longs) -> Longs:
    """The finest partition of some states that everybody sees, and sees that everybody sees, and so on (Aumann 1976).

    States between which there is a chain, each link of which looks alike to somebody, are one cell. Where everybody
    sees what matters, a cell is one state for all that is paid: whatever is done, its states are paid the same and lead
    to the same cells with the same chances.

    Args:
        looks: int64 `[N, n]`, of each agent, equal for states that look alike to it.

    Returns:
        int64 `[n]`, the place of the first state of each one's cell.
    """
    cells = np.arange(looks.shape[1])
    while True:
        before = cells
        for kinds in looks:
            _, kind = np.unique(kinds, return_inverse=True)
            least = np.full(int(kind.max(initial=-1)) + 1, cells.size)
            np.minimum.at(least, kind, cells)
            cells = least[kind]
        if np.array_equal(cells, before):
            return cells


def sees_alone(enumeration: Enumeration, looks: Longs, cells: Longs) -> str | None:
    """Who could choose by what the other does not see, though nobody is paid for it, in words; None if nobody could.

    Args:
        enumeration: of the game.
        looks: int64 `[N, n]`, see `common_cells`.
        cells: int64 `[n]`, what it found.
    """
    for its, kinds in zip(enumeration.world.agents, looks, strict=True):
        if len(np.unique(np.column_stack([kinds, cells]), axis=0)) > np.unique(cells).size:
            return f"`{its.name}` sees what the other does not, and might choose by it though nobody is paid for it"
    return None
