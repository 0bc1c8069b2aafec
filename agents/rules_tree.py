"""One output's rules: a tree whose every split is a conjunction of equalities, kept only if a Bayes factor pays for it.

A leaf predicts by the counts of the rows that it holds, under a symmetric Dirichlet prior. A split is worth the gain in
log marginal likelihood, less the log of how many conjunctions it was chosen from, so a context starts empty and grows
only as far as the data pay for it. Trees for local structure are from Friedman and Goldszmidt, "Learning Bayesian
networks with local structure" (1996); splitting on several tests at once finds what one at a time cannot: something
that happens only where three things hold together.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from scipy.special import gammaln

from ..envs.base import Floats, Longs

CONCENTRATION: Final = 1e-6
"""Dirichlet weight of each symbol. Small, for most of what happens in a world happens without chance."""
BEAM: Final = 8
"""How many conjunctions are grown side by side."""
MAX_TESTS: Final = 4
"""Most tests in one conjunction."""


@dataclass(eq=False)
class Node:
    """A leaf, or a split: `yes` where every test holds, else `no`.

    Attributes:
        counts: float64 `[Y]`, how often each symbol came among the rows below.
        tests: pairs of a factor and the value that it must have; empty in a leaf.
        leaf: its number among the leaves; -1 in a split.
    """

    counts: Floats
    tests: tuple[tuple[int, int], ...] = ()
    yes: Node | None = None
    no: Node | None = None
    leaf: int = -1


@dataclass(frozen=True, eq=False)
class Tree:
    """A grown tree.

    Attributes:
        root: its top.
        counts: float64 `[leaves, Y]`.
        used: the factors that it tests.
        nats: what the rows cost to tell, the tree itself included.
    """

    root: Node
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
            for factor, value in node.tests:
                holds &= column(factor)[rows] == value
            if holds.any():
                waiting.append((node.yes, rows[holds]))
            if not holds.all():
                waiting.append((node.no, rows[~holds]))
        return out


def grow(values: Longs, sizes: Longs, symbols: Longs, n_symbols: int, limit: float = math.inf) -> Tree | None:
    """Learns a tree, or gives up (None) once telling the rows costs more than `limit`.

    Args:
        values: int64 `[n, F]`, each factor's value, from 0 to `sizes[f] - 1`.
        sizes: int64 `[F]`.
        symbols: int64 `[n]`, what came, from 0 to `n_symbols - 1`.
        n_symbols: Y.
        limit: nats.
    """
    return _Grower(values, sizes, symbols, n_symbols, limit).tree()


@dataclass(eq=False)
class _Found:
    """A conjunction, its rows, and what it gains as a split."""

    tests: tuple[int, ...]
    rows: Longs
    price: float
    gain: float = -math.inf


@dataclass(eq=False)
class _Grower:
    values: Longs
    sizes: Longs
    symbols: Longs
    n_symbols: int
    limit: float
    leaves: list[Node] = field(default_factory=list)

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
        self.symbol_table = gammaln(counts + CONCENTRATION) - gammaln(CONCENTRATION)
        whole = CONCENTRATION * self.n_symbols
        self.total_table = gammaln(counts + whole) - gammaln(whole)
        kinds = np.bincount(self.factor, minlength=factors)
        self.prices = (math.log(max(factors, 1)) + np.log(kinds) + math.log(2))[self.factor]
        self.nats = 0.0

    def tree(self) -> Tree | None:
        root = self._node(np.arange(len(self.symbols)))
        if self.nats > self.limit:
            return None
        used = frozenset(factor for node in _nodes(root) for factor, _ in node.tests)
        return Tree(root, np.array([leaf.counts for leaf in self.leaves]), used, self.nats)

    def _node(self, rows: Longs) -> Node:
        counts = np.bincount(self.symbols[rows], minlength=self.n_symbols)
        worth = np.count_nonzero(counts) > 1 and self.nats <= self.limit
        split = self._split(rows, counts) if worth else None
        if split is None:
            self.nats -= float(self._likelihood(counts))
            self.leaves.append(Node(counts.astype(np.float64), leaf=len(self.leaves)))
            return self.leaves[-1]
        self.nats += split.price
        inside = np.zeros(len(self.symbols), np.bool_)
        inside[split.rows] = True
        tests = [(int(self.factor[code]), int(self.value[code])) for code in split.tests]
        yes, no = self._node(split.rows), self._node(rows[~inside[rows]])
        return Node(counts.astype(np.float64), tuple(tests), yes, no)

    def _likelihood(self, counts: Longs) -> Floats:
        """The log marginal likelihood of counts `[.., Y]`."""
        return self.symbol_table[counts].sum(axis=-1) - self.total_table[counts.sum(axis=-1)]

    def _split(self, rows: Longs, counts: Longs) -> _Found | None:
        """The conjunction that gains most, or None if none gains anything."""
        whole = float(self._likelihood(counts))
        beam = [_Found((), rows, 0.0)]
        best = _Found((), rows, 0.0, 0.0)
        for _ in range(MAX_TESTS):
            found: list[_Found] = []
            for one in beam:
                found += self._extend(one, counts, whole)
            kept: dict[tuple[int, ...], _Found] = {}
            for one in sorted(found, key=lambda one: -one.gain):
                kept.setdefault(tuple(sorted(one.tests)), one)
                if len(kept) == BEAM:
                    break
            beam = list(kept.values())
            if beam and beam[0].gain > best.gain:
                best = beam[0]
            least = float(self.prices.min())  # even a perfect split gains no more than `whole` costs now
            beam = [one for one in beam if -whole - one.price - least > best.gain]
        return best if best.gain > 0 else None

    def _extend(self, one: _Found, counts: Longs, whole: float) -> list[_Found]:
        """The best conjunctions with one test more."""
        codes = self.codes[one.rows]
        flat = codes * self.n_symbols + self.symbols[one.rows, None]
        inside = np.bincount(flat.ravel(), minlength=self.known.size * self.n_symbols).reshape(-1, self.n_symbols)
        totals = inside.sum(axis=1)
        prices = one.price + self.prices - math.log(len(one.tests) + 1)
        gain = self._likelihood(inside) + self._likelihood(counts - inside) - whole - prices
        gain[(totals == 0) | (totals == one.rows.size)] = -math.inf
        best = np.argpartition(-gain, min(BEAM, gain.size - 1))[:BEAM]
        out = []
        for code in best[np.argsort(-gain[best], kind="stable")].tolist():
            if gain[code] > -math.inf:
                rows = one.rows[codes[:, self.factor[code]] == code]
                out.append(_Found((*one.tests, code), rows, float(prices[code]), float(gain[code])))
        return out


def _nodes(root: Node) -> list[Node]:
    nodes, waiting = [], [root]
    while waiting:
        node = waiting.pop()
        nodes.append(node)
        waiting += [child for child in (node.yes, node.no) if child is not None]
    return nodes
