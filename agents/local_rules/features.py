"""What a rule may look at: the raw factors of a tick, as small numbers.

Nothing here knows what a world's rules are. A factor is the action, an observed field, a difference of two places, or
what is drawn on the map at a place or next to it. As the fields of the next observation are told one after another,
those already told are factors for the rest.
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
    """One thing to look at.

    Attributes:
        kind: `action`; field i `now` or `next`, or its `change`; the `glyph` at the place i, or at its neighbour
            `other`; the `offset` from the place i to the place `other`, or only whether they touch (`near`).
            `next glyph` and `next offset` are after the tick, `ahead glyph` and `ahead offset` where the thing would
            usually go. `plain` is what came of output i, which is no field.
        i: a field; other: see above, -1 for none; told: the place `other` is that of after the tick.
    """

    kind: str
    i: int = -1
    other: int = -1
    told: bool = False


class Geometry:
    """Arithmetic of fields and places.

    A change of a field is one number: a difference, or for places an offset, `gone`, or where the thing appeared.
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
        """Takes in one more map, and returns its number; what looks the same has the same glyph on all of them.

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
        """int64 `[n]`: the cell at an offset; nowhere beyond the rim, from nowhere, or where there is no offset."""
        down, right = np.divmod(offset, self._stride)
        row, column = np.divmod(origin, self.width)
        row, column = row + down - self.height, column + right - self.width
        inside = (row >= 0) & (row < self.height) & (column >= 0) & (column < self.width)
        inside &= (origin != self.nowhere) & (np.asarray(offset) < self.gone)
        return np.where(inside, row * self.width + column, self.nowhere)

    def step(self, down: int, right: int) -> int:
        """The number of an offset."""
        return (down + self.height) * self._stride + right + self.width

    def still(self, i: int) -> int:
        """The change of field i that is none."""
        return self.step(0, 0) if self.places[i] else int(self.sizes[i]) - 1

    def n_changes(self, i: int) -> int:
        """How many changes field i may have."""
        return self.n_offsets + self.nowhere if self.places[i] else 2 * int(self.sizes[i]) - 1

    def change(self, i: int, now: Longs, after: Longs) -> Longs:
        """int64 `[n]`: what happened to field i."""
        if not self.places[i]:
            return after - now + self.still(i)
        out = self.offset(now, after)
        came, away = (now == self.nowhere) & (after != self.nowhere), (now == self.nowhere) & (after == self.nowhere)
        out[came] = self.n_offsets + after[came]
        out[away] = self.still(i)
        return out

    def changed(self, i: int, now: Longs, change: Longs) -> Longs:
        """int64 `[n]`: field i after a change; a number stops at the end of its range, a place at the rim."""
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
    """The factors of n ticks, each worked out when it is asked for, and of what followed only what was told so far."""

    def __init__(self, geometry: Geometry, now: Longs, action: Longs, maps: Longs) -> None:
        """Takes int64 `[n, O]`, `[n]`, and `[n]`, which map each tick is on."""
        self.geometry, self.now, self.action, self.maps = geometry, now, action, maps
        self.after: dict[int, Longs] = {}
        self.plain: dict[int, Longs] = {}
        self._known: dict[Factor, Longs] = {}

    def __len__(self) -> int:
        return len(self.action)

    def set_ahead(self, i: int, usual: Longs) -> None:
        """The change that field i, a place, usually makes: only for the rules of field i itself."""
        cell = self.geometry.shifted(self.now[:, i], np.minimum(usual, self.geometry.gone))
        self._known = {factor: v for factor, v in self._known.items() if not factor.kind.startswith("ahead")}
        self._known[Factor("ahead", i)] = cell

    def take(self, rows: Longs) -> TickFactors:
        """Some of the ticks, in any order, also more than once."""
        out = TickFactors(self.geometry, self.now[rows], self.action[rows], self.maps[rows])
        out.after = {i: column[rows] for i, column in self.after.items()}
        out.plain = {i: column[rows] for i, column in self.plain.items()}
        out._known = {factor: column[rows] for factor, column in self._known.items()}
        return out

    def whole(self) -> Longs:
        """int64 `[n]`: a number for all that is seen, done and told."""
        return hashed([*self.now.T, self.action, self.maps, *self.after.values(), *self.plain.values()], len(self))

    def column(self, factor: Factor) -> Longs:
        """int64 `[n]`."""
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
    for column in columns:
        keys = (keys ^ column.astype(np.uint64)) * np.uint64(0xD6E8FEB86659FD93)
        keys ^= keys >> np.uint64(32)
    return keys.view(np.int64)


def factors_before(geometry: Geometry) -> list[Factor]:
    """What can be seen before a tick, and the action."""
    places = np.flatnonzero(geometry.places).tolist()
    out = [Factor("action"), *(Factor("now", i) for i in range(geometry.sizes.size))]
    out += [Factor("glyph", i, step) for i in places for step in range(-1, len(STEPS))]
    pairs = [(i, k) for n, i in enumerate(places) for k in places[n + 1 :]]
    return out + [Factor(kind, i, k) for i, k in pairs for kind in ("near", "offset")]


def factors_told(geometry: Geometry, told: list[int]) -> list[Factor]:
    """What the next fields add once they are told, in this order."""
    places = np.flatnonzero(geometry.places).tolist()
    out = [Factor(kind, i) for i in told for kind in ("change", "next")]
    for n, i in enumerate(told):
        if geometry.places[i]:
            out.append(Factor("next glyph", i))
            out += [Factor("next offset", i, k) for k in places if k != i]
            out += [Factor("next offset", i, k, True) for k in told[:n] if geometry.places[k]]
    return out


def factors_ahead(geometry: Geometry, i: int, told: list[int]) -> list[Factor]:
    """What lies where the place i would usually go, and where the other places are from there."""
    others = [k for k in np.flatnonzero(geometry.places).tolist() if k != i]
    return [Factor("ahead glyph", i), *(Factor("ahead offset", i, k, k in told) for k in others)]
