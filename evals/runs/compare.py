"""Comparison of two runs, or of two agents of one: which expectations changed, are the same, or are inconclusive.

Exact ranges are compared directly. Trained agents are paired by seed: a seed has the same random numbers in both, so
paired differences vary less than two independent means. The values of seeds are measured again in the stored traces.

Two questions are asked of the differences. Has anything changed? The sign-flip test answers "yes"; no test can show a
"no", so without a margin seeds are `same` only where equal inputs make them so. How large is the difference? The
statistic of the measure answers it as it does for `minus`: whether it lies within a margin, and between which bounds.
"""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from ...envs.analysis.dataframes import frame, html
from ...envs.base import NotEnumerableError
from ...scenarios.language.expressions.parser import parsed_measure
from ..exact.solved_worlds import SolvedWorlds
from ..measures.contrasts import Ends, Subject, ends_by_seed
from ..measures.seed_statistics import MOST_SEEDS, SeedStatistic, statistic_of
from ..statistics.binomial import clopper_pearson
from ..statistics.multiplicity import holm
from ..statistics.paired_tests import seeds_to_detect, sign_flip_p_value
from ..traces.provenance import RunError
from ..traces.trace import Trace, trace_name
from ..verdicts.expectation import EXACTLY, Judgement
from ..verdicts.work_units import contrasts_of
from .reopen import fitting_world, reopen_scenario
from .run_folder import Manifest, StoredRun, load_run

if TYPE_CHECKING:
    import polars as pl

    from ...scenarios.language.schema.document import Expectation

Change: TypeAlias = Literal["changed", "same", "inconclusive"]
Compared: TypeAlias = Literal["changed", "same", "inconclusive", "nothing compared"]

ERROR = 0.05
"""The probability, at most, of any wrong `changed` in the whole table, and of any wrong `same`."""
EXIT_CODES: dict[Compared, int] = {"same": 0, "changed": 1, "inconclusive": 4, "nothing compared": 4}

_USUAL_MARGIN = 0.1
"""The margin of which is said how many seeds it takes, if none was asked for."""
_ROUNDING = 1e-9
"""Exact values this close are equal: two solvers, or two machines, may round differently."""
_Key: TypeAlias = tuple[str, str, str, str, int]
_Values: TypeAlias = Mapping[int, float | None]


@dataclass(frozen=True)
class RunSide:
    """One of the two sides of a comparison: a run, or one agent of it.

    Attributes:
        run: as it was stored.
        agent: only its judgements are compared; None for those of all agents.
    """

    run: StoredRun
    agent: str | None = None

    def __str__(self) -> str:
        return f"{self.run.folder}:{self.agent}" if self.agent else str(self.run.folder)

    @property
    def judged(self) -> dict[_Key, Judgement]:
        """The judgements that have a value, by name, measure, stage, agent and how many of that name came before.

        The agent is empty where this side names one, so that judgements of two different agents have the same key.
        """
        found: dict[_Key, Judgement] = {}
        times: Counter[tuple[str, str, str, str]] = Counter()
        for judgement in self.run.judgements:
            if self.agent in (None, judgement.agent):
                agent = "" if self.agent else judgement.agent
                key = (judgement.name, judgement.asked, judgement.stage, agent)
                times[key] += 1
                if judgement.unit:
                    found[(*key, times[key])] = judgement
        return found


@dataclass(frozen=True)
class Pair:
    """The comparison of one expectation.

    Attributes:
        name, measure, stage: of the expectation; agent_a, agent_b: the judged agents.
        outcome: `changed`, `same` or `inconclusive`.
        a, b: the exact range, or (twice) the mean over the paired seeds of a share or rate, or else the median; None
            where there is none.
        difference: b minus a: its range, or the 95% interval of its mean over seeds (for a share or rate, else of its
            median), not corrected for the table; None where it is not bounded on both sides.
        seeds: how many were paired; 0 where both are exact.
        p_value: of the sign-flip test that nothing changed, Holm-corrected over the table; None where nothing was
            tested, as between exact values and between equal inputs.
        why: the reason for the outcome, in words.
    """

    name: str
    measure: str
    stage: str
    agent_a: str
    agent_b: str
    outcome: Change
    a: tuple[float, float] | None
    b: tuple[float, float] | None
    difference: tuple[float, float] | None
    seeds: int
    p_value: float | None
    why: str


