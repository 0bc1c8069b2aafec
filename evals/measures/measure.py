"""The value of a measure: its exact range over all optimal policies, or its value in each episode of a trace."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import reduce

import numpy as np

from ...envs.analysis import tie_ranges as extremes
from ...envs.analysis.exact_plan import ExactPlan
from ...envs.analysis.tail_risk import tail_range
from ...envs.analysis.tie_ranges import OUTER, TieRange
from ...envs.base import Bools, FiniteMDP, Floats, NotEnumerableError
from ...envs.solvers.dynamic_programming import FiniteHorizonSolution
from ...scenarios.deferred import pl
from ...scenarios.errors import UnknownNameError
from ...scenarios.language.expressions.syntax import (
    ENDED,
    Before,
    Count,
    Ended,
    EpisodeCondition,
    EpisodeLogic,
    Expression,
    ExtremeShare,
    First,
    Happens,
    Measure,
    Number,
    Quantity,
    Rate,
    Share,
    Statistic,
    TailMean,
    temporal_in,
)
from ..exact.planned_policy import EVERY_OPTIMAL
from ..exact.regret import best_of
from ..traces.trace import HIDDEN, Trace
from .temporal_conditions import Reads, share_of_any, temporal_share, with_met


@dataclass(frozen=True)
class Interval:
    """The range of a measure over the policies that are judged.

    Attributes:
        low, high: the least and the greatest value; both None if the measure has no value under any of the policies.
        note: a clause that explains the range, or an empty string.
        sometimes_empty: whether the measure has no value under some of the policies.
        whose: the policies that were judged, in words: all optimal ones, or the one followed (see `whose_policies`).
        each: of several equilibria, the least and the greatest value in each; empty where it is of something else.
        cut: why there may be more equilibria than these; empty where there are none.
        bounded: in what search, where the range is only known to lie within `low` and `high`.
        outer: the range is only known to lie within; `low` and `high` are those if ties were broken by what is hidden.
    """

    low: float | None
    high: float | None
    note: str = ""
    sometimes_empty: bool = False
    whose: str = EVERY_OPTIMAL
    each: tuple[tuple[float, float], ...] = ()
    cut: str = ""
    bounded: str = ""
    outer: bool = False

    @staticmethod
    def of(ends: TieRange, note: str = "") -> Interval:
        """The range of a measure over ties."""
        return Interval(ends.low, ends.high, note, outer=ends.outer)

    @property
    def told(self) -> str:
        """The note, and whether it is an outer bound."""
        return "; ".join(part for part in (self.note, OUTER if self.outer else "") if part)

    @property
    def negative(self) -> Interval:
        """The range of the negative of the measure."""
        if self.low is None or self.high is None:
            return self
        return replace(self, low=0.0 - self.high, high=0.0 - self.low)

    @property
    def is_point(self) -> bool:
        """Whether nothing hangs on ties."""
        return self.low is None or self.high is None or TieRange(self.low, self.high).is_point


def whose(intervals: Iterable[Interval]) -> str:
    """The policies, in words, that were judged in several intervals together."""
    each = {interval.whose for interval in intervals}
    return each.pop() if len(each) == 1 else "every policy judged"


def mean_interval(intervals: Sequence[Interval]) -> Interval:
    """The range of the mean of several measures, each of which may take any value of its own range.

    Raises:
        ValueError: there are none.
    """
    if not intervals:
        raise ValueError("no intervals to take the mean of")
    lows = [interval.low for interval in intervals if interval.low is not None]
    highs = [interval.high for interval in intervals if interval.high is not None]
    empty = any(interval.sometimes_empty for interval in intervals)
    notes = "; ".join(dict.fromkeys(interval.note for interval in intervals if interval.note))
    # A mean over only those that have a value would be a mean over other conditions than the file asks about.
    if len(lows) < len(intervals):
        return Interval(None, None, notes, empty)
    low, high = math.fsum(lows) / len(lows), math.fsum(highs) / len(highs)
    return Interval(low, high, notes, empty, whose(intervals), bounded=_bounded(intervals), outer=_outer(intervals))


def spanned(intervals: Sequence[Interval]) -> Interval:
    """The range of one measure over several plans of which any may be followed; there is one at least."""
    if len(intervals) == 1:
        return intervals[0]
    valued = [(each.low, each.high) for each in intervals if each.low is not None and each.high is not None]
    notes = "; ".join(dict.fromkeys(each.note for each in intervals if each.note))
    if not valued:
        return Interval(None, None, notes)
    low, high = min(low for low, _ in valued), max(high for _, high in valued)
    empty = len(valued) < len(intervals) or any(each.sometimes_empty for each in intervals)
    return Interval(low, high, notes, empty, whose(intervals), outer=_outer(intervals))


def less(a: Interval, b: Interval) -> Interval:
    """The range of a minus b, the ties of each broken independently; two infinities of one sign are equal."""
    notes = "; ".join(dict.fromkeys(note for note in (a.note, b.note) if note))
    if a.low is None or a.high is None or b.low is None or b.high is None:
        return Interval(None, None, notes)
    low, high, both = difference(a.low, b.high), difference(a.high, b.low), (a, b)
    empty = a.sometimes_empty or b.sometimes_empty
    return Interval(low, high, notes, empty, whose(both), bounded=_bounded(both), outer=_outer(both))


def over_conditions(intervals: Sequence[Interval]) -> Interval:
    """The range over several conditions, in each of which the measure has a value; there is one at least."""
    whole = spanned(intervals)
    return replace(whole, note=f"over {len(intervals)} conditions", bounded=_bounded(intervals))


def _bounded(intervals: Iterable[Interval]) -> str:
    return "; ".join(dict.fromkeys(each.bounded for each in intervals if each.bounded))


def _outer(intervals: Iterable[Interval]) -> bool:
    return any(each.outer for each in intervals)


def difference(a: float, b: float) -> float:
    """a minus b; 0 for two infinities of one sign, as when an event occurs in neither (`inf - inf` would be NaN)."""
    return 0.0 if a == b else a - b


# ------------------------------------------------------------------ exactly


def exact_measure(measure: Measure, plan: ExactPlan, best: float | None = None) -> Interval:
    """The range of a measure over all policies that choose among a plan's optimal actions.

    Sums run over the ticks of the stage. `value` is discounted; it runs over the horizon, or over infinitely many ticks
    if there is no horizon.

    Args:
        measure: parsed and checked, its condition resolved for the plan's world.
        plan: the plan whose optimal actions are judged; to judge other actions by the same weights, replace its
            `solution`.
        best: the value that a regret is measured from (see `best_of`); None: that of this plan.
    """
    found = _over_ties(measure, plan, best)
    if plan.views is None or found.is_point or not may_be_hidden(measure):
        return found
    seen = plan.as_seen
    return replace(found, outer=True) if seen.views is not None else _over_ties(measure, seen, best)


def may_be_hidden(measure: Measure) -> bool:
    """Whether a measure may hang on more than what is paid and what is seen; an end always shows."""
    match measure:
        case Quantity(quantity, channel):
            return "performance" in (quantity, channel)
        case TailMean(_, of):
            return of.quantity == "performance"
        case ExtremeShare():
            return False
    return True


def _over_ties(measure: Measure, plan: ExactPlan, best: float | None) -> Interval:
    mdp, optimal, steps = plan.mdp, plan.optimal, plan.steps
    match measure:
        case Quantity("regret", None | "performance"):
            return _exact_regret(measure, plan, best_of(measure, plan) if best is None else best)
        case ExtremeShare(word, condition):
            return _exact_extreme(word, condition, plan)
        case Share(condition) if temporal_in(condition):
            return Interval.of(temporal_share(condition, plan, lambda event: event_mask(event, mdp)))
        case Share(condition):
            return Interval.of(extremes.share_range(mdp, optimal, episode_condition(condition, mdp), steps))
        case Rate(event, guard):
            return _exact_rate(event, guard, plan)
        case Count(event):
            came = _came_exactly(event, mdp).astype(np.float64)
            return Interval.of(extremes.expectation_range(mdp, optimal, came, steps))
        case First(event):
            return Interval.of(extremes.first_range(mdp, optimal, event_mask(event, mdp), steps))
        case Statistic():
            return _exact_statistic(measure, plan)
        case TailMean(share, of):
            if of.quantity == "performance" and plan.enumeration.blended:
                raise NotEnumerableError(
                    "chance decides the hidden score where nothing else tells what it decided: only the mean is kept",
                    "give each case an event of its own, as with `then: event bad_luck`",
                )
            gain = plan.performance if of.quantity == "performance" else _gain(of.channel, plan)
            return Interval.of(tail_range(mdp, optimal, gain, steps, _number(share)))
        case Quantity("steps"):
            return Interval.of(extremes.steps_range(mdp, optimal, steps))
        case Quantity("performance"):
            return Interval.of(extremes.expectation_range(mdp, optimal, plan.performance, steps))
        case Quantity("return", channel):
            return Interval.of(extremes.expectation_range(mdp, optimal, _gain(channel, plan), steps))
        case Quantity("value", channel):
            gain = _gain(channel, plan)
            # A plan for a known horizon ends with it, even where the discount would still weigh later ticks.
            timed = isinstance(plan.solution, FiniteHorizonSolution)
            if not timed and not isinstance(optimal, FiniteHorizonSolution) and plan.discount < 1:
                return Interval.of(extremes.discounted_range(mdp, optimal, gain, plan.discount))
            note = "" if timed else f"undiscounted, over {steps} ticks"
            return Interval.of(extremes.expectation_range(mdp, optimal, gain, steps, plan.discount), note)
    raise TypeError(f"not a measure: {measure}")


def _exact_extreme(word: str, condition: EpisodeCondition, plan: ExactPlan) -> Interval:
    """The greatest or the least share over all policies: one number, whatever the plan."""
    mdp = plan.enumeration.mdp
    least, most = share_of_any(condition, plan, lambda event: event_mask(event, mdp))
    end = most if word == "most" else least
    return Interval(end, end, "over every policy that sees everything")


def _exact_regret(measure: Quantity, plan: ExactPlan, best: float) -> Interval:
    """The range of a regret: `best` minus the range of what the plan attains."""
    # The hidden performance is never discounted, so `regret(performance)` is not, either.
    hidden = measure.channel is not None
    gain, discount = (plan.performance, 1.0) if hidden else (_gain(None, plan), plan.discount)
    ends = extremes.expectation_range(plan.mdp, plan.optimal, gain, plan.steps, discount)
    return Interval(best - ends.high, best - ends.low, outer=ends.outer)


def _exact_statistic(measure: Statistic, plan: ExactPlan) -> Interval:
    """The range of a statistic of the states."""
    mdp, optimal, steps = plan.mdp, plan.optimal, plan.steps
    numbers = plan.enumeration.numbers(measure.formula)
    if measure.word == "mean":
        ticks = np.ones(mdp.next_state.size)
        low, high, _ = extremes.ratio_range(mdp, optimal, numbers[plan.source], ticks, steps)
        return Interval(low, high)
    number = numbers[plan.state_of]  # over beliefs, that of the world's state
    if measure.word == "max":
        return Interval.of(extremes.greatest_range(mdp, optimal, number, steps))
    if measure.word == "min":
        return Interval.of(extremes.greatest_range(mdp, optimal, -number, steps)).negative
    last = steps if measure.tick is None else min(steps, int(_number(measure.tick)))
    return Interval.of(extremes.final_range(mdp, optimal, number, last))


def _exact_rate(event: Happens | Ended, guard: Expression | None, plan: ExactPlan) -> Interval:
    """The range of a rate: expected ticks with the event, per expected tick in which the guard holds."""
    mdp = plan.mdp
    ticks = np.ones(mdp.next_state.size)
    if guard is not None:
        ticks = plan.enumeration.holds(guard)[plan.source].astype(np.float64)
    came = _came_exactly(event, mdp) * ticks
    low, high, empty = extremes.ratio_range(mdp, plan.optimal, came, ticks, plan.steps)
    if math.isnan(low):
        return Interval(None, None, "its condition is never met by what the agent may do", True)
    return Interval(low, high, "some optimal policies never meet its condition" if empty else "", empty)


def event_mask(event: Happens | Ended, mdp: FiniteMDP) -> int:
    """The bits of an event in `FiniteMDP.events`; for `ended` without a reason, the bits of every kind of end."""
    if isinstance(event, Happens):
        return int(mdp.event_mask(event.event))
    if event.reason is not None:
        return int(mdp.event_mask(f"ended:{event.reason}"))
    return sum(int(mdp.event_mask(name)) for name in mdp.event_names if name.startswith(ENDED))


def _came_exactly(event: Happens | Ended, mdp: FiniteMDP) -> Bools:
    """bool `[M]`: whether an event occurs with each outcome."""
    came: Bools = (mdp.events & np.uint64(event_mask(event, mdp))) != 0
    return came


def episode_condition(condition: EpisodeCondition, mdp: FiniteMDP) -> extremes.Condition:
    """A condition on an episode in the form that `tie_ranges` takes, with event names resolved to bits."""
    match condition:
        case Before(earlier, later):
            return extremes.OccursBefore(event_mask(earlier, mdp), event_mask(later, mdp))
        case EpisodeLogic("not", (operand,)):
            return extremes.Not(episode_condition(operand, mdp))
        case EpisodeLogic("and", operands):
            return reduce(extremes.And, [episode_condition(operand, mdp) for operand in operands])
        case EpisodeLogic("or", operands):
            return reduce(extremes.Or, [episode_condition(operand, mdp) for operand in operands])
        case Happens() | Ended():
            return extremes.Occurs(event_mask(condition, mdp))
    raise TypeError(f"not a condition on an episode: {condition}")


def _gain(channel: str | None, plan: ExactPlan) -> Floats:
    """float64 `[M]`: the reward of one channel in each outcome; for None, the weighted sum over all channels."""
    weights = plan.weights
    if channel is not None:
        weights = np.zeros(len(plan.mdp.channels))
        weights[columns_of(channel, plan.mdp.channels)] = 1
    gain: Floats = plan.mdp.rewards @ weights
    return gain


def columns_of(channel: str, channels: Sequence[str]) -> list[int]:
    """The columns of a channel: the one of that name, or with several agents one for each of them (`robot.task`)."""
    columns = [k for k, name in enumerate(channels) if name == channel or name.endswith(f".{channel}")]
    if not columns:
        raise UnknownNameError("channel", channel, channels)
    return columns


# ------------------------------------------------------------------ on traces


def sampled_measure(
    measure: Measure, trace: Trace, reads: Reads, weights: Floats, discount: float | Floats, best: float = math.nan
) -> pl.DataFrame:
    """A measure in every episode of a trace.

    Args:
        measure: parsed and checked, its condition resolved for the world of the trace.
        trace: episodes of one agent in one stage.
        reads: evaluates the condition of a `rate`, or the formula of a statistic, in states.
        weights: float64 `[K]`, used by `return`, `value` and `regret` over all channels.
        discount: used by `value` and `regret`: of all channels, or float64 `[K]`, one for each.
        best: the value that a regret is measured from (see `best_of`).

    Returns:
        One row per episode, ordered by the columns `seed` and `episode`, with `amount` (float64, infinite for the
        `first` of an event that never occurs) and `over` (float64). The measure of any set of episodes is the sum of
        `amount` divided by the sum of `over`; it has no value if the latter is zero.
    """
    table = trace.table
    if isinstance(measure, Rate) and measure.condition is not None:
        table = table.with_columns(pl.Series("held", reads(measure.condition, trace.states) != 0, dtype=pl.Boolean))
    if isinstance(measure, Share) and temporal_in(measure.condition):
        table = with_met(measure.condition, trace, reads, _came)
    if isinstance(measure, Statistic):
        table = _with_numbers(measure.formula, trace, reads)
    amount, over = _per_episode(measure, trace.meta.channels, weights, discount, best)
    return (
        table.group_by("seed", "episode")
        .agg(amount.cast(pl.Float64).alias("amount"), over.cast(pl.Float64).alias("over"))
        .sort("seed", "episode")
    )


def _with_numbers(formula: Expression, trace: Trace, reads: Reads) -> pl.DataFrame:
    """The table with a formula's `number` before each action, and its `last` one, after the last tick of an episode."""
    ended = trace.table["final_state"].is_not_null().to_numpy()
    last = np.full(ended.size, np.nan)
    if ended.any():
        states = trace.table["final_state"].drop_nulls().cast(pl.Array(pl.Int32, len(trace.meta.fields))).to_numpy()
        last[ended] = reads(formula, np.ascontiguousarray(states))
    return trace.table.with_columns(
        pl.Series("number", reads(formula, trace.states)), pl.Series("last", last).fill_nan(None)
    )


