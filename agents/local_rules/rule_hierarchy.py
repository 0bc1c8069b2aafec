"""The tree of one output read as rules with exceptions.

A tree is a default hierarchy (Holland et al. 1986): its root says what usually comes, and a node is a rule of its own
where it says otherwise than the rule above it, which it overrules wherever it applies. What a field does "as usual"
stands for the usual change, so that an exception to it is built on the rule that it overrules: it may ask what lies
where the field would usually go.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final, TypeAlias

from ...envs.base import Floats, Longs
from .decision_tree import TreeNode
from .output_model import Rules

ROOT: Final = 0
"""The number of a tree's root among its nodes."""

Conjunction: TypeAlias = tuple[tuple[int, Longs], ...]
"""Pairs of a factor and the values of which it must have one; see `TreeNode.tests`."""


@dataclass(frozen=True, eq=False)
class RuleNode:
    """A node of a tree.

    Attributes:
        above: the number of the node above it, -1 for the root; holds: whether it is the branch where the tests of
            that node hold.
        tests: of the node above it.
        rule: the number of the node that stands for the rule it belongs to: itself if it says otherwise than the rule
            above it.
        symbol: the likeliest symbol; counts: float64 `[Y]`, how often each came.
    """

    above: int
    holds: bool
    tests: Conjunction
    rule: int
    symbol: int
    counts: Floats


class RuleHierarchy:
    """The rules of one output as a hierarchy of exceptions.

    Attributes:
        nodes: of its tree, each after the one above it.
        leaves: the number of the node that each leaf is.
    """

    def __init__(self, rules: Rules) -> None:
        self._alphabet = rules.alphabet
        self.nodes: list[RuleNode] = []
        self.leaves: list[int] = [ROOT] * len(rules.tree.counts)
        totals: dict[int, Floats] = {}
        _count(rules.tree.root, rules.counts, totals)
        waiting: list[tuple[TreeNode, int, bool, Conjunction]] = [(rules.tree.root, -1, True, ())]
        while waiting:
            node, above, holds, tests = waiting.pop()
            counts, number = totals[id(node)], len(self.nodes)
            symbol = int(counts.argmax())
            rule = number
            if above >= 0 and self.nodes[self.nodes[above].rule].symbol == symbol:
                rule = self.nodes[above].rule
            self.nodes.append(RuleNode(above, holds, tests, rule, symbol, counts))
            if node.yes is None or node.no is None:
                self.leaves[node.leaf] = number
            else:
                waiting += [(node.no, number, False, node.tests), (node.yes, number, True, node.tests)]
        said = int(rules.alphabet[self.nodes[ROOT].symbol])
        self._default_is_usual = rules.usual is not None and said == 0

    def chain(self, leaf: int) -> list[int]:
        """The rules that apply in a leaf, the most general first: each overrules the one before it."""
        number = self.nodes[self.leaves[leaf]].rule
        out = [number]
        while self.nodes[number].above >= 0:
            number = self.nodes[self.nodes[number].above].rule
            out.insert(0, number)
        return out

    def own(self, number: int, general: int) -> list[tuple[Conjunction, bool]]:
        """The tests between a rule and a more general one, and whether they hold.

        Of tests that do not hold only the rule's own are among them: that no other exception applies goes without
        saying.
        """
        out = list[tuple[Conjunction, bool]]()
        at = number
        while at != general and self.nodes[at].above >= 0:
            node = self.nodes[at]
            if node.holds or at == number:
                out.insert(0, (node.tests, node.holds))
            at = node.above
        return out

    def counts(self, number: int, symbol: int) -> tuple[int, int]:
        """In how many ticks a node's conditions held, exceptions included, with a symbol; and in how many at all."""
        counts = self.nodes[number].counts
        return int(counts[symbol]), int(counts.sum())

    @property
    def n_exceptions(self) -> int:
        """How many rules overrule another."""
        return len(self.keys) - 1

    @property
    def n_rules(self) -> int:
        """How many rules there are; a default that says "as usual" is none beside those of the usual changes."""
        return len(self.keys) - self._default_is_usual

    @cached_property
    def keys(self) -> list[tuple[int, int]]:
        """Each rule's node, and a number that it has in every tree in which it stands under the same conditions."""
        codes, out, alphabet = list[int](), list[tuple[int, int]](), self._alphabet
        for number, node in enumerate(self.nodes):
            tests = tuple((factor, *values.tolist()) for factor, values in node.tests)
            codes.append(hash((codes[node.above] if node.above >= 0 else 0, node.holds, tests)))
            if node.rule == number:
                out.append((number, hash((codes[number], int(alphabet[node.symbol])))))
        return out

    def key_of(self, number: int) -> int:
        """The key of the rule of a node."""
        return dict(self.keys)[self.nodes[number].rule]


def _count(node: TreeNode, counts: Floats, totals: dict[int, Floats]) -> Floats:
    """The counts `[Y]` of a node from those of its leaves, into `totals` by identity; a tree's own may be of before."""
    if node.yes is None or node.no is None:
        out = counts[node.leaf]
    else:
        out = _count(node.yes, counts, totals) + _count(node.no, counts, totals)
    totals[id(node)] = out
    return out
