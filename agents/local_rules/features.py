"""The features (factors) of a tick that rules may test, each a small integer.

They use no knowledge of the world's rules. A factor is the action, an observed field, the offset between two places, or
what is drawn on the map at a place or next to it. The fields of the next observation are predicted one after another
(autoregressively), so those already known are factors for the rest.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

import numpy as np

from ...envs.base import Longs
from ...envs.reference.observation_spec import ObservationSpec

STEPS: Final = ((-1, 0), (1, 0), (0, -1), (0, 1))
"""The neighbours whose glyphs are factors."""


class Factor(NamedTuple):
    """The name of one feature.

    Attributes:
        kind: `action`; field i `now` or `next`, or its `change`; the `glyph` at the place i, or at its neighbour
            `other`; the `offset` from the place i to the place `other`, or only whether they touch (`near`).
            `next glyph` and `next offset` are taken after the tick, `ahead glyph` and `ahead offset` at the cell to
            which the place usually moves. `plain` is the value of output i, which is no field.
        i: a field; other: see above, -1 for none; told: the place `other` is taken after the tick.
    """

    kind: str
    i: int = -1
    other: int = -1
    told: bool = False


class Geometry:
    """Integer encodings of offsets, of changes of fields, and of what is drawn on the maps.

    A change of a field is one integer: a difference, or for a place an offset, `gone`, or the cell of appearance.
    """

    def __init__(self, senses: ObservationSpec) -> None:
        self.sizes, self.places, self.layout = senses.sizes, senses.is_cell, senses.layout
        self.height, self.width = senses.height, senses.width
        self.nowhere = senses.height * senses.width
        self._stride = 2 * self.width + 1
        self.n_offsets = (2 * self.height + 1) * self._stride + 1
        self.gone = self.n_offsets - 1
        touching = [self.step(down, right) for down in (-1, 0, 1) for right in (-1, 0, 1)] if self.nowhere else []
        self.near = np.full(self.n_offsets, len(touching), np.int64)
        self.near[touching] = np.arange(len(touching))
        self._kinds: dict[bytes, int] = {}
        self.glyphs: Longs = np.zeros((0, *senses.cell_features.shape[:2]), np.int64)
        self.add_map(senses)

    @property
    def n_glyphs(self) -> int:
        """How many different glyphs were seen."""
        return len(self._kinds)

    def add_map(self, senses: ObservationSpec) -> int:
        """Adds a map and returns its number; cells that look alike have the same glyph on all maps.

        Raises:
            ValueError: the observation has other columns, or the map another size.
        """
        same = np.array_equal(senses.sizes, self.sizes) and np.array_equal(senses.is_cell, self.places)
        if not same or senses.cell_features.shape[:2] != self.glyphs.shape[1:] or senses.layout != self.layout:
            raise ValueError("what is observed here differs in kind from what was learned on: other fields or map size")
        cells = senses.cell_features.reshape(-1, senses.cell_features.shape[-1])
        drawn = [self._kinds.setdefault(cell.tobytes(), len(self._kinds)) for cell in cells]
        self.glyphs = np.concatenate([self.glyphs, np.reshape(drawn, (1, *senses.cell_features.shape[:2]))])
        return len(self.glyphs) - 1

    def offset(self, origin: Longs, target: Longs) -> Longs:
        """int64 `[n]`: where `target` lies from `origin`; `gone` if either is nowhere."""
        (r0, c0), (r1, c1) = np.divmod(origin, self.width), np.divmod(target, self.width)
        out = (r1 - r0 + self.height) * self._stride + (c1 - c0 + self.width)
        out[(origin == self.nowhere) | (target == self.nowhere)] = self.gone
        return out

    def shifted(self, origin: Longs, offset: Longs | int) -> Longs:
        """int64 `[n]`: the cell at an offset; `nowhere` off the map, from nowhere, or for the offset `gone`."""
        down, right = np.divmod(offset, self._stride)
        row, column = np.divmod(origin, self.width)
        row, column = row + down - self.height, column + right - self.width
        inside = (row >= 0) & (row < self.height) & (column >= 0) & (column < self.width)
        inside &= (origin != self.nowhere) & (np.asarray(offset) < self.gone)
        return np.where(inside, row * self.width + column, self.nowhere)

    def step(self, down: int, right: int) -> int:
        """The number of an offset."""
        return (down + self.height) * self._stride + right + self.width

    def apart(self, offset: int) -> tuple[int, int]:
        """The rows and columns of an offset that is not `gone`."""
        down, right = divmod(offset, self._stride)
        return down - self.height, right - self.width

    def beside(self, near: int) -> tuple[int, ...]:
        """The rows and columns between two places that touch, of a value of the factor `near`; empty if they do not."""
        return (near // 3 - 1, near % 3 - 1) if near < 9 else ()

    def drawn(self, glyph: int) -> tuple[int, ...]:
        """What a glyph shows: the indices of its features; see `ObservationSpec.cell_features`."""
        return tuple(np.flatnonzero(np.frombuffer(list(self._kinds)[glyph], np.bool_)).tolist())

    def still(self, i: int) -> int:
        """The change of field i that leaves it as it is."""
        return self.step(0, 0) if self.places[i] else int(self.sizes[i]) - 1

    def n_changes(self, i: int) -> int:
        """How many changes field i may have."""
        return self.n_offsets + self.nowhere if self.places[i] else 2 * int(self.sizes[i]) - 1

    def change(self, i: int, now: Longs, after: Longs) -> Longs:
        """int64 `[n]`: the change of field i from `now` to `after`."""
        if not self.places[i]:
            return after - now + self.still(i)
        out = self.offset(now, after)
        came, away = (now == self.nowhere) & (after != self.nowhere), (now == self.nowhere) & (after == self.nowhere)
        out[came] = self.n_offsets + after[came]
        out[away] = self.still(i)
        return out

    def changed(self, i: int, now: Longs, change: Longs) -> Longs:
        """int64 `[n]`: field i after a change; a number is clipped to its range, a place stays within the map."""
        if not self.places[i]:
            return np.clip(now + change - self.still(i), 0, self.sizes[i] - 1)
        moved = self.shifted(now, np.minimum(change, self.gone))
        moved = np.where((moved == self.nowhere) & (change != self.gone), now, moved)
        return np.where(change >= self.n_offsets, change - self.n_offsets, moved)

    def size(self, factor: Factor) -> int:
        """How many values a factor of places or fields may have."""
        if factor.kind in ("now", "next"):
            return int(self.sizes[factor.i])
        if factor.kind == "change":
            return self.n_changes(factor.i)
        if factor.kind == "near":
            return 10
        return self.n_glyphs if factor.kind.endswith("glyph") else self.n_offsets


class TickFactors:
    """The features of n ticks, computed on demand; of the outcome, only the outputs revealed so far are used.

    Attributes:
        geometry: encodings; now: int64 `[n, O]`, before each tick; action, maps: int64 `[n]`.
        after: int64 `[n]` by field, the next values revealed so far; plain: the same by output that is no field.
    """

    def __init__(self, geometry: Geometry, now: Longs, action: Longs, maps: Longs) -> None:
        """Takes int64 `[n, O]`, `[n]`, and `[n]`, which map each tick is on."""
        self.geometry, self.now, self.action, self.maps = geometry, now, action, maps
        self.after: dict[int, Longs] = {}
        self.plain: dict[int, Longs] = {}
        self._known: dict[Factor, Longs] = {}

    def __len__(self) -> int:
        return len(self.action)

    def set_ahead(self, i: int, usual: Longs) -> None:
        """Sets the usual change int64 `[n]` of field i, a place, on which the `ahead` factors of its rules depend."""
        cell = self.geometry.shifted(self.now[:, i], np.minimum(usual, self.geometry.gone))
        self._known = {factor: v for factor, v in self._known.items() if not factor.kind.startswith("ahead")}
        self._known[Factor("ahead", i)] = cell

    def take(self, rows: Longs) -> TickFactors:
        """The ticks of these rows; rows may repeat, in any order."""
        out = TickFactors(self.geometry, self.now[rows], self.action[rows], self.maps[rows])
        out.after = {i: column[rows] for i, column in self.after.items()}
        out.plain = {i: column[rows] for i, column in self.plain.items()}
        out._known = {factor: column[rows] for factor, column in self._known.items()}
        return out

    def whole(self) -> Longs:
        """int64 `[n]`: a hash of the observation, the action and the outputs revealed so far."""
        return hashed([*self.now.T, self.action, self.maps, *self.after.values(), *self.plain.values()], len(self))

    def column(self, factor: Factor) -> Longs:
        """int64 `[n]`: the values of a factor."""
        if factor not in self._known:
            self._known[factor] = self._work_out(factor)
        return self._known[factor]

    def _work_out(self, factor: Factor) -> Longs:
        kind, i, other, told = factor
        geometry = self.geometry
        match kind:
            case "action":
                return self.action
            case "now":
                return self.now[:, i]
            case "next":
                return self.after[i]
            case "plain":
                return self.plain[i]
            case "change":
                return geometry.change(i, self.now[:, i], self.after[i])
            case "near":
                return geometry.near[self.column(Factor("offset", i, other))]
        if kind.startswith("ahead"):
            place = self._known[Factor("ahead", i)]
        else:
            place = self.after[i] if kind.startswith("next") else self.now[:, i]
        if kind.endswith("offset"):
            return geometry.offset(place, self.after[other] if told else self.now[:, other])
        if other >= 0:
            place = geometry.shifted(place, geometry.step(*STEPS[other]))
        layout = self.now[:, geometry.layout] if geometry.layout >= 0 else 0
        return geometry.glyphs[self.maps, layout, place]


def hashed(columns: Iterable[Longs], n: int) -> Longs:
    """int64 `[n]`: a hash of each row; two of a million rows share one with a chance below one in ten million."""
    keys = np.full(n, 0x2545F4914F6CDD1D, np.uint64)
    # A multiply-xorshift hash, in wrapping 64-bit arithmetic: rows are compared by one integer, not by columns.
    for column in columns:
        keys = (keys ^ column.astype(np.uint64)) * np.uint64(0xD6E8FEB86659FD93)
        keys ^= keys >> np.uint64(32)
    return keys.view(np.int64)


def factors_before(geometry: Geometry) -> list[Factor]:
    """The factors known before a tick: the action, fields, glyphs and offsets."""
    places = np.flatnonzero(geometry.places).tolist()
    out = [Factor("action"), *(Factor("now", i) for i in range(geometry.sizes.size))]
    out += [Factor("glyph", i, step) for i in places for step in range(-1, len(STEPS))]
    pairs = [(i, k) for n, i in enumerate(places) for k in places[n + 1 :]]
    return out + [Factor(kind, i, k) for i, k in pairs for kind in ("near", "offset")]


def factors_told(geometry: Geometry, told: list[int]) -> list[Factor]:
    """The factors that the next values of the fields `told` add, in this order of revelation."""
    places = np.flatnonzero(geometry.places).tolist()
    out = [Factor(kind, i) for i in told for kind in ("change", "next")]
    for n, i in enumerate(told):
        if geometry.places[i]:
            out.append(Factor("next glyph", i))
            out += [Factor("next offset", i, k) for k in places if k != i]
            out += [Factor("next offset", i, k, True) for k in told[:n] if geometry.places[k]]
    return out


def factors_ahead(geometry: Geometry, i: int, told: list[int]) -> list[Factor]:
    """The factors at the cell to which the place i usually moves: its glyph, and offsets to other places."""
    others = [k for k in np.flatnonzero(geometry.places).tolist() if k != i]
    return [Factor("ahead glyph", i), *(Factor("ahead offset", i, k, k in told) for k in others)]
