"""Judgements of expectations, exact or by trained seeds; their correction for multiple testing; the verdict on all."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from statistics import median
from typing import Any, Literal, TypeAlias

from ...envs.analysis.tie_ranges import OUTER as WITHIN
from ...scenarios.language.expressions.parser import parsed_measure
from ...scenarios.language.expressions.syntax import ParsedMeasure
from ...scenarios.language.schema.document import Expectation
from ..exact.planned_policy import EVERY_EQUILIBRIUM, EVERY_OPTIMAL
from ..measures.contrasts import Ends, minus_in_words
from ..measures.measure import Interval, over_conditions
from ..measures.seed_statistics import MOST_SEEDS, SeedStatistic, statistic_of
from ..statistics.claims import Claim
from ..statistics.multiplicity import holm
from .evidence import Evidence

Outcome: TypeAlias = Literal["pass", "fail", "inconclusive", "not applicable"]
Verdict: TypeAlias = Literal["pass", "fail", "inconclusive", "nothing judged"]

EXACT = "exact over all optimal policies"
AS_IT_DOES = "exact over what its planner does"
BOUNDED = "bounds over all optimal policies"
OUTER = "an outer bound over all optimal policies"
WATCHED = "the settings that are named, each watched once"
EXACTLY = (EXACT, AS_IT_DOES, BOUNDED, OUTER, WATCHED)
"""The units of judgements for which nothing was sampled."""
SEEDS = "seeds"
EXIT_CODES: dict[Verdict, int] = {"pass": 0, "fail": 1, "inconclusive": 4, "nothing judged": 4}

_BADNESS: dict[Outcome, int] = {"not applicable": 0, "pass": 1, "inconclusive": 2, "fail": 3}
_VERDICTS: tuple[Literal["fail", "inconclusive", "pass"], ...] = ("fail", "inconclusive", "pass")
_ROUNDING = 1e-9
"""Exact values carry rounding errors: a bound missed by no more than this, or this share of it, counts as met."""


@dataclass(frozen=True)
class Judgement:
    """The outcome of one expectation for one agent, and the evidence for it.

    Attributes:
        name, measure: the expectation's name and measure, as in the file.
        bound: the expected bound, in words (`at least 0.8`).
        minus: the baseline whose measure is subtracted, in words (`in stage train`), so that value and bounds are those
            of the difference; empty if there is none.
        agent, stage: the agent whose behaviour is judged, and the stage in which it acts.
        outcome: one of `Outcome`; `not applicable` never makes a verdict a fail.
        value: exact: the end of the range that is worse for the claim; by seeds: the mean over seeds of a share or
            rate, or the median of anything else. None if there is no value.
        low, high: exact: the range over the policies that were judged; by seeds: two one-sided confidence bounds, each
            of which holds with the stated confidence on its own.
        file, line: where the expectation is written; lines count from 1.
        why: a sentence that explains the outcome.
        unit: `EXACT`, `AS_IT_DOES`, `BOUNDED`, `OUTER` or `SEEDS`; empty if nothing was judged.
        seeds: the number of seeds; 0 if the judgement is exact.
        first_seed: the number of the first of them.
        evidence: what a judgement by seeds rests on beside its numbers; None if it is exact.
        p_pass, p_fail: the p-value of a pass and that of a fail, each an upper bound on the probability of evidence
            this strong if that outcome was wrong; None if nothing was sampled.
        trace: the name of the recorded trace that shows the behaviour, under the worst condition; empty if there is
            none.
    """

    name: str
    measure: str
    bound: str
    agent: str
    stage: str
    outcome: Outcome
    value: float | None = field(default=None, kw_only=True)
    low: float | None = field(default=None, kw_only=True)
    high: float | None = field(default=None, kw_only=True)
    file: str
    line: int
    why: str
    unit: str
    seeds: int = 0
    p_pass: float | None = None
    p_fail: float | None = None
    trace: str = ""
    minus: str = ""
    first_seed: int = 0
    evidence: Evidence | None = None

    @property
    def is_bounds(self) -> bool:
        """Whether the range over ties is only known to lie within `low` and `high`."""
        return self.unit in (BOUNDED, OUTER) and self.low != self.high

    @property
    def about(self) -> str:
        """What is said before the value: of an end of bounds, that no policy is known to have it; else nothing."""
        if not self.is_bounds:
            return ""
        return "at least " if self.value == self.low else "at most "

    @property
    def asked(self) -> str:
        """The measure in words, with the baseline that is subtracted from it."""
        return f"{self.measure} less that {self.minus}" if self.minus else self.measure

    @property
    def told(self) -> str:
        """The measure, the agent and the stage, the sentence that explains the outcome, and what it rests on."""
        rests = "" if self.evidence is None else f"; it rests on {self.rests_on}"
        return f"{self.asked} of {self.agent} in {self.stage}: {self.why}{rests}"

    @property
    def rests_on(self) -> str:
        """The number of seeds and the evidence in words; empty if it is exact."""
        return "" if self.evidence is None else f"{_count(self.seeds, 'seed')}: {self.evidence}"

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON; an infinite number becomes `"inf"` or `"-inf"`, which `float` reads back."""
        return {
            name: str(value) if isinstance(value, float) and math.isinf(value) else value
            for name, value in asdict(self).items()
        }

    @staticmethod
    def from_dict(data: dict[str, Any]) -> Judgement:
        """The inverse of `to_dict`."""
        numbers = ("value", "low", "high", "p_pass", "p_fail")
        floats = {n: None if data[n] is None else float(data[n]) for n in numbers}
        return Judgement(**{**data, **floats, "evidence": Evidence.from_dict(data.get("evidence"))})


