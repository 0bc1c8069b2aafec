"""Reads a YAML file into plain data, with the position of every key and value.

A file may come from a stranger, so its size, nesting depth, number of values and reading time are bounded, and reading
it creates nothing but plain data.
"""

from __future__ import annotations

import math
import os
import re
from bisect import bisect_right
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

from ...bounded_reading import IrregularFileError, open_regular
from ...did_you_mean import nearest, quote
from ..faults.faults import Fault, Place, ScenarioError

if TYPE_CHECKING:
    from ruamel.yaml.events import Event

LIMIT = 256 * 1024
"""Most bytes of one file. The slowest text of this size to read is refused within some seconds."""
MAX_DEPTH = 32
"""Most lists and mappings inside each other."""
MAX_NODES = 100_000
"""Most keys, values and entries in one file."""
MAX_FAULTS = 100
"""Reading stops after this many faults."""
MAX_DIGITS = 18
"""Most digits of a whole number, so that every one fits in 64 bits."""

Data: TypeAlias = "dict[str, Data] | list[Data] | str | int | float | bool | None"
Style: TypeAlias = Literal["plain", "'", '"', "|", ">", "block", "flow"]


class Mark(NamedTuple):
    """A position in a file: line and column, both from 0."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Node:
    """A value of a file and its position.

    Attributes:
        data: the value as plain Python.
        style: how it is written: a scalar as `plain`, by its quote, or by the sign of its block (`|`, `>`); a list or
            mapping as `block` (indented) or `flow` (in brackets).
        start: the position of its first character.
        end: the position one past its last character.
        entries: key -> (node of the key, node of the value) for a mapping; empty for any other value.
        items: the values of a list; empty for any other value.
    """

    data: Data
    style: Style
    start: Mark
    end: Mark
    entries: Mapping[str, tuple[Node, Node]]
    items: tuple[Node, ...]

    @property
    def flow(self) -> bool:
        """Whether this is a list or a mapping written in brackets."""
        return self.style == "flow"


@dataclass(frozen=True)
class Source:
    """A file that has been read.

    Attributes:
        file: its name, for messages.
        lines: its lines, without line ends.
        root: the tree of its values.
        warnings: faults that did not keep it from being read.
    """

    file: str
    lines: tuple[str, ...]
    root: Node
    warnings: tuple[Fault, ...] = ()

    @property
    def data(self) -> Data:
        """The whole file as plain Python."""
        return self.root.data

    def node(self, path: Sequence[str | int]) -> Node | None:
        """The value at a path of keys and indices from the root; None if no value is there."""
        _, found = self._follow(path)
        return found[-1][1] if len(found) == len(path) + 1 else None

    def place(self, path: Sequence[str | int], key: bool = False) -> Place:
        """The position of the value at a path; if nothing is there, that of the nearest ancestor.

        Args:
            path: keys and indices from the root.
            key: return the position of the key instead; an entry of a list has no key, so its value is taken.
        """
        complete, found = self._follow(path)
        its_key, value = found[-1]
        # An empty value (`name:`) has no character to underline, so its key is underlined.
        if its_key is not None and ((key and complete) or value.start == value.end):
            return self._whole(its_key)
        return self._whole(value)

    def locate(self, path: Sequence[str | int], span: tuple[int, int]) -> Place:
        """The position in the file of a range of characters in a text.

        Of a span over several lines, only the part on its first line is covered. Where characters cannot be traced to
        the file, as in a folded block with lines of deeper indentation, the position of the whole text is returned.

        Args:
            path: keys and indices from the root to a text.
            span: half-open range of characters of the text's value.
        """
        node = self.node(path)
        marks = _marks(node, self.lines) if node is not None else None
        if node is None or not marks:
            return self.place(path)
        # The last mark is one past the end. Spans are cut to the text, since messages may point right behind it.
        first = min(max(0, span[0]), len(marks) - 1)
        last = min(max(span[1], first), len(marks) - 1)
        start = marks[first]
        stop = bisect_right(marks, start.line, first, last + 1, key=lambda mark: mark.line) - 1
        end = marks[stop].column if stop == last else len(self.lines[start.line].rstrip())
        return self._at(start, end - start.column)

    def _follow(self, path: Sequence[str | int]) -> tuple[bool, list[tuple[Node | None, Node]]]:
        """Follow a path: whether it leads to a value, and the (key, value) nodes of every step that exists."""
        found: list[tuple[Node | None, Node]] = [(None, self.root)]
        for step in path:
            node = found[-1][1]
            if isinstance(step, str) and step in node.entries:
                found.append(node.entries[step])
            elif isinstance(step, int) and 0 <= step < len(node.items):
                found.append((None, node.items[step]))
            elif step == 0 and isinstance(node.data, str):
                found.append((None, node))  # a text in the place of a list is its only entry
            else:
                return False, found
        return True, found

    def _whole(self, node: Node) -> Place:
        """The position of a value; of one over several lines, the part on its first line or its first key."""
        start, end = node.start, node.end
        if node.style == "block":
            first = next(iter(node.entries.values()), None)
            return self._whole(first[0]) if first else self._at(start, 1)
        if node.style in "|>":
            return self._at(start, 1)
        written = self.lines[start.line] if start.line < len(self.lines) else ""
        return self._at(start, (end.column if end.line == start.line else len(written)) - start.column)

    def _at(self, mark: Mark, length: int) -> Place:
        return Place(self.file, mark.line + 1, mark.column + 1, max(1, length))


# ------------------------------------------------------------------ from disk


def read_text(path: Path, limit: int = LIMIT) -> str:
    """Read the text of an ordinary file.

    Args:
        path: the file.
        limit: the most bytes that it may have.

    Raises:
        ScenarioError: the file is missing, not an ordinary file, unreadable, too large, not UTF-8, or contains a NUL.
    """
    file = str(path)
    try:
        with open_regular(path) as stream:
            content = stream.read(limit + 1)  # one byte too many shows that it is too large, and no more is needed
    except IrregularFileError:
        raise _only("TC002", None, f"{quote(file, 200)} is no ordinary file", _ordinary(path)) from None
    except (FileNotFoundError, NotADirectoryError):
        raise _only("TC001", None, f"there is no file {quote(file, 200)}", _missing(path)) from None
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else "its path is no path"
        cure = "check the path and who may read it"
        raise _only("TC003", None, f"{quote(file, 200)} cannot be read: {why.lower()}", cure) from None
    if len(content) > limit:
        raise _too_large(file, limit)
    try:
        text = content.decode("utf-8-sig")  # without the byte order mark that some editors write
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-8-sig", "replace")
        where = _place_of(file, before, len(before))
        message = f"byte {error.start} is {content[error.start]:#04x}, which is not UTF-8"
        raise _only("TC005", where, message, "save the file as UTF-8") from None
    if "\0" in text:
        raise _hidden(file, text, text.index("\0"))
    return text


def _ordinary(path: Path) -> str:
    return "name a file in the folder" if path.is_dir() else "copy what it holds into a file"


def _missing(path: Path) -> str:
    """The cure for a missing file: the most similar name in its folder, if there is one."""
    try:
        # The folder may be huge, and each name is compared, so only the first thousand are.
        with os.scandir(path.parent) as entries:
            guess = nearest(path.name, [entry.name for entry in islice(entries, 1_000)])
    except (OSError, ValueError):
        guess = None
    return f"did you mean {quote(str(path.with_name(guess)), 200)}?" if guess else "check the path"


def _only(code: str, place: Place | None, message: str, cure: str) -> ScenarioError:
    return ScenarioError((Fault(code, place, message, cure),))


def _too_large(file: str, limit: int) -> ScenarioError:
    size = f"{limit // 1024} KiB" if limit >= 1024 else f"{limit} bytes"
    cure = "draw large boards with `generate`, and share parts between files with `uses`"
    return _only("TC004", Place(file, 1, 1), f"the file is larger than {size}", cure)


# ------------------------------------------------------------------ from text


def parse(text: str, file: str) -> Source:
    """Parse YAML 1.2 into plain data with positions.

    A short text that was parsed a moment ago is not parsed again: what extends another file reads that one too.

    Args:
        text: the whole file.
        file: its name, for messages.

    Returns:
        The file. It is shared, so nothing may change its data.

    Raises:
        ScenarioError: the text is not usable; it carries every fault and warning found, in the order of the file.
    """
    return _kept(text, file) if len(text) <= _SHORT else _parsed(text, file)


def _parsed(text: str, file: str) -> Source:
    # Characters first: a text with too many need not be encoded. Lone surrogates have no UTF-8, so they are replaced.
    if len(text) > LIMIT or len(text.encode("utf-8", "replace")) > LIMIT:
        raise _too_large(file, LIMIT)
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    lines = tuple(text.split("\n"))
    if hidden := _HIDDEN.search(text):
        raise _hidden(file, text, hidden.start())
    # All of them at once: the parser would stop at the first.
    if tabs := _tabs(lines, file):
        raise ScenarioError(tabs)
    reader = _Reader(file, lines)
    reader.read(text)
    faults = tuple(
        sorted(reader.faults, key=lambda fault: (fault.place.line, fault.place.column) if fault.place else (0, 0))
    )
    if reader.root is None or any(not fault.warning for fault in faults):
        raise ScenarioError(faults)
    return Source(file, lines, reader.root, faults)


_SHORT = 16 * 1024
"""Most characters of a text that is kept; the largest of the library has twelve thousand."""
_kept = lru_cache(maxsize=128)(_parsed)


def opening(text: str, keys: Collection[str]) -> dict[str, str] | None:
    """The values of some of a file's own keys that are plain texts; nothing that follows the last of them is read.

    Args:
        text: the whole file, one that is known to be sound.
        keys: the keys.

    Returns:
        The text of each key; None where the file does not say one of them itself.
    """
    from ruamel.yaml import YAML

    found: dict[str, str] = {}
    depth = 0
    key: str | None = None
    for event in YAML(typ="safe", pure=True).parse(text):
        name = type(event).__name__
        if name == "ScalarEvent" and depth == 1:
            if key is not None and key in keys:
                found[key] = event.value
                if len(found) == len(keys):
                    return found
            key = event.value if key is None else None
        elif name in ("MappingStartEvent", "SequenceStartEvent"):
            depth += 1
        elif name in ("MappingEndEvent", "SequenceEndEvent"):
            depth, key = depth - 1, None
    return None


_HIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff\ufffe\uffff]")


def _hidden(file: str, text: str, offset: int) -> ScenarioError:
    message = f"the character U+{ord(text[offset]):04X} cannot be seen, and may not stand in a scenario"
    return _only("TC006", _place_of(file, text, offset), message, "delete it, or write what it was meant to say")


def _place_of(file: str, text: str, offset: int) -> Place:
    return Place(file, text.count("\n", 0, offset) + 1, offset - (text.rfind("\n", 0, offset) + 1) + 1)


def _tabs(lines: Sequence[str], file: str) -> tuple[Fault, ...]:
    """Report lines whose indentation contains a tab, where YAML allows only spaces."""
    faults = []
    for number, line in enumerate(lines, 1):
        column = line.find("\t", 0, len(line) - len(line.lstrip()))
        if column >= 0 and line.strip():
            place = Place(file, number, column + 1)
            faults.append(Fault("TC008", place, "a tab stands where only spaces may", "use two spaces for each level"))
    return tuple(faults[:MAX_FAULTS])


class _Stop(Exception):  # noqa: N818 -- it ends a walk and never gets out
    """Raised to stop reading where what follows cannot be understood."""


class _Open:
    """A list or mapping of which the start has been read and not yet the end."""

    __slots__ = ("as_key", "data", "entries", "flow", "items", "key", "mapping", "start", "waits_for_value")

    def __init__(self, mapping: bool, flow: bool, start: Mark, as_key: bool) -> None:
        self.mapping = mapping
        self.flow = flow
        self.start = start
        self.as_key = as_key
        self.entries: dict[str, tuple[Node, Node]] = {}
        self.items: list[Node] = []
        self.data: dict[str, Data] = {}
        self.waits_for_value = False
        self.key: Node | None = None  # None while it waits for a value: the key was no key, its value is dropped


class _Reader:
    """Builds nodes from the events of ruamel's parser.

    The event stream neither recurses nor creates objects, so a hostile file can exhaust no stack and run no code.
    """

    def __init__(self, file: str, lines: tuple[str, ...]) -> None:
        self.faults: list[Fault] = []
        self.root: Node | None = None
        self._file = file
        self._lines = lines
        self._open: list[_Open] = []
        self._documents = 0
        self._nodes = 0
        self._block: Node | None = None  # the last literal or folded text

    def read(self, text: str) -> None:
        """Read as much of a text as possible into `root`, and collect its faults in `faults`."""
        try:
            for event in self._events(text):
                self._take(event)
        except _Stop:
            return
        if (self.root is None or self.root.data is None) and not self.faults:
            cure = "docs/tutorial.md writes a scenario step by step"
            self._fault("TC007", Mark(0, 0), "the file is empty", cure)

    def _events(self, text: str) -> Iterator[Event]:
        from ruamel.yaml import YAML
        from ruamel.yaml.error import MarkedYAMLError

        yaml = YAML(typ="safe", pure=True)
        yaml.version = (1, 2)
        try:
            yield from yaml.parse(text)
        except MarkedYAMLError as error:
            self._syntax(error)
        except (_Stop, GeneratorExit):
            raise
        except Exception:
            # ruamel lets slip, among others, ValueError from `chr` and `int`; a file must never cause a traceback.
            where = self._open[-1].start if self._open else Mark(0, 0)
            self._fault("TC010", where, "something after this cannot be read", "look for an unusual escape or number")

    def _take(self, event: Any) -> None:
        name = type(event).__name__
        if name == "ScalarEvent":
            self._scalar(event)
        elif name in ("MappingStartEvent", "SequenceStartEvent"):
            self._begin(event, name == "MappingStartEvent")
        elif name in ("MappingEndEvent", "SequenceEndEvent"):
            self._end(event)
        elif name == "AliasEvent":
            # An empty value takes its place, so that the keys and values after it still pair up.
            start, end = _mark(event.start_mark), _mark(event.end_mark)
            self._anchors(f"the alias `*{event.anchor}`", start, end)
            self._add(Node(None, "plain", start, end, _NO_ENTRIES, ()), is_key_text=True)
        elif name == "DocumentStartEvent":
            self._document(event)

    def _document(self, event: Any) -> None:
        start = _mark(event.start_mark)
        self._documents += 1
        if self._documents > 1:
            self._fault("TC009", start, "a second document begins", "keep one scenario in each file")
            raise _Stop
        self._directives(start.line)

    def _directives(self, before: int) -> bool:
        """Report lines before a line number that begin with `%`, and tell whether there were any.

        Above the data of a document only directives and comments can stand, so any such line is a directive.
        """
        found = [number for number, line in enumerate(self._lines[:before]) if line.startswith("%")]
        for number in found:
            cure = "delete the line; a key that begins with `%` needs quotes"
            self._fault("TC014", Mark(number, 0), "directives are refused", cure, length=len(self._lines[number]))
        return bool(found)

    # Collections

    def _begin(self, event: Any, mapping: bool) -> None:
        start = _mark(event.start_mark)
        self._decorations(event, start)
        parent = self._open[-1] if self._open else None
        as_key = parent is not None and parent.mapping and not parent.waits_for_value
        if as_key:
            self._fault("TC015", start, f"a {'mapping' if mapping else 'list'} cannot be a key", "write one word")
        if len(self._open) >= MAX_DEPTH:
            self._fault("TC016", start, f"this is nested deeper than {MAX_DEPTH}", "write it with fewer levels")
            raise _Stop
        self._count(start)
        self._open.append(_Open(mapping, bool(event.flow_style), start, as_key))

    def _end(self, event: Any) -> None:
        done = self._open.pop()
        data: Data = done.data if done.mapping else [item.data for item in done.items]
        end = _mark(event.end_mark)
        node = Node(data, "flow" if done.flow else "block", done.start, end, done.entries, tuple(done.items))
        self._add(node, is_key_text=False)

    def _add(self, node: Node, *, is_key_text: bool) -> None:
        """Attach a finished node: as the root, an entry of a list, a key, or the value of the last key."""
        if not self._open:
            self.root = node
            return
        parent = self._open[-1]
        if not parent.mapping:
            parent.items.append(node)
        elif not parent.waits_for_value:
            parent.waits_for_value = True
            parent.key = node if is_key_text and isinstance(node.data, str) else None
        else:
            parent.waits_for_value = False
            if parent.key is not None and isinstance(name := parent.key.data, str):
                parent.entries[name] = (parent.key, node)
                parent.data[name] = node.data

    # Scalars

    def _scalar(self, event: Any) -> None:
        start, end = _mark(event.start_mark), _mark(event.end_mark)
        self._decorations(event, start)
        self._count(start)
        style: Style = event.style or "plain"
        parent = self._open[-1] if self._open else None
        data: Data
        if parent is not None and parent.mapping and not parent.waits_for_value:
            data = self._key(event.value, style, start, end, parent)
        else:
            data = self._value(event.value, style, start, end)
        node = Node(data, style, start, end, _NO_ENTRIES, ())
        if style in "|>":
            self._block = node
            if style == "|":
                self._lost_rows(end.line)
        self._add(node, is_key_text=True)

    def _key(self, text: str, style: Style, start: Mark, end: Mark, parent: _Open) -> str | None:
        """The text of a key, or None where it is refused, which is reported.

        Keys are never turned into numbers or truth values, because glyphs of a legend such as `1` are keys.
        """
        if style == '"':
            self._look_for_hidden(text, start, end)
        if style == "plain" and text == "<<":
            self._anchors("the merge key `<<`", start, end)
            return None
        if style == "plain" and not text:
            self._fault("TC015", start, "a key is missing before the `:`", "write the key, in quotes if it is a sign")
            return None
        if text in parent.entries:
            first = parent.entries[text][0].start
            where = f"line {first.line + 1}, column {first.column + 1}"
            length = end.column - start.column if end.line == start.line else 1
            message = f"the key {quote(text)} is here twice: first at {where}"
            self._fault("TC011", start, message, "keep one of them", length=length)
            return None
        return text

    def _value(self, text: str, style: Style, start: Mark, end: Mark) -> Data:
        """The value of a scalar: a plain one may be empty, a truth value or a number, all others are texts."""
        if style == '"':
            self._look_for_hidden(text, start, end)
        if style != "plain":
            return text
        if text in _WORDS:
            return _WORDS[text]
        # Most scalars are words: their first character saves the patterns. A plain scalar here is never empty.
        if text[0] in "+-.0123456789" and (number := _number(text)) is not None:
            if math.isfinite(number):
                return number
            cure = f"whole numbers have at most {MAX_DIGITS} digits, others are finite; words need quotes"
            self._fault("TC018", start, f"{quote(text)} is no number that can be kept", cure, length=len(text))
        return text

    def _look_for_hidden(self, text: str, start: Mark, end: Mark) -> None:
        """Report characters that cannot be seen in a text in double quotes, where escapes may stand for them."""
        if hidden := _HIDDEN.search(text):
            message = (
                f"an escape stands for U+{ord(hidden[0]):04X}, which cannot be seen and may not stand in a scenario"
            )
            length = end.column - start.column if end.line == start.line else 1
            self._fault("TC006", start, message, "delete it, or write what it was meant to say", length=length)

    # What is refused

    def _decorations(self, event: Any, start: Mark) -> None:
        if event.anchor is not None:
            self._anchors(f"the anchor {quote('&' + str(event.anchor))}", start, Mark(start.line, start.column + 1))
        if event.ctag is not None:
            self._tag(start, f"{quote(str(event.tag))} is a tag")

    def _anchors(self, what: str, start: Mark, end: Mark) -> None:
        cure = "use `extends` or `uses` to share parts, or put quotes around a text"
        length = end.column - start.column if end.line == start.line else 1
        self._fault("TC012", start, f"{what} is refused", cure, length=length)

    def _tag(self, start: Mark, message: str) -> None:
        self._fault("TC013", start, f"{message}, and tags are refused", "delete it, or put quotes around it")

    def _count(self, start: Mark) -> None:
        self._nodes += 1
        if self._nodes > MAX_NODES:
            self._fault("TC017", start, f"the file has more than {MAX_NODES:,} keys and values", "write a smaller one")
            raise _Stop

    def _lost_rows(self, line: int) -> None:
        """Warn of comments below a literal block that look like rows of a map.

        A row that begins with `#` and is indented less than the first row is a comment in YAML, so the map loses it.

        Args:
            line: the line after the block, from 0.
        """
        rows = 0
        while line + rows < len(self._lines) and _LOOKS_LIKE_A_ROW.fullmatch(self._lines[line + rows]):
            rows += 1
        if rows:
            row = self._lines[line].strip()
            what = f"{rows} lines are comments" if rows > 1 else "this line is a comment"
            column = self._lines[line].index("#")
            cure = "put every row of a map as far in as its first, or a space after the `#` of a comment"
            message = f"{what}, though {'they look like rows' if rows > 1 else 'it looks like a row'} of the map above"
            self._fault("TC019", Mark(line, column), message, cure, length=len(row), warning=True)

    def _syntax(self, error: Any) -> None:
        """Report an error of ruamel's scanner or parser in words that an author of scenarios understands."""
        problem = str(error.problem or "")
        context = str(error.context or "")
        mark = _mark(error.problem_mark or error.context_mark)
        code, message, cure = "TC010", "this is not YAML", "look for a missing `:`, quote or bracket near here"
        for known in _SYNTAX:
            if re.search(known.pattern, f"{context}: {problem}"):
                code, message, cure = known.code, known.message, known.cure
                if known.where_it_began and error.context_mark is not None:
                    mark = _mark(error.context_mark)
                break
        line = self._lines[mark.line] if mark.line < len(self._lines) else ""
        if "<document start>" in problem and self._directives(mark.line):
            return
        if line[mark.column : mark.column + 1] == "\t":
            code, message, cure = "TC008", "a tab stands where only spaces may", "use a space"
        elif code == "TC010" and (glyph := _BARE_GLYPH.match(line)):
            message, cure = f"the key `{glyph[1]}` needs quotes", f'write `"{glyph[1]}":`'
            mark = Mark(mark.line, glyph.start(1))
        elif "<block end>" in problem and re.search(r"\S.*['\"]\s*$", line[: mark.column]):
            message = "this follows a text in quotes that has already ended"
            cure = "put all of the text in quotes; `''` is a quote inside single quotes"
        elif code == "TC010" and self._breaks_a_block(mark.line):
            message = "this line is less far in than the text above it, which it seems to go on"
            cure = "put every row of a map, and every line of a text, as far in as the first"
        self._fault(code, mark, message, cure)

    def _breaks_a_block(self, line: int) -> bool:
        """Whether a line seems to continue the last literal or folded text: no line from there to it has a `:`."""
        if self._block is None or line < self._block.end.line:
            return False
        between = self._lines[self._block.end.line : line]
        return not any(":" in text for text in (*between, self._lines[line] if line < len(self._lines) else ""))

    def _fault(self, code: str, mark: Mark, message: str, cure: str, *, length: int = 1, warning: bool = False) -> None:
        place = Place(self._file, mark.line + 1, mark.column + 1, max(1, length))
        self.faults.append(Fault(code, place, message, cure, warning))
        if len(self.faults) >= MAX_FAULTS:
            raise _Stop


