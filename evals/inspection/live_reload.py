"""Live reload: a scenario is read again whenever its file is saved, and the actions so far are replayed in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread

from watchfiles import watch

from ...envs.analysis.exact_plan import NOT_SOLVED
from ...scenarios.language.faults.faults import ScenarioError, render_all
from ...scenarios.language.loading import Scenario
from ..traces.episode import Episode
from .show_process import SubprocessShow

ENDINGS = (".yaml", ".yml")
"""Of files that are watched."""
LINES = 14
"""Lines of an error message that are shown, at most."""


@dataclass(frozen=True, eq=False)
class ReloadResult:
    """The result of reading a file again.

    Attributes:
        show: the new show; None where there is a fault or the scenario has not changed.
        episode: an episode in it: the actions so far, then its plan.
        replayed: the number of ticks that could be replayed.
        fault: lines on what is wrong; empty if nothing is.
    """

    show: SubprocessShow | None = None
    episode: Episode | None = None
    replayed: int = 0
    fault: tuple[str, ...] = ()


class LiveReloader:
    """Watches the files of a scenario in a background thread.

    Attributes:
        changes: the number of saves so far.
    """

    def __init__(self, load: Callable[[], Scenario], stage: str) -> None:
        """Watch the scenario that `load` returns; what that raises is raised here."""
        self._load, self._stage, self.changes = load, stage, 0
        self._folders: frozenset[Path] = frozenset()
        self._stop = Event()
        self._watch(load())

    def reload(self, number: int, episode: Episode | None, ticks: int, hash_: str) -> ReloadResult:
        """Read it again and replay the first `ticks` of an episode; `hash_` is that of the scenario now shown."""
        try:
            scenario = self._load()
        except ScenarioError as fault:
            return ReloadResult(fault=_lines("The file has a fault; the last good one is shown.", render_all(fault)))
        except OSError as fault:
            return ReloadResult(fault=_lines("The file cannot be read; the last good one is shown.", str(fault)))
        self._watch(scenario)
        if scenario.hash == hash_:
            return ReloadResult()
        if self._stage not in scenario.document.stages and not scenario.lives_in(self._stage):
            return ReloadResult(fault=(f"The file has no stage `{self._stage}` any more; the last good one is shown.",))
        named = () if episode is None else tuple(_named(episode, tick) for tick in range(ticks))
        try:
            show = SubprocessShow(scenario, self._stage, first=(number, named))
            played = show.episode(number)
        except (*NOT_SOLVED, ValueError) as fault:
            return ReloadResult(fault=_lines("The file cannot be played; the last good one is shown.", str(fault)))
        # The first tick whose actions differ from the shown episode ends the replay.
        kept = (tick for tick in range(played.length) if tick < ticks and _named(played, tick) != named[tick])
        return ReloadResult(show, played, next(kept, min(ticks, played.length)))

    def close(self) -> None:
        """Stop watching."""
        self._stop.set()

    def _watch(self, scenario: Scenario) -> None:
        """Watch the folders of all files of a scenario: many editors replace a file, which a watch on it would miss."""
        named = (Path(source.file).resolve().parent for source in scenario.source.sources)
        folders = frozenset(folder for folder in named if folder.is_dir())
        if folders == self._folders:
            return
        self._stop.set()
        # A watch cannot be given other folders, so another one takes its place.
        self._folders, self._stop = folders, Event()
        Thread(target=self._listen, args=(folders, self._stop), name="reloading", daemon=True).start()

    def _listen(self, folders: frozenset[Path], stop: Event) -> None:
        seen = watch(
            *folders,
            watch_filter=lambda _, path: path.endswith(ENDINGS),
            # Editors save in several steps; what changes within 100 ms counts once.
            debounce=100,
            step=25,
            stop_event=stop,
            rust_timeout=200,
            raise_interrupt=False,
            recursive=False,
        )
        for _ in seen:
            self.changes += 1


def _named(episode: Episode, tick: int) -> tuple[str, ...]:
    """The chosen actions of all agents in a tick, by name."""
    programs = episode.world.agents
    return tuple(program.actions[int(action)] for program, action in zip(programs, episode.chosen[tick], strict=True))


def _lines(title: str, text: str) -> tuple[str, ...]:
    lines = text.splitlines()
    return (title, *lines[:LINES], *(["..."] if len(lines) > LINES else []))
