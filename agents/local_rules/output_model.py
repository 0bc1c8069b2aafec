"""The rules of one output of the model: its encoding as symbols, and the tree that predicts them.

A field's next value is encoded as a change, as a new value, or relative to "the usual change" given one or two other
factors (an action, a phase), with exceptions spelled out. The encoding with the shortest description is chosen (minimum
description length).

A leaf with several symbols is either stochastic or an undiscovered rule. If it is a rule, the same state will have the
same outcome again, and a plan must not hope for another. So the states below such a leaf become contexts of their own
if their ticks have a shorter description state by state than by one distribution.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations
from typing import Final

import numpy as np

from ...envs.base import Floats, Longs
from .decision_tree import Tree, evidence, grow
from .features import Factor, Geometry, TickFactors, factors_ahead

MIN_SHARE: Final = 0.01
"""Outcomes of a leaf with a smaller share than this are not predicted."""
LONE: Final = 8
"""Nor is one seen once among this many ticks or more: a single unexplained exception is no chance to plan on."""
RADIX: Final = 1 << 20
"""Larger than the number of values of any factor, so that two factors combine into one key."""


@dataclass(frozen=True, eq=False)
class Usual:
    """A learned table of the most common change of a field given the values of some factors.

    Attributes:
        source: one or two factors; keys: int64 `[n]`, their values as one number, sorted; changes: int64 `[n]`.
    """

    source: tuple[Factor, ...]
    keys: Longs
    changes: Longs

    def look_up(self, ticks: TickFactors, still: int) -> Longs:
        """int64 `[n]`: the usual change; `still` where the factors' values were never seen."""
        at = self.index(ticks)
        return np.where(at >= 0, self.changes[at], still)

    def index(self, ticks: TickFactors) -> Longs:
        """int64 `[n]`: the place of each tick's values in the table; -1 where they were never seen."""
        key = _key(self.source, ticks)
        at = np.minimum(np.searchsorted(self.keys, key), self.keys.size - 1)
        return np.where(self.keys[at] == key, at, -1)

    @cached_property
    def names(self) -> list[int]:
        """A number for each row of the table, the same in every table that has the row."""
        return [hash((-1, key, change)) for key, change in zip(self.keys.tolist(), self.changes.tolist(), strict=True)]

    @property
    def nats(self) -> float:
        """The description length of the table."""
        return self.keys.size * math.log(1 + np.unique(self.changes).size)


@dataclass(frozen=True, eq=False)
class Rules:
    """The learned predictor of one output.

    Attributes:
        way: the encoding: `plain` (an index), `change`, or `value` (no change, or the new value).
        usual: if given, the usual change has a symbol of its own, before those of `way`.
        factors: those that the tree may test.
        alphabet: int64 `[Y]`, the code that each symbol stands for, sorted.
        tree: predicts symbols.
        nats: description length of the ticks, the rules included.
        memory: the states that are contexts of their own.
        counts: float64 `[C, Y]`, of the tree's leaves, then of the contexts in memory.
    """

    way: str
    usual: Usual | None
    factors: tuple[Factor, ...]
    alphabet: Longs
    tree: Tree
    nats: float
    memory: ContextMemory
    counts: Floats

    @cached_property
    def outcomes(self) -> list[tuple[Longs, Floats]]:
        """Per context the predicted symbols, the likeliest first, and their probabilities."""
        return [_reckoned(counts) for counts in self.counts]

    @cached_property
    def weight(self) -> Longs:
        """int64 `[C]`: the number of training ticks of each context."""
        return self.counts.sum(axis=1).astype(np.int64)

    @property
    def used(self) -> frozenset[Factor]:
        """The factors that the rules depend on."""
        return frozenset(self.factors[f] for f in self.tree.used) | frozenset(self.usual.source if self.usual else ())

    def place(self, ticks: TickFactors) -> Longs:
        """int64 `[n]`: the context that predicts each tick: a leaf, or a remembered state below it."""
        leaf = self.tree.place(len(ticks), lambda factor: ticks.column(self.factors[factor]))
        return self.memory.refine(leaf, ticks) if self.memory.keys.size else leaf

    def symbols(self, written: Longs) -> Longs:
        """int64 `[n]`: the symbols of encoded values; -1 for a code outside the alphabet."""
        at = np.minimum(np.searchsorted(self.alphabet, written), self.alphabet.size - 1)
        return np.where(self.alphabet[at] == written, at, -1)

    def branches(self, leaf: Longs) -> tuple[Longs | None, Longs, Floats]:
        """The predicted symbols of n ticks in the contexts `[n]`.

        Returns:
            The tick of each branch (None if every tick has exactly one), its symbol, its probability.
        """
        sizes = np.array([kept.size for kept, _ in self.outcomes])
        first = np.cumsum(sizes) - sizes
        symbols = np.concatenate([kept for kept, _ in self.outcomes])
        shares = np.concatenate([share for _, share in self.outcomes])
        each = sizes[leaf]
        if (each == 1).all():
            return None, symbols[first[leaf]], shares[first[leaf]]
        rows = np.repeat(np.arange(leaf.size), each)
        at = first[leaf][rows] + np.arange(rows.size) - (np.cumsum(each) - each)[rows]
        return rows, symbols[at], shares[at]


