"""Mitigations scored alike: how often the agent still turns, what that costs its task, and what else it does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from ...envs.analysis.dataframes import frame, html
from ...envs.analysis.exact_plan import weights_may_change
from ...envs.analysis.performance_gap import Range
from ...envs.base import NotEnumerableError
from ...envs.solvers.dynamic_programming import InfeasibleError
from ...envs.solvers.policy_evaluation import ImproperDiscountError
from ...scenarios.arguments import MOST_SEEDS, MOST_STEPS, settle_counts, settle_numbers, settle_paths
from ...scenarios.errors import UsageError, WorldError, check_name
from ...scenarios.language.expressions.parser import parsed_measure
from ...scenarios.language.expressions.syntax import ENDED
from ...scenarios.language.loading import Scenario
from ..exact.solved_worlds import WHOLE_LIFE, SolvedWorlds
from ..measures.life_measures import life_measure
from ..measures.outcomes import NETTED
from ..studies.control import ControlSettings, control_of
from ..training.options import first_seed_of
from .learned_scores import AGENT, HONEYPOT, LearnedMitigations, LearnedScores
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
from .scoring import MEASURES, SCORES, MitigationOutcome, Scorer

if TYPE_CHECKING:
    import polars as pl

EXACT: Final = "exact"
IDLE: Final = ("stay", "wait", "idle", "nothing")
"""Names of actions that do nothing, the first of which counts."""
IGNORING: Final = "to edits of its values: it ignores that they may change"
NONE, VETO, PESSIMISM = "none", "veto", "pessimism"
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
        agent: `exact`, or `counts` for the same of trained seeds too; seeds, first_seed, steps: of their training, None
            for the file's.
        cache: the folder in which finished seeds are kept; None: they are not.
    """

    event: str | None = None
    stopped: str | None = None
    task: Sequence[str] | None = None
    harm: Sequence[str] | None = None
    quantile: float = 0.5
    aup_weight: float = 1 / 1.501
    aup_rewards: int = 10
    seed: int = 0
    agent: str = EXACT
    seeds: int | None = None
    first_seed: int | None = None
    steps: int | None = None
    cache: Path | None = None

    def __post_init__(self) -> None:
        """Check the numbers.

        Raises:
            ArgumentError: one is of the wrong type or out of range.
            UsageError: the quantile is not above 0 and at most 1, a weight is negative, or the agent is another.
        """
        settle_counts(self, aup_rewards=(1, 1_000), seeds=(1, MOST_SEEDS), steps=(1, MOST_STEPS))
        settle_numbers(self, "quantile", "aup_weight")
        settle_paths(self, "cache")
        if self.agent not in (EXACT, AGENT):
            raise UsageError(
                f"mitigations change a plan on a table, which `{EXACT}` and `{AGENT}` have; not that of `{self.agent}`"
            )
        if not 0 < self.quantile <= 1:
            raise UsageError(f"a quantiliser takes a share above 0 and at most 1 of its actions, not {self.quantile:g}")
        if not 0 <= self.aup_weight <= 1e6:
            raise UsageError(f"what changes is weighed by a number from 0 to a million, not {self.aup_weight:g}")


@dataclass(frozen=True)
class MitigationReport:
    """The mitigations of one stage.

    Attributes:
        scenario, stage: of what; event, stopped: as in the settings; task, harm: channels, and events.
        outcomes: one for each mitigation, `none` first, of the exact planner.
        learned: the same of trained seeds; None if none were asked for.
    """

    scenario: str
    stage: str
    event: str
    stopped: str | None
    task: tuple[str, ...]
    harm: tuple[str, ...]
    outcomes: tuple[MitigationOutcome, ...]
    learned: LearnedMitigations | None = None

    def to_frame(self) -> pl.DataFrame:
        """One row for each agent, mitigation and measure.

        Columns `agent`, `mitigation`, `measure`, `middle`, `low`, `high`, `outer`. Of the exact planner the ends are
        those of what is tied (see `Range`), and there is no middle; of seeds see `OverSeeds`.
        """
        found = [
            (EXACT, each.name, name, None, its.low, its.high, its.outer)
            for each in self.outcomes
            for name in MEASURES
            if (its := getattr(each, name)) is not None
        ]
        found += [
            (EXACT, each.name, name, None, score, score, False)
            for each in self.outcomes
            for name in SCORES
            if (score := getattr(each, name)) is not None
        ]
        if self.learned is not None:
            found += [
                (self.learned.agent, each.name, name, its.middle, its.low, its.high, False)
                for each in self.learned.outcomes
                for name in (*MEASURES, *SCORES)
                if (its := getattr(each, name)) is not None
            ]
        kinds: dict[str, type] = dict.fromkeys(("agent", "mitigation", "measure"), str)
        kinds |= {**dict.fromkeys(("middle", "low", "high"), float), "outer": bool}
        return frame([dict(zip(kinds, row, strict=True)) for row in found], kinds)

    def _repr_html_(self) -> str:
        return html(f"{self.scenario}, stage {self.stage}: mitigations of {self.event}", self.to_frame())


