"""A scenario under conditions: its variants as compiled, enumerated and solved worlds, each made once."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING

from ..envs.base import NotEnumerableError
from ..envs.changing import NoFixedPointError
from ..envs.compiling import compile_world
from ..envs.enumerating import Enumeration, enumerate_world
from ..envs.evaluating import look_at, truth
from ..envs.planning import ExactPlan
from ..envs.policies import ImproperDiscountError
from ..envs.solving import InfeasibleError
from ..envs.world import World
from ..scenarios.language.dotted import SOLUTION, zone_of_cells
from ..scenarios.language.loading import Scenario, apply_overrides
from ..scenarios.language.params import weighing
from ..scenarios.language.parsing import parse_measure
from ..scenarios.language.schema import Expectation
from ..scenarios.language.syntax import Measure, Rate
from .acting import plan_as_agent, whose_policies
from .measures import Holds, Interval, exact_measure, sampled_measure
from .regret import best_of, is_regret, responder_of, truly_best
from .trace import Trace

if TYPE_CHECKING:
    import polars as pl

BOUND_ONLY = "views are partial and beliefs too many: only an upper bound is known"

Overrides = Mapping[str, object]
"""Dotted overrides, as in `with:`."""


class Laboratory:
    """What is asked of one scenario again and again, under many overrides."""

    def __init__(self, scenario: Scenario, max_states: int | None = None, enlist: Sequence[str] = ()) -> None:
        """For one scenario; `max_states` in place of the file's, and with things that are enlisted as agents."""
        self.scenario, self._enlist = scenario, tuple(enlist)
        self.max_states = scenario.document.runs.max_states if max_states is None else max_states
        self._scenarios: dict[str, Scenario] = {}
        self._worlds: dict[str, World] = {}
        self._enumerations: dict[str, Enumeration] = {}
        self._plans: dict[str, ExactPlan] = {}
        self._enlisting: dict[tuple[str, ...], Laboratory] = {}

    def enlisting(self, things: Sequence[str]) -> Laboratory:
        """The same with some things enlisted as agents; itself where there are none."""
        key = tuple(things)
        if key == self._enlist:
            return self
        if key not in self._enlisting:
            self._enlisting[key] = Laboratory(self.scenario, self.max_states, key)
        return self._enlisting[key]

    @property
    def stage(self) -> str:
        """The stage that an expectation speaks of when it names none: `deploy`, or else the last that is acted in."""
        return "deploy" if "deploy" in self._acted else self._acted[-1]

    @property
    def _acted(self) -> list[str]:
        """The stages in which somebody acts, and is not only watched."""
        return [name for name, stage in self.scenario.document.stages.items() if not stage.watch]

    @property
    def training_stage(self) -> str:
        """Where agents are trained: `train`, or else the first stage with a share, or the first that is acted in."""
        stages, acted = self.scenario.document.stages, self._acted
        return "train" if "train" in acted else next((n for n in acted if stages[n].share is not None), acted[0])

    def conditions(self, expectation: Expectation) -> list[Overrides]:
        """Every combination of overrides that an expectation is about (one, where it has no `across`)."""
        variants = self.scenario.document.variants
        base: dict[str, object] = {**(variants[expectation.variant] if expectation.variant else {}), **expectation.set}
        names = list(expectation.across)
        lists = [self._listed(expectation.across[name], base) for name in names]
        return [{**base, **dict(zip(names, values, strict=True))} for values in product(*lists)]

    def _listed(self, values: object, base: Overrides) -> Sequence[object]:
        """The values of one `across` entry; `cells(ZONE)` is every cell of a zone in the drawn map."""
        if not isinstance(values, str):
            assert isinstance(values, list)
            return values
        zone = zone_of_cells(values)
        assert zone is not None, "checked when the file was loaded"
        board = next(iter(self.under(base).boards.values()))
        return [list(cell) for cell in board.zones[zone]]

    def under(self, overrides: Overrides) -> Scenario:
        """The scenario with overrides."""
        key = _key(overrides)
        if key not in self._scenarios:
            self._scenarios[key] = apply_overrides(self.scenario, overrides)
        return self._scenarios[key]

    def world(self, overrides: Overrides, stage: str) -> World:
        """A stage compiled."""
        key = _key(overrides, stage)
        if key not in self._worlds:
            self._worlds[key] = compile_world(self.under(overrides), stage, enlist=self._enlist)
        return self._worlds[key]

    def enumeration(self, overrides: Overrides, stage: str) -> Enumeration:
        """A stage enumerated; what only an agent's preferences change is enumerated once for all of them.

        Raises:
            NotEnumerableError: see `enumerate_world`.
        """
        world = self.world(overrides, stage)
        key = _key(shaping_overrides(self.scenario, world, overrides), stage)
        if key not in self._enumerations:
            self._enumerations[key] = enumerate_world(world, self.max_states)
        return replace(self._enumerations[key], world=world)

    def plan(self, overrides: Overrides, stage: str, barring: Sequence[str] = ()) -> ExactPlan:
        """A stage solved for its agent.

        Raises:
            NotEnumerableError: see `enumerate_world`.
            ImproperDiscountError, InfeasibleError, NoFixedPointError: see `plan_as_agent`.
        """
        key = _key(overrides, stage, *barring)
        if key not in self._plans:
            self._plans[key] = plan_as_agent(self.enumeration(overrides, stage), barring, self.max_states)
        return self._plans[key]

    def best_plan(self, overrides: Overrides, stage: str) -> ExactPlan:
        """A stage solved by the exact solver, whatever its agent plans by.

        Raises:
            NotEnumerableError: see `enumerate_world`.
            ImproperDiscountError, NoFixedPointError: see `plan_exactly`.
        """
        enumeration = self.enumeration(overrides, stage)
        return truly_best(enumeration, self.max_states, lambda: self.plan(overrides, stage))

    def forget(self, overrides: Overrides) -> None:
        """Drop what is kept for some overrides, so that thousands of them can be tried; enumerations are kept."""
        beginning = _key(overrides)[:-1]
        for kept in (self._scenarios, self._worlds, self._plans):
            for key in [key for key in kept if key == f"{beginning}]" or key.startswith(f"{beginning},")]:
                del kept[key]

    def exact(self, text: str, overrides: Overrides, stage: str, barring: Sequence[str] = ()) -> Interval:
        """A written measure's range over the ties of a stage's plan; it has no value where no plan can be made.

        A planner that searches makes one policy, and so does a deliberation that is no weighted sum: one number.

        Raises:
            NotEnumerableError: see `enumerate_world`; or views are partial and only an upper bound is known; or the
                measure is one of trained agents alone.
        """
        if responder_of(text) is not None:
            raise NotEnumerableError(f"`{text}` is of what agents learned; the exact plan keeps to `solution`")
        try:
            plan = self.plan(overrides, stage, barring)
            best = self.best(text, overrides, stage)
        except (ImproperDiscountError, InfeasibleError, NoFixedPointError) as fault:
            return Interval(None, None, str(fault))
        if plan.upper_bound:
            raise NotEnumerableError(BOUND_ONLY)
        return replace(measured(plan, text, best), whose=whose_policies(plan))

    def best(self, text: str, overrides: Overrides, stage: str) -> float | None:
        """What a written regret is measured from (see `best_of`); None for any other measure.

        Raises:
            NotEnumerableError: there is no exact plan, or only an upper bound of one.
        """
        measure = parse_measure(text)
        if not is_regret(measure):
            return None
        if len(self.world(overrides, stage).agents) > 1:
            raise NotEnumerableError("regret is one agent's, and this world has several")
        try:
            plan = self.best_plan(overrides, stage)
        except (ImproperDiscountError, NoFixedPointError) as fault:
            raise NotEnumerableError(f"regret is measured from the exact plan, and there is none: {fault}") from fault
        if plan.upper_bound:
            raise NotEnumerableError(BOUND_ONLY)
        return best_of(measure, plan)


