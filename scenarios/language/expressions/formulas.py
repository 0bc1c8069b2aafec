"""Parses the formulas, effects and measures of a file; each text is parsed once and cached."""

from __future__ import annotations

from functools import lru_cache

from ..schema.document import Formula
from . import parser as parsing
from .syntax import Effect, Expression, Measure, Number, ParsedMeasure, Regime, Truth


def formula(value: Formula) -> Expression:
    """The expression of a formula, which a file may also give as a plain number or truth value.

    Raises:
        ExpressionError: the text is no expression.
    """
    if isinstance(value, bool):
        return Truth(value)
    if isinstance(value, (int, float)):
        return Number(value)
    return _expression(value)


@lru_cache(maxsize=4096)
def effect(text: str) -> Effect:
    """The effect that a line of `then:` states.

    Raises:
        ExpressionError: the text is no effect.
    """
    return parsing.parse_effect(text)


@lru_cache(maxsize=4096)
def measure(text: str) -> Measure:
    """The measure of an expectation.

    Raises:
        ExpressionError: the text is no measure.
    """
    return parsing.parse_measure(text)


def parsed_measure(text: str) -> ParsedMeasure:
    """The measure of an expectation, together with its text.

    Raises:
        ExpressionError: the text is no measure.
    """
    return ParsedMeasure(text, measure(text))


@lru_cache(maxsize=4096)
def regime(text: str) -> Regime:
    """The condition of a regime.

    Raises:
        ExpressionError: the text is no condition on measures.
    """
    return parsing.parse_regime(text)


@lru_cache(maxsize=4096)
def _expression(text: str) -> Expression:
    return parsing.parse_expression(text)
