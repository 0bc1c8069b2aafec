"""A world that is enumerated in parts: some states are expanded, the others are known and wait."""

from __future__ import annotations

import numpy as np

from ..base import Bools, FiniteMDP, Floats, Ints, Longs
from ..reference.step import reset
from ..world.randomness import EnumeratedDraws
from ..world.world import World
from .enumeration import StateNumbers, expand, merged_start

_AT_ONCE = 4096
"""States that are expanded at once."""


class PartialEnumeration:
    """The states of a world that have been met, S of them, and what comes of those that were expanded.

    Attributes:
        world: what is enumerated.
        start_state: int32 `[S0]`; start_probability: float64 `[S0]`.
        n_expanded: how many states were expanded; ended ones never are.
    """

    def __init__(self, world: World, weights: Floats) -> None:
        """Begin with the start; `weights` float64 `[K]` make one reward of all channels."""
        self.world, self._weights = world, weights
        self._index = StateNumbers(world)
        begin = reset(world, EnumeratedDraws(limit=1_000_000))
        self.start_state, self.start_probability = merged_start(self._index, begin.states, begin.probability)
        self._expanded = np.zeros(0, np.bool_)
        self._parts: list[tuple[Longs, Ints, Floats, Floats]] = []
        self.n_expanded = 0

    def frontier(self) -> Longs:
        """int64 `[n]`: the states that are known and not expanded."""
        return np.flatnonzero(~self._known())

    def outside(self, n_states: int) -> Bools:
        """bool `[S]`: the first `n_states` states, those that are not expanded."""
        return ~self._known()[:n_states]

    def acting_states(self) -> Ints:
        """int32 `[n, F]`: the states that are expanded and not ended."""
        states = self._index.states()
        return states[self._known() & (states[:, self.world.ended] == 0)]

    def expand_first(self, goal: int) -> None:
        """Expand the states that were met first, until so many are expanded or none is left."""
        while self.n_expanded < goal:
            beyond = self.frontier()[: goal - self.n_expanded]
            if not beyond.size:
                return
            self.expand(beyond)

    def expand(self, states: Longs) -> None:
        """Expand some states, int64 `[n]`, that are not expanded."""
        joint = self.world.joint_actions
        for begin in range(0, states.size, _AT_ONCE):
            lanes = np.sort(states[begin : begin + _AT_ONCE])
            row, following, chance, rewards, _, _ = expand(self.world, self._index, lanes, joint, set(), None)
            self._parts.append((row, following, chance, rewards @ self._weights))
            self._known()[lanes] = True
            self.n_expanded += lanes.size

    def closed(self, each_tick: float, at_end: float) -> FiniteMDP:
        """The process in which a state that is not expanded is never left and pays `each_tick` for ever.

        Args:
            each_tick: what such a state pays in every tick.
            at_end: what is paid beside it once, on the way there.
        """
        known, n_actions = self._known(), len(self.world.joint_actions)
        beyond = np.flatnonzero(~known)
        rows, following, chance, pay = (np.concatenate(column) for column in zip(*self._parts, strict=True))
        pay = pay + np.where(known[following], 0.0, at_end)
        rows = np.concatenate([rows, beyond * n_actions])
        order = np.argsort(rows, kind="stable")
        states = self._index.states()
        return FiniteMDP(
            n_states=known.size,
            n_actions=n_actions,
            row_start=np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=known.size * n_actions))]),
            next_state=np.concatenate([following, beyond.astype(np.int32)])[order],
            probability=np.concatenate([chance, np.ones(beyond.size)])[order],
            rewards=np.concatenate([pay, np.full(beyond.size, each_tick)])[order][:, None],
            events=np.zeros(rows.size, np.uint64),
            ended=known & (states[:, self.world.ended] > 0),
            start_state=self.start_state,
            start_probability=self.start_probability,
            channels=("weighted",),
            event_names=(),
            action_names=self.world.joint_action_names,
        )

    def _known(self) -> Bools:
        """bool `[S]`: the states that are expanded, as many as are known by now."""
        if self._expanded.size < self._index.size:
            grown = self._index.states()[:, self.world.ended] > 0  # nothing comes of those
            grown[: self._expanded.size] = self._expanded
            self._expanded = grown
        return self._expanded