@dataclass(frozen=True)
class Case:
    """One expectation for one of its agents, with its measure parsed; every judgement starts from a case.

    Attributes:
        expectation: as written in the file.
        measure: parsed from it.
        agent: the agent whose behaviour is judged.
        stage: the stage in which it acts.
        file, line: where the expectation is written; lines count from 1.
    """

    expectation: Expectation
    measure: ParsedMeasure
    agent: str
    stage: str
    file: str
    line: int

    @staticmethod
    def of(expectation: Expectation, agent: str, stage: str, file: str, line: int) -> Case:
        """Make the case of an expectation that was checked, so that its measure can be parsed."""
        return Case(expectation, parsed_measure(expectation.measure), agent, stage, file, line)

    @property
    def statistic(self) -> SeedStatistic:
        """The statistic over seeds by which the expectation is judged, where a seed plays any number of episodes."""
        return self.statistic_of(one_episode=False)

    def statistic_of(self, one_episode: bool) -> SeedStatistic:
        """The statistic over seeds by which the expectation is judged (see `seed_statistics.statistic_of`)."""
        return statistic_of(self.measure, int(self.expectation.minus is not None), one_episode)


@dataclass(frozen=True)
class _Band:
    """The interval of values that an expectation accepts, both ends included; `words` states it for a reader."""

    low: float
    high: float
    words: str

    @property
    def claims(self) -> list[tuple[Claim, float]]:
        """The claims that must all be shown for a pass, each with its bound."""
        claims: list[tuple[Claim, float]] = [(">=", self.low), ("<=", self.high)]
        return [(claim, bound) for claim, bound in claims if math.isfinite(bound)]

    @property
    def refutations(self) -> list[tuple[Claim, float]]:
        """The claims of which any single one is enough for a fail, each with its bound."""
        return [("<" if claim == ">=" else ">", bound) for claim, bound in self.claims]