@dataclass(frozen=True)
class Comparison:
    """The comparison of all expectations that both sides judged.

    Attributes:
        a, b: the sides, as a command names them.
        differences: how the runs differ apart from their results: name -> (value in a, value in b).
        pairs: in the order of a; only_a, only_b: names of expectations that only one of them judged.
        within: the margin of equivalence, or None.
    """

    a: str
    b: str
    differences: Mapping[str, tuple[str, str]]
    pairs: tuple[Pair, ...]
    only_a: tuple[str, ...]
    only_b: tuple[str, ...]
    within: float | None

    @property
    def verdict(self) -> Compared:
        """`changed` if anything is, else `inconclusive` if anything is, else `same`; or `nothing compared`."""
        outcomes = {pair.outcome for pair in self.pairs}
        verdicts: tuple[Change, ...] = ("changed", "inconclusive", "same")
        return next((outcome for outcome in verdicts if outcome in outcomes), "nothing compared")

    @property
    def sampled(self) -> int:
        """How many pairs were compared by seeds."""
        return sum(pair.p_value is not None for pair in self.pairs)

    @property
    def notes(self) -> list[str]:
        """Remarks on the table: the test, its correction, and how many seeds it needs."""
        if not self.sampled:
            return []
        needed = seeds_to_detect(self.sampled)
        rule = "fewer than 6 seeds can never show a change"
        more = f", and {self.sampled} comparisons together need {needed}" if needed > 6 else ""
        return [
            f"paired by seed; changed: sign-flip tests that nothing changed, Holm's correction over {self.sampled}; "
            f"{rule}{more}; same: shown to lie within a margin (--within), or equal inputs"
        ]

    def to_frame(self) -> pl.DataFrame:
        """One row per pair; ranges are two columns."""
        rows = []
        for pair in self.pairs:
            row = asdict(pair)
            for name in ("a", "b", "difference"):
                row[f"{name}_low"], row[f"{name}_high"] = row.pop(name) or (None, None)
            rows.append(row)
        numbers = [f"{name}_{end}" for name in ("a", "b", "difference") for end in ("low", "high")]
        schema = {
            **dict.fromkeys(("name", "measure", "stage", "agent_a", "agent_b", "outcome"), str),
            **dict.fromkeys(numbers, float),
            "seeds": int, "p_value": float, "why": str,
        }  # fmt: skip
        return frame(rows, schema)

    def to_dict(self) -> dict[str, Any]:
        """Ready for JSON, as far as its numbers are finite."""
        return {
            "a": self.a,
            "b": self.b,
            "verdict": self.verdict,
            "within": self.within,
            "differences": {name: list(both) for name, both in self.differences.items()},
            "comparisons": [asdict(pair) for pair in self.pairs],
            "only_a": list(self.only_a),
            "only_b": list(self.only_b),
            "notes": self.notes,
        }

    def _repr_html_(self) -> str:
        columns = ["name", "agent_a", "agent_b", "outcome", "difference_low", "difference_high", "why"]
        return html(f"{self.a} and {self.b}: {self.verdict}", self.to_frame().select(columns))


def open_side(text: str) -> RunSide:
    """Read `FOLDER` or `FOLDER:AGENT`.

    Raises:
        RunError: no run's folder, or that agent was not run.
    """
    folder, colon, agent = text.rpartition(":")
    # The name of a folder may have a colon in it.
    if os.path.exists(text) or not colon:
        return RunSide(load_run(Path(text)))
    run = load_run(Path(folder))
    judged = {judgement.agent for judgement in run.judgements}
    if agent not in judged:
        raise RunError(f"{folder}: nothing was expected of an agent {agent!r}; there are {', '.join(sorted(judged))}")
    return RunSide(run, agent)


