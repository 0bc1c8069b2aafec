"""Changes single values in the text of a scenario file: every other character, line end and comment stays as it is.

Values are found by the positions that reading knows; whatever was written is read again, and refused if it does not
say what was meant.
"""

from __future__ import annotations

import copy
import re
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from ...errors import UsageError
from ..faults.collector import Path
from ..faults.faults import ScenarioError
from .yaml_source import Data, Mark, Node, Source, parse

_END = re.compile("(\r\n|\r|\n)")
_BARE = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


class CannotEditError(UsageError):
    """A place of a file cannot be changed without touching what stands around it; the message says why."""


_read: OrderedDict[tuple[str, str], Source] = OrderedDict()
_KEPT = 32


def source_of(content: str, file: str) -> Source:
    """A file's text, read; the latest ones are kept.

    Raises:
        ScenarioError: it is no YAML that a scenario can be written in.
    """
    found = _read.get((content, file))
    return _keep(content, file, parse(content, file)) if found is None else found


def _keep(content: str, file: str, source: Source) -> Source:
    _read[content, file] = source
    while len(_read) > _KEPT:
        _read.popitem(last=False)
    return source


class _Lines:
    """The lines of a text with their own line ends, which `Source` counts in the same way."""

    def __init__(self, content: str) -> None:
        self._mark = "\ufeff" if content.startswith("\ufeff") else ""
        parts = _END.split(content.removeprefix("\ufeff"))
        self.rows, self.ends = parts[::2], [*parts[1::2], ""]

    @property
    def end(self) -> str:
        """The line end of the file: that of its first line."""
        return self.ends[0] or "\n"

    def replace(self, start: Mark, end: Mark, text: str) -> None:
        """Put a text without line ends in place of what stands between two positions."""
        first, last = self.rows[start.line], self.rows[end.line]
        self.rows[start.line : end.line + 1] = [first[: start.column] + text + last[end.column :]]
        self.ends[start.line : end.line + 1] = [self.ends[end.line]]

    def put_lines(self, first: int, last: int, rows: Sequence[str]) -> None:
        """Put lines in place of those from `first` up to `last`, which is not among them."""
        if rows and first == len(self.rows):
            self.ends[-1] = self.ends[-1] or self.end
        closing = self.ends[last - 1] if last > first else self.end
        self.rows[first:last] = rows
        self.ends[first:last] = [*[self.end] * (len(rows) - 1), closing][: len(rows)]

    def text(self) -> str:
        return self._mark + "".join(row + end for row, end in zip(self.rows, self.ends, strict=True))


# ------------------------------------------------------------------ maps


def rows_at(content: str, file: str, path: Path) -> tuple[str, ...]:
    """The rows of a drawn map, as written; those that are blank at its end are left out.

    Raises:
        CannotEditError: there is none at that path, or it is no block of lines.
    """
    return tuple(_drawn(source_of(content, file), path).rstrip("\n").split("\n"))


def first_cell(content: str, file: str, path: Path) -> Mark:
    """The position in the file of the first glyph of a drawn map.

    Raises:
        CannotEditError: as `rows_at`.
    """
    source = source_of(content, file)
    text, node = _drawn(source, path), source.node(path)
    assert node is not None
    line = node.start.line + 1
    return Mark(line, len(source.lines[line]) - len(text.split("\n")[0]))


def with_glyphs(content: str, file: str, path: Path, cells: Mapping[tuple[int, int], str]) -> str:
    """The text with other glyphs on some cells of a drawn map; `cells` maps (row, column) to a glyph.

    Raises:
        CannotEditError: as `rows_at`; or a cell is not on the map.
    """
    rows, mark, lines = rows_at(content, file, path), first_cell(content, file, path), _Lines(content)
    drawn = list(rows)
    for (row, column), glyph in cells.items():
        if not (0 <= row < len(rows) and 0 <= column < len(rows[row])):
            raise CannotEditError(f"row {row}, column {column} is not on the map")
        here = lines.rows[mark.line + row]
        at = len(here) - len(rows[row]) + column
        lines.rows[mark.line + row] = here[:at] + glyph + here[at + 1 :]
        drawn[row] = drawn[row][:column] + glyph + drawn[row][column + 1 :]
    # A glyph for a glyph moves nothing else, so the text need not be read again: a stroke would wait for it.
    after, source = lines.text(), source_of(content, file)
    data = "\n".join(drawn) + _drawn(source, path)[len("\n".join(rows)) :]
    root = _with_data(source.root, path, data)
    _keep(after, file, Source(file, tuple(lines.rows), root, source.warnings))
    return after