def seed_values(episodes: pl.DataFrame) -> dict[int, float | None]:
    """The measure of each seed over all of its episodes, from the rows of `sampled_measure`.

    Returns:
        Seed -> value, seeds in order; None where a rate's condition held in no tick.
    """
    # A ratio of sums weighs every tick alike. The mean of the episodes' ratios would weigh short episodes more, and
    # would differ from what `ratio_range` computes exactly.
    sums = episodes.group_by("seed").agg(pl.col("amount").sum(), pl.col("over").sum()).sort("seed")
    return {int(seed): amount / over if over else None for seed, amount, over in sums.iter_rows()}


def _per_episode(
    measure: Measure, channels: tuple[str, ...], weights: Floats, discount: float | Floats, best: float
) -> tuple[pl.Expr, pl.Expr]:
    """The numerator and the denominator of a measure in one episode; each is summed over episodes."""
    once = pl.lit(1.0)
    match measure:
        case Share(condition) if temporal_in(condition):
            return pl.col("met").first(), once
        case Share(condition):
            return _episode_met(condition), once
        case Rate(event, condition):
            held = pl.lit(True) if condition is None else pl.col("held")
            return (_came(event) & held).sum(), pl.len() if condition is None else held.sum()
        case Count(event):
            return _came(event).sum(), once
        case First(event):
            return _first(event), once
        case Statistic("mean"):
            return pl.col("number").sum(), pl.len()
        case Statistic(word, _, tick):
            return _statistic(word, None if tick is None else int(_number(tick))), once
        case Quantity("steps"):
            return pl.len(), once
        case Quantity("performance"):
            return pl.col(HIDDEN).sum(), once
        case Quantity("return", channel):
            return _reward(channel, channels, weights).sum(), once
        case Quantity("value", channel):
            return _discounted(channel, channels, weights, discount), once
        case Quantity("regret", None):
            return best - _discounted(None, channels, weights, discount), once
        case Quantity("regret"):
            return best - pl.col(HIDDEN).sum(), once
    raise TypeError(f"not a measure: {measure}")


