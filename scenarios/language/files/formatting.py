"""Formats the text of a scenario file: one spacing for all files, with every key, value and comment where it was."""

from __future__ import annotations

import io
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.emitter import RoundTripEmitter
from ruamel.yaml.error import YAMLError
from ruamel.yaml.representer import RoundTripRepresenter

from ...errors import UsageError
from .yaml_source import Node, Source, parse

WIDTH = 140
"""The column from which a list of values in brackets goes on in another line."""
_ENDLESS = 1_000_000
_COMMENT = re.compile(r"(?:^|(?<=\s))#.*")


class _Representer(RoundTripRepresenter):
    """Writes `null` for nothing, as authors do."""


_Representer.add_representer(
    type(None), lambda representer, _: representer.represent_scalar("tag:yaml.org,2002:null", "null")
)


class _Emitter(RoundTripEmitter):
    """Breaks lists in brackets at `WIDTH`, and no text or mapping anywhere: an entry stays on its line."""

    def expect_flow_mapping_key(self) -> None:
        self.best_width = _ENDLESS
        super().expect_flow_mapping_key()

    def expect_flow_sequence_item(self) -> None:
        # A list within other brackets is part of their line.
        self.best_width = WIDTH if len(self.flow_context) == 1 else _ENDLESS
        super().expect_flow_sequence_item()

    def write_plain(self, text: Any, split: Any = True) -> None:
        super().write_plain(text, False)

    def write_single_quoted(self, text: Any, split: Any = True) -> None:
        super().write_single_quoted(text, False)

    def write_double_quoted(self, text: Any, split: Any = True) -> None:
        super().write_double_quoted(text, False)


def formatted(text: str, file: str) -> str:
    """A scenario file in the one spacing that all files can have.

    Entries are indented by two spaces, lists by two more; there is one blank line at most, no space at the end of a
    line, and one line end at the end of the file. Keys, values, comments and their order stay; so do maps, block texts,
    quotes, and whether something stands in brackets. Formatting what is formatted changes nothing.

    Args:
        text: the whole file.
        file: its name, for messages.

    Raises:
        ScenarioError: the text is no YAML that a scenario can be written in.
        UsageError: it has a comment where none can be kept.
    """
    source = parse(text, file)
    reader: Any = YAML(typ="rt")
    reader.Emitter, reader.Representer = _Emitter, _Representer
    reader.preserve_quotes = True
    reader.width = _ENDLESS
    reader.indent(mapping=2, sequence=4, offset=2)
    out = io.StringIO()
    try:
        reader.dump(reader.load(text), out)
        new = _spaced(parse(out.getvalue(), file))
        again = parse(new, file)
    except YAMLError as fault:
        raise UsageError(f"{file} cannot be formatted, and is left as it is: {fault}") from fault
    # What is written must be what was read: a comment within brackets is dropped by the library in some places.
    if again.data != source.data or Counter(_comments(again)) != Counter(_comments(source)):
        raise UsageError(
            f"{file} cannot be formatted without losing a comment, and is left as it is; "
            "put comments on lines of their own"
        )
    return new


def _spaced(source: Source) -> str:
    """The lines of a file without spaces at their ends, with single blank lines, and two spaces before a comment.

    Block texts stay as they are.
    """
    within = {line for node in _scalars(source.root) if node.style in "|>" for line in _lines_of(node)}
    lines: list[str] = []
    for number, (line, masked) in enumerate(zip(source.lines, _masked(source), strict=True)):
        found = _COMMENT.search(masked)
        if number in within:
            lines.append(line)
        elif found and masked[: found.start()].strip():
            lines.append(f"{line[: found.start()].rstrip()}  {line[found.start() :].rstrip()}")
        elif line.strip() or (lines and lines[-1]):
            lines.append(line.rstrip())
    return "\n".join(lines).rstrip() + "\n"


def _lines_of(node: Node) -> range:
    """The lines of a block text, without the one on which its sign stands."""
    return range(node.start.line + 1, node.end.line)


def _comments(source: Source) -> Iterator[str]:
    """The comments of a file: what follows a `#` outside of all values."""
    for line in _masked(source):
        if found := _COMMENT.search(line):
            yield found.group().rstrip()


def _masked(source: Source) -> list[str]:
    """The lines of a file with an x for each character of a key or a value."""
    lines = list(source.lines)
    for node in _scalars(source.root):
        first, last = node.start, node.end
        for number in range(first.line, min(last.line + 1, len(lines))):
            begin = first.column if number == first.line else 0
            end = last.column if number == last.line else len(lines[number])
            lines[number] = lines[number][:begin] + "x" * (end - begin) + lines[number][end:]
    return lines


def _scalars(node: Node) -> Iterator[Node]:
    """Every value below a node that is no list and no mapping, the keys of mappings among them."""
    if node.entries:
        for key, value in node.entries.values():
            yield key
            yield from _scalars(value)
    elif node.items:
        for item in node.items:
            yield from _scalars(item)
    elif node.style not in ("block", "flow"):
        yield node
