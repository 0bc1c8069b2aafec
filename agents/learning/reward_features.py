"""Binary features of one tick, in terms of which hypotheses about a reward are formed; each has a name and a kind.

Kinds: `object` (two bodies are on the same cell), `place` (a body is on one given cell), `region` (a body is in a zone,
or in a square at a corner of the board), `counter` (a counter had a value before the tick, or has it afterwards),
`action` (an action was taken). Letters: n ticks, J features, O observed fields, A actions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Final

import numpy as np

from ...envs.base import Bools, Longs
from ...envs.reference.observation_spec import ObservationSpec

MAX_COUNTED: Final = 32
"""A counter with more values than this gets no features, because it would get two for each value."""


@dataclass(frozen=True, eq=False)
class TransitionBatch:
    """n ticks of experience.

    Attributes:
        before: int64 `[n, O]`, the observation before each tick.
        action: int64 `[n]`, the action taken.
        after: int64 `[n, O]`, the observation after it.
    """

    before: Longs
    action: Longs
    after: Longs


@dataclass(frozen=True)
class Feature:
    """One binary feature.

    Attributes:
        kind: one of the kinds in the module's docstring.
        name: a readable description.
    """

    kind: str
    name: str


class RewardFeatures:
    """The features of an agent's ticks, built from the columns of its observation and from its actions.

    Attributes:
        features: the J features, in the order of the columns of `evaluate`.
    """

    def __init__(self, senses: ObservationSpec, actions: Sequence[str], names: Sequence[str] | None = None) -> None:
        """Builds the features.

        Args:
            senses: the observation spec of the stage.
            actions: the A names of the actions.
            names: the O names of the observed columns, used in the features' names; `column i` by default.
        """
        self._senses = senses
        self._names = tuple(names) if names is not None else tuple(f"column {i}" for i in range(senses.sizes.size))
        made = [*self._objects(), *self._regions(), *self._places(), *self._counters(), *_actions(actions)]
        self.features = tuple(feature for feature, _ in made)
        self._tests = [test for _, test in made]

    def evaluate(self, ticks: TransitionBatch) -> Bools:
        """bool `[n, J]`: whether each feature holds on each tick."""
        if not self._tests:  # `np.stack` refuses an empty list
            return np.zeros((len(ticks.action), 0), np.bool_)
        return np.stack([test(ticks) for test in self._tests], axis=1)

    def _bodies(self) -> list[int]:
        return [int(column) for column in np.flatnonzero(self._senses.is_cell)]

    def _objects(self) -> list[_Made]:
        """For each pair of bodies: both are on the same cell of the board after the tick."""
        nowhere = self._senses.height * self._senses.width
        made: list[_Made] = []
        bodies = self._bodies()
        for one, other in ((a, b) for a, b in product(bodies, bodies) if a < b):
            name = f"{self._names[one]} = {self._names[other]}"

            # Defaults bind the loop's variables now; a plain closure would see their last values.
            def test(ticks: TransitionBatch, one: int = one, other: int = other) -> Bools:
                same: Bools = (ticks.after[:, one] == ticks.after[:, other]) & (ticks.after[:, one] != nowhere)
                return same

            made.append((Feature("object", name), test))
        return made

    def _places(self) -> list[_Made]:
        """For each body and each cell that is free on some map: the body is there after the tick."""
        # Only cells that are walls on every map are left out. The last row of `cell_features` stands for nowhere.
        walls = np.all(self._senses.cell_features[:, :-1, 0], axis=0) if self._bodies() else np.ones(0, np.bool_)
        return [
            (
                Feature("place", f"{self._names[body]} at {divmod(cell, self._senses.width)}"),
                _equals("after", body, cell),
            )
            for body in self._bodies()
            for cell in np.flatnonzero(np.logical_not(walls)).tolist()
        ]

    def _regions(self) -> list[_Made]:
        """For each body: it is in a given zone, or in a given square at a corner, after the tick."""
        senses = self._senses
        made: list[_Made] = []
        for body in self._bodies():
            # From 1, because entry 0 of a cell's features says whether it is a wall.
            for zone in range(1, senses.cell_features.shape[2]):

                def test(ticks: TransitionBatch, body: int = body, zone: int = zone) -> Bools:
                    # Zones differ between maps; without a column that tells the map there is only one.
                    layout = ticks.after[:, senses.layout] if senses.layout >= 0 else 0
                    inside: Bools = senses.cell_features[layout, ticks.after[:, body], zone]
                    return inside

                made.append((Feature("region", f"{self._names[body]} in zone {zone}"), test))
            made += [(Feature("region", name), _within(body, cells)) for name, cells in self._corners(body)]
        return made

    def _corners(self, body: int) -> list[tuple[str, Bools]]:
        """Squares in the four corners, of sides from one cell to nearly half the board.

        Returns:
            Names, and bool `[H * W + 1]`, the cells of each square; the last entry stands for nowhere.
        """
        senses = self._senses
        rows, columns = np.divmod(np.arange(senses.height * senses.width), senses.width)
        found = []
        for side, (down, right) in product(range(1, max(senses.height, senses.width) // 2), product((0, 1), (0, 1))):
            r = senses.height - 1 - rows if down else rows
            c = senses.width - 1 - columns if right else columns
            where = f"{'lower' if down else 'upper'} {'right' if right else 'left'}"
            # `<=`, not `<`: row 0 and column 0 are the outer wall, so a square of side n reaches to row n.
            found.append((f"{self._names[body]} in the {where} {side} x {side}", (r <= side) & (c <= side)))
        return [(name, np.append(cells, False)) for name, cells in found]

    def _counters(self) -> list[_Made]:
        """For each counter and each of its values: it had the value before the tick, or has it afterwards."""
        senses = self._senses
        # The column that tells the map is not a counter: it does not change within an episode.
        counted = (senses.sizes <= MAX_COUNTED) & ~senses.is_cell & (np.arange(senses.sizes.size) != senses.layout)
        return [
            (Feature("counter", f"{self._names[column]} {verb} {value}"), _equals(when, int(column), value))
            for column in np.flatnonzero(counted)
            for value in range(int(senses.sizes[column]))
            for when, verb in (("before", "was"), ("after", "becomes"))
        ]


_Made = tuple[Feature, Callable[[TransitionBatch], Bools]]


def _equals(when: str, column: int, value: int) -> Callable[[TransitionBatch], Bools]:
    def test(ticks: TransitionBatch) -> Bools:
        equal: Bools = getattr(ticks, when)[:, column] == value
        return equal

    return test


def _within(body: int, cells: Bools) -> Callable[[TransitionBatch], Bools]:
    def test(ticks: TransitionBatch) -> Bools:
        inside: Bools = cells[ticks.after[:, body]]
        return inside

    return test


def _actions(names: Sequence[str]) -> list[_Made]:
    def test(number: int) -> Callable[[TransitionBatch], Bools]:
        return lambda ticks: ticks.action == number

    return [(Feature("action", f"does {name}"), test(number)) for number, name in enumerate(names)]