def judge_exact(case: Case, interval: Interval) -> Judgement:
    """Judge an exact range: it passes if its end that is worse for the claim meets the bound.

    It fails if even the better end misses the bound. In between, a tie among optimal policies decides, and the outcome
    is inconclusive. Of a range that is only known to lie within, the same holds: what all of it meets the range meets.

    Args:
        case: the expectation and its agent.
        interval: the range of its measure over the policies that are judged.
    """
    band = _band(case.expectation)
    unit = EXACT if interval.whose in (EVERY_OPTIMAL, EVERY_EQUILIBRIUM) else AS_IT_DOES
    if interval.bounded or interval.outer:
        unit = BOUNDED if interval.bounded else OUTER
    if interval.low is None or interval.high is None:
        return _judgement(case, "inconclusive", interval.note or "the measure has no value", unit)
    low, high = interval.low, interval.high
    if case.expectation.exists or interval.cut:
        judged, words = _of_equilibria(interval, band, case.expectation.exists)
        # Of one that is enough the best counts, of all the worst.
        value = low if math.isfinite(band.low) != case.expectation.exists else high
        return replace(_judgement(case, judged, words, unit), value=value, low=low, high=high)
    # For `equals` both ends have a bound, and the worse one is the one that misses its bound by more.
    worst = low if math.isfinite(band.low) and not band.low - low < high - band.high else high
    if _at_least(low, band.low) and _at_least(band.high, high):
        outcome: Outcome = "pass"
        why = f"{interval.whose} gives {_range(low, high)}"
    elif not _at_least(high, band.low) or not _at_least(band.high, low):
        outcome = "fail"
        why = f"{interval.whose} gives {_range(low, high)}, and {band.words} was expected"
    else:
        outcome = "inconclusive"
        why = f"a tie decides: policies that are equally good to the agent give {_range(low, high)}"
        if interval.whose == EVERY_EQUILIBRIUM:
            # No agent is indifferent between equilibria: which of them is played is another question than a tie.
            why = f"{_in_how_many(interval, band)}; {_named(interval)} {_range(low, high)}"
    if interval.bounded or interval.outer:
        lies = "" if _number(low) == _number(high) else "what lies within "
        why = f"{interval.whose} gives {lies}{_range(low, high)}"
        if interval.bounded:
            why = f"{why} ({interval.bounded})"
        if outcome == "fail":
            why = f"{why}, and {band.words} was expected"
        elif outcome == "inconclusive":
            why = f"{'bounds do' if interval.bounded else 'an outer bound does'} not decide it: {why}"
    if interval.sometimes_empty:
        # Without a value the claim is neither met nor missed, whatever the others give.
        outcome, why = "inconclusive", f"a tie decides whether it has a value; where it has, it is {_range(low, high)}"
        if interval.outer:
            why = f"a tie may decide whether it has a value; where it has, it lies within {_range(low, high)}"
    if interval.told:
        why = f"{why} ({interval.told})"
    return replace(_judgement(case, outcome, why, unit), value=worst, low=low, high=high)


def _of_equilibria(interval: Interval, band: _Band, exists: bool) -> tuple[Outcome, str]:
    """The outcome where one equilibrium is enough, or where there may be more than were found, and why."""
    assert interval.low is not None
    assert interval.high is not None
    # Of equally good ways to play an equilibrium each is one itself, and where they mix so is every value in between.
    ends = interval.each or ((interval.low, interval.high),)
    maybe = any(_at_least(high, band.low) and _at_least(band.high, low) for low, high in ends)
    # Of an outer bound it is not known what is attained.
    met = (
        any(_at_least(low, band.low) and _at_least(band.high, high) for low, high in ends) if interval.outer else maybe
    )
    given = f"{_named(interval)} {_range(interval.low, interval.high)}"
    if interval.outer:
        given = f"{given} ({WITHIN})"
    more = f"; there may be more equilibria: {interval.cut}" if interval.cut else ""
    if exists and met:
        return "pass", f"{_in_how_many(interval, band)}; {given}"
    if exists and not maybe and not interval.cut:
        return "fail", f"{_in_how_many(interval, band)}; {given}, and {band.words} was expected of one"
    held = f"it holds in no equilibrium that was found; {given}{more}" if not maybe else ""
    return "inconclusive", held or f"{_in_how_many(interval, band)}; {given}{more}"


def _in_how_many(interval: Interval, band: _Band) -> str:
    """In how many of several equilibria a bound is met, in words."""
    ends = interval.each
    if not ends:
        return "it holds in some equilibria and not in others"
    sure = sum(_at_least(low, band.low) and _at_least(band.high, high) for low, high in ends)
    maybe = sum(_at_least(high, band.low) and _at_least(band.high, low) for low, high in ends) - sure
    words = f"it holds in {sure} of {len(ends)} equilibria"
    return f"{words}, and in {maybe} by how they are played" if maybe else words


def _named(interval: Interval) -> str:
    return "which give" if len(interval.each) != 1 else "which gives"


