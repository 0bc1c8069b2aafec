"""Merges the files that `extends` and `uses` name into one document; each value keeps its file and position."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import NamedTuple

from ..faults.collector import Path
from ..faults.faults import Place
from .yaml_source import Data, Node, Source

BY_NAME = ("rules", "overrides")
"""Keys of the lists that are merged entry by entry, matched by the entries' names; other lists are replaced."""

PROSE = ("name", "about")
"""Keys whose texts are for people: no name in them is changed for another one."""
_WORD = re.compile(r"""("[^"]*"|'[^']*')|(?<![A-Za-z0-9_])[A-Za-z][A-Za-z0-9_]*""")


@dataclass(frozen=True)
class Piece:
    """A value of one file, or a mapping or list that was merged from several files.

    Attributes:
        source: the file; of a merged value, the file with the highest priority.
        path: the value's path in that file.
        entries: key -> value of a merged mapping; None for any other value.
        items: the values of a merged list; None for any other value.
        names: of a text, a name that is written there -> the name that is read instead.
        ending: what is read after a text that is written there.
    """

    source: Source
    path: Path = ()
    entries: Mapping[str, Piece] | None = None
    items: tuple[Piece, ...] | None = None
    names: Mapping[str, str] = field(default_factory=dict)
    ending: str = ""

    @property
    def node(self) -> Node:
        """The value's node in the tree of its own file."""
        node = self.source.node(self.path)
        assert node is not None
        return node

    @property
    def data(self) -> Data:
        """The value as plain Python."""
        if self.entries is not None:
            return {key: piece.data for key, piece in self.entries.items()}
        if self.items is not None:
            return [piece.data for piece in self.items]
        data = self.node.data
        return _replaced(data, self.names) + self.ending if isinstance(data, str) else data

    @property
    def is_null(self) -> bool:
        """Whether it is written as `null`, or as nothing at all."""
        return self.entries is None and self.items is None and self.node.data is None

    def children(self) -> Mapping[str, Piece] | None:
        """The values of a mapping by key; None if this is no mapping."""
        if self.entries is not None:
            return self.entries
        if not isinstance(self.node.data, dict):
            return None
        return {key: Piece(self.source, (*self.path, key)) for key in self.node.data}

    def elements(self) -> tuple[Piece, ...] | None:
        """The values of a list; None if this is no list."""
        if self.items is not None:
            return self.items
        if not isinstance(self.node.data, list):
            return None
        return tuple(Piece(self.source, (*self.path, index)) for index in range(len(self.node.data)))

    def without(self, keys: Sequence[str]) -> Piece:
        """A copy of a mapping without the given keys; any other value is returned unchanged."""
        children = self.children()
        if children is None or not set(keys) & children.keys():
            return self
        return Piece(self.source, self.path, {key: piece for key, piece in children.items() if key not in keys})


class File(NamedTuple):
    """A file that was read.

    Attributes:
        real: its real path; for a text without a path, its name in `<>`.
        text: its content, with a single newline character at each line end.
    """

    real: str
    text: str


@dataclass(frozen=True)
class Merged:
    """A requested file merged with everything that it extends and uses.

    Attributes:
        root: the merged content.
        sources: every file that was read, the requested one first.
        reals: the real path of each source, in the same order.
    """

    root: Piece
    sources: tuple[Source, ...]
    reals: tuple[str, ...]

    @property
    def file(self) -> str:
        """The name of the requested file."""
        return self.sources[0].file

    @cached_property
    def data(self) -> Data:
        """The merged content as plain Python."""
        return self.root.data

    @property
    def files(self) -> tuple[File, ...]:
        """Every file that was read, the requested one first."""
        read = zip(self.reals, self.sources, strict=True)
        return tuple(File(real, "\n".join(source.lines)) for real, source in read)

    @property
    def lines(self) -> Mapping[str, tuple[str, ...]]:
        """File name -> its lines."""
        return {source.file: source.lines for source in self.sources}

    def node(self, path: Path) -> Node | None:
        """The node of the value at a path, in its own file; None if no value is there."""
        piece, inside = self._origin(path)
        return piece.source.node(inside)

    def place(self, path: Path, key: bool = False) -> Place:
        """The position of the value at a path, or of its key; if nothing is there, that of the nearest ancestor."""
        piece, inside = self._origin(path)
        return piece.source.place(inside, key)

    def read_as(self, path: Path) -> Mapping[str, str]:
        """The names that are written in the value at a path, and what each is read as; empty where none is changed."""
        return self._origin(path)[0].names

    def locate(self, path: Path, span: tuple[int, int]) -> Place:
        """The position of a range of characters in the text at a path."""
        piece, inside = self._origin(path)
        node = piece.source.node(inside)
        if piece.names and node is not None and isinstance(node.data, str):
            span = _written_at(node.data, piece.names, span[0]), _written_at(node.data, piece.names, span[1])
        return piece.source.locate(inside, span)

    def _origin(self, path: Path) -> tuple[Piece, Path]:
        """One file's own piece that holds the value at a path of the merged content, and the path in that file."""
        piece = self.root
        for depth, step in enumerate(path):
            if piece.entries is None and piece.items is None:  # one file's own value, and all below is in that file
                return piece, (*piece.path, *path[depth:])
            below = None
            if piece.entries is not None and isinstance(step, str):
                below = piece.entries.get(step)
            elif piece.items is not None and isinstance(step, int) and 0 <= step < len(piece.items):
                below = piece.items[step]
            if below is None:
                return piece, piece.path
            piece = below
        return piece, piece.path


