"""Ranges of expected sums over a life, and of their ratios, over all policies that choose among its optimal actions.

Who does not see all breaks ties by beliefs: sums are ranged over by these, where the latch is known to whoever acts.
Else the range is an outer bound, as if all was seen.

What a measure has to remember of an episode, or of a life, is a latch: a number that each outcome turns into another.
Letters: P places, M outcomes, L latches.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ..analysis.tie_ranges import TieRange
from ..base import Floats, Longs
from ..mdp.transition_tables import outcomes_of
from ..solvers.bellman import EPSILON, largest
from ..time_limit import check_time
from .plan import MOST_SWEEPS, Layers, LifePlan
from .process import LifeProcess

_MEASURING = "a measure of a life was computed"
LOOK_EVERY = 8
"""Sweeps over what comes again and again, after which it is looked whether values still change."""


@dataclass(frozen=True, eq=False)
class LatchedSum:
    """A sum over a life, of what each outcome adds while a latch has some value.

    Attributes:
        gain: float64 `[M, L]`.
        follow: int64 `[M, L]`, the latch after each outcome; None where there is one latch only.
        start: int64 `[S0]`, that of each start; None for 0.
        factor: float64 `[M]`, what each outcome multiplies everything after it by; None for 1.
    """

    gain: Floats
    follow: Longs | None = None
    start: Longs | None = None
    factor: Floats | None = None


class LifeRatio(NamedTuple):
    """The range of a ratio of sums.

    Attributes:
        low, high: over the policies whose lower sum is not 0; both nan if there are none.
        empty: there is a policy whose lower sum is 0.
        outer: the exact range is only known to lie within.
    """

    low: float
    high: float
    empty: bool
    outer: bool = False


def sum_range(plan: LifePlan, summed: LatchedSum) -> TieRange:
    """The lowest and the highest expectation of a sum."""
    known = _known(plan, summed)
    walk = _Walk(*(known or (plan, summed)))
    return TieRange(0.0 - walk.greatest(-1.0), walk.greatest(1.0)).outer_where(known is None)


def _known(plan: LifePlan, summed: LatchedSum) -> tuple[LifePlan, LatchedSum] | None:
    """The plan over what whoever acts knows, and what it expects of a sum; None where the latch hangs on more."""
    its = plan.process.mdp.known
    if not plan.aliased:
        return plan, summed
    if plan.known is None or its is None or not its.true_of(plan.process.mdp):
        return None
    mdp = plan.known.process.mdp
    count, begun = mdp.next_state.size, plan.process.mdp.start_state
    sums = [np.bincount(its.outcome, its.weight * each, count) for each in summed.gain.T]
    gain = np.stack(sums, axis=1).astype(np.float64)
    follow = factor = start = None
    if summed.follow is not None:
        follow = np.zeros((count, summed.gain.shape[1]), np.int64)
        follow[its.outcome] = summed.follow
        if not np.array_equal(follow[its.outcome], summed.follow):
            return None
    if summed.factor is not None:
        factor = np.ones(count)
        factor[its.outcome] = summed.factor
        if not np.array_equal(factor[its.outcome], summed.factor):
            return None
    if summed.start is not None:
        in_group = np.zeros(mdp.n_states, np.int64)
        in_group[its.group[begun]] = summed.start
        if not np.array_equal(in_group[its.group[begun]], summed.start):
            return None
        start = in_group[mdp.start_state]
    return plan.known, LatchedSum(gain, follow, start, factor)


def ratio_range(plan: LifePlan, above: LatchedSum, below: Floats) -> LifeRatio:
    """The range of a ratio of two expected sums, by Dinkelbach's method where the lower one depends on the policy.

    Args:
        plan: the life.
        above: the upper sum.
        below: float64 `[M]`, what each outcome adds to the lower sum, never negative; where a policy never adds to it,
            it never adds to the upper one.

    """
    least, most = sum_range(plan, LatchedSum(below[:, None]))
    if most <= 0:
        return LifeRatio(float("nan"), float("nan"), True)
    if most - least <= 1e-12 * most:
        ends = sum_range(plan, above)
        return LifeRatio(ends.low / most, ends.high / most, False, ends.outer)
    known, under = _known(plan, above), _known(plan, LatchedSum(below[:, None]))
    if known is None or under is None:
        low, high = _ratios(_Walk(plan, above), below)
        return LifeRatio(low, high, least <= 0, not TieRange(low, high).is_point)
    return LifeRatio(*_ratios(_Walk(*known), under[1].gain[:, 0]), least <= 0)


def _ratios(walk: _Walk, below: Floats) -> tuple[float, float]:
    return 0.0 - walk.greatest_ratio(-1.0, below), walk.greatest_ratio(1.0, below)


class _Walk:
    """Goes through a life from its end to its start, for one sum."""

    def __init__(self, plan: LifePlan, summed: LatchedSum) -> None:
        self.process, self.sum = plan.process, summed
        self.latches = summed.gain.shape[1]
        reached = _reached(plan)
        self.blocks = [
            ([layer for group in groups if (layer := _layer(plan, group[reached[group]])) is not None], again)
            for groups, again in Layers(plan.process)
        ]

    def greatest(self, sign: float) -> float:
        """The greatest expectation of the sum times a sign."""
        return self._run(sign * self.sum.gain)[0]

    def greatest_ratio(self, sign: float, below: Floats) -> float:
        """The greatest ratio of the sum times a sign to another sum, over the policies for which that is positive."""
        above, lower = sign * self.sum.gain, np.repeat(below[:, None], self.latches, axis=1)
        ratio, gain = -np.inf, lower
        while True:
            _, upper, divisor = self._run(gain, above, lower)
            if divisor <= 0 or upper / divisor <= ratio + 1e-13 * abs(ratio if np.isfinite(ratio) else 0.0):
                return float(max(ratio, upper / divisor if divisor > 0 else ratio))
            ratio = upper / divisor
            gain = above - ratio * lower

    def _run(self, gain: Floats, *carried: Floats) -> tuple[float, ...]:
        """The greatest sum of gains, and what the policy that has it gathers of others."""
        mdp = self.process.mdp
        values = np.zeros((1 + len(carried), mdp.n_states, self.latches))
        sums = (gain, *carried)
        for layers, again in self.blocks:
            backups = [self._backup(layer, sums) for layer in layers]
            for sweep in range(MOST_SWEEPS):
                check_time(_MEASURING)
                # Looking whether values still change costs as much as a sweep.
                looked = again and sweep % LOOK_EVERY == 0
                before = [values[:, layer.places].copy() for layer in layers] if looked else []
                for backup in backups:
                    backup.write(values)
                changes = [_change(old, values[:, layer.places]) for old, layer in zip(before, layers, strict=False)]
                if not again or (looked and max(changes, default=0.0) <= 2 * EPSILON):
                    break
        latch = 0 if self.sum.start is None else self.sum.start
        begun = values[:, mdp.start_state, latch]
        weight = mdp.start_probability
        return tuple(float(weight @ each) for each in begun)

    def _backup(self, layer: _Layer, sums: tuple[Floats, ...]) -> _Backup:
        mdp, outcome, latches = self.process.mdp, layer.outcome, self.latches
        follow = np.arange(latches)[None] if self.sum.follow is None else self.sum.follow[outcome]
        weight = mdp.probability[outcome][:, None]
        return _Backup(
            layer,
            [np.add.reduceat(weight * gain[outcome], layer.first_outcome, axis=0) for gain in sums],
            mdp.next_state[outcome].astype(np.int64)[:, None] * latches + follow,
            weight if self.sum.factor is None else weight * self.sum.factor[outcome][:, None],
        )


@dataclass(frozen=True, eq=False)
class _Backup:
    """One step backwards in a layer, with all that is the same in every sweep; R rows of it, O outcomes.

    Attributes:
        layer: where.
        gains: for each sum, float64 `[R, L]`, what is added in this tick.
        ahead: int64 `[O, L]`, the place and latch after each outcome, as one number.
        weight: float64 `[O, 1]`, how much what comes after an outcome counts.
    """

    layer: _Layer
    gains: list[Floats]
    ahead: Longs
    weight: Floats

    def write(self, values: Floats) -> None:
        """Write the values of the layer's places into float64 `[sums, P, L]`."""
        layer = self.layer
        rows = [
            gain + np.add.reduceat(self.weight * each.reshape(-1)[self.ahead], layer.first_outcome, axis=0)
            for gain, each in zip(self.gains, values, strict=True)
        ]
        best = np.maximum.reduceat(rows[0], layer.first_row, axis=0)
        if len(rows) > 1:
            n_rows = layer.first_outcome.size
            held = best[layer.owner]
            number = np.where(rows[0] == held, np.arange(n_rows)[:, None], n_rows)
            pick = np.minimum.reduceat(number, layer.first_row, axis=0)
            for index, row in enumerate(rows[1:], 1):
                values[index, layer.places] = np.take_along_axis(row, pick, axis=0)
        values[0, layer.places] = best


