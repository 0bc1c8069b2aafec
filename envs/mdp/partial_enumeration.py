"""A world that is enumerated in parts: some states are expanded, the others are known and wait."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..base import Bools, FiniteMDP, Floats, Ints, Longs, TooManyStatesError
from ..reference.step import reset
from ..world.randomness import EnumeratedDraws
from ..world.world import World
from .enumeration import Noted, StateNumbers, TransitionRows, expand, merged_start

_AT_ONCE = 4096
"""States that are expanded at once."""


@dataclass(frozen=True, eq=False)
class ClosedProcess:
    """The known states as a process in which a state that is not expanded is never left, by the first action alone.

    Attributes:
        mdp: the process, with all channels; the loops of states beyond pay nothing.
        performance: float64 `[M]`, the hidden score of each outcome.
        beyond: bool `[S]`, the states that are not expanded.
        enters: bool `[M]`, the outcomes that lead there from elsewhere.
        loops: bool `[M]`, the outcomes that stay there.
        states: int32 `[S, F]`.
    """

    mdp: FiniteMDP
    performance: Floats
    beyond: Bools
    enters: Bools
    loops: Bools
    states: Ints

    def adding(self, inside: Floats, each_tick: float, on_the_way: Floats) -> Floats:
        """What outcomes add, float64 `[M]`.

        Args:
            inside: float64 `[M]`, what they add where nothing lies beyond.
            each_tick: what a state beyond adds in every tick.
            on_the_way: float64 `[S]`, what is added beside it on the way to such a state.
        """
        total = inside + np.where(self.enters, on_the_way[self.mdp.next_state], 0.0)
        total[self.loops] = each_tick
        return total


class PartialEnumeration:
    """The states of a world that have been met, S of them, and what comes of those that were expanded.

    Attributes:
        world: what is enumerated.
        start_state: int32 `[S0]`; start_probability: float64 `[S0]`.
        n_expanded: how many states were expanded; ended ones never are.
    """

    def __init__(self, world: World, start: Ints | None = None) -> None:
        """Begin with the start, of which nothing is expanded.

        Args:
            world: what is enumerated.
            start: int32 `[n, F]`, states to begin in, each as likely as the others; by default where episodes begin.
        """
        self.world = world
        self._index = StateNumbers(world)
        if start is None:
            begin = reset(world, EnumeratedDraws(limit=1_000_000))
            states, chance = begin.states, begin.probability
        else:
            states, chance = start, np.full(len(start), 1 / len(start))
        self.start_state, self.start_probability = merged_start(self._index, states, chance)
        self._expanded = self._refused = np.zeros(0, np.bool_)
        self._parts: list[TransitionRows] = []
        self.n_expanded = 0

    def frontier(self) -> Longs:
        """int64 `[n]`: the states that wait to be expanded."""
        return np.flatnonzero(~self._known() & ~self._refused)

    def expand_first(self, goal: int) -> None:
        """Expand the states that were met first, until so many are expanded or none is left.

        Raises:
            TooManyStatesError: a start state has too many outcomes in one tick.
        """
        while self.n_expanded < goal:
            beyond = self.frontier()[: goal - self.n_expanded]
            if not beyond.size:
                return
            self.expand(beyond)

    def expand(self, states: Longs) -> None:
        """Expand those of some states, int64 `[n]`, that wait; one with too many outcomes in a tick never is expanded.

        Raises:
            TooManyStatesError: a start state has too many.
        """
        states = states[~(self._known() | self._refused)[states]]
        for begin in range(0, states.size, _AT_ONCE):
            self._expand(np.sort(states[begin : begin + _AT_ONCE]))

    def _expand(self, lanes: Longs) -> None:
        try:
            part = expand(self.world, self._index, lanes, self.world.joint_actions, Noted(), None)
        except TooManyStatesError:
            if lanes.size == 1 and np.isin(lanes, self.start_state).any():
                raise
            if lanes.size == 1:
                self._known()
                self._refused[lanes] = True
                return
            for half in np.array_split(lanes, 2):
                self._expand(half)
            return
        self._parts.append(part)
        self._known()[lanes] = True
        self.n_expanded += lanes.size

    def number(self, states: Ints) -> Ints:
        """int32 `[n]`: the numbers of states int32 `[n, F]`; those that were not known are from now on."""
        return self._index.number(states)

    def closed(self) -> ClosedProcess:
        """The process that is known by now; see `ClosedProcess`."""
        known, n_actions = self._known(), len(self.world.joint_actions)
        beyond = np.flatnonzero(~known)
        columns = (np.concatenate(column) for column in zip(*self._parts, strict=True))
        rows, following, chance, rewards, events, performance = columns
        rows = np.concatenate([rows, beyond * n_actions])
        order = np.argsort(rows, kind="stable")
        next_state = np.concatenate([following, beyond.astype(np.int32)])[order]
        loops = order >= following.size
        nothing = np.zeros(beyond.size)
        states = self._index.states()
        mdp = FiniteMDP(
            n_states=known.size,
            n_actions=n_actions,
            row_start=np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=known.size * n_actions))]),
            next_state=next_state,
            probability=np.concatenate([chance, np.ones(beyond.size)])[order],
            rewards=np.concatenate([rewards, np.zeros((beyond.size, rewards.shape[1]))])[order],
            events=np.concatenate([events, np.zeros(beyond.size, np.uint64)])[order],
            ended=known & (states[:, self.world.ended] > 0),
            start_state=self.start_state,
            start_probability=self.start_probability,
            channels=self.world.channels,
            event_names=self.world.events,
            action_names=self.world.joint_action_names,
        )
        performance = np.concatenate([performance, nothing])[order]
        return ClosedProcess(mdp, performance, ~known, ~known[next_state] & ~loops, loops, states)

    def _known(self) -> Bools:
        """bool `[S]`: the states that are expanded, as many as are known by now."""
        if self._expanded.size < self._index.size:
            grown = self._index.states()[:, self.world.ended] > 0  # nothing comes of those
            grown[: self._expanded.size] = self._expanded
            refused = np.zeros(grown.size, np.bool_)
            refused[: self._expanded.size] = self._refused
            self._expanded, self._refused = grown, refused
        return self._expanded
