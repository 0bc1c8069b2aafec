"""The exact plan in a process of its own, where solving takes long, so that a window stays responsive."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from functools import cached_property, lru_cache
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any

from ...envs.base import NotEnumerableError
from ...scenarios.language.loading import Scenario
from ..exact.solved_worlds import SolvedWorlds
from ..traces.episode import Episode
from ..traces.whole_life import WholeLife
from ..training.execution.parent_watch import end_with_parent, without_this_folder
from .lives.life_show import live_show
from .mind import Mind, ValueMap
from .show import ReplayPrefix

QUICK = 10_000
"""States that are solved in this process: that takes less time than starting another one."""


class SubprocessShow:
    """A `LiveShow` or `LifeShow` for a window: a world with many states is solved and queried in another process."""

    count: int | None = None

    def __init__(self, scenario: Scenario, stage: str, quick: int = QUICK, first: ReplayPrefix | None = None) -> None:
        """For one stage, which is solved at the first query: in this process if it has at most `quick` states."""
        self._local = live_show(scenario, stage, min(quick, scenario.document.runs.max_states), first)
        self.scenario, self.stage, self._first = scenario, self._local.stage, first
        self.world = self._local.world
        self._stages = SolvedWorlds(scenario)
        self._remote: RemoteObject | None = None

    @cached_property
    def _is_local(self) -> bool:
        """Whether it is solved in this process; else the other one is started."""
        try:
            return self._local.follower is not None
        except NotEnumerableError:
            self._remote = RemoteObject(_Numbered, self.scenario, self.stage, self._first)
            return False

    def episode(self, number: int) -> Episode:
        """See `Show`."""
        if self._is_local:
            return self._local.episode(number)
        found: Episode = self._ask_remote("episode", number)
        if isinstance(found, WholeLife):
            others = {span.world.stage: self._stages.world({}, span.world.stage) for span in found.spans}
            return found.within({**others, self.world.stage: self.world})
        return replace(found, world=self.world)

    def mind(self, episode: Episode, tick: int, agent: int) -> Mind | None:
        """See `Show`."""
        if self._is_local:
            return self._local.mind(episode, tick, agent)
        mind: Mind | None = self._ask_remote("mind", episode.seed, tick, agent)
        return mind

    def value_map(self, episode: Episode, tick: int, agent: int) -> ValueMap | None:
        """See `Show`."""
        if self._is_local:
            return self._local.value_map(episode, tick, agent)
        value_map: ValueMap | None = self._ask_remote("value_map", episode.seed, tick, agent)
        return value_map

    def close(self) -> None:
        """Terminate the other process, whatever it is doing."""
        if self._remote is not None:
            self._remote.close()

    def _ask_remote(self, what: str, *question: Any) -> Any:
        assert self._remote is not None
        return self._remote.ask(what, *question)


class _Numbered:
    """A `LiveShow` that is queried by an episode's number, so that no episode has to be sent to its process."""

    def __init__(self, scenario: Scenario, stage: str, first: ReplayPrefix | None) -> None:
        self._live = live_show(scenario, stage, first=first)
        self.episode = lru_cache(4)(self._live.episode)

    def mind(self, number: int, tick: int, agent: int) -> Mind | None:
        return self._live.mind(self.episode(number), tick, agent)

    def value_map(self, number: int, tick: int, agent: int) -> ValueMap | None:
        return self._live.value_map(self.episode(number), tick, agent)


class RemoteObject:
    """A proxy of an object in another process, which this program has started, so that it may unpickle its answers."""

    def __init__(self, make: Callable[..., Any], *args: Any) -> None:
        """Call `make(*args)` there; `ask` calls methods of what it returns."""
        context = get_context("spawn")  # forking a process with threads and a window can deadlock
        self._end, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(os.getpid(), theirs, make, args), daemon=True)
        with without_this_folder():
            self.process.start()
        theirs.close()  # else `recv` would wait for ever once the other process has ended

    def ask(self, what: str, *question: Any) -> Any:
        """Call the method `what` there and wait; an exception there is raised here."""
        self._end.send((what, question))
        try:
            fault, answer = self._end.recv()
        except EOFError:
            raise RuntimeError("the process that solves the world has ended") from None
        if fault is not None:
            raise fault
        return answer

    def close(self) -> None:
        """Terminate the process, whatever it is doing."""
        self.process.terminate()


def _serve(parent: int, questions: Connection, make: Callable[..., Any], args: tuple[Any, ...]) -> None:
    """The other process: answer questions until the pipe is closed, or the program has ended."""
    end_with_parent(parent, signalled=False)  # a window may ask for this process in any thread
    thing = make(*args)
    while True:
        try:
            what, question = questions.recv()
        except EOFError:
            return
        reply: tuple[Exception | None, Any]
        try:
            reply = (None, getattr(thing, what)(*question))
        except Exception as fault:
            reply = (fault, None)
        questions.send(reply)
