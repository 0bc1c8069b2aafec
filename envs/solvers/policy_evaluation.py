"""Policy evaluation, per channel: without a horizon, or over a known number of ticks.

Letters as in `base`: S states, A joint actions, K channels, T ticks.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from ...scenarios.deferred import linalg, sparse
from ...scenarios.errors import WorldError
from ..base import Bools, FiniteMDP, Floats, Longs
from ..mdp.transition_tables import Sparse, TransitionTables, tables
from ..time_limit import check_time
from .bellman import EPSILON, SOLVING, largest

Policy: TypeAlias = npt.NDArray[np.integer] | Floats

# Above this many acting states the fill-in of an LU factorisation is too heavy: policies are evaluated by iteration.
_LU_STATES = 50_000
# Sweeps that are tried before: where nothing goes round for long they settle at once, and cost less than either.
_SWEEPS = 64


class ImproperDiscountError(WorldError, ValueError):
    """Discount 1 was asked for where an episode may last for ever, so values need not be finite."""


def evaluate(mdp: FiniteMDP, policy: Policy, discount: float) -> Floats:
    """The values of a policy per channel, without a horizon.

    Args:
        mdp: the process.
        policy: integers `[S]`, or probabilities float64 `[S, A]`; entries of ended states are not read.
        discount: per tick, 0 to 1.

    Returns:
        float64 `[S, K]`.

    Raises:
        ImproperDiscountError: discount 1, and under the policy some state never reaches an end.
        ValueError: the policy has a wrong shape, or takes an action where it is not available.
    """
    table = tables(mdp)
    check_range(discount)
    zeros = np.zeros((mdp.n_states, len(mdp.channels)))
    chosen = _checked_policy(mdp, policy)
    if chosen.ndim == 1:
        return policy_values(table, chosen, table.vector_rewards, ~mdp.ended, discount, zeros)
    mixed, rewards = _mixture(table, chosen)
    return _solve_linear(mixed, rewards, ~mdp.ended, discount, zeros)


def evaluate_horizon(mdp: FiniteMDP, policy: Policy, discount: float, horizon: int) -> Floats:
    """The values of a policy per channel over a known number of ticks.

    Args:
        mdp: the process.
        policy: integers `[S]`, integers `[T, S]` (one row per tick), or probabilities float64 `[S, A]`.
        discount: per tick, 0 to 1.
        horizon: T, ticks.

    Returns:
        float64 `[S, K]`, at tick 0.

    Raises:
        ValueError: the policy has a wrong shape, or takes an action where it is not available.
    """
    check_range(discount)
    values = np.zeros((mdp.n_states, len(mdp.channels)))
    for kernel, rewards in kernels(mdp, policy, range(horizon - 1, -1, -1)):
        values = rewards + discount * np.asarray(kernel @ values)
    return values


def kernels(mdp: FiniteMDP, policy: Policy, ticks: Iterable[int]) -> Iterator[tuple[Sparse, Floats]]:
    """The Markov reward process that a policy induces, at each tick.

    Args:
        mdp: the process.
        policy: integers `[S]` or `[T, S]` (one row per tick), or probabilities float64 `[S, A]`.
        ticks: which ticks, in the order wanted.

    Yields:
        The transition matrix `[S, S]` (empty rows in ended states) and the expected rewards float64 `[S, K]`; the same
        objects again where the policy does not change.

    Raises:
        ValueError: the policy has a wrong shape, says nothing of a tick, or takes an action that is not available.
    """
    given: Any = np.asarray(policy)
    timed = np.issubdtype(given.dtype, np.integer) and given.ndim == 2
    always = None if timed else _kernel(mdp, given)
    for tick in ticks:
        check_time(SOLVING)
        if always is not None:
            yield always
        elif tick < len(given):
            yield _kernel(mdp, given[tick])
        else:
            raise ValueError(f"the policy says what to do for {len(given)} ticks, and nothing for tick {tick}")


def policy_values(
    table: TransitionTables,
    policy: npt.NDArray[np.integer],
    rewards: Floats,
    acting: Bools,
    discount: float,
    guess: Floats,
) -> Floats:
    """The values of a stationary policy, for solvers: nothing is checked but that it ends at discount 1.

    Args:
        table: the process.
        policy: integers `[S]`.
        rewards: float64 `[S, A, K]`.
        acting: bool `[S]`; all other states have value 0 and are not left.
        discount: per tick.
        guess: float64 `[S, K]`, from which an iteration starts.

    Returns:
        float64 `[S, K]`.

    Raises:
        ImproperDiscountError: discount 1, and some acting state never reaches an end.
    """
    from .sweeps import follow, settle  # Numba, which nobody waits for who solves nothing

    states = np.arange(acting.size)
    reward = np.where(acting[:, None], rewards[states, policy], 0.0)
    if table.next_state is not None:
        values, endless = follow(
            np.where(acting, table.next_state[states, policy], -1).astype(np.int64), reward, discount
        )
        if endless >= 0:
            raise _never_ends(endless)
        return values
    row = states * rewards.shape[1] + policy
    if discount == 1:
        _check_proper(table.matrix[row], acting, np.flatnonzero(acting))
    values = np.where(acting[:, None], guess, 0.0)
    if settle(table, np.where(acting, row, -1), reward, discount, values, _SWEEPS):
        return values
    return _solve_linear(table.matrix[row], reward, acting, discount, values)


def _checked_policy(mdp: FiniteMDP, policy: Policy) -> Any:
    """A policy for one tick, int64 `[S]` or float64 `[S, A]`, its entries in ended states made harmless."""
    given, available, states = np.asarray(policy), tables(mdp).available, np.arange(mdp.n_states)
    shape = (mdp.n_states,) if np.issubdtype(given.dtype, np.integer) else available.shape
    if given.shape != shape:
        raise ValueError(f"a policy of {given.dtype} needs the shape {shape}, not {given.shape}")
    if given.ndim == 1:
        chosen = np.where(mdp.ended, 0, given).astype(np.int64)
        known = (chosen >= 0) & (chosen < mdp.n_actions)
        good = known & available[states, np.where(known, chosen, 0)]
    else:
        chosen = np.where(mdp.ended[:, None], 0.0, given)
        good = np.all((chosen >= 0) & (available | (chosen == 0)), axis=1) & (np.abs(chosen.sum(axis=1) - 1) < 1e-9)
    bad = ~good & ~mdp.ended
    if bad.any():
        raise ValueError(f"the policy does not choose among the available actions in state {int(bad.argmax())}")
    return chosen


def check_range(discount: float) -> None:
    """Raise a ValueError for what is no discount."""
    if not 0 <= discount <= 1:
        raise ValueError(f"a discount lies between 0 and 1, not {discount}")


def _solve_linear(kernel: Sparse, rewards: Floats, acting: Bools, discount: float, guess: Floats) -> Floats:
    """Solve `V = rewards + discount * kernel @ V` on acting states; elsewhere V is 0. Shapes `[S, S]`, `[S, K]`."""
    states = np.flatnonzero(acting)
    values = np.zeros_like(rewards)
    if not states.size:
        return values
    inner = kernel[states][:, states]
    if discount == 1:
        _check_proper(kernel, acting, states)
    system = sparse.eye_array(states.size, format="csr") - discount * inner
    if states.size <= _LU_STATES:
        # The system is diagonally dominant, so it is stable without pivoting, which would only cost fill-in.
        values[states] = linalg.splu(sparse.csc_array(system), diag_pivot_thresh=0.0).solve(rewards[states])
        return values
    for k in range(rewards.shape[1]):
        check_time(SOLVING)
        values[states, k] = _krylov(sparse.csr_array(system), rewards[states, k], guess[states, k], discount)
    return values


def _krylov(system: Sparse, reward: Floats, values: Floats, discount: float) -> Floats:
    """BiCGSTAB with iterative refinement; plain sweeps, which always converge, finish what it leaves."""
    goal = 16 * EPSILON
    for _ in range(4):
        error = reward - np.asarray(system @ values)
        if largest(error) <= goal * max(largest(values), largest(reward)):
            return values
        correction, _ = linalg.bicgstab(system, error, rtol=1e-10, atol=0.0, maxiter=500)
        trial = values + correction
        if not largest(reward - np.asarray(system @ trial)) < largest(error):
            break
        values = trial
    rounds = math.ceil(math.log(EPSILON) / math.log(discount)) if discount < 1 else 100 * values.size
    for _ in range(rounds):
        check_time(SOLVING)
        error = reward - np.asarray(system @ values)
        if largest(error) <= goal * max(largest(values), largest(reward)):
            break
        values = values + error
    return values


def _check_proper(kernel: Sparse, acting: Bools, states: Longs) -> None:
    """Raise if some acting state cannot reach an end: the linear system would be singular."""
    into = sparse.csc_array(kernel)
    ending = ~acting
    fresh: npt.NDArray[np.integer] = np.flatnonzero(ending)
    while fresh.size:
        sources = np.unique(into[:, fresh].indices)
        fresh = sources[~ending[sources]]
        ending[fresh] = True
    if not ending[states].all():
        raise _never_ends(int((~ending).argmax()))


def _never_ends(state: int) -> ImproperDiscountError:
    return ImproperDiscountError(
        f"at discount 1 the policy never ends from state {state}; give the stage a horizon, or take a discount below 1"
    )


def _mixture(table: TransitionTables, chances: Floats) -> tuple[Sparse, Floats]:
    """The kernel `[S, S]` and the rewards `[S, K]` of a policy of chances."""
    n_states, n_actions = table.available.shape
    rows = np.arange(n_states * n_actions)
    shape = (n_states, rows.size)
    mix: Sparse = sparse.csr_array((chances.ravel(), rows, np.arange(0, rows.size + 1, n_actions)), shape)
    mix.eliminate_zeros()
    return sparse.csr_array(mix @ table.matrix), np.asarray(mix @ table.rewards)


def _kernel(mdp: FiniteMDP, policy: Policy) -> tuple[Sparse, Floats]:
    table, chosen = tables(mdp), _checked_policy(mdp, policy)
    if chosen.ndim == 2:
        return _mixture(table, chosen)
    rows = np.arange(mdp.n_states) * mdp.n_actions + chosen
    return table.matrix[rows], table.rewards[rows]