_ALIGN = "make its line as far in as its neighbours"
_NO_ENTRIES: Mapping[str, tuple[Node, Node]] = {}
_LOOKS_LIKE_A_ROW = re.compile(r"\s*#\S+\s*")
_BARE_GLYPH = re.compile(r"\s*([^\w\s\"'#\-\[\]{}])\s*:(?:\s|$)")


class _Known(NamedTuple):
    """An error of ruamel and the fault that is reported in its place.

    Attributes:
        code: the fault's code.
        pattern: a regular expression that is searched for in ruamel's context and problem.
        where_it_began: whether the fault is placed where ruamel's context begins, and not where it noticed the problem.
        message: what is wrong.
        cure: how to correct it.
    """

    code: str
    pattern: str
    where_it_began: bool
    message: str
    cure: str


# The first pattern that is found applies: the specific ones stand before those that match many problems.
_SYNTAX = (
    _Known("TC013", r"(scanning|parsing) an? tag|tag handle", False, "tags are refused", "put quotes around it"),
    _Known("TC012", r"scanning an (anchor|alias)", True, "anchors and aliases are refused", "put quotes around it"),
    _Known("TC014", r"directive|YAML document|tag handle", False, "directives are refused", "delete the line"),
    _Known(
        "TC009", r"document end marker", False, "something follows the end of the document", "delete the line `...`"
    ),
    _Known("TC010", r"end of stream", True, "this quote is never closed", "write the closing quote"),
    _Known("TC010", r"document separator", True, "this quote is never closed", "write the closing quote"),
    _Known(
        "TC010", r"escape", False, "this escape has no meaning", r"write `\\` for a backslash, or use single quotes"
    ),
    _Known("TC010", r"block scalar", False, "this cannot stand after `|` or `>`", "begin the text on the next line"),
    _Known("TC010", r"more indented follow up", True, "blank lines reach further in than the text below", "empty them"),
    _Known(
        "TC010",
        r"could not find expected ':'",
        True,
        "a key has no `:` after it",
        "write `key: value`, as far in as its neighbours",
    ),
    _Known(
        "TC010", r"mapping values are not", False, "a `:` cannot stand here", "put a text with `: ` in it in quotes"
    ),
    _Known("TC010", r"sequence entries are not", False, "a list cannot begin here", "begin it on a line of its own"),
    _Known("TC010", r"mapping keys are not", False, "a `?` cannot stand here", "put quotes around it"),
    _Known("TC010", r"cannot start any token", False, "a text cannot begin with this sign", "put quotes around it"),
    _Known("TC010", r"',' or '\]'", True, "this `[` is never closed", "write `]`, or a `,` between its entries"),
    _Known("TC010", r"',' or '\}'", True, "this `{` is never closed", "write `}`, or a `,` between its entries"),
    _Known(
        "TC010", r"a flow node", False, "a value is missing here, or a bracket before it is never closed", "write it"
    ),
    _Known("TC010", r"a block collection", False, "this line is no entry of the list above it", "begin it with `- `"),
    _Known("TC010", r"<block end>", False, "this does not belong to the mapping that it stands in", _ALIGN),
    _Known("TC010", r"<document start>", False, "this follows where the data has already ended", _ALIGN),
)


