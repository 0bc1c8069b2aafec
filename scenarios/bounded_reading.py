"""Reads files that may come from a stranger: ordinary files only, of bounded size, as JSON without traps.

Every reader of run, trace, sweep, checkpoint and cache folders begins here. Nothing here imports or runs what a file
names.
"""

from __future__ import annotations

import errno
import json
import math
import os
import re
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any, BinaryIO, Final, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from .did_you_mean import quote
from .errors import UsageError

MAX_DEPTH: Final = 64
"""Most lists and objects inside each other in a JSON document."""
MAX_VALUES: Final = 1_000_000
"""Most values of a JSON document: a short text can hold many, each of which takes fifty bytes or more."""
MAX_BITS: Final = 128
"""Most bits of a whole number in a JSON document: the state of a random generator has numbers of so many."""
_SURROGATE: Final = re.compile("[\ud800-\udfff]")

Shape = TypeVar("Shape")

FiniteNumber = Annotated[float, Field(allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0, lt=2**63)]
Names = Annotated[tuple[str, ...], Field(max_length=10_000)]


class StoredRecord(BaseModel):
    """The base of the schemas of stored records: unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    def values(self) -> dict[str, Any]:
        """The fields that were given, by name, their values as they were read."""
        return {name: getattr(self, name) for name in self.model_fields_set}


class UnreadableFileError(UsageError, ValueError):
    """A stored file cannot be used; the message says which place in it, and why."""


class IrregularFileError(UsageError, OSError):
    """A path leads to something that is no ordinary file: a folder, a pipe, a device."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        super().__init__(errno.EINVAL, "it is no ordinary file", os.fspath(path))


def open_regular(path: str | os.PathLike[str]) -> BinaryIO:
    """Open an ordinary file for reading; a link to one is followed.

    Raises:
        IrregularFileError: it is a folder, a pipe or a device.
        OSError, ValueError: it cannot be opened, or the path is no path.
    """
    # A pipe or a device must not even be opened: that could wait for ever. The second look is at what was opened.
    if not stat.S_ISREG(os.stat(path).st_mode):
        raise IrregularFileError(path)
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    stream = open(os.open(path, flags), "rb")  # noqa: SIM115 -- the caller closes it
    if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
        stream.close()
        raise IrregularFileError(path)
    return stream


def read_file(path: Path, limit: int) -> bytes:
    """The content of an ordinary file.

    Args:
        path: the file.
        limit: the most bytes that it may have; a larger one is not read.

    Raises:
        UnreadableFileError: it is missing, no ordinary file, unreadable or too large.
    """
    try:
        with open_regular(path) as stream:
            size = os.fstat(stream.fileno()).st_size
            # A file can grow between the two, so that one byte too many is what counts.
            content = stream.read(limit + 1) if size <= limit else b""
    except (OSError, ValueError) as fault:
        why = fault.strerror if isinstance(fault, OSError) and fault.strerror else "its path is no path"
        raise UnreadableFileError(f"{path.name} cannot be read: {why.lower()}") from None
    if max(size, len(content)) > limit:
        raise UnreadableFileError(f"{path.name} is larger than {in_bytes(limit)}, the most that is read")
    return content


def read_text_file(path: Path, limit: int) -> str:
    """The text of an ordinary file, its line ends as they are.

    Raises:
        UnreadableFileError: as `read_file`, or it is not UTF-8.
    """
    try:
        return read_file(path, limit).decode("utf-8")
    except UnicodeDecodeError as fault:
        raise UnreadableFileError(f"{path.name} is not UTF-8 (byte {fault.start})") from None