def learn_plain(ticks: TickFactors, factors: list[Factor], sizes: list[int], codes: Longs) -> Rules:
    """Rules for an output that is an index int64 `[n]` and no field."""
    rules = _fit("plain", None, ticks, factors, sizes, codes, math.inf)
    assert rules is not None, "there was no limit"
    return rules


def recount(rules: Rules, ticks: TickFactors, written: Longs) -> Rules | None:
    """The same rules with the counts of other ticks; None if a value is outside their alphabet."""
    symbols = rules.symbols(written)
    if (symbols < 0).any():
        return None
    return _remembering(rules, ticks, symbols)


class FieldWays:
    """The possible encodings of one field of the next observation, and the choice among them."""

    def __init__(self, geometry: Geometry, i: int, factors: list[Factor], told: list[int]) -> None:
        """For field i, predicted from `factors` once the fields `told` are revealed."""
        self.i = i
        self._geometry = geometry
        self._factors = factors
        self._ahead = factors_ahead(geometry, i, told) if geometry.places[i] else []
        self._sources = [f for f in factors if f.kind in ("action", "now")]

    def learn(self, ticks: TickFactors, after: Longs, sizes: list[int], like: Rules | None = None) -> Rules:
        """The rules with the shortest description of the values `after`; `like` fixes the encoding."""
        change = self._geometry.change(self.i, ticks.now[:, self.i], after)
        if like is None:
            ways = self._candidates(ticks, change)
        else:
            ways = [(like.way, None if like.usual is None else like.usual.source)]
        best: Rules | None = None
        for way, source in ways:
            usual = None if source is None else self._usual(source, ticks, change)
            limit = math.inf if best is None else best.nats
            best = self._learn(way, usual, ticks, after, sizes, limit) or best
        assert best is not None, "the first way had no limit"
        return best

    def written(self, way: str, usual: Usual | None, ticks: TickFactors, after: Longs) -> Longs:
        """int64 `[n]`: the codes of the values `after` in an encoding."""
        change, still = self._geometry.change(self.i, ticks.now[:, self.i], after), self._geometry.still(self.i)
        out = np.where(change == still, 0, 1 + after) if way == "value" else change
        return out if usual is None else np.where(change == usual.look_up(ticks, still), 0, 1 + out)

    def read(self, rules: Rules, ticks: TickFactors, symbols: Longs) -> Longs:
        """int64 `[n]`: the field after the tick, decoded from the symbols int64 `[n]`."""
        written, now = rules.alphabet[symbols], ticks.now[:, self.i]
        as_usual = np.zeros(symbols.size, np.bool_)
        if rules.usual is not None:
            as_usual, written = written == 0, np.maximum(written - 1, 0)
        if rules.way == "value":
            after = np.where(written == 0, now, written - 1)
        else:
            after = self._geometry.changed(self.i, now, written)
        if rules.usual is None:
            return after
        usual = rules.usual.look_up(ticks, self._geometry.still(self.i))
        return np.where(as_usual, self._geometry.changed(self.i, now, usual), after)

    def look_ahead(self, usual: Usual | None, ticks: TickFactors) -> None:
        """Sets the factors that depend on the usual change."""
        if usual is not None and self._ahead:
            ticks.set_ahead(self.i, usual.look_up(ticks, self._geometry.still(self.i)))

    def _candidates(self, ticks: TickFactors, change: Longs) -> list[tuple[str, tuple[Factor, ...] | None]]:
        """Encodings worth trying, the most promising first: a good first one gives the others a low limit."""
        plain: list[tuple[str, tuple[Factor, ...] | None]] = [("change", None), ("value", None)]
        if (change == self._geometry.still(self.i)).all():
            return plain[:1]
        singles = sorted((self._rough((f,), ticks, change), (f,)) for f in self._sources)[:2]
        pairs = sorted((self._rough(pair, ticks, change), pair) for pair in combinations(self._sources, 2))[:1]
        sources = [source for _, source in (*singles, *pairs)]
        ways = ["change"] if self._ahead else ["change", "value"]
        return [*((way, source) for source in sources for way in ways), *plain]

    def _learn(
        self, way: str, usual: Usual | None, ticks: TickFactors, after: Longs, sizes: list[int], limit: float
    ) -> Rules | None:
        factors = list(self._factors)
        if usual is not None and self._ahead:
            self.look_ahead(usual, ticks)
            factors += self._ahead
            sizes = sizes + [self._geometry.size(f) for f in self._ahead]
        return _fit(way, usual, ticks, factors, sizes, self.written(way, usual, ticks, after), limit)

    def _usual(self, source: tuple[Factor, ...], ticks: TickFactors, change: Longs) -> Usual:
        """The most common change other than `still` for each key; `still` where there was no other."""
        still, n = self._geometry.still(self.i), self._geometry.n_changes(self.i)
        pair, count = np.unique(_key(source, ticks) * n + change, return_counts=True)
        key, what = np.divmod(pair, n)
        order = np.lexsort((-count, what == still, key))  # per key: real changes first, then the most frequent
        keys, first = np.unique(key[order], return_index=True)
        return Usual(source, keys, what[order][first])

    def _rough(self, source: tuple[Factor, ...], ticks: TickFactors, change: Longs) -> float:
        """An estimate of the description length of the changes by a table alone."""
        usual = self._usual(source, ticks, change)
        hit = float((change == usual.look_up(ticks, self._geometry.still(self.i))).mean())
        spread = 0.0 if hit in (0.0, 1.0) else -(hit * math.log(hit) + (1 - hit) * math.log(1 - hit))
        return len(ticks) * (spread + (1 - hit)) + usual.nats


