"""Reads a Parquet file within bounds: what its footer and its pages claim is added up before anything is decoded.

A short file can claim many rows, for repetitions take almost no room. The footer and the headers of pages are records
of Thrift's compact protocol (https://github.com/apache/parquet-format); only the numbers in them are read here.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, TypeAlias

from ...scenarios.bounded_reading import UnreadableFileError, in_bytes, read_file
from ...scenarios.deferred import pl

MAX_FILE: Final = 256 << 20
"""Most bytes of a file."""
MAX_FOOTER: Final = 16 << 20
"""Most bytes of its footer, which holds what the file says of itself."""
MAX_ROWS: Final = 10_000_000
"""Most rows."""
MAX_DECODED: Final = 512 << 20
"""Most bytes that all columns together may take once they are decoded, as far as their pages tell."""
MAX_COLUMNS: Final = 1_000
"""Most columns."""

_MAGIC: Final = b"PAR1"
_WIDTHS: Final = (1, 4, 8, 12, 4, 8, 16, 16)
"""Bytes of a decoded value, by physical type; a text is at least a view of 16 bytes."""
_LEVELS: Final = 4
"""Bytes of the levels of a value, which say where lists begin and what is missing."""
_MAX_NUMBERS: Final = 400_000
"""Most fields and elements of a footer."""
_MAX_DEPTH: Final = 12
"""Most records inside each other in a footer."""
_DATA_PAGE, _DICTIONARY_PAGE, _DATA_PAGE_2 = 0, 2, 3

Record: TypeAlias = "dict[int, Any]"
"""A record of Thrift: number of a field -> its value."""


def read_parquet(path: Path, check: Callable[[Mapping[str, str]], None] | None = None) -> pl.DataFrame:
    """The table of a Parquet file.

    Args:
        path: the file.
        check: given the file's own key-value metadata before the table is decoded; what it raises is passed on.

    Raises:
        UnreadableFileError: it cannot be read, is no whole Parquet file, or is larger than the limits.
    """
    content = read_file(path, MAX_FILE)
    said = metadata_of(content, path.name)
    if check is not None:
        check(said)
    try:
        # Of some damaged files polars' reader panics, which is no PolarsError.
        return pl.read_parquet(io.BytesIO(content))
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, ValueError, MemoryError) as fault:
        raise UnreadableFileError(f"{path.name}: damaged; its table cannot be read") from fault


def metadata_of(content: bytes, name: str) -> dict[str, str]:
    """Check the bounds of a Parquet file, and return its key-value metadata.

    Args:
        content: the file.
        name: its name, for messages.

    Raises:
        UnreadableFileError: it is no whole Parquet file, or larger than the limits.
    """
    try:
        return _checked(content, name)
    except (IndexError, KeyError, TypeError, AttributeError, UnicodeDecodeError, OverflowError) as fault:
        raise UnreadableFileError(_not_whole(name)) from fault


def _not_whole(name: str) -> str:
    return f"{name}: not a whole Parquet file (cut short, or something else)"


def _checked(content: bytes, name: str) -> dict[str, str]:
    size = int.from_bytes(content[-8:-4], "little")
    if content[:4] != _MAGIC or content[-4:] != _MAGIC or not 0 < size <= len(content) - 12:
        raise UnreadableFileError(_not_whole(name))
    if size > MAX_FOOTER:
        raise UnreadableFileError(f"{name}: its footer is larger than {in_bytes(MAX_FOOTER)}")
    footer = _Thrift(content[-8 - size : -8]).record()
    groups = footer[4]
    rows = [group[3] for group in groups]
    if any(count < 0 for count in rows) or sum(rows) != footer[3]:
        raise UnreadableFileError(f"{name}: damaged; its row groups do not add up")
    if sum(rows) > MAX_ROWS:
        raise UnreadableFileError(f"{name} has {sum(rows):,} rows; at most {MAX_ROWS:,} are read")
    if len(footer[2]) > 4 * MAX_COLUMNS:
        raise UnreadableFileError(f"{name} has more than {MAX_COLUMNS:,} columns")
    decoded = sum(_decoded(content, chunk, name) for group in groups for chunk in group[1])
    if decoded > MAX_DECODED:
        raise UnreadableFileError(f"{name} would take {in_bytes(decoded)}; at most {in_bytes(MAX_DECODED)} are read")
    return {pair[1].decode(): pair.get(2, b"").decode() for pair in footer.get(5, [])}


def _decoded(content: bytes, chunk: Record, name: str) -> int:
    """The bytes that a column of a row group takes once it is decoded, from the headers of its pages.

    Raises:
        UnreadableFileError: its pages are not those that the footer describes.
    """
    if 1 in chunk:
        raise UnreadableFileError(f"{name}: a column is kept in another file")
    its = chunk[3]
    values, length, width = its[5], its[7], _WIDTHS[its[1]]
    position = its[9] if its.get(11, 0) <= 0 else min(its[9], its[11])
    end = position + length
    # Negative numbers, and pages outside of the file, would send the decoder anywhere.
    if min(values, length, position - 4) < 0 or end > len(content) or (its[9] >= end and values):
        raise UnreadableFileError(f"{name}: damaged; a column lies outside of the file")
    unpacked, found = 0, 0
    while position < end and found < values:
        reader = _Thrift(content, position, end)
        header = reader.record()
        if min(header[2], header[3]) < 0 or reader.position + header[3] > end:
            raise UnreadableFileError(f"{name}: damaged; a page is longer than its column")
        position, unpacked = reader.position + header[3], unpacked + header[2]
        kind = header[1]
        said = header.get({_DATA_PAGE: 5, _DICTIONARY_PAGE: 7, _DATA_PAGE_2: 8}.get(kind, 0), {})
        count = said.get(1, 0)
        if kind == _DICTIONARY_PAGE:
            unpacked += count * width
        else:
            found += count
        # An empty page would let a file of many pages be walked for long.
        if count < 0 or unpacked > MAX_DECODED or found > values:
            break
    if found != values or unpacked > MAX_DECODED:
        raise UnreadableFileError(f"{name}: damaged; a column's pages are not those that the file describes")
    return int(values * (width + _LEVELS) + unpacked)


class _Thrift:
    """Reads one record of Thrift's compact protocol from some bytes.

    Attributes:
        position: of the byte after what was read.
    """

    def __init__(self, content: bytes, position: int = 0, end: int | None = None) -> None:
        self._content, self.position = content, position
        self._end = len(content) if end is None else end
        self._left = _MAX_NUMBERS

    def record(self, depth: int = 0) -> Record:
        """The record that begins here.

        Raises:
            IndexError: it is cut short, or has too much in it.
        """
        fields: Record = {}
        number = 0
        while (head := self._byte()) != 0:
            kind, step = head & 15, head >> 4
            number = number + step if step else _zigzag(self._varint())
            fields[number] = kind == 1 if kind in (1, 2) else self._value(kind, depth + 1)
        return fields

    def _value(self, kind: int, depth: int) -> Any:
        self._left -= 1
        if self._left < 0 or depth > _MAX_DEPTH:
            raise IndexError
        if kind in (1, 2, 3):  # in a list, a truth value takes a byte
            return self._byte()
        if kind in (4, 5, 6):
            return _zigzag(self._varint())
        if kind == 7:
            return self._bytes(8)
        if kind == 8:
            return self._bytes(self._varint())
        if kind in (9, 10):
            head = self._byte()
            count = head >> 4 if head >> 4 < 15 else self._varint()
            if count > self._left:
                raise IndexError
            return [self._value(head & 15, depth + 1) for _ in range(count)]
        if kind == 12:
            return self.record(depth)
        raise IndexError  # maps do not occur in Parquet

    def _byte(self) -> int:
        if self.position >= self._end:
            raise IndexError
        self.position += 1
        return self._content[self.position - 1]

    def _bytes(self, count: int) -> bytes:
        if count > self._end - self.position:
            raise IndexError
        self.position += count
        return self._content[self.position - count : self.position]

    def _varint(self) -> int:
        value = 0
        for shift in range(0, 70, 7):
            byte = self._byte()
            value |= (byte & 127) << shift
            if byte < 128:
                return value
        raise IndexError


def _zigzag(value: int) -> int:
    return (value >> 1) ^ -(value & 1)