# ------------------------------------------------------------------ small parts


_WORDS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")


def _number(text: str) -> int | float | None:
    """The number that a plain scalar stands for in YAML 1.2; infinity if it cannot be kept, None if it is no number."""
    if _INTEGER.fullmatch(text):
        # The length before the value: reading a huge whole number takes quadratic time, or Python refuses it.
        if len(text.lstrip("+-")) > MAX_DIGITS:
            return math.inf
        number = int(text, {"0o": 8, "0x": 16}.get(text[:2], 10))
        return number if abs(number) < 10**MAX_DIGITS else math.inf
    if _FLOAT.fullmatch(text):
        return float(text) if len(text) <= 64 else math.inf
    return math.inf if _NOT_FINITE.fullmatch(text) else None


def _mark(mark: Any) -> Mark:
    return Mark(mark.line, mark.column)


def _marks(node: Node, lines: Sequence[str]) -> list[Mark] | None:
    """The position of each character of a text, and of one past the last; None where they cannot be determined.

    ruamel tells only where a scalar begins and ends, so YAML's folding of lines is followed again here.
    """
    if not isinstance(node.data, str):
        return None
    if node.style == "|":
        return _literal_marks(node, node.data, lines)
    pieces = _pieces(node, lines)
    marks: list[Mark] = []
    shown: list[str] = []  # what was written for each; an escape as a NUL, which no text holds
    end, blanks = node.start, 0
    for number, (line, column, written) in enumerate(pieces):
        if number and not written and number < len(pieces) - 1:
            blanks += 1
            continue
        # A line end is read as a space, or as one newline for each blank line after it; an escaped one as nothing.
        if number and not (node.style == '"' and shown and shown[-1] == "\\"):
            marks += [end] * max(1, blanks)
            shown += ["\n"] * blanks or [" "]
        elif number:
            marks.pop()
            shown.pop()
        blanks = 0
        for match in _UNITS[node.style].finditer(written):
            marks.append(Mark(line, column + match.start()))
            shown.append(match[0] if len(match[0]) == 1 else match[0][0] if node.style == "'" else "\0")
        end = Mark(line, column + len(written))
    text = node.data.removesuffix("\n") if node.style == ">" else node.data
    # Positions are only trusted if the text that they spell is the one that the parser read.
    same = len(shown) == len(text) and all(a in (b, "\0") for a, b in zip(shown, text, strict=True))
    if not same:
        return None
    # The line end that closes a block is written where its last line ends.
    return marks + [end] * (1 + len(node.data) - len(text))


