"""The batch stepper: B lanes of one world, stepped by the compiled kernel in buffers that are allocated once."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from ..base import Bits, Bools, Floats, Ints, Longs
from ..threads import helpers
from ..world.world import World
from . import interpreter as k
from .bytecode import STACK, assemble, flatten
from .observation import ObservationPlan

if TYPE_CHECKING:
    from .specialized import CompiledTick

_CONTENTS = (
    k.C_STATES, k.C_ACTIONS, k.C_EXECUTED, k.C_REWARDS, k.C_PERFORMANCE, k.C_EVENTS, k.C_ENDED, k.C_PAY, k.C_TERMINATED,
    k.C_TRUNCATED, k.C_AVAILABLE, k.C_LANES, k.C_CLOCK, k.C_TICKS, k.C_LEFT, k.C_BETWEEN, k.C_RETIRED,
)  # fmt: skip
"""The buffers of a stepper that outlast a call: what its future depends on, and what its last call said."""


class ObservationSink(Protocol):
    """Buffers that a stepper writes observations into, such as `adapters.spaces.ObservationBuffer`.

    Attributes:
        views: the addresses of the buffers, as `kernel.observation.encoder` gives them, for each stage of a life, or
            for the only stage; plans: what they were made of.
    """

    views: tuple[Longs, ...]
    plans: tuple[ObservationPlan, ...]

    def blank(self, rows: Longs) -> None:
        """Forget what lanes int64 `[n]` show: they are in another stage from now on."""


FEWEST_LANES = 2_048
"""Lanes for which another thread is worth the time that it takes to hand them over."""


class Stepper:
    """B lanes of one world in reused buffers; a lane begins a new episode when its owner resets it.

    Every lane has its own random stream, `world.randomness.SampledDraws(seed, lanes, clock)`, so that it depends
    neither on B nor on the other lanes. Each call overwrites the buffers: copy what has to last, and write into them
    rather than replace them.

    Attributes:
        world: the world that is stepped.
        states: int32 `[B, F]`. A lane is copied or restored by copying its row (and `clock`, for the same draws; and
            `ended` and `ticks`), and then calling `refresh`.
        actions: int32 `[B, N]`, the actions of `step` without an argument.
        executed: int32 `[B, N]`, the last actions after overrides, -1 where none.
        available: for each agent, bool `[B, A]`: its action mask in the states (`reference.action_mask.available`).
        rewards: float64 `[B, K]`; performance: float64 `[B]`, the hidden score; events: uint64 `[B]`: of the last call.
        pay: float64 `[B, N]`: each agent's scalar reward, its channels times the weights that they had when it chose;
            0 where the stage withholds rewards.
        ended: bool `[B]`: a rule ended the episode. Such a lane stays as it is until it is reset.
        terminated, truncated: bool `[B]`: a rule or the horizon ended the episode; its limit cut it off.
        lanes, clock, ticks: int64 `[B]`; `ticks` are those of the episode.
        left, between_events, retired: in a life, what `leave` has made of its lanes: int32 `[B, F]`, uint64 `[B]`, bool
            `[B]`; empty elsewhere.
    """

    def __init__(
        self,
        world: World,
        lanes: int,
        seed: int = 0,
        *,
        autoreset: bool = False,
        compiled: bool = False,
        threads: int = 1,
    ) -> None:
        """Buffers for B lanes; reset them before the first step.

        Args:
            world: to step.
            lanes: B.
            seed: of all draws.
            autoreset: a lane whose episode was over before a tick is reset instead of stepped, with reward 0.
            compiled: compile the tick for this world, at the first step, instead of interpreting it (`specialized`):
                about a second for each world, and some fifteen once. Nothing else changes. A program that is
                too long is interpreted all the same.
            threads: that step the lanes of a compiled tick together, where there are thousands of them.

        Raises:
            ValueError: fewer than one lane, or several threads for a tick that is interpreted.
            WorldTooLargeError: a table over the world's cells would not fit.
        """
        if lanes < 1:
            raise ValueError(f"a stepper needs at least one lane, not {lanes}")
        if threads > 1 and not compiled:
            raise ValueError("several threads step only a tick that is compiled; say `compiled=True` too")
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
        alive = lanes if world.life else 0
        self.left: Ints = np.zeros((alive, fields), np.int32)
        self.between_events: Bits = np.zeros(alive, np.uint64)
        self.retired: Bools = np.zeros(alive, np.bool_)
        available: Bools = np.ones((lanes, sum(world.action_counts)), np.bool_)
        self.available = tuple(np.split(available, np.cumsum(world.action_counts)[:-1], axis=1))
        self._count, self._all, self._selected = lanes, np.arange(lanes), np.arange(lanes)
        tables = assemble(world)
        memory, numbers = flatten(tables)
        now: Ints = np.full(tables.slot + 2 + 4 * agents * (1 + len(world.bodies)), -1, np.int32)
        stack, box = np.zeros(STACK + channels + 1), np.zeros(k.BOX, np.int64)
        self._context: Longs = np.zeros(k.CONTEXT, np.int64)
        self._arrays: dict[int, npt.NDArray[Any]] = {}
        buffers: dict[int, npt.NDArray[Any]] = {
            k.C_MEM: memory, k.C_NUM: numbers, k.C_STATES: self.states, k.C_ACTIONS: self.actions,
            k.C_EXECUTED: self.executed, k.C_REWARDS: self.rewards, k.C_PERFORMANCE: self.performance,
            k.C_EVENTS: self.events, k.C_ENDED: self.ended, k.C_PAY: self.pay, k.C_TERMINATED: self.terminated,
            k.C_TRUNCATED: self.truncated, k.C_AVAILABLE: available, k.C_LANES: self.lanes, k.C_CLOCK: self.clock,
            k.C_TICKS: self.ticks, k.C_LEFT: self.left, k.C_BETWEEN: self.between_events,
            k.C_RETIRED: self.retired, k.C_ROWS: self._all, k.C_NOW: now, k.C_STACK: stack, k.C_BOX: box,
        }  # fmt: skip
        for place, array in buffers.items():
            self._point(place, array)
        self._sink: ObservationSink | None = None
        self._view: tuple[ObservationPlan, Longs] | None = None
        self._wanted, self._threads = compiled, threads
        self._tick: CompiledTick | None = None
        self._context[k.C_FIELDS], self._context[k.C_COUNT] = fields, lanes
        self._context[k.C_LIMIT] = world.limit or 0 if world.horizon is None else 0
        self._context[k.C_HORIZON] = world.horizon or 0
        self._context[k.C_AUTORESET] = autoreset
        self._address = self._context.ctypes.data
        # The context is int64: the seed's 64 bits are written as they are, whatever their sign.
        self._seed = self._context[k.C_SEED : k.C_SEED + 1].view(np.uint64)
        self.seed(seed)

    def _point(self, place: int, array: npt.NDArray[Any]) -> None:
        """Tell the kernel the address of an array, and keep a reference so that it stays alive."""
        assert array.flags.c_contiguous  # addresses are computed from the shape alone
        self._arrays[place] = array
        self._context[place] = array.ctypes.data

    def __reduce__(self) -> tuple[Any, ...]:
        """Arguments and contents: a copy has buffers of its own and goes on exactly as this one would."""
        make = partial(
            Stepper, autoreset=bool(self._context[k.C_AUTORESET]), compiled=self._wanted, threads=self._threads
        )
        contents = {place: self._arrays[place] for place in _CONTENTS}
        return make, (self.world, self._count, int(self._seed[0])), (self._sink, contents)

    def __setstate__(self, state: tuple[ObservationSink | None, dict[int, npt.NDArray[Any]]]) -> None:
        """Fill the buffers, whose addresses stay, with those of the original."""
        sink, contents = state
        for place, array in contents.items():
            self._arrays[place][...] = array
        if sink is not None:
            self.observe_into(sink)

    def contents(self) -> dict[str, npt.NDArray[Any]]:
        """Copies of all that the lanes' future depends on, and of what the last call said, by name."""
        return {"seed": self._seed.copy(), **{str(place): self._arrays[place].copy() for place in _CONTENTS}}

    def restore(self, contents: Mapping[str, npt.NDArray[Any]]) -> None:
        """Go on exactly where `contents` was taken, of a stepper of the same world with as many lanes.

        Raises:
            ValueError, KeyError: they are those of another world, or of more or fewer lanes.
        """
        for place in _CONTENTS:
            if contents[str(place)].shape != self._arrays[place].shape:
                raise ValueError("these are the contents of a stepper of another world, or with other lanes")
        self._seed[...] = contents["seed"]
        for place in _CONTENTS:
            self._arrays[place][...] = contents[str(place)]
        self.refresh()

    def observe_into(self, sink: ObservationSink) -> None:
        """From now on, write observations into the buffers of a sink for B lanes."""
        self._sink = sink
        self._show(sink.plans[0], sink.views[0])

    def _show(self, plan: ObservationPlan, view: Longs) -> None:
        """Observe into the buffers of a view."""
        self._point(k.C_VIEW, view)
        self._view, self._tick = (plan, view), None

    def share(self, other: Stepper) -> None:
        """From now on, step the lanes of another stepper, of as many lanes and of a stage with the same fields.

        So the episodes of a life may be in several stages and yet in one batch. The seed stays this stepper's own.
        """
        for place in _CONTENTS:
            self._point(place, other._arrays[place])
        self.states, self.actions, self.executed, self.available = (
            other.states, other.actions, other.executed, other.available,
        )  # fmt: skip
        self.rewards, self.performance, self.pay, self.events = (
            other.rewards, other.performance, other.pay, other.events,
        )  # fmt: skip
        self.ended, self.terminated, self.truncated = other.ended, other.terminated, other.truncated
        self.lanes, self.clock, self.ticks = other.lanes, other.clock, other.ticks
        self.left, self.between_events, self.retired = other.left, other.between_events, other.retired

    def world_of(self, lane: int) -> World:
        """The world that a lane is in."""
        return self.world

    def seed(self, seed: int) -> None:
        """Restart the random stream of every lane."""
        self._seed[0] = seed & 0xFFFFFFFFFFFFFFFF
        self.clock[:] = 0

    def reset(self, rows: Longs | None = None) -> None:
        """Begin an episode in some lanes (int64 `[n]`, each once), or in all.

        Raises:
            IndexError: there is no such lane. Nothing was done.
        """
        self.run(k.START, rows)

    def refresh(self, rows: Longs | None = None) -> None:
        """Recompute action masks and observations after states were written from outside, in some lanes or in all."""
        self.run(k.REFRESH, rows)

    def run(self, what: int, rows: Longs | None = None) -> None:
        """Run one of the kernel's programs, by its number in `interpreter`, in some lanes or in all.

        Raises:
            IndexError: there is no such lane. Nothing was done.
        """
        if rows is None:
            self._play(what, self._count)
            return
        # The rows are copied into a buffer of the stepper: the kernel reads them by address, contiguous and as int64.
        if len(rows) > self._count:
            raise IndexError(f"{len(rows)} rows of {self._count} lanes")
        self._selected[: len(rows)] = rows
        self._context[k.C_ROWS] = self._selected.ctypes.data
        done = self._play(what, len(rows))
        self._context[k.C_ROWS] = self._all.ctypes.data
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
        over = self._play(k.TICK, self._count)
        if over < 0:
            self.refuse_actions()
        return over

    def _play(self, what: int, count: int) -> int:
        """As the kernel's `play`; a tick is the compiled one where that is wanted."""
        if not self._wanted or what != k.TICK:
            done: int = k.play(self._address, what, count)
            return done
        if self._tick is None:
            self._tick = self._compile()
            if self._tick is None:
                self._wanted, self._threads = False, 1
                return self._play(what, count)
        tick = self._tick
        if not tick.exist(self._address, count):
            return -1
        parts = min(self._threads, count // FEWEST_LANES)
        if parts < 2:
            return tick.tick(self._address, 0, count)
        (_, mine), *cuts = pairwise(count * part // parts for part in range(parts + 1))
        others = [helpers(self._threads - 1).submit(tick.tick, self._address, *cut) for cut in cuts]
        done = tick.tick(self._address, 0, mine)
        for other in others:
            done |= other.result()
        return done

    def _compile(self) -> CompiledTick | None:
        """The tick of this world as machine code; None, with a warning, where it is interpreted after all."""
        from .specialized import compiled_tick, why_not  # LLVM's own tools are loaded only where they are used

        tables = assemble(self.world)
        if why := why_not(tables):
            warnings.warn(f"the tick of `{self.world.name}` is interpreted, not compiled: {why}", stacklevel=4)
            return None
        memory, numbers = self._arrays[k.C_MEM], self._arrays[k.C_NUM]
        return compiled_tick(tables, memory, numbers, self._arrays[k.C_NOW].size, self._view)

    def refuse_actions(self) -> None:
        """Say which of the chosen actions there is not, if there is one.

        Raises:
            ValueError: there is one.
        """
        for number, agent in enumerate(self.world.agents):
            chosen, most = self.actions[:, number], len(agent.actions) - 1
            wrong = chosen[(chosen < 0) | (chosen > most)]
            if wrong.size:
                raise ValueError(f"no action {wrong[0]}; actions of `{agent.name}` are 0 to {most}")
