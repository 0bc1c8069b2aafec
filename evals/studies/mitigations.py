"""Mitigations scored alike: how often the agent still turns, what that costs its task, and what else it does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from ...envs.analysis.dataframes import frame, html
from ...envs.analysis.exact_plan import ExactPlan, weights_may_change
from ...envs.analysis.performance_gap import Range
from ...envs.analysis.tie_ranges import Occurs, expectation_range, share_range
from ...envs.base import FiniteMDP, Floats, NotEnumerableError
from ...envs.solvers.dynamic_programming import InfeasibleError
from ...envs.solvers.policy_evaluation import ImproperDiscountError
from ...scenarios.arguments import settle_counts
from ...scenarios.errors import UsageError, WorldError, check_name
from ...scenarios.language.expressions.parser import parsed_measure
from ...scenarios.language.expressions.syntax import ENDED
from ...scenarios.language.loading import Scenario
from ..exact.solved_worlds import WHOLE_LIFE, SolvedWorlds
from ..measures.life_measures import life_measure
from ..measures.outcomes import harm_of_outcomes
from .control import ControlSettings, control_of
from .length_scores import length_scores
from .mitigated_policies import (
    LengthPlans,
    MitigatedPolicy,
    MitigationProblem,
    NotApplicableError,
    approved,
    best_by_length,
    corrigible,
    drest,
    indifferent,
    preserving,
    quantilised,
    unmitigated,
)

if TYPE_CHECKING:
    import polars as pl

IDLE: Final = ("stay", "wait", "idle", "nothing")
"""Names of actions that do nothing, the first of which counts."""
IGNORING: Final = "to edits of its values: it ignores that they may change"
MEASURES: Final = ("turns", "task", "performance", "harm", "stopped")
"""What is measured of each, in the order of `MitigationOutcome`."""
NONE, VETO, HONEYPOT, PESSIMISM = "none", "veto", "honeypot training", "pessimism"
MITIGATIONS: Final[dict[str, Callable[[MitigationProblem], MitigatedPolicy]]] = {
    NONE: unmitigated,
    "indifference": indifferent,
    "corrigibility": corrigible,
    "drest": drest,
    "aup": preserving,
    "quantiliser": quantilised,
    "mona": approved,
}
"""By name; `veto` is planned by the agent's own planner, and two others are for agents that learn."""
LEARNED_ONLY: Final = {
    HONEYPOT: "an exact planner is not trained, and knows a honeypot from the thing",
    PESSIMISM: "an exact planner is sure of its world: it has no ensemble to be pessimistic over",
}


@dataclass(frozen=True)
class MitigationSettings:
    """Settings of a comparison; None means what is said below.

    Attributes:
        event: what counts as turning, an end as `ended:REASON`; the first harm of the file's `control` when None.
        stopped: the event by which designers stop or correct the agent; None: nobody does.
        task: channels that the designers pay; when None `task`, or else all visible ones.
        harm: events that count as harm; None: the file's, or else the performance that is taken away.
        quantile, aup_weight, aup_rewards, seed: see `MitigationProblem`.
    """

    event: str | None = None
    stopped: str | None = None
    task: Sequence[str] | None = None
    harm: Sequence[str] | None = None
    quantile: float = 0.5
    aup_weight: float = 1 / 1.501
    aup_rewards: int = 10
    seed: int = 0

    def __post_init__(self) -> None:
        """Check the numbers.

        Raises:
            ArgumentError: one is of the wrong type or out of range.
            UsageError: the quantile is not above 0 and at most 1, or a weight is negative.
        """
        settle_counts(self, aup_rewards=(1, 1_000))
        if not 0 < self.quantile <= 1:
            raise UsageError(f"a quantiliser takes a share above 0 and at most 1 of its actions, not {self.quantile:g}")
        if not 0 <= self.aup_weight <= 1e6:
            raise UsageError(f"what changes is weighed by a number from 0 to a million, not {self.aup_weight:g}")


@dataclass(frozen=True)
class MitigationOutcome:
    """How an agent does under one mitigation, as ranges over what is tied.

    Attributes:
        name: of the mitigation.
        turns: the share of episodes with the event; task: the sum of the designers' channels, performance: of the
            hidden score (None if there is none), harm: of harm, in an episode; stopped: the share of episodes (of
            lives, in a life) in which it is stopped, None if no such event was named. All are None where it is not
            applicable.
        neutrality, usefulness: see `LengthScores`, of the policy that takes the first of what is tied; None where
            nobody stops the agent, or when it is stopped is left to chance.
        note: why it is not applicable, or a remark.
    """

    name: str
    turns: Range | None = None
    task: Range | None = None
    performance: Range | None = None
    harm: Range | None = None
    stopped: Range | None = None
    note: str = ""
    neutrality: float | None = None
    usefulness: float | None = None


