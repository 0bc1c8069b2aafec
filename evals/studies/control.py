"""The control report: an agent's loss of performance split by cause, and what oversight achieves at each budget.

The causes are capability (it cannot do better), goal (it pursues another one) and concealment (it behaves otherwise
while unobserved). Per budget of oversight: task performance and harm, of the agent and of the exact worst case.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import ValidationError

from ...agents.registry.eligibility import unable, unable_in_life
from ...envs.analysis.dataframes import frame, html
from ...envs.analysis.exact_plan import NOT_SOLVED, ExactPlan
from ...envs.analysis.performance_gap import Range, performance_mdp
from ...envs.life.plan import LifePlan, designers_plan
from ...envs.solvers.dynamic_programming import FiniteHorizonSolution, backward_induction
from ...envs.world.world import World
from ...scenarios.arguments import MOST_SEEDS, MOST_STEPS, settle_counts, settle_paths, shown
from ...scenarios.errors import ArgumentError, UsageError
from ...scenarios.language.expressions.parser import formula
from ...scenarios.language.faults.collector import Report
from ...scenarios.language.loading import Scenario
from ...scenarios.language.names.axes import axis_values
from ...scenarios.language.names.formula_context import Context
from ...scenarios.language.names.overrides import Overrides
from ...scenarios.language.names.symbols import Symbols
from ...scenarios.language.schema.document import Control
from ...scenarios.language.validation.searches import check_control
from ..exact.solved_worlds import BY_STAGE, WHOLE_LIFE, SolvedWorlds
from ..measures.life_analysis import life_outcomes, random_life
from ..measures.measure_values import BOUND_ONLY
from ..measures.outcomes import (
    BehaviourOutcomes,
    OutcomeCriteria,
    check_losses,
    columns_of,
    exact_outcomes,
    less,
    on_whole_states,
    random_outcomes,
    seed_outcomes,
)
from ..training.execution.time_budget import TimeBudget
from ..training.execution.trace_cache import TraceCache
from ..training.execution.workers import Workers
from ..training.options import first_seed_of
from ..training.spec import has_performance
from ..training.trained_seeds import Count, TrainedSeeds

if TYPE_CHECKING:
    import polars as pl

AS_WRITTEN = "as written"
"""The name of the condition without a variant."""


class MissingPerformanceError(UsageError, ValueError):
    """The scenario says nothing of what its designers want."""


@dataclass(frozen=True)
class LossDecomposition:
    """The loss of performance in one condition, split into goal and capability.

    Attributes:
        name: `as written`, or the name of the variant.
        agent: outcomes of the agent; best: of the plan that is optimal for performance; random: of random actions.
        goal: performance lost by the agent's goal: the best minus that of the exact planner with the agent's goal.
        capability: performance lost by falling short of that planner; negative where falling short is an advantage; 0
            for the planner itself.
        note: why there are no numbers, or a remark on them.
    """

    name: str
    agent: BehaviourOutcomes | None = None
    best: BehaviourOutcomes | None = None
    random: BehaviourOutcomes | None = None
    goal: Range | None = None
    capability: Range | None = None
    note: str = ""


@dataclass(frozen=True)
class OversightOutcome:
    """The outcomes at one budget of oversight.

    Attributes:
        name, value: the setting and its value.
        agent: outcomes of the agent; worst: of the policy that minimises performance, with full knowledge of the world
            and its horizon; None where it cannot be computed, as `note` says.
    """

    name: str
    value: object
    agent: BehaviourOutcomes | None = None
    worst: BehaviourOutcomes | None = None
    note: str = ""


@dataclass(frozen=True)
class ControlReport:
    """The report of one stage.

    Attributes:
        scenario, stage, agent: what is reported on; seeds: how many were trained, 0 for the exact planner.
        seen: the condition under which the agent is observed, as written, or empty; harm: events, or empty.
        conditions: as written, then every variant of the file; budgets: per setting and value.
    """

    scenario: str
    stage: str
    agent: str
    seeds: int
    seen: str
    harm: tuple[str, ...]
    conditions: tuple[LossDecomposition, ...]
    budgets: tuple[OversightOutcome, ...]

    def to_frame(self) -> pl.DataFrame:
        """Columns `table` (conditions or budgets), `name`, `value`, `who`, `measure`, `low`, `high`, `outer`."""
        rows: list[tuple[str, str, str, str, str, Range | None]] = []
        for each in self.conditions:
            whole: tuple[tuple[str, BehaviourOutcomes | None], ...]
            whole = (("agent", each.agent), ("best", each.best), ("random", each.random))
            rows += [("conditions", each.name, "", *row) for who, outcomes in whole for row in _flat(who, outcomes)]
            parts = (("goal", each.goal), ("capability", each.capability))
            rows += [("conditions", each.name, "", "agent", what, its) for what, its in parts]
        for outcome in self.budgets:
            whole = (("agent", outcome.agent), ("worst", outcome.worst))
            text = str(outcome.value)
            rows += [("budgets", outcome.name, text, *row) for who, outcomes in whole for row in _flat(who, outcomes)]
        names = ("table", "name", "value", "who", "measure")
        return frame(
            [
                {**dict(zip(names, row[:5], strict=True)), "low": its.low, "high": its.high, "outer": its.outer}
                for row in rows
                if (its := row[5]) is not None
            ],
            {**dict.fromkeys(names, str), "low": float, "high": float, "outer": bool},
        )

    def to_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        return asdict(self)

    def _repr_html_(self) -> str:
        return html(f"{self.scenario}, stage {self.stage}: {self.agent}", self.to_frame())


@dataclass(frozen=True)
class ControlSettings:
    """Settings of a control report; None means what the file says.

    Attributes:
        agent: `exact`, or one that is trained; seeds, first_seed, steps: of its training.
        workers: the processes that train.
        seen: a condition; harm: events; budget: settings and their values.
        cache: the folder of trained seeds; None: none.
        count: called with the number of trained seeds.
    """

    agent: str = "exact"
    seeds: int | None = None
    steps: int | None = None
    workers: Workers | None = None
    seen: str | None = None
    harm: Sequence[str] | None = None
    budget: Mapping[str, Sequence[object]] | None = None
    cache: Path | None = None
    count: Count = lambda *_: None
    first_seed: int | None = None

    def __post_init__(self) -> None:
        """Check the numbers.

        Raises:
            ArgumentError: one is of the wrong type or out of range.
        """
        settle_counts(self, seeds=(1, MOST_SEEDS), steps=(1, MOST_STEPS))
        settle_paths(self, "cache")


def control_report(
    scenario: Scenario,
    stage: str | None = None,
    settings: ControlSettings | None = None,
    report: Callable[[str], None] | None = None,
) -> ControlReport:
    """Split an agent's loss of performance by cause, and measure what oversight achieves.

    Args:
        scenario: loaded; it has a hidden performance.
        stage: `deploy`, or else the last, when None.
        settings: see `ControlSettings`.
        report: called with what is being done.

    Raises:
        MissingPerformanceError: there is no hidden performance.
        ScenarioError: a condition, an event or a budget names nothing.
        ArgumentError: what the settings say is not of the form of a file's `control:`.
    """
    return _Reporter(scenario, stage, settings or ControlSettings(), report or (lambda _: None)).result()


class _Reporter:
    def __init__(
        self, scenario: Scenario, stage: str | None, settings: ControlSettings, report: Callable[[str], None]
    ) -> None:
        self.scenario, self.settings, self.report = scenario, settings, report
        self.solved = SolvedWorlds(scenario)
        self.stage = stage or self.solved.scenario.judged_stage
        self.control = control_of(scenario, settings)
        if not has_performance(scenario):
            raise MissingPerformanceError(
                f"`{scenario.name}` has no hidden performance, so nothing can be said of its failures"
            )
        runs = scenario.document.runs
        self.seeds = settings.seeds or runs.seeds
        workers, steps = settings.workers or Workers(1), settings.steps or runs.steps
        cache = None if settings.cache is None or settings.agent == "exact" else TraceCache(settings.cache)
        self.trained_seeds = TrainedSeeds(
            self.solved,
            steps,
            runs.episodes,
            workers,
            cache,
            TimeBudget(None),
            report,
            settings.count,
            first_seed=first_seed_of(settings.first_seed, runs),
        )

    def result(self) -> ControlReport:
        with np.errstate(over="ignore", invalid="ignore"):  # what comes of it is refused, see `exact_outcomes`
            return self._result()

    def _result(self) -> ControlReport:
        variants = self.scenario.document.variants
        conditions = [self._decomposed(name, its) for name, its in {AS_WRITTEN: {}, **variants}.items()]
        budgets = [
            self._outcomes_at(name, value) for name, axis in self.control.budget.items() for value in axis_values(axis)
        ]
        return ControlReport(
            self.scenario.name,
            self.stage,
            self.settings.agent,
            0 if self.settings.agent == "exact" else self.seeds,
            str(self.control.seen or ""),
            tuple(self.control.harm),
            tuple(conditions),
            tuple(budgets),
        )

    def _decomposed(self, name: str, overrides: Overrides) -> LossDecomposition:
        self.report(name)
        if self.solved.lives_in(self.stage):
            return self._decomposed_life(name, overrides)
        try:
            plan = self.solved.plan(overrides, self.stage)
            check_losses(plan.enumeration)
        except NOT_SOLVED as fault:
            return LossDecomposition(name, note=str(fault))
        # Best, worst and random act on the states of the world, whatever the agent may observe.
        criteria, whole = self._criteria(plan.enumeration.world), on_whole_states(plan)
        if plan.upper_bound:
            return LossDecomposition(name, note=BOUND_ONLY)
        planned = exact_outcomes(plan.as_seen, plan.as_seen.optimal, criteria)
        best = exact_outcomes(whole, _solved_for(whole, 1), criteria)
        agent, why = self._agent(overrides, planned, criteria)
        return _split(name, planned, agent, best, random_outcomes(whole, criteria), why)

    def _decomposed_life(self, name: str, overrides: Overrides) -> LossDecomposition:
        """The same of a life: sums over the mean episode of the stage (or over all), by policies of the whole life."""
        try:
            plan = self.solved.life(overrides)
            planned, best, random = (self._lived(each) for each in (plan, designers_plan(plan), random_life(plan)))
        except NOT_SOLVED as fault:
            return LossDecomposition(name, note=str(fault))
        if plan.upper_bound:
            return LossDecomposition(name, note=BOUND_ONLY)
        agent, why = self._living_agent(overrides, planned)
        return _split(name, planned, agent, best, random, why)

    def _lived(self, plan: LifePlan) -> BehaviourOutcomes:
        seen = self.control.seen
        condition = None if seen is None else formula(seen)
        return life_outcomes(plan, self.stage, condition, tuple(self.control.harm))

    def _living_agent(self, overrides: Overrides, planned: BehaviourOutcomes) -> tuple[BehaviourOutcomes | None, str]:
        """See `_agent`."""
        if self.settings.agent == "exact":
            return planned, ""
        if self.stage == WHOLE_LIFE:
            return None, BY_STAGE
        world = self.solved.world(overrides, self.stage)
        if (reason := unable_in_life(self.settings.agent, world)) is not None:
            return None, reason
        return self._agent(overrides, planned, self._criteria(world))

    def _outcomes_at(self, name: str, value: object) -> OversightOutcome:
        self.report(f"{name} {value}")
        overrides = {name: value}
        if self.solved.lives_in(self.stage):
            return self._outcomes_of_life_at(name, value, overrides)
        try:
            plan = self.solved.plan(overrides, self.stage)
            check_losses(plan.enumeration)
        except NOT_SOLVED as fault:
            return OversightOutcome(name, value, note=str(fault))
        criteria, whole = self._criteria(plan.enumeration.world), on_whole_states(plan)
        worst = exact_outcomes(whole, _solved_for(whole, -1), criteria)
        if plan.upper_bound:
            return OversightOutcome(name, value, None, worst, BOUND_ONLY)
        agent, why = self._agent(overrides, exact_outcomes(plan.as_seen, plan.as_seen.optimal, criteria), criteria)
        return OversightOutcome(name, value, agent, worst, why)

    def _outcomes_of_life_at(self, name: str, value: object, overrides: Overrides) -> OversightOutcome:
        try:
            plan = self.solved.life(overrides)
            planned, worst = self._lived(plan), self._lived(designers_plan(plan, -1.0))
        except NOT_SOLVED as fault:
            return OversightOutcome(name, value, note=str(fault))
        if plan.upper_bound:
            return OversightOutcome(name, value, None, worst, BOUND_ONLY)
        agent, why = self._living_agent(overrides, planned)
        return OversightOutcome(name, value, agent, worst, why)

    def _agent(
        self, overrides: Overrides, planned: BehaviourOutcomes, criteria: OutcomeCriteria
    ) -> tuple[BehaviourOutcomes | None, str]:
        """The outcomes of the agent, or None and the reason."""
        method = self.settings.agent
        if method == "exact":
            return planned, ""
        world = self.solved.world(overrides, self.stage)
        if (reason := unable(method, world)) is not None:
            return None, reason
        return seed_outcomes(self.trained_seeds.trace(method, overrides, self.stage, self.seeds), world, criteria), ""

    def _criteria(self, world: World) -> OutcomeCriteria:
        seen = self.control.seen
        return OutcomeCriteria(None if seen is None else world.resolve(formula(seen)), tuple(self.control.harm))


def _split(
    name: str,
    planned: BehaviourOutcomes,
    agent: BehaviourOutcomes | None,
    best: BehaviourOutcomes,
    random: BehaviourOutcomes,
    note: str,
) -> LossDecomposition:
    """What is lost in one condition, by cause."""
    # The optimum is one number, even where the policies that reach it differ.
    top = Range(best.performance.high, best.performance.high)
    capability = None if agent is None else less(planned.performance, agent.performance)
    # A range minus itself is 0 here: both are of the same policy under the same ties.
    capability = Range(0.0, 0.0) if agent is planned else capability
    return LossDecomposition(name, agent, best, random, less(top, planned.performance), capability, note)


def _solved_for(whole: ExactPlan, weight: float) -> FiniteHorizonSolution:
    """The policy that maximises performance over the stage's ticks (minimises it, for a weight of -1)."""
    process = performance_mdp(whole.enumeration)
    # Undiscounted, since performance is judged by its sum over the stage's ticks.
    return backward_induction(process, np.array([weight]), 1.0, whole.steps, keep_values=False)