def judge_each(case: Case, intervals: Mapping[str, Interval]) -> Judgement:
    """Judge a measure under several conditions, all of which must meet the claim.

    Args:
        case: the expectation and its agent.
        intervals: condition in words -> range of the measure under it.

    Returns:
        The worst of the judgements, which names its condition; its `low` and `high` are those over all conditions.
    """
    judged = {words: judge_exact(case, interval) for words, interval in intervals.items()}
    if len(judged) == 1:
        return next(iter(judged.values()))
    words = worst_of(case, intervals)
    worst = judged[words]
    alike = sum(judgement.outcome == worst.outcome for judgement in judged.values())
    lows = [judgement.low for judgement in judged.values() if judgement.low is not None]
    highs = [judgement.high for judgement in judged.values() if judgement.high is not None]
    low, high = min(lows, default=None), max(highs, default=None)
    if worst.outcome == "pass":
        assert low is not None
        assert high is not None
        return judge_exact(case, over_conditions(list(intervals.values())))
    why = f"{alike} of {len(judged)} conditions: {worst.outcome}; under {words}, {worst.why}"
    return replace(worst, low=low, high=high, why=why)


def worst_of(case: Case, intervals: Mapping[str, Interval]) -> str:
    """The condition, in words, whose judgement is worst for the claim; the first one if several are equally bad."""
    return max(intervals, key=lambda words: _BADNESS[judge_exact(case, intervals[words]).outcome])


def judge_seeds(
    case: Case,
    values: Sequence[float | Ends | None],
    confidence: float = 0.95,
    claims: int = 1,
    one_episode: bool = False,
) -> Judgement:
    """Judge a training method by the values of its trained seeds.

    Shares and rates (and paired differences of them) are judged by their mean over seeds, everything else by the
    median over seeds.

    Args:
        case: the expectation and its agent.
        values: one per seed; None if a rate's condition never held; a least and a greatest value if an exact plan has
            ties. Missing values and ties are imputed as the worst case for each claim.
        confidence: a pass is wrong with probability at most 1 - confidence, and so is a fail.
        claims: the number of learned expectations of the run, on which the number of seeds that `why` asks for depends.
        one_episode: each value is of a single episode (see `statistic_of`).
    """
    statistic = case.statistic_of(one_episode)
    band, ends = _band(case.expectation), [value if isinstance(value, tuple) else _twice(value) for value in values]
    known = [end for end in ends if end is not None]
    if not known:
        why = "no seeds were run" if not values else "its condition held in no tick of any seed, so it has no value"
        return replace(_judgement(case, "inconclusive", why, SEEDS), seeds=len(values))
    # Showing that a value lies within two bounds needs both claims (an intersection-union test), so the larger p-value
    # counts and no correction is due.
    p_pass = max(
        (statistic.p_value(statistic.imputed(ends, claim), claim, bound) for claim, bound in band.claims), default=0.0
    )
    refuted = [statistic.p_value(statistic.imputed(ends, claim), claim, bound) for claim, bound in band.refutations]
    # Either refutation fails it, too low or too high: two chances to be wrong, so Bonferroni's correction is due.
    p_fail = min(1.0, len(refuted) * min(refuted))
    # Two equal infinite ends have no arithmetic middle.
    middles = [low if low == high else (low + high) / 2 for low, high in known]
    judgement = replace(
        _judgement(case, _outcome(p_pass, p_fail, confidence), "", SEEDS),
        value=math.fsum(middles) / len(middles) if statistic.bounded else median(middles),
        low=statistic.interval(statistic.imputed(ends, ">="), confidence, "low")[0],
        high=statistic.interval(statistic.imputed(ends, "<="), confidence, "high")[1],
        seeds=len(values),
        p_pass=p_pass,
        p_fail=p_fail,
    )
    return replace(judgement, why=_why_seeds(judgement, case, confidence, claims, differ=len(set(ends)) > 1))


def not_applicable(case: Case, why: str) -> Judgement:
    """The judgement of an expectation that cannot be judged, as when its agent was not run; `why` gives the reason."""
    return _judgement(case, "not applicable", why, "")


def unreached(case: Case, why: str) -> Judgement:
    """The judgement, inconclusive, of an expectation that was not reached within the time budget."""
    return _judgement(case, "inconclusive", why, "")


