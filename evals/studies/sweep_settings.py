"""The settings of a sweep (axes, measures, regimes, agents), filled in from the scenario and checked."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

from ...agents.learning.device import CPU
from ...agents.registry.agents import agent_names
from ...scenarios.arguments import (
    MOST_EPISODES,
    MOST_SEEDS,
    MOST_STEPS,
    check_listed,
    check_names,
    settle_counts,
    shown,
)
from ...scenarios.did_you_mean import quote
from ...scenarios.errors import ArgumentError, UsageError, check_name
from ...scenarios.language.faults.collector import Report as Faults
from ...scenarios.language.loading import Scenario
from ...scenarios.language.names.axes import axis_values
from ...scenarios.language.names.formula_context import Context
from ...scenarios.language.names.overrides import check_override
from ...scenarios.language.validation.sweeps import check_measured, check_regime
from ..exact.solved_worlds import WHOLE_LIFE, SolvedWorlds
from ..measures.phase_diagram_regimes import NO_REGIME, measures_in
from ..training.options import first_seed_of, resolve_device
from ..training.telemetry.early_stopping import Plateau

MAX_POINTS = 1_000_000


class SweepError(UsageError):
    """A sweep that cannot be made; the message says why and what would be right."""


@dataclass(frozen=True)
class SweepAxis:
    """One axis of the grid: the dotted name that it varies and the values in order; `log`: they have equal ratios."""

    name: str
    values: tuple[Any, ...]
    log: bool = False


@dataclass(frozen=True)
class SweepSettings:
    """Settings of a sweep.

    Attributes:
        axes: in order; a picture has the first on x, the second on y, and a panel for each value of a third.
        stage: the one that is measured.
        measures: as in an expectation.
        regimes: name -> condition on measures; the first that holds names a point.
        agents: `exact`, and those that are trained; seeds, steps, episodes: of their training.
        first_seed: the number of the first trained seed.
        every: agents are trained only at every so many values of each numeric axis.
        device, plateau: of each training, see `RunSettings`.
    """

    axes: tuple[SweepAxis, ...]
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
    first_seed: int = 0

    @property
    def numbers(self) -> range:
        """The numbers of the trained seeds."""
        return range(self.first_seed, self.first_seed + self.seeds)

    @property
    def seeds_in_words(self) -> str:
        """The trained seeds in words: `seeds 0 to 2`."""
        first, last = self.numbers[0], self.numbers[-1]
        return f"seed {first}" if first == last else f"seeds {first} to {last}"

    def __post_init__(self) -> None:
        """Check the numbers.

        Raises:
            ArgumentError: one is of the wrong type or out of range.
        """
        settle_counts(self, seeds=(1, MOST_SEEDS), steps=(1, MOST_STEPS), episodes=(1, MOST_EPISODES))
        settle_counts(self, every=(1, MAX_POINTS))

    @property
    def training_words(self) -> list[str]:
        """The options of the command that say which agents are trained at the points, and how."""
        words = [word for agent in self.agents for word in ("--agent", agent)]
        words += ["--seeds", str(self.seeds), "--first-seed", str(self.first_seed), "--steps", str(self.steps)]
        if self.plateau is not None:
            words += ["--plateau", f"{self.plateau.looks}:{self.plateau.gain!r}"]
        if self.device != CPU:
            words += ["--device", self.device]
        return [*words, "--every", str(self.every)] if self.every > 1 else words

    @property
    def all_measures(self) -> tuple[str, ...]:
        """All measures, those of the regimes first."""
        return tuple(dict.fromkeys((*measures_in(self.regimes), *self.measures)))

    def points(self) -> list[dict[str, Any]]:
        """The overrides of every point; the last axis changes fastest."""
        names = [axis.name for axis in self.axes]
        return [dict(zip(names, values, strict=True)) for values in product(*(axis.values for axis in self.axes))]

    def learned_points(self) -> list[dict[str, Any]]:
        """The points at which agents are trained: of a numeric axis with more than `every` values, every `every`-th."""
        thinned = tuple(replace(axis, values=_thinned(axis.values, self.every)) for axis in self.axes)
        return replace(self, axes=thinned).points()


def sweep_settings(
    scenario: Scenario,
    axes: Sequence[SweepAxis] | None = None,
    stage: str | None = None,
    measures: Sequence[str] | None = None,
    regimes: Mapping[str, str] | None = None,
    agents: Sequence[str] = ("exact",),
    seeds: int | None = None,
    steps: int | None = None,
    every: int = 1,
    device: str = CPU,
    plateau: Plateau | None = None,
    first_seed: int | None = None,
) -> SweepSettings:
    """The settings of a sweep, checked; what is left out is taken from the `sweep:` of the file.

    Raises:
        ArgumentError: a number is of the wrong type or out of range.
        DeviceUnavailableError: the device is not there.
        ScenarioError: an axis, a value, a measure or a condition is wrong.
        UnknownNameError: no such stage.
        SweepError: there are no axes, nothing is measured, or there are too many points.
    """
    check_names("measures", measures)
    check_listed("agents", agents)
    if regimes is not None and not isinstance(regimes, Mapping):
        raise ArgumentError(f"`regimes` maps names to conditions on measures, not {shown(regimes)}")
    document = scenario.document
    given = document.sweep
    if axes is None:
        if given is None:
            raise SweepError(
                f"`{scenario.name}` names no axes to sweep; give some, as in `--param NAME=FROM:TO:POINTS`"
            )
        axes = [SweepAxis(name, tuple(axis_values(its)), its.scale == "log") for name, its in given.axes.items()]
    if regimes is None:
        regimes = given.conditions if given else {}
    if measures is None:
        measures = given.measures if given else ()
    solved = SolvedWorlds(scenario)
    settings = SweepSettings(
        tuple(axes),
        stage or (given.stage if given and given.stage else solved.scenario.judged_stage),
        tuple(measures),
        dict(regimes),
        tuple(agents),
        document.runs.seeds if seeds is None else seeds,
        document.runs.steps if steps is None else steps,
        document.runs.episodes,
        every,
        resolve_device(device, agents),
        plateau,
        first_seed_of(first_seed, document.runs),
    )
    _check(scenario, settings)
    return settings


def _check(scenario: Scenario, settings: SweepSettings) -> None:
    symbols, faults = scenario.symbols, Faults()
    context = Context(symbols, faults)
    for axis in settings.axes:
        for value in axis.values:
            check_override(axis.name, value, symbols, faults, ())
    for text in settings.measures:
        check_measured(text, context, ())
    for text in settings.regimes.values():
        check_regime(text, context, ())
    # All faults of the language together; the checks below raise at the first one.
    faults.raise_if_wrong()
    names = [axis.name for axis in settings.axes]
    if twice := [name for name in names if names.count(name) > 1]:
        raise SweepError(f"the axis {quote(twice[0])} is given twice; put all of its values into one")
    if empty := [axis.name for axis in settings.axes if not axis.values]:
        raise SweepError(f"the axis {quote(empty[0])} has no values; give at least one")
    whole = (WHOLE_LIFE,) if scenario.document.life else ()
    check_name("stage", settings.stage, (*scenario.document.stages, *whole))
    if not settings.all_measures:
        raise SweepError("nothing is measured; name a measure or a regime")
    for agent in settings.agents:
        if agent not in agent_names():
            raise SweepError(f"there is no agent {quote(agent)}; there are {', '.join(agent_names())}")
    if reserved := set(NO_REGIME) & set(settings.regimes):
        raise SweepError(
            f"a regime cannot be called {quote(reserved.pop())}: that is what points without one are called"
        )
    points = math.prod(len(axis.values) for axis in settings.axes)
    if points > MAX_POINTS:
        raise SweepError(f"these are {points:,} points, and {MAX_POINTS:,} are the most; take fewer values")


def _thinned(values: tuple[Any, ...], every: int) -> tuple[Any, ...]:
    """Every `every`-th value of a long list of numbers, centred in it; any other list is returned whole."""
    # True and False are integers in Python.
    numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
    if not numbers or len(values) <= every:
        return values
    return values[((len(values) - 1) % every) // 2 :: every]