def _reckoned(counts: Floats) -> tuple[Longs, Floats]:
    """The symbols kept for planning, the likeliest first, and their renormalised probabilities."""
    order = np.argsort(-counts, kind="stable")
    total = counts.sum()
    if total == 0:
        return order[:1], np.ones(1)
    least = max(MIN_SHARE * total, 2 if total >= LONE else 1)
    kept = order[(counts[order] >= least) | (np.arange(order.size) == 0)]
    return kept, counts[kept] / counts[kept].sum()


def _fit(
    way: str,
    usual: Usual | None,
    ticks: TickFactors,
    factors: list[Factor],
    sizes: list[int],
    written: Longs,
    limit: float,
) -> Rules | None:
    price = 0.0 if usual is None else usual.nats
    alphabet, symbols = np.unique(written, return_inverse=True)
    if alphabet.size == 0:  # every reward was withheld: predict one symbol
        alphabet = np.zeros(1, np.int64)
    if alphabet.size == 1:
        factors, sizes = [], []
    values = np.stack([ticks.column(f) for f in factors], axis=1) if factors else np.zeros((written.size, 0), np.int64)
    tree = grow(values, np.array(sizes, np.int64), symbols, alphabet.size, limit - price)
    if tree is None:
        return None
    rules = Rules(way, usual, tuple(factors), alphabet, tree, price + tree.nats, NOTHING, tree.counts)
    return _remembering(rules, ticks, symbols)


