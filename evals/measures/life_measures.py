"""The exact value of a measure in a life: in the mean episode of a stage, in one of them, or in all of them joined."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Literal

import numpy as np

from ...envs.analysis import tie_ranges as extremes
from ...envs.base import Bits, Bools, Floats, Longs, NotEnumerableError
from ...envs.life.plan import LifePlan, best_performance_of_life
from ...envs.life.ranges import LatchedSum, ratio_range, selected, sum_range
from ...envs.mdp.enumeration import Enumeration
from ...scenarios.language.expressions.constants import constant
from ...scenarios.language.expressions.syntax import (
    Count,
    Expression,
    ExtremeShare,
    First,
    Measure,
    OfLife,
    ParsedMeasure,
    Quantity,
    Rate,
    Share,
    Statistic,
    TailMean,
    temporal_in,
)
from ..exact.solved_worlds import WHOLE_LIFE as WHOLE
from .measure import Interval, columns_of, episode_condition, event_mask, may_be_hidden


def life_measure(
    plan: LifePlan,
    measure: ParsedMeasure,
    stage: str,
    episode: Literal[1, "last"] | None = None,
    best: Callable[[], LifePlan] | None = None,
) -> Interval:
    """The range of a measure over the policies that choose among a life's optimal actions.

    Args:
        plan: the life.
        measure: parsed and checked; with `life(...)` around it, of the stage's episodes joined into one.
        stage: a stage of the life, or `life` for all.
        episode: which one of the stage's episodes; None for their mean.
        best: the plan that a regret is measured from, made only then; None: this one.

    Raises:
        NotEnumerableError: the measure has no exact value in this life; the message says why.
    """
    asked = measure.joined
    if isinstance(asked, ExtremeShare) or (isinstance(asked, Share) and temporal_in(asked.condition)):
        raise NotEnumerableError("temporal words are asked of a stage by itself, not of a life", "leave the life out")
    if isinstance(asked, TailMean):
        raise NotEnumerableError(
            "the worst episodes are told of a stage by itself, not of a life", "leave the life out"
        )
    work = _Measuring(plan, stage, episode)
    its = measure.syntax
    if isinstance(its, OfLife):
        found = work.joined(its.measure, plan if best is None or not measure.is_regret else best())
    else:
        found = work.mean(its)
    # A plan on places has the ties of one who sees all, and more may hang on them than what is paid.
    hidden = plan.ties_of_all and may_be_hidden(asked)
    return replace(found, outer=True) if hidden and not found.is_point else found


class _Measuring:
    """Measures of one stage (or of all) in one life."""

    def __init__(self, plan: LifePlan, stage: str, episode: Literal[1, "last"] | None) -> None:
        self.plan, self.stage, self.process, self.mdp = plan, stage, plan.process, plan.process.mdp
        if episode == "last" and self.process.retires:
            raise NotEnumerableError("which episode is the last is not known exactly where a rule may retire the life")
        self.counts = selected(self.process, stage, episode)
        self.here = self.counts > 0
        self.events: Bits = self.mdp.events

    # -------------------------------------------------------------- the mean episode

    def mean(self, measure: Measure) -> Interval:
        """A measure in the mean of the selected episodes."""
        counts, process, mdp = self.counts, self.process, self.mdp
        match measure:
            case Rate(event, guard):
                return self._rate(event, guard)
            case Statistic("mean", formula):
                numbers = process.per_place(self._numbers(formula))[process.source]
                return self._ratio(LatchedSum((counts * numbers)[:, None]), counts)
            case Share(condition):
                follow, holds = extremes.episode_automaton(episode_condition(condition, mdp), self.events)
                gain = self._at_ends(holds[follow].astype(np.float64))
                return self._per_episode(LatchedSum(gain, self._within(follow)))
            case First(event):
                return self._first(self._came(event))
            case Statistic():
                return self._statistic(measure)
            case Count(event):
                return self._per_episode(LatchedSum((counts * self._came(event))[:, None]))
            case Quantity("steps"):
                return self._per_episode(LatchedSum(counts[:, None]))
            case Quantity("performance"):
                return self._per_episode(LatchedSum((counts * process.performance)[:, None]))
            case Quantity("return" | "value" as quantity, channel):
                factor = process.discounts**process.tick if quantity == "value" else np.ones(mdp.n_states)
                weight = counts * factor[process.source]
                if channel is not None:
                    paid = mdp.rewards[:, columns_of(channel, mdp.channels)].sum(axis=1)
                    return self._per_episode(LatchedSum((weight * paid)[:, None]))
                kinds, kind = np.unique(self.plan.weights, axis=0, return_inverse=True)
                gain = weight[:, None] * (mdp.rewards @ kinds.T)
                return self._per_episode(self._from_each_start(gain, kind.reshape(-1)))
            case Quantity("regret"):
                raise NotEnumerableError("regret is that of a whole life", "write `life(regret)`")
        raise TypeError(f"not a measure of an episode: {measure}")

    def _rate(self, event: object, guard: Expression | None) -> Interval:
        ticks = self.counts
        if guard is not None:
            ticks = ticks * (self.process.per_place(self._numbers(guard)) != 0)[self.process.source]
        return self._ratio(LatchedSum((ticks * self._came(event))[:, None]), ticks)

    def _first(self, came: Bools) -> Interval:
        """Ticks before the first one with an event: latch 1 once it came; infinite where an episode is over without."""
        waits = np.where(self.here & ~came, self.counts, 0.0)
        waits[self.here & ~came & self.process.ends] = math.inf
        gain = np.stack([waits, np.zeros(waits.size)], axis=1)
        follow = np.stack([came.astype(np.int64), np.ones(came.size, np.int64)], axis=1)
        return self._per_episode(LatchedSum(gain, self._within(follow)))

    def _statistic(self, measure: Statistic) -> Interval:
        process, tick = self.process, self.process.tick[self.process.source]
        numbers = self._numbers(measure.formula)
        before, after = process.per_place(numbers)[process.source], process.per_reached(numbers)
        if measure.word == "final":
            return self._per_episode(LatchedSum((self.counts * process.ends * after)[:, None]))
        if measure.word == "at":
            n = self._tick(measure)
            hit = (tick == n - 1) | (process.ends & (tick < n - 1))
            number = np.where(hit, after, 0.0) if n > 0 else np.where(tick == 0, before, 0.0)
            return self._per_episode(LatchedSum((self.counts * number)[:, None]))
        sign = 1.0 if measure.word == "max" else -1.0
        begins, level, levels = self._levels([sign * each for each in numbers])
        follow = np.maximum(np.arange(levels.size), level[:, None])
        interval = self._per_episode(self._from_each_start(self._at_ends(levels[follow]), begins, follow))
        return interval if sign > 0 else interval.negative

    def _levels(self, numbers: list[Floats]) -> tuple[Longs, Longs, Floats]:
        """The level of each place, of each state that a tick leads to, and the number of each level, in order."""
        places, reached = self.process.per_place(numbers), self.process.per_reached(numbers)
        levels, level = np.unique(np.concatenate([places, reached]), return_inverse=True)
        level = level.reshape(-1)
        return level[: places.size], level[places.size :], levels

    def _from_each_start(self, gain: Floats, begins: Longs, follow: Longs | None = None) -> LatchedSum:
        """A sum whose latch is set anew where an episode begins: to that of the place."""
        if follow is None:
            follow = np.repeat(np.arange(gain.shape[1])[None], gain.shape[0], axis=0)
        anew = begins[self.mdp.next_state]
        follow = np.where(self.process.ends[:, None], anew[:, None], follow)
        return LatchedSum(gain, follow, begins[self.mdp.start_state])

    def _at_ends(self, numbers: Floats) -> Floats:
        """What is added as a selected episode is over; `[M, L]`."""
        return (self.counts * self.process.ends)[:, None] * numbers

    def _within(self, follow: Longs) -> Longs:
        """The latches of a selected episode, 0 in all others; `[M, L]`."""
        return np.where((self.process.ends | ~self.here)[:, None], 0, follow)

    def _per_episode(self, summed: LatchedSum) -> Interval:
        return self._ratio(summed, self.counts * self.process.ends)

    def _ratio(self, above: LatchedSum, below: Floats) -> Interval:
        if not np.isfinite(above.gain).all():
            ends = sum_range(self.plan, above)
            least, most = sum_range(self.plan, LatchedSum(below[:, None]))
            if most - least > 1e-12 * most:
                raise NotEnumerableError("`first` of the mean episode is not computed where a rule retires the life")
            if most <= 0:
                return Interval(None, None, _NONE, True)
            return Interval(ends.low / most, ends.high / most, outer=ends.outer)
        found = ratio_range(self.plan, above, below)
        if math.isnan(found.low):
            return Interval(None, None, _NONE, True)
        note = "under some optimal policies there is none to measure" if found.empty else ""
        return Interval(found.low, found.high, note, found.empty, outer=found.outer)

    # -------------------------------------------------------------- all of them joined

    def joined(self, measure: Measure, best: LifePlan) -> Interval:
        """A measure of the selected episodes joined into one."""
        process, mdp, here = self.process, self.mdp, self.here
        over = process.over.astype(np.float64)[:, None]
        self._check_lived()
        # The events between two episodes belong to the one that is over.
        self.events = np.where(here & process.ends, mdp.events | process.between, mdp.events)
        match measure:
            case Rate() | Statistic("mean") | Quantity("steps" | "performance" | "return", _):
                return self._total(measure)
            case Count(event):
                return self._sum(LatchedSum((self.counts * self._came(event))[:, None]))
            case Share(condition):
                follow, holds = extremes.episode_automaton(episode_condition(condition, mdp), self.events)
                kept = np.where(here[:, None], follow, np.arange(holds.size))
                return self._sum(LatchedSum(over * holds[kept], kept))
            case First(event):
                came = self._came(event) & here
                waits = np.where(here & ~came, 1.0, 0.0)
                waits[process.over & ~came] = math.inf
                gain = np.stack([waits, np.zeros(waits.size)], axis=1)
                follow = np.stack([came.astype(np.int64), np.ones(came.size, np.int64)], axis=1)
                return self._sum(LatchedSum(gain, follow))
            case Quantity("value", channel):
                return Interval.of(self._value(self.plan, channel))
            case Quantity("regret", channel):
                return self._regret(channel, best)
            case Statistic("max" | "min" as word, formula):
                sign = 1.0 if word == "max" else -1.0
                begins, level, levels = self._levels([sign * each for each in self._numbers(formula)])
                levels = np.concatenate([[levels[0]], levels])  # latch 0: nothing was seen of the stage so far
                seen = np.maximum(begins[process.source], level) + 1
                latch = np.arange(levels.size)
                follow = np.where(here[:, None], np.maximum(latch, seen[:, None]), latch)
                interval = self._sum(LatchedSum(over * levels[follow], follow))
                return interval if sign > 0 else interval.negative
            case Statistic("final", formula):
                last = selected(process, self.stage, "last") if self.stage != WHOLE else process.over.astype(np.float64)
                after = process.per_reached(self._numbers(formula))
                return self._sum(LatchedSum((last * process.ends * after)[:, None]))
            case Statistic("at"):
                return self._at(measure)
        raise TypeError(f"not a measure of a life: {measure}")

    def _check_lived(self) -> None:
        if self.process.retires and self.stage not in (WHOLE, self.process.entries[0].stage):
            raise NotEnumerableError(
                f"a life may be retired before it comes to `{self.stage}`, and what is joined then has no value"
            )

    def _total(self, measure: Measure) -> Interval:
        """What is summed over ticks, or is a ratio of such sums."""
        mdp = self.mdp
        match measure:
            case Rate() | Statistic():
                self.events = mdp.events  # between two episodes there is no tick
                return self.mean(measure)
            case Quantity("steps"):
                gain = self.counts
            case Quantity("performance"):
                gain = self.counts * self.process.performance
            case Quantity(_, channel):
                gain = self.counts * self._paid(self.plan, channel)
            case _:
                raise TypeError(f"not a sum: {measure}")
        return self._sum(LatchedSum(gain[:, None]))

    def _at(self, measure: Statistic) -> Interval:
        """A number after so many ticks of the joined episodes: the latch counts them."""
        process, n, numbers = self.process, self._tick(measure), self._numbers(measure.formula)
        before, after = process.per_place(numbers)[process.source], process.per_reached(numbers)
        last = process.over.astype(np.float64) if self.stage == WHOLE else selected(process, self.stage, "last")
        latch = np.arange(n + 2)
        follow = np.where(self.here[:, None], np.minimum(latch + 1, n + 1), latch)
        early = np.where(process.ends, last, 0.0)[:, None] * (latch < n - 1)
        gain = self.here[:, None] * ((latch == n - 1) + early) * after[:, None]
        if n == 0:
            gain = self.here[:, None] * (latch == 0) * before[:, None]
        return self._sum(LatchedSum(gain, follow))

    def _paid(self, plan: LifePlan, channel: str | None) -> Floats:
        """float64 `[M]`: one channel, or the weighted sum by the weights at the start of the life."""
        if channel is None:
            return plan.process.mdp.rewards @ plan.start_weights
        paid: Floats = plan.process.mdp.rewards[:, columns_of(channel, self.mdp.channels)].sum(axis=1)
        return paid

    def _value(self, plan: LifePlan, channel: str | None) -> extremes.TieRange:
        """The range of a discounted sum, from the first tick of the selected episodes."""
        process = plan.process
        counts = selected(process, self.stage, None)
        factor = np.where(counts > 0, process.discounts[process.source], 1.0)
        return sum_range(plan, LatchedSum((counts * self._paid(plan, channel))[:, None], factor=factor))

    def _regret(self, channel: str | None, best: LifePlan) -> Interval:
        """What the best that can be had is more than what this plan has."""
        if channel == "performance":
            free = best_performance_of_life(best.process)
            counts = selected(free.process, self.stage, None)
            most = sum_range(free, LatchedSum((counts * free.process.performance)[:, None]))[1]
            ends = sum_range(self.plan, LatchedSum((self.counts * self.process.performance)[:, None]))
        else:
            most = self._value(best, None)[1]
            ends = self._value(self.plan, None)
        return Interval(most - ends.high, most - ends.low, outer=ends.outer)

    def _sum(self, summed: LatchedSum) -> Interval:
        return Interval.of(sum_range(self.plan, summed))

    # -------------------------------------------------------------- formulas and events

    def _numbers(self, formula: Expression) -> list[Floats]:
        """A formula in the states of each stage, resolved for each."""
        return [_evaluated(each, formula) for each in self.process.enumerations]

    def _tick(self, measure: Statistic) -> int:
        assert measure.tick is not None
        worlds = [each.world for each in self.process.enumerations]
        own = next((world for world in worlds if world.stage == self.stage), worlds[0])
        return int(constant(measure.tick, own.params))

    def _came(self, event: object) -> Bools:
        came: Bools = (self.events & np.uint64(event_mask(event, self.mdp))) != 0  # type: ignore[arg-type]
        return came


_NONE = "there is nothing to measure under any optimal policy"


def _evaluated(enumeration: Enumeration, formula: Expression) -> Floats:
    return enumeration.numbers(enumeration.world.resolve(formula))
