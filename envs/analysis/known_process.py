"""A process by what whoever acts in it knows of its state, so that ties are broken by that and by nothing else.

Letters as in `base`: S states, A joint actions, M outcomes; L latches, see `mdp.remembering`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import wraps
from typing import Generic, Literal, ParamSpec, TypeVar

import numpy as np

from ..base import Bits, Bools, FiniteMDP, Floats, Knowledge, Longs, NotEnumerableError
from ..mdp.remembering import EpisodeReader, remembering
from ..solvers.belief_mdp import belief_mdp
from ..solvers.dynamic_programming import FiniteHorizonSolution, Optimal, at_states

MOST_BELIEFS = 100_000
"""Beliefs about what happened in an episode that are enumerated, at most, for one range."""

_P = ParamSpec("_P")
_T = TypeVar("_T")
Array = TypeVar("Array", Bits, Floats)


def last_kept(made: Callable[_P, _T]) -> Callable[_P, _T]:
    """Keep the last result of a function, whose arguments are told apart by identity: arrays have no hash.

    Several measures of one plan follow each other, and all of them ask for the same.
    """
    kept: tuple[tuple[object, ...], _T] | None = None

    @wraps(made)
    def found(*args: _P.args, **kwargs: _P.kwargs) -> _T:
        nonlocal kept
        asked, last = (*args, *kwargs.values()), kept
        if last is None or len(last[0]) != len(asked) or any(a is not b for a, b in zip(last[0], asked, strict=True)):
            kept = last = asked, made(*args, **kwargs)
        return last[1]  # not `kept`, which another thread may have set since

    return found


@dataclass(frozen=True, eq=False)
class KnownProcess:
    """A process and its optimal actions by what whoever acts knows; the process itself where that is all of it.

    Attributes:
        mdp: the process; optimal: the actions in it.
        knowledge: how it stands for the process that was given; None where it is that one.
        given, choices: the process and the optimal actions that were given.
    """

    mdp: FiniteMDP
    optimal: Optimal
    knowledge: Knowledge | None
    given: FiniteMDP
    choices: Optimal

    @property
    def stationary(self) -> Bools:
        """The actions, which are the same at every tick."""
        assert not isinstance(self.optimal, FiniteHorizonSolution)
        return self.optimal

    def expected(self, per_outcome: Floats) -> Floats:
        """The mean of a number float64 `[M]` in each outcome, by what is known."""
        if self.knowledge is None:
            return per_outcome
        count = self.mdp.next_state.size
        return np.bincount(self.knowledge.outcome, self.knowledge.weight * per_outcome, count).astype(np.float64)

    def expected_in(self, per_state: Floats) -> Floats:
        """The mean of a number float64 `[S]` in each state, by what is known."""
        if self.knowledge is None:
            return per_state
        its = self.knowledge
        return np.bincount(its.group, its.share * per_state, self.mdp.n_states).astype(np.float64)

    @property
    def unused(self) -> bool:
        """Whether not all is known, and yet the choices hang on more: on them no range by what is known stands."""
        return self.knowledge is None and self.given.known is not None

    def telling(self, values: Array, group: Literal["outcome", "group"]) -> Telling[Array]:
        """The process by what is known, if that tells the values, `[M]` by `outcome` or `[S]` by `group`; else itself.

        Outcomes or states that are not told apart then have one value.
        """
        if self.knowledge is None:
            return Telling(self.mdp, self.optimal, values, seen=not self.unused)
        of: Longs = getattr(self.knowledge, group)
        told = np.zeros((self.mdp.next_state if group == "outcome" else self.mdp.ended).size, values.dtype)
        told[of] = values
        if np.array_equal(told[of], values):
            return Telling(self.mdp, self.optimal, told, seen=True)
        return Telling(self.given, self.choices, values, seen=False)


@dataclass(frozen=True, eq=False)
class Telling(Generic[Array]):
    """A process, its optimal actions, and values of its outcomes or states; seen: whoever acts is told of them."""

    mdp: FiniteMDP
    optimal: Optimal
    values: Array
    seen: bool


@last_kept
def known_process(mdp: FiniteMDP, optimal: Optimal) -> KnownProcess:
    """What is known of a process, if the actions are alike in all states that are not told apart."""
    its, given = mdp.known, KnownProcess(mdp, optimal, None, mdp, optimal)
    if its is None or not its.true_of(mdp):
        return given
    one = np.zeros(its.mdp.n_states, np.int64)
    one[its.group] = np.arange(mdp.n_states)
    there = at_states(optimal, one)
    alike = _alike(at_states(there, its.group), optimal)
    return KnownProcess(its.mdp, there, its, mdp, optimal) if alike else given


def _alike(optimal: Optimal, other: Optimal) -> bool:
    if isinstance(optimal, FiniteHorizonSolution) and isinstance(other, FiniteHorizonSolution):
        return np.array_equal(optimal.packed, other.packed)
    return np.array_equal(optimal, other)  # type: ignore[arg-type]


def remembering_what_is_seen(
    mdp: FiniteMDP, optimal: Optimal, reader: EpisodeReader, steps: int
) -> tuple[FiniteMDP, Optimal, Longs] | None:
    """A process over what whoever acts may think of the state and the latch, within some ticks.

    Args:
        mdp: a process of which only a part is known.
        optimal: alike in all states that are not told apart.
        reader: of its episodes; the latch is not seen, but for what the states show.
        steps: T, ticks, at least one.

    Returns:
        The process, which knows what is known of its own states (`FiniteMDP.known`); the actions in it; and the latch
        in each of its states, int64. None where there are more than `MOST_BELIEFS` beliefs.
    """
    its = mdp.known
    assert its is not None
    among = optimal.ever_optimal(steps) if isinstance(optimal, FiniteHorizonSolution) else optimal
    try:
        pairs = remembering(mdp, reader, steps, among)
        # That nothing can change the latch any more may be shown, too: whatever is done then, nothing hangs on it.
        settled = reader.settled[pairs.latch_of]
        views = np.where(settled, its.mdp.n_states + pairs.latch_of, its.group[pairs.state_of])
        unpaid = replace(pairs.mdp, rewards=np.zeros((pairs.mdp.next_state.size, 0)), channels=())
        beliefs = belief_mdp(unpaid, views, MOST_BELIEFS, steps)
    except NotEnumerableError:
        return None
    there = at_states(optimal, pairs.state_of[beliefs.pair_state])
    return beliefs.pair_mdp, there, pairs.latch_of[beliefs.pair_state]