@dataclass(frozen=True, eq=False)
class _Layer:
    """The places of a layer with the rows that may be chosen there, and their outcomes."""

    places: Longs
    outcome: Longs
    first_outcome: Longs
    first_row: Longs
    owner: Longs


def _layer(plan: LifePlan, places: Longs) -> _Layer | None:
    if not places.size:
        return None
    mdp = plan.process.mdp
    place, action = np.nonzero(plan.optimal[places] & mdp.available[places])
    rows = places[place] * mdp.n_actions + action
    outcome, which = outcomes_of(mdp, rows)
    return _Layer(
        places,
        outcome,
        np.searchsorted(which, np.arange(rows.size)),
        np.searchsorted(place, np.arange(places.size)),
        place,
    )


def _reached(plan: LifePlan) -> np.ndarray:
    """bool `[P]`: the places that may be met by choosing among optimal actions."""
    mdp = plan.process.mdp
    met = np.zeros(mdp.n_states, np.bool_)
    front = np.unique(mdp.start_state[mdp.start_probability > 0]).astype(np.int64)
    available = mdp.available
    while front.size:
        check_time(_MEASURING)
        met[front] = True
        acting = front[~mdp.ended[front]]
        place, action = np.nonzero(plan.optimal[acting] & available[acting])
        if np.unique(place).size < acting.size:
            raise ValueError("a place of the life is reached in which no action is optimal")
        ahead = np.unique(mdp.next_state[outcomes_of(mdp, acting[place] * mdp.n_actions + action)[0]]).astype(np.int64)
        front = ahead[~met[ahead]]
    return met