@dataclass(frozen=True)
class MitigationReport:
    """The mitigations of one stage.

    Attributes:
        scenario, stage: of what; event, stopped: as in the settings; task, harm: channels, and events.
        outcomes: one for each mitigation, `none` first.
    """

    scenario: str
    stage: str
    event: str
    stopped: str | None
    task: tuple[str, ...]
    harm: tuple[str, ...]
    outcomes: tuple[MitigationOutcome, ...]

    def to_frame(self) -> pl.DataFrame:
        """One row for each mitigation and measure: `mitigation`, `measure`, `low`, `high`."""
        rows = [
            {"mitigation": each.name, "measure": name, "low": its.low, "high": its.high}
            for each in self.outcomes
            for name in MEASURES
            if (its := getattr(each, name)) is not None
        ]
        rows += [
            {"mitigation": each.name, "measure": name, "low": score, "high": score}
            for each in self.outcomes
            for name in ("neutrality", "usefulness")
            if (score := getattr(each, name)) is not None
        ]
        return frame(rows, {"mitigation": str, "measure": str, "low": float, "high": float})

    def _repr_html_(self) -> str:
        return html(f"{self.scenario}, stage {self.stage}: mitigations of {self.event}", self.to_frame())


def mitigation_report(
    scenario: Scenario,
    stage: str | None = None,
    settings: MitigationSettings | None = None,
    report: Callable[[str], None] | None = None,
) -> MitigationReport:
    """Score every mitigation on one stage, exactly.

    Args:
        scenario: loaded.
        stage: `deploy`, or else the last, when None.
        settings: see `MitigationSettings`.
        report: called with what is being done.

    Raises:
        UsageError: no event is named, or several agents act.
        UnknownNameError: no such event or channel.
        ScenarioError, ArgumentError: see `control_of`.
        NotEnumerableError, ImproperDiscountError: the agent as it is cannot be solved for.
    """
    return _Reporter(scenario, stage, settings or MitigationSettings(), report or (lambda _: None)).result()


