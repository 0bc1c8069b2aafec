"""What if: the exact plan again, from the present state of an episode, with something in it changed by hand.

Nothing here asks whether the changed state could have come about: it is enumerated from there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from ...envs.base import Ints, NotEnumerableError
from ...envs.mdp.enumeration import Enumeration, enumerate_world
from ...envs.world.compiler import compile_world
from ...envs.world.world import Body, StateColumn, World
from ...scenarios.language.loading import Scenario, apply_overrides
from ..exact.planned_policy import plan_as_agent
from ..traces.episode import Episode
from .exact_show import PlanFollower
from .mind import Mind, ValueMap
from .show_process import QUICK, RemoteObject

KEPT = 16
"""Worlds and enumerations that are kept: a slider goes back and forth."""

OverridePairs = tuple[tuple[str, object], ...]


@dataclass(frozen=True)
class Edit:
    """What is changed by hand.

    Attributes:
        settings: dotted overrides, as in `with:`.
        places: (body, cell) of those that are moved.
        gone: bodies that are taken off the board.
    """

    settings: OverridePairs = ()
    places: tuple[tuple[str, int], ...] = ()
    gone: tuple[str, ...] = ()

    @property
    def empty(self) -> bool:
        """Nothing is changed."""
        return not (self.settings or self.places or self.gone)

    def set(self, name: str, value: object) -> Edit:
        """The same, with a dotted override."""
        return replace(self, settings=tuple({**dict(self.settings), name: value}.items()))

    def unset(self, name: str) -> Edit:
        """The same, without an override."""
        return replace(self, settings=tuple(pair for pair in self.settings if pair[0] != name))

    def move(self, body: str, cell: int) -> Edit:
        """The same, with a body on another cell."""
        gone = tuple(name for name in self.gone if name != body)
        return replace(self, places=tuple({**dict(self.places), body: cell}.items()), gone=gone)

    def remove(self, body: str) -> Edit:
        """The same, without a body."""
        places = tuple(pair for pair in self.places if pair[0] != body)
        return replace(self, places=places, gone=tuple(dict.fromkeys((*self.gone, body))))

    def restore(self, body: str) -> Edit:
        """The same, with a body where it is."""
        return replace(
            self,
            places=tuple(pair for pair in self.places if pair[0] != body),
            gone=tuple(name for name in self.gone if name != body),
        )


@dataclass(frozen=True)
class EpisodeMoment:
    """The place in an episode from which something is supposed.

    Attributes:
        state: F integers, the present one; tick: how many have passed; seed, number: of the episode.
    """

    state: tuple[int, ...]
    tick: int
    seed: int
    number: int


@dataclass(frozen=True, eq=False)
class WhatIfResult:
    """What would be.

    Attributes:
        ahead: the episode from the changed state on, to its end; its first state is the changed one.
        mind: what the planner thinks in it; outlook: what its values say; None for an agent that does not plan.
        notes: what is to be kept in mind about it.
    """

    ahead: Episode
    mind: Mind | None
    value_map: ValueMap | None
    notes: tuple[str, ...] = ()


class WhatIfPlanner:
    """Answers what-ifs about one stage; where there are too many states to be quick, in another process."""

    def __init__(self, scenario: Scenario, stage: str, quick: int = QUICK) -> None:
        """For one stage; at most `quick` states are enumerated here."""
        self.scenario, self.stage, self._quick = scenario, stage, quick
        self._near = WhatIfSolver(scenario, stage, min(quick, scenario.document.runs.max_states))
        self._far: RemoteObject | None = None

    def suppose(self, edit: Edit, moment: EpisodeMoment, agent: int) -> WhatIfResult:
        """What would be after an edit.

        Raises:
            ValueError: the state cannot be changed so, or the episode is over; the message says why.
            ScenarioError: an override is wrong.
            NotEnumerableError, ImproperDiscountError, NoFixedPointError: it cannot be solved.
        """
        if self._far is None:
            try:
                return self._near.suppose(edit, moment, agent)
            except NotEnumerableError:
                if self.scenario.document.runs.max_states <= self._quick:
                    raise
                self._far = RemoteObject(
                    WhatIfSolver, self.scenario, self.stage, self.scenario.document.runs.max_states
                )
        supposed: WhatIfResult = self._far.ask("suppose", edit, moment, agent)
        return supposed

    def close(self) -> None:
        """End the other process."""
        if self._far is not None:
            self._far.close()


class WhatIfSolver:
    """Compiles, enumerates and solves what is supposed."""

    def __init__(self, scenario: Scenario, stage: str, max_states: int) -> None:
        """For one stage; more states than `max_states` are refused."""
        self._scenario, self._stage, self._max_states = scenario, stage, max_states
        self._world = lru_cache(KEPT)(self._compiled)
        self._enumeration = lru_cache(KEPT)(self._enumerated)

    def suppose(self, edit: Edit, moment: EpisodeMoment, agent: int) -> WhatIfResult:
        """See `WhatIfPlanner.suppose`."""
        before, world = self._world(()), self._world(edit.settings)
        state, notes = carried(np.array(moment.state, np.int32), before, world, edit.settings)
        for name in edit.gone:
            _take_away(world, state, name)
        for name, cell in edit.places:
            _put(world, state, name, cell)
        left = world.steps - moment.tick
        if state[world.ended] or left <= 0:
            raise ValueError("the episode is over: there is nothing left to plan")
        key = tuple(int(value) for value in state)
        enumeration = replace(self._enumeration(self._kept(edit, world), key, left), world=_shortened(world, left))
        plan = plan_as_agent(enumeration, (), self._max_states)
        if plan.aliased:
            notes += ("it is taken to know the present state, though it does not see all of it",)
        follower = PlanFollower(plan)
        return WhatIfResult(
            ahead=follower.onwards(state, moment.seed, moment.number, moment.tick),
            mind=follower.mind(state[None]) if agent in follower.deciding else None,
            value_map=follower.value_map(state, 0, agent),
            notes=notes,
        )

    def _compiled(self, settings: OverridePairs) -> World:
        return compile_world(apply_overrides(self._scenario, dict(settings)), self._stage)

    def _kept(self, edit: Edit, world: World) -> OverridePairs:
        """The overrides that change more than what an agent wants: for all others, one enumeration will do."""
        settled = any(column >= 0 for program in world.agents for column in program.weight_columns)
        agents = self._scenario.document.agents
        return tuple(pair for pair in edit.settings if settled or pair[0].split(".")[0] not in agents)

    def _enumerated(self, kept: OverridePairs, state: tuple[int, ...], left: int) -> Enumeration:
        world = _shortened(self._world(kept), left)
        return enumerate_world(world, self._max_states, np.array([state], np.int32))


def carried(state: Ints, before: World, after: World, settings: OverridePairs = ()) -> tuple[Ints, tuple[str, ...]]:
    """A state int32 `[F]` of one world as a state of another version of it, and what could not be kept.

    Fields go by their names, cells by row and column, values by what they stand for; weights that are set anew are what
    they are set to, and what the other world has more of begins there as it always does.

    Raises:
        ValueError: a body would stand in a wall.
    """
    start = {name: column.start for name, column in after.columns.items()}
    out = np.array([start.get(each.name, 0) for each in after.fields], np.int32)
    notes: list[str] = []
    cells = {body.cell for body in after.bodies}
    names = [each.name for each in before.fields]
    fresh = {name for name, _ in settings}
    for number, each in enumerate(after.fields):
        if each.name not in names or each.name in fresh:
            continue
        stored = int(state[names.index(each.name)])
        if number in cells:
            out[number] = _same_cell(stored, before, after)
        elif number == after.ended:
            out[number] = after.reasons.index(before.reasons[stored - 1]) + 1 if stored else 0
        else:
            out[number] = _same_value(each.name, stored, before, after, each.size, notes)
    _check_walls(after, out)
    return out, tuple(notes)


def _same_cell(cell: int, before: World, after: World) -> int:
    if cell == before.boards.nowhere:
        return after.boards.nowhere
    row, column = divmod(cell, before.boards.width)
    if row >= after.boards.height or column >= after.boards.width:
        raise ValueError(f"row {row}, column {column} is not on the board any more")
    return row * after.boards.width + column


def _same_value(name: str, stored: int, before: World, after: World, size: int, notes: list[str]) -> int:
    """What is stored there for the same value; the nearest, with a note, where that cannot be."""
    old, new = before.columns.get(name), after.columns.get(name)
    if old is None or new is None:
        return min(stored, size - 1)
    if new.words is not None or new.table is not None:
        values, value = _values(new), _values(old)[stored]
        if value in values:
            return values.index(value)
        notes.append(f"{name} cannot be {value} then; it begins anew")
        return new.start
    wanted = stored + old.low - new.low
    found = min(max(wanted, new.least), new.most)
    if found != wanted:
        notes.append(f"{name} cannot be {wanted + new.low} then; it is {found + new.low}")
    return found


def _values(column: StateColumn) -> list[object]:
    if column.words is not None:
        return list(column.words)
    return [] if column.table is None else [float(value) for value in column.table]


def _check_walls(world: World, state: Ints) -> None:
    for body in world.bodies:
        if state[body.cell] != world.boards.nowhere and _walled(world, state, int(state[body.cell])):
            raise ValueError(f"{body.name} would stand in a wall")


def _walled(world: World, state: Ints, cell: int) -> bool:
    layout = int(state[world.layout]) if world.layout >= 0 else 0
    return bool(world.boards.walls[layout, cell])


def _take_away(world: World, state: Ints, name: str) -> None:
    body = world.bodies[world.body_index[name]]
    state[body.cell] = world.boards.nowhere
    if body.carrier >= 0:
        state[body.carrier] = 0


def _put(world: World, state: Ints, name: str, cell: int) -> None:
    """Put a body on a cell.

    Raises:
        ValueError: something is in the way.
    """
    body = world.bodies[world.body_index[name]]
    _take_away(world, state, name)
    if not 0 <= cell < world.boards.nowhere or _walled(world, state, cell):
        raise ValueError(f"{name} cannot stand in a wall")
    for other in world.bodies:
        if other is not body and state[other.cell] == cell and _in_the_way(body, other):
            raise ValueError(f"{name} cannot stand on {other.name}")
    state[body.cell] = cell


def _in_the_way(body: Body, other: Body) -> bool:
    return (body.solid and (other.solid or other.is_agent)) or (body.is_agent and other.solid)


def _shortened(world: World, left: int) -> World:
    """The world with `left` ticks to go."""
    if world.horizon is not None:
        return replace(world, horizon=left)
    return replace(world, limit=left)


def difference(before: Mapping[str, object], edit: Edit) -> tuple[str, ...]:
    """An edit in words; `before` has what the settings are now."""
    said = [f"{_plain(name)} {_plain(before.get(name))} → {_plain(value)}" for name, value in edit.settings]
    said += [f"{_plain(name)} removed" for name in edit.gone]
    said += [f"{_plain(name)} moved" for name, _ in edit.places]
    return tuple(said)


def _plain(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value).replace("_", " ")