def compare_runs(a: RunSide, b: RunSide, within: float | None = None) -> Comparison:
    """Compare every expectation that both judged.

    Where only one side names an agent, the other's judgements of the same agent are meant.

    Args:
        a: the first.
        b: the second; differences are b less a.
        within: a margin of equivalence: where the mean difference over seeds (of a share or rate, else the median
            difference) is shown to be no more than this, either way, the values are the same.

    Raises:
        RunError: a scenario cannot be opened any more, or a trace is missing.
        TraceError: a trace cannot be used.
        ValueError: a negative margin.
    """
    if within is not None and not within >= 0:
        raise ValueError(f"a margin is at least 0, not {within}")
    a, b = replace(a, agent=a.agent or b.agent), replace(b, agent=b.agent or a.agent)
    mine, others = a.judged, b.judged
    # Each run's scenario is reopened at most once, and only if seeds are compared.
    readers, equal = (_SeedValues(a.run), _SeedValues(b.run)), _equal_inputs(a.run, b.run)
    paired = [_paired(mine[key], others[key], readers, equal) for key in mine if key in others]
    pairs = _with_outcomes(paired, within)
    return Comparison(
        str(a),
        str(b),
        dict(_differences(a.run.manifest, b.run.manifest)),
        tuple(pairs),
        tuple(_named(key) for key in mine if key not in others),
        tuple(_named(key) for key in others if key not in mine),
        within,
    )


@dataclass(frozen=True)
class _PairedJudgements:
    """Two judgements and, where one of them is of seeds, the values of both by seed; None where both are exact.

    Attributes:
        equal_inputs: whether all that decides the values of a seed is equal in both runs.
    """

    a: Judgement
    b: Judgement
    values: tuple[tuple[float | None, float | None], ...] | None
    equal_inputs: bool = False

    @property
    def statistic(self) -> SeedStatistic:
        """The statistic of the difference; without a `minus` it is the one by which a `minus` is judged."""
        return statistic_of(parsed_measure(self.a.measure), subtracted=2 if self.a.minus else 1)

    @property
    def both(self) -> list[tuple[float, float]]:
        """The values of the seeds that have one in both."""
        return [(a, b) for a, b in self.values or () if a is not None and b is not None]

    @property
    def differences(self) -> list[float]:
        """b minus a, for the seeds that have a value in both."""
        return [0.0 if _equal(a, b) else b - a for a, b in self.both]

    @property
    def ends(self) -> list[Ends | None]:
        """b minus a for every seed, as its least and greatest value; None where a value is missing."""
        known = iter(self.differences)
        lacking = [a is None or b is None for a, b in self.values or ()]
        return [None if lacks else (each := next(known), each) for lacks in lacking]

    @property
    def unpaired(self) -> int:
        """Seeds that have a value in one of them only."""
        return sum((a is None) != (b is None) for a, b in self.values or ())

    @property
    def unchanged(self) -> bool:
        """Whether no seed differs."""
        return not self.unpaired and not any(self.differences)

    @property
    def reproduced(self) -> bool:
        """Whether equal inputs came to equal values, as they do in any seed."""
        return self.equal_inputs and self.unchanged

    @property
    def tested(self) -> bool:
        """Whether it takes a test to say how the two differ."""
        return bool(self.differences) and not self.reproduced

    @property
    def interval(self) -> Ends:
        """Bounds on the statistic of the difference; missing values count against either."""
        statistic, ends = self.statistic, self.ends
        low, _ = statistic.interval(statistic.imputed(ends, ">="), 1 - ERROR, "two")
        _, high = statistic.interval(statistic.imputed(ends, "<="), 1 - ERROR, "two")
        return low, high

    def as_pair(self, outcome: Change, why: str, p_value: float | None = None) -> Pair:
        ranges = [_range_of(self.a), _range_of(self.b)]
        difference = _minus(ranges[0], ranges[1])
        if self.values is not None:
            middle = _mean if self.statistic.bounded else median
            values = [middle(side) for side in zip(*self.both, strict=True)]
            ranges = [(value, value) for value in values] or [None, None]
            difference = None if not self.both else (0.0, 0.0) if self.reproduced else self.interval
        return Pair(
            self.a.name,
            self.a.asked,
            self.a.stage,
            self.a.agent,
            self.b.agent,
            outcome,
            ranges[0],
            ranges[1],
            _finite(difference),
            len(self.values or ()),
            p_value,
            why,
        )


