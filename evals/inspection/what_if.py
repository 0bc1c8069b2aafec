"""Counterfactuals: the exact plan from the present state of an episode, with something in it edited by hand.

Whether the edited state is reachable does not matter: the world is enumerated from there.
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
"""Worlds and enumerations in the cache: a slider is moved back and forth."""

OverridePairs = tuple[tuple[str, object], ...]


@dataclass(frozen=True)
class Edit:
    """An edit of the present state and of the scenario's settings.

    Attributes:
        settings: dotted overrides, as in `with:`.
        places: (body, cell) of moved bodies.
        removed: bodies that are taken off the board.
    """

    settings: OverridePairs = ()
    places: tuple[tuple[str, int], ...] = ()
    removed: tuple[str, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether nothing is edited."""
        return not (self.settings or self.places or self.removed)

    def set(self, name: str, value: object) -> Edit:
        """This edit with a dotted override."""
        return replace(self, settings=tuple({**dict(self.settings), name: value}.items()))

    def unset(self, name: str) -> Edit:
        """This edit without an override."""
        return replace(self, settings=tuple(pair for pair in self.settings if pair[0] != name))

    def move(self, body: str, cell: int) -> Edit:
        """This edit with a body on another cell."""
        removed = tuple(name for name in self.removed if name != body)
        return replace(self, places=tuple({**dict(self.places), body: cell}.items()), removed=removed)

    def remove(self, body: str) -> Edit:
        """This edit with a body removed."""
        places = tuple(pair for pair in self.places if pair[0] != body)
        return replace(self, places=places, removed=tuple(dict.fromkeys((*self.removed, body))))

    def restore(self, body: str) -> Edit:
        """This edit with a body where it was."""
        return replace(
            self,
            places=tuple(pair for pair in self.places if pair[0] != body),
            removed=tuple(name for name in self.removed if name != body),
        )


@dataclass(frozen=True)
class EpisodeMoment:
    """The point in an episode from which a counterfactual starts.

    Attributes:
        state: F integers; tick: the ticks that have passed; seed, number: of the episode.
    """

    state: tuple[int, ...]
    tick: int
    seed: int
    number: int


@dataclass(frozen=True, eq=False)
class WhatIfResult:
    """The result of a counterfactual.

    Attributes:
        ahead: the episode from the edited state to its end; its first state is the edited one.
        mind, value_map: of the planner in that state; None for an agent that does not plan.
        notes: remarks, such as parts of the state that could not be kept.
    """

    ahead: Episode
    mind: Mind | None
    value_map: ValueMap | None
    notes: tuple[str, ...] = ()


class WhatIfPlanner:
    """Computes counterfactuals of one stage; where there are too many states to be quick, in another process."""

    def __init__(self, scenario: Scenario, stage: str, quick: int = QUICK) -> None:
        """For one stage; at most `quick` states are enumerated in this process."""
        self.scenario, self.stage, self._quick = scenario, stage, quick
        self._local = WhatIfSolver(scenario, stage, min(quick, scenario.document.runs.max_states))
        self._remote: RemoteObject | None = None

    def suppose(self, edit: Edit, moment: EpisodeMoment, agent: int) -> WhatIfResult:
        """The counterfactual of an edit.

        Raises:
            ValueError: the edit is not possible, or the episode is over; the message says why.
            ScenarioError: an override is wrong.
            NotEnumerableError, ImproperDiscountError, NoFixedPointError: it cannot be solved.
        """
        if self._remote is None:
            try:
                return self._local.suppose(edit, moment, agent)
            except NotEnumerableError:
                # The limit is the file's own, so that the other process would hit it too.
                if self.scenario.document.runs.max_states <= self._quick:
                    raise
                self._remote = RemoteObject(
                    WhatIfSolver, self.scenario, self.stage, self.scenario.document.runs.max_states
                )
        supposed: WhatIfResult = self._remote.ask("suppose", edit, moment, agent)
        return supposed

    def close(self) -> None:
        """Terminate the other process."""
        if self._remote is not None:
            self._remote.close()