def _change(before: Floats, after: Floats) -> float:
    """By how much values changed, relative to the largest; infinite where one became infinite."""
    finite = np.isfinite(after)
    if not np.array_equal(finite, np.isfinite(before)):
        return float("inf")
    return largest(after[finite] - before[finite]) / max(largest(after[finite]), 1e-300)


def selected(process: LifeProcess, stage: str, episode: int | str | None) -> Floats:
    """float64 `[M]`: how much each outcome counts for one stage, or for `life`, or for one of the stage's episodes.

    The last episode of a stage is known only as it is over where chance decides how many there are: each then counts
    as often as it is the last.
    """
    mdp = process.mdp
    weight = np.ones(mdp.n_states) if stage == "life" else (process.stage == process.stage_named(stage)).astype(float)
    weight[mdp.ended] = 0.0
    if episode is not None:
        entries = [number for number, entry in enumerate(process.entries) if entry.stage == stage]
        if episode == 1:
            weight[(process.entry != entries[0]) | (process.episode != 0)] = 0.0
        else:
            last = process.entries[entries[-1]]
            weight[process.entry != entries[-1]] = 0.0
            if last.episodes is None:
                weight *= 1 - last.continues
            else:
                weight[process.episode != last.episodes - 1] = 0.0
    return weight[process.source]
