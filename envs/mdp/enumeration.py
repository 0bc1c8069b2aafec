"""Breadth-first enumeration of a world into a finite MDP: every reachable state, every action, every outcome."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np

from ...scenarios.language.expressions.syntax import Expression
from ..base import Bits, Bools, FiniteMDP, Floats, Ints, Longs, NotEnumerableError, TooManyStatesError
from ..reference.action_mask import available
from ..reference.expressions import context_between_ticks, evaluate_bool, evaluate_float
from ..reference.step import TickResult, reset, step, unlike
from ..time_limit import OutOfTimeError, check_time
from ..world.randomness import EnumeratedDraws, TooManyRowsError
from ..world.world import World
from .size import refuse_what_cannot_end, too_many_states, what_multiplies

CHUNK = 1 << 17
"""Lanes that are stepped at once: enough to pay for NumPy, few enough to stay in cache."""
ROWS = 1 << 19
"""Outcomes that are made at once, unless one state has more: they bound the memory, and how long nothing is heard."""
MAX_STORED = 1 << 26
"""Outcomes of all states at most; each takes some fifty bytes."""
FEW_RULES = 32
"""Rules with which a chunk is stepped at full size; with more of them, smaller ones take as long."""
PROBE_AT, PROBE_CHANCE_AT = 40_000, 200
"""States after which it is tried whether the search can end, the latter where the draws could have too many outcomes.