class _SeedValues:
    """Measures the seeds of a stored run in its traces."""

    def __init__(self, run: StoredRun) -> None:
        self.run = run

    @cached_property
    def solved(self) -> SolvedWorlds:
        """The solved worlds of the scenario as it was run."""
        return SolvedWorlds(reopen_scenario(self.run))

    def of(self, judgement: Judgement) -> _Values:
        """The values by seed; None where a seed has none, or where ties between optimal policies leave it open."""
        try:
            expectation = self._expectation(judgement)
            conditions = self.solved.conditions(expectation)
            [contrast] = contrasts_of(self.solved.scenario, expectation, judgement.agent, conditions)
            traces = [None if subject.exact else self._trace(subject) for subject in contrast.subjects]
            if all(trace is None for trace in traces):
                raise RunError(f"{self.run.folder}: {judgement.name}: judged by seeds, and the file judges it exactly")
            ends = ends_by_seed(self.solved, contrast, parsed_measure(judgement.measure), traces)
        except NotEnumerableError as fault:
            raise RunError(f"{self.run.folder}: {judgement.name}: {fault}") from fault
        return {seed: its[0] if its is not None and _equal(*its) else None for seed, its in ends.items()}

    def _trace(self, subject: Subject) -> Trace:
        trace = self.run.trace(trace_name(subject.stage, subject.agent, subject.overrides))
        fitting_world(self.solved.scenario, trace)
        return trace

    def _expectation(self, judgement: Judgement) -> Expectation:
        """The expectation in the scenario's file that was judged."""
        scenario = self.solved.scenario
        for number, expectation in enumerate(scenario.document.expect):
            line = scenario.source.place(("expect", number)).line
            its = (expectation.name, expectation.measure, line)
            if its == (judgement.name, judgement.measure, judgement.line):
                return expectation
        raise RunError(f"{self.run.folder}: its scenario has no expectation `{judgement.name}`")


def _equal_inputs(a: StoredRun, b: StoredRun) -> bool:
    """Whether all that decides the values of a seed is equal: a training is a function of that, and of the seed."""
    if a.folder.resolve() == b.folder.resolve():
        return True
    settings = a.manifest.settings
    # The code of the user's own agents is not kept, so that nothing says whether it is still the same. What a GPU adds
    # up may come in another order each time.
    if not a.manifest.code or not settings or settings.get("own") or settings.get("device", "cpu") != "cpu":
        return False
    return _inputs(a.manifest) == _inputs(b.manifest)


def _inputs(manifest: Manifest) -> tuple[object, ...]:
    """What decides the values of a seed; which agents and seeds were run, or how many, does not."""
    settings = {n: v for n, v in manifest.settings.items() if n not in ("agents", "seeds", "max_seeds", "units")}
    machine = manifest.code, dict(manifest.versions), manifest.python, manifest.platform
    return manifest.scenario_hash, dict(manifest.overrides), settings, machine


def _paired(
    a: Judgement, b: Judgement, readers: tuple[_SeedValues, _SeedValues], equal_inputs: bool
) -> _PairedJudgements:
    """The two judgements, with the values of each by seed: an exact one has the same value for every seed."""
    exact = (a.unit in EXACTLY, b.unit in EXACTLY)
    if all(exact):
        return _PairedJudgements(a, b, None)
    found = [None if its else reader.of(each) for its, reader, each in zip(exact, readers, (a, b), strict=True)]
    seeds = sorted(set.intersection(*(set(values) for values in found if values is not None)))
    points = [_point(a), _point(b)]
    # A range of values over ties has no value that a seed could be compared with.
    if any(its and point is None for its, point in zip(exact, points, strict=True)):
        return _PairedJudgements(a, b, ())
    columns = [
        [point if values is None else values[seed] for seed in seeds]
        for values, point in zip(found, points, strict=True)
    ]
    return _PairedJudgements(a, b, tuple(zip(*columns, strict=True)), equal_inputs and a.agent == b.agent)


