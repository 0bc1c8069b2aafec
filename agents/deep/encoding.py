"""States as tensors, and the inputs of both networks: crops round bodies for the model, whole boards for the values.

A state is an observation, with one column per action (is it available?) and one that says on which of all maps ever met
it is, since layouts are numbered anew in every stage. Letters: n states, F columns (O observed, A, 1), C cells of the
map, P planes, G counters, I inputs of the model.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import torch
from torch import Tensor

from ...envs.base import Bools, Longs
from ...envs.reference.observation_spec import ObservationSpec
from ..neural.encoding import ObservationEncoding

MOST_WORDS: Final = 32
"""A counter with at most this many values is one-hot for the value network; a larger one is a number from 0 to 1."""


class StateEncoding(ObservationEncoding):
    """`ObservationEncoding` with all tables on one device.

    Unlike there, a cell is written as its row and its column: what holds in many places is then learned from all of
    them, and what holds in one place can still be learned.

    Attributes:
        n_planes: P; n_counters: G; width: I.
        n_columns: F.
        device: of the tables.
    """

    def __init__(self, senses: ObservationSpec, n_actions: int, reach: int, device: str) -> None:
        super().__init__(senses, n_actions, reach)
        self.device = torch.device(device)
        self.n_cells = senses.height * senses.width
        cells = [int(column) for column in self._places]
        plain = [c for c in range(self.sizes.size) if c not in cells and not self.copied[c]]
        starts, width = [], 0
        for size in (int(self.sizes[c]) for c in plain):
            starts.append(width)
            width += size
        self._rows = width
        width += len(cells) * (senses.height + senses.width + 1)
        self._facts = width
        self.width = width + len(cells) * self._crop.shape[1] * self._planes
        counters, columns, scales = 0, [], []
        words: list[tuple[int, int]] = []
        for column in plain:
            size = int(self.sizes[column])
            if size <= 2 or size > MOST_WORDS:
                columns.append((column, counters))
                scales.append(1.0 / max(size - 1, 1))
                counters += 1
            else:
                words.append((column, counters))
                counters += size
        self.n_counters = counters
        self.n_planes = senses.cell_features.shape[2] + len(cells) + 2 if self.n_cells else 0

        def table(values: object, kind: torch.dtype = torch.int64) -> Tensor:
            return torch.as_tensor(np.array(values), dtype=kind, device=self.device)

        self._at = table(cells)
        self._plain, self._starts = table(plain), table(starts)
        self._numbers, self._number_places = table([c for c, _ in columns]), table([p for _, p in columns])
        self._scales = table(scales, torch.float32)
        self._words, self._word_places = table([c for c, _ in words]), table([p for _, p in words])
        self._near = table(self._crop)
        self._target_tables = [table(each) for each in self._targets]
        self._sizes, self._value_offsets = table(self.sizes), table(self.offsets)
        row, column_ = np.divmod(np.arange(self.n_cells + 1), max(senses.width, 1))
        row[-1], column_[-1] = senses.height, senses.height  # nowhere has one place of its own, past the rows
        column_[:-1] += senses.height + 1
        self._row, self._column = table(row), table(column_)
        span = [torch.linspace(-1, 1, side, device=self.device) for side in (senses.height, senses.width)]
        self._coordinates = torch.stack(torch.meshgrid(*span, indexing="ij")) if self.n_cells else torch.zeros(0)
        self.n_columns = self.sizes.size + 1
        self.maps = np.zeros((0, *senses.cell_features.shape[1:]), np.bool_)
        self.enter(senses)

    def recall(self, maps: Bools) -> None:
        """Takes the maps of all stages that were ever entered, bool `[maps, C + 1, 1 + Z]`, instead of those known."""
        self.maps = maps
        self.enter(self.senses)

    def enter(self, senses: ObservationSpec) -> None:
        """Takes the maps of another stage, with observations of the same kind; those of earlier stages are kept."""
        looks, known = senses.cell_features, len(self.maps)
        starts = range(known - len(looks) + 1)
        self._first = next((at for at in starts if np.array_equal(self.maps[at : at + len(looks)], looks)), known)
        if self._first == known:
            self.maps = np.concatenate([self.maps, looks])
        self.senses = senses
        self._looks = torch.as_tensor(self.maps, dtype=torch.float32, device=self.device)

    def states(self, observation: Longs, mask: Bools) -> Longs:
        """int64 `[n, F]`: the states of observations int64 `[n, O]` and masks bool `[n, A]` of the present stage."""
        layout = observation[:, self.senses.layout] if self.senses.layout >= 0 else np.zeros(len(mask), np.int64)
        return np.concatenate([observation, mask, (self._first + layout)[:, None]], axis=1).astype(np.int64)

    def state(self, observation: Longs, mask: Bools) -> Longs:
        """int64 `[F]`: the state of one observation int64 `[O]` and its mask bool `[A]`."""
        return self.states(observation[None], mask[None])[0]

    def available(self, states: Tensor) -> Tensor:
        """bool `[n, A]`: the actions that are available in states int64 `[n, F]`."""
        return states[:, self.n_seen : self.n_seen + self.n_actions] > 0

    def model_inputs(self, states: Tensor) -> Tensor:
        """float32 `[n, I]`: the world model's inputs for states int64 `[n, F]`."""
        n = len(states)
        out = torch.zeros(n, self.width, device=self.device)
        if self._plain.numel():
            out.scatter_(1, states[:, self._plain] + self._starts, 1.0)
        if not self._at.numel():
            return out
        cells = states[:, self._at]
        side = self.senses.height + self.senses.width + 1
        first = self._rows + side * torch.arange(self._at.numel(), device=self.device)
        out.scatter_(1, self._row[cells] + first, 1.0)
        out.scatter_(1, self._column[cells] + first, 1.0)
        near = self._near[cells]
        looks = self._looks[states[:, -1, None, None], near]
        there = (cells[:, None, None, :] == near[..., None]) & (near < self.n_cells)[..., None]
        own = torch.eye(self._at.numel(), dtype=torch.bool, device=self.device)[None, :, None, :]
        there = there & ~own
        if self._planes - looks.shape[-1] < self._at.numel():
            there = there.any(-1, keepdim=True)
        out[:, self._facts :] = torch.cat([looks, there.float()], dim=-1).flatten(1)
        return out

    def shift_targets(self, states: Tensor) -> Tensor:
        """int64 `[n, D]`: see `ObservationEncoding.targets`."""
        parts = []
        for column, table in enumerate(self._target_tables):
            if table.shape[1]:
                reached = table[states[:, column]]
                inside = reached < self._sizes[column]
                parts.append(torch.where(inside, reached + self._value_offsets[column], self._value_offsets[-1]))
        return torch.cat(parts, dim=1)

    def board(self, states: Tensor) -> Tensor:
        """float32 `[n, P, H, W]`: walls and zones, one plane per body, and the coordinates of the cells."""
        n, senses = len(states), self.senses
        still = self._looks.shape[2]
        out = torch.zeros(n, self.n_planes, self.n_cells + 1, device=self.device)
        out[:, :still] = self._looks[states[:, -1]].transpose(1, 2)
        bodies = out[:, still : still + self._at.numel()]
        bodies.scatter_(2, states[:, self._at, None], 1.0)
        out = out[:, :, :-1].reshape(n, self.n_planes, senses.height, senses.width)
        out[:, -2:] = self._coordinates
        return out.contiguous(memory_format=torch.channels_last)

    def counters(self, states: Tensor) -> Tensor:
        """float32 `[n, G]`: all that is no cell, words one-hot, numbers from 0 to 1."""
        out = torch.zeros(len(states), self.n_counters, device=self.device)
        if self._numbers.numel():
            out[:, self._number_places] = states[:, self._numbers].float() * self._scales
        if self._words.numel():
            out.scatter_(1, states[:, self._words] + self._word_places, 1.0)
        return out