Smaller worlds are done sooner than the trial.
"""


@dataclass(frozen=True, eq=False)
class Enumeration:
    """An enumerated world. An agent may be given `mdp`; the rest is for measures alone.

    Attributes:
        world: what was enumerated.
        mdp: the finite decision process.
        states: int32 `[S, F]`.
        performance: float64 `[M]`, the hidden score of each outcome (its mean, where chance alone decides it).
        fired: names of the rules that fired somewhere.
        blended: somewhere `performance` is the mean of unlike scores: it has the right mean, and not the right spread.
        netted: somewhere it may be the mean of scores above 0 and of others below, so that what is lost is not known.
    """

    world: World
    mdp: FiniteMDP
    states: Ints
    performance: Floats
    fired: frozenset[str] = frozenset()
    blended: bool = False
    netted: bool = False

    def holds(self, condition: Expression) -> Bools:
        """bool `[S]`: the states in which a resolved guard holds."""
        return evaluate_bool(condition, context_between_ticks(self.world, self.states)).copy()

    def numbers(self, formula: Expression) -> Floats:
        """float64 `[S]`: the value of a resolved formula in each state."""
        return evaluate_float(formula, context_between_ticks(self.world, self.states)).copy()


def enumerate_world(world: World, max_states: int = 1_000_000, start: Ints | None = None) -> Enumeration:
    """Enumerate a world breadth first.

    Args:
        world: compiled.
        max_states: more than these raise.
        start: int32 `[B, F]`, states to begin in, each as likely as the others; by default where episodes begin.

    Raises:
        NotEnumerableError: too many states (the message names the fields that multiply them) or too many joint outcomes
            of one tick (it names the draws).
        OutOfTimeError: a time limit passed.
    """
    index = StateNumbers(world)
    if start is None:
        begin = reset(world, EnumeratedDraws(limit=max_states))
        noted = Noted(set(begin.fired))
        numbers, probability_of = merged_start(index, begin.states, begin.probability)
    else:
        noted = Noted()
        numbers, probability_of = merged_start(index, start, np.full(len(start), 1 / len(start)))
    joint = world.joint_actions
    parts: list[TransitionRows] = []
    done, stored, probed, began = 0, 0, start is not None, time.monotonic()
    slow = max(1.0, len(world.rules) / FEW_RULES)
    rows_at_once = int(ROWS / slow)
    size = most = max(1, int(CHUNK / slow) // len(joint))
    # Each draw has two outcomes at least, so that fewer of them cannot have too many.
    probe_at = PROBE_CHANCE_AT if 2 ** len(world.draw_ids) > world.max_outcomes else PROBE_AT
    while done < index.size:
        _check_time(world, index, began)
        if not probed and index.size >= probe_at:
            probed = True
            refuse_what_cannot_end(world, max_states)
        lanes = np.arange(done, min(index.size, done + size))
        try:
            part = expand(world, index, lanes, joint, noted, rows_at_once if lanes.size > 1 else None)
        except TooManyRowsError:
            size = lanes.size // 2
            continue
        done, stored = done + lanes.size, stored + part[0].size
        parts.append(part)
        if part[0].size < rows_at_once // 4:
            size = min(2 * size, most)
        if index.size > max_states:
            raise too_many_states(world, index.states(), max_states)
        if stored > MAX_STORED:
            message = f"more than {MAX_STORED:,} outcomes in stage `{world.stage}`"
            multiplies = what_multiplies(world, index.states())
            raise TooManyStatesError(f"{message}; what multiplies: {multiplies}", "shrink what multiplies")
    rows, next_state, probability, rewards, events, performance = (
        np.concatenate(column) for column in zip(*parts, strict=True)
    )
    states = index.states()
    counts = np.bincount(rows, minlength=index.size * len(joint))
    mdp = FiniteMDP(
        n_states=index.size,
        n_actions=len(joint),
        row_start=np.concatenate([[0], np.cumsum(counts)]),
        next_state=next_state,
        probability=probability,
        rewards=rewards,
        events=events,
        ended=states[:, world.ended] > 0,
        start_state=numbers,
        start_probability=probability_of,
        channels=world.channels,
        event_names=world.events,
        action_names=world.joint_action_names,
    )
    return Enumeration(world, mdp, states, performance, frozenset(noted.fired), noted.blended, noted.netted)


def _check_time(world: World, index: StateNumbers, began: float) -> None:
    """As `check_time`; where the time is over, the message says what multiplies."""
    took = time.monotonic() - began
    pace = f", {index.size / took:,.0f} a second" if took > 1 else ""
    try:
        check_time(f"the states of stage `{world.stage}` were searched ({index.size:,} found{pace})")
    except OutOfTimeError as fault:
        many = what_multiplies(world, index.states())
        raise OutOfTimeError(f"{fault}; what multiplies: {many}" if many else str(fault)) from None


def merged_start(index: StateNumbers, states: Ints, probability: Floats) -> tuple[Ints, Floats]:
    """The start distribution, equal states merged."""
    numbers = index.number(states)
    start = np.unique(numbers)
    probability = np.bincount(numbers, probability).astype(np.float64)
    return start.astype(np.int32), probability[start]


TransitionRows: TypeAlias = tuple[Longs, Ints, Floats, Floats, Bits, Floats]
"""Row, next state, probability, rewards, events, performance, each with one entry per outcome."""


@dataclass
class Noted:
    """What is noticed while outcomes are made; see `Enumeration`."""

    fired: set[str] = field(default_factory=set)
    blended: bool = False
    netted: bool = False


def expand(
    world: World, index: StateNumbers, lanes: Longs, joint: Ints, noted: Noted, rows: int | None
) -> TransitionRows:
    """All outcomes of all actions in some states, at most `rows`; what is noticed is added to `noted`."""
    states = index.states()[lanes]
    alive = states[:, world.ended] == 0
    allowed = np.repeat(alive[:, None], len(joint), axis=1)
    for agent in range(len(world.agents)):
        mask = available(world, states, agent)
        if not (mask.any(axis=1) | ~alive).all():
            name = world.agents[agent].name
            raise NotEnumerableError(
                f"in some state `{name}` has no available action", "give it one without a condition"
            )
        allowed &= mask[:, joint[:, agent]]
    # Unavailable actions are left out rather than stepped as no-ops: their rows are empty, as `FiniteMDP` defines.
    lane, action = np.nonzero(allowed)
    tick = step(world, states[lane], joint[action], EnumeratedDraws(world.max_outcomes, rows))
    noted.fired |= tick.fired
    noted.blended |= tick.blended
    # What was made one in the middle of a tick may have been paid for since: nobody knows of which sign it was.
    noted.netted |= tick.blended
    row = (lanes[lane] * len(joint) + action)[tick.source]
    next_state = index.number(tick.states)
    if tick.source.size == lane.size:
        return row, next_state, tick.probability, tick.rewards, tick.events, tick.performance
    return _merged(row, next_state, tick, noted)


def _merged(row: Longs, next_state: Ints, tick: TickResult, noted: Noted) -> TransitionRows:
    """Merge outcomes of one row that an agent could not tell apart; their performance is replaced by its mean.

    Performance must not decide which outcomes are merged: an agent could read it off the number of outcomes.
    """
    order = np.lexsort((*tick.rewards.T, tick.events, next_state, row))
    same = np.ones(order.size - 1, np.bool_)
    for column in (row, next_state, tick.events, *tick.rewards.T):
        same &= column[order[1:]] == column[order[:-1]]
    first = np.concatenate([[True], ~same])
    begins = np.flatnonzero(first)
    kept = order[first]
    probability = np.add.reduceat(tick.probability[order], begins)
    performance = tick.performance[kept]
    # The mean as an offset from the first: where all are equal it is exact, whatever the probabilities round to.
    beyond = tick.performance[order] - np.repeat(performance, np.diff(np.append(begins, order.size)))
    performance = performance + np.add.reduceat(tick.probability[order] * beyond, begins) / probability
    if unlike(beyond, performance):
        noted.blended = True
        least, most = (of.reduceat(tick.performance[order], begins) for of in (np.minimum, np.maximum))
        noted.netted |= bool(((least < 0) & (most > 0)).any())
    return row[kept], next_state[kept], probability, tick.rewards[kept], tick.events[kept], performance


class StateNumbers:
    """Numbers the states in the order in which they are found.

    A state's key is its mixed-radix number where that fits 63 bits, else a 64-bit hash of it. A few large sorted runs
    and a small one are searched, so that a level of the walk never costs a pass over everything found.
    """

    def __init__(self, world: World) -> None:
        sizes = np.array([field.size for field in world.fields], dtype=object)
        # Products of Python integers (dtype object): they must not overflow before they are compared with the limit.
        self._exact = int(np.prod(sizes)) < 1 << 63
        radix = np.concatenate([[1], np.cumprod(sizes[:-1])]) if self._exact else None
        self._radix = None if radix is None else radix.astype(np.int64)
        self._runs: list[tuple[np.ndarray, Ints]] = []
        self._store = np.empty((1024, len(world.fields)), np.int32)
        self.size = 0

    def states(self) -> Ints:
        """int32 `[size, F]`, a view."""
        return self._store[: self.size]

    def number(self, states: Ints) -> Ints:
        """The numbers of states int32 `[B, F]`; those not met before get new ones, in the order of their rows."""
        keys = self._keys(states)
        unique, first, back = np.unique(keys, return_index=True, return_inverse=True)
        numbers = np.full(unique.size, -1, np.int32)
        for run_keys, run_numbers in self._runs:
            at = np.minimum(np.searchsorted(run_keys, unique), run_keys.size - 1)
            hit = run_keys[at] == unique
            numbers[hit] = run_numbers[at[hit]]
        fresh = np.flatnonzero(numbers < 0)
        if fresh.size:
            by_row = fresh[np.argsort(first[fresh], kind="stable")]
            numbers[by_row] = np.arange(self.size, self.size + fresh.size, dtype=np.int32)
            self._append(states[first[by_row]])
            self._add_run(unique[fresh], numbers[fresh])
        found = numbers[back]
        # A hash may collide, and a collision would silently merge two states: each one is compared with its own copy.
        if not self._exact and not np.array_equal(self._store[found], states):
            raise NotEnumerableError(
                "two states share a 64-bit hash", "change any name or bound in the file and try again"
            )
        return found

    def _keys(self, states: Ints) -> np.ndarray:
        if self._radix is not None:
            return states @ self._radix
        keys = np.zeros(states.shape[0], np.uint64)
        for column in states.T:
            keys = (keys ^ column.astype(np.uint64)) * np.uint64(0x9E3779B97F4A7C15)
            keys ^= keys >> np.uint64(29)
        return keys

    def _append(self, states: Ints) -> None:
        size = self.size + states.shape[0]
        if size > self._store.shape[0]:
            grown = np.empty((max(size, 2 * self._store.shape[0]), self._store.shape[1]), np.int32)
            grown[: self.size] = self._store[: self.size]
            self._store = grown
        self._store[self.size : size] = states
        self.size = size

    def _add_run(self, keys: np.ndarray, numbers: Ints) -> None:
        """Add a sorted run, merged with those before it that are less than twice as large.

        So run sizes at least halve along the list, and there are at most log2(S) runs to search.
        """
        while self._runs and self._runs[-1][0].size < 2 * keys.size:
            other_keys, other_numbers = self._runs.pop()
            keys, numbers = np.concatenate([other_keys, keys]), np.concatenate([other_numbers, numbers])
            order = np.argsort(keys, kind="stable")
            keys, numbers = keys[order], numbers[order]
        self._runs.append((keys, numbers))
