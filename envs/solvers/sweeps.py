"""Compiled passes over the states of a process: Gauss-Seidel sweeps, and the exact values of a policy without chance.

Breadth-first enumeration numbers a state after those that lead to it, so a pass from the last state to the first
carries what lies ahead back over whole paths at once, and the next pass, from the first on, what lies behind a loop.

Letters as in `base`: S states, A joint actions, K channels. `-1` stands for a state in which nobody acts; its value is
left as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..base import Bools, Floats, Ints, Longs
from ..kernel.memory import entry, floats, ints, longs, numbers
from ..mdp.transition_tables import TransitionTables
from ..time_limit import check_time
from .bellman import EPSILON, SOLVING


def improve(
    table: TransitionTables,
    scalar: Floats,
    discount: float,
    slack: float,
    values: Floats,
    policy: Ints,
    backwards: bool,
) -> int:
    """One Gauss-Seidel sweep that improves a policy and its values in place (Puterman 1994, section 6.3.3).

    Args:
        table: the process.
        scalar: float64 `[S, A]`, expected rewards; -inf where an action may not be taken.
        discount: per tick.
        slack: an action is only replaced by one that is better by more than that.
        values: float64 `[S]`, changed.
        policy: int32 `[S]`, changed; becomes -1 where no action may be taken.
        backwards: from the last state to the first.

    Returns:
        How many states have another action now.
    """
    check_time(SOLVING)
    first, following, chance = table.outcomes
    n_states, n_actions = scalar.shape
    arrays = (first, following, chance, scalar, values, policy)
    return int(_call(_improve, arrays, n_states, n_actions, float(discount), slack, backwards))


def follow(hop: Longs, rewards: Floats, discount: float) -> tuple[Floats, int]:
    """The values of a policy without chance: each path is followed into its loop, whose sum is a geometric series.

    Args:
        hop: int64 `[S]`, the next state; -1 where nobody acts.
        rewards: float64 `[S, K]`.
        discount: per tick.

    Returns:
        The values float64 `[S, K]`, and a state from which the policy never ends though nothing is discounted, or -1.
    """
    check_time(SOLVING)
    n_states, n_channels = rewards.shape
    values, mark, path = np.zeros((n_states, n_channels)), np.zeros(n_states, np.int32), np.empty(n_states, np.int32)
    return values, int(_call(_follow, (hop, rewards, values, mark, path), n_states, n_channels, float(discount)))


def settle(table: TransitionTables, row: Longs, rewards: Floats, discount: float, values: Floats, most: int) -> bool:
    """Gauss-Seidel sweeps that evaluate a policy in place, until they change nothing but the last bits.

    Args:
        table: the process.
        row: int64 `[S]`, the row of the action that is taken; -1 where nobody acts.
        rewards: float64 `[S, K]`.
        discount: per tick.
        values: float64 `[S, K]`, changed.
        most: how many sweeps are made at most.

    Returns:
        Whether they settled: the residual is then at most four units of rounding of the largest value.
    """
    first, following, chance = table.outcomes
    n_states, n_channels = rewards.shape
    arrays = (first, following, chance, row, rewards, values)
    for _ in range(0, most, _AT_ONCE):
        check_time(SOLVING)
        if _call(_settle, arrays, n_states, n_channels, float(discount), 4 * EPSILON, _AT_ONCE):
            return True
    return False


def reach(table: TransitionTables, good: Bools, begin: Longs, ticks: int) -> tuple[Bools, Bools, int, int]:
    """The states that may be met within some ticks, breadth first, if some actions may be taken whenever.

    Args:
        table: the process.
        good: bool `[S, A]`, the actions.
        begin: int64 `[n]`, different states, at tick 0.
        ticks: how many; a number that is not reached for no end.

    Returns:
        bool `[S]`, the states; bool `[S * A]`, the actions that may be taken before the last tick; and the first state
        in which somebody acts and has none of them, with its tick (-1 where there is none).
    """
    check_time(SOLVING)
    first, following, chance = table.outcomes
    n_states, n_actions = good.shape
    queue, depth = np.empty(n_states, np.int32), np.full(n_states, -1, np.int32)
    queue[: begin.size], depth[begin] = begin, 0
    may, ended = np.ascontiguousarray(good, np.int32), np.ascontiguousarray(table.ended, np.int32)
    taken = np.zeros(n_states * n_actions, np.int32)
    arrays = (first, following, chance, may, ended, queue, depth, taken)
    idle = int(_call(_reach, arrays, begin.size, n_actions, ticks))
    return depth >= 0, taken > 0, idle, int(depth[idle]) if idle >= 0 else -1


_AT_ONCE = 16
"""Sweeps between two looks at the clock."""


def _call(compiled: Any, arrays: Sequence[np.ndarray], *numbers: float) -> Any:
    """Call compiled code with where arrays lie in memory; taking the arrays themselves apart would cost it time."""
    assert all(array.flags.c_contiguous for array in arrays)
    return compiled(*(array.ctypes.data for array in arrays), *numbers)


@entry
def _improve(
    first: Any, following: Any, chance: Any, scalar: Any, values: Any, policy: Any,
    n_states: Any, n_actions: Any, discount: Any, slack: Any, backwards: Any,
) -> Any:  # fmt: skip
    first, following, chance, scalar = longs(first), ints(following), numbers(chance), numbers(scalar)
    values, policy = floats(values), ints(policy)
    changed = 0
    for count in range(n_states):
        state = n_states - 1 - count if backwards else count
        now = policy[state]
        if now < 0:
            continue
        best, kept, choice = -np.inf, -np.inf, now
        for action in range(n_actions):
            row = state * n_actions + action
            q = scalar[row]
            if q == -np.inf:
                continue
            ahead = 0.0
            for outcome in range(first[row], first[row + 1]):
                ahead += chance[outcome] * values[following[outcome]]
            q += discount * ahead
            if action == now:
                kept = q
            if q > best:
                best, choice = q, action
        if best == -np.inf:
            policy[state] = -1
        elif best > kept + slack:
            policy[state] = choice
            values[state] = best
            changed += 1
        else:
            values[state] = kept
    return changed


@entry
def _follow(
    hop: Any, rewards: Any, values: Any, mark: Any, path: Any, n_states: Any, n_channels: Any, discount: Any
) -> Any:
    hop, rewards, values, mark, path = longs(hop), numbers(rewards), floats(values), ints(mark), ints(path)
    for begin in range(n_states):
        length, state = 0, begin
        # A mark is the place on the present path, from 1; -1 where the values are known.
        while mark[state] == 0:
            if hop[state] < 0:
                mark[state] = -1
                break
            length += 1
            mark[state] = length
            path[length - 1] = state
            state = hop[state]
        met = mark[state]
        if met > 0:
            if discount == 1.0:
                return state
            for channel in range(n_channels):
                total, factor = 0.0, 1.0
                for place in range(met - 1, length):
                    total += factor * rewards[path[place] * n_channels + channel]
                    factor *= discount
                values[state * n_channels + channel] = total / (1.0 - factor)
        for place in range(length - 1, -1, -1):
            behind, ahead = path[place] * n_channels, hop[path[place]] * n_channels
            for channel in range(n_channels):
                values[behind + channel] = rewards[behind + channel] + discount * values[ahead + channel]
            mark[path[place]] = -1
    return -1


@entry
def _settle(
    first: Any, following: Any, chance: Any, rows: Any, rewards: Any, values: Any,
    n_states: Any, n_channels: Any, discount: Any, goal: Any, sweeps: Any,
) -> Any:  # fmt: skip
    first, following, chance, rows = longs(first), ints(following), numbers(chance), longs(rows)
    rewards, values = numbers(rewards), floats(values)
    for sweep in range(sweeps):
        change, scale = 0.0, 0.0
        for count in range(n_states):
            state = count if sweep & 1 else n_states - 1 - count
            row = rows[state]
            if row < 0:
                continue
            for channel in range(n_channels):
                ahead, own = 0.0, 0.0
                for outcome in range(first[row], first[row + 1]):
                    if following[outcome] == state:
                        own += chance[outcome]
                    else:
                        ahead += chance[outcome] * values[following[outcome] * n_channels + channel]
                place = state * n_channels + channel
                # What leads back to the state itself is solved for at once.
                new = (rewards[place] + discount * ahead) / (1.0 - discount * own)
                change = max(change, abs(new - values[place]) * (1.0 - discount * own))
                scale = max(scale, max(abs(new), abs(rewards[place])))
                values[place] = new
        if not change > goal * scale:
            return True
    return False


@entry
def _reach(
    first: Any, following: Any, chance: Any, may: Any, ended: Any, queue: Any, depth: Any, taken: Any,
    known: Any, n_actions: Any, ticks: Any,
) -> Any:  # fmt: skip
    first, following, chance, may, ended = longs(first), ints(following), numbers(chance), ints(may), ints(ended)
    queue, depth, taken = ints(queue), ints(depth), ints(taken)
    place = 0
    while place < known:
        state = queue[place]
        place += 1
        if ended[state] != 0 or depth[state] >= ticks:
            continue
        idle = True
        for action in range(n_actions):
            row = state * n_actions + action
            if may[row] == 0:
                continue
            idle = False
            taken[row] = 1
            for outcome in range(first[row], first[row + 1]):
                ahead = following[outcome]
                if chance[outcome] > 0.0 and depth[ahead] < 0:
                    depth[ahead] = depth[state] + 1
                    queue[known] = ahead
                    known += 1
        if idle:
            return state
    return -1