class WhatIfSolver:
    """Compiles, enumerates and solves counterfactuals, in whatever process it lives."""

    def __init__(self, scenario: Scenario, stage: str, max_states: int) -> None:
        """For one stage; worlds with more than `max_states` states raise."""
        self._scenario, self._stage, self._max_states = scenario, stage, max_states
        # Caches of this object: decorated methods would keep every object alive.
        self._world = lru_cache(KEPT)(self._compiled)
        self._enumeration = lru_cache(KEPT)(self._enumerated)

    def suppose(self, edit: Edit, moment: EpisodeMoment, agent: int) -> WhatIfResult:
        """See `WhatIfPlanner.suppose`."""
        before, world = self._world(()), self._world(edit.settings)
        state, notes = transfer_state(np.array(moment.state, np.int32), before, world, edit.settings)
        for name in edit.removed:
            _remove(world, state, name)
        for name, cell in edit.places:
            _put(world, state, name, cell)
        left = world.steps - moment.tick  # a counterfactual ends when the episode would have
        if state[world.ended] or left <= 0:
            raise ValueError("the episode is over: there is nothing left to plan")
        key = tuple(int(value) for value in state)
        # Enumerated for the weights of the file and then given this world, for the enumeration does not depend on them.
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
        """The overrides that change transitions, not only weights: edits that agree in them share an enumeration."""
        # Weights that are fields of the state (editable ones) are part of the transitions too.
        settled = any(column >= 0 for program in world.agents for column in program.weight_columns)
        agents = self._scenario.document.agents
        return tuple(pair for pair in edit.settings if settled or pair[0].split(".")[0] not in agents)

    def _enumerated(self, kept: OverridePairs, state: tuple[int, ...], left: int) -> Enumeration:
        world = _shortened(self._world(kept), left)
        return enumerate_world(world, self._max_states, np.array([state], np.int32))


def transfer_state(
    state: Ints, before: World, after: World, settings: OverridePairs = ()
) -> tuple[Ints, tuple[str, ...]]:
    """A state int32 `[F]` of one world as a state of another version of it, and notes on what could not be kept.

    Fields are matched by name, cells by row and column, values by their meaning. Weights that the settings override and
    fields that only the other world has, get their start values.

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
    """The stored number of the same value in the other world; of the nearest one, with a note, if there is none."""
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


def _remove(world: World, state: Ints, name: str) -> None:
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
    _remove(world, state, name)
    # It was removed first, so that nobody carries it and it is not in its own way.
    if not 0 <= cell < world.boards.nowhere or _walled(world, state, cell):
        raise ValueError(f"{name} cannot stand in a wall")
    for other in world.bodies:
        if other is not body and state[other.cell] == cell and _in_the_way(body, other):
            raise ValueError(f"{name} cannot stand on {other.name}")
    state[body.cell] = cell


def _in_the_way(body: Body, other: Body) -> bool:
    # What is solid by a condition may share the cell in a state in which that does not hold.
    solid, stops = body.solid is True, other.solid is True and other.may_block(body)
    return (solid and (stops or other.is_agent)) or (body.is_agent and stops)


def _shortened(world: World, left: int) -> World:
    """The world with an episode of `left` ticks."""
    if world.horizon is not None:
        return replace(world, horizon=left)
    return replace(world, limit=left)


def difference(before: Mapping[str, object], edit: Edit) -> tuple[str, ...]:
    """An edit in words; `before` has the present settings."""
    said = [f"{_plain(name)} {_plain(before.get(name))} → {_plain(value)}" for name, value in edit.settings]
    said += [f"{_plain(name)} removed" for name in edit.removed]
    said += [f"{_plain(name)} moved" for name, _ in edit.places]
    return tuple(said)


def _plain(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value).replace("_", " ")
