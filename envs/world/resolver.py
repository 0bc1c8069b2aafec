"""Name resolution: params and the stage become constants, kinds become their instances, words become indices."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass, replace
from functools import cached_property
from typing import TypeVar

from ...scenarios.language.expressions.constants import NotConstantError, constant
from ...scenarios.language.expressions.syntax import (
    Ahead,
    Assign,
    BeforeTick,
    Beside,
    Binary,
    Call,
    Cell,
    Coordinate,
    Cycles,
    Distance,
    Does,
    Drop,
    Effect,
    Expression,
    Facing,
    Happened,
    MoveBy,
    Moved,
    Name,
    Number,
    PutAt,
    Quantified,
    Relation,
    Remove,
    StageIs,
    Swap,
    Take,
    Truth,
    Unary,
    ZoneOf,
)
from . import geometry

T = TypeVar("T")


@dataclass(frozen=True)
class NameBindings:
    """The meaning of each name in an expression, for one stage.

    Attributes:
        params: values; a cell is a `(row, column)` tuple.
        stage: its name.
        instances: of each thing, the names of its bodies (`gem` or `gem[0]`, `gem[1]`, ...); of `agent`, all agents.
        words: of each counter or draw that takes words, the words.
        bound: the instance that a kind's name stands for inside a quantifier or an `each` rule.
        formulas: named formulas, each after those that it names.
    """

    params: Mapping[str, object]
    stage: str
    instances: Mapping[str, Sequence[str]]
    words: Mapping[str, Sequence[str]]
    bound: Mapping[str, str]
    formulas: Mapping[str, Expression] = field(default_factory=dict)

    @cached_property
    def sizes(self) -> Mapping[str, int]:
        """The number of terms of each named formula, once it is written out."""
        sizes: dict[str, int] = {}
        for name, formula in self.formulas.items():
            sizes[name] = unrolled_size(formula, self.instances, sizes)
        return sizes

    def bind(self, group: str, instance: str) -> NameBindings:
        """The same, with `group` standing for one instance."""
        return replace(self, bound={**self.bound, group: instance})

    def body(self, name: str) -> str:
        """The body, or the field of a body, that a name stands for."""
        head, dot, tail = name.partition(".")
        if head in self.bound:
            return self.bound[head] + dot + tail
        only = self.instances.get(head, ())
        return (only[0] if len(only) == 1 else head) + dot + tail


def walk(node: object) -> Iterator[object]:
    """A syntax node and everything below it."""
    yield node
    if is_dataclass(node):
        for item in fields(node):
            value = getattr(node, item.name)
            for child in value if isinstance(value, tuple) else (value,):
                if is_dataclass(child):
                    yield from walk(child)


def unrolled_size(node: object, instances: Mapping[str, Sequence[str]], sizes: Mapping[str, int]) -> int:
    """The number of terms of a syntax node once it is written out: a quantifier for each instance of its thing.

    What lies `beside` a place is a row and a column, and the place is written in both. A named formula counts as often
    as it is named.

    Args:
        node: the node.
        instances: thing -> its bodies.
        sizes: named formula -> its terms.
    """
    if isinstance(node, Name) and node.name in sizes:
        return sizes[node.name]
    size = 0
    if is_dataclass(node):
        for item in fields(node):
            value = getattr(node, item.name)
            children = value if isinstance(value, tuple) else (value,)
            size += sum(unrolled_size(child, instances, sizes) for child in children)
        times = len(instances[node.group]) if isinstance(node, Quantified) else 2 if isinstance(node, Beside) else 1
        size = 1 + size * times
    return size


def resolve(node: Expression, scope: NameBindings) -> Expression:
    """The expression with params, stage, words and kinds substituted."""
    match node:
        case Name(name):
            if name in scope.params:
                value = scope.params[name]
                if isinstance(value, tuple | list):
                    return Cell(Number(value[0]), Number(value[1]))
                return Truth(value) if isinstance(value, bool) else Number(value)  # type: ignore[arg-type]
            if name in scope.formulas:  # what is bound where it is named means nothing in it
                return resolve(scope.formulas[name], replace(scope, bound={}))
            return Name(scope.body(name))
        case StageIs(stage):
            return Truth(stage == scope.stage)
        case Happened(event):
            return Binary("==", Name(f"happened({event})"), Number(1))
        case Quantified(quantifier, group, body, _, variable):
            parts = [resolve(body, scope.bind(variable, instance)) for instance in scope.instances[group]]
            # A finite group is unrolled: nothing downstream needs to know quantifiers.
            if quantifier == "count":
                return _joined("+", [Number(0), *parts])
            joint = {"any": "or", "all": "and"}[quantifier]
            return _joined(joint, parts) if parts else Truth(joint == "and")
        case Binary(operator, left, right) if operator in ("==", "!="):
            return Binary(operator, *_same_words(left, right, scope))
        case Binary(operator, left, right):
            return Binary(operator, resolve(left, scope), resolve(right, scope))
        case Unary(operator, operand):
            return Unary(operator, resolve(operand, scope))
        case Cell(row, column):
            # Folded, so that the assembler can look a constant cell up in tables rather than compute it in each tick.
            return Cell(_folded(resolve(row, scope)), _folded(resolve(column, scope)))
        case Relation(word, subject, target, reach):
            near = None if reach is None else _folded(resolve(reach, scope))
            return Relation(word, resolve(subject, scope), resolve(target, scope), near)
        case Moved(subject):
            return Moved(scope.body(subject))
        case Facing(subject, direction):
            return Facing(scope.body(subject), direction)
        case ZoneOf(counter):
            return ZoneOf(scope.body(counter))
        case Beside(place, direction):
            return _shifted(resolve(place, scope), *(Number(offset) for offset in geometry.STEPS[direction]))
        case Ahead(subject):
            return _cell_ahead(scope.body(subject))
        case Coordinate(axis, place):
            return Coordinate(axis, resolve(place, scope))
        case Distance(first, second):
            return Distance(resolve(first, scope), resolve(second, scope))
        case BeforeTick(body):
            return BeforeTick(resolve(body, scope))
        case Does():
            return replace(node, agent=scope.body(node.agent))
        case Number() | Truth():
            return node
    return replace(node, arguments=tuple(resolve(argument, scope) for argument in node.arguments))


def _shifted(place: Expression, down: Expression, right: Expression) -> Expression:
    """The cell that lies so many rows and columns from a place; nowhere if that is beyond the frame, or from nowhere.

    One of the two numbers is 0, and both coordinates of what is nowhere are -1, so that from there one stays -1.
    """
    if isinstance(place, Cell) and isinstance(place.row, Number) and isinstance(place.column, Number):
        row: Expression = place.row
        column: Expression = place.column
    else:
        row, column = Coordinate("row", place), Coordinate("column", place)
    return Cell(_folded(Binary("+", row, down)), _folded(Binary("+", column, right)))


def _cell_ahead(name: str) -> Expression:
    """The cell one step from a body in the direction that it faces."""
    facing = Name(f"{name}.facing")
    offsets: list[Expression] = []
    for axis in range(2):
        offset: Expression = Number(0)
        for number, way in enumerate(geometry.DIRECTIONS):
            step = Number(geometry.STEPS[way][axis])
            offset = Call("if", (Binary("==", facing, Number(number)), step, offset))
        offsets.append(offset)
    return _shifted(Name(name), *offsets)


def _joined(operator: str, parts: Sequence[Expression]) -> Expression:
    whole = parts[0]
    for part in parts[1:]:
        whole = Binary(operator, whole, part)
    return whole


def _folded(node: Expression) -> Expression:
    """The expression as one number, where it does not depend on the state."""
    try:
        return Number(constant(node, {}))
    except NotConstantError:
        return node


def _same_words(left: Expression, right: Expression, scope: NameBindings) -> tuple[Expression, Expression]:
    """Both sides of a comparison, resolved; if one is a counter of words, the other is translated to its list."""
    if isinstance(left, Name) and (words := scope.words.get(scope.body(left.name))) is not None:
        return resolve(left, scope), _in_words(right, list(words), scope)
    if isinstance(right, Name) and (words := scope.words.get(scope.body(right.name))) is not None:
        return _in_words(left, list(words), scope), resolve(right, scope)
    return resolve(left, scope), resolve(right, scope)


def _in_words(node: Expression, words: list[str], scope: NameBindings) -> Expression:
    """A word as its index in a list; what has another list as the index of its word, -1 if it is not listed."""
    if isinstance(node, Call) and node.function == "if":
        condition, *branches = node.arguments
        return Call("if", (resolve(condition, scope), *(_in_words(branch, words, scope) for branch in branches)))
    if not isinstance(node, Name):
        return resolve(node, scope)
    if node.name in words:
        return Number(words.index(node.name))
    name = scope.body(node.name)
    held = scope.words.get(name, words)
    if list(held) == words:
        return Name(name)
    place: Expression = Number(-1)
    for at, word in enumerate(held):
        if word in words:
            place = Call("if", (Binary("==", Name(name), Number(at)), Number(words.index(word)), place))
    return place


def resolve_effect(effect: Effect, scope: NameBindings) -> Effect:
    """The effect with params, words and kinds substituted."""
    match effect:
        case Assign(target, operator, value):
            name = scope.body(target)
            words = scope.words.get(name)
            resolved = resolve(value, scope) if words is None else _in_words(value, list(words), scope)
            return Assign(name, operator, resolved)
        case PutAt(subject, place, random):
            return PutAt(scope.body(subject), resolve(place, scope), random)
        case Remove(subject):
            return Remove(scope.body(subject))
        case MoveBy(subject, direction):
            return MoveBy(scope.body(subject), direction)
        case Swap(first, second):
            return Swap(scope.body(first), scope.body(second))
        case Take(agent, thing):
            return Take(scope.body(agent), scope.body(thing))
        case Drop(agent, thing):
            return Drop(scope.body(agent), scope.body(thing))
        case Cycles(target):
            return Cycles(scope.body(target))
    return effect
