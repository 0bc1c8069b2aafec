"""Comparison of two runs, or of two agents of one: which expectations changed, are the same, or are inconclusive.

Exact ranges are compared directly. Trained agents are paired by seed: a seed has the same random numbers in both, so
paired differences vary less than two independent means. The values of seeds are measured again in the stored traces.
"""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from ...envs.analysis.dataframes import frame, html
from ...envs.base import NotEnumerableError
from ...scenarios.language.expressions.parser import parsed_measure
from ..exact.solved_worlds import SolvedWorlds
from ..measures.contrasts import Subject, ends_by_seed
from ..statistics.multiplicity import holm
from ..statistics.paired_tests import equivalence_p_value, seeds_to_detect, sign_flip_interval, sign_flip_p_value
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
        a, b: the exact range, or the mean over the paired seeds (twice); None where there is none.
        difference: b minus a: its range, or the 95% interval of its mean over seeds, not corrected for the table.
        seeds: how many were paired; 0 where both are exact.
        p_value: of the sign-flip test of no difference, Holm-corrected over the table; None where exact.
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
        return [f"paired by seed, exact sign-flip tests, Holm's correction over {self.sampled}; {rule}{more}"]

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
        within: a margin of equivalence: values that are shown to differ by no more than this are the same.

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
    readers = _SeedValues(a.run), _SeedValues(b.run)
    paired = [_paired(mine[key], others[key], readers) for key in mine if key in others]
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
    """Two judgements and, where one of them is of seeds, the values of both by seed; None where both are exact."""

    a: Judgement
    b: Judgement
    values: tuple[tuple[float | None, float | None], ...] | None

    @property
    def differences(self) -> list[float]:
        """b minus a, for the seeds that have a value in both."""
        both = [(a, b) for a, b in self.values or () if a is not None and b is not None]
        return [0.0 if _equal(a, b) else b - a for a, b in both]

    @property
    def unpaired(self) -> int:
        """Seeds that have a value in one of them only."""
        return sum((a is None) != (b is None) for a, b in self.values or ())

    def as_pair(self, outcome: Change, why: str, p_value: float | None = None) -> Pair:
        ranges = [_range_of(self.a), _range_of(self.b)]
        difference = _minus(ranges[0], ranges[1])
        if self.values is not None:
            both = [(a, b) for a, b in self.values if a is not None and b is not None]
            means = [math.fsum(side) / len(both) for side in zip(*both, strict=True)] if both else []
            ranges = [(mean, mean) for mean in means] or [None, None]
            difference = sign_flip_interval(self.differences) if both else None
        a, b, seeds = self.a, self.b, len(self.values or ())
        return Pair(
            a.name, a.asked, a.stage, a.agent, b.agent, outcome, ranges[0], ranges[1], difference, seeds, p_value, why
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


def _paired(a: Judgement, b: Judgement, readers: tuple[_SeedValues, _SeedValues]) -> _PairedJudgements:
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
    return _PairedJudgements(a, b, tuple(zip(*columns, strict=True)))


def _with_outcomes(pairs: Sequence[_PairedJudgements], within: float | None) -> Iterator[Pair]:
    """The outcome of each pair; the p-values are Holm-corrected over the whole table."""
    tested = [paired for paired in pairs if paired.differences]
    # Each family is corrected by itself: of the two null hypotheses of one pair, at most one is true.
    changes = iter(holm([sign_flip_p_value(paired.differences) for paired in tested]))
    samenesses = iter(holm([1.0 if within is None else equivalence_p_value(d.differences, within) for d in tested]))
    for paired in pairs:
        if paired.values is None:
            yield _compare_exact(paired, within)
        elif not paired.differences:
            yield paired.as_pair("inconclusive", _why_unpaired(paired))
        else:
            yield _compare_seeds(paired, next(changes), next(samenesses), within)


def _compare_exact(paired: _PairedJudgements, within: float | None) -> Pair:
    a, b = _range_of(paired.a), _range_of(paired.b)
    if a is None or b is None:
        # Both are None.
        if a is b:
            return paired.as_pair("same", f"neither has a value: {paired.a.why}")
        return paired.as_pair("changed", "only one of them has a value")
    if all(_equal(x, y) for x, y in zip(a, b, strict=True)):
        return paired.as_pair("same", "exactly the same")
    difference = _minus(a, b)
    if within is not None and max(abs(end) for end in difference or (math.inf,)) <= within:
        return paired.as_pair("same", f"exact, and nowhere more than {within:g} apart")
    if b[0] - a[1] > _ROUNDING or a[0] - b[1] > _ROUNDING:
        return paired.as_pair("changed", "exact, and the ranges have nothing in common")
    return paired.as_pair("inconclusive", "the ranges over ties overlap, so that a tie decides")


def _compare_seeds(paired: _PairedJudgements, change: float, sameness: float, within: float | None) -> Pair:
    differences, seeds = paired.differences, len(paired.differences)
    alone = f"; {paired.unpaired} more have a value in one of them only" if paired.unpaired else ""
    if not any(differences) and not alone:
        return paired.as_pair("same", f"the same in each of {seeds} seeds", change)
    if within is not None and sameness < ERROR:
        return paired.as_pair(
            "same", f"surely no more than {within:g} apart (p {sameness:.2g}, {seeds} seeds){alone}", change
        )
    if change < ERROR:
        return paired.as_pair("changed", f"p {change:.2g} over {seeds} seeds{alone}", change)
    # With 5 seeds the smallest p-value is 2 / 2^5 = 0.06.
    few = "" if seeds >= 6 else f": {seeds} seeds can never show it"
    return paired.as_pair("inconclusive", f"it may be chance (p {change:.2g} over {seeds} seeds){few}{alone}", change)


def _why_unpaired(paired: _PairedJudgements) -> str:
    for judgement in (paired.a, paired.b):
        if judgement.unit in EXACTLY and _point(judgement) is None:
            return f"`{judgement.agent}` is exact with a range of values, which no seed can be paired with"
    return "no seed has a value in both"


def _range_of(judgement: Judgement) -> tuple[float, float] | None:
    return None if judgement.low is None or judgement.high is None else (judgement.low, judgement.high)


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