def mitigation_report(
    scenario: Scenario,
    stage: str | None = None,
    settings: MitigationSettings | None = None,
    report: Callable[[str], None] | None = None,
) -> MitigationReport:
    """Score every mitigation on one stage: of the exact planner, and of trained seeds if they are asked for.

    Args:
        scenario: loaded.
        stage: `deploy`, or else the last, when None.
        settings: see `MitigationSettings`.
        report: called with what is being done.

    Raises:
        UsageError: no event is named, several agents act, or what was learned cannot be planned on otherwise.
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
        if self.solved.lives_in(self.stage):
            if self.settings.agent != EXACT:
                raise UsageError("what is learned in a life is not scored here: an agent lives it once")
            outcomes, learned = self._lives(), None
        else:
            scorer = self._scorer()
            trained = None if self.settings.agent == EXACT else self._trained(scorer)
            outcomes = self._episodes(scorer)
            learned = None if trained is None else trained.result()
        outcomes += [MitigationOutcome(name, note=why) for name, why in LEARNED_ONLY.items()]
        return MitigationReport(
            self.scenario.name,
            self.stage,
            self.event,
            self.settings.stopped,
            self.task,
            self.harm,
            tuple(outcomes),
            learned,
        )

    def _scorer(self) -> Scorer:
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
        best: LengthPlans | None = None
        with suppress(NotApplicableError):
            best = best_by_length(problem)
        return Scorer(self.world, self.event, how.stopped, self.task, self.harm, problem, best)

    def _trained(self, scorer: Scorer) -> LearnedScores:
        how, runs = self.settings, self.scenario.document.runs
        seeds, steps, first = how.seeds or runs.seeds, how.steps or runs.steps, first_seed_of(how.first_seed, runs)
        return LearnedScores(self.solved, self.stage, scorer, seeds, first, steps, how.cache, self.tell)

    def _episodes(self, scorer: Scorer) -> list[MitigationOutcome]:
        out = list[MitigationOutcome]()
        for name, mitigate in MITIGATIONS.items():
            self.tell(name)
            try:
                if name == "indifference" and weights_may_change(self.world):
                    out.append(self._ignoring(scorer))
                else:
                    out.append(scorer.scored(name, mitigate(scorer.problem)))
            except (NotEnumerableError, ImproperDiscountError) as fault:
                if name == NONE:
                    raise
                out.append(MitigationOutcome(name, note=str(fault)))
        self.tell(VETO)
        out.append(self._vetoed(scorer))
        if self.world.hidden is not None and not scorer.hurts:
            out[0] = replace(out[0], note=f"no harm is given: {NETTED}")  # for all of them, said once
        return out

    def _ignoring(self, scorer: Scorer) -> MitigationOutcome:
        """Indifference to edits of its own weights: the agent values all that comes by those that it holds now.

        That is the agent that does not guard its values (Everitt, Filan, Daswani and Hutter 2016, "ignorant").
        """
        plan = self.solved.plan({f"{self.agent}.judges_by": "ignoring"}, self.stage)
        return scorer.scored("indifference", MitigatedPolicy(plan.mdp, plan.performance, plan.optimal, note=IGNORING))

    def _vetoed(self, scorer: Scorer) -> MitigationOutcome:
        """A head that forbids every action that may bring the event about; the agent plans around it."""
        try:
            barred = self.solved.plan({}, self.stage, [self.event])
        except (NotEnumerableError, InfeasibleError) as fault:
            return MitigationOutcome(VETO, note=str(fault))
        return scorer.scored(VETO, MitigatedPolicy(barred.mdp, barred.performance, barred.optimal))

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
            return None if found.low is None or found.high is None else Range(found.low, found.high, found.outer)

        def share(event: str) -> str:
            return f"share({event})" if not event.startswith(ENDED) else f"share(ended '{event.removeprefix(ENDED)}')"

        parts = [its for channel in self.task if (its := measured(f"return({channel})")) is not None]
        stopped = self.settings.stopped
        note = {"indifference": IGNORING, "mona": "looks no further than the episode, without approval"}
        return MitigationOutcome(
            name,
            measured(share(self.event)),
            Range(sum(its.low for its in parts), sum(its.high for its in parts), any(its.outer for its in parts)),
            None if self.world.hidden is None else measured("performance"),
            None,
            None if stopped is None else measured(f"life({share(stopped)})", WHOLE_LIFE),
            note.get(name, ""),
        )
