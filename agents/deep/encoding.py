"""States as tensors, and the inputs of both networks: crops round bodies for the model, whole boards for the values.

A state is an observation, with one column per action (is it available?) and one that says on which of all maps ever met
it is, since layouts are numbered anew in every stage. Letters: n states, F columns (O observed, A, 1), C cells of the
map, B bodies, P planes, G counters, I inputs of the model.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import torch
from torch import Tensor

from ...envs.base import Bools, Longs
from ...envs.reference.observation_spec import ObservationSpec
from ..neural.encoding import MAX_PLANES, ObservationEncoding

MOST_WORDS: Final = 32
"""A counter with at most this many values is one-hot for the value network; a larger one is a number from 0 to 1."""


class Kind(NamedTuple):
    """A kind of thing of which there are several, and where the model's inputs about each of them lie.

    Attributes:
        columns: int64 `[things, columns]`, see `ObservationSpec.alike`.
        first: the first input of the first of them; width: how many there are of each.
    """

    columns: Longs
    first: int
    width: int

    @property
    def end(self) -> int:
        """The first input past the last of them."""
        return self.first + len(self.columns) * self.width


class StateEncoding(ObservationEncoding):
    """`ObservationEncoding` with all tables on one device.

    Unlike there, a cell is written as its row and its column: what holds in many places is then learned from all of
    them, and what holds in one place can still be learned. And things of a kind of which there are several are alike:
    they share their planes, and what is written about each of them is written in the same way.

    Attributes:
        n_planes: P; n_counters: G; width: I.
        kinds: those of which there are several; whole: how many of the inputs are about anything else, the first ones.
        n_columns: F.
        device: of the tables.
    """

    def __init__(self, senses: ObservationSpec, n_actions: int, reach: int, device: str) -> None:
        super().__init__(senses, n_actions, reach)
        self.device = torch.device(device)
        self.n_cells = senses.height * senses.width
        cells = self._places.tolist()
        in_kinds = {column for each in senses.alike for column in each.flatten().tolist()}
        alone = [cell for cell in cells if cell not in in_kinds]
        kind_of = {cell: number for number, cell in enumerate(alone)}
        for number, each in enumerate(senses.alike, len(alone)):
            kind_of |= dict.fromkeys(each[:, 0].tolist(), number)
        n_kinds, still = len(alone) + len(senses.alike), senses.cell_features.shape[2]
        # A crop has a plane for each kind, or one for all of them.
        self._planes = (len(cells) > 0) * (still + (n_kinds if n_kinds <= MAX_PLANES else 1))
        plain = [c for c in range(self.sizes.size) if c not in cells and not self.copied[c] and c not in in_kinds]
        starts, width = _starts(self.sizes[plain])
        side, around = senses.height + senses.width + 1, self._crop.shape[1] * self._planes
        self._rows, self._facts = width, width + len(alone) * side
        self.whole = self.width = self._facts + len(alone) * around
        self.kinds: list[Kind] = []
        own = [_starts(self.sizes[each[0, 1:]]) for each in senses.alike]
        for each, (_, wide) in zip(senses.alike, own, strict=True):
            kind = Kind(each, self.width, side + wide + around)
            self.kinds.append(kind)
            self.width = kind.end
        counters = 0
        numbers, scales, words = [], [], []
        for column in plain:
            size = int(self.sizes[column])
            if size <= 2 or size > MOST_WORDS:
                numbers.append((column, counters))
                scales.append(1.0 / max(size - 1, 1))
                counters += 1
            else:
                words.append((column, counters))
                counters += size
        self.n_counters = counters
        fields = [(each[:, 0], each[:, field]) for each in senses.alike for field in range(1, each.shape[1])]
        self.n_planes = still + n_kinds + len(fields) + 2 if self.n_cells else 0

        def table(values: object, kind: torch.dtype = torch.int64) -> Tensor:
            return torch.as_tensor(np.array(values), dtype=kind, device=self.device)

        self._at, self._kind_of = table(cells), table([kind_of[cell] for cell in cells])
        self._plane_of = torch.zeros(len(cells), max(self._planes - still, 0), device=self.device)
        if cells:
            self._plane_of.scatter_(1, (self._kind_of if n_kinds <= MAX_PLANES else 0 * self._kind_of)[:, None], 1.0)
        self._alone = table([cells.index(cell) for cell in alone])
        self._of_kind = [
            (table([cells.index(cell) for cell in each[:, 0].tolist()]), table(each[:, 1:]), side + table(begin))
            for each, (begin, _) in zip(senses.alike, own, strict=True)
        ]  # fmt: skip
        self._fields = [(table(at), table(field), 1.0 / max(int(self.sizes[field[0]]) - 1, 1)) for at, field in fields]
        self._plain, self._starts = table(plain), table(starts)
        self._numbers, self._number_places = table([c for c, _ in numbers]), table([p for _, p in numbers])
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
        first = self._rows + side * torch.arange(self._alone.numel(), device=self.device)
        alone = cells[:, self._alone]
        out.scatter_(1, self._row[alone] + first, 1.0)
        out.scatter_(1, self._column[alone] + first, 1.0)
        crops = self._crops_of(states, cells)
        out[:, self._facts : self.whole] = crops[:, self._alone].flatten(1)
        for kind, (bodies, fields, starts) in zip(self.kinds, self._of_kind, strict=True):
            each = out[:, kind.first : kind.end].view(n, len(kind.columns), kind.width)
            at = cells[:, bodies]
            each.scatter_(2, torch.stack([self._row[at], self._column[at]], dim=-1), 1.0)
            each.scatter_(2, states[:, fields] + starts, 1.0)
            each[..., kind.width - crops.shape[2] :] = crops[:, bodies]
        return out

    def _crops_of(self, states: Tensor, cells: Tensor) -> Tensor:
        """float32 `[n, B, ...]`: what is round each body, flat: the map, and the other bodies by their kinds."""
        near = self._near[cells]
        looks = self._looks[states[:, -1, None, None], near]
        there = (cells[:, None, None, :] == near[..., None]) & (near < self.n_cells)[..., None]
        own = torch.eye(self._at.numel(), dtype=torch.bool, device=self.device)[None, :, None, :]
        there = there & ~own
        # Things of a kind may lie upon each other, and are seen once.
        return torch.cat([looks, (there.float() @ self._plane_of).clamp(max=1)], dim=-1).flatten(2)

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
        """float32 `[n, P, H, W]`: walls and zones, one plane per kind of body, fields of bodies, and coordinates."""
        n, senses = len(states), self.senses
        still = self._looks.shape[2]
        out = torch.zeros(n, self.n_planes, self.n_cells + 1, device=self.device)
        out[:, :still] = self._looks[states[:, -1]].transpose(1, 2)
        place = (still + self._kind_of) * (self.n_cells + 1) + states[:, self._at]
        out.flatten(1).scatter_(1, place, 1.0)
        for plane, (at, field, scale) in enumerate(self._fields, self.n_planes - 2 - len(self._fields)):
            out[:, plane].scatter_add_(1, states[:, at], states[:, field].float() * scale)
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


def _starts(sizes: Longs) -> tuple[list[int], int]:
    """Where one-hot columns of some sizes begin, one after the other, and how wide they are together."""
    ends = np.cumsum(sizes)
    return (ends - sizes).tolist(), int(ends[-1]) if len(ends) else 0
