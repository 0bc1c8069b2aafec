"""Observation encoding for Gymnasium: planes of the board and a vector of counters, with exact bounds.

Two states have the same planes and counters exactly where `reference.observation.observe` gives them the same
observation. What cannot vary is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
import numpy.typing as npt
from gymnasium import spaces

from ...scenarios.errors import ArgumentError, UnknownNameError
from ..base import Ints, Longs
from ..kernel.observation import TIME, encode, encoder, plan
from ..world.geometry import DIRECTIONS
from ..world.world import Body, World, observed_name

Form: TypeAlias = Literal["planes", "flat", "image"]
Planes: TypeAlias = npt.NDArray[np.uint8]
Counters: TypeAlias = npt.NDArray[np.float32]

SMALLEST_IMAGE = 36
"""Pixels that Stable-Baselines3's own convolutions need at least."""


class ObservationEncoder:
    """Encodes one agent's observations of a world, in one of three forms.

    - `planes`: `{"board": uint8 [C, H, W] of 0 and 1, "counters": float32 [M] in their own units}`; a world without a
      board has no `board`, and one that shows nothing but the board no `counters`.
    - `flat`: float32 `[C * H * W + M]`, the same in one row, counters scaled to 0 to 1.
    - `image`: uint8 `[C + M, H * k, W * k]`, 0 or 255, each counter a plane of one grey; `k` makes both sides at least
      `SMALLEST_IMAGE` and larger than the number of planes, as Stable-Baselines3 tells channels by.

    With a window, H and W are its side, the agent is at its middle, and what lies off the board is wall.

    Attributes:
        plane_names: C names: `wall`, zones, then bodies (the agent's own among them unless it has a window).
        counter_names: M names: a number by its field (`power`), a word by field and word (`next_job=bench_1`).
        low, high: float32 `[M]`, bounds of the counters. They follow from what is declared, not from params.
        timed: whether there is a counter `time_left`: the stage has a horizon that the state does not contain.
        plan: the parts of an observation, for compiled code.
        space: the Gymnasium space of one observation.
    """

    def __init__(self, world: World, agent: int = 0, form: Form = "planes") -> None:
        """For one of the world's agents.

        Raises:
            ValueError: no such form.
        """
        if form not in get_args(Form):
            raise UnknownNameError("form", form, get_args(Form))
        self.form = form
        program, boards = world.agents[agent], world.boards
        own = world.bodies[program.body] if program.body >= 0 else None
        window = program.window or 0 if own is not None else 0
        bodies = [b for b in world.bodies if b.cell in program.sees and not (window and b is own)]
        _, first, appearances = np.unique(program.visible_layout, return_index=True, return_inverse=True)
        zones = np.moveaxis(world.zones_seen(agent), 0, 1)
        base = (
            np.concatenate([boards.walls[:, None], zones], axis=1)[first]
            if boards.nowhere
            else np.zeros((1, 0, 1), np.bool_)
        )
        self.plane_names = (
            ("wall", *world.zone_names_seen(agent), *(body.name for body in bodies)) if boards.nowhere else ()
        )
        entries, lists = _entries(world, agent, bodies, own if window else None)
        if not entries and not self.plane_names:  # no library takes an empty observation
            entries, lists = [("nothing", (world.ended, 0), -1, (0, 1))], [0.0] * world.fields[world.ended].size
        self.counter_names = tuple(name for name, _, _, _ in entries)
        self.low, self.high = (np.array([bounds[i] for *_, bounds in entries], np.float32) for i in (0, 1))
        ahead = len(entries)  # the list of values begins with each counter's lower bound
        rows = [(column, at + ahead if at >= 0 else -1, owner) for _, (column, at), owner, _ in entries]
        header = [boards.height, boards.width, window, world.layout, own.cell if own else -1, agent, world.horizon or 0]
        places = [(body.cell, body.carrier) for body in bodies]
        self.plan = plan(header, places, rows, appearances.tolist(), base, [*self.low.tolist(), *lists])
        self.timed = any(column == TIME for column, _, _ in rows)
        self.height, self.width = (window, window) if window else (boards.height, boards.width)
        # Stable-Baselines3 takes the smallest axis for the channels, so both sides have to exceed their number.
        least = max(SMALLEST_IMAGE, len(self.plane_names) + len(self.counter_names) + 1)
        self._scale = -(-least // max(min(self.height, self.width), 1))
        self.space = self._space()

    def widen(self, low: Counters, high: Counters) -> None:
        """Take wider bounds float32 `[M]` of the counters, which all stages of a life share."""
        self.low, self.high = low, high
        self.space = self._space()

    def planes(self, states: Ints) -> Planes:
        """uint8 `[B, C, H, W]` of 0 and 1, for states int32 `[B, F]`."""
        return self._fresh(states, np.zeros(states.shape[0], np.int64)).board

    def counters(self, states: Ints, ticks: Longs | None = None) -> Counters:
        """float32 `[B, M]`, for states int32 `[B, F]` and `ticks`, see `observe`."""
        return self._fresh(states, ticks).counters

    def observe(self, states: Ints, ticks: Longs | None = None) -> Any:
        """Fresh observations, in this encoder's form with B in front.

        Args:
            states: int32 `[B, F]`.
            ticks: int64 `[B]`, how many the episodes have had; needed only if the observer is `timed`.

        Raises:
            ValueError: they are needed and missing.
        """
        return self._fresh(states, ticks).batch(copy=False)

    def _fresh(self, states: Ints, ticks: Longs | None) -> ObservationBuffer:
        buffer = ObservationBuffer(self, states.shape[0])
        buffer.fill(states, ticks)
        return buffer

    def pack(self, board: Planes, counters: Counters) -> Any:
        """Planes uint8 `[..., C, H, W]` and counters float32 `[..., M]` in this form; copied unless `planes`."""
        if self.form == "planes":
            if not self.plane_names:
                return {"counters": counters}
            return {"board": board, "counters": counters} if self.counter_names else {"board": board}
        scaled = (counters - self.low) / (self.high - self.low)
        if self.form == "flat":
            out = np.zeros((*counters.shape[:-1], *(self.space.shape or ())), np.float32)
            cells = int(np.prod(board.shape[-3:]))
            out[..., :cells] = board.reshape(*board.shape[:-3], cells)
            out[..., cells : cells + scaled.shape[-1]] = scaled
            return out
        greys = np.rint(scaled * 255).astype(np.uint8)[..., None, None]
        greys = np.broadcast_to(greys, (*greys.shape[:-2], *board.shape[-2:]))
        small = np.concatenate([board * np.uint8(255), greys], axis=-3)
        return small.repeat(self._scale, axis=-2).repeat(self._scale, axis=-1)

    def _space(self) -> spaces.Space[Any]:
        planes, counters = len(self.plane_names), len(self.counter_names)
        cells = planes * self.height * self.width
        if self.form == "flat":
            return spaces.Box(0, 1, (cells + counters,), np.float32)
        if self.form == "image":
            if not planes:
                raise ValueError("a world without a board has no image; take the form `planes` or `flat`")
            sides = (self.height * self._scale, self.width * self._scale)
            return spaces.Box(0, 255, (planes + counters, *sides), np.uint8)
        parts: dict[str, spaces.Space[Any]] = {}
        if planes:
            parts["board"] = spaces.Box(0, 1, (planes, self.height, self.width), np.uint8)
        if counters:
            parts["counters"] = spaces.Box(self.low, self.high, dtype=np.float32)
        return spaces.Dict(parts)


def observers_of(worlds: Sequence[World], agent: int = 0, form: Form = "planes") -> tuple[ObservationEncoder, ...]:
    """The encoders of an agent's observations in the stages of a life (or the only stage), all of one space.

    Raises:
        ArgumentError: what the agent observes differs in kind from stage to stage.
        ValueError: no such form.
    """
    encoders = tuple(ObservationEncoder(world, agent, form) for world in worlds)
    first = encoders[0]
    for world, other in zip(worlds, encoders, strict=True):
        kinds = [(each.plane_names, each.counter_names, each.height, each.width) for each in (first, other)]
        if kinds[0] != kinds[1]:
            raise ArgumentError(
                f"in `{worlds[0].stage}` and in `{world.stage}` observations differ in kind, and one environment has "
                "one space of them; let the stages of the life hide the same (`hides`)"
            )
    if len(encoders) > 1:
        low = np.min([each.low for each in encoders], axis=0)
        high = np.max([each.high for each in encoders], axis=0)
        for each in encoders:
            each.widen(low, high)
    return encoders


class ObservationBuffer:
    """The observations of B lanes, updated in place.

    Attributes:
        board: uint8 `[B, C, H, W]`; counters: float32 `[B, M]`. Read only: an update writes just what has changed.
        views: for each stage the addresses of these arrays, for compiled code; valid as long as it lives; plans: what
            they were made of. See `Stepper.observe_into`.
    """

    def __init__(self, observer: ObservationEncoder, lanes: int, others: Sequence[ObservationEncoder] = ()) -> None:
        """For one stage, or for several, as `observers_of` gives their encoders."""
        shape = (lanes, len(observer.plane_names), observer.height, observer.width)
        self.board: Planes = np.zeros(shape, np.uint8)
        self.counters: Counters = np.zeros((lanes, len(observer.counter_names)), np.float32)
        self._observer, self._others = observer, tuple(others)
        self._marks: Ints = np.full((lanes, observer.plan.bodies + 1), -1, np.int32)
        flat = self.board.reshape(lanes, shape[1], shape[2] * shape[3])
        self.plans = tuple(each.plan for each in (observer, *others))
        self.views = tuple(encoder(plan, flat, self.counters, self._marks) for plan in self.plans)
        self._no_time: Longs = np.zeros(lanes, np.int64)

    def __reduce__(self) -> tuple[Any, ...]:
        """Arguments and contents: a copy has arrays of its own."""
        return (
            ObservationBuffer,
            (self._observer, len(self.board), self._others),
            (self.board, self.counters, self._marks),
        )

    def __setstate__(self, state: tuple[Planes, Counters, Ints]) -> None:
        """Fill the arrays, whose addresses stay, with those of the original."""
        self.board[...], self.counters[...], self._marks[...] = state

    def blank(self, rows: Longs) -> None:
        """Forget what lanes int64 `[n]` show: they are in another stage from now on."""
        self.board[rows], self._marks[rows] = 0, -1

    def fill(self, states: Ints, ticks: Longs | None = None, stage: int = 0) -> None:
        """Observe states int32 `[B, F]`, `ticks` int64 `[B]` into their episodes (see `ObservationEncoder.observe`).

        Lanes that were filled in another stage have to be forgotten first, by `blank`.

        Raises:
            ValueError: ticks are needed and missing, or there are not B states.
        """
        if ticks is None:
            if self._observer.timed:
                raise ValueError("a stage with a horizon shows the time: say how many ticks the episodes have had")
            ticks = self._no_time
        if states.shape[0] != len(self.board):
            raise ValueError(f"the buffer holds {len(self.board)} lanes, not {states.shape[0]}")
        encode(self.views[stage].ctypes.data, np.ascontiguousarray(states, np.int32), ticks)

    def batch(self, copy: bool = True) -> Any:
        """The observations with B in front; without `copy`, the form `planes` shows the buffers themselves."""
        if copy and self._observer.form == "planes":
            return self._observer.pack(self.board.copy(), self.counters.copy())
        return self._observer.pack(self.board, self.counters)

    def some(self, rows: Longs) -> list[Any]:
        """Fresh observations of some lanes, int64 `[n]`, one by one."""
        batch = self._observer.pack(self.board[rows], self.counters[rows])
        if isinstance(batch, dict):
            return [{name: part[i] for name, part in batch.items()} for i in range(len(rows))]
        return list(batch)

    def reader(self, lane: int) -> Callable[[], Any]:
        """A function that returns a fresh observation of one lane; its bound methods are quicker than indexing."""
        board, counters, observer = self.board[lane].copy, self.counters[lane].copy, self._observer
        if observer.form == "planes" and observer.plane_names and observer.counter_names:
            return lambda: {"board": board(), "counters": counters()}
        return lambda: observer.pack(board(), counters())


_Entry: TypeAlias = tuple[str, tuple[int, int], int, tuple[float, float]]
"""A counter: its name, (column, offset of its values in the list or -1), the body that it belongs to, its bounds."""


def _entries(world: World, agent: int, bodies: list[Body], own: Body | None) -> tuple[list[_Entry], list[float]]:
    """The counters that an agent observes, and the values that columns stand for; `own` if it has a window."""
    sees = world.agents[agent].sees
    owner = {c: bodies.index(b) if b in bodies else None for b in world.bodies for c in _belongings(b)} if own else {}
    if own is not None:
        owner |= dict.fromkeys(_belongings(own), -1)
    cells = {body.cell for body in world.bodies}
    entries: list[_Entry] = []
    lists: list[float] = []
    if world.horizon is not None and world.clock not in sees:
        entries.append(("time_left", (TIME, -1), -1, (0, world.horizon)))
    for column in sees:
        whose = owner.get(column, -1)
        size = world.fields[column].size
        if column in (*cells, world.layout, world.ended) or whose is None or size == 1:
            continue
        name, how = observed_name(world.fields[column].name), world.columns[world.fields[column].name]
        if words := _words(world, column):
            for word, text in enumerate(words):
                if text:
                    entries.append((f"{name}={text}", (column, len(lists)), whose, (0, 1)))
                    lists += [float(value == word) for value in range(size)]
        elif how.table is None:
            entries.append((name, (column, -1), whose, (how.low, how.low + size - 1)))
        elif how.table.min() < how.table.max():
            entries.append((name, (column, len(lists)), whose, (how.table.min(), how.table.max())))
            lists += how.table.tolist()
    return entries, lists


def _belongings(body: Body) -> tuple[int, ...]:
    """The columns of a body other than its cell."""
    return tuple(c for c in (body.facing, body.phase, body.carrier, *body.fields) if c >= 0)


def _words(world: World, column: int) -> tuple[str, ...]:
    """The names of a column's values, if they are not numbers; an empty name gets no counter of its own."""
    if any(column == body.facing for body in world.bodies):
        return tuple(DIRECTIONS)
    if any(column == body.carrier for body in world.bodies):
        names = ("", *(program.name for program in world.agents))
        return names[: world.fields[column].size]  # an enlisted thing carries nothing
    return world.columns[world.fields[column].name].words or ()