def _with_data(node: Node, path: Path, data: Data) -> Node:
    """A tree with another value at a path, which stands where the old one stood."""
    if not path:
        return replace(node, data=data)
    step, rest = path[0], path[1:]
    if isinstance(step, int):
        items = (*node.items[:step], _with_data(node.items[step], rest, data), *node.items[step + 1 :])
        return replace(node, data=[each.data for each in items], items=items)
    key, value = node.entries[step]
    below = _with_data(value, rest, data)
    assert isinstance(node.data, dict)
    return replace(node, data={**node.data, step: below.data}, entries={**node.entries, step: (key, below)})


def with_map(content: str, file: str, rows: Sequence[str]) -> str:
    """The text with a map at its end; there must be none yet.

    Raises:
        CannotEditError: the file is not written as a block.
    """
    source = source_of(content, file)
    if source.root.style != "block" or "map" in source.root.entries:
        raise CannotEditError("there is no place for a map at the end of this file")
    lines = _Lines(content)
    last = len(lines.rows) - (not lines.rows[-1])
    lines.put_lines(last, last, ["map: |", *(f"  {row}" for row in rows)])
    return _proved(lines.text(), file, source, ("map",), "\n".join(rows) + "\n")


def _drawn(source: Source, path: Path) -> str:
    node = source.node(path)
    if node is None or not isinstance(node.data, str):
        raise CannotEditError("this file draws no such map")
    rows = node.data.rstrip("\n").split("\n")
    written = source.lines[node.start.line + 1 : node.start.line + 1 + len(rows)]
    alike = len(written) == len(rows) and all(line.endswith(row) for line, row in zip(written, rows, strict=True))
    if node.style != "|" or not alike:
        raise CannotEditError("the map is not written as a block of lines: put `|` after `map:`, and the rows below it")
    return node.data


# ------------------------------------------------------------------ values


def written_at(content: str, file: str, path: Path) -> str | None:
    """A value as it is written, if it is a word or a number on one line; None for any other, or for none."""
    source = source_of(content, file)
    node = source.node(path)
    if node is None or node.style != "plain" or node.start.line != node.end.line:
        return None
    return source.lines[node.start.line][node.start.column : node.end.column]


def with_value(content: str, file: str, path: Path, value: Data, written: str | None = None) -> str:
    """The text with another value at a path of keys; what is missing on the way is added.

    Args:
        content: the whole file.
        file: its name, for messages.
        path: keys from the root; no list on the way.
        value: a truth value, a number, or a list of such lists.
        written: how the value is to be written; by default as briefly as possible.

    Raises:
        CannotEditError: it cannot be done without touching what stands around it.
    """
    source = source_of(content, file)
    lines, text = _Lines(content), written if written is not None else flow(value)
    node = source.node(path)
    if node is not None:
        if node.start.line != node.end.line or node.style not in ("plain", "flow") or node.start == node.end:
            raise CannotEditError(f"`{_dotted(path)}` is written in a way that cannot be changed by hand here")
        lines.replace(node.start, node.end, text)
    else:
        _add(lines, source, path, text)
    return _proved(lines.text(), file, source, path, value)


def with_points(content: str, file: str, path: Path, points: Sequence[tuple[int, int]]) -> str:
    """The text with other entries in a list of cells; entries at its beginning and end that stay are not touched.

    Raises:
        CannotEditError: there is no such list, or a comment stands between the entries that change.
    """
    source, lines = source_of(content, file), _Lines(content)
    node = source.node(path)
    wanted: list[Data] = [list(point) for point in points]
    if node is None or not isinstance(node.data, list) or not node.items or not wanted:
        raise CannotEditError(f"this file has no list `{_dotted(path)}`")
    old, items = node.data, node.items
    first = 0
    while first < min(len(old), len(wanted)) and old[first] == wanted[first]:
        first += 1
    kept = 0
    while kept < min(len(old), len(wanted)) - first and old[-1 - kept] == wanted[-1 - kept]:
        kept += 1
    last, new = len(old) - kept, wanted[first : len(wanted) - kept]
    if first == last and not new:
        return content
    if node.flow:
        start, end, text = _within_brackets(items, first, last, [flow(each) for each in new])
        if "#" in "".join(source.lines[start.line : end.line]):
            raise CannotEditError(f"a comment stands between the entries of `{_dotted(path)}`")
        lines.replace(start, end, text)
    else:
        begin = items[first].start.line if first < len(items) else items[-1].end.line + 1
        until = items[last - 1].end.line + 1 if last > first else begin
        if "#" in "".join(source.lines[begin:until]):
            raise CannotEditError(f"a comment stands between the entries of `{_dotted(path)}`")
        sign = source.lines[items[0].start.line][: items[0].start.column]
        if sign.strip() != "-":
            raise CannotEditError(f"`{_dotted(path)}` is written in a way that cannot be changed by hand here")
        lines.put_lines(begin, until, [f"{sign}{flow(each)}" for each in new])
    return _proved(lines.text(), file, source, path, wanted)


