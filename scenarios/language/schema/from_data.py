"""Validates plain data into a `Document`, and turns pydantic's errors into faults that an author understands."""

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
from .document import Document

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
"""Errors that say: this is no value of that type at all."""


def read_document(data: Data, report: Report) -> Document | None:
    """The document that data describes; None where its shape is wrong, which is reported.

    Args:
        data: a whole scenario, merged.
        report: takes the faults.
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
    """Pydantic's location without its names of types: only the keys and indices that the data has."""
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
    """Errors of one value together; of several possible types, only those of the one that was probably meant."""
    grouped: dict[Path, list[ErrorDetails]] = {}
    for path, detail in placed:
        grouped.setdefault(path, []).append(detail)
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
    """Say what is wrong with one value."""
    if all(detail["type"] in _WANTED for detail in errors):
        kinds = dict.fromkeys(_WANTED[detail["type"]] for detail in errors)
        wanted = oxford(kind for kind in kinds if kind != "a whole number" or "a number" not in kinds)
        message = f"{_where(path)} is {_described(_value(data, path))}, and {wanted} is wanted"
        report.add("TC202", path, message, f"write {wanted}")
        return
    for detail in errors:
        _report_one(path, detail, data, report)


def _report_one(path: Path, detail: ErrorDetails, data: Data, report: Report) -> None:
    kind, context, where = detail["type"], detail.get("ctx", {}), _where(path)
    is_key = bool(detail["loc"]) and detail["loc"][-1] == "[key]"
    last = str(detail["loc"][-1]) if detail["loc"] else ""
    match kind:
        case "missing":
            message = f"{where} lacks `{last}`"
            report.add("TC200", path, message, f"add the line `{last}: ...`", key=bool(path))
        case "extra_forbidden":
            known = _keys(path[:-1], data)
            message = f"{_where(path[:-1])} has no key {quote(str(path[-1]))}"
            cure = f"its keys are {listed(known, 40)}"
            report.add("TC201", path, message, cure, key=True, meant=(str(path[-1]), known))
        case "literal_error" if path == ("turncoat",):
            message = "this version of the language is not known"
            report.add("TC207", path, message, "write `turncoat: 1`")
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


def _where(path: Path) -> str:
    """A path as people write it, `agents.robot.discount`; entries of lists are counted from 1."""
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


def _described(value: Data) -> str:
    match value:
        case None:
            return "empty"
        case bool():
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
    """The keys that a mapping of the language may have."""
    for annotation in _annotations(path, data):
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            return tuple(field.alias or name for name, field in annotation.model_fields.items())
    return ()


def _choices(path: Path, data: Data) -> tuple[str, ...]:
    """The words that a value may be."""
    return tuple(
        str(choice)
        for annotation in _annotations(path, data)
        if get_origin(annotation) is Literal
        for choice in get_args(annotation)
    )


def _annotations(path: Path, data: Data) -> list[Any]:
    """The types, unions taken apart, that the language allows at a path."""
    possible: list[Any] = [Document]
    for step in path:
        data = data[step] if isinstance(data, (dict, list)) else None  # type: ignore[index]
        possible = [part for annotation in possible for below in _below(annotation, step) for part in _apart(below)]
    return possible


def _below(annotation: Any, step: str | int) -> list[Any]:
    """The type of an entry."""
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
    """A union's members, without what only constrains them."""
    if get_origin(annotation) is Annotated:
        yield from _apart(get_args(annotation)[0])
    elif get_origin(annotation) in (Union, UnionType):
        for member in get_args(annotation):
            yield from _apart(member)
    else:
        yield annotation
