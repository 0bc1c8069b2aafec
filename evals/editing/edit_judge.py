"""Judges the text of an edited scenario: its faults, its states, what its exact plan does, and its origin."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from ...envs.analysis.exact_plan import NOT_SOLVED
from ...envs.analysis.origin_proof import OriginProof, prove_origin
from ...envs.analysis.performance_gap import analyse
from ...envs.time_limit import OutOfTimeError, time_limit
from ...envs.world.layouts import PlacementError
from ...envs.world.world import World
from ...scenarios.language.faults.faults import Fault, ScenarioError
from ...scenarios.language.loading import Scenario, apply_overrides, load_edited
from ...scenarios.language.names.overrides import Overrides
from ..exact.solved_worlds import SolvedWorlds
from ..inspection.background_thread import PATIENCE, BackgroundWorker
from ..inspection.show import LiveShow
from ..inspection.show_process import RemoteObject
from ..traces.episode import Episode

SECONDS = 30.0
"""How long solving an edited world may take."""
SHOWN = 6
"""How many events are named."""
CHECK_SECONDS = 10.0
"""How long each proof of the whole check may take."""


@dataclass(frozen=True, eq=False)
class EditJudgement:
    """What a text comes to.

    Attributes:
        faults: what is wrong in it, warnings among it; scenario: what it says, None where that cannot be read.
        states: of the stage that is shown; None where it is not enumerated.
        episode: of the exact plan, by the number that was asked for; None without a plan.
        origin: the proof of where its misalignment comes from; None where there is none.
        unsolved: why there is no plan, else empty.
    """

    faults: tuple[Fault, ...]
    scenario: Scenario | None = None
    states: int | None = None
    episode: Episode | None = None
    origin: OriginProof | None = None
    unsolved: str = ""

    @property
    def sound(self) -> bool:
        """Whether the text is a scenario that can be shown."""
        return self.scenario is not None and self.episode is not None

    @property
    def world(self) -> World | None:
        """The compiled stage; None without an episode."""
        return None if self.episode is None else self.episode.world


class EditJudge:
    """Judges texts of one file, in whatever process it lives."""

    def __init__(self, path: Path, stage: str, overrides: Overrides) -> None:
        """For one stage, under overrides of the command line or of a variant."""
        self._path, self._stage, self._overrides = path, stage, overrides
        self.judge = lru_cache(8)(self._judged)

    def _judged(self, content: str, number: int) -> EditJudgement:
        """The judgement of a text, with the episode of a number."""
        try:
            whole = load_edited(content, self._path)
            scenario = apply_overrides(whole, self._overrides)
        except ScenarioError as fault:
            return EditJudgement(fault.faults)
        if self._stage not in scenario.document.stages:
            return EditJudgement(whole.warnings, unsolved=f"there is no stage `{self._stage}` any more")
        worlds = SolvedWorlds(scenario)
        states, episode, unsolved = None, None, ""
        try:
            with time_limit(SECONDS):
                states = worlds.enumeration({}, self._stage).mdp.n_states
                episode = LiveShow(scenario, self._stage, worlds=worlds).episode(number)
        except ScenarioError as fault:
            return EditJudgement((*whole.warnings, *fault.faults), scenario)
        except (*NOT_SOLVED, OutOfTimeError, PlacementError, ValueError) as fault:
            unsolved = str(fault)
        return EditJudgement(whole.warnings, scenario, states, episode, self._origin(worlds), unsolved)

    def _origin(self, worlds: SolvedWorlds) -> OriginProof | None:
        """The proof of the origin, as `check` makes it; None where it cannot be made."""
        scenario = worlds.scenario
        stated, judged = scenario.document.origin, scenario.judged_stage
        gap, other = None, None
        try:
            with time_limit(SECONDS):
                train = worlds.enumeration({}, scenario.training_stage)
                if stated == "none":  # the absence of any misalignment is a matter of the judged stage too
                    other = worlds.enumeration({}, judged)
                    gap = analyse(worlds.best_plan({}, judged)).worst_gap
                return prove_origin(train, stated, other, gap)
        except (*NOT_SOLVED, ScenarioError, OutOfTimeError, PlacementError):
            return None

    def check(self, content: str) -> tuple[Fault, ...]:
        """Everything that `turncoat check` finds in a text: replays, rules that never fire, claims nobody can meet."""
        # It reads the tables of trained agents too, which no first picture waits for.
        from ..verdicts.pre_training_check import check_scenario

        try:
            scenario = load_edited(content, self._path)
        except ScenarioError as fault:
            return fault.faults
        return (*scenario.warnings, *check_scenario(scenario, CHECK_SECONDS).faults)


class BackgroundJudge:
    """An `EditJudge` for a window, which never waits: asked in a later frame again, it has the answer.

    It lives in a process of its own, so that a large world does not make the window falter.
    """

    def __init__(self, path: Path, stage: str, overrides: Overrides, wait: bool = False) -> None:
        """As `EditJudge`; with `wait`, every answer is waited for and made in this process (for a test)."""
        self._make = (path, stage, overrides)
        self._wait = wait
        self._judge: EditJudge | None = None
        self._remote: RemoteObject | None = None
        self._judged: BackgroundWorker[EditJudgement] = BackgroundWorker(64, patience=None if wait else PATIENCE)
        self._checked: BackgroundWorker[tuple[Fault, ...]] = BackgroundWorker(8, patience=None if wait else PATIENCE)

    def judge(self, content: str, number: int) -> EditJudgement | None:
        """The judgement of a text; None while it is being made. Texts that were asked for since are left out."""
        return self._judged.ask((content, number), lambda: self._ask("judge", content, number))

    def check(self, content: str) -> tuple[Fault, ...] | None:
        """See `EditJudge.check`; None while it is being made. It has a process of its own, for it takes long."""
        return self._checked.ask(content, lambda: self._check(content))

    def _ask(self, what: str, *question: object) -> EditJudgement:
        if self._wait:
            self._judge = self._judge or EditJudge(*self._make)
            return self._judge.judge(*question)
        try:
            if self._remote is None:
                self._remote = RemoteObject(EditJudge, *self._make)
            found: EditJudgement = self._remote.ask(what, *question)
        except (RuntimeError, OSError) as fault:  # the process has ended: another is started for the next question
            self._remote = None
            return EditJudgement((), unsolved=str(fault))
        return found

    def _check(self, content: str) -> tuple[Fault, ...]:
        if self._wait:
            return EditJudge(*self._make).check(content)
        checking = RemoteObject(EditJudge, *self._make)
        try:
            found: tuple[Fault, ...] = checking.ask("check", content)
        finally:
            checking.close()
        return found

    def close(self) -> None:
        """Stop working, and end the process."""
        self._judged.close()
        self._checked.close()
        if self._remote is not None:
            self._remote.close()


# ------------------------------------------------------------------ in words


def compared(before: EditJudgement, now: EditJudgement) -> tuple[str, ...]:
    """What an edit came to beside what was: the states, the ticks of events, the origin."""
    said = [_states(before, now)]
    if now.unsolved:
        said.append(now.unsolved)
    said += _events(before, now)
    if now.origin is not None:
        its = now.origin
        proof = {True: "proved", False: f"refuted, it is {its.proved}", None: "unproved"}[its.agrees]
        said.append(f"origin {its.stated}: {proof}")
    return tuple(each for each in said if each)


def _states(before: EditJudgement, now: EditJudgement) -> str:
    if now.states is None:
        return ""
    if before.states in (None, now.states):
        return f"{now.states:,} states"
    return f"{before.states:,} → {now.states:,} states"


def _events(before: EditJudgement, now: EditJudgement) -> list[str]:
    """The first tick of each event, before and now; those that did not move are left out unless none did."""
    if now.episode is None:
        return []
    old, new = _firsts(before.episode), _firsts(now.episode)
    names = dict.fromkeys((*old, *new))
    moved = [name for name in names if old.get(name) != new.get(name)] if before.episode is not None else []
    if not moved:
        same = ", as before" if before.episode is not None and before is not now else ""
        listed = ", ".join(f"{_plain(name)} at {tick}" for name, tick in list(new.items())[:SHOWN])
        return [f"{listed or 'no event'}{same}"]
    pairs = ((name, old.get(name), new.get(name)) for name in moved[:SHOWN])
    return [f"{_plain(name)} {_at(was)} → {_at(then, was is None)}" for name, was, then in pairs]


def _at(tick: int | None, whole: bool = True) -> str:
    return "never" if tick is None else f"at {tick}" if whole else str(tick)


def _firsts(episode: Episode | None) -> dict[str, int]:
    """The first tick of every event of an episode, its end among them, in order of time."""
    if episode is None:
        return {}
    names = dict.fromkeys(name for tick in episode.events for name in tick)
    firsts = {name: episode.ticks(name)[0] for name in names}
    if episode.ended is not None:
        firsts[f"ended ({episode.ended})"] = episode.length - 1
    return dict(sorted(firsts.items(), key=lambda pair: pair[1]))


def _plain(name: str) -> str:
    return name.replace("_", " ")