def _within_brackets(items: Sequence[Node], first: int, last: int, new: Sequence[str]) -> tuple[Mark, Mark, str]:
    """What to put in place of some entries of a list in brackets, with its start and its end."""
    text = ", ".join(new)
    if first < last and new:
        return items[first].start, items[last - 1].end, text
    if first < last and first > 0:  # entries go, with the comma before them
        return items[first - 1].end, items[last - 1].end, ""
    if first < last:
        return items[0].start, items[last].start, ""
    if first < len(items):
        return items[first].start, items[first].start, f"{text}, "
    return items[-1].end, items[-1].end, f", {text}"


def flow(value: Data) -> str:
    """A value in one line, as an author would write it."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_key(key)}: {flow(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(flow, value)) + "]"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value == int(value):
        return str(int(value))
    return repr(value)


def _add(lines: _Lines, source: Source, path: Path, text: str) -> None:
    """Add an entry to the deepest mapping on a path that is there, with the mappings between as brackets."""
    depth = next(depth for depth in range(len(path) - 1, -1, -1) if source.node(path[:depth]) is not None)
    node = source.node(path[:depth])
    assert node is not None
    for step in reversed(path[depth + 1 :]):
        text = f"{{{_key(step)}: {text}}}"
    entry = f"{_key(path[depth])}: {text}"
    if node.style == "plain" and node.data is None and depth:
        above = source.node(path[: depth - 1])
        assert above is not None
        key = above.entries[str(path[depth - 1])][0]  # an empty value has no place of its own: it follows the colon
        place = Mark(key.end.line, key.end.column + 1)
        lines.replace(place, place, f" {{{entry}}}")
    elif not isinstance(node.data, dict):
        raise CannotEditError(f"`{_dotted(path[:depth])}` is written in a way that cannot be changed by hand here")
    elif node.flow and node.entries:
        place = list(node.entries.values())[-1][1].end
        lines.replace(place, place, f", {entry}")
    elif node.flow:
        place = Mark(node.end.line, node.end.column - 1)
        lines.replace(place, place, entry)
    else:
        first = next(iter(node.entries.values()))[0]
        last = _last_line(node, source) + 1
        lines.put_lines(last, last, [f"{' ' * first.start.column}{entry}"])


def _last_line(node: Node, source: Source) -> int:
    """The last line on which a value has text."""
    if node.style == "block" and node.entries:
        key, value = list(node.entries.values())[-1]
        return key.end.line if value.start == value.end else _last_line(value, source)
    if node.style == "block" and node.items:
        return _last_line(node.items[-1], source)
    last = node.end.line
    if node.style in "|>":
        last = min(last, len(source.lines) - 1)
        while last > node.start.line and ((last, 0) == node.end or not source.lines[last].strip()):
            last -= 1
    return last


def _proved(content: str, file: str, before: Source, path: Path, value: Data) -> str:
    """A text, once it is sure that it differs from what it was in the value at a path alone."""
    wanted = copy.deepcopy(before.data)
    place = wanted
    for key in path[:-1]:
        assert isinstance(place, dict)
        if not isinstance(place.get(str(key)), dict):
            place[str(key)] = {}
        place = place[str(key)]
    assert isinstance(place, dict)
    place[str(path[-1])] = value
    try:
        said = source_of(content, file).data
    except ScenarioError:
        said = None
    if said != wanted:
        raise CannotEditError(f"`{_dotted(path)}` is written in a way that cannot be changed by hand here")
    return content


def _dotted(path: Path) -> str:
    return ".".join(map(str, path)) or "the file"


def _key(key: str | int) -> str:
    text = str(key)
    return text if _BARE.fullmatch(text) else "'" + text.replace("'", "''") + "'"
