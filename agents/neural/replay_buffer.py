"""The replay buffer of a neural world model."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ...envs.base import Bools, Floats, Ints, Longs
from .encoding import ObservationEncoding
from .network import MAX_PAYS

_COLUMNS: Final = ("now", "after", "action", "pays", "ended")


class ReplayBuffer:
    """All ticks ever seen; none is discarded. A state is an observation with one column per action: is it available?

    Attributes:
        n: number of ticks.
        tries: how often each pair was tried, by `pair_key`.
        pay_values: float64 `[K, P]`, the distinct rewards seen per channel; pay_count: int64 `[K]`, how many.
        contradictions: ticks whose pair led to another outcome than at its first try: the world is stochastic.
    """

    def __init__(self, encoding: ObservationEncoding, channels: int) -> None:
        self.encoding = encoding
        self.n = self.contradictions = 0
        self.tries: dict[bytes, int] = {}
        self.pay_values: Floats = np.zeros((channels, MAX_PAYS))
        self.pay_count: Longs = np.zeros(channels, np.int64)
        self.starts: dict[bytes, int] = {}
        self._first: dict[bytes, bytes] = {}
        self._now: Ints = np.zeros((64, encoding.sizes.size), np.int32)
        self._after: Ints = np.zeros((64, encoding.sizes.size), np.int32)
        self._action: Longs = np.zeros(64, np.int64)
        self._pays: Ints = np.zeros((64, channels), np.int32)
        self._ended: Bools = np.zeros(64, np.bool_)
        self._inputs: npt.NDArray[np.uint8] = np.zeros((64, encoding.width), np.uint8)

    def state(self, observation: Longs, mask: Bools) -> Longs:
        """int64 `[F]`: the state of an observation and its mask of available actions."""
        return np.concatenate([observation, mask]).astype(np.int64)

    def begin(self, state: Longs) -> None:
        """Counts an initial state of an episode."""
        key = state.tobytes()
        self.starts[key] = self.starts.get(key, 0) + 1

    def start_states(self) -> tuple[Longs, Floats]:
        """The initial states int64 `[S0, F]` of episodes, and their empirical probabilities."""
        rows = np.array([np.frombuffer(key, np.int64) for key in self.starts], np.int64)
        counts = np.array(list(self.starts.values()), np.float64)
        return rows.reshape(-1, self.encoding.sizes.size), counts / max(1.0, counts.sum())

    def record(self, state: Longs, action: int, after: Longs, rewards: Floats | None, ended: bool) -> None:
        """Keeps one tick; `rewards` float64 `[K]` are None where they are withheld."""
        if self.n == len(self._action):  # capacity doubles, so recording is O(1) amortised
            for name in (*(f"_{column}" for column in _COLUMNS), "_inputs"):
                old = getattr(self, name)
                setattr(self, name, np.concatenate([old, np.zeros_like(old)]))
        n = self.n
        self._now[n], self._after[n], self._action[n], self._ended[n] = state, after, action, ended
        self._pays[n] = -1 if rewards is None else [self._pay(k, float(pay)) for k, pay in enumerate(rewards)]
        # Encoded once and kept as bytes: ticks of earlier stages were seen on other maps.
        self._inputs[n] = self.encoding.encode(state[None])[0]
        self._count(n)
        self.n += 1

    def _count(self, n: int) -> None:
        key = pair_key(self._now[n], int(self._action[n]))
        self.tries[key] = self.tries.get(key, 0) + 1
        came = self._after[n].tobytes() + self._ended[n].tobytes()
        self.contradictions += self._first.setdefault(key, came) != came

    def _pay(self, channel: int, pay: float) -> int:
        count = int(self.pay_count[channel])
        known = self.pay_values[channel, :count]
        near = int(np.abs(known - pay).argmin()) if count else -1
        if near >= 0 and (abs(known[near] - pay) < 1e-9 or count == MAX_PAYS):
            return near
        self.pay_values[channel, count] = pay
        self.pay_count[channel] += 1
        return count

    def inputs(self, index: Longs) -> npt.NDArray[np.float32]:
        """float32 `[..., I]`: the encoded inputs of these ticks."""
        return self._inputs[index].astype(np.float32)

    @property
    def now(self) -> Longs:
        """int64 `[n, F]`, before each tick."""
        return self._now[: self.n].astype(np.int64)

    @property
    def after(self) -> Longs:
        """int64 `[n, F]`, after each tick."""
        return self._after[: self.n].astype(np.int64)

    @property
    def action(self) -> Longs:
        """int64 `[n]`."""
        return self._action[: self.n]

    @property
    def pays(self) -> Ints:
        """int32 `[n, K]`, the index of the reward among `pay_values`; -1 where it was withheld."""
        return self._pays[: self.n]

    @property
    def ended(self) -> Bools:
        """bool `[n]`."""
        return self._ended[: self.n]

    # Keeping

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Everything, as plain arrays."""
        keys = b"".join(self.starts)
        return {
            **{column: np.ascontiguousarray(getattr(self, f"_{column}")[: self.n]) for column in _COLUMNS},
            "inputs": np.packbits(self._inputs[: self.n], axis=1),  # of the stage that they were seen in
            "pay_values": self.pay_values,
            "pay_count": self.pay_count,
            "starts": np.frombuffer(keys, np.int64).reshape(-1, self.encoding.sizes.size).copy(),
            "start_counts": np.array(list(self.starts.values()), np.int64),
        }

    @classmethod
    def from_arrays(cls, encoding: ObservationEncoding, data: dict[str, npt.NDArray[Any]]) -> ReplayBuffer:
        """The replay that `arrays` described."""
        replay = cls(encoding, len(data["pay_count"]))
        replay.n = len(data["action"])
        for column in _COLUMNS:
            setattr(replay, f"_{column}", data[column].copy())
        replay.pay_values, replay.pay_count = data["pay_values"].copy(), data["pay_count"].copy()
        starts, counts = np.ascontiguousarray(data["starts"]), data["start_counts"].tolist()
        replay.starts = {row.tobytes(): count for row, count in zip(starts, counts, strict=True)}
        replay._inputs = np.unpackbits(data["inputs"], axis=1, count=encoding.width)
        for n in range(replay.n):
            replay._count(n)
        return replay


def pair_key(state: npt.NDArray[np.integer], action: int) -> bytes:
    """A state `[F]` and an action as a dictionary key."""
    return state.astype(np.int32).tobytes() + bytes([action])
