"""Validates plain data into a `Document`, and translates pydantic's errors into faults for the author of a file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from ...did_you_mean import quote
from ..faults.collector import Path, Report, listed
from ..faults.faults import oxford
from ..files.yaml_source import Data
from .document import MANY, Document

_WANTED = {
    "string_type": "a text",
    "bool_type": "true or false",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "list_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "none_required": "nothing",
}
"""Type of pydantic error -> the kind of value that was expected, for errors that mean a value of another kind."""


def read_document(data: Data, report: Report) -> Document | None:
    """Validate the shape of a scenario.

    Args:
        data: the whole scenario, merged.
        report: receives the faults.

    Returns:
        The document; None if its shape is wrong, which is reported.
    """
    try:
        return Document.model_validate(data)
    except ValidationError as error:
        details = error.errors(include_url=False, include_context=True)
    placed = [(_path(detail["loc"], data), detail) for detail in details]
    for path, errors in _by_value(placed):
        _report(path, errors, data, report)
    return None


def _path(location: tuple[str | int, ...], data: Data) -> Path:
    """The path of an error: pydantic's location without the type names that it contains for members of unions.

    Only keys and indices that exist in the data are kept.
    """
    path: list[str | int] = []
    value = data
    for step in location:
        in_mapping = isinstance(value, dict) and isinstance(step, str) and step in value
        in_list = isinstance(value, list) and isinstance(step, int) and step < len(value)
        if in_mapping or in_list:
            value = value[step]  # type: ignore[index]
            path.append(step)
    return tuple(path)


def _by_value(placed: Sequence[tuple[Path, ErrorDetails]]) -> Iterator[tuple[Path, list[ErrorDetails]]]:
    """Group errors by value, and drop those of union members that were probably not meant."""
    grouped: dict[Path, list[ErrorDetails]] = {}
    for path, detail in placed:
        grouped.setdefault(path, []).append(detail)
    # Pydantic tries every member of a union and reports the errors of all, where an author wrote one and meant one.
    holders = {path[:size] for path in grouped for size in range(len(path))}
    for path, errors in grouped.items():
        wrong_type = [detail for detail in errors if detail["type"] in _WANTED]
        others = [detail for detail in errors if detail["type"] not in _WANTED]
        # The value is of one of the possible types, and something is wrong in it: the other types are beside the point.
        if path in holders:
            errors = [detail for detail in others if detail["type"] != "literal_error"]
        elif wrong_type and others:
            errors = others
        if errors:
            yield path, errors


def _report(path: Path, errors: list[ErrorDetails], data: Data, report: Report) -> None:
    """Report the errors of one value, those of a wrong kind as a single fault."""
    if all(detail["type"] in _WANTED for detail in errors):
        kinds = dict.fromkeys(_WANTED[detail["type"]] for detail in errors)
        # Whole numbers are numbers: naming both would only make the list longer.
        wanted = oxford(kind for kind in kinds if kind != "a whole number" or "a number" not in kinds)
        message = f"{_where(path)} is {_described(_value(data, path))}, and {wanted} is wanted"
        report.add("TC202", path, message, f"write {wanted}")
        return
    for detail in errors:
        _report_one(path, detail, data, report)


def _report_one(path: Path, detail: ErrorDetails, data: Data, report: Report) -> None:
    kind, context, where = detail["type"], detail.get("ctx", {}), _where(path)
    is_key = bool(detail["loc"]) and detail["loc"][-1] == "[key]"  # how pydantic marks an error of a mapping's key
    last = str(detail["loc"][-1]) if detail["loc"] else ""
    match kind:
        # What a block lacks is that of the one that it is `like`; here `like` is of the wrong kind, and that is told.
        case "missing" if path[:1] == ("agents",) and _given(_value(data, path), "like"):
            pass
        case "missing":
            message = f"{where} lacks `{last}`"
            report.add("TC200", path, message, f"add the line `{last}: ...`", key=bool(path))
        case "extra_forbidden":
            _report_unknown_key(path, data, report)
        case "literal_error" if path == ("turncoat",):
            message = "this version of the language is not known"
            report.add("TC207", path, message, "write `turncoat: 1`")
        case "literal_error" if is_key:
            _report_unknown_key(path, data, report)
        case "literal_error":
            value = _value(data, path)
            choices = _choices(path, data)
            message = f"{where} cannot be {quote(str(value))}"
            meant = (value, choices) if isinstance(value, str) else None
            report.add("TC203", path, message, f"write {oxford(f'`{choice}`' for choice in choices)}", meant=meant)
        case "greater_than_equal" | "less_than_equal":
            bound, words = context.get("ge", context.get("le")), "at least" if "ge" in context else "at most"
            message = f"{where} is {_value(data, path)}, and it must be {words} {bound:,}"
            report.add("TC204", path, message, f"write a number that is {words} {bound:,}", key=is_key)
        case "too_short" | "too_long" | "string_too_short" | "string_too_long":
            low, high = context.get("min_length"), context.get("max_length")
            unit, unit_of_one = ("characters", "character") if kind.startswith("string") else ("entries", "entry")
            if is_key and unit == "characters" and high == 1:
                message = f"the glyph {quote(str(path[-1]))} is no single character"
                report.add("TC205", path, message, "each cell of a map is one character", key=True)
                return
            bound = f"at most {high:,}" if high is not None else f"at least {low:,}"
            size = context.get("actual_length", len(str(path[-1] if is_key else _value(data, path))))
            message = f"{where} must have {bound} {unit if (high or low) != 1 else unit_of_one}, and it has {size}"
            report.add("TC205", path, message, f"write {bound}", key=is_key)
        case "string_pattern_mismatch":
            value = path[-1] if is_key else _value(data, path)
            cure = "a name begins with a letter and has only letters, digits and `_`"
            report.add("TC206", path, f"{quote(str(value))} is no name", cure, key=is_key)
        case _ if kind in _WANTED:
            _report(path, [detail], data, report)
        case _:
            message = f"{where} is not right: {detail['msg'].lower()}"
            report.add("TC208", path, message, "see docs/reference", key=is_key)


def _report_unknown_key(path: Path, data: Data, report: Report) -> None:
    known = _keys(path[:-1], data)
    if (split := _split_text(path, data, known)) is not None:
        first, text = split
        message = f"{_where(path[:-1])} has no key {quote(first)}"
        cure = f"a text with a comma needs quotes: write `{text}`"
        # Of a text in several pieces the first is reported, as often as there are pieces: equal faults are one.
        report.add("TC201", (*path[:-1], first), message, cure, key=True)
        return
    message = f"{_where(path[:-1])} has no key {quote(str(path[-1]))}"
    cure = f"its keys are {listed(known, 40)}"
    report.add("TC201", path, message, cure, key=True, meant=(str(path[-1]), known))


def _split_text(path: Path, data: Data, known: tuple[str, ...]) -> tuple[str, str] | None:
    """The text that was meant where YAML split it at its commas, as in `{about: red, green}`; None elsewhere.

    Within braces, what follows a comma is a key, and one without a colon has no value.

    Returns:
        The first key that is a piece of a text, and the line with quotes.
    """
    mapping = _value(data, path[:-1])
    assert isinstance(mapping, dict)
    if mapping[str(path[-1])] is not None or len(mapping) > MANY:  # this is asked for each unknown key
        return None
    keys = list(mapping)
    pieces = [mapping[key] is None and key not in known for key in keys]
    first = last = keys.index(str(path[-1]))
    while first > 0 and pieces[first - 1]:
        first -= 1
    while last + 1 < len(keys) and pieces[last + 1]:
        last += 1
    text = mapping[keys[first - 1]] if first else None
    if not isinstance(text, str):
        return None
    whole = ", ".join([text, *keys[first : last + 1]])
    return keys[first], quote(f'{keys[first - 1]}: "{whole}"', 120).strip("`")


def _where(path: Path) -> str:
    """Format a path for a message, such as `agents.robot.discount`; entries of lists are counted from 1."""
    if not path:
        return "the file"
    words = ""
    for step in path:
        words += f" entry {step + 1}" if isinstance(step, int) else f"{'.' if words else ''}{step}"
    return quote(words, 80)


def _value(data: Data, path: Path) -> Data:
    for step in path:
        data = data[step]  # type: ignore[index]
    return data


def _given(block: Data, key: str) -> bool:
    """Whether a block says something under a key."""
    return isinstance(block, dict) and block.get(key) is not None


def _described(value: Data) -> str:
    """A short description of a value, for messages."""
    match value:
        case None:
            return "empty"
        case bool():  # before numbers: in Python a truth value is a whole number
            return f"`{str(value).lower()}`"
        case int() | float():
            return "the number " + quote(str(value))
        case str():
            return "the text " + quote(value)
        case list():
            return "a list"
        case _:
            return "a mapping"


# ------------------------------------------------------------------ what the models allow at a path


def _keys(path: Path, data: Data) -> tuple[str, ...]:
    """The keys that the mapping at a path may have; empty where any key is allowed."""
    for annotation in _annotations(path, data):
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            return tuple(field.alias or name for name, field in annotation.model_fields.items())
        if get_origin(annotation) is dict and get_origin(get_args(annotation)[0]) is Literal:
            return get_args(get_args(annotation)[0])
    return ()


def _choices(path: Path, data: Data) -> tuple[str, ...]:
    """The words that are allowed as the value at a path."""
    return tuple(
        str(choice)
        for annotation in _annotations(path, data)
        if get_origin(annotation) is Literal
        for choice in get_args(annotation)
    )


def _annotations(path: Path, data: Data) -> list[Any]:
    """The types that the models allow at a path, with unions split into their members."""
    possible: list[Any] = [Document]
    for step in path:
        data = data[step] if isinstance(data, (dict, list)) else None  # type: ignore[index]
        possible = [part for annotation in possible for below in _below(annotation, step) for part in _apart(below)]
    return possible


def _below(annotation: Any, step: str | int) -> list[Any]:
    """The type of the entry `step` in a value of a type, in a list; an empty list if it has no such entry."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        for name, field in annotation.model_fields.items():
            if (field.alias or name) == step:
                return [field.annotation]
        return []
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is list and isinstance(step, int):
        return [arguments[0]]
    if origin is not None and isinstance(origin, type) and issubclass(origin, Mapping) and isinstance(step, str):
        return [arguments[1]]
    return []


def _apart(annotation: Any) -> Iterator[Any]:
    """The members of a union, including nested ones, without the constraints of `Annotated`."""
    if get_origin(annotation) is Annotated:
        yield from _apart(get_args(annotation)[0])
    elif get_origin(annotation) in (Union, UnionType):
        for member in get_args(annotation):
            yield from _apart(member)
    else:
        yield annotation
