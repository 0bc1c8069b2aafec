"""Judging one expectation, exactly or by trained seeds; correcting many for multiple testing; their verdict."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from statistics import median
from typing import Any, Literal, TypeAlias

from ...scenarios.language.expressions.parser import parsed_measure
from ...scenarios.language.expressions.syntax import ParsedMeasure
from ...scenarios.language.schema.document import Expectation
from ..exact.planned_policy import EVERY_OPTIMAL
from ..measures.contrasts import Ends, minus_in_words
from ..measures.measure import Interval, whose
from ..measures.seed_statistics import SeedStatistic, statistic_of
from ..statistics.claims import Claim
from ..statistics.multiplicity import holm

Outcome: TypeAlias = Literal["pass", "fail", "inconclusive", "not applicable"]
Verdict: TypeAlias = Literal["pass", "fail", "inconclusive", "nothing judged"]

EXACT = "exact over all optimal policies"
AS_IT_DOES = "exact over what its planner does"
EXACTLY = (EXACT, AS_IT_DOES)
"""What was looked at where nothing was sampled."""
SEEDS = "seeds"
EXIT_CODES: dict[Verdict, int] = {"pass": 0, "fail": 1, "inconclusive": 4, "nothing judged": 4}

_BADNESS: dict[Outcome, int] = {"not applicable": 0, "pass": 1, "inconclusive": 2, "fail": 3}
_VERDICTS: tuple[Literal["fail", "inconclusive", "pass"], ...] = ("fail", "inconclusive", "pass")
_ROUNDING = 1e-9
"""Exact values carry rounding errors: a bound is met that is missed by no more than this, or this share of it."""


@dataclass(frozen=True)
class Judgement:
    """The outcome of one expectation for one agent, and what it rests on.

    Attributes:
        name, measure: as the file says.
        bound: what was expected, in words (`at least 0.8`).
        minus: the baseline whose measure is subtracted, in words (`in stage train`), so that value and bounds are those
            of the difference; empty where there is none.
        agent, stage: whose behaviour is judged, and where.
        outcome: `not applicable` never makes a verdict a fail.
        value: exact: the end of the range that is worse for the claim; by seeds: the mean over seeds of a share or
            rate, else the median. None where there is no value.
        low, high: exact: the range over all optimal policies; by seeds: two confidence bounds, each of which holds with
            the confidence on its own.
        file, line: where the expectation stands, from line 1.
        why: a sentence that explains the outcome.
        unit: what was judged, `EXACT`, `AS_IT_DOES` or `SEEDS`.
        seeds: how many seeds there were; 0 where exact.
        p_pass, p_fail: p-values of the pass (the fail): how likely evidence this strong would be, at most, if it was
            wrong; None where nothing was sampled.
        trace: the name of the recorded trace that shows it, under the worst condition; empty where there is none.
    """

    name: str
    measure: str
    bound: str
    agent: str
    stage: str
    outcome: Outcome
    value: float | None
    low: float | None
    high: float | None
    file: str
    line: int
    why: str
    unit: str
    seeds: int = 0
    p_pass: float | None = None
    p_fail: float | None = None
    trace: str = ""
    minus: str = ""

    @property
    def asked(self) -> str:
        """The measure, and the baseline that is subtracted."""
        return f"{self.measure} less that {self.minus}" if self.minus else self.measure

    @property
    def told(self) -> str:
        """What was measured of whom and where, and the explanation of the outcome."""
        return f"{self.asked} of {self.agent} in {self.stage}: {self.why}"

    def to_dict(self) -> dict[str, Any]:
        """Ready for JSON: an infinite number is written `"inf"` or `"-inf"`, which `float` reads back."""
        return {
            name: str(value) if isinstance(value, float) and math.isinf(value) else value
            for name, value in asdict(self).items()
        }

    @staticmethod
    def from_dict(data: dict[str, Any]) -> Judgement:
        """The inverse of `to_dict`."""
        numbers = ("value", "low", "high", "p_pass", "p_fail")
        return Judgement(**{**data, **{n: None if data[n] is None else float(data[n]) for n in numbers}})


@dataclass(frozen=True)
class Case:
    """One expectation for one of its agents, its measure parsed: what every judgement of it starts from.

    Attributes:
        expectation: as the file says.
        measure: parsed from it.
        agent: whose behaviour is judged.
        stage: where.
        file, line: where the expectation stands, from line 1.
    """

    expectation: Expectation
    measure: ParsedMeasure
    agent: str
    stage: str
    file: str
    line: int

    @staticmethod
    def of(expectation: Expectation, agent: str, stage: str, file: str, line: int) -> Case:
        """The case of a checked expectation, whose measure can be parsed."""
        return Case(expectation, parsed_measure(expectation.measure), agent, stage, file, line)

    @property
    def statistic(self) -> SeedStatistic:
        """The statistic by which it is judged over seeds."""
        return statistic_of(self.measure, paired=self.expectation.minus is not None)


@dataclass(frozen=True)
class _Band:
    """The values that an expectation accepts, both ends included."""

    low: float
    high: float
    words: str

    @property
    def claims(self) -> list[tuple[Claim, float]]:
        """The claims that must all be shown for a pass."""
        claims: list[tuple[Claim, float]] = [(">=", self.low), ("<=", self.high)]
        return [(claim, bound) for claim, bound in claims if math.isfinite(bound)]

    @property
    def refutations(self) -> list[tuple[Claim, float]]:
        """The claims of which each is enough for a fail."""
        return [("<" if claim == ">=" else ">", bound) for claim, bound in self.claims]


def judge_exact(case: Case, interval: Interval) -> Judgement:
    """Judge an exact range over all optimal policies, or of the one followed: its worse end must meet the bound.

    Args:
        case: the expectation, and for whom.
        interval: the range of its measure.
    """
    band, unit = _band(case.expectation), EXACT if interval.whose == EVERY_OPTIMAL else AS_IT_DOES
    if interval.low is None or interval.high is None:
        return _judgement(case, "inconclusive", interval.note or "the measure has no value", unit)
    low, high = interval.low, interval.high
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
    if interval.sometimes_empty:
        outcome, why = "inconclusive", f"a tie decides whether it has a value; where it has, it is {_range(low, high)}"
    if interval.note:
        why = f"{why} ({interval.note})"
    return replace(_judgement(case, outcome, why, unit), value=worst, low=low, high=high)


def judge_each(case: Case, intervals: Mapping[str, Interval]) -> Judgement:
    """Judge a measure under several conditions, every one of which must meet the claim.

    Args:
        case: the expectation, and for whom.
        intervals: the range of its measure under each condition, by the condition's words.

    Returns:
        The worst of the judgements, in words that name its condition; `low` and `high` are over all conditions.
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
        told = whose(intervals.values())
        return judge_exact(case, Interval(low, high, f"over {len(judged)} conditions", whose=told))
    why = f"{alike} of {len(judged)} conditions: {worst.outcome}; under {words}, {worst.why}"
    return replace(worst, low=low, high=high, why=why)


