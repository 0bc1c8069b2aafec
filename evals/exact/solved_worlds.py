"""The worlds of one scenario under any overrides, compiled, enumerated and solved; each is made once and kept."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import product

from ...agents.registry.multi_agent_profiles import named_in
from ...envs.analysis.exact_plan import ExactPlan, ValueOverflowError, check_sums
from ...envs.base import NotEnumerableError
from ...envs.bounds.anytime_bounds import BoundedSearch
from ...envs.life.as_stage import as_stage
from ...envs.life.plan import LifePlan, plan_life
from ...envs.life.process import LifeProcess, life_process
from ...envs.mdp.enumeration import Enumeration, enumerate_world
from ...envs.time_limit import OutOfTimeError, time_limit
from ...envs.world.compiler import compile_world
from ...envs.world.digests import dynamics_digest, world_digest
from ...envs.world.world import World
from ...scenarios.arguments import check_text
from ...scenarios.language.expressions.constants import NotConstantError, constant
from ...scenarios.language.expressions.parser import parse_expression
from ...scenarios.language.faults.faults import Fault, ScenarioError
from ...scenarios.language.loading import Scenario, apply_overrides
from ...scenarios.language.names.overrides import SOLUTION, Overrides, zone_of_cells
from ...scenarios.language.schema.document import Expectation, StatedMonitor
from .planned_policy import plan_as_agent
from .regret import truly_best

BOUND_SECONDS = 60.0
"""How long the bounds of one world may be worked on."""
WHOLE_LIFE = "life"
"""The name by which all stages of a life are asked for; no stage of a file that declares one has it."""
BY_STAGE = "what was learned in a life is measured stage by stage: name one of its stages"
"""Why agents that learn are not asked about `WHOLE_LIFE`."""


class SolvingTooLongError(OutOfTimeError):
    """Enumerating or solving one stage takes longer than it may, whatever time there is for the rest."""


class SolvedWorlds:
    """The stages of one scenario under any overrides: compiled, enumerated and solved, each once.

    Attributes:
        scenario: the scenario before overrides.
        max_states: how many states of a stage may be enumerated.
        seconds: how long enumerating a stage, or solving it, may take; None: as long as it takes.
    """

    def __init__(
        self,
        scenario: Scenario,
        max_states: int | None = None,
        enlist: Sequence[str] = (),
        seconds: float | None = None,
    ) -> None:
        """Keep the scenario; nothing is compiled or solved before it is asked for.

        Args:
            scenario: a checked scenario.
            max_states: how many states of a stage may be enumerated; the limit of the file when None.
            enlist: names of things that act as agents too.
            seconds: see above.
        """
        self.scenario, self._enlist, self.seconds = scenario, tuple(enlist), seconds
        self.max_states = scenario.document.runs.max_states if max_states is None else max_states
        self._scenarios: dict[str, Scenario] = {}
        self._worlds: dict[str, World] = {}
        self._enumerations: dict[str, Enumeration] = {}
        self._plans: dict[str, ExactPlan] = {}
        # Stages and overrides that differ in names alone are searched and solved once.
        self._searched: dict[str, Enumeration] = {}
        self._planned: dict[str, ExactPlan] = {}
        self._bounded: dict[str, BoundedSearch] = {}
        self._processes: dict[str, LifeProcess] = {}
        self._lives: dict[str, LifePlan] = {}
        self._summed: set[str] = set()
        self._too_long: dict[str, str] = {}
        self._enlisting: dict[tuple[str, ...], SolvedWorlds] = {}

    def with_agent(self, agent: str) -> SolvedWorlds:
        """The worlds in which an agent acts, where the things that its profile names are agents too.

        Args:
            agent: an agent's name, or a profile; most of them enlist nothing, and the result is this object.
        """
        things = enlisted(agent, self.scenario)
        if things == self._enlist:
            return self
        if things not in self._enlisting:
            self._enlisting[things] = SolvedWorlds(self.scenario, self.max_states, things, self.seconds)
        return self._enlisting[things]

    def conditions(self, expectation: Expectation | StatedMonitor) -> list[Overrides]:
        """The overrides of every condition of an expectation or a monitor; a single one if it has no `across`."""
        variants = self.scenario.document.variants
        # Later settings win: `set` over the variant, and `across` over both.
        base: dict[str, object] = {**(variants[expectation.variant] if expectation.variant else {}), **expectation.set}
        if isinstance(expectation.across, list):
            return [{**base, **settings} for settings in expectation.across]
        names = list(expectation.across)
        lists = [self._listed(expectation.across[name], base) for name in names]
        return [{**base, **dict(zip(names, values, strict=True))} for values in product(*lists)]

    def _listed(self, values: object, base: Overrides) -> Sequence[object]:
        """The values of one `across` entry; `cells(ZONE)` stands for every cell of a zone in the drawn map."""
        if not isinstance(values, str):
            assert isinstance(values, list)
            return values
        boards, zone = next(iter(self.under(base).boards.values())), zone_of_cells(values)
        assert zone is not None, "checked when the file was loaded"
        return [list(cell) for cell in boards[0].zones[zone]]

    def under(self, overrides: Overrides) -> Scenario:
        """The scenario with overrides applied."""
        key = _key(overrides)
        if key not in self._scenarios:
            self._scenarios[key] = apply_overrides(self.scenario, overrides)
        return self._scenarios[key]

    def world(self, overrides: Overrides, stage: str) -> World:
        """The compiled world of a stage."""
        key = _key(overrides, stage)
        if key not in self._worlds:
            self._worlds[key] = compile_world(self.under(overrides), stage, enlist=self._enlist)
        return self._worlds[key]

    def enumeration(self, overrides: Overrides, stage: str) -> Enumeration:
        """The enumeration of a stage; overrides that differ only in agents' preferences share one.

        That of a stage in a life is of every state in which an episode of it may begin there.

        Raises:
            NotEnumerableError: see `enumerate_world`.
            ScenarioError: sums of rewards are too large, or all but nothing; its fault is at the weight or at the rule
                that pays most.
            SolvingTooLongError: it takes longer than `seconds`, or did when it was tried before.
        """
        world = self.world(overrides, stage)
        key = _key(shaping_overrides(self.scenario, world, overrides), stage)
        if self.lives_in(stage):
            process = self.life_process(overrides)
            self._enumerations[key] = process.enumerations[process.stage_named(stage)]
        elif key not in self._enumerations:
            alike = dynamics_digest(world)
            if alike not in self._searched:
                with self._in_time(alike):
                    self._searched[alike] = enumerate_world(world, self.max_states)
            self._enumerations[key] = self._searched[alike]
        # The shared process comes with the world of these overrides, which has their weights and discounts.
        enumeration = replace(self._enumerations[key], world=world)
        if (own := _key(overrides, stage)) not in self._summed:
            try:
                check_sums(enumeration)
            except ValueOverflowError as fault:
                raise overflow_fault(self.scenario, fault) from fault
            self._summed.add(own)
        return enumeration

    def plan(self, overrides: Overrides, stage: str, barring: Sequence[str] = ()) -> ExactPlan:
        """The plan of a stage by its agent's own planner.

        Raises:
            NotEnumerableError: see `enumerate_world`; or the stage is part of a life, which is solved as a whole.
            ImproperDiscountError, InfeasibleError, NoFixedPointError: see `plan_as_agent`.
            SolvingTooLongError: as `enumeration`.
        """
        self.check_alone(stage)
        key = _key(overrides, stage, *barring)
        if key not in self._plans:
            enumeration = self.enumeration(overrides, stage)
            alike = _key({}, world_digest(enumeration.world), *barring)
            if (plan := self._planned.get(alike)) is None:
                with self._in_time(f"plan {alike}"):
                    self._planned[alike] = plan = plan_as_agent(enumeration, barring, self.max_states)
            # Only the names of the world are others; conditions of measures ask for them. The process stays: it may be
            # that of one who answers others.
            solved = plan.enumeration
            same = solved.world is enumeration.world
            self._plans[key] = plan if same else replace(plan, enumeration=replace(solved, world=enumeration.world))
        return self._plans[key]

    def bounded(self, overrides: Overrides, stage: str) -> BoundedSearch:
        """The search for bounds of a stage that is too large to enumerate, as far as it has come."""
        key = _key(overrides, stage)
        if key not in self._bounded:
            seconds = BOUND_SECONDS if self.seconds is None else min(BOUND_SECONDS, self.seconds)
            self._bounded[key] = BoundedSearch(self.world(overrides, stage), seconds, self.max_states)
        return self._bounded[key]

    @contextmanager
    def _in_time(self, what: str) -> Iterator[None]:
        """Give up after `seconds`, and at once where the same took too long before."""
        if self.seconds is None:
            yield
            return
        if what in self._too_long:
            raise SolvingTooLongError(self._too_long[what])
        began = time.monotonic()
        try:
            with time_limit(self.seconds, f"the {self.seconds:g} seconds of one solution (`--solve-budget`)"):
                yield
        except OutOfTimeError as fault:
            # The limit of somebody who waits for all of it is not this one.
            if time.monotonic() - began < self.seconds:
                raise
            self._too_long[what] = str(fault)
            raise SolvingTooLongError(str(fault)) from None

    def best_plan(self, overrides: Overrides, stage: str) -> ExactPlan:
        """The plan of a stage by the exact solver, whatever planner its agent has.

        Raises:
            NotEnumerableError: see `enumerate_world`.
            ImproperDiscountError, NoFixedPointError: see `plan_exactly`.
        """
        enumeration = self.enumeration(overrides, stage)
        with self._in_time(f"best plan {_key(overrides, stage)}"):
            return truly_best(enumeration, self.max_states, lambda: self.plan(overrides, stage))

    def lives_in(self, stage: str) -> bool:
        """See `Scenario.lives_in`."""
        return self.scenario.lives_in(stage)

    def check_alone(self, stage: str) -> None:
        """Checks that a stage can be looked at by itself.

        Raises:
            NotEnumerableError: it is part of a life, which is solved as a whole.
        """
        if self.lives_in(stage):
            raise NotEnumerableError(
                f"`{stage}` is part of a life, and what is best in one of its episodes depends on the others; "
                "expectations, `solve` and `sweep` look at the whole life, and so do `pareto`, `protocols` and `export`"
                f" with the stage `{WHOLE_LIFE}`",
                f"ask for the stage `{WHOLE_LIFE}`",
            )

    def stage_or_life(self, stage: str) -> Enumeration:
        """A stage that can be looked at by itself, or with `life` the whole life as if it were one stage.

        Raises:
            NotEnumerableError: see `enumerate_world`, `check_alone`, `life_process` and `as_stage`.
        """
        if stage == WHOLE_LIFE:
            return as_stage(self.life_process({}), WHOLE_LIFE)
        self.check_alone(stage)
        return self.enumeration({}, stage)

    def life_process(self, overrides: Overrides) -> LifeProcess:
        """The life of the file as one process; overrides that differ only in agents' preferences share it.

        Raises:
            NotEnumerableError: see `envs.life.process.life_process`.
        """
        stages = dict.fromkeys(entry.stage for entry in self.scenario.document.life)
        worlds = {stage: self.world(overrides, stage) for stage in stages}
        shaping: dict[str, object] = {}
        for world in worlds.values():
            shaping |= shaping_overrides(self.scenario, world, overrides)
        key = _key(shaping, WHOLE_LIFE)
        if key not in self._processes:
            with self._in_time(key):
                self._processes[key] = life_process(worlds, self.max_states)
        process = self._processes[key]
        # As with enumerations: the process is shared, and weights, discounts and foresight are those of the overrides.
        own = tuple(replace(each, world=worlds[each.world.stage]) for each in process.enumerations)
        return replace(process, enumerations=own)

    def life(self, overrides: Overrides, barring: Sequence[str] = ()) -> LifePlan:
        """The plan of the whole life.

        Raises:
            NotEnumerableError: see `envs.life.process.life_process` and `envs.life.plan.plan_life`.
            ImproperDiscountError, InfeasibleError, NoFixedPointError: see `plan_life`.
        """
        key = _key(overrides, WHOLE_LIFE, *barring)
        if key not in self._lives:
            process = self.life_process(overrides)
            with self._in_time(f"plan {key}"):
                self._lives[key] = plan_life(process, barring, self.max_states)
        return self._lives[key]

    def forget(self, overrides: Overrides) -> None:
        """Drop what is kept for some overrides, so that thousands of them can be tried; enumerations are kept."""
        # A key is a JSON list that begins with the overrides: the same list alone, or followed by stage and bars.
        beginning = _key(overrides)[:-1]
        for kept in (self._scenarios, self._worlds, self._plans, self._bounded, self._lives):
            for key in [key for key in kept if key == f"{beginning}]" or key.startswith(f"{beginning},")]:
                del kept[key]
        self._planned.clear()  # they may be of these overrides, and of others they stand in `_plans`


def asked_stage(scenario: Scenario) -> str:
    """The stage whose plan is explained where none is named: the judged one, or the whole life that it is part of."""
    judged = scenario.judged_stage
    return WHOLE_LIFE if scenario.lives_in(judged) else judged


def overflow_fault(scenario: Scenario, fault: ValueOverflowError) -> ScenarioError:
    """A sum that is too large, or all but nothing, as a fault at its place.

    That is the weight or the rule that pays most, whichever is larger; of what is too small, whichever is smaller.
    """
    numeric = {name: value for name, value in scenario.params.items() if isinstance(value, int | float)}
    pays: list[tuple[float, tuple[str | int, ...]]] = []
    for number, rule in enumerate(scenario.document.rules):
        amounts = [(key, *each) for key in ("pays", "else_pays") for each in getattr(rule, key).items()]
        for key, channel, pay in amounts:
            if channel == fault.channel or channel.endswith(f".{fault.channel}"):
                try:
                    size = abs(float(constant(parse_expression(pay), numeric)))
                except NotConstantError:
                    size = fault.pay  # it depends on the state, so it may be what pays most
                pays.append((size, ("rules", number, key, channel)))
    ends = [max(pays, default=(0.0, ("rewards", fault.channel)), key=_size)]
    if fault.agent is not None:
        ends.append((abs(fault.weight), ("agents", fault.agent, "values", fault.channel.split(".")[-1])))
    _, path = (min if fault.too_small else max)(ends, key=_size)
    source, kind = scenario.source, "larger" if fault.too_small else "smaller"
    found = Fault("TC610", source.place(path), str(fault), f"take {kind} numbers: only their ratios matter to a plan")
    return ScenarioError((found,), source.lines)


def _size(its: tuple[float, tuple[str | int, ...]]) -> float:
    return its[0]


def enlisted(agent: str, scenario: Scenario) -> tuple[str, ...]:
    """The things that a profile turns into agents by naming them."""
    named, things = named_in(agent), scenario.document.things
    return tuple(name for name, thing in things.items() if name in named and thing.as_agent is not None)


def shaping_overrides(scenario: Scenario, world: World, overrides: Overrides) -> Overrides:
    """Those of the overrides that can change the enumerated process, not only an agent's preferences over it."""
    if any(column >= 0 for agent in world.agents for column in agent.weight_columns):
        return overrides  # weights are part of the state
    document = scenario.document
    preferences = {*document.agents, *scenario.symbols.weighing, *({SOLUTION} - {*document.params})}
    # A stated policy may read what is no part of the state otherwise, such as `step`.
    return {
        name: value for name, value in overrides.items() if name.split(".")[0] not in preferences or "(" in str(value)
    }


def _key(overrides: Overrides, *more: str) -> str:
    """A hashable key, for override values may be lists; the order of the overrides does not matter."""
    for each in more:
        check_text("stage", each)
    return json.dumps([dict(sorted(overrides.items())), *more])