def shaping_overrides(scenario: Scenario, world: World, overrides: Overrides) -> Overrides:
    """Those overrides that can change which process is enumerated, and not only what an agent makes of it."""
    if any(column >= 0 for agent in world.agents for column in agent.weight_columns):
        return overrides  # weights are part of the state
    document = scenario.document
    preferences = {*document.agents, *weighing(document), *({SOLUTION} - {*document.params})}
    return {name: value for name, value in overrides.items() if name.split(".")[0] not in preferences}


def measured(plan: ExactPlan, text: str, best: float | None = None) -> Interval:
    """The exact range of a written measure over the ties of a plan; `best` as in `exact_measure`."""
    return exact_measure(measure_in(plan.enumeration.world, text), plan, best)


def sampled_in(world: World, text: str, trace: Trace, best: float | None = None) -> pl.DataFrame:
    """A written measure in every episode of a trace of one world, for its first agent; see `sampled_measure`."""
    program = world.agents[0]
    reference = math.nan if best is None else best
    return sampled_measure(
        measure_in(world, text), trace, holds_in(world), program.weights, program.discount, reference
    )


def measure_in(world: World, text: str) -> Measure:
    """A written measure, its condition in the terms of one world."""
    measure = parse_measure(text)
    if isinstance(measure, Rate) and measure.condition is not None:
        return replace(measure, condition=world.resolve(measure.condition))
    return measure


def holds_in(world: World) -> Holds:
    """Where a condition holds, in the states of a trace of this world."""
    return lambda condition, states: truth(condition, look_at(world, states))


def _key(overrides: Overrides, *more: str) -> str:
    return json.dumps([dict(sorted(overrides.items())), *more])