def correct(judgements: Sequence[Judgement], confidence: float = 0.95, elsewhere: int = 0) -> list[Judgement]:
    """Correct the judgements of learned expectations of one run for multiple testing, by Holm's method.

    Afterwards the probability of even one wrong pass among them is at most 1 - confidence, and so is that of even one
    wrong fail. Outcomes that no longer hold become inconclusive; exact judgements stay as they are.

    Args:
        judgements: all those of one run.
        confidence: see above.
        elsewhere: how many learned expectations of the same scenario other shards judge. Their p-values are not known
            here, so Bonferroni's correction over all replaces Holm's: what passes in a shard passes in the whole.
    """
    sampled = [i for i, judgement in enumerate(judgements) if judgement.p_pass is not None]
    claims = len(sampled) + elsewhere
    # Passes and fails are two families of claims, each corrected on its own at the same error.
    passing = _adjusted([judgements[i].p_pass or 0.0 for i in sampled], claims)
    failing = _adjusted([judgements[i].p_fail or 0.0 for i in sampled], claims)
    corrected = list(judgements)
    for i, p_pass, p_fail in zip(sampled, passing, failing, strict=True):
        judgement = judgements[i]
        outcome = _outcome(p_pass, p_fail, confidence)
        why = judgement.why
        if outcome != judgement.outcome:
            why = (
                f"certain enough alone ({judgement.outcome}: {why}), but not as one of {claims} learned "
                "expectations that could each be right by luck; more seeds are needed"
            )
        corrected[i] = replace(judgement, outcome=outcome, why=why, p_pass=p_pass, p_fail=p_fail)
    return corrected


def seeds_for(case: Case, confidence: float = 0.95, claims: int = 1) -> int | None:
    """The number of seeds that a learned expectation needs to pass if every value is the best possible one.

    Between two bounds that is the value in the middle.

    Args:
        case: the expectation, with its measure and its bound.
        confidence: as in `judge_seeds`.
        claims: the number of learned expectations of the run; Holm's correction asks for more seeds with more of them.

    Returns:
        The number of seeds; None if no number is enough, as for a share of exactly 0 or 1.
    """
    # Holm's first step is Bonferroni's: the claim with the smallest p-value has to meet this confidence.
    sure, band = 1 - (1 - confidence) / claims, _band(case.expectation)
    if len(band.claims) == 2:  # no value is best for both
        return case.statistic.needed_between(band.low, band.high, sure)
    needed = [case.statistic.needed(claim, bound, sure) for claim, bound in band.claims]
    return None if None in needed else max((n for n in needed if n is not None), default=0)


def seeds_if_alike(case: Case, confidence: float = 0.95, claims: int = 1) -> int | None:
    """The number of seeds that a learned expectation about a difference needs to pass if every difference is 0.

    Args:
        case: as in `seeds_for`.
        confidence: see there.
        claims: see there.

    Returns:
        The number of seeds; None if the expectation is not about a difference of shares, or if differences of 0 cannot
        show it.
    """
    sure = 1 - (1 - confidence) / claims
    needed = [case.statistic.needed_alike(claim, bound, sure) for claim, bound in _band(case.expectation).claims]
    return None if None in needed else max((n for n in needed if n is not None), default=None)


def verdict(judgements: Sequence[Judgement]) -> Verdict:
    """The worst outcome among judgements: `fail`, `inconclusive` or `pass`; `nothing judged` if none was applicable."""
    outcomes = {judgement.outcome for judgement in judgements}
    for outcome in _VERDICTS:
        if outcome in outcomes:
            return outcome
    return "nothing judged"


def _adjusted(p_values: Sequence[float], claims: int) -> Sequence[float]:
    """The p-values corrected for `claims` claims, of which other shards may judge some."""
    return holm(p_values) if claims == len(p_values) else [min(1.0, claims * p_value) for p_value in p_values]


def _judgement(case: Case, outcome: Outcome, why: str, unit: str) -> Judgement:
    """A judgement of a case without any numbers yet."""
    expectation = case.expectation
    return Judgement(
        name=expectation.name,
        measure=expectation.measure,
        bound=_band(expectation).words,
        agent=case.agent,
        stage=case.stage,
        outcome=outcome,
        file=case.file,
        line=case.line,
        why=why,
        unit=unit,
        minus=minus_in_words(expectation),
    )