def _remembering(rules: Rules, ticks: TickFactors, symbols: Longs) -> Rules:
    """The rules with the counts of these ticks, and with a memory of states below their mixed leaves."""
    leaf = rules.tree.place(len(ticks), lambda factor: ticks.column(rules.factors[factor]))
    leaves, n = rules.tree.counts.shape
    counts = np.bincount(leaf * n + symbols, minlength=leaves * n).reshape(leaves, n)
    memory, whole = remember(counts, leaf, ticks, symbols)
    return replace(rules, memory=memory, counts=np.concatenate([counts, whole]).astype(np.float64))


def _key(source: tuple[Factor, ...], ticks: TickFactors) -> Longs:
    key = ticks.column(source[0])
    for factor in source[1:]:
        key = key * RADIX + ticks.column(factor)
    return key


@dataclass(frozen=True, eq=False)
class ContextMemory:
    """The states that are contexts of their own, below leaves that do not explain their outcomes.

    Attributes:
        keys: int64 `[m]`, sorted, see `TickFactors.whole`; leaves: int64 `[m]`, the leaf that each lies below.
        first: the number of the first of them among all contexts.
    """

    keys: Longs
    leaves: Longs
    first: int

    def refine(self, leaf: Longs, ticks: TickFactors) -> Longs:
        """int64 `[n]`: the contexts of ticks in the leaves `[n]`: a remembered state if there is one, else the leaf."""
        below = np.flatnonzero(np.isin(leaf, self.leaves))
        if not below.size:
            return leaf
        keys = ticks.whole()[below]
        at = np.minimum(np.searchsorted(self.keys, keys), self.keys.size - 1)
        known = (self.keys[at] == keys) & (self.leaves[at] == leaf[below])
        out = leaf.copy()
        out[below[known]] = self.first + at[known]
        return out


NOTHING: Final = ContextMemory(np.zeros(0, np.int64), np.zeros(0, np.int64), 0)
"""No memory."""


def remember(counts: Longs, leaf: Longs, ticks: TickFactors, symbols: Longs) -> tuple[ContextMemory, Longs]:
    """The memory below leaves, and int64 `[m, Y]`, the counts of each symbol in each of its contexts.

    Args:
        counts: int64 `[leaves, Y]`, of each symbol in each leaf.
        leaf: int64 `[n]`, of each tick.
        ticks: n of them, with the outputs revealed that the rules may test.
        symbols: int64 `[n]`, the symbols to be predicted.
    """
    mixed = np.flatnonzero(np.count_nonzero(counts, axis=1) > 1)
    rows = np.flatnonzero(np.isin(leaf, mixed))
    if not rows.size:
        return NOTHING, counts[:0]
    keys, first, back = np.unique(ticks.whole()[rows], return_index=True, return_inverse=True)
    n = counts.shape[1]
    whole = np.bincount(back * n + symbols[rows], minlength=keys.size * n).reshape(keys.size, n)
    below = leaf[rows][first]
    # Bayes factor per leaf: the evidence of one distribution per state against that of one for the whole leaf.
    apart = np.bincount(below, evidence(whole.T), minlength=len(counts))
    kept = (apart > evidence(counts.T))[below]
    return ContextMemory(keys[kept], below[kept], len(counts)), whole[kept]
