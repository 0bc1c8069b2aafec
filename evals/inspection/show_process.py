"""The exact plan in a process of its own, where solving takes long: whoever watches meanwhile is not held up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cached_property, lru_cache
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any

from ...envs.base import NotEnumerableError
from ...scenarios.language.loading import Scenario
from ..traces.episode import Episode
from .mind import Mind, ValueMap
from .show import First, LiveShow

QUICK = 10_000
"""States that are solved on the spot: that takes less time than a new process."""


class SubprocessShow:
    """A `Show` like `LiveShow`, for a window: a world of many states is solved, and asked, in another process."""

    count: int | None = None

    def __init__(self, scenario: Scenario, stage: str, quick: int = QUICK, first: First | None = None) -> None:
        """For one stage; it is solved when something is first asked, here if it has at most `quick` states."""
        self.scenario, self.stage, self._first = scenario, stage, first
        self._near = LiveShow(scenario, stage, min(quick, scenario.document.runs.max_states), first)
        self.world = self._near.world
        self._far: RemoteObject | None = None

    @cached_property
    def _is_near(self) -> bool:
        """Whether it is solved here; else the other process is begun."""
        try:
            return self._near.follower is not None
        except NotEnumerableError:
            self._far = RemoteObject(_Numbered, self.scenario, self.stage, self._first)
            return False

    def episode(self, number: int) -> Episode:
        """See `Show`."""
        if self._is_near:
            return self._near.episode(number)
        return replace(self._asked("episode", number), world=self.world)

    def mind(self, episode: Episode, tick: int, agent: int) -> Mind | None:
        """See `Show`."""
        if self._is_near:
            return self._near.mind(episode, tick, agent)
        mind: Mind | None = self._asked("mind", episode.seed, tick, agent)
        return mind

    def value_map(self, episode: Episode, tick: int, agent: int) -> ValueMap | None:
        """See `Show`."""
        if self._is_near:
            return self._near.value_map(episode, tick, agent)
        value_map: ValueMap | None = self._asked("value_map", episode.seed, tick, agent)
        return value_map

    def close(self) -> None:
        """End the other process, whatever it is at."""
        if self._far is not None:
            self._far.close()

    def _asked(self, what: str, *question: Any) -> Any:
        assert self._far is not None
        return self._far.ask(what, *question)


class _Numbered:
    """A `LiveShow` that is asked by an episode's number, so that no episode has to be sent to it."""

    def __init__(self, scenario: Scenario, stage: str, first: First | None) -> None:
        self._live = LiveShow(scenario, stage, first=first)
        self.episode = lru_cache(4)(self._live.episode)

    def mind(self, number: int, tick: int, agent: int) -> Mind | None:
        return self._live.mind(self.episode(number), tick, agent)

    def value_map(self, number: int, tick: int, agent: int) -> ValueMap | None:
        return self._live.value_map(self.episode(number), tick, agent)


class RemoteObject:
    """An object in another process. It is this program's own, so what it sends may be unpickled."""

    def __init__(self, make: Callable[..., Any], *args: Any) -> None:
        """`make(*args)` is called there; its methods are asked for by name."""
        context = get_context("spawn")  # a fork of a process with threads and a window would be a gamble
        self._end, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs, make, args), daemon=True)
        self.process.start()
        theirs.close()

    def ask(self, what: str, *question: Any) -> Any:
        """Ask and wait; what goes wrong there is raised here."""
        self._end.send((what, question))
        try:
            fault, answer = self._end.recv()
        except EOFError:
            raise RuntimeError("the process that solves the world has ended") from None
        if fault is not None:
            raise fault
        return answer

    def close(self) -> None:
        """End the process, whatever it is at."""
        self.process.terminate()


def _serve(questions: Connection, make: Callable[..., Any], args: tuple[Any, ...]) -> None:
    """Answer questions until nobody asks any more."""
    thing = make(*args)
    while True:
        try:
            what, question = questions.recv()
        except (EOFError, KeyboardInterrupt):
            return
        reply: tuple[Exception | None, Any]
        try:
            reply = (None, getattr(thing, what)(*question))
        except Exception as fault:
            reply = (fault, None)
        questions.send(reply)
