"""Shows: episodes to watch with the thoughts in them, from a stored run or from the exact plan, played live."""

from __future__ import annotations

import os
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Final, Protocol, runtime_checkable

import numpy as np

from ...envs.analysis.exact_plan import ExactPlan
from ...envs.base import Ints, NotEnumerableError
from ...envs.world.world import World
from ...scenarios.deferred import pl
from ...scenarios.language.loading import Scenario
from ...scenarios.language.names.overrides import Overrides
from ..exact.solved_worlds import SolvedWorlds
from ..runs.reopen import command_for, fitting_world, reopen_scenario, scenario_of_trace
from ..runs.run_folder import StoredRun, load_run
from ..traces.episode import Episode, episode_of
from ..traces.provenance import RunError
from ..traces.trace import Trace, TraceError
from .exact_show import PlanFollower
from .mind import Mind, ValueMap, imagined_value_map, read_mind

ReplayPrefix = tuple[int, tuple[tuple[str, ...], ...]]
"""An episode's number and the actions of all agents in its first ticks, by name: a prefix that is to be replayed."""


NOBODY: Final = (
    "without an exact plan there is nobody to watch: `turncoat run` trains agents in it, and the run's folder can be"
    " watched"
)
"""What is said, after the reason, where there is no exact plan to be shown."""
SHIPPED_AGENTS: Final = {"deep": ".safetensors", "local_rules": ".npz"}
"""The agents of which a checkpoint may stand beside a scenario's file (see `learned_show`), with its ending."""


def shipped_checkpoint(scenario: Scenario, agent: str) -> Path | None:
    """The checkpoint `NAME.AGENT.ENDING` beside a scenario's file; None without one, or of any other agent."""
    path = Path(scenario.file).with_suffix(f".{agent}{SHIPPED_AGENTS.get(agent, '')}")
    return path if agent in SHIPPED_AGENTS and os.path.isfile(path) else None


def readable_checkpoint(scenario: Scenario, agent: str) -> Path | None:
    """As `shipped_checkpoint`; None also where it holds networks and torch, an optional package, is not there."""
    path = shipped_checkpoint(scenario, agent)
    return None if path is not None and path.suffix == ".safetensors" and find_spec("torch") is None else path


class Show(Protocol):
    """A source of episodes by number, and of the thoughts in them. Calls may take long; answers never change.

    Attributes:
        scenario, stage: what is shown; world: the stage compiled.
        count: the number of episodes, or None where any number can be played.
    """

    scenario: Scenario
    stage: str
    world: World
    count: int | None

    def episode(self, number: int) -> Episode:
        """An episode, from 0."""
        ...

    def mind(self, episode: Episode, tick: int, agent: int) -> Mind | None:
        """An agent's thought in a tick; None where it is not known."""
        ...

    def value_map(self, episode: Episode, tick: int, agent: int) -> ValueMap | None:
        """An agent's value map in a tick; None where it is not known."""
        ...


@runtime_checkable
class UnfoldingShow(Protocol):
    """A `Show` whose episodes can be seen while they are being played."""

    def beginning(self, number: int, ticks: int) -> Episode:
        """The first ticks of an episode: at least so many, where it has them; `complete` says whether it is whole."""
        ...


class LiveShow:
    """A `Show` of a stage's exact plan; an episode's number is its seed."""

    count: int | None = None

    def __init__(
        self,
        scenario: Scenario,
        stage: str,
        max_states: int | None = None,
        first: ReplayPrefix | None = None,
        worlds: SolvedWorlds | None = None,
    ) -> None:
        """For one stage, which is solved at the first query.

        Args:
            scenario: as it is shown.
            stage: of it.
            max_states: replaces the file's.
            first: what is replayed before the plan acts.
            worlds: those of the scenario, where others use them too, so that its plan is made once.
        """
        self.scenario, self.stage, self._first = scenario, stage, first
        self._worlds = SolvedWorlds(scenario, max_states) if worlds is None else worlds
        self.world = self._worlds.world({}, stage)

    @cached_property
    def follower(self) -> PlanFollower:
        """The player of the plan.

        Raises:
            NotEnumerableError: the world is too large; the message says what else can be done.
            ImproperDiscountError, NoFixedPointError: see `plan_exactly`.
        """
        return PlanFollower(solved(self._worlds, self.stage))

    def episode(self, number: int) -> Episode:
        """See `Show`."""
        if self._first is None or self._first[0] != number:
            return self.follower.episode(number)
        return self.follower.episode(number, first=indices_of(self.world, self._first[1]))

    def mind(self, episode: Episode, tick: int, agent: int) -> Mind | None:
        """See `Show`; where several agents are planned as one, they share one `Mind`."""
        if agent not in self.follower.deciding:
            return None
        return _followed(self.follower, episode.states[: tick + 1])

    def value_map(self, episode: Episode, tick: int, agent: int) -> ValueMap | None:
        """See `Show`."""
        return self.follower.value_map(episode.states[tick], tick, agent)