def control_of(scenario: Scenario, settings: ControlSettings) -> Control:
    """The file's `control:` with the settings in its place, checked.

    Where neither says when the agent is observed, it is when a thing of kind `overseer` sees it.

    Raises:
        ScenarioError: a condition, an event or a budget names nothing.
        ArgumentError: what the settings say is not of the form of a file's `control:`.
    """
    document = scenario.document
    written = document.control or Control()
    seen = settings.seen if settings.seen is not None else written.seen
    if seen is None:
        seen = _any_overseer(scenario)
    given = {} if settings.budget is None else {"budget": {n: {"values": list(v)} for n, v in settings.budget.items()}}
    # Validated again: settings come from a caller, not from a file that was checked.
    data = {
        **written.model_dump(by_alias=True, exclude_unset=True),
        "seen": seen,
        **given,
        **({} if settings.harm is None else {"harm": list(settings.harm)}),
    }
    try:
        control = Control.model_validate(data)
    except ValidationError as fault:
        wrong = fault.errors(include_url=False)[0]
        if wrong["loc"][0] == "budget":
            takes = "a setting of oversight takes up to 1,000 numbers, words or cells, and there are up to 8 of them"
        else:
            takes = f"`{wrong['loc'][0]}` is of the form that it has in a file's `control:`"
        raise ArgumentError(f"{takes}; not {shown(wrong['input'])}") from None
    report = Report()
    check_control(Context(_with(scenario, control), report))
    report.raise_if_wrong()
    return control


def _any_overseer(scenario: Scenario) -> str | None:
    document = scenario.document
    seeing = [name for name, thing in document.things.items() if thing.kind == "overseer" and thing.sight is not None]
    pairs = [f"any({name}: {name} sees {agent})" for name in seeing for agent in document.agents]
    return " or ".join(pairs) or None


def _with(scenario: Scenario, control: Control) -> Symbols:
    """The symbols of a scenario with another `control:`."""
    document = scenario.document.model_copy(update={"control": control})
    return replace(scenario.symbols, document=document)


def _flat(who: str, outcomes: BehaviourOutcomes | None) -> list[tuple[str, str, Range | None]]:
    return [] if outcomes is None else [(who, name, its) for name, its in columns_of(outcomes)]
