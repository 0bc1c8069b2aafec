"""What an expectation measures: the behaviour of a subject, minus that of a baseline if the expectation has `minus`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from ...envs.base import NotEnumerableError, TooManyStatesError
from ...envs.world.world import World
from ...scenarios.deferred import pl
from ...scenarios.language.expressions.syntax import OfLife, ParsedMeasure, Quantity, Share, Statistic, temporal_in
from ...scenarios.language.names.overrides import Overrides
from ...scenarios.language.schema.document import Expectation
from ..exact.solved_worlds import SolvedWorlds
from ..traces.trace import BETWEEN, Regrets, Trace
from .bounded_measure import Decided, bounded_range
from .measure import Interval, difference, less, seed_values
from .measure_values import exact_range, regret_baseline, sampled_in

Ends: TypeAlias = tuple[float, float]
"""The least and the greatest value of a number; the two differ only where an exact plan has ties."""


@dataclass(frozen=True)
class Subject:
    """An agent in one stage under one condition, whose behaviour is measured.

    Attributes:
        agent: its name; `exact` stands for the plan of the exact solver.
        stage: the stage in which it acts.
        overrides: the condition, as dotted overrides of the scenario.
        barring: events that its plan must never risk.
        episode: which one of the episodes that the stage has in a life; None for their mean.
    """

    agent: str
    stage: str
    overrides: Overrides
    barring: tuple[str, ...] = ()
    episode: Literal[1, "last"] | None = None

    @property
    def exact(self) -> bool:
        """Whether its behaviour is solved exactly instead of sampled."""
        return self.agent == "exact"


@dataclass(frozen=True)
class Contrast:
    """One condition of an expectation: the measure of a subject, minus that of a baseline if there is one."""

    subject: Subject
    baseline: Subject | None = None

    @property
    def subjects(self) -> tuple[Subject, ...]:
        """The subject, followed by the baseline if there is one."""
        return (self.subject,) if self.baseline is None else (self.subject, self.baseline)

    @property
    def exact(self) -> bool:
        """Whether the behaviour of every subject is solved exactly instead of sampled."""
        return all(its.exact for its in self.subjects)


def minus_in_words(expectation: Expectation) -> str:
    """The `minus` of an expectation in words (`in stage train, with threshold 2`); empty if it has none."""
    minus = expectation.minus
    if minus is None:
        return ""
    settings = ", ".join(f"{name} {value}" for name, value in minus.set.items())
    parts = [
        minus.agent and f"of {minus.agent}",
        minus.stage and f"in stage {minus.stage}",
        minus.variant and f"as {minus.variant}",
        settings and f"with {settings}",
        minus.barring and f"barring {', '.join(minus.barring)}",
        # An empty list lifts the subject's own bars, whereas None keeps them, so only the former is worth a word.
        minus.barring == [] and "barring nothing",
    ]
    return ", ".join(part for part in parts if part)


def exact_interval(
    solved: SolvedWorlds, contrast: Contrast, measure: ParsedMeasure, decided: Decided | None = None
) -> Interval:
    """The range of a measure over all policies that are judged, minus the range for the baseline.

    Args:
        solved: worlds of the scenario.
        contrast: exact subjects.
        measure: of them.
        decided: whether an interval in which the range lies is enough, in a world that is too large for the range
            itself. None: such a world raises.

    Raises:
        NotEnumerableError: one of the worlds is too large, or only bounded from above.
    """
    alone = contrast.baseline is None
    if decided is not None and not alone:
        decided = _never  # what is enough is a matter of the difference
    here, *others = (_exact(solved, measure, subject, decided) for subject in contrast.subjects)
    if not others:
        return here
    [there] = others
    # The range of a difference hides its two terms, so the note states both.
    whole, notes = less(here, there), [f"{_in_words(here)} here, {_in_words(there)} there"]
    return replace(whole, note="; ".join([*notes, *filter(None, [whole.note])]))


def ends_by_seed(
    solved: SolvedWorlds, contrast: Contrast, measure: ParsedMeasure, traces: Sequence[Trace | None]
) -> dict[int, Ends | None]:
    """The value of a measure in each seed, minus that of the baseline in the same seed, which has the same randomness.

    Args:
        solved: worlds of the scenario.
        contrast: the subject and the baseline; at least one of them is sampled.
        measure: the measure to evaluate.
        traces: for each subject of the contrast its recorded episodes, or None if it is exact.

    Returns:
        Seed -> least and greatest value, seeds in order; None where a subject has no value. An exact subject has the
        same number, or the same range over its ties, in every seed.

    Raises:
        NotEnumerableError: as `exact_interval`.
    """
    pairs = list(zip(contrast.subjects, traces, strict=True))
    values = [None if trace is None else _sampled(solved, measure, subject, trace) for subject, trace in pairs]
    # A paired difference needs the seed in every trace; an exact subject has its value in all of them.
    seeds = sorted(set.intersection(*(set(each) for each in values if each is not None)))
    columns: list[Sequence[Ends | None]] = []
    for subject, sampled in zip(contrast.subjects, values, strict=True):
        if sampled is not None:
            columns.append([_twice(sampled[seed]) for seed in seeds])
        else:
            exact = _exact(solved, measure, subject)
            # A tie that leaves the measure without a value counts as missing, which is imputed against the claim.
            known = exact.low is not None and exact.high is not None and not exact.sometimes_empty
            columns.append([(exact.low, exact.high) if known else None] * len(seeds))  # type: ignore[list-item]
    if len(columns) == 1:
        return dict(zip(seeds, columns[0], strict=True))
    return {seed: _less(a, b) for seed, a, b in zip(seeds, *columns, strict=True)}


def of_one_episode(traces: Sequence[Trace | None]) -> bool:
    """Whether each seed plays a single episode, as it does where a stage has no chance; None stands for an exact plan.

    How many a seed plays is fixed before it is trained, so a test may be chosen by it.
    """
    return not any(trace is not None and (trace.table["episode"] > 0).any() for trace in traces)


def _never(_: Interval) -> bool:
    return False


def _exact(solved: SolvedWorlds, measure: ParsedMeasure, subject: Subject, decided: Decided | None = None) -> Interval:
    try:
        return exact_range(solved, measure, subject.overrides, subject.stage, subject.barring, subject.episode)
    except TooManyStatesError as fault:
        if decided is None or subject.barring:
            raise
        try:
            return bounded_range(solved, measure, subject.overrides, subject.stage, decided)
        except NotEnumerableError:
            raise fault from None  # that it is too large is what an author can do something about


def _sampled(solved: SolvedWorlds, measure: ParsedMeasure, subject: Subject, trace: Trace) -> dict[int, float | None]:
    """The value of a measure in each seed of a trace; None where it has no value."""
    # Regret among several agents was solved when the seed was trained; it cannot be computed from the episodes.
    if (responder := measure.responder) is not None:
        return {seed: _regret(its, responder) for seed, its in sorted(trace.regrets.items())}
    its = solved.with_agent(subject.agent)
    if its.lives_in(subject.stage):
        return lived_values(its.world(subject.overrides, subject.stage), measure, trace, subject.episode)
    best = regret_baseline(its, measure, subject.overrides, subject.stage)
    return seed_values(sampled_in(its.world(subject.overrides, subject.stage), measure, trace, best))


def lived_values(
    world: World, measure: ParsedMeasure, trace: Trace, episode: Literal[1, "last"] | None = None
) -> dict[int, float | None]:
    """The value of a measure in each seed, of the episodes that a stage had in the one life of the seed.

    Args:
        world: the stage.
        measure: the measure to evaluate.
        trace: the episodes.
        episode: which of them; None for their mean.

    Raises:
        NotEnumerableError: the measure is known of the exact planner alone.
    """
    syntax, table = measure.syntax, trace.table
    if isinstance(syntax, OfLife):
        # All episodes of the stage are one, and what came between them is of it too.
        measure, row = replace(measure, syntax=syntax.measure), pl.int_range(pl.len()).over("seed")
        names = pl.col("events").list.eval(pl.element().str.strip_prefix(BETWEEN))
        step = row.cast(table.schema["step"]).alias("step")
        table = table.with_columns(names, step, episode=pl.lit(0, table.schema["episode"]))
    if measure.is_regret:
        raise NotEnumerableError(f"`{measure}` is of a plan: what was learned in a life is one life among many")
    its = measure.joined
    weighted = isinstance(its, Quantity) and its.quantity in ("value", "return") and its.channel is None
    if weighted and any(column >= 0 for column in world.agents[0].weight_columns):
        raise NotEnumerableError(f"`{measure}` is by weights that change; ask for `return(CHANNEL)`")
    of_states = isinstance(its, Statistic) or (isinstance(its, Share) and temporal_in(its.condition))
    if isinstance(syntax, OfLife) and of_states:
        raise NotEnumerableError(f"`{measure}` is known of the exact planner; ask for it without `life(...)`")
    if episode is not None:
        number = pl.col("episode")
        table = table.filter(number == (number.min() if episode == 1 else number.max()).over("seed"))
    return seed_values(sampled_in(world, measure, replace(trace, table=table)))


def _regret(its: Regrets, agent: str) -> float:
    if isinstance(its, str):
        raise NotEnumerableError(its)
    if agent not in its:
        raise NotEnumerableError(f"`{agent}` is no agent there; there are {', '.join(its)}")
    return its[agent]


def _twice(value: float | None) -> Ends | None:
    return None if value is None else (value, value)


def _less(a: Ends | None, b: Ends | None) -> Ends | None:
    return None if a is None or b is None else (difference(a[0], b[1]), difference(a[1], b[0]))


def _in_words(interval: Interval) -> str:
    if interval.low is None or interval.high is None:
        return "no value"
    ends = [f"{end:.4g}" for end in (interval.low, interval.high)]
    return ends[0] if ends[0] == ends[1] else " to ".join(ends)
