"""What the exact plan does under other settings: a grid over sliders and choices, worked out beforehand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product

from ...envs.world.world import World
from ...evals.inspection.attribution import UNSOLVED
from ...evals.inspection.show import LiveShow
from ...evals.inspection.what_if import Edit, EpisodeMoment, WhatIfSolver
from ...evals.traces.episode import Episode
from ...scenarios.language.faults.faults import ScenarioError
from ...scenarios.language.loading import Scenario, apply_overrides
from ...scenarios.language.names.overrides import Overrides
from ..viewer.what_if_menu import MenuRow, rows_of, said

POINTS, FEWEST = 64, 9
"""The most points of a grid, and how many even a large world gets."""
WORK = 180_000
"""States of all points together."""
HARDER = 30
"""How many times as long a plan over beliefs, or an equilibrium, takes."""
VALUES = 6
"""The most values of one axis."""


@dataclass(frozen=True)
class GridAxis:
    """A slider or a choice.

    Attributes:
        row: of the menu of edits; at: the indices of the values that are offered, in order; own: the place of the
            scenario's own value among them.
    """

    row: MenuRow
    at: tuple[int, ...]

    @property
    def own(self) -> int:
        """The place of the scenario's own value among those that are offered."""
        return self.at.index(self.row.before)

    @property
    def labels(self) -> list[str]:
        """The values in words."""
        return [said(self.row.values[index]) for index in self.at]


@dataclass(frozen=True, eq=False)
class GridPoint:
    """What the plan does at one setting: its episode, or why there is none; and remarks."""

    episode: Episode | None
    fault: str = ""
    notes: tuple[str, ...] = ()


def grid_axes(scenario: Scenario, world: World, agent: int, states: int, hard: bool) -> list[GridAxis]:
    """The axes of a grid for a world with so many states: the longer it takes to solve, the fewer values they have.

    Each axis gets its most telling values first (its own, none, the ends), in turn, as long as the grid stays small:
    who oversees it first, and the discount last.
    """
    rows = [row for row in rows_of(scenario, world, agent, Edit()) if len(row.values) > 1]
    wanted = [_telling(row) for row in rows]
    order = sorted(range(len(rows)), key=lambda index: (not rows[index].body, rows[index].name.endswith(".discount")))
    most = min(max(WORK // (states * (HARDER if hard else 1)), FEWEST), POINTS)
    sizes, size = [1] * len(rows), 1
    grown = True
    while grown:
        grown = False
        for index in order:
            values = wanted[index]
            larger = size // sizes[index] * (sizes[index] + 1)
            if sizes[index] < min(len(values), VALUES) and larger <= most:
                sizes[index], size, grown = sizes[index] + 1, larger, True
    pairs = zip(rows, wanted, sizes, strict=True)
    return [GridAxis(row, tuple(sorted(values[:size]))) for row, values, size in pairs if size > 1]


def _telling(row: MenuRow) -> list[int]:
    """The indices of a row's values: its own, nothing, its ends, and what lies between."""
    last = len(row.values) - 1
    zero = [index for index, value in enumerate(row.values) if value == 0]
    between = [(row.before + last) // 2, row.before // 2, last // 2, last // 4, 3 * last // 4]
    return list(dict.fromkeys([row.before, *zero[:1], last, 0, *between, *range(last + 1)]))


def grid_points(
    scenario: Scenario,
    stage: str,
    axes: Sequence[GridAxis],
    moment: EpisodeMoment,
    agent: int,
    presets: Sequence[Overrides],
    report: Callable[[str], None],
) -> tuple[list[GridPoint], list[GridPoint]]:
    """The points of a grid, the last axis fastest, and those of some further settings.

    Args:
        scenario: as it is shown.
        stage: of it.
        axes: of the grid.
        moment: the start of the episode that is changed.
        agent: index of the agent that decides.
        presets: further settings, such as those of variants.
        report: told how far it is.
    """
    solver = WhatIfSolver(scenario, stage, scenario.document.runs.max_states)
    points: list[GridPoint] = []
    count = 1
    for axis in axes:
        count *= len(axis.at)
    for values in product(*(axis.at for axis in axes)):
        edit = Edit()
        for axis, value in zip(axes, values, strict=True):
            edit = axis.row.put(edit, value)
        points.append(_point(solver, edit, moment, agent))
        report(f"what if: setting {len(points)} of {count}")
    return points, [_preset(scenario, stage, each, moment.seed) for each in presets]


def _point(solver: WhatIfSolver, edit: Edit, moment: EpisodeMoment, agent: int) -> GridPoint:
    try:
        found = solver.suppose(edit, moment, agent)
    except UNSOLVED as fault:
        return GridPoint(None, _why(fault))
    return GridPoint(found.ahead, notes=found.notes)


def _preset(scenario: Scenario, stage: str, settings: Overrides, seed: int) -> GridPoint:
    """The episode that `watch --variant` shows for the same seed: a variant may change what no slider does."""
    try:
        return GridPoint(LiveShow(apply_overrides(scenario, settings), stage).episode(seed))
    except UNSOLVED as fault:
        return GridPoint(None, _why(fault))


def _why(fault: Exception) -> str:
    return fault.faults[0].message if isinstance(fault, ScenarioError) else str(fault)
