"""Conformance checks of deliberations: the contract of `Deliberation`, one clause per test."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np

from ..envs.base import Bools, Floats
from ..envs.deliberation import Choice, Deliberation, DeliberationRule
from .conformance import Conformance, ConformanceReport, clause, require, require_array, skip


class DeliberationConformance(Conformance):
    """The contract of deliberations, with every clause as a test.

        class TestDictator(DeliberationConformance):
            deliberation = staticmethod(dictator)
            parameters = {"head": 1}

    Attributes:
        deliberation: the function, or the name of one that Turncoat or an installed package has.
        parameters: its keyword arguments.
        heads: the number of heads; parameters may refer to heads by number.
        thresholds: whether its parameters are in the units of heads. Negating a head's weight and values then changes
            the decision, and the clause on negative weights is skipped.
        seed: the seed of the random judgements on which it deliberates.
        rounds: the number of these judgements.
    """

    contract = f"a deliberation ({Choice.__module__})"
    deliberation: ClassVar[Callable[..., Any] | str]
    parameters: ClassVar[Mapping[str, Any]] = MappingProxyType({})
    heads: ClassVar[int] = 3
    thresholds: ClassVar[bool] = False
    seed: ClassVar[int] = 0
    rounds: ClassVar[int] = 60

    @clause
    def test_a_choice_of_the_right_shape(self) -> None:
        """It returns `Choice(action, ties)`: int32 `[..]` and bool `[.., A]`, whatever stands before A and K."""
        for shape in ((), (1,), (4,), (2, 3)):
            q, weights, mask = self._judgements(shape)
            choice = self._choose(q, weights, mask)
            pair = isinstance(choice, tuple) and len(choice) == 2 and hasattr(choice, "ties")
            require(pair, f"a {Choice.__module__}.Choice", choice)
            given = f"q {list(q.shape)}, weights {list(weights.shape)}, mask {list(mask.shape)}"
            action = np.asarray(choice.action)
            whole = np.issubdtype(action.dtype, np.integer) and action.shape == shape
            require(whole, f"actions: whole numbers {list(shape)}", action, given)
            require_array(choice.ties, "ties", np.bool_, mask.shape)

    @clause
    def test_only_available_actions(self) -> None:
        """What it chooses, and every action that ties with it, is available; and there is always one."""
        for q, weights, mask in self._many():
            choice = self._choose(q, weights, mask)
            given = _given(q, weights, mask)
            require(choice.ties.any(), "at least one best action", choice.ties, given)
            require(not (choice.ties & ~mask).any(), "ties among the available actions", choice.ties, given)
            require(mask[choice.action], "an available action", choice.action, given)

    @clause
    def test_the_first_of_the_best(self) -> None:
        """What is left open falls to the first of the tied actions: nobody draws lots."""
        for q, weights, mask in self._many():
            choice = self._choose(q, weights, mask)
            wanted = f"action {choice.ties.argmax()}, the first of {np.flatnonzero(choice.ties).tolist()}"
            require(choice.action == choice.ties.argmax(), wanted, choice.action, _given(q, weights, mask))

    @clause
    def test_many_choose_as_one_by_one(self) -> None:
        """What it chooses in one row depends on nothing in the others."""
        # The number of rows differs from those of actions and heads, so that confusing two axes shows.
        q, weights, mask = self._judgements((7,))
        together = self._choose(q, weights, mask)
        for row in range(len(q)):
            alone = self._choose(q[row], weights, mask[row])
            for name in ("action", "ties"):
                mine, its = getattr(together, name)[row], getattr(alone, name)
                require(np.array_equal(mine, its), f"{name} {its}, as alone", mine, _given(q[row], weights, mask[row]))

    @clause
    def test_the_same_question_has_the_same_answer(self) -> None:
        """It draws no lots and remembers nothing."""
        asked = list(self._many())
        first = [self._choose(*question) for question in asked]
        # In reverse order, since a memory of the previous question would answer the same order alike.
        for question, choice in zip(asked[::-1], first[::-1], strict=True):
            again = self._choose(*question)
            require(np.array_equal(again.ties, choice.ties), f"ties {choice.ties}", again.ties, _given(*question))

    @clause
    def test_leaves_what_it_is_given(self) -> None:
        """It writes into neither q, weights nor mask."""
        given = self._judgements((3,))
        kept = [np.array(part) for part in given]
        self._choose(*given)
        for name, part, before in zip(("q", "weights", "mask"), given, kept, strict=True):
            require(np.array_equal(part, before), f"{name} as it was", "it wrote into it")

    @clause
    def test_what_is_unavailable_does_not_count(self) -> None:
        """Values of actions that are not available change nothing."""
        rng = np.random.default_rng(self.seed)
        for q, weights, mask in self._many():
            other = np.where(mask[:, None], q, rng.integers(-50, 50, q.shape).astype(float))
            self._alike((q, weights, mask), (other, weights, mask))

    @clause
    def test_a_weight_of_0_silences(self) -> None:
        """What a head of weight 0 judges changes nothing: so it is found out which head decided."""
        rng = np.random.default_rng(self.seed)
        for q, weights, mask in self._many():
            for head in range(self.heads):
                silent = np.where(np.arange(self.heads) == head, 0.0, weights)
                other = q.copy()
                other[:, head] = rng.integers(-50, 50, len(q))
                self._alike((q, silent, mask), (other, silent, mask), head)

    @clause
    def test_a_negative_weight_turns_a_head_around(self) -> None:
        """A head of negative weight wants less of its channel: more of the channel negated."""
        if self.thresholds:
            skip("its thresholds are in the units of heads")
        for q, weights, mask in self._many():
            for head in range(self.heads):
                sign = np.where(np.arange(self.heads) == head, -1.0, 1.0)
                self._alike((q, weights, mask), (q * sign, weights * sign, mask))

    # ------------------------------------------------------------------ what the clauses share

    def _rule(self) -> Any:
        """The deliberation: a `DeliberationRule` for a name, else the function."""
        its = self.deliberation
        return DeliberationRule(its, self.parameters) if isinstance(its, str) else its

    def _choose(self, q: Floats, weights: Floats, mask: Bools, without: int | None = None) -> Choice:
        """The choice for some judgements; `without`: by the variant of a named rule that leaves one head out."""
        rule = self._rule()
        if isinstance(rule, DeliberationRule):
            return (rule if without is None else rule.without(without))(q, weights, mask)
        deliberate: Deliberation = rule
        return deliberate(q, weights, mask, **self.parameters)

    def _judgements(self, shape: tuple[int, ...], seed: int | None = None) -> tuple[Floats, Floats, Bools]:
        """Random values, weights and mask of 5 actions: small whole numbers, so that ties are frequent and exact."""
        rng = np.random.default_rng([self.seed, 0 if seed is None else seed])
        mask = rng.random((*shape, 5)) < 0.7
        np.put_along_axis(mask, rng.integers(0, 5, (*shape, 1)), True, axis=-1)  # at least one action is available
        weights = rng.integers(-1, 3, self.heads).astype(np.float64)
        return rng.integers(-3, 4, (*shape, 5, self.heads)).astype(np.float64), weights, mask

    def _many(self) -> Iterator[tuple[Floats, Floats, Bools]]:
        """The judgements of every round, one decision each."""
        for number in range(self.rounds):
            yield self._judgements((), number)

    def _alike(
        self, one: tuple[Floats, Floats, Bools], other: tuple[Floats, Floats, Bools], without: int | None = None
    ) -> None:
        # Ties, not actions, are compared: two choices with the same ties have the same first of them.
        mine, wanted = self._choose(*other, without), self._choose(*one, without)
        given = f"{_given(*other)}, and {_given(*one)}"
        require(np.array_equal(mine.ties, wanted.ties), f"ties {wanted.ties}, both times", mine.ties, given)


def check_deliberation(
    deliberation: Callable[..., Any] | str,
    parameters: Mapping[str, Any] = MappingProxyType({}),
    **settings: Any,
) -> ConformanceReport:
    """Check a deliberation against every clause of its contract.

    Args:
        deliberation: the function, or the name of one that Turncoat or an installed package has.
        parameters: its keyword arguments.
        **settings: other attributes of `DeliberationConformance` (`heads=2`).

    Returns:
        The report, if every clause that applies holds.

    Raises:
        ConformanceError: a clause does not hold; the message gives for each such clause the input, the required result
            and the actual one.
        TypeError: there is no such setting.
    """
    name = deliberation if isinstance(deliberation, str) else getattr(deliberation, "__name__", repr(deliberation))
    its = deliberation if isinstance(deliberation, str) else staticmethod(deliberation)
    return DeliberationConformance.of(deliberation=its, parameters=parameters, **settings).check(f"`{name}`")


def _given(q: Floats, weights: Floats, mask: Bools) -> str:
    return f"q {q.tolist()}, weights {weights.tolist()}, mask {mask.tolist()}"
