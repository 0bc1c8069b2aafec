"""Decision trees for categorical prediction whose splits are conjunctions of tests, accepted by a Bayes factor.

A leaf predicts by the counts of its rows under a symmetric Dirichlet prior. The score of a split is its gain in log
marginal likelihood minus the description length of its conjunction, so a tree grows only as far as the data justify.
A test asks whether a factor has one of some values. Factors and values already used in a tree have a shorter code,
since what mattered once is likely to matter again. Trees for local structure: Friedman and Goldszmidt, "Learning
Bayesian networks with local structure" (1996). Splits on several tests at once find what greedy single tests cannot:
an effect that needs three conditions together.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, TypeAlias

import numpy as np

from ...envs.base import Bools, Floats, Longs
from ...scenarios.deferred import special

CONCENTRATION: Final = 1e-6
"""Dirichlet pseudo-count of each symbol. It is tiny because most transitions are deterministic."""
BEAM: Final = 8
"""Width of the beam search over conjunctions."""
MAX_TESTS: Final = 4
"""Most tests in one conjunction."""
ONE_MORE: Final = math.log(2)
"""Description length in nats of the mark that one more value follows, besides the value itself."""

Test: TypeAlias = tuple[int, ...]


@dataclass(eq=False)
class TreeNode:
    """A leaf, or a split: `yes` where every test holds, else `no`.

    Attributes:
        counts: float64 `[Y]`, how often each symbol occurs among its rows.
        tests: pairs of a factor and the values of which it must have one, int64, sorted; empty in a leaf.
        leaf: its number among the leaves; -1 in a split.
    """

    counts: Floats
    tests: tuple[tuple[int, Longs], ...] = ()
    yes: TreeNode | None = None
    no: TreeNode | None = None
    leaf: int = -1


@dataclass(frozen=True, eq=False)
class Tree:
    """A learned decision tree over Y symbols.

    Attributes:
        root: the root node.
        counts: float64 `[leaves, Y]`.
        used: the factors that it tests.
        nats: description length of the rows, the tree itself included.
    """

    root: TreeNode
    counts: Floats
    used: frozenset[int]
    nats: float

    def place(self, n: int, column: Callable[[int], Longs]) -> Longs:
        """int64 `[n]`: the leaf of each of n rows, given the column `[n]` of any factor's values."""
        out = np.empty(n, np.int64)
        waiting = [(self.root, np.arange(n))]
        while waiting:
            node, rows = waiting.pop()
            if node.yes is None or node.no is None:
                out[rows] = node.leaf
                continue
            holds = np.ones(rows.size, np.bool_)
            for factor, values in node.tests:
                holds &= _among(column(factor)[rows], values)
            if holds.any():
                waiting.append((node.yes, rows[holds]))
            if not holds.all():
                waiting.append((node.no, rows[~holds]))
        return out


def evidence(counts: Longs) -> Floats:
    """float64 `[..]`: the log marginal likelihood of counts `[Y, ..]` under one distribution of the symbols."""
    return _of_symbols(counts).sum(axis=0) - _of_totals(counts.sum(axis=0), len(counts))


def _of_symbols(counts: Longs) -> Floats:
    return special.gammaln(counts + CONCENTRATION) - special.gammaln(CONCENTRATION)


def _of_totals(totals: Longs, n_symbols: int) -> Floats:
    whole = CONCENTRATION * n_symbols
    return special.gammaln(totals + whole) - special.gammaln(whole)


def grow(values: Longs, sizes: Longs, symbols: Longs, n_symbols: int, limit: float = math.inf) -> Tree | None:
    """Learns a tree; None if the description length of the rows exceeds `limit`.

    Args:
        values: int64 `[n, F]`, each factor's value, from 0 to `sizes[f] - 1`.
        sizes: int64 `[F]`.
        symbols: int64 `[n]`, what is to be predicted, from 0 to `n_symbols - 1`.
        n_symbols: Y.
        limit: nats.
    """
    return _Grower(values, sizes, symbols, n_symbols, limit).tree()


@dataclass(eq=False)
class _Found:
    """A candidate split: a conjunction, its rows, its description length, and its net gain, both in nats.

    A test is the codes of one factor's values, one of which the factor must have.
    """

    tests: tuple[Test, ...]
    rows: Longs
    price: float
    gain: float = -math.inf


