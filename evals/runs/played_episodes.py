"""Episodes that somebody outside plays, action by action, and their judgement, as of the seeds of a trained agent.

Each seed is one episode: of the random numbers that an agent of Turncoat would meet in that seed's first episode.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np

from ...agents.base import AgentState
from ...agents.external.user_agent import UserAgent
from ...envs.analysis.exact_plan import NOT_SOLVED
from ...envs.base import Bools, Ints, Longs
from ...envs.reference.action_mask import available
from ...envs.reference.step import TickResult, reset, step
from ...envs.world.randomness import SampledDraws
from ...envs.world.world import World
from ...scenarios.errors import UsageError, check_name
from ...scenarios.language.expressions.parser import parsed_measure
from ..exact.solved_worlds import SolvedWorlds
from ..measures.contrasts import Contrast, Ends, Subject, ends_by_seed
from ..traces.provenance import library_versions, utc_now
from ..traces.rollout import simulate, trace_meta
from ..traces.trace import Trace, join_traces, trace_name
from ..verdicts.evidence import evidence_of
from ..verdicts.expectation import Judgement, correct, judge_seeds, not_applicable
from ..verdicts.work_units import ResolvedUnit, resolve_units
from .run import Run, RunSettings


def check_playable(world: World) -> None:
    """Checks that somebody can play the episodes of a stage.

    Raises:
        UsageError: the world has several agents, or the stage might never end.
    """
    if len(world.agents) != 1:
        raise UsageError(f"`{world.name}` has {len(world.agents)} agents, and one is played")
    if world.steps < 1:
        raise UsageError(f"stage `{world.stage}` has neither a limit nor a horizon, so an episode might never end")


class PlayedEpisode:
    """One episode of a stage with one agent, played action by action.

    Attributes:
        world: the compiled stage.
        seed: of the random numbers, those of the first episode of an agent's seed of this number.
        state: int32 `[F]`, the present one.
        actions: the indices of the actions so far.
        tick: the result of the last tick; that of the start before the first.
    """

    def __init__(self, world: World, seed: int) -> None:
        """Begin.

        Raises:
            UsageError: see `check_playable`.
        """
        check_playable(world)
        self.world, self.seed = world, seed
        self.actions: list[int] = []
        self.tick: TickResult = reset(world, self._draws())

    @property
    def state(self) -> Ints:
        """int32 `[F]`: the present state."""
        return np.asarray(self.tick.states[0])

    @property
    def over(self) -> bool:
        """Whether it has ended, or the stage's time is up."""
        return bool(self.tick.ended[0]) or len(self.actions) >= self.world.steps

    def available(self) -> tuple[str, ...]:
        """The names of the actions that are available now; none once it is over."""
        mask = available(self.world, self.tick.states)[0]
        names = self.world.agents[0].actions
        return () if self.over else tuple(name for name, can in zip(names, mask, strict=True) if can)

    def do(self, action: str) -> None:
        """Take an action for one tick.

        Raises:
            UsageError: it is not available now.
        """
        if action not in self.available():
            raise UsageError("the episode is over" if self.over else f"`{action}` is not available here")
        self.actions.append(self.world.agents[0].actions.index(action))
        chosen = np.array([[self.actions[-1]]], np.int32)
        self.tick = step(self.world, self.tick.states, chosen, self._draws())

    def _draws(self) -> SampledDraws:
        return SampledDraws(self.seed, np.zeros(1, np.int64), np.full(1, len(self.actions), np.int64))


@dataclass(frozen=True)
class PlayedEpisodes:
    """The episodes of one player in one stage of a scenario.

    Attributes:
        solved: worlds of the scenario, which has the overrides under which it was played.
        stage: the stage.
        player: the name under which the player is judged.
        actions: seed -> the names of the actions of its episode, to the episode's end or to where it was broken off.
    """

    solved: SolvedWorlds
    stage: str
    player: str
    actions: Mapping[int, Sequence[str]]

    def record(self) -> tuple[Trace | None, tuple[int, ...]]:
        """The trace of the finished episodes (None if there are none), and the seeds of the others.

        Raises:
            UsageError: an action is not one of the agent's, or was not available; the world has several agents.
        """
        world = self.solved.world({}, self.stage)
        check_playable(world)
        traces, unfinished = [], []
        for seed, names in sorted(self.actions.items()):
            for name in names:
                check_name("action", name, world.agents[0].actions)
            try:
                traces.append(_trace(self, world, seed, [world.agents[0].actions.index(name) for name in names]))
            except _BrokenOffError:
                unfinished.append(seed)
        return (join_traces(traces) if traces else None), tuple(unfinished)