class TraceShow:
    """A `Show` of one trace."""

    def __init__(self, whole: Scenario, trace: Trace, name: str) -> None:
        """Open a trace.

        Args:
            whole: the scenario of the run that it is of.
            trace: the trace.
            name: by which it is told of.

        Raises:
            RunError: it does not fit the scenario.
            TraceError: it cannot be used.
        """
        self.name, self._trace = name, trace
        meta = trace.meta
        self.world = fitting_world(whole, self._trace)
        self.scenario, self.stage, self.agent = scenario_of_trace(whole, meta), meta.stage, meta.agent
        self._worlds = SolvedWorlds(self.scenario).with_agent(meta.agent)
        if self._trace.table.select(pl.len()).item() == 0:
            raise TraceError(f"{name}: holds no ticks")
        found = self._trace.table.select("seed", "episode").unique(maintain_order=True)
        self.keys: tuple[tuple[int, int], ...] = tuple(found.rows())
        self.count: int | None = len(self.keys)

    def episode(self, number: int) -> Episode:
        """See `Show`."""
        return episode_of(self.world, self._trace, *self.keys[number])

    def mind(self, episode: Episode, tick: int, agent: int) -> Mind | None:
        """See `Show`: what was recorded.

        Raises:
            TraceError: what was recorded cannot be read.
        """
        recorded = episode.thoughts[tick] if tick < len(episode.thoughts) else None
        if recorded is None or (text := recorded[agent]) is None:
            return None
        try:
            return read_mind(self.world, text, agent)
        except ValueError as fault:
            raise TraceError(f"{self.name}, episode {episode.number}, tick {tick}: {fault}") from fault

    def value_map(self, episode: Episode, tick: int, agent: int) -> ValueMap | None:
        """See `Show`: the exact planner's values, or those of a trained agent's imagined states."""
        if tick >= episode.length:
            return None
        if episode.agent == "exact" and (follower := self._follower) is not None:
            return follower.value_map(episode.states[tick], tick, agent)
        mind = self.mind(episode, tick, agent)
        return None if mind is None else imagined_value_map(self.world, mind, agent)

    @cached_property
    def _follower(self) -> PlanFollower | None:
        """The plan, solved again; None where the world has too many states."""
        try:
            return PlanFollower(self._worlds.plan({}, self.stage))
        except NotEnumerableError:
            return None


class RecordedShow(TraceShow):
    """A `Show` of one trace of a stored run."""

    def __init__(self, run: StoredRun, name: str) -> None:
        """Open one of the run's traces.

        Raises:
            RunError: there is no such trace, it does not fit the scenario that lies beside it, or that cannot be
                opened any more (see `reopen_scenario`).
            TraceError: it cannot be used.
        """
        trace = run.trace(name)
        super().__init__(reopen_scenario(run), trace, name)
        self._run = run

    @cached_property
    def command(self) -> str | None:
        """By what a command finds the scenario as it is written; see `command_for`."""
        return command_for(self._run)


def open_run(
    folder: Path, stage: str | None = None, agent: str | None = None, overrides: Overrides | None = None
) -> RecordedShow:
    """One trace of a run's folder: of the stage, the agent and the overrides that were asked for, the plainest.

    Raises:
        RunError: it is no run's folder, or has no such trace; and see `RecordedShow`.
        TraceError: see `RecordedShow`.
    """
    run = load_run(folder)
    settings = [f"{name}={value}" for name, value in (overrides or {}).items()]
    # Shortest first: it has the fewest overrides.
    for name in sorted(run.traces, key=len):
        played, _, rest = name.partition("-")
        fits = stage in (None, played) and agent in (None, rest.split("-")[0])
        # Between dashes, for `x=1` is also the beginning of `x=10`.
        if fits and all(f"-{setting}-" in f"{name}-" for setting in settings):
            return RecordedShow(run, name)
    asked = (
        stage and f"stage `{stage}`",
        agent and f"agent `{agent}`",
        ", ".join(setting.strip("-") for setting in settings),
    )
    wanted = " and ".join(word for word in asked if word)
    there_are = ", ".join(run.traces) or "none: nothing was recorded in this run"
    raise RunError(f"{folder}: no trace{' of ' if wanted else ''}{wanted}; there are {there_are}")


def open_trace(path: Path) -> RecordedShow:
    """A trace by its file, `RUN/traces/NAME.parquet`, as failures name it.

    Raises:
        RunError: there is none, or it is in no run's folder; and see `RecordedShow`.
        TraceError: see `RecordedShow`.
    """
    if not os.path.isfile(path):
        raise RunError(f"there is no trace {path}; `turncoat run` writes them, as RUN/traces/NAME.parquet")
    return RecordedShow(load_run(path.absolute().parent.parent), path.stem)


def solved(worlds: SolvedWorlds, stage: str) -> ExactPlan:
    """The exact plan of a stage at the scenario's own params.

    Raises:
        NotEnumerableError: with what to do instead.
        ImproperDiscountError, NoFixedPointError: see `plan_exactly`.
    """
    try:
        return worlds.plan({}, stage)
    except NotEnumerableError as fault:
        raise NotEnumerableError(f"{fault}; {NOBODY}") from None


def indices_of(world: World, named: tuple[tuple[str, ...], ...]) -> Ints:
    """int32 `[t, N]`: the indices of named actions, up to the first that the world does not have."""
    rows: list[list[int]] = []
    for row in named:
        if len(row) != len(world.agents):
            break
        if any(name not in program.actions for name, program in zip(row, world.agents, strict=True)):
            break
        rows.append([program.actions.index(name) for name, program in zip(row, world.agents, strict=True)])
    return np.array(rows, np.int32).reshape(len(rows), len(world.agents))


def _followed(follower: PlanFollower, states: Ints) -> Mind | None:
    try:
        return follower.mind(states)
    except KeyError:
        return None
