"""Named formulas: what stands under `let`, in an order in which each comes after those that it names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass

from ..schema.document import Document
from .constants import names_in
from .parser import ExpressionError, formula
from .syntax import Expression, Name

MAX_DEPTH = 100
"""Deepest nesting of a named formula once the formulas that it names are written out."""


def named_formulas(document: Document) -> dict[str, Expression]:
    """Name -> its formula, each after those that it names.

    Left out are those that cannot be parsed, that lead back to themselves or nest too deep, and those that name one of
    these: checks report them.
    """
    parsed = _parsed(document)
    waiting = {name: names_in(its) & document.let.keys() for name, its in parsed.items()}
    depths: dict[str, int] = {}
    while ready := [name for name, named in waiting.items() if named <= depths.keys()]:
        for name in ready:
            del waiting[name]
            depth = _depth(parsed[name], depths)
            if depth <= MAX_DEPTH:
                depths[name] = depth
    return {name: parsed[name] for name in depths}


def circles(document: Document) -> Iterator[tuple[str, str]]:
    """Each named formula that leads back to itself, with a name in it that leads there."""
    named = {name: names_in(its) & document.let.keys() for name, its in _parsed(document).items()}
    for name in named:
        for first in sorted(named[name]):
            reached, left = {first}, [first]
            while left:
                new = named.get(left.pop(), frozenset()) - reached
                reached |= new
                left += new
            if name in reached:
                yield name, first
                break


def _parsed(document: Document) -> dict[str, Expression]:
    parsed: dict[str, Expression] = {}
    for name, text in document.let.items():
        try:
            parsed[name] = formula(text)
        except ExpressionError:
            continue  # reported where named formulas are checked
    return parsed


def _depth(node: object, depths: Mapping[str, int]) -> int:
    """How deep a formula nests; of its names, those in `depths` count as their formulas."""
    if isinstance(node, Name):
        return depths.get(node.name, 1)
    below = [0]
    for item in fields(node) if is_dataclass(node) else ():
        value = getattr(node, item.name)
        below += [
            _depth(part, depths) for part in (value if isinstance(value, tuple) else (value,)) if is_dataclass(part)
        ]
    return 1 + max(below)