def worst_of(case: Case, intervals: Mapping[str, Interval]) -> str:
    """The words of the condition that is worst for the claim, the first of them."""
    return max(intervals, key=lambda words: _BADNESS[judge_exact(case, intervals[words]).outcome])


def judge_seeds(
    case: Case, values: Sequence[float | Ends | None], confidence: float = 0.95, claims: int = 1
) -> Judgement:
    """Judge a training method by the values of its trained seeds.

    Shares and rates (and paired differences of them) are judged by their mean over seeds, everything else by the
    median seed.

    Args:
        case: the expectation, and for whom.
        values: one per seed; None where a rate's condition never held; two ends where an exact plan has ties. Missing
            values and ties are imputed as the worst case for each claim.
        confidence: a pass is wrong with probability at most 1 - confidence, and so is a fail.
        claims: how many learned expectations the run has, for the number of seeds that `why` asks for.
    """
    statistic = case.statistic
    band, ends = _band(case.expectation), [value if isinstance(value, tuple) else _twice(value) for value in values]
    known = [end for end in ends if end is not None]
    if not known:
        why = "no seeds were run" if not values else "its condition held in no tick of any seed, so it has no value"
        return replace(_judgement(case, "inconclusive", why, SEEDS), seeds=len(values))
    p_pass = max(
        (statistic.p_value(statistic.imputed(ends, claim), claim, bound) for claim, bound in band.claims), default=0.0
    )
    refuted = [statistic.p_value(statistic.imputed(ends, claim), claim, bound) for claim, bound in band.refutations]
    p_fail = min(1.0, len(refuted) * min(refuted))  # too low or too high: two chances to be wrong
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
    return replace(judgement, why=_why_seeds(judgement, case, confidence, claims))


def not_applicable(case: Case, why: str) -> Judgement:
    """The judgement of an expectation that cannot be judged: the world cannot be enumerated, there is no such agent."""
    return _judgement(case, "not applicable", why, "")


def unreached(case: Case, why: str) -> Judgement:
    """The judgement of an expectation that the time budget left unjudged."""
    return _judgement(case, "inconclusive", why, "")


