"""The contract of deliberations (`Deliberation`), clause by clause."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np

from ..envs.base import Bools, Floats
from ..envs.deliberation import Choice, Deliberation, DeliberationRule
from .conformance import Conformance, ConformanceReport, clause, require, require_array, skip


class DeliberationConformance(Conformance):
    """Every clause of the contract of deliberations, as a test.

        class TestDictator(DeliberationConformance):
            deliberation = staticmethod(dictator)
            parameters = {"head": 1}

    Attributes:
        deliberation: the function, or the name of one of Turncoat's or of an installed package.
        parameters: given to it by name.
        heads: how many there are; its parameters may speak of them by number.
        thresholds: its parameters are in the units of heads, so that a head that is turned around is another one.
        seed: of the judgements that it is asked to deliberate on; rounds: how many times.
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
        its = self.deliberation
        return DeliberationRule(its, self.parameters) if isinstance(its, str) else its

    def _choose(self, q: Floats, weights: Floats, mask: Bools, without: int | None = None) -> Choice:
        rule = self._rule()
        if isinstance(rule, DeliberationRule):
            return (rule if without is None else rule.without(without))(q, weights, mask)
        deliberate: Deliberation = rule
        return deliberate(q, weights, mask, **self.parameters)

    def _judgements(self, shape: tuple[int, ...], seed: int | None = None) -> tuple[Floats, Floats, Bools]:
        """Judgements of 5 actions: small whole numbers, so that ties are frequent and exact."""
        rng = np.random.default_rng([self.seed, 0 if seed is None else seed])
        mask = rng.random((*shape, 5)) < 0.7
        np.put_along_axis(mask, rng.integers(0, 5, (*shape, 1)), True, axis=-1)
        weights = rng.integers(-1, 3, self.heads).astype(np.float64)
        return rng.integers(-3, 4, (*shape, 5, self.heads)).astype(np.float64), weights, mask

    def _many(self) -> Iterator[tuple[Floats, Floats, Bools]]:
        for number in range(self.rounds):
            yield self._judgements((), number)

    def _alike(
        self, one: tuple[Floats, Floats, Bools], other: tuple[Floats, Floats, Bools], without: int | None = None
    ) -> None:
        mine, wanted = self._choose(*other, without), self._choose(*one, without)
        given = f"{_given(*other)}, and {_given(*one)}"
        require(np.array_equal(mine.ties, wanted.ties), f"ties {wanted.ties}, both times", mine.ties, given)


def check_deliberation(
    deliberation: Callable[..., Any] | str,
    parameters: Mapping[str, Any] = MappingProxyType({}),
    **settings: Any,
) -> ConformanceReport:
    """Checks a deliberation against every clause of its contract.

    Args:
        deliberation: the function; or the name of one of Turncoat's or of an installed package.
        parameters: given to it by name.
        **settings: the other attributes of `DeliberationConformance` (`heads=2`).

    Returns:
        The report, if every clause that applies is kept.

    Raises:
        ConformanceError: one is not; the message names each, what was given, what is wanted and what came.
        TypeError: there is no such setting.
    """
    name = deliberation if isinstance(deliberation, str) else getattr(deliberation, "__name__", repr(deliberation))
    its = deliberation if isinstance(deliberation, str) else staticmethod(deliberation)
    return DeliberationConformance.of(deliberation=its, parameters=parameters, **settings).check(f"`{name}`")


def _given(q: Floats, weights: Floats, mask: Bools) -> str:
    return f"q {q.tolist()}, weights {weights.tolist()}, mask {mask.tolist()}"
