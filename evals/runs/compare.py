"""Two runs, or two agents, side by side: which expectations came out changed, which the same, which cannot be told.

Exact ranges are compared as they are. What was learned is paired by seed: a seed's chance is the same in both, so its
difference tells more than two averages do. Its values are measured anew in the stored traces.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from ...envs.analysis.dataframes import frame, html
from ...envs.base import NotEnumerableError
from ..exact.solved_worlds import Laboratory
from ..measures.comparands import Side as Looked
from ..measures.comparands import ends_by_seed, sides_of
from ..statistics.intervals import holm
from ..statistics.paired_tests import flip_interval, flip_p_value, seeds_to_show, within_p_value
from ..traces.provenance import RunError
from ..traces.trace import Trace, trace_name
from ..verdicts.expectation import EXACTLY, Judgement
from .reopen import scenario_of, world_of
from .run_folder import Manifest, StoredRun, load_run

if TYPE_CHECKING:
    import polars as pl

    from ...scenarios.language.schema.document import Expectation

Change: TypeAlias = Literal["changed", "same", "inconclusive"]
Compared: TypeAlias = Literal["changed", "same", "inconclusive", "nothing compared"]

ERROR = 0.05
"""A change that is no change, or a sameness that is none, is shown with at most this chance in the whole table."""
EXIT_CODES: dict[Compared, int] = {"same": 0, "changed": 1, "inconclusive": 4, "nothing compared": 4}

_ROUNDING = 1e-9
_Key: TypeAlias = tuple[str, str, str, str, int]
_Values: TypeAlias = Mapping[int, float | None]


@dataclass(frozen=True)
class Side:
    """One of the two: a run, or one agent of it.

    Attributes:
        run: as it was stored.
        agent: whose judgements; None for all agents.
    """

    run: StoredRun
    agent: str | None = None

    def __str__(self) -> str:
        return f"{self.run.folder}:{self.agent}" if self.agent else str(self.run.folder)

    @property
    def judged(self) -> dict[_Key, Judgement]:
        """What was looked at: by name, measure, stage, agent (nothing where one is named) and which of that name."""
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
    """One expectation in both.

    Attributes:
        name, measure, stage: of the expectation; agent_a, agent_b: whose behaviour.
        outcome: `changed`, `same` or `inconclusive`.
        a, b: the exact range, or the mean over the seeds of both that have a value (twice); None where there is none.
        difference: b less a: the range of it, or two bounds on its mean over seeds, at 95% for this pair alone.
        seeds: how many were paired; 0 where both are exact.
        p_value: how likely a mean difference this great would be by chance, corrected for the table; None where exact.
        why: a plain sentence.
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
    """Everything that two sides have in common.

    Attributes:
        a, b: what was compared, as a command names it.
        differences: what differs between the runs beside what came of them: name -> what it is in a, in b.
        pairs: in the order of a; only_a, only_b: names of expectations that only one of them judged.
        within: the margin, or None.
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
        """How many pairs were tested by seeds."""
        return sum(pair.p_value is not None for pair in self.pairs)

    @property
    def notes(self) -> list[str]:
        """What a reader of the table should know."""
        if not self.sampled:
            return []
        needed = seeds_to_show(self.sampled)
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


def open_side(text: str) -> Side:
    """Read `FOLDER` or `FOLDER:AGENT`.

    Raises:
        RunError: no run's folder, or that agent was not run.
    """
    folder, colon, agent = text.rpartition(":")
    if Path(text).exists() or not colon:
        return Side(load_run(Path(text)))
    run = load_run(Path(folder))
    judged = {judgement.agent for judgement in run.judgements}
    if agent not in judged:
        raise RunError(f"{folder}: nothing was expected of an agent {agent!r}; there are {', '.join(sorted(judged))}")
    return Side(run, agent)


def compare_runs(a: Side, b: Side, within: float | None = None) -> Comparison:
    """Compare every expectation that both judged.

    Where only one side names an agent, the other's judgements of the same agent are meant.

    Args:
        a: the first.
        b: the second; differences are b less a.
        within: a margin: what surely differs by no more than this, either way, is the same.

    Raises:
        RunError: a scenario cannot be opened any more, or a trace is missing.
        TraceError: a trace cannot be used.
        ValueError: a negative margin.
    """
    if within is not None and not within >= 0:
        raise ValueError(f"a margin is at least 0, not {within}")
    a, b = replace(a, agent=a.agent or b.agent), replace(b, agent=b.agent or a.agent)
    mine, others = a.judged, b.judged
    readers = _Seeds(a.run), _Seeds(b.run)
    drafts = [_draft(mine[key], others[key], readers) for key in mine if key in others]
    pairs = _decided(drafts, within)
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
class _Draft:
    """Two judgements and, where one of them is of seeds, what the seeds of both were worth."""

    a: Judgement
    b: Judgement
    values: tuple[tuple[float | None, float | None], ...] | None

    @property
    def differences(self) -> list[float]:
        """Of the seeds that have a value in both."""
        both = [(a, b) for a, b in self.values or () if a is not None and b is not None]
        return [0.0 if _alike(a, b) else b - a for a, b in both]

    @property
    def unpaired(self) -> int:
        """Seeds that have a value in one of them only."""
        return sum((a is None) != (b is None) for a, b in self.values or ())

    def pair(self, outcome: Change, why: str, p_value: float | None = None) -> Pair:
        ranges = [_range_of(self.a), _range_of(self.b)]
        difference = _less(ranges[0], ranges[1])
        if self.values is not None:
            both = [(a, b) for a, b in self.values if a is not None and b is not None]
            means = [math.fsum(side) / len(both) for side in zip(*both, strict=True)] if both else []
            ranges = [(mean, mean) for mean in means] or [None, None]
            difference = flip_interval(self.differences) if both else None
        a, b, seeds = self.a, self.b, len(self.values or ())
        return Pair(
            a.name, a.asked, a.stage, a.agent, b.agent, outcome, ranges[0], ranges[1], difference, seeds, p_value, why
        )


class _Seeds:
    """What the seeds of a stored run were worth, measured in its traces."""

    def __init__(self, run: StoredRun) -> None:
        self.run = run

    @cached_property
    def laboratory(self) -> Laboratory:
        """Of the scenario as it was run."""
        return Laboratory(scenario_of(self.run))

    def of(self, judgement: Judgement) -> _Values:
        """By seed; None where it has no value, or a tie of an exact plan leaves it open."""
        try:
            [sides] = sides_of(self.laboratory, self._expectation(judgement), judgement.agent)
            ends = ends_by_seed(self.laboratory, sides, judgement.measure, self._trace)
        except NotEnumerableError as fault:
            raise RunError(f"{self.run.folder}: {judgement.name}: {fault}") from fault
        return {seed: its[0] if its is not None and _alike(*its) else None for seed, its in ends.items()}

    def _trace(self, side: Looked) -> Trace:
        trace = self.run.trace(trace_name(side.stage, side.agent, side.overrides))
        world_of(self.laboratory.scenario, trace.meta)
        return trace

    def _expectation(self, judgement: Judgement) -> Expectation:
        """As it stands in the file."""
        scenario = self.laboratory.scenario
        for number, expectation in enumerate(scenario.document.expect):
            line = scenario.source.place(("expect", number)).line
            if (expectation.name, line) == (judgement.name, judgement.line):
                return expectation
        raise RunError(f"{self.run.folder}: its scenario has no expectation `{judgement.name}`")


def _draft(a: Judgement, b: Judgement, readers: tuple[_Seeds, _Seeds]) -> _Draft:
    exact = (a.unit in EXACTLY, b.unit in EXACTLY)
    if all(exact):
        return _Draft(a, b, None)
    found = [None if its else reader.of(each) for its, reader, each in zip(exact, readers, (a, b), strict=True)]
    seeds = sorted(set.intersection(*(set(values) for values in found if values is not None)))
    points = [_point(a), _point(b)]
    if any(its and point is None for its, point in zip(exact, points, strict=True)):
        return _Draft(a, b, ())
    columns = [
        [point if values is None else values[seed] for seed in seeds]
        for values, point in zip(found, points, strict=True)
    ]
    return _Draft(a, b, tuple(zip(*columns, strict=True)))


def _decided(drafts: Sequence[_Draft], within: float | None) -> Iterator[Pair]:
    """The outcome of each; p-values of seeds are corrected over the table."""
    tested = [draft for draft in drafts if draft.differences]
    changes = iter(holm([flip_p_value(draft.differences) for draft in tested]))
    samenesses = iter(holm([1.0 if within is None else within_p_value(d.differences, within) for d in tested]))
    for draft in drafts:
        if draft.values is None:
            yield _exactly(draft, within)
        elif not draft.differences:
            yield draft.pair("inconclusive", _unpairable(draft))
        else:
            yield _by_seeds(draft, next(changes), next(samenesses), within)


def _exactly(draft: _Draft, within: float | None) -> Pair:
    a, b = _range_of(draft.a), _range_of(draft.b)
    if a is None or b is None:
        if a is b:
            return draft.pair("same", f"neither has a value: {draft.a.why}")
        return draft.pair("changed", "only one of them has a value")
    if all(_alike(x, y) for x, y in zip(a, b, strict=True)):
        return draft.pair("same", "exactly the same")
    difference = _less(a, b)
    if within is not None and max(abs(end) for end in difference or (math.inf,)) <= within:
        return draft.pair("same", f"exact, and nowhere more than {within:g} apart")
    if b[0] - a[1] > _ROUNDING or a[0] - b[1] > _ROUNDING:
        return draft.pair("changed", "exact, and the ranges have nothing in common")
    return draft.pair("inconclusive", "the ranges over ties overlap, so that a tie decides")


def _by_seeds(draft: _Draft, change: float, sameness: float, within: float | None) -> Pair:
    differences, seeds = draft.differences, len(draft.differences)
    alone = f"; {draft.unpaired} more have a value in one of them only" if draft.unpaired else ""
    if not any(differences) and not alone:
        return draft.pair("same", f"the same in each of {seeds} seeds", change)
    if within is not None and sameness < ERROR:
        return draft.pair(
            "same", f"surely no more than {within:g} apart (p {sameness:.2g}, {seeds} seeds){alone}", change
        )
    if change < ERROR:
        return draft.pair("changed", f"p {change:.2g} over {seeds} seeds{alone}", change)
    few = "" if seeds >= 6 else f": {seeds} seeds can never show it"
    return draft.pair("inconclusive", f"it may be chance (p {change:.2g} over {seeds} seeds){few}{alone}", change)


def _unpairable(draft: _Draft) -> str:
    for judgement in (draft.a, draft.b):
        if judgement.unit in EXACTLY and _point(judgement) is None:
            return f"`{judgement.agent}` is exact with a range of values, which no seed can be paired with"
    return "no seed has a value in both"


def _range_of(judgement: Judgement) -> tuple[float, float] | None:
    return None if judgement.low is None or judgement.high is None else (judgement.low, judgement.high)


def _point(judgement: Judgement) -> float | None:
    """The one value of an exact judgement; None where ties leave several, or none."""
    ends = _range_of(judgement)
    return ends[0] if ends is not None and _alike(*ends) else None


def _alike(x: float, y: float) -> bool:
    return x == y or abs(x - y) <= _ROUNDING


def _less(a: tuple[float, float] | None, b: tuple[float, float] | None) -> tuple[float, float] | None:
    """The range of b less a; two infinities of one sign are equal."""
    if a is None or b is None:
        return None
    low, high = ((0.0 if x == y else x - y) for x, y in ((b[0], a[1]), (b[1], a[0])))
    return low, high


def _differences(a: Manifest, b: Manifest) -> Iterator[tuple[str, tuple[str, str]]]:
    """What can make two runs differ, beside the agents: the scenario, its settings, seeds, versions, the command."""
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
        ("command", _asked(a.command), _asked(b.command)),
    ]
    for name, one, other in plain:
        if one != other:
            yield name, (str(one), str(other))


def _in_words(overrides: Mapping[str, object]) -> str:
    return ", ".join(f"{name} {value}" for name, value in sorted(overrides.items())) or "none"


def _asked(command: Sequence[str]) -> str:
    """The words of a command after the program's name, without the folder that it was to write."""
    words = list(command[1:])
    while "--out" in words:
        at = words.index("--out")
        del words[at : at + 2]
    return " ".join(word for word in words if not word.startswith("--out="))


def _named(key: _Key) -> str:
    name, _, _, agent, _ = key
    return f"{name} ({agent})" if agent else name
