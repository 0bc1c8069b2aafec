"""The replay buffer: the latest transitions in the order in which they came, as tensors on the networks' device."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ...envs.base import Floats, Longs
from ..neural.network import MAX_PAYS

TRIES: Final = 1 << 20
"""Places in which pairs of state and action are counted."""
SIFTED: Final = 4
"""Of so many states one is kept to imagine from."""
SAME: Final = 1e-9
"""Rewards that differ by less than this are one."""


class ReplayedTransitions(NamedTuple):
    """Some transitions.

    Attributes:
        state: int64 `[..., F]`; action: int64 `[...]`; next_state: int64 `[..., F]`; ended: bool `[...]`.
        chance: float32 `[...]`, the probability with which the action was chosen.
        paid: int64 `[..., K]`, indices into `TransitionBuffer.pays`; -1 where the reward was withheld.
        last: bool `[...]`, the episode was over or cut off after it.
    """

    state: Tensor
    action: Tensor
    chance: Tensor
    paid: Tensor
    next_state: Tensor
    ended: Tensor
    last: Tensor


class TransitionBuffer:
    """A ring of transitions.

    Attributes:
        n: how many are kept; seen: how many there ever were.
        pays: float64 `[K, P]`, the distinct rewards seen of each channel; pay_count: how many, per channel.
        tries: int64 `[TRIES]`, how often pairs of state and action came, by hash.
        contradictions: how often the same state and action led elsewhere than before: the world has chance.
    """

    def __init__(self, columns: int, actions: int, channels: int, capacity: int, device: torch.device) -> None:
        self.capacity, self.device = capacity, device
        self.seen = self.contradictions = 0
        self.pays = torch.zeros(channels, MAX_PAYS, dtype=torch.float64, device=device)
        self.pay_count = [0] * channels
        self._led: dict[int, int] = {}
        self._indices: dict[tuple[int, float], int] = {}
        self._actions = actions
        # Drawn: with regular ones, a body that goes one cell on and another that goes two back would make the same key.
        drawn = np.random.default_rng(columns).integers(-(1 << 62), 1 << 62, columns + channels + 1)
        self._odd = torch.as_tensor(2 * drawn + 1, device=device)
        self.tries = torch.zeros(TRIES, dtype=torch.int64, device=device)
        room = min(capacity, 1024)
        self._data = {
            "state": torch.zeros(room, columns, dtype=torch.int32, device=device),
            "action": torch.zeros(room, dtype=torch.int64, device=device),
            "chance": torch.ones(room, device=device),
            "paid": torch.full((room, channels), -1, dtype=torch.int64, device=device),
            "next_state": torch.zeros(room, columns, dtype=torch.int32, device=device),
            "ended": torch.zeros(room, dtype=torch.bool, device=device),
            "last": torch.zeros(room, dtype=torch.bool, device=device),
        }

    @property
    def n(self) -> int:
        """How many transitions are kept."""
        return min(self.seen, self.capacity)

    def record(
        self, state: Any, action: int, chance: float, rewards: Floats | None, next_state: Any, ended: bool, last: bool
    ) -> None:
        """Keeps one transition of states int64 `[F]` as NumPy arrays; the oldest one goes where the ring is full."""
        self.record_all(
            state[None], np.array([action]), np.array([chance]), [rewards], next_state[None], [ended], [last]
        )

    def record_all(
        self,
        states: Longs,
        actions: Longs,
        chances: Floats,
        rewards: Sequence[Floats | None],
        next_states: Longs,
        ended: Sequence[bool],
        last: Sequence[bool],
    ) -> None:
        """Keeps n transitions, at most as many as there is room for, as `record` one by one would.

        Args:
            states: int64 `[n, F]`.
            actions: `[n]`.
            chances: `[n]`, the probabilities with which the actions were chosen.
            rewards: float64 `[K]` each, or None where they were withheld.
            next_states: int64 `[n, F]`.
            ended: for each, a rule ended the episode.
            last: for each, the episode was over or cut off.
        """
        n, data = len(actions), self._data
        while self.seen + n > len(data["action"]) and len(data["action"]) < self.capacity:
            more = min(self.capacity, 2 * len(data["action"])) - len(data["action"])
            for name, old in data.items():
                data[name] = torch.cat([old, old.new_zeros((more, *old.shape[1:]))])
        at = torch.arange(self.seen, self.seen + n, device=self.device) % self.capacity
        before, done = torch.as_tensor(states, device=self.device), torch.as_tensor(actions, device=self.device)
        channels = range(len(self.pay_count))
        paid = [[-1 if row is None else self._pay(k, float(row[k])) for k in channels] for row in rewards]
        new = {
            "state": before, "action": done, "chance": torch.as_tensor(chances), "paid": torch.tensor(paid),
            "next_state": torch.as_tensor(next_states), "ended": torch.tensor(ended), "last": torch.tensor(last),
        }  # fmt: skip
        for name, values in new.items():
            data[name][at] = values.to(self.device, data[name].dtype)
        self.seen += n
        places = self._places(before)[torch.arange(n, device=self.device), done]
        self.tries.index_put_((places,), torch.ones_like(places), accumulate=True)
        for state, action, after, over in zip(states, actions.tolist(), next_states, ended, strict=True):
            key, led = _key(state, action), _key(after, over)
            self.contradictions += self._led.setdefault(key, led) != led

    def _pay(self, channel: int, pay: float) -> int:
        """The index of a reward of a channel among `pays`."""
        found = self._indices.get((channel, pay))
        if found is None:
            found = self._indices[channel, pay] = self._new_pay(channel, pay)
        return found

    def _new_pay(self, channel: int, pay: float) -> int:
        count = self.pay_count[channel]
        known = (self.pays[channel, :count] - pay).abs()
        near = int(known.argmin()) if count else -1
        if near >= 0 and (float(known[near]) < SAME or count == MAX_PAYS):
            return near
        self.pays[channel, count] = pay
        self.pay_count[channel] += 1
        return count

    def batch(self, index: Tensor) -> ReplayedTransitions:
        """The transitions of indices int64 `[...]`."""
        kept = {name: data[index] for name, data in self._data.items()}
        kept["state"], kept["next_state"] = kept["state"].long(), kept["next_state"].long()
        return ReplayedTransitions(**kept)

    def rewards(self, paid: Tensor) -> Tensor:
        """float32 `[..., K]`: the rewards of indices `[..., K]`; 0 where they were withheld."""
        channel = torch.arange(paid.shape[-1], device=self.device).expand(paid.shape)
        return (self.pays[channel, paid.clamp(min=0)] * (paid >= 0)).float()

    def largest_pay(self) -> Tensor:
        """float32 `[K]`: the largest reward that each channel was seen to pay, whatever its sign; 0 where none was."""
        seen = torch.arange(MAX_PAYS, device=self.device) < torch.tensor(self.pay_count, device=self.device)[:, None]
        return (self.pays.abs() * seen).max(dim=1).values.float()

    def segments(self, count: int, length: int, stride: int, generator: torch.Generator) -> Tensor:
        """int64 `[count, length]`: indices of transitions that are `stride` apart, as those of one lane of so many."""
        first = torch.randint(self.n, (count,), generator=generator, device=self.device)
        return (first[:, None] + stride * torch.arange(length, device=self.device)) % self.n

    def keys(self, rows: Tensor) -> Tensor:
        """int64 `[...]`: of states int64 `[..., F]`, or of outcomes `[..., F + K + 1]`; equal where those are."""
        key = (rows * self._odd[: rows.shape[-1]]).sum(dim=-1)
        return (key ^ (key >> 29)) * 0x2545F4914F6CDD1D

    def drawn(self, count: int, generator: torch.Generator) -> Tensor:
        """int64 `[count]`: indices of transitions, in turn as often as they came, and by how seldom they did.

        In the second half the pairs of state and action are as likely as each other, as far as that makes none `SIFTED`
        times as likely as it came: where replay is nearly always the same corridor, the few that lie behind it would
        hardly be learned or imagined from. What a pair led to is drawn by its frequency in both.
        """
        index = torch.randint(self.n, ((1 + SIFTED) * count,), generator=generator, device=self.device)
        some = index[count:]
        places = self._places(self._data["state"][some].long())
        tries = self.tries[places.gather(1, self._data["action"][some, None])[:, 0]]
        rare = some[torch.multinomial(1 / tries.clamp(min=1), count, generator=generator)]
        return torch.where(torch.arange(count, device=self.device) % 2 == 0, index[:count], rare)

    def _places(self, states: Tensor) -> Tensor:
        """int64 `[n, A]`: where the tries of every action of states int64 `[n, F]` are counted."""
        key = self.keys(states)
        action = torch.arange(self._actions, device=states.device) * 0x9E3779B97F4A7C1
        return ((key[:, None] + action) >> 13) % TRIES

    def tried(self, states: Tensor) -> Tensor:
        """int64 `[n, A]`: how often every action was tried in states int64 `[n, F]`; more where keys collide."""
        return self.tries[self._places(states)]

    # Keeping

    def arrays(self) -> dict[str, Any]:
        """Everything as NumPy arrays."""
        data = {name: value[: self.n].cpu().numpy() for name, value in self._data.items()}
        led = np.array([list(self._led.keys()), list(self._led.values())], np.int64).reshape(2, -1)
        counts = np.array([self.seen, self.contradictions, *self.pay_count], np.int64)
        kept = self.tries.nonzero()[:, 0]
        data["tries"] = torch.stack([kept, self.tries[kept]]).cpu().numpy()
        return {**data, "pays": self.pays.cpu().numpy(), "counts": counts, "led": led}

    def restore(self, arrays: dict[str, Any]) -> None:
        """Restores what `arrays` returned."""
        counts = arrays["counts"].tolist()
        self.seen, self.contradictions, self.pay_count = counts[0], counts[1], counts[2:]
        self.pays = torch.as_tensor(arrays["pays"], device=self.device)
        self._indices.clear()
        place, count = torch.as_tensor(arrays["tries"], device=self.device)
        self.tries.zero_()[place] = count
        keys, led = arrays["led"].tolist()
        self._led = dict(zip(keys, led, strict=True))
        room = max(len(arrays["action"]), 1)
        for name, old in self._data.items():
            kept = torch.as_tensor(arrays[name], dtype=old.dtype, device=self.device)
            self._data[name] = kept if len(kept) else old[:room].clone()


def _key(state: npt.NDArray[np.int64], more: int) -> int:
    """A state `[F]` and a number as one of 64 bits: the same in every process, unlike Python's own `hash` of bytes."""
    return int.from_bytes(blake2b(state.tobytes() + bytes([more]), digest_size=8).digest(), "little", signed=True)