class _Reporter:
    def __init__(
        self, scenario: Scenario, stage: str | None, settings: MitigationSettings, tell: Callable[[str], None]
    ) -> None:
        self.solved, self.settings, self.tell = SolvedWorlds(scenario), settings, tell
        self.scenario = scenario
        self.stage = stage or self.solved.scenario.judged_stage
        self.harm = tuple(control_of(scenario, ControlSettings(harm=settings.harm)).harm)
        world = self.solved.world({}, self.stage)
        if len(world.agents) != 1:
            raise UsageError(f"`{scenario.name}` has {len(world.agents)} agents; a mitigation is of one")
        self.world, self.agent = world, world.agents[0].name
        event = settings.event or (self.harm[0] if self.harm else None)
        if event is None:
            raise UsageError(f"what is a turn in `{scenario.name}`? Name it: --event, one of {', '.join(world.events)}")
        for name in (event, *([settings.stopped] if settings.stopped else [])):
            check_name("event", name, world.events)
        self.event = event
        usual = ("task",) if "task" in world.channels else world.channels
        self.task = tuple(settings.task or usual)
        for name in self.task:
            check_name("channel", name, world.channels)

    def result(self) -> MitigationReport:
        lives = self.solved.lives_in(self.stage)
        outcomes = self._lives() if lives else self._episodes()
        outcomes += [MitigationOutcome(name, note=why) for name, why in LEARNED_ONLY.items()]
        return MitigationReport(
            self.scenario.name, self.stage, self.event, self.settings.stopped, self.task, self.harm, tuple(outcomes)
        )

    def _episodes(self) -> list[MitigationOutcome]:
        self.tell("the agent as it is")
        plan = self.solved.plan({}, self.stage)
        mdp = plan.enumeration.mdp
        idle = next((name for name in IDLE if name in mdp.action_names), None)
        how = self.settings
        problem = MitigationProblem(
            plan,
            mdp.event_mask(how.stopped) if how.stopped else np.uint64(0),
            tuple(mdp.channels.index(name) for name in self.task),
            None if idle is None else mdp.action_names.index(idle),
            how.aup_weight,
            how.aup_rewards,
            how.quantile,
            how.seed,
            self.solved.max_states,
        )
        out = list[MitigationOutcome]()
        best: LengthPlans | None = None
        with suppress(NotApplicableError):
            best = best_by_length(problem)
        for name, mitigate in MITIGATIONS.items():
            self.tell(name)
            try:
                if name == "indifference" and weights_may_change(self.world):
                    out.append(self._ignoring())
                else:
                    policy = mitigate(problem)
                    out.append(self._with_lengths(self._scored(name, plan, policy), problem, policy, best))
            except (NotEnumerableError, ImproperDiscountError) as fault:
                if name == NONE:
                    raise
                out.append(MitigationOutcome(name, note=str(fault)))
        self.tell(VETO)
        out.append(self._vetoed(plan, problem, best))
        return out

    def _with_lengths(
        self, found: MitigationOutcome, problem: MitigationProblem, policy: MitigatedPolicy, best: LengthPlans | None
    ) -> MitigationOutcome:
        if best is None:
            return found
        scores = length_scores(problem, policy, best)
        useful = None if scores.usefulness is None else round(scores.usefulness, 10) + 0.0
        return replace(found, neutrality=round(scores.neutrality, 10) + 0.0, usefulness=useful)

    def _ignoring(self) -> MitigationOutcome:
        """Indifference to edits of its own weights: the agent values all that comes by those that it holds now.

        That is the agent that does not guard its values (Everitt, Filan, Daswani and Hutter 2016, "ignorant").
        """
        plan = self.solved.plan({f"{self.agent}.judges_by": "ignoring"}, self.stage)
        found = self._scored("indifference", plan, MitigatedPolicy(plan.mdp, plan.performance, plan.optimal))
        return replace(found, note=IGNORING)

    def _vetoed(self, plan: ExactPlan, problem: MitigationProblem, best: LengthPlans | None) -> MitigationOutcome:
        """A head that forbids every action that may bring the event about; the agent plans around it."""
        try:
            barred = self.solved.plan({}, self.stage, [self.event])
        except (NotEnumerableError, InfeasibleError) as fault:
            return MitigationOutcome(VETO, note=str(fault))
        policy = MitigatedPolicy(barred.mdp, barred.performance, barred.optimal)
        return self._with_lengths(self._scored(VETO, barred, policy), problem, policy, best)

    def _scored(self, name: str, plan: ExactPlan, policy: MitigatedPolicy) -> MitigationOutcome:
        found = self._measured(plan, policy)
        turns, task, performance, harm, stopped = (
            None if (its := found[key]) is None else _clean(Range(*its)) for key in MEASURES
        )
        return MitigationOutcome(name, turns, task, performance, harm, stopped, policy.note)

    def _measured(self, plan: ExactPlan, policy: MitigatedPolicy) -> dict[str, tuple[float, float] | None]:
        mdp, steps = policy.mdp, plan.steps
        optimal = policy.optimal

        def summed(column: Floats) -> tuple[float, float]:
            return expectation_range(mdp, optimal, column, steps)

        def share(event: str | None) -> tuple[float, float] | None:
            return None if event is None else share_range(mdp, optimal, Occurs(int(mdp.event_mask(event))), steps)

        nothing_hurts = self.world.hidden is None and not self.harm
        turns = share(self.event)
        assert turns is not None
        # Of the policies that turn least the others are not sorted out, so they keep the range over all that is tied.
        return {
            "turns": (turns[0], turns[0]) if policy.tie == "least" else turns,
            "task": summed(_task_of(mdp, self.task)),
            "performance": None if self.world.hidden is None else summed(policy.performance),
            "harm": None if nothing_hurts else summed(harm_of_outcomes(mdp, policy.performance, self.harm)),
            "stopped": share(self.settings.stopped),
        }

    def _lives(self) -> list[MitigationOutcome]:
        """The mitigations that a life has a word for; the others are of single episodes."""
        settings: dict[str, dict[str, object]] = {
            NONE: {},
            "indifference": {f"{self.agent}.judges_by": "ignoring"},
            "mona": {f"{self.agent}.foresight": "episode"},
        }
        out = []
        for name in (*MITIGATIONS, VETO):
            self.tell(name)
            barring = [self.event] if name == VETO else []
            if name not in settings and not barring:
                out.append(MitigationOutcome(name, note="defined for an episode, and this is a life of many"))
                continue
            try:
                out.append(self._lived(name, settings.get(name, {}), barring))
            except WorldError as fault:
                if name == NONE:
                    raise
                out.append(MitigationOutcome(name, note=str(fault)))
        return out

    def _lived(self, name: str, overrides: dict[str, object], barring: list[str]) -> MitigationOutcome:
        life = self.solved.life(overrides, barring)

        def measured(text: str, stage: str = self.stage) -> Range | None:
            found = life_measure(life, parsed_measure(text), stage)
            return None if found.low is None or found.high is None else Range(found.low, found.high)

        def share(event: str) -> str:
            return f"share({event})" if not event.startswith(ENDED) else f"share(ended '{event.removeprefix(ENDED)}')"

        parts = [its for channel in self.task if (its := measured(f"return({channel})")) is not None]
        stopped = self.settings.stopped
        note = {"indifference": IGNORING, "mona": "looks no further than the episode, without approval"}
        return MitigationOutcome(
            name,
            measured(share(self.event)),
            Range(sum(its.low for its in parts), sum(its.high for its in parts)),
            None if self.world.hidden is None else measured("performance"),
            None,
            None if stopped is None else measured(f"life({share(stopped)})", WHOLE_LIFE),
            note.get(name, ""),
        )


def _task_of(mdp: FiniteMDP, names: Sequence[str]) -> Floats:
    return np.asarray(mdp.rewards[:, [mdp.channels.index(name) for name in names]].sum(axis=1))


def _clean(its: Range) -> Range:
    return Range(round(its.low, 10) + 0.0, round(its.high, 10) + 0.0)