def renamed(piece: Piece, names: Mapping[str, str], ending: str = "") -> Piece:
    """A value as it is read where some names are changed for others, in every word but those for people.

    Args:
        piece: the value as written.
        names: a name that is written -> the name that is read.
        ending: of a mapping, what is read after the text of its `name`.
    """
    children, items = piece.children(), piece.elements()
    if children is not None:
        entries = {
            _replaced(key, names): child if key in PROSE else renamed(child, names) for key, child in children.items()
        }
        if ending and "name" in entries:
            entries["name"] = replace(entries["name"], ending=ending)
        return Piece(piece.source, piece.path, entries)
    if items is not None:
        return Piece(piece.source, piece.path, None, tuple(renamed(item, names) for item in items))
    return replace(piece, names=names)


def merge(near: Piece, far: Piece, key: str = "") -> Piece:
    """Merge two values: mappings key by key, the lists of `BY_NAME` by name; of all others, `near` replaces `far`.

    A key of `near` whose value is null takes the key of `far` away, and is gone itself.

    Args:
        near: the value with priority.
        far: the value that fills what `near` leaves out; its keys and entries keep their order and come first.
        key: the top-level key that both belong to, which decides how a list is merged.
    """
    above, below = near.children(), far.children()
    if above is not None and below is not None:
        # Only the root has an empty path: a `rules` further down would be no list of rules.
        entries = {
            name: merge(above[name], piece, name if not near.path else "") if name in above else piece
            for name, piece in below.items()
            if name not in above or not above[name].is_null
        }
        return Piece(near.source, near.path, entries | {k: v for k, v in above.items() if k not in below})
    ours, theirs = near.elements(), far.elements()
    if key in BY_NAME and ours is not None and theirs is not None:
        # A replaced entry stands where the old one stood, since rules fire in order. Of entries with one name the last
        # replaces; the others are appended by identity, so that the check of unique names still sees them.
        named = {name: piece for piece in ours if (name := _name(piece)) is not None}
        placed: set[int] = set()
        items = []
        for piece in theirs:
            own = named.get(_name(piece) or "")
            items.append(piece if own is None else own)
            placed.add(id(own))
        return Piece(near.source, near.path, None, (*items, *(piece for piece in ours if id(piece) not in placed)))
    return near


def _name(piece: Piece) -> str | None:
    data = piece.data
    name = data.get("name") if isinstance(data, dict) else None
    return name if isinstance(name, str) else None


# ------------------------------------------------------------------ names that are changed for others


def _replaced(text: str, names: Mapping[str, str]) -> str:
    """A text with every word changed that is one of the names; what stands in quotation marks stays."""
    return _WORD.sub(lambda word: names.get(word[0], word[0]), text) if names else text


def _written_at(text: str, names: Mapping[str, str], position: int) -> int:
    """Where a position in `_replaced(text, names)` is in the text as written."""
    shift = 0
    for word in _WORD.finditer(text):
        read = len(names.get(word[0], word[0]))
        if position < word.start() + shift + read:
            return min(position - shift, word.end())
        shift += read - len(word[0])
    return position - shift