@dataclass(eq=False)
class _Grower:
    """Grows one tree depth first; see `grow` for the fields."""

    values: Longs
    sizes: Longs
    symbols: Longs
    n_symbols: int
    limit: float
    leaves: list[TreeNode] = field(default_factory=list)

    def __post_init__(self) -> None:
        n, factors = self.values.shape
        first = np.concatenate([[0], np.cumsum(self.sizes)])[:-1]
        codes = self.values + first
        seen = np.zeros(int(self.sizes.sum()), np.bool_)
        seen[codes.ravel()] = True
        self.known = np.flatnonzero(seen)  # only values that came can be tested for
        self.factor = np.searchsorted(first, self.known, side="right") - 1
        self.value = self.known - first[self.factor]
        self.codes = (np.cumsum(seen) - 1)[codes]
        counts = np.arange(n + 1)
        # gammaln is the hot spot of the search: it is tabulated for every count that can occur.
        self.symbol_table, self.total_table = _of_symbols(counts), _of_totals(counts, self.n_symbols)
        self.kinds = np.bincount(self.factor, minlength=factors)
        self.named = np.zeros(factors)
        self.named_values = np.zeros(self.known.size)
        self._price()
        self.nats = 0.0

    def _price(self) -> None:
        """Updates the code lengths in nats of each factor ("one more test follows" included) and of each test.

        The code is a mixture: with probability one half the empirical distribution of those named so far in the tree,
        else a uniform distribution.
        """
        named = self.named[self.factor]
        factor = np.full(self.named.size, 1 / max(self.named.size, 1))
        value = 1 / self.kinds[self.factor]
        if self.named.any():
            factor = (factor + self.named / self.named.sum()) / 2
            value = np.where(named > 0, (value + self.named_values / np.maximum(named, 1)) / 2, value)
        self.factor_prices = math.log(2) - np.log(factor)
        self.prices = self.factor_prices[self.factor] - np.log(value) + ONE_MORE

    def tree(self) -> Tree | None:
        root = self._node(np.arange(len(self.symbols)))
        if self.nats > self.limit:
            return None
        used = frozenset(factor for node in _nodes(root) for factor, _ in node.tests)
        return Tree(root, np.array([leaf.counts for leaf in self.leaves]), used, self.nats)

    def _node(self, rows: Longs) -> TreeNode:
        counts = np.bincount(self.symbols[rows], minlength=self.n_symbols)
        worth = np.count_nonzero(counts) > 1 and self.nats <= self.limit
        split = self._split(rows, counts) if worth else None
        if split is None:
            # A finished leaf adds the description length of its rows: minus their log marginal likelihood.
            self.nats -= float(self._likelihood(counts))
            self.leaves.append(TreeNode(counts.astype(np.float64), leaf=len(self.leaves)))
            return self.leaves[-1]
        self.nats += split.price
        for test in split.tests:
            self.named[self.factor[test[0]]] += 1
            self.named_values[list(test)] += 1 / len(test)
        self._price()
        inside = np.zeros(len(self.symbols), np.bool_)
        inside[split.rows] = True
        tests = [(int(self.factor[test[0]]), self.value[list(test)]) for test in split.tests]
        yes, no = self._node(split.rows), self._node(rows[~inside[rows]])
        return TreeNode(counts.astype(np.float64), tuple(tests), yes, no)

    def _likelihood(self, counts: Longs) -> Floats:
        """`evidence`, from tables."""
        return self.symbol_table[counts].sum(axis=0) - self.total_table[counts.sum(axis=0)]

    def _split(self, rows: Longs, counts: Longs) -> _Found | None:
        """The conjunction with the largest gain, by beam search; None if no gain is positive."""
        whole = float(self._likelihood(counts))
        beam = [_Found((), rows, 0.0)]
        best = _Found((), rows, 0.0, 0.0)
        for _ in range(MAX_TESTS):
            found: list[_Found] = []
            for one in beam:
                found += self._extend(one, counts, whole)
            kept: dict[tuple[Test, ...], _Found] = {}
            for one in sorted(found, key=lambda one: -one.gain):
                kept.setdefault(tuple(sorted(one.tests)), one)
                if len(kept) == BEAM:
                    break
            beam = list(kept.values())
            if beam and beam[0].gain > best.gain:
                best = beam[0]
            least = float(self.prices.min())  # even a perfect split gains no more than `whole` costs now
            # Branch and bound: drops conjunctions that no further test can make better than the best so far.
            beam = [one for one in beam if -whole - one.price - least > best.gain]
        return best if best.gain > 0 else None

    def _extend(self, one: _Found, counts: Longs, whole: float) -> list[_Found]:
        """The best conjunctions with one test more."""
        codes = self.codes[one.rows]
        flat = codes + self.symbols[one.rows, None] * self.known.size  # symbols first: short sums over many tests
        inside = np.bincount(flat.ravel(), minlength=self.known.size * self.n_symbols).reshape(self.n_symbols, -1)
        totals = inside.sum(axis=0)
        # The tests of a conjunction have no order: log(k!) nats of naming them in one are given back.
        prices = one.price + self.prices - math.log(len(one.tests) + 1)
        gain = self._gain(inside, counts, whole) - prices
        gain[(totals == 0) | (totals == one.rows.size)] = -math.inf
        best = np.argpartition(-gain, min(BEAM, gain.size - 1))[:BEAM].tolist()
        tests: list[tuple[Test, float, float]] = [((code,), float(prices[code]), float(gain[code])) for code in best]
        tests += self._of_several(one, inside, totals, counts, whole)
        out = []
        for test, price, gained in sorted(tests, key=lambda each: -each[2])[:BEAM]:
            if gained > -math.inf:
                rows = one.rows[_among(codes[:, self.factor[test[0]]], np.array(test))]
                out.append(_Found((*one.tests, test), rows, price, gained))
        return out

    def _of_several(
        self, one: _Found, inside: Longs, totals: Longs, counts: Longs, whole: float
    ) -> list[tuple[Test, float, float]]:
        """The best tests of several values, with their code lengths and gains.

        Candidates are, for each factor and each symbol but the most common here, the set of all values that occur with
        that symbol only. All subsets of values would be exponentially many.
        """
        symbol, most = inside.argmax(axis=0), inside.max(axis=0)
        common = np.bincount(self.symbols[one.rows]).argmax()
        pure = np.flatnonzero((most > 0) & (most == totals) & (symbol != common))
        kind, group, size = np.unique(
            self.factor[pure] * self.n_symbols + symbol[pure], return_inverse=True, return_counts=True
        )
        if not (size > 1).any():
            return []
        factor = kind // self.n_symbols
        together = np.zeros((self.n_symbols, kind.size), np.int64)
        together[kind % self.n_symbols, np.arange(kind.size)] = np.bincount(group, totals[pure])
        kinds = self.kinds[factor]
        # log of the number of subsets of this size: the code length of which values are meant.
        which = (
            special.gammaln(kinds + 1) - special.gammaln(size + 1) - special.gammaln(kinds - size + 1) + size * ONE_MORE
        )
        prices = one.price + self.factor_prices[factor] + which - math.log(len(one.tests) + 1)
        gain = self._gain(together, counts, whole) - prices
        gain[size == 1] = -math.inf
        best = np.argsort(-gain, kind="stable")[:BEAM].tolist()
        return [(tuple(pure[group == g].tolist()), float(prices[g]), float(gain[g])) for g in best]

    def _gain(self, inside: Longs, counts: Longs, whole: float) -> Floats:
        """The gain in log marginal likelihood of splitting `counts` `[Y]` by each column of `inside` `[Y, n]`."""
        return self._likelihood(inside) + self._likelihood(counts[:, None] - inside) - whole


def _among(column: Longs, values: Longs) -> Bools:
    """bool `[n]`: which rows have one of the values (at least one is given)."""
    return column == values[0] if values.size == 1 else np.isin(column, values)


def _nodes(root: TreeNode) -> list[TreeNode]:
    nodes, waiting = [], [root]
    while waiting:
        node = waiting.pop()
        nodes.append(node)
        waiting += [child for child in (node.yes, node.no) if child is not None]
    return nodes
