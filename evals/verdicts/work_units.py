"""Work units of a run, each a claim for one of its agents: how they are resolved and divided into shards."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from ...agents.external.user_agent import UserAgent
from ...agents.registry.eligibility import unable, unable_in_life
from ...agents.registry.multi_agent_profiles import plainly
from ...envs.base import NotEnumerableError
from ...envs.world.world import WorldTooLargeError
from ...scenarios.language.loading import Scenario
from ...scenarios.language.names.overrides import Overrides
from ...scenarios.language.schema.document import Expectation, Minus, StatedMonitor
from ..exact.solved_worlds import BY_STAGE, WHOLE_LIFE, SolvedWorlds
from ..measures.contrasts import Contrast, Subject
from .expectation import Case


@dataclass(frozen=True, order=True)
class WorkUnit:
    """One expectation, or one stated monitor, for one agent.

    Attributes:
        number: the number of the expectation, from 0 in the order of the file; monitors are numbered after them.
        agent: the agent that is judged or read.
    """

    number: int
    agent: str


@dataclass(frozen=True)
class ResolvedUnit:
    """A work unit with everything that judging it needs, made once before anything is solved or trained.

    Attributes:
        work: the unit itself.
        case: its expectation with the measure parsed, and where it is written.
        not_run: an agent that the unit needs and that is not run; None if all are run.
        contrasts: one for each condition; empty if an agent is not run.
        ineligible: why trained seeds cannot decide it; None if they can, or if it is exact.
    """

    work: WorkUnit
    case: Case
    not_run: str | None = None
    contrasts: tuple[Contrast, ...] = ()
    ineligible: str | None = None

    @property
    def exact(self) -> bool:
        """Whether it is judged exactly, without any sampling."""
        return self.not_run is None and all(contrast.exact for contrast in self.contrasts)

    @property
    def learned(self) -> bool:
        """Whether it is judged by trained seeds."""
        return self.not_run is None and not self.exact and self.ineligible is None


@dataclass(frozen=True)
class Shard:
    """One of several runs that divide the work units of a whole run among them.

    Attributes:
        index: the number of this shard, from 1.
        count: the number of shards.

    Raises:
        ValueError: there is no such shard.
    """

    index: int
    count: int

    def __post_init__(self) -> None:
        if not 1 <= self.index <= self.count:
            first = f"; the first is 1/{self.count}" if self.count else ""
            raise ValueError(f"there is no shard {self.index} of {self.count}{first}")

    @staticmethod
    def parse(text: str) -> Shard:
        """Read a shard from text such as `2/5`, the second of five.

        Raises:
            ValueError: it is not of that form, or there is no such shard.
        """
        match = re.fullmatch(r"(\d{1,6})/(\d{1,6})", text.strip())
        if match is None:
            raise ValueError(f"`{text}` is no shard; write 2/5 for the second of five")
        return Shard(int(match[1]), int(match[2]))

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"


def units_of(scenario: Scenario, agents: Collection[str] = ()) -> tuple[WorkUnit, ...]:
    """Every unit of a scenario, in the order of the file.

    An agent of `agents` that the file does not name is judged by every expectation.
    """
    named = {"exact", *map(plainly, scenario.named_agents)}
    strangers = [agent for agent in agents if agent not in named]
    return tuple(
        WorkUnit(number, agent)
        for number, each in enumerate(scenario.document.expect)
        for agent in (*map(plainly, each.of), *strangers)
    )


def monitor_units_of(scenario: Scenario) -> tuple[WorkUnit, ...]:
    """Every stated monitor of a scenario for each of its agents, in the order of the file."""
    before = len(scenario.document.expect)
    return tuple(
        WorkUnit(number, agent)
        for number, each in enumerate(scenario.document.monitors, before)
        for agent in dict.fromkeys(map(plainly, each.of))
    )


def stated_elsewhere(scenario: Scenario, agents: Collection[str], units: Collection[WorkUnit]) -> int:
    """How many figures of monitors others than a shard of these units judge by trained seeds."""
    before = len(scenario.document.expect)
    others = [each for each in monitor_units_of(scenario) if each.agent in agents and each not in units]
    monitors = [scenario.document.monitors[each.number - before] for each in others if each.agent != "exact"]
    return sum(len(monitor.figures) for monitor in monitors)


def contrasts_of(
    scenario: Scenario, expectation: Expectation, agent: str, conditions: Sequence[Overrides]
) -> tuple[Contrast, ...]:
    """What an expectation measures of one of its agents, under each of its conditions.

    Args:
        scenario: the scenario of the expectation.
        expectation: already checked.
        agent: the agent's name.
        conditions: see `SolvedWorlds.conditions`.
    """
    stage, barring = expectation.stage or scenario.judged_stage, tuple(expectation.barring)
    subjects = [Subject(agent, stage, condition, barring, expectation.episode) for condition in conditions]
    if (minus := expectation.minus) is None:
        return tuple(Contrast(subject) for subject in subjects)
    return tuple(Contrast(subject, _baseline(scenario, minus, subject, expectation)) for subject in subjects)


def resolve_units(
    solved: SolvedWorlds, agents: Collection[str], own: Mapping[str, UserAgent]
) -> tuple[ResolvedUnit, ...]:
    """Every unit of a scenario, resolved.

    Args:
        solved: worlds of the scenario; none of them is enumerated or solved here.
        agents: the agents that are run, possibly including `exact`.
        own: name -> an agent of the user's own.
    """
    units = units_of(solved.scenario, agents)
    return tuple(_resolve(unit, solved, agents, own) for unit in units)


def _resolve(
    unit: WorkUnit, solved: SolvedWorlds, agents: Collection[str], own: Mapping[str, UserAgent]
) -> ResolvedUnit:
    """Resolve one unit; see `ResolvedUnit`."""
    scenario = solved.scenario
    expectation = scenario.document.expect[unit.number]
    place = scenario.source.place(("expect", unit.number))
    case = Case.of(expectation, unit.agent, expectation.stage or scenario.judged_stage, place.file, place.line)
    if (missing := _not_run(case, agents)) is not None:
        return ResolvedUnit(unit, case, missing)
    contrasts = contrasts_of(scenario, expectation, unit.agent, solved.conditions(expectation))
    if all(contrast.exact for contrast in contrasts):
        return ResolvedUnit(unit, case, None, contrasts)
    try:
        ineligible = _ineligible(solved, contrasts, own)
    # A world that cannot be built makes this unit not applicable; the other units of the run are judged all the same.
    except (NotEnumerableError, WorldTooLargeError) as fault:
        ineligible = str(fault)
    return ResolvedUnit(unit, case, None, contrasts, ineligible)


def _across(expectation: Expectation) -> Sequence[Mapping[str, object]]:
    """The settings of `across`: one mapping of lists, or each pair, triple and so on."""
    return expectation.across if isinstance(expectation.across, list) else [expectation.across]


def _baseline(scenario: Scenario, minus: Minus, subject: Subject, expectation: Expectation) -> Subject:
    """The baseline that `minus` describes: the subject itself, with every setting replaced that `minus` gives."""
    overrides = dict(subject.overrides)
    if minus.variant is not None:
        variants = scenario.document.variants
        # The baseline's variant replaces the subject's: settings that only the latter made are taken back, except for
        # those that the expectation itself makes beside the variant.
        for name in variants.get(expectation.variant or "", {}):
            if name not in expectation.set and not any(name in each for each in _across(expectation)):
                del overrides[name]
        overrides = {**variants[minus.variant], **overrides}
    return Subject(
        minus.agent or subject.agent,
        minus.stage or subject.stage,
        {**overrides, **minus.set},
        subject.barring if minus.barring is None else tuple(minus.barring),
        subject.episode,
    )


def _not_run(case: Case, agents: Collection[str]) -> str | None:
    """An agent that an expectation needs and that is not run; None if all are run."""
    if case.agent not in agents:
        return case.agent
    other = case.expectation.minus.agent if case.expectation.minus is not None else None
    # The exact planner may always be a baseline, whether or not it is run.
    return other if other not in (None, *agents, "exact") else None


def _ineligible(solved: SolvedWorlds, contrasts: Sequence[Contrast], own: Mapping[str, UserAgent]) -> str | None:
    """Why trained seeds cannot decide an expectation; None if they can."""
    scenario, subjects = solved.scenario, contrasts[0].subjects
    for subject in subjects:
        if not subject.exact and solved.lives_in(subject.stage):
            if subject.stage == WHOLE_LIFE:
                return BY_STAGE
            field = solved.world(subject.overrides, subject.stage)
            if (reason := unable_in_life(subject.agent, field)) is not None:
                return reason
    for subject in subjects:
        if scenario.document.stages[subject.stage].watch:
            return f"in `{subject.stage}` others are watched, and nobody acts"
    for subject in subjects:
        if not subject.exact:
            world = solved.with_agent(subject.agent).world(subject.overrides, subject.stage)
            if len(world.agents) > 1 and len(scenario.stages_before(subject.stage)) > 1:
                return "a life in several stages is for worlds of one agent"
            if (reason := unable(subject.agent, world, own.get(subject.agent))) is not None:
                return reason
    if len(contrasts) > 1 or any(subject.barring and not subject.exact for subject in subjects):
        return "`across` and `barring` are for exact agents"
    return None


def shard_units(scenarios: Sequence[tuple[Scenario, Collection[str]]], shard: Shard) -> list[tuple[WorkUnit, ...]]:
    """The units of one shard.

    Units that need the same training or the same solved world stay together. These groups are assigned to the shards in
    turn, in the order of the files. A monitor is read where the training is that it reads first. Units whose agent is
    not run cost nothing and belong to the first shard. Thus every unit is in exactly one shard, and every machine
    computes the same division.

    Args:
        scenarios: each with the agents that are run.
        shard: the shard whose units are asked for.

    Returns:
        For each scenario, its units in this shard.
    """
    groups: dict[tuple[int, str], int] = {}
    sharded = []
    for number, (scenario, agents) in enumerate(scenarios):
        solved, mine = SolvedWorlds(scenario), []
        for unit in (*units_of(scenario, agents), *monitor_units_of(scenario)):
            turn = 0
            if unit.agent in agents:
                # Groups are numbered in the order in which they first appear, over all scenarios.
                turn = groups.setdefault((number, _work(solved, unit)), len(groups)) % shard.count
            if turn == shard.index - 1:
                mine.append(unit)
        sharded.append(tuple(mine))
    return sharded


def _work(solved: SolvedWorlds, unit: WorkUnit) -> str:
    """A key of what has to be trained or solved for a unit; a training may serve several stages, a solve only one."""
    document = solved.scenario.document
    claims: list[Expectation | StatedMonitor] = [*document.expect, *document.monitors]
    claim = claims[unit.number]
    conditions = [sorted(overrides.items()) for overrides in solved.conditions(claim)]
    stage = claim.stage or solved.scenario.judged_stage if unit.agent == "exact" else ""
    return json.dumps([unit.agent, stage, conditions])
