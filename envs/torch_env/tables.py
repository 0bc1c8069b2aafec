"""An enumerated world's tables as tensors: plain columns for planners, and packed records for stepping.

Letters as in `base`: S states, A joint actions, K channels, M outcomes. A row is a pair `s * A + a`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..base import Bits, FiniteMDP, Floats, Ints, Longs

BITS = 53
"""Of a draw: outcomes are told apart by whole numbers below 2**53, which no type of float rounds."""
_NEVER = 1 << 62
"""A threshold above every draw."""


@dataclass(frozen=True, eq=False)
class TorchTables:
    """A finite process as tensors on one device, each entry as in `FiniteMDP`.

    Attributes:
        available: bool `[S, A]`; ended: bool `[S]`.
        row: int64 `[M]`, the row of each outcome; next_state: int64 `[M]`.
        probability: `[M]`; rewards: `[M, K]`.
        start_state: int64 `[S0]`; start_probability: `[S0]`.
    """

    available: Tensor
    ended: Tensor
    row: Tensor
    next_state: Tensor
    probability: Tensor
    rewards: Tensor
    start_state: Tensor
    start_probability: Tensor


def tensors_of(mdp: FiniteMDP, device: str | torch.device = "cpu", dtype: torch.dtype = torch.float64) -> TorchTables:
    """The tables of a process on a device; `dtype` is of probabilities and rewards."""

    def whole(column: np.ndarray) -> Tensor:
        return torch.as_tensor(column.astype(np.int64), device=device)

    def real(column: Floats) -> Tensor:
        return torch.as_tensor(column, device=device).to(dtype)

    return TorchTables(
        available=torch.as_tensor(mdp.available, device=device),
        ended=torch.as_tensor(mdp.ended, device=device),
        row=whole(mdp.outcome_rows),
        next_state=whole(mdp.next_state),
        probability=real(mdp.probability),
        rewards=real(mdp.rewards),
        start_state=whole(mdp.start_state),
        start_probability=real(mdp.start_probability),
    )


@dataclass(frozen=True, eq=False)
class OutcomeRecords:
    """The outcomes of a process as packed records, laid out so that a lane's outcome is read with one gather.

    An outcome's record is int32 words: the next state (`-1 - s` if the episode is over there), the low half of the
    events, the numbers, the high half of the events if there are more than 32, and padding to a multiple of 16 bytes.
    A row of an ended state leads to that state and pays nothing, as in the reference. Where no row has more than one
    outcome, there is one record per row and no `first`.

    Attributes:
        words: complex128 `[n]` or `[n, R]`: 16 bytes are copied as one number, which is quicker than four.
        first, last: int32 `[S * A]`, of each row's outcomes, or None.
        threshold: int64 `[n]`, an outcome is passed over by a draw of at least this, or None.
        rounds: of the search for an outcome.
        n_numbers: how many numbers a record holds; n_events: how many events.
        dtype: of the numbers.
    """

    words: Tensor
    first: Tensor | None
    last: Tensor | None
    threshold: Tensor | None
    rounds: int
    n_numbers: int
    n_events: int
    dtype: torch.dtype

    def find(self, row: Tensor, draw: Tensor) -> Tensor:
        """The outcome that a draw falls on, by bisection: integers `[B]`, for rows `[B]` and draws int64 `[B]`."""
        if self.first is None or self.last is None or self.threshold is None:
            return row
        low = self.first.index_select(0, row)
        high = self.last.index_select(0, row) if self.rounds > 1 else low
        for _ in range(self.rounds - 1):
            middle = (low + high) >> 1
            beyond = draw >= self.threshold.index_select(0, middle)
            low, high = torch.where(beyond, middle + 1, low), torch.where(beyond, high, middle)
        return low + (draw >= self.threshold.index_select(0, low))  # at most two are left

    def numbered(self, row: Tensor, number: Tensor) -> Tensor:
        """The outcome with a number within its row: integers `[B]`."""
        return row if self.first is None else self.first.index_select(0, row) + number

    def read(self, outcome: Tensor) -> Tensor:
        """The records int32 `[B, words]` of outcomes `[B]`."""
        words = self.words.index_select(0, outcome)
        return torch.view_as_real(words).view(torch.int32).view(outcome.numel(), -1)

    def numbers(self, records: Tensor) -> Tensor:
        """The numbers `[B, n_numbers]` of records: a view."""
        size = self.dtype.itemsize // 4
        return records[:, 2 : 2 + size * self.n_numbers].view(self.dtype)

    def events(self, records: Tensor) -> Tensor:
        """int64 `[B]`, bit i for event i."""
        low = records[:, 1].to(torch.int64) & 0xFFFFFFFF
        if self.n_events <= 32:
            return low
        high = records[:, 2 + self.dtype.itemsize // 4 * self.n_numbers].to(torch.int64)
        return low | high << 32

    @property
    def bytes(self) -> int:
        """Of all its tensors."""
        tensors = (self.words, self.first, self.last, self.threshold)
        return sum(tensor.numel() * tensor.itemsize for tensor in tensors if tensor is not None)


def records_of(mdp: FiniteMDP, numbers: Floats, device: str | torch.device, dtype: torch.dtype) -> OutcomeRecords:
    """Pack a process; `numbers` float64 `[M, n]` are what each outcome pays."""
    over = np.flatnonzero(mdp.ended).astype(np.int32)
    next_state = np.where(mdp.ended[mdp.next_state], -1 - mdp.next_state, mdp.next_state)
    first, last = mdp.row_start[:-1].copy(), mdp.row_start[1:] - 1
    width = last - first + 1
    # Rows without outcomes belong to unavailable actions; unless `check` refuses those, they must read valid memory.
    first[width == 0], last[width == 0] = 0, 0
    first.reshape(mdp.n_states, -1)[over] = last.reshape(mdp.n_states, -1)[over] = (
        mdp.next_state.size + np.arange(over.size)[:, None]
    )
    words = _packed(
        np.concatenate([next_state, -1 - over]).astype(np.int32),
        np.concatenate([mdp.events, np.zeros(over.size, np.uint64)]),
        torch.as_tensor(np.concatenate([numbers, np.zeros((over.size, numbers.shape[1]))])).to(dtype),
        len(mdp.event_names),
    )
    shape = (numbers.shape[1], len(mdp.event_names), dtype)
    most = int(width.max())
    if most <= 1:
        return OutcomeRecords(words[torch.as_tensor(first)].to(device), None, None, None, 0, *shape)
    limit = np.concatenate([thresholds(mdp.row_start, mdp.probability), np.full(over.size, _NEVER)])
    return OutcomeRecords(
        words.to(device),
        torch.as_tensor(first.astype(np.int32), device=device),
        torch.as_tensor(last.astype(np.int32), device=device),
        torch.as_tensor(limit, device=device),
        (most - 1).bit_length(),
        *shape,
    )


def thresholds(row_start: Longs, probability: Floats) -> Longs:
    """int64 `[M]`: a draw below 2**53 falls on the first outcome of its row whose threshold is above it.

    It is the outcome that `world.randomness.categorical` gives for it; no draw passes a row's last possible outcome.
    """
    # Cumulative sums within each row: all rows of one width at once.
    out = np.full(probability.size, _NEVER)
    width = np.diff(row_start)
    for n in np.unique(width[width > 1]):
        outcomes = row_start[:-1][width == n][:, None] + np.arange(n)
        chance = probability[outcomes]
        upper = np.ceil(np.cumsum(chance, axis=1) * 2.0**BITS).astype(np.int64)
        possible = chance > 0
        after = np.cumsum(possible[:, ::-1], axis=1)[:, ::-1] - possible
        upper[after == 0] = _NEVER
        out[outcomes] = upper
    return out


def _packed(next_state: Ints, events: Bits, numbers: Tensor, n_events: int) -> Tensor:
    """The records as complex128 `[n]` or `[n, R]`."""
    low, high = (torch.as_tensor((events >> np.uint64(at)).astype(np.uint32).view(np.int32))[:, None] for at in (0, 32))
    parts = [torch.as_tensor(next_state)[:, None], low, numbers.contiguous().view(torch.int32)]
    if n_events > 32:
        parts.append(high)
    words = torch.cat(parts, dim=1)
    words = torch.nn.functional.pad(words, (0, -words.shape[1] % 4))
    records = torch.view_as_complex(words.view(torch.float64).view(len(words), -1, 2))
    return records.squeeze(1) if records.shape[1] == 1 else records
