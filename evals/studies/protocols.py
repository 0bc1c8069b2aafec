"""Protocols for an untrusted agent: the exact front of safety and usefulness for each budget of audits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

import numpy as np

from ...envs.analysis.dataframes import frame, html
from ...envs.analysis.performance_gap import Range, performance_mdp
from ...envs.analysis.tie_ranges import expectation_range
from ...envs.base import Longs, NotEnumerableError
from ...envs.control_games.control_game import ControlGame
from ...envs.control_games.sequence_form import sequence_form_front
from ...envs.control_games.sighted_protocols import sighted_front
from ...envs.mdp.enumeration import Enumeration
from ...envs.solvers.dynamic_programming import backward_induction
from ...scenarios.arguments import check_paths, settle_counts, settle_numbers, shown, whole_number
from ...scenarios.deferred import pl
from ...scenarios.errors import ArgumentError, UsageError, WorldError, check_name
from ...scenarios.language.loading import Scenario
from ..exact.solved_worlds import WHOLE_LIFE, SolvedWorlds, asked_stage
from ..measures.outcomes import OutcomeCriteria, check_losses, clean_range, harm_of_outcomes, seed_outcomes
from ..runs.reopen import reopen_scenario, world_of
from ..runs.run_folder import load_run
from ..training.spec import has_performance
from .control import ControlSettings, MissingPerformanceError, control_of

if TYPE_CHECKING:
    from ..traces.trace import Trace

Sees: TypeAlias = Literal["state", "clock"]
MOST_AUDITS: Final = 20


@dataclass(frozen=True)
class ProtocolSettings:
    """What the designers have.

    Attributes:
        audits: budgets, each of which has a front.
        trusted: the trusted agent: an action that it always does (any other where that is not available), or how many
            ticks ahead it looks when it plans for the performance.
        sees: whether the protocol sees the `state`, or knows but the `clock` and what its audits found.
        hand_over: whether the trusted agent acts for the rest of the episode once it acts; None: where only the clock
            is seen.
        catches: the probability that an audit notices an action that does harm.
        ticks: how many are played; the stage's when None.
        harm: events that count as harm; None: the file's, or else the performance that is taken away.
        runs: folders of runs, whose agents are marked beside the front.
    """

    audits: Sequence[int] = (0, 1, 2)
    trusted: int | str = 1
    sees: Sees = "state"
    hand_over: bool | None = None
    catches: float = 1.0
    ticks: int | None = None
    harm: Sequence[str] | None = None
    runs: Sequence[Path] = ()

    def __post_init__(self) -> None:
        """Check the numbers.

        Raises:
            ArgumentError: one is of the wrong type or out of range.
            UnknownNameError: a protocol sees something else.
        """
        settle_counts(self, ticks=(1, 10_000))
        check_name("view", self.sees, ("state", "clock"))
        try:
            budgets = tuple(whole_number("audits", each, 0, MOST_AUDITS) for each in self.audits)
        except (TypeError, ArgumentError):  # no collection, or of something else
            budgets = ()
        if not budgets:
            raise ArgumentError(f"`audits` is a list of budgets from 0 to {MOST_AUDITS}, not {shown(self.audits)}")
        object.__setattr__(self, "audits", budgets)
        settle_numbers(self, "catches")
        check_paths("runs", self.runs)
        object.__setattr__(self, "runs", tuple(map(Path, self.runs)))
        if not 0 <= self.catches <= 1:
            raise ArgumentError(f"an audit notices with a probability from 0 to 1, not {self.catches:g}")
        if isinstance(self.trusted, int) and not 1 <= self.trusted <= 10_000:
            raise ArgumentError(f"a trusted agent looks 1 to 10,000 ticks ahead, not {self.trusted}")


@dataclass(frozen=True)
class ProtocolPoint:
    """What one protocol achieves.

    Attributes:
        usefulness: the expected performance with an honest agent; harm: the expected harm with the worst agent.
        audits, trusted_ticks: with an honest agent, expected: audits made, ticks in which the trusted agent acts.
    """

    usefulness: float
    harm: float
    audits: float
    trusted_ticks: float


@dataclass(frozen=True)
class ProtocolFront:
    """The corners of the front of one budget, from the most useful to the safest; mixtures of neighbours are the rest.

    Attributes:
        audits: the budget.
        points: the corners; empty where it was not solved, as `note` says.
    """

    audits: int
    points: tuple[ProtocolPoint, ...]
    note: str = ""


@dataclass(frozen=True)
class MarkedAgent:
    """An agent that acts alone, unchecked.

    Attributes:
        name: who; usefulness: its performance; harm: what it does; ranges over ties, or over trained seeds.
    """

    name: str
    usefulness: Range
    harm: Range


@dataclass(frozen=True)
class ProtocolReport:
    """The fronts of one stage.

    Attributes:
        scenario, stage, ticks, sees, hand_over, catches: of what; trusted: who is trusted, in words.
        harm: events, or empty for performance that is taken away.
        fronts: one for each budget; agents: who acts alone.
    """

    scenario: str
    stage: str
    ticks: int
    sees: Sees
    hand_over: bool
    catches: float
    trusted: str
    harm: tuple[str, ...]
    fronts: tuple[ProtocolFront, ...]
    agents: tuple[MarkedAgent, ...]

    def to_frame(self) -> pl.DataFrame:
        """One row for each corner of each budget's front."""
        rows = [
            {
                "budget": front.audits, "usefulness": point.usefulness, "harm": point.harm, "audits": point.audits,
                "trusted_ticks": point.trusted_ticks,
            }
            for front in self.fronts
            for point in front.points
        ]  # fmt: skip
        schema = {"budget": int, "usefulness": float, "harm": float, "audits": float, "trusted_ticks": float}
        return frame(rows, schema)

    def _repr_html_(self) -> str:
        return html(f"{self.scenario}, stage {self.stage}: protocols that see the {self.sees}", self.to_frame())