def _with_outcomes(pairs: Sequence[_PairedJudgements], within: float | None) -> Iterator[Pair]:
    """The outcome of each pair; the p-values are Holm-corrected over the whole table."""
    tested = [paired for paired in pairs if paired.tested]
    # Each family is corrected by itself, so that any wrong `changed` and any wrong `same` have an error of their own.
    changes = iter(holm([sign_flip_p_value(paired.differences) for paired in tested]))
    samenesses = iter(
        holm([1.0 if within is None else its.statistic.equivalence_p_value(its.ends, within) for its in tested])
    )
    for paired in pairs:
        if paired.values is None:
            yield _compare_exact(paired, within)
        elif paired.reproduced:
            yield paired.as_pair("same", "the scenario, settings, code and versions are equal, and so is every seed")
        elif not paired.differences:
            yield paired.as_pair("inconclusive", _why_unpaired(paired))
        else:
            yield _compare_seeds(paired, next(changes), next(samenesses), within, len(tested))


def _compare_exact(paired: _PairedJudgements, within: float | None) -> Pair:
    a, b = _range_of(paired.a), _range_of(paired.b)
    if a is None or b is None:
        # Both are None.
        if a is b:
            return paired.as_pair("same", f"neither has a value: {paired.a.why}")
        return paired.as_pair("changed", "only one of them has a value")
    alike = all(_equal(x, y) for x, y in zip(a, b, strict=True))
    # Within equal bounds two ranges may still differ.
    bounds = paired.a.is_bounds or paired.b.is_bounds
    if alike and not bounds:
        return paired.as_pair("same", "exactly the same")
    difference = _minus(a, b)
    if within is not None and max(abs(end) for end in difference or (math.inf,)) <= within:
        return paired.as_pair("same", f"exact, and nowhere more than {within:g} apart")
    if b[0] - a[1] > _ROUNDING or a[0] - b[1] > _ROUNDING:
        never = "" if _finite(difference) else "; one of them is infinite: it never comes there"
        return paired.as_pair("changed", f"exact, and the ranges have nothing in common{never}")
    if bounds:
        return paired.as_pair("inconclusive", "only bounds are known, and what lies within them may be the same or not")
    return paired.as_pair("inconclusive", "the ranges over ties overlap, so that a tie decides")


def _compare_seeds(paired: _PairedJudgements, change: float, sameness: float, within: float | None, tests: int) -> Pair:
    seeds, typical = len(paired.differences), paired.statistic.typical
    alone = f"; {paired.unpaired} more have a value in one of them only" if paired.unpaired else ""
    if within is not None and sameness <= ERROR:
        why = f"{typical} is shown to be no more than {within:g}, either way (p {sameness:.2g}, {seeds} seeds){alone}"
        return paired.as_pair("same", why, change)
    if change <= ERROR:
        why = f"were nothing changed, {seeds} seeds would differ so clearly with p {change:.2g}{alone}{_size(paired)}"
        return paired.as_pair("changed", why, change)
    if paired.unchanged:
        return paired.as_pair("inconclusive", _why_alike(paired, within, tests), change)
    # With 5 seeds the smallest p-value is 2 / 2^5 = 0.06.
    few = "" if seeds >= 6 else f": {seeds} seeds can never show it"
    far = "" if within is None else f"; nor is {typical} shown to be within {within:g} (p {sameness:.2g})"
    why = f"it may be chance (p {change:.2g} over {seeds} seeds){few}{alone}{_size(paired)}{far}"
    return paired.as_pair("inconclusive", why, change)


def _size(paired: _PairedJudgements) -> str:
    """What the seeds leave open of how large the difference is; empty if they bound it and show its direction."""
    typical, ends = paired.statistic.typical, paired.interval
    if _finite(ends) is not None:
        return f"; {typical} may be 0" if ends[0] <= 0 <= ends[1] else ""
    needed = seeds_to_detect()  # the interval of a median by order statistics is the sign test's, with the same count
    if len(paired.ends) < needed:
        return f"; bounds on {typical} need {needed} seeds"
    return f"; {typical} has no bounds, since in some seeds no finite number separates the two"