_ESCAPE = r"\\(?:x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|.)"
_UNITS: dict[str, re.Pattern[str]] = {
    "plain": re.compile("."),
    ">": re.compile("."),
    "'": re.compile("''|."),
    '"': re.compile(f"{_ESCAPE}|."),
}
"""Style -> a pattern for what one character of a text's value is written as, such as an escape or a doubled quote."""


def _pieces(node: Node, lines: Sequence[str]) -> list[tuple[int, int, str]]:
    """The lines of a text whose lines are folded, as (line, column, content without the space that folding drops)."""
    quoted, folded = node.style in "'\"", node.style == ">"
    first = node.start.line + folded
    last = node.end.line - (folded and node.end.column == 0)
    pieces = []
    for number in range(first, min(last + 1, len(lines))):
        begin = node.start.column + quoted if number == node.start.line else 0
        end = node.end.column - quoted if number == node.end.line and not folded else len(lines[number])
        piece = lines[number][begin:end]
        if number > first or folded:
            begin += len(piece) - len(piece.lstrip(" \t"))
            piece = piece.lstrip(" \t")
        pieces.append((number, begin, piece.rstrip(" \t") if number < last and not folded else piece))
    # Blank lines at the end of a folded block are no part of its text.
    while folded and pieces and not pieces[-1][2]:
        pieces.pop()
    return pieces


def _literal_marks(node: Node, text: str, lines: Sequence[str]) -> list[Mark] | None:
    """The marks of a literal block, whose lines stand in the file as they are, after their indentation."""
    marks: list[Mark] = []
    for number, line in enumerate(text.removesuffix("\n").split("\n"), node.start.line + 1):
        written = lines[number] if number < len(lines) else None
        if written is None or not written.endswith(line):
            return None
        start = len(written) - len(line)
        marks += [Mark(number, column) for column in range(start, len(written) + 1)]
    return marks + marks[-1:] * (len(text) + 1 - len(marks))
