"""The units of a run's work: an expectation for one of the agents that it names. Shards share them out."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from ...agents.registry.profiles import plainly
from ...scenarios.language.loading import Scenario
from ..exact.solved_worlds import Laboratory


@dataclass(frozen=True, order=True)
class Unit:
    """What one judgement is about.

    Attributes:
        number: of the expectation, in the order of the file, from 0.
        agent: whose behaviour.
    """

    number: int
    agent: str


@dataclass(frozen=True)
class Shard:
    """One of several runs that together make a whole one.

    Attributes:
        index: which, from 1.
        count: of how many.

    Raises:
        ValueError: there is no such shard.
    """

    index: int
    count: int

    def __post_init__(self) -> None:
        if not 1 <= self.index <= self.count:
            raise ValueError(f"there is no shard {self.index} of {self.count}; the first is 1/{self.count}")

    @staticmethod
    def parse(text: str) -> Shard:
        """Read `2/5`.

        Raises:
            ValueError: it is not of that form, or there is no such shard.
        """
        match = re.fullmatch(r"(\d{1,6})/(\d{1,6})", text.strip())
        if match is None:
            raise ValueError(f"`{text}` is no shard; write 2/5 for the second of five")
        return Shard(int(match[1]), int(match[2]))

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"


def units_of(scenario: Scenario, agents: Collection[str] = ()) -> tuple[Unit, ...]:
    """Every unit of a scenario, in the order of the file; one of `agents` that it does not name has all of them."""
    expectations = scenario.document.expect
    named = {"exact", *agents_named(scenario)}
    strangers = [agent for agent in agents if agent not in named]
    return tuple(
        Unit(number, agent)
        for number, each in enumerate(expectations)
        for agent in (*map(plainly, each.of), *strangers)
    )


def agents_named(scenario: Scenario) -> tuple[str, ...]:
    """Those of `runs.agents`, then every other one that an expectation names."""
    named = [agent for expectation in scenario.document.expect for agent in expectation.of]
    return tuple(dict.fromkeys(map(plainly, [*scenario.document.runs.agents, *named])))


def deal(scenarios: Sequence[tuple[Scenario, Collection[str]]], shard: Shard) -> list[tuple[Unit, ...]]:
    """The units of one shard.

    Units that need the same training or the same solved world stay together, and these groups are dealt like cards, in
    the order of the files. Units whose agent is not run cost nothing and belong to the first shard. So every unit is in
    exactly one shard, whatever machine asks.

    Args:
        scenarios: each with the agents that are run.
        shard: which one.

    Returns:
        For each scenario its units in this shard.
    """
    groups: dict[tuple[int, str], int] = {}
    dealt = []
    for number, (scenario, agents) in enumerate(scenarios):
        laboratory, mine = Laboratory(scenario), []
        for unit in units_of(scenario, agents):
            turn = 0
            if unit.agent in agents:
                turn = groups.setdefault((number, _work(laboratory, unit)), len(groups)) % shard.count
            if turn == shard.index - 1:
                mine.append(unit)
        dealt.append(tuple(mine))
    return dealt


def _work(laboratory: Laboratory, unit: Unit) -> str:
    """What has to be trained or solved for a unit: what is trained may serve several stages."""
    expectation = laboratory.scenario.document.expect[unit.number]
    conditions = [sorted(overrides.items()) for overrides in laboratory.conditions(expectation)]
    stage = expectation.stage or laboratory.scenario.judged_stage if unit.agent == "exact" else ""
    return json.dumps([unit.agent, stage, conditions])
