"""Many lanes of one world, stepped by the compiled kernel into buffers that are made once."""

from __future__ import annotations

import numpy as np

from .base import Bits, Bools, Floats, Ints, Longs
from .bytecode import assemble, flatten
from .kernel import START, TICK, run
from .world import World


class Stepper:
    """B lanes that go on for ever: whoever owns it says when a lane begins anew.

    Every lane has its own stream of chance, `chance.Sampled(seed, lanes, clock)`: what happens in a lane depends
    neither on B nor on the other lanes. The buffers are overwritten by each call; copy what must last.

    Attributes:
        world: that is stepped.
        states: int32 `[B, F]`. A lane is copied or restored by copying its row (and `clock`, for the same chance).
        executed: int32 `[B, N]`, the last actions after overrides, -1 where none.
        rewards: float64 `[B, K]`; performance: float64 `[B]`, the hidden score; events: uint64 `[B]`: of the last call.
        ended: bool `[B]`: the episode is over. Such a lane stays as it is until it is reset.
        lanes, clock: int64 `[B]`.
    """

    def __init__(self, world: World, lanes: int, seed: int = 0) -> None:
        """Buffers for B lanes; reset them before the first step.

        Raises:
            ValueError: fewer than one lane.
            TooLarge: a table over the world's cells would not fit.
        """
        if lanes < 1:
            raise ValueError(f"a stepper needs at least one lane, not {lanes}")
        self.world = world
        self._tables = flatten(assemble(world))
        self._all = np.arange(lanes)
        self.states: Ints = np.zeros((lanes, len(world.fields)), np.int32)
        self.executed: Ints = np.full((lanes, len(world.agents)), -1, np.int32)
        self.rewards: Floats = np.zeros((lanes, len(world.channels)))
        self.performance: Floats = np.zeros(lanes)
        self.events: Bits = np.zeros(lanes, np.uint64)
        self.ended: Bools = np.zeros(lanes, np.bool_)
        self.lanes: Longs = np.arange(lanes)
        self.clock: Longs = np.zeros(lanes, np.int64)
        self.seed(seed)

    def seed(self, seed: int) -> None:
        """Begin chance anew in every lane."""
        self._seed = np.uint64(seed & 0xFFFFFFFFFFFFFFFF)
        self.clock[:] = 0

    def reset(self, rows: Longs | None = None) -> None:
        """Begin an episode in some lanes (int64 `[n]`), or in all."""
        rows = self._all if rows is None else rows
        self._run(START, rows, self.executed)
        self.clock[rows] += 1

    def step(self, actions: Ints) -> None:
        """One tick of every lane; `actions` is int32 `[B, N]`."""
        self._run(TICK, self._all, actions)
        self.clock += 1

    def _run(self, program: int, rows: Longs, actions: Ints) -> None:
        run(
            *self._tables, program, rows, self.states, actions, self._seed, self.lanes, self.clock,
            self.states, self.executed, self.rewards, self.performance, self.events, self.ended,
        )  # fmt: skip