def _why_alike(paired: _PairedJudgements, within: float | None, tests: int) -> str:
    """The sentence on seeds of which none differs, which alone never shows that none would."""
    seeds, statistic = len(paired.differences), paired.statistic
    most = math.ceil(100 * clopper_pearson(0, seeds, 1 - ERROR, "high")[1])
    them = "the one seed does not differ" if seeds == 1 else f"none of {seeds} seeds differs"
    none = f"{them}, and up to {most} % of all seeds may (95 % confidence)"
    margin = _USUAL_MARGIN if within is None else within
    needed = statistic.needed_between(-margin, margin, 1 - ERROR / tests)
    if needed is None:
        return f"{none}; not even {MOST_SEEDS:,} such seeds show {statistic.typical} within {margin:g}: allow for more"
    if within is None:
        return f"{none}; --within {margin:g} can show the same, with {needed} seeds if none differs"
    return f"{none}; that {statistic.typical} is within {margin:g} takes {needed} seeds if none differs"


def _why_unpaired(paired: _PairedJudgements) -> str:
    for judgement in (paired.a, paired.b):
        if judgement.unit in EXACTLY and _point(judgement) is None:
            return f"`{judgement.agent}` is exact with a range of values, which no seed can be paired with"
    return "no seed has a value in both"


def _range_of(judgement: Judgement) -> tuple[float, float] | None:
    return None if judgement.low is None or judgement.high is None else (judgement.low, judgement.high)


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)


def _finite(ends: Ends | None) -> Ends | None:
    """The ends of an interval, or None if one of them is not bounded."""
    return ends if ends is not None and all(map(math.isfinite, ends)) else None


def _point(judgement: Judgement) -> float | None:
    """The value of an exact judgement; None where ties leave a range, or there is none."""
    ends = _range_of(judgement)
    return ends[0] if ends is not None and _equal(*ends) else None


def _equal(x: float, y: float) -> bool:
    # The first comparison is for infinities, whose difference is no number.
    return x == y or abs(x - y) <= _ROUNDING


def _minus(a: tuple[float, float] | None, b: tuple[float, float] | None) -> tuple[float, float] | None:
    """The range of b minus a; two infinities of one sign are equal."""
    if a is None or b is None:
        return None
    low, high = ((0.0 if x == y else x - y) for x, y in ((b[0], a[1]), (b[1], a[0])))
    return low, high


def _differences(a: Manifest, b: Manifest) -> Iterator[tuple[str, tuple[str, str]]]:
    """How the settings of two runs differ: name -> (value in a, value in b), only for what differs."""
    plain: list[tuple[str, object, object]] = [
        ("scenario", a.scenario, b.scenario),
        ("scenario's content", a.scenario_hash[:8], b.scenario_hash[:8]),
        ("overrides", _in_words(a.overrides), _in_words(b.overrides)),
        ("seeds", len(a.seeds), len(b.seeds)),
        *((name, a.settings[name], b.settings[name]) for name in ("steps", "episodes") if a.settings and b.settings),
        ("Turncoat's code", a.code[:12] or "unknown", b.code[:12] or "unknown"),
        *(
            (f"version of {n}", a.versions.get(n, "none"), b.versions.get(n, "none"))
            for n in {**a.versions, **b.versions}
        ),
        ("python", a.python, b.python),
        ("git", a.git or "none", b.git or "none"),
        ("command", _arguments(a.command), _arguments(b.command)),
    ]
    for name, one, other in plain:
        if one != other:
            yield name, (str(one), str(other))


def _in_words(overrides: Mapping[str, object]) -> str:
    return ", ".join(f"{name} {value}" for name, value in sorted(overrides.items())) or "none"


def _arguments(command: Sequence[str]) -> str:
    """The arguments of a command, without `--out`: two runs always have different folders."""
    words = list(command[1:])
    while "--out" in words:
        at = words.index("--out")
        del words[at : at + 2]
    return " ".join(word for word in words if not word.startswith("--out="))


def _named(key: _Key) -> str:
    name, _, _, agent, _ = key
    return f"{name} ({agent})" if agent else name
