"""A world model of transition counts over whole observations.

It assumes no structure, and converges to the true model if observations determine the state. Planning uses observed
frequencies (maximum likelihood), without a prior. Only the log-loss, which must give an outcome that was never seen a
probability, treats all unseen outcomes together as if they had been seen once.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ...envs.base import Bools, FiniteMDP, Floats, Ints, Longs
from ..records.plan_from_mdp import observation_key


@dataclass(frozen=True)
class ModelReport:
    """How much a counts model knows, and how well it predicted each tick before it learned from it.

    Attributes:
        states: how many states it has seen, including ended ones.
        known_pairs: how many (state, action) pairs were tried at least once.
        chance_pairs: how many pairs have shown two outcomes or more.
        steps: how many ticks it learned from.
        predicted: how many of these were of a pair that had been tried before.
        hit_rate: the share of the predicted ticks on which the most frequent outcome so far came; nan without any.
        log_loss: mean negative log-likelihood per predicted tick, in nats; nan without any.
    """

    states: int
    known_pairs: int
    chance_pairs: int
    steps: int
    predicted: int
    hit_rate: float
    log_loss: float


class CountsModel:
    """Counts N[s, a, s'] and mean rewards of each outcome, learned from single transitions.

    A state is an observation together with whether the episode ended there. An outcome is a triple (s, a, s') that has
    occurred. Public arrays have spare rows at the end: read `[:n_states]`.

    Attributes:
        n_states: S, the number of states so far.
        available: bool `[S.., A]`, the available actions; none in ended states.
        ended: bool `[S..]`.
        tries: int64 `[S.., A]`, how often each pair was tried.
        outcomes: int32 `[S.., A]`, how many different outcomes each pair has shown.
        follows: int64 `[S.., A]`, the next state of a pair with exactly one outcome so far, else -1.
        version: grows with every new outcome (and so with every new pair).
    """

    def __init__(self, n_actions: int, n_channels: int) -> None:
        self.n_actions = n_actions
        self.n_channels = n_channels
        self.n_states = 0
        self.version = 0
        self._ids: dict[tuple[bytes, bool], int] = {}
        self._observations: list[Longs] = []
        self.available: Bools = np.zeros((64, n_actions), np.bool_)
        self.ended: Bools = np.zeros(64, np.bool_)
        self.tries: Longs = np.zeros((64, n_actions), np.int64)
        self.outcomes: Ints = np.zeros((64, n_actions), np.int32)
        self.follows: Longs = np.full((64, n_actions), -1, np.int64)
        self._starts: dict[int, int] = {}
        self._chance_pairs = self._retried_pairs = 0
        # Outcomes, in the order in which they were first seen.
        self._slots: dict[tuple[int, int], int] = {}
        self._of_pair: dict[int, list[int]] = {}  # the outcomes of each pair; the most frequent comes first
        self._pair: list[int] = []
        self._next: list[int] = []
        self._count: list[int] = []
        self._paid: list[int] = []  # how often its rewards were shown
        self._pay: list[Floats] = []  # the sum of the rewards shown
        self._steps = self._hits = 0
        self._loss = 0.0

    # Learning

    def begin(self, observation: Longs, mask: Bools) -> int:
        """Counts the start of an episode; returns the number of its state."""
        state = self.state(observation, False, mask)
        self._starts[state] = self._starts.get(state, 0) + 1
        return state

    def state(self, observation: Longs, ended: bool, mask: Bools) -> int:
        """The number of a state, added if it is new; a known state keeps the mask with which it was added."""
        key = (observation_key(observation), ended)
        state = self._ids.get(key)
        if state is None:
            state = self.n_states
            if state == len(self.ended):
                self._make_room()
            self._ids[key] = state
            self._observations.append(np.array(observation, np.int64))
            self.ended[state] = ended
            self.available[state] = mask & (not ended)
            self.n_states += 1
        return state

    def record(self, state: int, action: int, next_state: int, rewards: Floats | None) -> bool:
        """Scores the model's prediction of one tick, then learns from the tick.

        Args:
            state: the state before it.
            action: the action that was executed.
            next_state: the state after it.
            rewards: float64 `[K]`, or None where they are withheld; an outcome whose rewards were never shown counts
                as paying 0.

        Returns:
            Whether any prediction of the model has changed.
        """
        pair = state * self.n_actions + action
        slot = self._slots.get((pair, next_state))
        # Another try of a pair's only outcome leaves its frequency at 1; with several outcomes all frequencies move.
        changed = slot is None or int(self.outcomes[state, action]) > 1
        tries = int(self.tries[state, action])
        self._score(pair, tries, slot)
        self.tries[state, action] = tries + 1
        self._retried_pairs += tries == 1
        if slot is None:
            slot = self._add_outcome(state, action, next_state)
        self._count[slot] += 1
        slots = self._of_pair[pair]
        if self._count[slot] > self._count[slots[0]]:
            slots.remove(slot)
            slots.insert(0, slot)
        if rewards is not None:
            # The mean stays the same exactly if the new rewards equal it; compared as sums, without a division.
            changed = changed or not np.array_equal(self._pay[slot], rewards * self._paid[slot])
            self._paid[slot] += 1
            self._pay[slot] += rewards
        return changed

    def forget_rewards(self) -> None:
        """Forgets all rewards, as if those of no outcome had ever been shown."""
        self._paid = [0] * len(self._paid)
        self._pay = [np.zeros(self.n_channels) for _ in self._pay]

    # Reading

    def find(self, observation: Longs) -> int:
        """The number of the state, not ended, with the observation `[O]`; -1 where there is none."""
        return self._ids.get((observation_key(observation), False), -1)

    def observations(self) -> Longs:
        """int64 `[S, O]`, the observation in each state."""
        return np.array(self._observations, np.int64).reshape(self.n_states, -1)

    @property
    def chance_share(self) -> float:
        """The share of pairs with more than one outcome among the pairs that were tried more than once."""
        return self._chance_pairs / max(1, self._retried_pairs)

    def starts(self) -> tuple[Longs, Floats]:
        """The start states, int64 `[S0]`, and the share of episodes that began in each, float64 `[S0]`."""
        counts = np.array(list(self._starts.values()), np.float64)
        return np.array(list(self._starts), np.int64), counts / max(1.0, counts.sum())

    def shares(self, state: int, action: int) -> list[tuple[int, float]]:
        """The next states seen after a pair, each with its relative frequency."""
        slots = self._of_pair.get(state * self.n_actions + action, [])
        tries = int(self.tries[state, action])
        return [(self._next[slot], self._count[slot] / tries) for slot in slots]

    def chances(self) -> tuple[Longs, Longs, Floats]:
        """The M' outcomes of pairs that have shown more than one.

        Returns:
            The pair `state * A + action`, the next state, and its relative frequency, each `[M']`.
        """
        if not self._chance_pairs:
            return np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0)
        pair, next_state = np.array(self._pair, np.int64), np.array(self._next, np.int64)
        several = self.outcomes[: self.n_states].reshape(-1)[pair] > 1
        pair, next_state = pair[several], next_state[several]
        tries = self.tries[: self.n_states].reshape(-1)[pair]
        return pair, next_state, np.array(self._count, np.float64)[several] / tries

    def to_mdp(self, channels: tuple[str, ...]) -> FiniteMDP:
        """The model as a finite MDP of relative frequencies and mean rewards.

        Actions that were not tried are not available in it, and a state where none was tried counts as ended, so that
        plans do not build on anything unknown.
        """
        pair = np.array(self._pair, np.int64)
        # A stable sort into rows: outcomes of a pair stay in the order in which they were first seen, so that sums over
        # them, and ties, come out the same after saving and loading.
        order = np.argsort(pair, kind="stable")
        rows = self.n_states * self.n_actions
        tries = self.tries[: self.n_states]
        paid = np.maximum(1, np.array(self._paid, np.float64))
        pay = np.array(self._pay, np.float64).reshape(-1, self.n_channels) / paid[:, None]
        start_state, start_probability = self.starts()
        return FiniteMDP(
            n_states=self.n_states,
            n_actions=self.n_actions,
            row_start=np.concatenate([[0], np.cumsum(np.bincount(pair, minlength=rows))]).astype(np.int64),
            next_state=np.array(self._next, np.int32)[order],
            probability=(np.array(self._count, np.float64) / tries.reshape(-1)[pair])[order],
            rewards=pay[order],
            events=np.zeros(pair.size, np.uint64),
            ended=tries.sum(axis=1) == 0,
            start_state=start_state.astype(np.int32),
            start_probability=start_probability,
            channels=channels,
            event_names=(),
            action_names=tuple(str(action) for action in range(self.n_actions)),
        )

    def report(self) -> ModelReport:
        """How much the model knows, and how well it has predicted so far."""
        known = int((self.tries[: self.n_states] > 0).sum())
        # The first try of each pair is the one that could not be predicted.
        predicted = self._steps - known
        return ModelReport(
            states=self.n_states,
            known_pairs=known,
            chance_pairs=self._chance_pairs,
            steps=self._steps,
            predicted=predicted,
            hit_rate=self._hits / predicted if predicted else math.nan,
            log_loss=self._loss / predicted if predicted else math.nan,
        )

    # Keeping

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Everything learned, as plain arrays for a checkpoint; outcomes in the order in which they were first seen."""
        return {
            "observations": self.observations(),
            "ended": self.ended[: self.n_states],
            "available": self.available[: self.n_states],
            "start_state": np.array(list(self._starts), np.int64),
            "start_count": np.array(list(self._starts.values()), np.int64),
            "pair": np.array(self._pair, np.int64),
            "next": np.array(self._next, np.int64),
            "count": np.array(self._count, np.int64),
            "most": np.array([slots[0] for slots in self._of_pair.values()], np.int64),
            "paid": np.array(self._paid, np.int64),
            "pay": np.array(self._pay, np.float64).reshape(-1, self.n_channels),
            "scores": np.array([self._steps, self._hits, self._loss], np.float64),
        }

    @classmethod
    def from_arrays(cls, data: dict[str, npt.NDArray[Any]]) -> CountsModel:
        """Restores a model from what `arrays` returned.

        Raises:
            ValueError: an array has another shape than the others ask for, or an index or a number is out of range.
        """
        _check_arrays(data)
        model = cls(data["available"].shape[1], data["pay"].shape[1])
        for observation, ended, mask in zip(data["observations"], data["ended"], data["available"], strict=True):
            model.state(observation, bool(ended), mask)
        model._starts = dict(zip(data["start_state"].tolist(), data["start_count"].tolist(), strict=True))
        for pair, next_state in zip(data["pair"].tolist(), data["next"].tolist(), strict=True):
            model._add_outcome(pair // model.n_actions, pair % model.n_actions, next_state)
        np.add.at(model.tries.reshape(-1), data["pair"], data["count"])
        model._count, model._paid = data["count"].tolist(), data["paid"].tolist()
        # Which outcome counts as the most frequent depends on history where counts are equal, so it is stored.
        for slot in data["most"].tolist():
            slots = model._of_pair[model._pair[slot]]
            slots.remove(slot)
            slots.insert(0, slot)
        model._pay = list(data["pay"].copy())
        model._retried_pairs = int((model.tries > 1).sum())
        model._steps, model._hits = int(data["scores"][0]), int(data["scores"][1])
        model._loss = float(data["scores"][2])
        return model

    def _add_outcome(self, state: int, action: int, next_state: int) -> int:
        """Adds an outcome without counting it; returns its slot in the lists of outcomes."""
        pair, slot = state * self.n_actions + action, len(self._pair)
        self._slots[pair, next_state] = slot
        self._of_pair.setdefault(pair, []).append(slot)
        self._pair.append(pair)
        self._next.append(next_state)
        self._count.append(0)
        self._paid.append(0)
        self._pay.append(np.zeros(self.n_channels))
        seen = int(self.outcomes[state, action])
        self.outcomes[state, action] = seen + 1
        self.follows[state, action] = next_state if seen == 0 else -1
        self._chance_pairs += seen == 1
        self.version += 1
        return slot

    def _score(self, pair: int, tries: int, slot: int | None) -> None:
        """Adds a tick to the hit rate and the log-loss; the first try of a pair only counts as a step."""
        self._steps += 1
        if tries:
            self._hits += slot == self._of_pair[pair][0]
            self._loss -= math.log((1 if slot is None else self._count[slot]) / (tries + 1))

    def _make_room(self) -> None:
        # Doubled, so that adding n states copies O(n) rows in total.
        for name, empty in (("available", 0), ("ended", 0), ("tries", 0), ("outcomes", 0), ("follows", -1)):
            old = getattr(self, name)
            setattr(self, name, np.concatenate([old, np.full_like(old, empty)]))


def _check_arrays(data: dict[str, npt.NDArray[Any]]) -> None:
    """Check the arrays of a checkpoint against each other, before anything is made of them.

    Raises:
        ValueError: the message names the array.
    """
    states, actions = data["available"].shape
    outcomes, starts = len(data["pair"]), len(data["start_state"])
    shapes = {
        "ended": (states,), "start_count": (starts,), "start_state": (starts,), "pair": (outcomes,),
        "next": (outcomes,), "count": (outcomes,), "paid": (outcomes,), "pay": (outcomes, data["pay"].shape[1]),
        "scores": (3,),
    }  # fmt: skip
    for name, shape in shapes.items():
        if data[name].shape != shape:
            raise ValueError(f"{name}: shape {list(data[name].shape)}, expected {list(shape)}")
    if data["observations"].ndim != 2 or len(data["observations"]) != states or len(data["most"]) > outcomes:
        raise ValueError("observations or most: not as many as there are states or outcomes")
    bounds = {"start_state": states, "pair": states * actions, "next": states, "most": outcomes}
    for name in ("start_state", "start_count", "pair", "next", "count", "paid", "most", "observations"):
        its = data[name]
        if its.dtype != np.int64 or (name != "observations" and its.size and its.min() < 0):
            raise ValueError(f"{name}: not whole numbers from 0 up")
        if name in bounds and its.size and its.max() >= bounds[name]:
            raise ValueError(f"{name}: an index of {its.max()}, where there are {bounds[name]}")
    for name in ("pay", "scores"):
        if not np.isfinite(data[name].astype(np.float64)).all():
            raise ValueError(f"{name}: a number that is not finite")
