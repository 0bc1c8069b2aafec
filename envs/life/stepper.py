"""Lives in the compiled kernel: each lane is a life, whose episodes follow each other through the stages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from ..base import Bools, Ints, Longs
from ..kernel import interpreter as k
from ..kernel.batch_stepper import ObservationSink, Stepper
from ..world.compiler import CONTINUES
from ..world.randomness import categorical, uniform
from ..world.world import World

_PLACES = ("entry", "episode", "stage", "numbers", "goes_on", "life_over", "next_entry", "next_episode")
"""The arrays of a stepper of lives that its future depends on, beside those of any stepper."""


class LifeStepper(Stepper):
    """B lives of one scenario: `reset` goes on with a life whose episode is over, and else begins a new one.

    What comes between two episodes is decided as the first of them is over: whether another one follows, and what the
    rules `at: between` do. Its draws have the clock of the coming episode's start. No episode is ever cut off.

    Attributes:
        worlds: the stages of the life, each once, in the order in which the life first comes to them.
        stage: int64 `[B]`, the index of each lane's stage in `worlds`.
        entry, episode: int64 `[B]`, which entry of the life, and which of its episodes, from 0.
        numbers: int64 `[B, stages]`, how many episodes of each stage the life has begun.
        goes_on: bool `[B]`, the episode is over and another one follows; life_over: it was the last one.
        next_entry, next_episode: int64 `[B]`, those of the episode that follows.
    """

    def __init__(
        self,
        worlds: Sequence[World],
        lanes: int,
        seed: int = 0,
        *,
        autoreset: bool = False,
        compiled: bool = False,
        threads: int = 1,
    ) -> None:
        """Buffers for B lives; reset them before the first step.

        Args:
            worlds: see the attribute.
            lanes: B.
            seed: of all draws.
            autoreset: a lane whose episode was over before a tick goes on with its life, or begins a new one, instead.
            compiled: as for `Stepper`, each stage for itself.
            threads: as for `Stepper`.

        Raises:
            ValueError: as `Stepper`.
            WorldTooLargeError: a table over a world's cells would not fit.
        """
        self._stages: list[Stepper] = []
        super().__init__(worlds[0], lanes, seed, compiled=compiled, threads=threads)
        self.worlds, self.autoreset = tuple(worlds), autoreset
        for world in self.worlds:
            self._stages.append(Stepper(world, lanes, seed, compiled=compiled, threads=threads))
            self._stages[-1].share(self)
        names = [world.stage for world in self.worlds]
        self._entries = self.world.life
        self._entry_stages: Longs = np.array([names.index(entry.stage) for entry in self._entries])
        self._counted: Longs = np.array([-1 if e.episodes is None else e.episodes for e in self._entries])
        self._names = np.array(names)
        self.entry, self.episode, self.stage, self.next_entry, self.next_episode = (
            np.zeros(lanes, np.int64) for _ in range(5)
        )
        self.numbers: Longs = np.zeros((lanes, len(names)), np.int64)
        self.goes_on: Bools = np.zeros(lanes, np.bool_)
        self.life_over: Bools = np.zeros(lanes, np.bool_)

    def __reduce__(self) -> tuple[Any, ...]:
        """Arguments and contents: a copy goes on exactly as this one would."""
        make, (_, count, seed), (sink, contents) = super().__reduce__()
        make = partial(LifeStepper, autoreset=self.autoreset, compiled=self._wanted, threads=self._threads)
        places = {name: getattr(self, name).copy() for name in _PLACES}
        return make, (self.worlds, count, seed), (sink, contents, places)

    def __setstate__(self, state: Any) -> None:
        """Fill the buffers, whose addresses stay, with those of the original."""
        sink, contents, places = state
        super().__setstate__((sink, contents))
        for name in _PLACES:
            getattr(self, name)[...] = places[name]

    def contents(self) -> dict[str, npt.NDArray[Any]]:
        """See `Stepper.contents`."""
        return super().contents() | {name: getattr(self, name).copy() for name in _PLACES}

    def restore(self, contents: Mapping[str, npt.NDArray[Any]]) -> None:
        """See `Stepper.restore`.

        Raises:
            ValueError, KeyError: they are those of another world, or of more or fewer lanes.
        """
        for name in _PLACES:
            getattr(self, name)[...] = contents[name]
        for stage in self._stages:
            stage._seed[...] = contents["seed"]
        if self._sink is not None:
            self._sink.blank(self._all)
        super().restore(contents)

    def seed(self, seed: int) -> None:
        """Restart the random stream of every lane: its next reset begins a new life."""
        super().seed(seed)
        for stage in self._stages:
            stage.seed(seed)
        if self._stages:  # not yet while the buffers are made
            self.goes_on[:] = False

    def observe_into(self, sink: ObservationSink) -> None:
        """From now on, write observations into the buffers of a sink for B lanes, with a view for each stage."""
        self._sink = sink
        for stage, plan, view in zip(self._stages, sink.plans, sink.views, strict=True):
            stage._show(plan, view)

    def world_of(self, lane: int) -> World:
        """The stage that a lane is in."""
        return self.worlds[int(self.stage[lane])]

    @property
    def stage_names(self) -> npt.NDArray[np.str_]:
        """str `[B]`: the name of each lane's stage."""
        return np.asarray(self._names[self.stage])

    @property
    def episode_numbers(self) -> Longs:
        """int64 `[B]`: which episode of its stage each lane is in, counted from 1 over all entries of the stage."""
        return np.take_along_axis(self.numbers, self.stage[:, None], axis=1)[:, 0]

    def reset(self, rows: Longs | None = None) -> None:
        """Begin the next episode of a life in some lanes (int64 `[n]`, each once) or in all, or a new life.

        Raises:
            IndexError: there is no such lane. Nothing was done.
        """
        rows = self._all if rows is None else np.asarray(rows)
        if ((rows < 0) | (rows >= self._count)).any():
            raise IndexError(f"lanes are 0 to {self._count - 1}, not {rows}")
        on = self.goes_on[rows] & self.terminated[rows]
        new = rows[~on]
        self.entry[rows] = np.where(on, self.next_entry[rows], 0)
        self.episode[rows] = np.where(on, self.next_episode[rows], 0)
        self.numbers[new] = 0
        before, self.stage[rows] = self.stage[rows], self._entry_stages[self.entry[rows]]
        self.numbers[rows, self.stage[rows]] += 1
        if self._sink is not None and (moved := before != self.stage[rows]).any():
            self._sink.blank(rows[moved])
        self._in_each(rows[on], k.GO_ON)
        self._in_each(new, k.START)
        self.goes_on[rows] = self.life_over[rows] = False
        self.between_events[rows] = 0

    def refresh(self, rows: Longs | None = None) -> None:
        """See `Stepper.refresh`; what follows an episode that is over is settled anew."""
        rows = self._all if rows is None else np.asarray(rows)
        self.goes_on[rows] = self.life_over[rows] = False
        self._in_each(rows, k.REFRESH)
        self._settle(rows[self.terminated[rows]])

    def step(self, actions: Ints | None = None) -> int:
        """One tick of every lane whose episode goes on; see `Stepper.step`.

        Returns:
            1 if an episode ended, else 0.

        Raises:
            ValueError: there is no such action. Nothing was done.
        """
        if actions is not None:
            np.copyto(self.actions, actions)
        self.refuse_actions()
        over = self.terminated.copy()
        going = np.flatnonzero(~over)
        if over.any():
            done = np.flatnonzero(over)
            if self.autoreset:
                self.reset(done)
            else:  # nothing happens where an episode is over
                self.rewards[done] = self.pay[done] = self.performance[done] = 0.0
                self.events[done], self.executed[done] = 0, -1
        self.between_events[going] = 0
        self._in_each(going, k.TICK)
        ended = going[self.terminated[going]]
        self._settle(ended)
        return int(ended.size > 0)

    def _in_each(self, rows: Longs, what: int) -> None:
        """Run a program in the stage of each of some lanes."""
        stage = self.stage[rows]
        for number, stepper in enumerate(self._stages):
            here = rows[stage == number]
            if here.size:
                stepper.run(what, here)

    def _settle(self, rows: Longs) -> None:
        """Decide what follows the episodes that are over in some lanes, and do what comes between."""
        if not rows.size:
            return
        entry, episode = self.entry[rows], self.episode[rows]
        more = episode + 1 < self._counted[entry]
        for number in np.unique(entry[self._counted[entry] < 0]):
            here = np.flatnonzero(entry == number)
            more[here] = self._coin(rows[here], int(number))
        self.next_entry[rows] = np.where(more, entry, entry + 1)
        self.next_episode[rows] = np.where(more, episode + 1, 0)
        follows = self.next_entry[rows] < len(self._entries)
        self._in_each(rows[follows], k.BETWEEN)
        self.goes_on[rows] = follows & ~self.retired[rows]
        self.life_over[rows] = ~self.goes_on[rows]

    def _coin(self, rows: Longs, entry: int) -> Bools:
        """bool `[n]`: whether another episode of an entry follows in some lanes, where chance decides."""
        p = self._entries[entry].continues
        world = self.worlds[int(self._entry_stages[entry])]
        drawn = uniform(int(self._seed[0]), self.lanes[rows], self.clock[rows], world.draw_ids[CONTINUES])
        return categorical(np.array([[1 - p, p]]), drawn) == 1
