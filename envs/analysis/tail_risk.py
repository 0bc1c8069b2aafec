"""The mean of the worst episodes: the conditional value at risk of an undiscounted sum, ranged over ties.

Of a policy under which an episode's sum is X, the mean over the worst share a of episodes is the greatest value, over
all c, of `c - E[max(c - X, 0)] / a` (Rockafellar and Uryasev 2000). What an episode has gathered so far is made part of
the state, tick by tick, so that the expectation in it is least and greatest at choices that backward induction finds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from ..base import FiniteMDP, Floats, Longs, NotEnumerableError
from ..mdp.remembering import EpisodeReader
from ..solvers.bellman import largest
from ..solvers.dynamic_programming import Optimal
from ..time_limit import check_time
from .known_process import KnownProcess, known_process, remembering_what_is_seen
from .tie_ranges import OuterRange, ReachedProcess, TieRange, reached_process

MAX_BRANCHES = 4_000_000
"""Outcomes, over all ticks and all sums so far, that are kept at most."""
MAX_WORK = 2_000_000_000
"""Outcomes that are gone through at most, for every sum that may be the border of the worst episodes."""
_DOING = "the worst episodes were looked for"
_NEAR = 1e-12
"""Sums that differ by less, relative to the largest that there could be, are one; so are values."""


def tail_range(mdp: FiniteMDP, optimal: Optimal, per_outcome: npt.ArrayLike, steps: int, share: float) -> TieRange:
    """The range of the mean of an undiscounted sum over the worst episodes, those with the least of it.

    Policies may depend on the whole history and draw lots. Of the episodes at the border that part counts which belongs
    to the worst share.

    Args:
        mdp: the process.
        optimal: bool `[S, A]`, or a solution with a horizon of at least `steps`.
        per_outcome: float64 `[M]`, what an outcome adds.
        steps: T, ticks.
        share: of the episodes, above 0 and up to 1.

    Returns:
        The lowest and the highest.

    Raises:
        NotEnumerableError: sums so far take too many values.
        ValueError: a shape, the number of ticks or the share is wrong, or in a reached state no action is optimal.
    """
    if not 0 < share <= 1:
        raise ValueError(f"a share lies above 0 and at most at 1, not at {share}")
    gain = np.asarray(per_outcome, dtype=np.float64)
    if gain.shape != mdp.next_state.shape:
        raise ValueError(f"one entry per outcome is needed, {mdp.next_state.size}; got the shape {gain.shape}")
    process = reached_process(mdp, optimal, steps)
    sums = _Sums(process, gain[process.outcome])
    low = _lowest(sums, share)
    ends = TieRange(low, _highest(sums, share) if sums.chooses else low)
    if mdp.known is None or ends.is_point:
        return ends
    # What was gathered so far is known in part only.
    known = _sums_by_beliefs(mdp, optimal, gain, sums)
    return OuterRange(*ends) if known is None else TieRange(_lowest(known, share), _highest(known, share))


@dataclass(frozen=True, eq=False)
class _Tick:
    """The nodes of one tick, each a state with the sum so far.

    Attributes:
        total: float64 `[n]`, the sums.
        acting: int64 `[m]`, the nodes whose episode goes on.
        first_row: int64 `[m]`, where the rows of each acting node start.
        first_branch: int64 `[R]`, where the branches of each row start.
        ahead: int64 `[b]`, the node of the next tick to which each branch leads.
        chance: float64 `[b]`.
    """

    total: Floats
    acting: Longs
    first_row: Longs
    first_branch: Longs
    ahead: Longs
    chance: Floats


class _Shortfalls(Protocol):
    """What sums there may be, and by how much policies fall short of one.

    Attributes:
        totals: float64, the sums of episodes, in order.
        branches: how many outcomes are gone through for one border.
    """

    totals: Floats
    branches: int

    def shortfall(self, border: float, most: bool) -> tuple[float, float, float]:
        """The most or least that a policy can fall short of a sum, in expectation: `E[max(border - X, 0)]`.

        Returns:
            It, and the chances of that policy's sums below the border, and at most at it.
        """


class _Sums(_Shortfalls):
    """All that may come of choosing among the best actions, with the sum so far as part of the state."""

    def __init__(self, process: ReachedProcess, gain: Floats) -> None:
        whole = bool((gain == np.rint(gain)).all())
        # Sums of whole numbers are exact; others, reached on several ways, may differ in the last bits.
        self.unit = 0.0 if whole else _NEAR * max(largest(gain) * process.steps, 1e-300)
        self.chance, self.steps = process.start_probability, process.steps
        state, self.begin = np.unique(process.start_state, return_inverse=True)
        total, branches = np.zeros(state.size), 0
        self.ticks: list[_Tick] = []
        place = np.full(process.n_states, -1)
        place[process.acting] = np.arange(process.acting.size)
        for tick in range(process.steps + 1):
            check_time(_DOING)
            acting = np.flatnonzero(place[state] >= 0) if tick < process.steps else np.zeros(0, np.int64)
            rows, first_row = _spread(process.first_row, process.first_outcome.size, place[state[acting]])
            owner = np.repeat(acting, np.diff(first_row, append=rows.size))
            if process.choices is not None and tick < process.steps:
                may = process.choices[tick][rows]
                rows, owner = rows[may], owner[may]
                first_row = np.searchsorted(owner, acting)
            outcomes, first_branch = _spread(process.first_outcome, process.outcome.size, rows)
            branches += outcomes.size
            if branches > MAX_BRANCHES:
                raise NotEnumerableError(
                    f"episodes gather so many different sums that {tick} of {process.steps} ticks have more than"
                    f" {MAX_BRANCHES:,} outcomes",
                    "ask for the mean, or give the stage fewer ticks",
                )
            source = np.repeat(owner, np.diff(first_branch, append=outcomes.size))
            after, gathered = process.next_state[outcomes], total[source] + gain[outcomes]
            gathered = self.rounded(gathered)
            pairs, ahead = np.unique(np.stack([after.astype(np.float64), gathered]), axis=1, return_inverse=True)
            chance = np.ones(outcomes.size) if process.probability is None else process.probability[outcomes]
            self.ticks.append(_Tick(total, acting, first_row, first_branch, ahead.reshape(-1), chance))
            state, total = pairs[0].astype(np.int64), pairs[1]
            if not state.size:
                break
        self.branches = branches
        self.chooses = any(tick.first_branch.size > tick.acting.size for tick in self.ticks)
        over = [np.delete(tick.total, tick.acting) for tick in self.ticks]
        self.totals: Floats = np.unique(np.concatenate(over))

    def rounded(self, sums: Floats) -> Floats:
        """Sums that differ by rounding, as one."""
        return np.rint(sums / self.unit) * self.unit if self.unit else sums

    def shortfall(self, border: float, most: bool) -> tuple[float, float, float]:
        """See `_Shortfalls`."""
        values = np.zeros((3, 0))
        for tick in reversed(self.ticks):
            check_time(_DOING)
            here = _short_of(border, tick.total)
            if tick.acting.size:
                rows = np.add.reduceat(tick.chance * values[:, tick.ahead], tick.first_branch, axis=1)
                here[:, tick.acting] = rows[:, _picked(rows[0], tick.first_row, most)]
            values = here
        fallen, below, up_to = (float(self.chance @ each) for each in values[:, self.begin])
        return fallen, below, up_to


def _short_of(border: float, totals: Floats) -> Floats:
    """By how much sums fall short of a border, whether they do, and whether they are not above it: `[3, n]`."""
    return np.stack([np.maximum(border - totals, 0.0), totals < border, totals <= border])


class _BelievedSums(_Shortfalls):
    """What may come of choosing among the best actions by beliefs about the state and the sum so far."""

    def __init__(self, its: KnownProcess, gathered: Floats, totals: Floats, steps: int) -> None:
        self.totals = totals
        self._its, self._gathered = its, gathered
        self._process = reached_process(its.mdp, its.optimal, steps)
        self.branches = self._process.outcome.size * steps

    def shortfall(self, border: float, most: bool) -> tuple[float, float, float]:
        """See `_Shortfalls`."""
        process = self._process
        values = np.stack([self._its.expected_in(each) for each in _short_of(border, self._gathered)], axis=1)
        values = values[process.state]
        for tick in reversed(range(process.steps)):
            check_time(_DOING)
            rows = process.rows(values[process.next_state])
            short = rows[:, 0].copy()
            if process.choices is not None:
                short[~process.choices[tick]] = -np.inf if most else np.inf
            values[process.acting] = rows[_picked(short, process.first_row, most)]
        fallen, below, up_to = (process.start(each) for each in values.T)
        return fallen, below, up_to


def _sums_by_beliefs(mdp: FiniteMDP, optimal: Optimal, gain: Floats, sums: _Sums) -> _BelievedSums | None:
    """The sums as beliefs are about them; None where these are too many."""
    gains, letter = np.unique(gain, return_inverse=True)
    met = np.unique(np.concatenate([tick.total for tick in sums.ticks]))
    latches = np.concatenate([[0.0], met[met != 0]])
    if known_process(mdp, optimal).knowledge is None or latches.size * gains.size > MAX_BRANCHES:
        return None
    order = np.argsort(latches)
    after = sums.rounded(latches[:, None] + gains)
    place = order[np.searchsorted(latches, after, sorter=order).clip(0, latches.size - 1)]
    # Sums that are not met within the ticks are one, the last; the last letter, that of a start, adds nothing.
    table = np.where(latches[place] == after, place, latches.size)
    table = np.column_stack([table, np.arange(latches.size)])
    table = np.vstack([table, np.full((1, gains.size + 1), latches.size)])
    reader = EpisodeReader(table, np.full(mdp.n_states, gains.size), letter.reshape(-1))
    found = remembering_what_is_seen(mdp, optimal, reader, sums.steps)
    if found is None:
        return None
    process, choices, latch = found
    return _BelievedSums(known_process(process, choices), np.append(latches, 0.0)[latch], sums.totals, sums.steps)


def _spread(first: Longs, end: int, which: Longs) -> tuple[Longs, Longs]:
    """The members of some groups, one group after the other, and where each group starts among them."""
    last = np.append(first[1:], end)
    sizes = last[which] - first[which]
    begin = np.cumsum(sizes) - sizes
    return np.repeat(first[which] - begin, sizes) + np.arange(int(sizes.sum())), begin


def _picked(rows: Floats, first_row: Longs, most: bool) -> Longs:
    """The row of each node with the most or the least, the first of equals."""
    if first_row.size == rows.size:
        return first_row
    best = (np.maximum if most else np.minimum).reduceat(rows, first_row)
    owner = np.repeat(np.arange(first_row.size), np.diff(first_row, append=rows.size))
    places = np.where(rows == best[owner], np.arange(rows.size), rows.size)
    return np.asarray(np.minimum.reduceat(places, first_row))


def _lowest(sums: _Shortfalls, share: float) -> float:
    """The least mean of the worst: minimum over policies of a maximum over borders, whose order may be changed.

    For a policy that draws lots the mean is linear in its chances and concave in the border, so the least over policies
    is a concave function of the border, made of straight pieces. Its greatest value lies where a rising tangent and a
    falling one meet; each tangent that is not yet there gives the next border.
    """

    def at(border: float) -> tuple[float, float, float]:
        fallen, below, up_to = sums.shortfall(border, most=True)
        return border - fallen / share, 1 - below / share, 1 - up_to / share

    left, right = float(sums.totals[0]), float(sums.totals[-1])
    (low, _, rise), (high, fall, _) = at(left), at(right)
    if rise <= 0:
        return low
    if fall >= 0:
        return high
    scale = max(abs(left), abs(right))
    while True:
        border = (high - low + rise * left - fall * right) / (rise - fall)
        value, before, after = at(border)
        # The tangents bound every value from above, so this is the greatest if it reaches where they meet.
        if value >= low + rise * (border - left) - _NEAR * scale or before >= 0 >= after:
            return value
        if after > 0:
            left, low, rise = border, value, after
        else:
            right, high, fall = border, value, before


def _highest(sums: _Shortfalls, share: float) -> float:
    """The greatest mean of the worst. Of each policy it is greatest with one of its own sums as the border."""
    if sums.branches * sums.totals.size > MAX_WORK:
        raise NotEnumerableError(
            f"ties leave {sums.totals.size:,} sums, each of which may be the border of the worst episodes",
            "ask for the mean, or give the stage fewer ticks",
        )
    return max(_of_border(sums, share, border) for border in sums.totals.tolist())


def _of_border(sums: _Shortfalls, share: float, border: float) -> float:
    return border - sums.shortfall(border, most=False)[0] / share