def protocol_report(
    scenario: Scenario,
    stage: str | None = None,
    settings: ProtocolSettings | None = None,
    report: Callable[[str], None] | None = None,
) -> ProtocolReport:
    """Find the best protocols for each budget of audits; see `ControlGame`.

    Args:
        scenario: loaded; it has a hidden performance.
        stage: when None `deploy`, or else the last, or the whole `life` that it is part of; audits are then of a life.
        settings: see `ProtocolSettings`.
        report: called with what is being done.

    Raises:
        MissingPerformanceError: there is no hidden performance.
        ScenarioError, ArgumentError: see `control_of`.
        UsageError: several agents act, the trusted agent's action does not exist, or a run is of another scenario.
        NotEnumerableError: there are too many states, or the stage is part of a life.
        RunError, TraceError: a run cannot be opened.
    """
    how, tell = settings or ProtocolSettings(), report or (lambda _: None)
    solved = SolvedWorlds(scenario)
    stage = stage or asked_stage(scenario)
    if stage != WHOLE_LIFE:
        solved.check_alone(stage)
    elif how.runs:
        raise UsageError("runs are of stages, and this is a whole life: leave `--run` out")
    if not has_performance(scenario):
        raise MissingPerformanceError(f"`{scenario.name}` has no hidden performance, so nothing is known to be useful")
    events = tuple(control_of(scenario, ControlSettings(harm=how.harm)).harm)
    marked = _trained(how, scenario, stage, events)  # opened first: a wrong folder is said before minutes of work
    tell("the states")
    whole = solved.stage_or_life(stage)
    if len(whole.world.agents) != 1:
        raise UsageError(f"`{scenario.name}` has {len(whole.world.agents)} agents; a protocol is for one")
    ticks = how.ticks or whole.world.steps
    if not ticks:
        raise UsageError("chance decides how long this life is: say how many of its ticks are looked at, `--ticks N`")
    if not events:
        check_losses(whole)
    hand_over = how.sees == "clock" if how.hand_over is None else how.hand_over
    honest = _planned(whole, ticks)
    harm = harm_of_outcomes(whole.mdp, whole.performance, events)
    most = max(how.audits)
    game = ControlGame(whole, ticks, most, harm, honest, _trusted(whole, ticks, how.trusted), how.catches, hand_over)
    fronts = []
    for budget in sorted(set(how.audits)):
        tell(f"protocols with {budget} audits")
        fronts.append(_front(replace(game, audits=budget), how.sees))
    return ProtocolReport(
        scenario.name,
        stage,
        ticks,
        how.sees,
        hand_over,
        how.catches,
        f"looks {how.trusted} tick{'s' if how.trusted > 1 else ''} ahead"
        if isinstance(how.trusted, int)
        else f"does {how.trusted}",
        events,
        tuple(fronts),
        (*_alone(game), *_own(solved, stage, ticks, events), *marked),
    )