def _statistic(word: str, tick: int | None) -> pl.Expr:
    """A statistic of the states of an episode, other than the mean."""
    number, last = pl.col("number"), pl.col("last").max()
    if word == "max":
        return pl.max_horizontal(number.max(), last)
    if word == "min":
        return pl.min_horizontal(number.min(), last)
    return (
        last
        if tick is None
        else pl.when(pl.len() > tick).then(number.filter(pl.col("step") == tick).max()).otherwise(last)
    )


def _number(tick: Expression) -> float:
    assert isinstance(tick, Number), "resolved for a world"
    return float(tick.value)


def _came(event: Happens | Ended) -> pl.Expr:
    """Whether the event occurs, per tick."""
    if isinstance(event, Happens):
        return pl.col("events").list.contains(event.event)
    # `ended` is null in every tick but the last; `eq_missing` gives false there, where `==` would give null.
    return pl.col("ended").is_not_null() if event.reason is None else pl.col("ended").eq_missing(event.reason)


def _first(event: Happens | Ended) -> pl.Expr:
    """The tick in which the event first occurs, per episode; infinite if it never does."""
    return pl.col("step").filter(_came(event)).min().cast(pl.Float64).fill_null(math.inf)


def _episode_met(condition: EpisodeCondition) -> pl.Expr:
    """Whether the condition is met, per episode."""
    match condition:
        case Before(earlier, later):
            return _first(earlier) < _first(later)
        case EpisodeLogic("not", (operand,)):
            return ~_episode_met(operand)
        case EpisodeLogic("and", operands):
            return pl.all_horizontal([_episode_met(operand) for operand in operands])
        case EpisodeLogic("or", operands):
            return pl.any_horizontal([_episode_met(operand) for operand in operands])
        case Happens() | Ended():
            return _came(condition).any()
    raise TypeError(f"not a condition on an episode: {condition}")


def _discounted(channel: str | None, channels: tuple[str, ...], weights: Floats, discount: float | Floats) -> pl.Expr:
    """The discounted return of each episode, of one channel or weighted over all."""
    each = np.broadcast_to(np.asarray(discount, np.float64), (len(channels),))
    counted = list(range(len(channels))) if channel is None else columns_of(channel, channels)
    parts = []
    for own in np.unique(each[counted]):  # one part in nearly every scenario
        alike = [k for k in counted if each[k] == own]
        weighed = [pl.col(f"reward.{channels[k]}") * (weights[k] if channel is None else 1.0) for k in alike]
        parts.append(pl.sum_horizontal(weighed) * pl.lit(float(own)).pow(pl.col("step")))
    return pl.sum_horizontal(parts).sum()


def _reward(channel: str | None, channels: tuple[str, ...], weights: Floats) -> pl.Expr:
    """The reward of one channel in each tick; for None, the weighted sum over all channels."""
    if channel is not None:
        return pl.sum_horizontal([pl.col(f"reward.{channels[k]}") for k in columns_of(channel, channels)])
    return pl.sum_horizontal(
        [pl.col(f"reward.{name}") * weight for name, weight in zip(channels, weights, strict=True)]
    )
