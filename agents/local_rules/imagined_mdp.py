"""The states reachable in a learned rules model, enumerated into a finite MDP for planning."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ...envs.base import Bools, FiniteMDP, Longs
from .features import hashed
from .model import PredictedOutcomes, RulesModel


@dataclass(frozen=True, eq=False)
class ImaginedMDP:
    """A rules model, enumerated. A pair is an imagined state and an action available in it.

    Attributes:
        states: int64 `[S, O + 1]`; ended: bool `[S]`.
        mdp: the process; states that were not expanded because of the cap are terminal in it.
        tried: int64 `[S, A]`, the fewest ticks that any rule behind the prediction has learned from; 0 where the action
            is not available.
        truncated: some states were not expanded because of the cap.
    """

    states: Longs
    ended: Bools
    mdp: FiniteMDP
    tried: Longs
    truncated: bool
    _keys: Longs
    _order: Longs

    def find(self, states: Longs) -> Longs:
        """int64 `[n]`: the imagined states, not ended, that are these `[n, O + 1]`; -1 where there is none."""
        keys = state_keys(states, np.zeros(len(states), np.bool_))
        if not self._keys.size:
            return np.full(len(states), -1)
        at = np.minimum(np.searchsorted(self._keys, keys), self._keys.size - 1)
        return np.where(self._keys[at] == keys, self._order[at], -1)

    def outcomes(self, place: int, action: int) -> slice:
        """The outcomes of a pair in the arrays of `mdp`; none where the action is not available."""
        row = place * self.mdp.n_actions + action
        return slice(int(self.mdp.row_start[row]), int(self.mdp.row_start[row + 1]))

    def unfindable(self) -> ImaginedMDP:
        """A copy in which `find` finds nothing, for use once the rules have changed."""
        return replace(self, _keys=self._keys[:0], _order=self._order[:0])


def imagine(
    model: RulesModel,
    roots: Longs,
    channels: tuple[str, ...],
    max_states: int,
    guess: Longs | None = None,
) -> ImaginedMDP:
    """Enumerates the model breadth first.

    Args:
        model: learned from at least one tick.
        roots: int64 `[n, O + 1]`, the states to begin at; they become the first n states.
        channels: K names.
        max_states: the most states that are expanded.
        guess: int64 `[m, O + 1]`, states that are likely to be reached: expanded in one batch at first, and dropped if
            they turn out to be unreachable. This saves calls of the model.
    """
    walk = _Walk(model, roots)
    if guess is not None:
        walk.add(guess, np.zeros(len(guess), np.bool_))
    while walk.done < min(walk.size, max_states):
        walk.expand(min(walk.size, max_states))
    return walk.finish(len(np.unique(state_keys(roots, np.zeros(len(roots), np.bool_)))), channels)


def state_keys(states: Longs, ended: Bools) -> Longs:
    """int64 `[n]`: a hash of each state (see `hashed`); a terminal state differs from a live one that looks alike."""
    return hashed([ended.astype(np.int64), *states.T], len(states))


class _Walk:
    """The enumeration under way: states in order of discovery, and the outcomes of those expanded (`done`)."""

    def __init__(self, model: RulesModel, roots: Longs) -> None:
        self.model = model
        self.states = np.zeros((0, roots.shape[1]), np.int64)
        self.ended = np.zeros(0, np.bool_)
        self.keys = np.zeros(0, np.int64)
        self.sorted = np.zeros(0, np.int64)
        self.done = self.size = 0
        self.parts: list[tuple[Longs, Longs, PredictedOutcomes]] = []
        self.add(roots, np.zeros(len(roots), np.bool_))

    def add(self, states: Longs, ended: Bools) -> Longs:
        """int64 `[n]`: the numbers of states; new states are numbered in the order in which they are given."""
        keys = state_keys(states, ended)
        unique, first, back = np.unique(keys, return_index=True, return_inverse=True)
        at = np.minimum(np.searchsorted(self.keys, unique), max(self.size - 1, 0))
        number = np.where(self.keys[at] == unique, self.sorted[at], -1) if self.size else np.full(unique.size, -1)
        fresh = np.flatnonzero(number < 0)
        if fresh.size:
            # `unique` sorts by hash; numbers follow the order of discovery, so that roots come first.
            fresh = fresh[np.argsort(first[fresh], kind="stable")]
            number[fresh] = self.size + np.arange(fresh.size)
            self.states = np.concatenate([self.states, states[first[fresh]]])
            self.ended = np.concatenate([self.ended, ended[first[fresh]]])
            keys, numbers = np.concatenate([self.keys, unique[fresh]]), np.concatenate([self.sorted, number[fresh]])
            order = np.argsort(keys, kind="stable")
            self.keys, self.sorted = keys[order], numbers[order]
            self.size += fresh.size
        return number[back]

    def expand(self, up_to: int) -> None:
        """Expands the states from `done` to `up_to`, in one batch of the model."""
        rows = np.arange(self.done, up_to)
        available = self.model.masks[self.states[rows, -1]] & ~self.ended[rows, None]
        row, action = np.nonzero(available)
        self.done = up_to
        if row.size:
            predicted = self.model.predict(self.states[rows[row]], action)
            next_state = self.add(predicted.state, predicted.ended)
            self.parts.append((rows[row] * self.model.n_actions + action, next_state, predicted))

    def finish(self, n_roots: int, channels: tuple[str, ...]) -> ImaginedMDP:
        """The MDP of the states reachable from the roots."""
        n_actions = self.model.n_actions
        pairs = np.concatenate([pair for pair, _, _ in self.parts])
        sizes = np.cumsum([0, *(pair.size for pair, _, _ in self.parts[:-1])])
        tick = np.concatenate([part[2].tick + begin for part, begin in zip(self.parts, sizes, strict=True)])
        next_state = np.concatenate([next_state for _, next_state, _ in self.parts])
        chance = np.concatenate([predicted.probability for _, _, predicted in self.parts])
        rewards = np.concatenate([predicted.rewards for _, _, predicted in self.parts])
        tried = np.concatenate([predicted.tried for _, _, predicted in self.parts])
        row = pairs[tick]
        # A guessed state that no root leads to is left out, and the numbers of the rest close up.
        reached = _reached(row // n_actions, next_state, self.size, n_roots)
        number = np.cumsum(reached) - 1
        kept = reached[row // n_actions]
        row, next_state = row[kept], next_state[kept]
        row = number[row // n_actions] * n_actions + row % n_actions
        n_states = int(reached.sum())
        counts = np.bincount(row, minlength=n_states * n_actions)
        least = np.zeros(n_states * n_actions, np.int64)
        least[row] = tried[kept]
        ended = self.ended[reached]
        closed = counts.reshape(n_states, n_actions).sum(axis=1) == 0
        alive = reached[self.sorted] & ~self.ended[self.sorted]
        mdp = FiniteMDP(
            n_states=n_states,
            n_actions=n_actions,
            row_start=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
            next_state=number[next_state].astype(np.int32),
            probability=chance[kept],
            rewards=rewards[kept],
            events=np.zeros(row.size, np.uint64),
            ended=closed,
            start_state=np.arange(n_roots, dtype=np.int32),
            start_probability=np.full(n_roots, 1.0 / n_roots),
            channels=channels,
            event_names=(),
            action_names=tuple(str(action) for action in range(n_actions)),
        )
        return ImaginedMDP(
            self.states[reached],
            ended,
            mdp,
            least.reshape(n_states, n_actions),
            bool((closed & ~ended).any()),
            self.keys[alive],
            number[self.sorted[alive]],
        )


def _reached(origin: Longs, target: Longs, size: int, n_roots: int) -> Bools:
    """bool `[size]`: which states are reachable from the first `n_roots`; `origin` is sorted."""
    first = np.searchsorted(origin, np.arange(size + 1))
    reached = np.zeros(size, np.bool_)
    reached[:n_roots] = True
    front = np.arange(n_roots)
    while front.size:
        counts = first[front + 1] - first[front]
        places = np.repeat(first[front] - np.cumsum(counts) + counts, counts) + np.arange(counts.sum())
        front = np.unique(target[places])
        front = front[~reached[front]]
        reached[front] = True
    return reached
