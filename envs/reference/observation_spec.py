"""What an agent may know of its observations before it has acted: which columns are cells, and the map they are on.

An agent knows the map: walls and zones are drawn on it, and so are things, those of a kind alike. What they do is left
for it to learn, so nothing of rules, lines of sight, events or rewards is here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..base import Bools, Longs
from ..world.randomness import SampledDraws
from ..world.world import World
from .observation import observe
from .step import reset


@dataclass(frozen=True, eq=False)
class ObservationSpec:
    """The columns of one agent's observations, and the maps that their cells refer to.

    Attributes:
        sizes: int64 `[O]`, column i runs from 0 to `sizes[i] - 1`.
        is_cell: bool `[O]`, the column is a cell `row * width + column`, or `height * width` for nowhere.
        layout: the column that says which map this is, or -1.
        height, width: of the map; 0 where there is none.
        cell_features: bool `[L, C + 1, 1 + Z]`, for each cell of each map: whether it is a wall, and whether it is
            in each zone. The last cell stands for nowhere.
        alike: for each kind of thing of which it sees several, int64 `[things, columns]`: the columns of each, its cell
            first, those of all in the same order.
    """

    sizes: Longs
    is_cell: Bools
    layout: int
    height: int
    width: int
    cell_features: Bools
    alike: tuple[Longs, ...] = ()

    def check_next(self, other: ObservationSpec) -> None:
        """Checks that an agent that knows these observations can enter a stage with others: only the maps may differ.

        Raises:
            ValueError: the other has other fields, or another size of map.
        """
        same = np.arange(self.sizes.size) != self.layout  # the number of maps may differ
        if not (
            np.array_equal(self.is_cell, other.is_cell)
            and np.array_equal(self.sizes[same], other.sizes[same])
            and self.cell_features.shape[1:] == other.cell_features.shape[1:]
            and [each.tolist() for each in self.alike] == [each.tolist() for each in other.alike]
        ):
            raise ValueError("the agent cannot enter a stage with other fields or another size of map")


def observation_spec(world: World, agent: int = 0) -> ObservationSpec:
    """What one agent of a world may know of its observation.

    An agent with a window does not see its own place: all its columns are plain numbers, and there is no map.
    """
    program, boards = world.agents[agent], world.boards
    if program.window is not None and program.body >= 0:
        start = reset(world, SampledDraws(0, np.zeros(1, np.int64), np.zeros(1, np.int64))).states
        width = observe(world, start, agent).shape[1]
        largest = max(2, program.window**2 + 1, *(field.size + 1 for field in world.fields))
        # What a column of a window shows depends on where the agent is, so one bound has to hold for all columns.
        nothing = np.zeros((1, 1, 1), np.bool_)
        return ObservationSpec(np.full(width, largest, np.int64), np.zeros(width, np.bool_), -1, 0, 0, nothing)
    cells = {body.cell for body in world.bodies}
    return ObservationSpec(
        sizes=np.array([world.fields[column].size for column in program.sees], np.int64),
        is_cell=np.array([column in cells for column in program.sees], np.bool_),
        layout=program.sees.index(world.layout) if world.layout in program.sees else -1,
        height=boards.height,
        width=boards.width,
        cell_features=np.moveaxis(np.concatenate([boards.walls[None], world.zones_seen(agent)]), 0, -1),
        alike=_alike(world, program.sees),
    )


def _alike(world: World, sees: Sequence[int]) -> tuple[Longs, ...]:
    """See `ObservationSpec.alike`; a kind is left out if more of one thing is seen than of another."""
    place = {column: number for number, column in enumerate(sees)}
    kinds: dict[str, list[list[int | None]]] = {}
    for body in world.bodies:
        if body.cell in place and not body.is_agent:
            own = (body.cell, body.facing, body.phase, body.carrier, *body.fields)
            kinds.setdefault(body.group, []).append([place.get(column) for column in own])
    out = []
    for things in kinds.values():
        seen = [[column for column in columns if column is not None] for columns in things]
        same = all([c is None for c in columns] == [c is None for c in things[0]] for columns in things)
        if len(things) > 1 and same:
            out.append(np.array(seen, np.int64))
    return tuple(out)
