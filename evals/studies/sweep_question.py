"""What a sweep asks of a scenario: its axes, its measures and its regimes, checked."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

from ...agents.learning.device import CPU
from ...agents.registry.agents import methods
from ...scenarios.errors import UsageError, check_name, quote
from ...scenarios.language.faults.collector import Report as Faults
from ...scenarios.language.loading import Scenario
from ...scenarios.language.names.axes import axis_values
from ...scenarios.language.names.formula_context import Context
from ...scenarios.language.names.overrides import check_override
from ...scenarios.language.validation.sweeps import check_measured, check_regime
from ..exact.solved_worlds import Laboratory
from ..measures.regimes import OTHER, TIE, UNSOLVED, measures_in
from ..training.options import settled
from ..training.telemetry.early_stopping import Plateau

MAX_POINTS = 1_000_000


class SweepError(UsageError):
    """A sweep that cannot be made; the message says why and what would be right."""


@dataclass(frozen=True)
class Axis:
    """One axis: the dotted name that it varies, and the values in order; `log`: they are equal ratios apart."""

    name: str
    values: tuple[Any, ...]
    log: bool = False


@dataclass(frozen=True)
class Question:
    """What is asked of a scenario.

    Attributes:
        axes: in order; a picture has the first across and the second up, and a panel for each value of a third.
        stage: where.
        measures: as in an expectation.
        regimes: name -> condition on measures; the first that holds names a point.
        agents: `exact`, and those that are trained; seeds, steps, episodes: of their training.
        every: learned agents are trained at every so many values of each axis of numbers.
        device, plateau: of each training, see `running.Settings`.
    """

    axes: tuple[Axis, ...]
    stage: str
    measures: tuple[str, ...]
    regimes: Mapping[str, str]
    agents: tuple[str, ...] = ("exact",)
    seeds: int = 3
    steps: int = 40_000
    episodes: int = 10
    every: int = 1
    device: str = CPU
    plateau: Plateau | None = None

    @property
    def asked(self) -> tuple[str, ...]:
        """Every measure, those of the regimes first."""
        return tuple(dict.fromkeys((*measures_in(self.regimes), *self.measures)))

    def points(self) -> list[dict[str, Any]]:
        """The overrides of every point; the last axis changes fastest."""
        names = [axis.name for axis in self.axes]
        return [dict(zip(names, values, strict=True)) for values in product(*(axis.values for axis in self.axes))]

    def learned_points(self) -> list[dict[str, Any]]:
        """The points at which agents are trained: of an axis of numbers with more than `every` values, some."""
        thinned = tuple(replace(axis, values=_thinned(axis.values, self.every)) for axis in self.axes)
        return replace(self, axes=thinned).points()


def ask(
    scenario: Scenario,
    axes: Sequence[Axis] | None = None,
    stage: str | None = None,
    measures: Sequence[str] | None = None,
    regimes: Mapping[str, str] | None = None,
    agents: Sequence[str] = ("exact",),
    seeds: int | None = None,
    steps: int | None = None,
    every: int = 1,
    device: str = CPU,
    plateau: Plateau | None = None,
) -> Question:
    """What is to be asked, checked; what is left out is taken from the `sweep:` of the file.

    Raises:
        DeviceUnavailableError: the device is not there.
        ScenarioError: an axis, a value, a measure or a condition is wrong.
        UnknownNameError: no such stage.
        SweepError: there are no axes, nothing is measured, or there are too many points.
    """
    document = scenario.document
    given = document.sweep
    if axes is None:
        if given is None:
            raise SweepError(
                f"`{scenario.name}` names no axes to sweep; give some, as in `--param NAME=FROM:TO:POINTS`"
            )
        axes = [Axis(name, tuple(axis_values(its)), its.scale == "log") for name, its in given.axes.items()]
    if regimes is None:
        regimes = given.regimes if given else {}
    if measures is None:
        measures = given.measures if given else ()
    laboratory = Laboratory(scenario)
    question = Question(
        tuple(axes),
        stage or (given.stage if given and given.stage else laboratory.scenario.judged_stage),
        tuple(measures),
        dict(regimes),
        tuple(agents),
        seeds or document.runs.seeds,
        steps or document.runs.steps,
        document.runs.episodes,
        every,
        settled(device, agents),
        plateau,
    )
    _check(scenario, question)
    return question


def _check(scenario: Scenario, question: Question) -> None:
    symbols, faults = scenario.symbols, Faults()
    context = Context(symbols, faults)
    for axis in question.axes:
        for value in axis.values:
            check_override(axis.name, value, symbols, faults, ())
    for text in question.measures:
        check_measured(text, context, ())
    for text in question.regimes.values():
        check_regime(text, context, ())
    faults.raise_if_wrong()
    names = [axis.name for axis in question.axes]
    if twice := [name for name in names if names.count(name) > 1]:
        raise SweepError(f"the axis {quote(twice[0])} is given twice; put all of its values into one")
    if empty := [axis.name for axis in question.axes if not axis.values]:
        raise SweepError(f"the axis {quote(empty[0])} has no values; give at least one")
    check_name("stage", question.stage, scenario.document.stages)
    if not question.asked:
        raise SweepError("nothing is measured; name a measure or a regime")
    for agent in question.agents:
        if agent not in ("exact", *methods()):
            raise SweepError(f"there is no agent {quote(agent)}; there are exact, {', '.join(methods())}")
    if reserved := {TIE, OTHER, UNSOLVED} & set(question.regimes):
        raise SweepError(
            f"a regime cannot be called {quote(reserved.pop())}: that is what points without one are called"
        )
    points = math.prod(len(axis.values) for axis in question.axes)
    if points > MAX_POINTS:
        raise SweepError(f"these are {points:,} points, and {MAX_POINTS:,} are the most; take fewer values")


def _thinned(values: tuple[Any, ...], every: int) -> tuple[Any, ...]:
    """Every so many of a long list of numbers, as near to its middle as that goes; all of another list."""
    numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
    if not numbers or len(values) <= every:
        return values
    return values[((len(values) - 1) % every) // 2 :: every]