def judge_played(played: PlayedEpisodes) -> Run:
    """Judge the episodes by the scenario's expectations, each episode as one seed of a trained agent.

    An episode that was broken off has no value in any measure, which counts as the worst for every claim. Expectations
    about another stage, variant or setting than was played are not applicable, as are those `across` several.

    Raises:
        UsageError: see `PlayedEpisodes.record`; or nothing was played.
    """
    if not played.actions:
        raise UsageError("no episode was played, so there is nothing to judge")
    started, solved, player = utc_now(), played.solved, played.player
    trace, unfinished = played.record()
    own = UserAgent(player, _Repeated(()))
    units = [unit for unit in resolve_units(solved, (player,), {player: own}) if unit.work.agent == player]
    claims = sum(_played_there(unit, played) for unit in units)
    judgements = correct([_judged(unit, played, trace, unfinished, max(claims, 1)) for unit in units])
    seeds = tuple(sorted(played.actions))
    traces = {} if trace is None else {trace_name(played.stage, player, {}): trace}
    settings = RunSettings(own=(own,), seeds=len(seeds), first_seed=seeds[0], episodes=1)
    return Run(solved.scenario, (player,), seeds, tuple(judgements), traces, started, utc_now(), settings)


def measured(played: PlayedEpisodes, measures: Sequence[str]) -> dict[str, dict[int, float]]:
    """Measures of each finished episode: measure, as written in a file, -> seed -> value.

    A measure without a value is left out, as is one that cannot be had: a regret of a stage that is not solved exactly.

    Raises:
        UsageError: see `PlayedEpisodes.record`.
    """
    trace, _ = played.record()
    found: dict[str, dict[int, float]] = {}
    if trace is not None:
        contrast = Contrast(Subject(played.player, played.stage, {}))
        for measure in measures:
            with suppress(*NOT_SOLVED):
                ends = ends_by_seed(played.solved, contrast, parsed_measure(measure), [trace])
                found[measure] = {seed: float(end[0]) for seed, end in ends.items() if end is not None}
    return found


def _played_there(unit: ResolvedUnit, played: PlayedEpisodes) -> bool:
    """Whether a unit asks for the stage and the settings that were played, and for nothing else."""
    if not unit.learned or len(unit.contrasts) != 1:
        return False
    sampled = [subject for subject in unit.contrasts[0].subjects if not subject.exact]
    return all(subject.stage == played.stage and not subject.overrides for subject in sampled)


def _judged(
    unit: ResolvedUnit,
    played: PlayedEpisodes,
    trace: Trace | None,
    unfinished: Sequence[int],
    claims: int,
) -> Judgement:
    if not _played_there(unit, played):
        where = f"only stage `{played.stage}` was played, as the file and the overrides have it"
        return not_applicable(unit.case, unit.ineligible or where)
    [contrast] = unit.contrasts
    ends: dict[int, Ends | None] = dict.fromkeys(unfinished)
    if trace is not None:
        recorded = [None if subject.exact else trace for subject in contrast.subjects]
        ends |= ends_by_seed(played.solved, contrast, unit.case.measure, recorded)
    judgement = judge_seeds(unit.case, [ends[seed] for seed in sorted(ends)], claims=claims, one_episode=True)
    if trace is None:
        return judgement
    name = trace_name(played.stage, played.player, {})
    evidence = evidence_of(unit.case.measure, trace)
    return replace(judgement, trace=name, first_seed=min(ends), evidence=evidence)


def _trace(played: PlayedEpisodes, world: World, seed: int, actions: Sequence[int]) -> Trace:
    scenario = played.solved.scenario
    meta = trace_meta(world, played.player, scenario.hash, scenario.overrides, library_versions())
    trace = simulate(world, [_Repeated(actions)], meta, episodes=1, seed=seed, lanes=1, thoughts=False)
    if trace.table.height < len(actions):
        raise UsageError(f"the episode of seed {seed} is over after {trace.table.height} of {len(actions)} actions")
    return trace


class _BrokenOffError(Exception):
    """The recorded actions do not reach the end of the episode."""


class _Repeated:
    """An agent that takes recorded actions, whatever it observes."""

    def __init__(self, actions: Sequence[int]) -> None:
        self._actions = actions

    def act(self, observation: Longs, state: AgentState, mask: Bools) -> tuple[Ints, AgentState]:
        """See `Agent.act`."""
        tick = 0 if state is None else int(np.asarray(state).item())
        if tick == len(self._actions):
            raise _BrokenOffError
        if not mask[0, self._actions[tick]]:
            raise UsageError(f"the action of tick {tick} is not available there")
        return np.full(len(observation), self._actions[tick], np.int32), np.array(tick + 1)
