"""Many lanes of one world, stepped by the compiled kernel into buffers that are made once."""

from __future__ import annotations

from typing import Any, NoReturn, Protocol

import numpy as np
import numpy.typing as npt

from ..base import Bits, Bools, Floats, Ints, Longs
from ..world.world import World
from . import interpreter as k
from .bytecode import STACK, assemble, flatten


class ObservationSink(Protocol):
    """What a stepper can observe into, such as `faces.spaces.Buffer`: a `filling.view`, and the arrays of it."""

    view: Longs


class Stepper:
    """B lanes that go on for ever, unless told to begin again: whoever owns it says when a lane begins anew.

    Every lane has its own stream of chance, `chance.Sampled(seed, lanes, clock)`: what happens in a lane depends
    neither on B nor on the other lanes. The buffers are overwritten by each call; copy what must last, and write into
    them rather than put others in their place.

    Attributes:
        world: that is stepped.
        states: int32 `[B, F]`. A lane is copied or restored by copying its row (and `clock`, for the same chance; and
            `ended` and `ticks`), and then `look`.
        actions: int32 `[B, N]`, what `step` does without an argument.
        executed: int32 `[B, N]`, the last actions after overrides, -1 where none.
        available: for each agent, bool `[B, A]`: what it can do in the states (`reference.available`).
        rewards: float64 `[B, K]`; performance: float64 `[B]`, the hidden score; events: uint64 `[B]`: of the last call.
        pay: float64 `[B, N]`: an agent's channels, each by the weight that it had when the agent chose; 0 where the
            stage withholds rewards.
        ended: bool `[B]`: a rule ended the episode. Such a lane stays as it is until it is reset.
        terminated, truncated: bool `[B]`: a rule or the horizon ended the episode; its limit cut it off.
        lanes, clock, ticks: int64 `[B]`; `ticks` are those of the episode.
    """

    def __init__(self, world: World, lanes: int, seed: int = 0, *, again: bool = False) -> None:
        """Buffers for B lanes; reset them before the first step.

        Args:
            world: to step.
            lanes: B.
            seed: of chance.
            again: a lane whose episode was over before the tick begins another instead: it is paid 0 for it.

        Raises:
            ValueError: fewer than one lane.
            WorldTooLargeError: a table over the world's cells would not fit.
        """
        if lanes < 1:
            raise ValueError(f"a stepper needs at least one lane, not {lanes}")
        agents, channels, fields = len(world.agents), len(world.channels), len(world.fields)
        self.world = world
        self.states: Ints = np.zeros((lanes, fields), np.int32)
        self.actions: Ints = np.zeros((lanes, agents), np.int32)
        self.executed: Ints = np.full((lanes, agents), -1, np.int32)
        self.rewards: Floats = np.zeros((lanes, channels))
        self.performance: Floats = np.zeros(lanes)
        self.pay: Floats = np.zeros((lanes, agents))
        self.events: Bits = np.zeros(lanes, np.uint64)
        self.ended: Bools = np.zeros(lanes, np.bool_)
        self.terminated: Bools = np.zeros(lanes, np.bool_)
        self.truncated: Bools = np.zeros(lanes, np.bool_)
        self.lanes: Longs = np.arange(lanes)
        self.clock: Longs = np.zeros(lanes, np.int64)
        self.ticks: Longs = np.zeros(lanes, np.int64)
        able: Bools = np.ones((lanes, sum(world.action_counts)), np.bool_)
        self.available = tuple(np.split(able, np.cumsum(world.action_counts)[:-1], axis=1))
        self._count, self._every, self._some = lanes, np.arange(lanes), np.arange(lanes)
        tables = assemble(world)
        memory, numbers = flatten(tables)
        now: Ints = np.full(tables.slot + 2 + 4 * agents * (1 + len(world.bodies)), -1, np.int32)
        stack, box = np.zeros(STACK + channels + 1), np.zeros(k.BOX, np.int64)
        self._context: Longs = np.zeros(k.CONTEXT, np.int64)
        self._kept: dict[int, npt.NDArray[Any]] = {}
        buffers: dict[int, npt.NDArray[Any]] = {
            k.C_MEM: memory, k.C_NUM: numbers, k.C_STATES: self.states, k.C_ACTIONS: self.actions,
            k.C_EXECUTED: self.executed, k.C_REWARDS: self.rewards, k.C_PERFORMANCE: self.performance,
            k.C_EVENTS: self.events, k.C_ENDED: self.ended, k.C_PAY: self.pay, k.C_TERMINATED: self.terminated,
            k.C_TRUNCATED: self.truncated, k.C_ABLE: able, k.C_LANES: self.lanes, k.C_CLOCK: self.clock,
            k.C_TICKS: self.ticks, k.C_ROWS: self._every, k.C_NOW: now, k.C_STACK: stack, k.C_BOX: box,
        }  # fmt: skip
        for place, array in buffers.items():
            self._point(place, array)
        self._watcher: ObservationSink | None = None
        self._context[k.C_FIELDS], self._context[k.C_COUNT] = fields, lanes
        self._context[k.C_LIMIT] = world.limit or 0 if world.horizon is None else 0
        self._context[k.C_HORIZON] = world.horizon or 0
        self._context[k.C_AGAIN] = again
        self._address = self._context.ctypes.data
        self.seed(seed)

    def _point(self, place: int, array: npt.NDArray[Any]) -> None:
        """Show the kernel where an array is, and keep hold of it."""
        assert array.flags.c_contiguous
        self._kept[place] = array
        self._context[place] = array.ctypes.data

    def __reduce__(self) -> NoReturn:
        """Refused: the kernel is given addresses, and a copy's would be the original's.

        Raises:
            TypeError: always.
        """
        raise TypeError("a stepper is neither copied nor pickled: make another and copy `states`, `clock` and `ticks`")

    def show(self, watcher: ObservationSink) -> None:
        """Observe into a watcher of B lanes whatever is done from now on."""
        self._watcher = watcher
        self._point(k.C_VIEW, watcher.view)

    def seed(self, seed: int) -> None:
        """Begin chance anew in every lane."""
        self._context[k.C_SEED : k.C_SEED + 1].view(np.uint64)[0] = seed & 0xFFFFFFFFFFFFFFFF
        self.clock[:] = 0

    def reset(self, rows: Longs | None = None) -> None:
        """Begin an episode in some lanes (int64 `[n]`, each once), or in all.

        Raises:
            IndexError: there is no such lane. Nothing was done.
        """
        self._do(k.START, rows)

    def look(self, rows: Longs | None = None) -> None:
        """Bring what is available and observed up to states that were written from outside, in some lanes or in all."""
        self._do(k.LOOK, rows)

    def _do(self, what: int, rows: Longs | None) -> None:
        if rows is None:
            k.play(self._address, what, self._count)
            return
        if len(rows) > self._count:
            raise IndexError(f"{len(rows)} rows of {self._count} lanes")
        self._some[: len(rows)] = rows
        self._context[k.C_ROWS] = self._some.ctypes.data
        done = k.play(self._address, what, len(rows))
        self._context[k.C_ROWS] = self._every.ctypes.data
        if done < 0:
            raise IndexError(f"lanes are 0 to {self._count - 1}, not {rows}")

    def step(self, actions: Ints | None = None) -> int:
        """One tick of every lane; `actions` are integers `[B, N]`, or those that were written into `actions`.

        Returns:
            1 if an episode ended, plus 2 if one was cut off.

        Raises:
            ValueError: there is no such action. Nothing was done.
        """
        if actions is not None:
            np.copyto(self.actions, actions)
        over: int = k.play(self._address, k.TICK, self._count)
        if over < 0:
            self._refuse()
        return over

    def _refuse(self) -> None:
        for number, agent in enumerate(self.world.agents):
            chosen, most = self.actions[:, number], len(agent.actions) - 1
            wrong = chosen[(chosen < 0) | (chosen > most)]
            if wrong.size:
                raise ValueError(f"no action {wrong[0]}; actions of `{agent.name}` are 0 to {most}")
