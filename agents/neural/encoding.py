"""The input and output encoding of the network: one-hot fields, and a crop of the board round every body.

Letters: O observed columns, A actions, F columns of a state (O observed, then one per action: is it available),
I inputs.
"""

from __future__ import annotations

from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from ...envs.base import Bools, Longs
from ...envs.reference.observation_spec import ObservationSpec

Singles: TypeAlias = npt.NDArray[np.float32]
MAX_PLANES: Final = 6
"""Up to this many bodies, each has a plane of its own in the crops; more share one."""
STEPS: Final = tuple((down, right) for down in (-1, 0, 1) for right in (-1, 0, 1))
STILL: Final = STEPS.index((0, 0))


class ObservationEncoding:
    """Lookup tables from states to network inputs, and from network outputs back to values.

    A column is predicted by two sets of logits that add up: one for each value, and one for each shift from the present
    value (a body's step to a neighbouring cell; one more, one less). The shift by nothing copies the value.

    Attributes:
        sizes: int64 `[F]`; offsets: int64 `[F + 1]`, where each column's values lie in a flat row of logits.
        shifts: int64 `[F + 1]`, the same for shifts.
        copied: bool `[F]`, the column never changes within an episode and is not predicted (which map it is).
        width: I.
    """

    def __init__(self, senses: ObservationSpec, n_actions: int, reach: int) -> None:
        """For one agent; crops extend `reach` cells to every side."""
        self.senses = senses
        self.n_actions = n_actions
        self.n_seen = senses.sizes.size
        self.sizes: Longs = np.concatenate([senses.sizes, np.full(n_actions, 2)]).astype(np.int64)
        self.copied: Bools = np.arange(self.sizes.size) == senses.layout
        told = np.where(self.copied, 0, self.sizes)
        self.offsets: Longs = np.concatenate([[0], np.cumsum(told)]).astype(np.int64)
        self._targets = [self._target(column) for column in range(self.sizes.size)]
        steps = [table.shape[1] for table in self._targets]
        self.shifts: Longs = np.concatenate([[0], np.cumsum(steps)]).astype(np.int64)
        self._places = np.flatnonzero(senses.is_cell)
        self._crop = self._crops(reach)
        planes = self._places.size if self._places.size <= MAX_PLANES else 1
        self._planes = (self._places.size > 0) * (senses.cell_features.shape[2] + planes)
        self.width = int(self.offsets[-1]) + self._places.size * self._crop.shape[1] * self._planes

    @property
    def still(self) -> Longs:
        """int64 `[F']`: the indices of the zero shifts in a flat row of shifts, of columns that are predicted."""
        return np.array(
            [
                first + (STILL if table.shape[1] == len(STEPS) else table.shape[1] // 2)
                for first, table in zip(self.shifts[:-1], self._targets, strict=True)
                if table.shape[1]
            ],
            np.int64,
        )

    def encode(self, states: Longs) -> Singles:
        """float32 `[n, I]`: the inputs of states int64 `[n, F]`."""
        lanes = np.arange(len(states))
        flat = np.zeros((len(states), int(self.offsets[-1])), np.float32)
        for column in np.flatnonzero(~self.copied):
            flat[lanes, self.offsets[column] + states[:, column]] = 1
        if not self._places.size:
            return flat
        return np.concatenate([flat, *(self._around(states, body) for body in range(self._places.size))], axis=1)

    def targets(self, states: Longs) -> Longs:
        """int64 `[n, D]`: the flat value to which every shift leads; one past the last where it leads nowhere."""
        parts = [
            np.where(table < self.sizes[column], table + self.offsets[column], self.offsets[-1])[states[:, column]]
            for column, table in enumerate(self._targets)
        ]
        return np.concatenate(parts, axis=1)

    def _target(self, column: int) -> Longs:
        """int64 `[size, D]`: the value to which each shift of a column leads; the column's size where there is none."""
        size, senses = int(self.sizes[column]), self.senses
        if self.copied[column]:
            return np.zeros((size, 0), np.int64)
        values = np.arange(size)
        if column < self.n_seen and senses.is_cell[column]:
            nowhere = senses.height * senses.width
            rows, columns = np.divmod(values, senses.width)
            out = []
            for down, right in STEPS:
                r, c = rows + down, columns + right
                inside = (r >= 0) & (r < senses.height) & (c >= 0) & (c < senses.width) & (values != nowhere)
                out.append(np.where(inside, r * senses.width + c, size))
            out[STILL] = values
            return np.stack(out, axis=1).astype(np.int64)
        if size <= 2:  # of a binary column every change is a value: a copy is the only shift of use
            return values[:, None].astype(np.int64)
        ahead = [np.where((values + d >= 0) & (values + d < size), values + d, size) for d in (-1, 0, 1)]
        return np.stack(ahead, axis=1).astype(np.int64)

    def _crops(self, reach: int) -> Longs:
        """int64 `[C + 1, (2 reach + 1)^2]`: the cells round each cell; `nowhere` off the board."""
        height, width = self.senses.height, self.senses.width
        nowhere = height * width
        rows, columns = np.divmod(np.arange(nowhere), max(width, 1))
        span = range(-reach, reach + 1)
        table = np.full((nowhere + 1, len(span) ** 2), nowhere, np.int64)
        for index, (down, right) in enumerate((d, r) for d in span for r in span):
            r, c = rows + down, columns + right
            inside = (r >= 0) & (r < height) & (c >= 0) & (c < width)
            table[:-1, index] = np.where(inside, r * width + c, nowhere)
        return table

    def _around(self, states: Longs, body: int) -> Singles:
        cells = self._crop[states[:, self._places[body]]]
        layout = states[:, self.senses.layout] if self.senses.layout >= 0 else np.zeros(len(states), np.int64)
        looks = self.senses.cell_features[layout[:, None], cells].astype(np.float32)
        nowhere = self._crop.shape[0] - 1
        there = states[:, None, self._places] == cells[:, :, None]
        there &= (cells < nowhere)[:, :, None]
        if self._places.size > MAX_PLANES:
            there = np.delete(there, body, axis=2).any(axis=2, keepdims=True)
        else:
            there[:, :, body] = False
        return np.concatenate([looks, there.astype(np.float32)], axis=2).reshape(len(states), -1)
