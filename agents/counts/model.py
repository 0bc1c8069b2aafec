"""A world model of Dirichlet counts over whole observed states: no assumption, exact in the limit.

Counts start at nothing: planning uses the observed frequencies of the outcomes seen so far. Only the log-loss, which
must price an outcome never seen, gives the unseen one the weight of one try.
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
    """How much a counts model knows, and how well it predicted each tick before learning from it.

    Attributes:
        states: states seen, ended ones counted.
        known_pairs: (state, action) pairs tried at least once.
        chance_pairs: pairs that have shown two outcomes or more.
        steps: ticks learned from.
        predicted: how many of these took a pair that had been tried before.
        hit_rate: share of the predicted ticks on which the most frequent outcome came; nan without any.
        log_loss: mean nats per predicted tick; nan without any.
    """

    states: int
    known_pairs: int
    chance_pairs: int
    steps: int
    predicted: int
    hit_rate: float
    log_loss: float


class CountsModel:
    """Counts N[s, a, s'] and what each outcome pays, learned from single transitions.

    A state is what is observed, and whether the episode ended there. Public arrays have spare rows: read
    `[:n_states]`.

    Attributes:
        n_states: S so far.
        available: bool `[S.., A]`; nothing in ended states.
        ended: bool `[S..]`.
        tries: int64 `[S.., A]`.
        outcomes: int32 `[S.., A]`, how many different outcomes were seen.
        follows: int64 `[S.., A]`, the next state where exactly one was seen, else -1.
        version: grows whenever a pair or an outcome is new.
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
        self._of_pair: dict[int, list[int]] = {}  # the one seen most often comes first
        self._pair: list[int] = []
        self._next: list[int] = []
        self._count: list[int] = []
        self._paid: list[int] = []  # how often the pay was shown
        self._pay: list[Floats] = []  # the sum of what was shown
        self._steps = self._hits = 0
        self._loss = 0.0

    # Learning

    def begin(self, observation: Longs, mask: Bools) -> int:
        """Notes the start of an episode and returns its state."""
        state = self.state(observation, False, mask)
        self._starts[state] = self._starts.get(state, 0) + 1
        return state

    def state(self, observation: Longs, ended: bool, mask: Bools) -> int:
        """The state that looks like this; a new one if none does."""
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
        """Predicts one tick, then learns from it.

        Args:
            state: where the tick began.
            action: what was executed.
            next_state: where it led.
            rewards: float64 `[K]`, or None where they are withheld; an outcome whose pay was never shown is taken to
                pay nothing.

        Returns:
            Whether the model now predicts anything else than before.
        """
        pair = state * self.n_actions + action
        slot = self._slots.get((pair, next_state))
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
            changed = changed or not np.array_equal(self._pay[slot], rewards * self._paid[slot])
            self._paid[slot] += 1
            self._pay[slot] += rewards
        return changed

    def forget_rewards(self) -> None:
        """No outcome's pay was ever shown."""
        self._paid = [0] * len(self._paid)
        self._pay = [np.zeros(self.n_channels) for _ in self._pay]

    # Reading

    def find(self, observation: Longs) -> int:
        """The state, not ended, that looks like `observation` `[O]`; -1 where there is none."""
        return self._ids.get((observation_key(observation), False), -1)

    def observations(self) -> Longs:
        """int64 `[S, O]`."""
        return np.array(self._observations, np.int64).reshape(self.n_states, -1)

    @property
    def chance_share(self) -> float:
        """Of the pairs tried more than once, the share that has shown more than one outcome."""
        return self._chance_pairs / max(1, self._retried_pairs)

    def starts(self) -> tuple[Longs, Floats]:
        """The start states `[S0]` and how often, as shares `[S0]`, episodes began there."""
        counts = np.array(list(self._starts.values()), np.float64)
        return np.array(list(self._starts), np.int64), counts / max(1.0, counts.sum())

    def shares(self, state: int, action: int) -> list[tuple[int, float]]:
        """The next states seen after a pair, each with its frequency."""
        slots = self._of_pair.get(state * self.n_actions + action, [])
        tries = int(self.tries[state, action])
        return [(self._next[slot], self._count[slot] / tries) for slot in slots]

    def chances(self) -> tuple[Longs, Longs, Floats]:
        """The outcomes of pairs that have shown several: pair, next state and frequency, each `[M']`."""
        if not self._chance_pairs:
            return np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0)
        pair, next_state = np.array(self._pair, np.int64), np.array(self._next, np.int64)
        several = self.outcomes[: self.n_states].reshape(-1)[pair] > 1
        pair, next_state = pair[several], next_state[several]
        tries = self.tries[: self.n_states].reshape(-1)[pair]
        return pair, next_state, np.array(self._count, np.float64)[several] / tries

    def to_mdp(self, channels: tuple[str, ...]) -> FiniteMDP:
        """The model as a finite process of what was seen. A state where nothing was tried yet counts as ended."""
        pair = np.array(self._pair, np.int64)
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
        """What the model knows by now."""
        known = int((self.tries[: self.n_states] > 0).sum())
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
        """Everything learned, as plain arrays."""
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
        """The model that `arrays` described."""
        model = cls(data["available"].shape[1], data["pay"].shape[1])
        for observation, ended, mask in zip(data["observations"], data["ended"], data["available"], strict=True):
            model.state(observation, bool(ended), mask)
        model._starts = dict(zip(data["start_state"].tolist(), data["start_count"].tolist(), strict=True))
        for pair, next_state in zip(data["pair"].tolist(), data["next"].tolist(), strict=True):
            model._add_outcome(pair // model.n_actions, pair % model.n_actions, next_state)
        np.add.at(model.tries.reshape(-1), data["pair"], data["count"])
        model._count, model._paid = data["count"].tolist(), data["paid"].tolist()
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
        self._steps += 1
        if tries:
            self._hits += slot == self._of_pair[pair][0]
            self._loss -= math.log((1 if slot is None else self._count[slot]) / (tries + 1))

    def _make_room(self) -> None:
        for name, empty in (("available", 0), ("ended", 0), ("tries", 0), ("outcomes", 0), ("follows", -1)):
            old = getattr(self, name)
            setattr(self, name, np.concatenate([old, np.full_like(old, empty)]))
