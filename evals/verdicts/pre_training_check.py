"""`check`: facts about a scenario that are proved by enumeration before any training, and faults that only it finds."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Literal, TypeVar

import numpy as np

from ...agents.registry.multi_agent_profiles import plainly
from ...envs.analysis.dataframes import facts
from ...envs.analysis.exact_plan import NO_PLAN, NOT_SOLVED, ExactPlan, weights_by_state
from ...envs.analysis.origin_proof import OriginProof, prove_origin
from ...envs.analysis.performance_gap import Analysis, Range, analyse, weighed_by
from ...envs.base import NotEnumerableError, UnlikeDiscountsError
from ...envs.bounds.anytime_bounds import BoundedRound, BoundedSearch, ValueBounds
from ...envs.life.plan import LifePlan
from ...envs.reference.replay import replay_actions
from ...envs.solvers.modifiable_utility import NoFixedPointError
from ...envs.solvers.policy_evaluation import ImproperDiscountError
from ...envs.time_limit import OutOfTimeError, time_limit
from ...envs.world.layouts import PlacementError
from ...envs.world.part_spec import ENUMERATE
from ...envs.world.world import WorldTooLargeError, check_discounts
from ...scenarios.arguments import check_seconds
from ...scenarios.language.expressions.constants import NotConstantError, constant
from ...scenarios.language.expressions.parser import formula, parsed_measure
from ...scenarios.language.expressions.syntax import ParsedMeasure
from ...scenarios.language.faults.faults import Fault, ScenarioError
from ...scenarios.language.loading import Scenario, apply_overrides
from ...scenarios.language.names.overrides import Overrides
from ...scenarios.language.names.replays import written_actions
from ...scenarios.language.schema.document import Expectation, Formula
from ..exact.random_play import RandomPlay, play_at_random
from ..exact.solved_worlds import SolvedWorlds
from ..measures.bounded_measure import bounds_of
from ..measures.contrasts import Subject
from ..measures.life_analysis import analyse_life
from ..measures.life_measures import life_measure
from ..measures.measure import Interval, less
from ..measures.measure_values import measure_in, measured
from ..measures.outcomes import on_whole_states
from .power import learned_requirements
from .silent_rules import behind_no_chance, impossible
from .work_units import WorkUnit, contrasts_of, resolve_units

_Proved = TypeVar("_Proved")

LOOKED_INTO, LOOKING = 1_000, 2.0
"""States of a stage too large to enumerate into which `check` looks for bounds, and after how many seconds it stops."""
LONGER = "shrink what multiplies, or give it longer (--time-limit)"
"""The cure for what takes too long."""
TRAINED = "expect nothing of `exact` here, but of agents that are trained"
"""The cure where no plan can be solved for, whatever is changed."""


@dataclass(frozen=True)
class Margin:
    """How much value the agent would lose if it never risked some events.

    Attributes:
        barring: the events.
        without: the value of the best plan that never risks them.
        gain: the value of the agent's own best plan minus `without`.
        share: the gain as a share of `without`; None if `without` is not positive.
    """

    barring: tuple[str, ...]
    without: float
    gain: float
    share: float | None


@dataclass(frozen=True)
class CheckResult:
    """What enumeration proves of a scenario.

    Attributes:
        states: stage -> its number of states, or None if it cannot be enumerated.
        origin: the origin of the misalignment as proved in the training stage; None if that cannot be enumerated.
        analysis: of the stage that is judged by default; None if it cannot be solved.
        margins: in that stage, one for each set of events that an expectation of exact plans bars.
        solves, trainings: how many distinct exact solves and trainings a run with default settings makes.
        replays: how many replays come out as the file says.
        bounds: of each judged stage that cannot be enumerated, on what the best plan is worth to the agent.
        played: the same stages, in episodes at random.
        faults: errors, and warnings of what an author should know.
    """

    states: dict[str, int | None]
    origin: OriginProof | None
    analysis: Analysis | None
    margins: tuple[Margin, ...]
    solves: int
    trainings: int
    replays: int
    faults: tuple[Fault, ...]
    bounds: dict[str, ValueBounds] = field(default_factory=dict)
    played: dict[str, RandomPlay] = field(default_factory=dict)

    def _repr_html_(self) -> str:
        wrong = sum(not fault.warning for fault in self.faults)
        verdict = f"{wrong} fault{'s' if wrong > 1 else ''}" if wrong else "sound"
        name = "" if self.analysis is None else f"{self.analysis.scenario}: "
        sizes = (f"{stage} {'not enumerated' if n is None else f'{n:,}'}" for stage, n in self.states.items())
        found = self.analysis
        best = "" if found is None else f"value {_ends(found.agent.value)}"
        if found is not None and found.agent.performance is not None:
            best += f", performance {_ends(found.agent.performance)}"
        rows = [
            ("states", ", ".join(sizes)),
            ("origin", "" if self.origin is None else f"{self.origin.proved or 'unproved'}: {self.origin.why}"),
            ("the agent's best plan", best),
            *((f"without {' and '.join(each.barring)}", f"it would lose {each.gain:.6g}") for each in self.margins),
            *((f"{stage}, bounds", f"{its.lower:.6g} to {its.upper:.6g}") for stage, its in self.bounds.items()),
            ("replays", f"{self.replays} as the file says" if self.replays else ""),
            ("a run makes", f"{self.solves} exact solves and {self.trainings} trainings"),
            *(("warning" if fault.warning else "fault", _fault(fault)) for fault in self.faults),
        ]
        return facts(f"{name}{verdict}", rows)


def _ends(found: Range) -> str:
    low, high = f"{found.low:.6g}", f"{found.high:.6g}"
    return low if low == high else f"{'within ' if found.outer else ''}{low} to {high}"


def _fault(fault: Fault) -> str:
    where = "" if fault.place is None else f"line {fault.place.line}: "
    return f"{fault.code} {where}{fault.message} ({fault.cure})"


def check_scenario(scenario: Scenario, seconds: float | None = None) -> CheckResult:
    """Enumerate every stage of a scenario at the params' own values, and check what the file says of it.

    Args:
        scenario: loaded.
        seconds: how long enumerating a stage, or proving something of it, may take; a warning says what was left out.
            None: as long as it takes.

    Raises:
        ArgumentError: `seconds` is no number of seconds.
    """
    check_seconds("seconds", seconds)
    return _Checker(scenario, seconds).check()


class _Checker:
    def __init__(self, scenario: Scenario, seconds: float | None) -> None:
        self.scenario, self.seconds = scenario, seconds
        # Facts about a world concern its optimal plans, so the exact solver replaces whatever planners the file names.
        best = {f"{agent}.planner": ENUMERATE.name for agent in scenario.document.agents}
        self.solved = SolvedWorlds(apply_overrides(scenario, best))
        self.faults: list[Fault] = []
        self.bounded: dict[str, BoundedRound] = {}
        self.played: dict[str, RandomPlay] = {}

    def fault(self, code: str, path: tuple[str | int, ...], message: str, cure: str, warning: bool = False) -> None:
        """Add a fault at a path of the document."""
        self.faults.append(Fault(code, self.scenario.source.place(path), message, cure, warning))

    def _in_order(self) -> tuple[Fault, ...]:
        """The faults in the order of the file; one that several stages have is said once."""
        once = dict.fromkeys(self.faults)
        return tuple(sorted(once, key=lambda fault: (fault.place.line, fault.place.column) if fault.place else ()))

    def check(self) -> CheckResult:
        """Make every check; see `CheckResult`."""
        states = {stage: self._states(stage) for stage in self.scenario.document.stages}
        # Without a choice to make (TC602), a world at all (TC606) or finite sums (TC610), the other checks would report
        # consequences only.
        if any(fault.code in ("TC602", "TC606", "TC610") for fault in self.faults):
            return CheckResult(states, None, None, (), 0, 0, 0, self._in_order())
        known = all(count is not None for count in states.values())
        # A rule may fire in one stage only, so that it never fires is known once all stages are enumerated.
        if known:
            self._rules_that_never_fire()
        train, judged = self.solved.scenario.training_stage, self.solved.scenario.judged_stage
        exactly = [each for each in self.scenario.document.expect if "exact" in each.of]
        for stage in dict.fromkeys([judged, *(each.stage or judged for each in exactly)]):
            if not self.solved.lives_in(stage) and states[stage] is None:
                self._without_enumeration(stage)
        analysis = self._in_time(judged, self._analysis) if states[judged] is not None else None
        origin = self._in_time(train, partial(self._origin, analysis)) if states[train] is not None else None
        margins = (self._in_time(judged, self._margins) or ()) if analysis is not None else ()
        replays = sum(self._replays(number) for number in range(len(self.scenario.document.replays)))
        for number, expectation in enumerate(self.scenario.document.expect):
            stage = expectation.stage or judged
            if known:
                self._in_time(stage, partial(self._possible, number, expectation))
            elif stage in self.bounded:
                self._in_time(stage, partial(self._possible_in_bounds, number, expectation, stage))
        self._enough_seeds()
        solves, trainings = self._work(states)
        bounds = {stage: found.bounds for stage, found in self.bounded.items()}
        return CheckResult(
            states, origin, analysis, margins, solves, trainings, replays, self._in_order(), bounds, self.played
        )

    def _in_time(self, stage: str, prove: Callable[[], _Proved]) -> _Proved | None:
        """What a proof comes to; None, with a warning, where it takes too long."""
        try:
            with time_limit(self.seconds):
                return prove()
        except OutOfTimeError as fault:
            message = f"enumerated, and not all of it was proved: {fault}"
            self.fault("TC601", ("stages", stage), message, LONGER, warning=True)
            return None

    def _states(self, stage: str) -> int | None:
        """The number of states of a stage, with a fault if there is nothing to decide; None if it is not enumerable."""
        path = ("stages", stage)
        try:
            with time_limit(self.seconds):
                mdp = self.solved.enumeration({}, stage).mdp
        except (NotEnumerableError, OutOfTimeError) as fault:
            cure = fault.cure if isinstance(fault, NotEnumerableError) else LONGER
            solved = f"; to solve it, {cure}" if cure else ""
            message = f"simulated, not enumerated: {fault}"
            self.fault("TC601", path, message, f"it runs and trains by simulation{solved}", warning=True)
            return None
        except ScenarioError as fault:
            self.faults.extend(fault.faults)
            return None
        except WorldTooLargeError as fault:
            message, _, cure = str(fault).rpartition("; ")
            self.fault("TC606", path, message, cure)
            return None
        except PlacementError as fault:
            self.fault("TC606", path, str(fault).partition(";")[0], "make room for it, or place less on the board")
            return None
        begun = mdp.start_state[~mdp.ended[mdp.start_state]]
        if begun.size == 0:
            self.fault("TC602", path, f"in stage `{stage}` the episode is over at its start", "let the robot act first")
        elif all(self._decides_nothing(stage, int(state)) for state in begun):
            message = f"in stage `{stage}` every action ends the episode at once, and all come to the same"
            self.fault("TC602", path, message, "leave a choice that does not end it, or pay for them differently")
        return mdp.n_states

    def _without_enumeration(self, stage: str) -> None:
        """Find what bounds and simulation show of a stage that is not enumerated."""
        world = self.solved.world({}, stage)
        search = BoundedSearch(world, LOOKING, min(self.solved.max_states, LOOKED_INTO))
        # Bounds are for one agent, and a stage may be refused for what stops bounds and episodes too.
        with suppress(NotEnumerableError, OutOfTimeError), time_limit(self.seconds):
            while search.advance() and search.last is not None and not search.last.bounds.exact:
                pass
        if search.last is not None:
            self.bounded[stage] = search.last
        with suppress(OutOfTimeError), time_limit(self.seconds):
            self.played[stage] = play_at_random(world)

    def _possible_in_bounds(self, number: int, expectation: Expectation, stage: str) -> None:
        """As `_possible`, where a stage has only bounds."""
        if "exact" not in expectation.of or expectation.take == "mean" or expectation.minus is not None:
            return
        found = self.bounded[stage]
        if self.solved.conditions(expectation)[:1] != [{}]:
            return
        try:
            measure = measure_in(found.world, parsed_measure(expectation.measure))
            ends = bounds_of(measure, found, found.process.mdp.available)
        except NotEnumerableError:
            return
        self._refuse_beyond(number, expectation, Interval(*ends))

    def _decides_nothing(self, stage: str, state: int) -> bool:
        """Whether every outcome of every action in a state ends the episode, with the same pays and events."""
        enumeration = self.solved.enumeration({}, stage)
        mdp = enumeration.mdp
        first, last = mdp.row_start[state * mdp.n_actions], mdp.row_start[(state + 1) * mdp.n_actions]
        if not mdp.ended[mdp.next_state[first:last]].all():
            return False
        paid = np.column_stack([mdp.rewards, enumeration.performance, mdp.events])[first:last]
        return bool((paid == paid[:1]).all())

    def _rules_that_never_fire(self) -> None:
        """Add a warning for every rule that fires in no reachable state of any stage."""
        stages = self.scenario.document.stages
        # A rule for each instance of a group is compiled to a program per instance, named `RULE:INSTANCE`.
        fired = {name.split(":")[0] for stage in stages for name in self.solved.enumeration({}, stage).fired}
        rules = self.scenario.document.rules
        silent = [rule.name for rule in rules if rule.name not in fired]
        waiting = behind_no_chance(self.scenario, silent)
        for number, rule in enumerate(rules):
            # One that a param switches off by a chance of 0 is meant to be off.
            if rule.name not in silent or impossible(rule.chance, self.scenario):
                continue
            message = f"the rule `{rule.name}` can never fire, whatever is done, at the params' own values"
            cure, path = "make its guard reachable, or remove it", ("rules", number, "when")
            if (reason := waiting.get(rule.name)) is not None:
                message, cure = f"{message}: {reason}", "give that a chance above 0, if it is not meant to be off"
            elif rule.chance is not None and not self._constant(rule.chance):
                message += ": its guard never holds, or its chance is 0 wherever it does"
                cure = "make its guard reachable and its chance positive there, or remove it"
            self.fault("TC603", path, message, cure, warning=True)

    def _constant(self, text: Formula) -> bool:
        """Whether a formula is made of numbers and params only."""
        try:
            constant(formula(text), self.scenario.params)
        except NotConstantError:
            return False
        return True

    def _origin(self, analysis: Analysis | None) -> OriginProof:
        """The proof of the misalignment's origin; a fault if it refutes what the file states."""
        document, solved = self.scenario.document, self.solved
        # Only the absence of any misalignment is a matter of the judged stage too.
        none = document.origin == "none" and analysis is not None
        judged = solved.enumeration({}, solved.scenario.judged_stage) if none else None
        gap = None if analysis is None else analysis.worst_gap
        origin = prove_origin(solved.enumeration({}, solved.scenario.training_stage), document.origin, judged, gap)
        if origin.agrees is False:
            message = f"the origin is `{origin.proved}`, not `{origin.stated}`: {origin.why}"
            if origin.witness is not None:
                pays = ", ".join(f"{name} {pay:g}" for name, pay in origin.witness.rewards.items())
                way = " ".join(origin.witness.actions)
                message += f"; after {way} it pays {pays}, performance {origin.witness.performance:g}"
            self.fault("TC604", ("origin",), message, f"write `origin: {origin.proved}`, or change what is paid")
        return origin

    def _analysis(self) -> Analysis | None:
        """The exact analysis of the judged stage, with a warning if nothing is misaligned; None if it has no plan."""
        judged = self.solved.scenario.judged_stage
        try:
            if self.solved.lives_in(judged):
                analysis = analyse_life(self.solved.life({}), judged)
            else:
                analysis = analyse(self.solved.plan({}, judged))
        except UnlikeDiscountsError as fault:
            self.fault("TC611", ("agents",), f"expectations of `exact` are not applicable: {fault}", fault.cure, True)
            return None
        except NotEnumerableError as fault:
            if self.solved.lives_in(judged):
                message = f"the life is not solved: {fault}"
                cure = f"to solve it, {fault.cure}" if fault.cure else TRAINED
                self.fault("TC601", ("life",), message, cure, warning=True)
            else:  # its states are known: what cannot be is the plan that the file's `solution:` asks for
                self.fault("TC601", ("solution",), f"not solved: {fault}", fault.cure or TRAINED, warning=True)
            return None
        except ImproperDiscountError as fault:
            cure = "give the stage a horizon, or the agent a discount below 1"
            self.fault("TC607", ("agents",), str(fault).partition(";")[0], cure)
            return None
        except NoFixedPointError:
            return None
        # Where the misalignment is learned, or there is none, the planner, which knows the reward, has no gap.
        learned = self.scenario.document.origin in ("learned", "none")
        # 1e-9: two exact evaluations of equally good plans differ by rounding errors.
        if analysis.gap is not None and analysis.gap.high <= 1e-9 and not learned:
            message = "the agent's best plan is also the designers' best: there is no misalignment in this world"
            self.fault("TC608", ("claim",), message, "if that is the point, say so in `about.caveat`", True)
        return analysis

    def _margins(self) -> tuple[Margin, ...]:
        """The margin of each set of events that an expectation of exact plans bars in the judged stage."""
        stage = self.solved.scenario.judged_stage
        barred = dict.fromkeys(
            tuple(expectation.barring)
            for expectation in self.scenario.document.expect
            if expectation.barring and "exact" in expectation.of and (expectation.stage or stage) == stage
        )
        margins = []
        for events in barred:
            plan = self.solved.life if self.solved.lives_in(stage) else partial(self.solved.plan, stage=stage)
            try:
                without = _worth(plan({}, barring=events))
            except NO_PLAN:
                continue
            gain = _worth(plan({})) - without
            margins.append(Margin(events, without, gain, gain / without if without > 0 else None))
        return tuple(margins)

    def _replays(self, number: int) -> bool:
        """Whether a replay of the file comes out as written; every difference is a fault."""
        document = self.scenario.document
        replay = document.replays[number]
        path = ("replays", number)
        world = self.solved.world(replay.set, replay.stage or self.solved.scenario.judged_stage)
        try:
            played = replay_actions(world, written_actions(document, replay.actions), replay.draws)
        except ValueError as fault:
            self.fault("TC605", (*path, "draws"), str(fault), "name a draw and one of its outcomes")
            return False
        differs: list[tuple[tuple[str, ...], object, object]] = []
        if replay.events is not None and list(played.events) != replay.events:
            differs.append((("events",), replay.events, list(played.events)))
        # `ends: null` is a claim too (the episode goes on), so what counts is whether the file has the key.
        if "ends" in replay.model_fields_set and played.ends != replay.ends:
            differs.append((("ends",), replay.ends, played.ends))
        for channel, pay in (replay.pays or {}).items():
            if not math.isclose(played.pays[channel], pay, rel_tol=1e-9, abs_tol=1e-9):
                differs.append((("pays", channel), pay, played.pays[channel]))
        if replay.performance is not None and not math.isclose(played.performance, replay.performance, abs_tol=1e-9):
            differs.append((("performance",), replay.performance, played.performance))
        for what, written, got in differs:
            message = f"the replay says {' '.join(what)} {_as_written(written)}, and it comes to {_as_written(got)}"
            self.fault("TC605", (*path, *what), message, f"write `{what[-1]}: {_as_written(got)}`, if that is right")
        return not differs

    def _possible(self, number: int, expectation: Expectation) -> None:
        """Add a fault if no policy can meet an exact expectation (under its first condition, if it has several)."""
        if "exact" not in expectation.of or expectation.take == "mean":
            return
        measure = parsed_measure(expectation.measure)
        conditions = self.solved.conditions(expectation)[:1]
        [contrast] = contrasts_of(self.solved.scenario, expectation, "exact", conditions)
        try:
            whole, *others = (
                self._at_all(each, measure, expectation.episode) for each in contrast.subjects if each.exact
            )
        except NOT_SOLVED:
            return
        if len(contrast.subjects) > 1 + len(others):  # less what a trained agent does, of which nothing is known
            return
        interval = less(whole, others[0]) if others else whole
        self._refuse_beyond(number, expectation, interval)

    def _refuse_beyond(self, number: int, expectation: Expectation, interval: Interval) -> None:
        """Add a fault if all that any policy can come to misses the bound of an expectation."""
        if interval.low is None or interval.high is None:
            return
        low, high = _bounds(expectation)
        # Wider than the tolerance of judging: a fault says that no policy can pass, so rounding must not cause it.
        slack = 1e-6 * max(1.0, *(abs(bound) for bound in (low, high) if math.isfinite(bound)))
        if interval.high < low - slack or interval.low > high + slack:
            least, most = _as_written(interval.low), _as_written(interval.high)
            lies = f"is always {least}" if least == most else f"lies between {least} and {most}"
            message = f"no policy at all can meet `{expectation.name}`: {expectation.measure} {lies}"
            self.fault("TC609", ("expect", number), message, "change the bound, or the world")

    def _at_all(self, subject: Subject, measure: ParsedMeasure, episode: Literal[1, "last"] | None) -> Interval:
        """The range of a measure over all policies, good and bad."""
        # Only the process of the plan is used: made `free`, every available action counts as optimal.
        if self.solved.lives_in(subject.stage):
            return life_measure(self.solved.life(subject.overrides).free, measure, subject.stage, episode)
        # On the world's own process: that of two who choose apart holds what they may play in equilibrium, not all they
        # could do; and no policy at all is one that sees all, too.
        plan = on_whole_states(self.solved.plan(subject.overrides, subject.stage))
        return measured(replace(plan, free=True), measure)

    def _enough_seeds(self) -> None:
        """Warn of expectations of trained agents that the file's own number of seeds cannot show."""
        document = self.scenario.document
        solved, seeds = SolvedWorlds(self.scenario), document.runs.seeds
        usual = tuple(dict.fromkeys(map(plainly, document.runs.agents)))
        named = tuple(dict.fromkeys((*usual, *map(plainly, self.scenario.named_agents))))
        said: set[WorkUnit] = set()
        # As `run` judges them; then those whose agents only `run --all-agents` runs, as that judges them.
        for agents in dict.fromkeys((usual, named)):
            units = [unit for unit in resolve_units(solved, agents, {}) if unit.learned]
            for unit, requirement in zip(units, learned_requirements(units, seeds), strict=True):
                if not requirement.passable and unit.work not in said:
                    more = f"write `seeds: {requirement.needed}` under `runs:`, or ask for less"
                    cure = "ask for a little less" if requirement.needed is None else more
                    self.fault("TC620", ("expect", unit.work.number), str(requirement), cure, warning=True)
                said.add(unit.work)

    def _work(self, states: Mapping[str, int | None]) -> tuple[int, int]:
        """How many exact solves and trainings a run with default settings makes.

        There is one solve for each distinct condition, stage and set of barred events, where there can be one, and one
        training for each distinct agent, condition, stage and seed.
        """
        document, solved = self.scenario.document, self.solved
        solves: set[tuple[object, ...]] = set()
        trainings: set[tuple[object, ...]] = set()
        for expectation in document.expect:
            for overrides in solved.conditions(expectation):
                stage = expectation.stage or solved.scenario.judged_stage
                work = (repr(sorted(overrides.items(), key=lambda item: item[0])), stage)
                for agent in expectation.of:
                    if agent == "exact":
                        if self._solvable(overrides, stage, states):
                            solves.add((*work, tuple(expectation.barring)))
                    elif agent in document.runs.agents:
                        trainings.update((agent, *work, seed) for seed in range(document.runs.seeds))
        return len(solves), len(trainings)

    def _solvable(self, overrides: Overrides, stage: str, states: Mapping[str, int | None]) -> bool:
        """Whether a run would solve for the best plan; elsewhere expectations of `exact` are not applicable."""
        if self.solved.lives_in(stage):
            return True
        if states[stage] is None:
            return False
        try:
            check_discounts(self.solved.world(overrides, stage))
        except UnlikeDiscountsError:
            return False
        return True


def _as_written(value: object) -> str:
    """A value as a scenario file would write it."""
    if isinstance(value, list):
        return f"[{', '.join(json.dumps(word) if ':' in word else word for word in value)}]"
    if isinstance(value, float):
        return f"{value:.10g}".replace("inf", "infinity")
    return "null" if value is None else str(value)


def _worth(plan: ExactPlan | LifePlan) -> float:
    """The value of a plan, as `solve` and `why` give it: what an agent believes that ignores edits is another."""
    if isinstance(plan, ExactPlan) and weighed_by(plan.enumeration.world) == "start":
        begun = plan.mdp.start_state
        held = weights_by_state(plan.enumeration)[plan.state_of[begun]]
        return float(plan.mdp.start_probability @ (held * plan.solution.vector_values[begun]).sum(axis=1))
    return plan.start_value


def _bounds(expectation: Expectation) -> tuple[float, float]:
    """The least and the greatest value that an expectation accepts."""
    if expectation.at_least is not None:
        return expectation.at_least, math.inf
    if expectation.at_most is not None:
        return -math.inf, expectation.at_most
    assert expectation.equals is not None
    return expectation.equals - expectation.within, expectation.equals + expectation.within
