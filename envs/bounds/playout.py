"""One episode played by looking a little ahead, again and again: where it leads, a good plan may go.

What lies beyond what is seen is hoped to pay halfway between the least and the most that rules could pay. The states
that are met are expanded in the search for bounds, whose pessimistic side is then worth at least as much where nothing
is left to chance.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np
import numpy.typing as npt

from ..base import Floats, Ints, TooManyStatesError
from ..mdp.partial_enumeration import ClosedProcess, PartialEnumeration
from ..solvers.dynamic_programming import backward_induction, policy_iteration
from ..world.world import World
from .pay_intervals import PayIntervals

MOST_LOOKS: Final = 64
"""How often it is looked ahead in one episode at most."""


def hopeful_plan(
    world: World, process: ClosedProcess, weights: Floats, discount: float, pay: PayIntervals, ticks: int
) -> npt.NDArray[np.integer]:
    """The best plan where what lies beyond pays halfway between the least and the most, integers `[T, S]`.

    Args:
        world: of one agent.
        process: what is seen of it.
        weights: float64 `[K]`.
        discount: per tick.
        pay: bounds of what the rules pay.
        ticks: T, which are left.
    """
    mdp, (low, high) = process.mdp, pay.on_the_way(process.states)
    hoped = process.adding(mdp.rewards @ weights, sum(pay.each_tick) / 2, (low + high) / 2)
    seen = replace(mdp, rewards=hoped[:, None], channels=("hoped",))
    if world.horizon is None:
        return np.broadcast_to(policy_iteration(seen, [1.0], discount).policy, (ticks, mdp.n_states))
    return backward_induction(seen, [1.0], discount, ticks, keep_values=False).policy


def play_ahead(world: World, weights: Floats, discount: float, pay: PayIntervals, look: int) -> Ints:
    """Play an episode, in which chance decides for what is likeliest.

    Args:
        world: of one agent.
        weights: float64 `[K]`.
        discount: per tick.
        pay: bounds of what the rules pay.
        look: how many states are expanded each time.

    Returns:
        int32 `[n, F]`, the states that were met, without the last of an episode that ended.
    """
    met: list[Ints] = []
    here, left = None, world.horizon or world.steps
    for _ in range(MOST_LOOKS):
        part = PartialEnumeration(world, here)
        try:
            part.expand_first(look)
        except TooManyStatesError:
            break
        process = part.closed()
        mdp, plan = process.mdp, hopeful_plan(world, process, weights, discount, pay, left)
        state = int(part.start_state[part.start_probability.argmax()])
        before = left
        while left > 0 and not process.beyond[state] and not mdp.ended[state]:
            met.append(process.states[state])
            row = state * mdp.n_actions + int(plan[before - left, state])
            outcomes = slice(mdp.row_start[row], mdp.row_start[row + 1])
            state = int(mdp.next_state[outcomes][mdp.probability[outcomes].argmax()])
            left -= 1
        if left == 0 or mdp.ended[state] or before == left:
            break
        here = process.states[state][None].copy()
    return np.array(met, np.int32).reshape(-1, len(world.fields))