def _front(game: ControlGame, sees: Sees) -> ProtocolFront:
    try:
        found = sighted_front(game) if sees == "state" else sequence_form_front(game, sees_state=False)
    except NotEnumerableError as fault:
        return ProtocolFront(game.audits, (), f"{fault}; {fault.cure}" if fault.cure else str(fault))
    points = (ProtocolPoint(*(round(value, 9) + 0.0 for value in row)) for row in found.tolist())
    return ProtocolFront(game.audits, tuple(points))


def _planned(whole: Enumeration, ticks: int) -> Longs:
    """int64 `[T, S]`: the plan that is best for the performance; of what is tied, the first action."""
    plan = backward_induction(performance_mdp(whole), np.ones(1), 1.0, ticks, keep_values=False)
    return plan.policy.astype(np.int64)


def _trusted(whole: Enumeration, ticks: int, trusted: int | str) -> Longs:
    """int64 `[T, S]`: what the trusted agent does."""
    if isinstance(trusted, int):
        return np.tile(_planned(whole, trusted)[0], (ticks, 1))
    check_name("action", trusted, whole.mdp.action_names)
    action, available = whole.mdp.action_names.index(trusted), whole.mdp.available
    does = np.where(available[:, action], action, available.argmax(axis=1))
    return np.tile(does.astype(np.int64), (ticks, 1))


def _alone(game: ControlGame) -> list[MarkedAgent]:
    """Who acts alone: the honest agent, the trusted one, and the worst one."""
    mdp = game.enumeration.mdp
    swapped = replace(game, trusted=game.honest)
    out = []
    for name, its in (("honest, alone", swapped), ("trusted, alone", game)):
        worth, harm, _ = mdp.start_probability @ its.trusted_alone[0, mdp.start_state]
        out.append(MarkedAgent(name, Range(worth, worth), Range(harm, harm)))
    return out


def _own(solved: SolvedWorlds, stage: str, ticks: int, events: tuple[str, ...]) -> list[MarkedAgent]:
    """The agent of the file by its own exact plan, where there is one."""
    if stage == WHOLE_LIFE:
        return _own_life(solved, ticks, events)
    try:
        plan = solved.plan({}, stage)
    except WorldError:
        return []
    if plan.upper_bound or ticks > plan.steps:
        return []
    seen = plan.as_seen
    hides = seen.views is not None
    columns = (seen.performance, harm_of_outcomes(seen.mdp, seen.performance, events))
    ends = [expectation_range(seen.mdp, seen.optimal, each, ticks) for each in columns]
    return [MarkedAgent("exact, unchecked", *(clean_range(*its, hides or its.outer) for its in ends))]


def _own_life(solved: SolvedWorlds, ticks: int, events: tuple[str, ...]) -> list[MarkedAgent]:
    """The same of a whole life."""
    try:
        plan = solved.life({})
    except WorldError:
        return []
    if plan.upper_bound:
        return []
    mdp = replace(plan.process.mdp, events=plan.process.mdp.events | plan.process.between)
    performance = plan.process.performance
    columns = (performance, harm_of_outcomes(mdp, performance, events))
    found = (clean_range(*expectation_range(mdp, plan.optimal, each, ticks), plan.ties_of_all) for each in columns)
    return [MarkedAgent("exact, unchecked", *found)]


def _trained(how: ProtocolSettings, scenario: Scenario, stage: str, events: tuple[str, ...]) -> list[MarkedAgent]:
    """The agents of runs, by what they did in the stage's episodes."""
    out: list[MarkedAgent] = []
    for folder in how.runs:
        run = load_run(folder)
        if run.manifest.scenario != scenario.name:
            raise UsageError(f"{folder} is a run of `{run.manifest.scenario}`, not of `{scenario.name}`")
        its = reopen_scenario(run)
        before = len(out)
        for name in sorted(run.traces):
            trace = run.trace(name)
            if trace.meta.stage == stage:
                found = seed_outcomes(
                    _first_ticks(trace, how.ticks), world_of(its, trace.meta), OutcomeCriteria(None, events)
                )
                out.append(MarkedAgent(name.partition("-")[2], found.performance, found.harm))
        if len(out) == before:
            raise UsageError(f"{folder} holds no trace of stage `{stage}`; it has {', '.join(run.traces) or 'none'}")
    return out


def _first_ticks(trace: Trace, ticks: int | None) -> Trace:
    return trace if ticks is None else replace(trace, table=trace.table.filter(pl.col("step") < ticks))