def parse_json(text: str, what: str, infinite: bool = False) -> Any:
    """Parse a JSON document within bounds, as plain data.

    Args:
        text: the document.
        what: its name, for messages.
        infinite: whether `Infinity`, which Python writes and JSON does not have, is a number.

    Raises:
        UnreadableFileError: it is no JSON, has a key twice, a number that is not finite or too large, half a character,
            too many values, or is nested too deeply.
    """
    data = parse_own_json(text, what, MAX_VALUES, float if infinite else _no_number)
    for depth, value in _walk(data):
        if depth > MAX_DEPTH:
            raise UnreadableFileError(f"{what} is nested deeper than {MAX_DEPTH}")
        if isinstance(value, float) and not math.isfinite(value) and not (infinite and math.isinf(value)):
            raise UnreadableFileError(f"{what} holds a number that is not finite")
        if isinstance(value, int) and value.bit_length() > MAX_BITS:
            raise UnreadableFileError(f"{what} holds a number of more than {MAX_BITS} bits")
        if isinstance(value, str) and _SURROGATE.search(value):
            raise UnreadableFileError(f"{what} holds half a character (a surrogate)")
    return data


def parse_own_json(text: str, what: str, values: int, constant: Callable[[str], Any] = float) -> Any:
    """Parse JSON as Python writes it, with as many values as a training may have; what stands in them is not checked.

    Args:
        text: the document.
        what: its name, for messages.
        values: the most values.
        constant: called with `NaN`, `Infinity` and `-Infinity`.

    Raises:
        UnreadableFileError: it is no JSON, has a key twice, too many values, or is nested too deeply.
    """
    if text.count(",") + text.count("[") + text.count("{") > values:
        raise UnreadableFileError(f"{what} has more than {values:,} values")
    try:
        return json.loads(text, object_pairs_hook=_without_doubles, parse_constant=constant)
    except RecursionError:
        raise UnreadableFileError(f"{what} is nested deeper than {MAX_DEPTH}") from None
    except UnreadableFileError as fault:
        raise UnreadableFileError(f"{what}: {fault}") from None
    except ValueError as fault:  # among them Python's own refusal of numbers with thousands of digits
        raise UnreadableFileError(f"{what} is no JSON: {_first_line(fault)}") from None


def read_json(path: Path, limit: int) -> Any:
    """The data of a JSON file.

    Raises:
        UnreadableFileError: as `read_text_file` and `parse_json`.
    """
    return parse_json(read_text_file(path, limit), path.name)


def fit(shape: TypeAdapter[Shape], data: Any, what: str) -> Shape:
    """Data as what a pydantic schema describes.

    Args:
        shape: the schema.
        data: plain data.
        what: the name of the file, for messages.

    Raises:
        UnreadableFileError: they do not fit; the message names the first place, and how many others there are.
    """
    try:
        return shape.validate_python(data)
    except ValidationError as fault:
        faults = fault.errors(include_url=False, include_context=False)
        first = faults[0]
        place = ".".join(map(str, first["loc"])) or "the whole"
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        raise UnreadableFileError(f"{what}: {quote(place, 100)}: {first['msg'].lower()}{more}") from None
    except RecursionError:
        raise UnreadableFileError(f"{what} is nested too deeply") from None


def in_bytes(size: int) -> str:
    """A number of bytes in words: `8 MiB`."""
    for unit, name in ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")):
        if size >= unit:
            return f"{size / unit:.4g} {name}"
    return f"{size} bytes"


def _walk(data: Any) -> Iterator[tuple[int, Any]]:
    """Every key and value with its depth; without recursion, since the data may be deeper than Python's stack."""
    waiting = [(0, data)]
    while waiting:
        depth, value = waiting.pop()
        yield depth, value
        if isinstance(value, dict):
            waiting += [(depth + 1, each) for pair in value.items() for each in pair]
        elif isinstance(value, list):
            waiting += [(depth + 1, each) for each in value]


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise UnreadableFileError("a key stands there twice")
    return found


def _no_number(name: str) -> Any:
    raise UnreadableFileError(f"{name} is no number of JSON")


def _first_line(fault: ValueError) -> str:
    return str(fault).partition("\n")[0]