def _band(expectation: Expectation) -> _Band:
    """The values that an expectation accepts."""
    if expectation.at_least is not None:
        return _Band(expectation.at_least, math.inf, f"at least {_bound(expectation.at_least)}")
    if expectation.at_most is not None:
        return _Band(-math.inf, expectation.at_most, f"at most {_bound(expectation.at_most)}")
    assert expectation.equals is not None, "checked when the file is loaded"
    middle, within = expectation.equals, expectation.within
    # A tolerance this small is the default of `equals` or only meant for rounding, so the words leave it out.
    words = f"exactly {_bound(middle)}" if within <= 1e-6 else f"{_bound(middle)} within {_bound(within)}"
    return _Band(middle - within, middle + within, words)


def _at_least(value: float, bound: float) -> bool:
    """Whether an exact value is at least a bound, up to rounding errors."""
    return value >= bound or math.isclose(value, bound, rel_tol=_ROUNDING, abs_tol=_ROUNDING)


def _twice(value: float | None) -> Ends | None:
    return None if value is None else (value, value)


def _outcome(p_pass: float, p_fail: float, confidence: float) -> Outcome:
    error = 1 - confidence
    return "pass" if p_pass <= error else "fail" if p_fail <= error else "inconclusive"


def _why_seeds(judgement: Judgement, case: Case, confidence: float, claims: int, differ: bool) -> str:
    """The sentence that explains a judgement by seeds."""
    assert judgement.low is not None
    assert judgement.high is not None
    assert judgement.value is not None
    band, seeds, statistic = _band(case.expectation), judgement.seeds, case.statistic
    typical = f"{statistic.typical} of {_count(seeds, 'seed')} is {_number(judgement.value)}"
    sure = f"with {100 * confidence:.4g}% confidence"
    if judgement.outcome == "pass":
        shown = [_from(judgement.low)] * math.isfinite(band.low) + [_up_to(judgement.high)] * math.isfinite(band.high)
        return f"{typical}, and the truth is {' and '.join(shown)} {sure}"
    if judgement.outcome == "fail":
        below = judgement.value < band.low
        end = _up_to(judgement.high) if below else _from(judgement.low)
        return f"{typical}, and the truth is {end} {sure}; {band.words} was expected"
    needed = seeds_for(case, confidence, claims)
    if needed is None and len(band.claims) == 2:
        return f"{typical}; not even {MOST_SEEDS:,} seeds that agree can show {band.words}, so allow for more"
    if needed is None:
        return f"{typical}; no number of seeds can show a share of {band.words}, so ask for a little less"
    if seeds < needed:
        end = _from(judgement.low) if math.isfinite(band.low) else _up_to(judgement.high)
        return f"too few seeds: {typical}, which gives {end}; {needed} are needed, more if they differ"
    reason = "the seeds differ too much" if differ and not judgement.minus else "too few seeds to tell"
    alike = seeds_if_alike(case, confidence, claims)
    more = (
        f"{alike} are needed where no seed differs" if alike is not None and seeds < alike else "more seeds are needed"
    )
    return f"{reason}: {typical}, and the truth is {_between(judgement.low, judgement.high)}; {more}"


def _between(low: float, high: float) -> str:
    """Both bounds in words; one that is infinite, as where an event never comes in some seeds, is no bound."""
    if math.isfinite(low) and math.isfinite(high):
        return f"between {_number(low)} and {_number(high)}"
    return f"{_from(low)}, with {_up_to(high)}" if math.isfinite(low) else f"{_up_to(high)}, with {_from(low)}"


def _from(low: float) -> str:
    return {-math.inf: "no lower bound", math.inf: "infinite"}.get(low, f"at least {_number(low)}")


def _up_to(high: float) -> str:
    return {-math.inf: "-infinite", math.inf: "no upper bound"}.get(high, f"at most {_number(high)}")


def _range(low: float, high: float) -> str:
    least, most = (_number(end).replace("infinite", "infinity") for end in (low, high))
    return least if least == most else f"{least} to {most}"


def _number(value: float) -> str:
    return f"{value:.4g}" if math.isfinite(value) else "infinite" if value > 0 else "-infinite"


def _bound(value: float) -> str:
    """A bound with ten significant digits, which reproduces what the file says but for float noise."""
    return f"{value:.10g}"


def _count(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