def correct(judgements: Sequence[Judgement], confidence: float = 0.95, elsewhere: int = 0) -> list[Judgement]:
    """Holm's correction over the learned expectations of one run.

    Afterwards the probability of even one wrong pass among them is at most 1 - confidence, and so is that of one wrong
    fail. Outcomes that no longer hold become inconclusive; exact judgements stay as they are.

    Args:
        judgements: of one run.
        confidence: see above.
        elsewhere: how many learned expectations of the same scenario other shards judge. Their p-values are not known
            here, so Bonferroni's correction over all replaces Holm's: what passes in a shard passes in the whole.
    """
    sampled = [i for i, judgement in enumerate(judgements) if judgement.p_pass is not None]
    claims = len(sampled) + elsewhere
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
    """How many seeds a learned expectation needs to pass if every value is the best that it can be.

    Args:
        case: the expectation, with its measure and its bound.
        confidence: as in `judge_seeds`.
        claims: how many learned expectations the run has; Holm's correction then asks for more.

    Returns:
        The number, or None where no number of seeds is enough: a share of exactly 0 or 1.
    """
    sure = 1 - (1 - confidence) / claims
    needed = [case.statistic.needed(claim, bound, sure) for claim, bound in _band(case.expectation).claims]
    return None if None in needed else max((n for n in needed if n is not None), default=0)


def seeds_if_alike(case: Case, confidence: float = 0.95, claims: int = 1) -> int | None:
    """How many seeds a learned expectation about a difference needs to pass if the difference is 0 in every seed.

    Args:
        case: as in `seeds_for`.
        confidence: see there.
        claims: see there.

    Returns:
        The number, or None where it is not about a difference of shares, or a difference of 0 does not show it.
    """
    sure = 1 - (1 - confidence) / claims
    needed = [case.statistic.needed_alike(claim, bound, sure) for claim, bound in _band(case.expectation).claims]
    return None if None in needed else max((n for n in needed if n is not None), default=None)


def verdict(judgements: Sequence[Judgement]) -> Verdict:
    """The worst outcome: `fail`, then `inconclusive`, then `pass`; `nothing judged` where nothing was applicable."""
    outcomes = {judgement.outcome for judgement in judgements}
    for outcome in _VERDICTS:
        if outcome in outcomes:
            return outcome
    return "nothing judged"


def _adjusted(p_values: Sequence[float], claims: int) -> Sequence[float]:
    """P-values corrected for so many claims, some of which are not here."""
    return holm(p_values) if claims == len(p_values) else [min(1.0, claims * p_value) for p_value in p_values]


def _judgement(case: Case, outcome: Outcome, why: str, unit: str) -> Judgement:
    expectation = case.expectation
    return Judgement(
        name=expectation.name,
        measure=expectation.measure,
        bound=_band(expectation).words,
        agent=case.agent,
        stage=case.stage,
        outcome=outcome,
        value=None,
        low=None,
        high=None,
        file=case.file,
        line=case.line,
        why=why,
        unit=unit,
        minus=minus_in_words(expectation),
    )


def _band(expectation: Expectation) -> _Band:
    if expectation.at_least is not None:
        return _Band(expectation.at_least, math.inf, f"at least {_bound(expectation.at_least)}")
    if expectation.at_most is not None:
        return _Band(-math.inf, expectation.at_most, f"at most {_bound(expectation.at_most)}")
    assert expectation.equals is not None, "checked when the file is loaded"
    middle, within = expectation.equals, expectation.within
    words = f"exactly {_bound(middle)}" if within <= 1e-6 else f"{_bound(middle)} within {_bound(within)}"
    return _Band(middle - within, middle + within, words)


def _at_least(value: float, bound: float) -> bool:
    return value >= bound or math.isclose(value, bound, rel_tol=_ROUNDING, abs_tol=_ROUNDING)


def _twice(value: float | None) -> Ends | None:
    return None if value is None else (value, value)


def _outcome(p_pass: float, p_fail: float, confidence: float) -> Outcome:
    error = 1 - confidence
    return "pass" if p_pass <= error else "fail" if p_fail <= error else "inconclusive"


def _why_seeds(judgement: Judgement, case: Case, confidence: float, claims: int) -> str:
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
    if needed is None:
        return (
            f"{typical}; no number of seeds can show a share of {band.words}, so ask for a little less (0.9 takes 29)"
        )
    if seeds < needed:
        end = _from(judgement.low) if math.isfinite(band.low) else _up_to(judgement.high)
        return f"too few seeds: {typical}, which gives {end}; {needed} are needed, more if they differ"
    reason = "too few seeds to tell" if judgement.minus else "the seeds differ too much"
    alike = seeds_if_alike(case, confidence, claims)
    more = (
        f"{alike} are needed where no seed differs" if alike is not None and seeds < alike else "more seeds are needed"
    )
    return (
        f"{reason}: {typical}, and the truth is between {_number(judgement.low)} and {_number(judgement.high)}; {more}"
    )


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
    """As the file says it, more or less."""
    return f"{value:.10g}"


def _count(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
