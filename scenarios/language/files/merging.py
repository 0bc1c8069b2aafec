"""Merges several files (`extends`, `uses`) into one; each value keeps its file and position."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from ..faults.collector import Path
from ..faults.faults import Place
from .yaml_source import Data, Node, Source

BY_NAME = ("rules", "overrides")
"""Lists that are merged entry by entry, by the entries' names; all others are replaced."""


@dataclass(frozen=True)
class Piece:
    """A value of one file, or a mapping or list put together from several.

    Attributes:
        source: the file; of a value put together, the nearest one.
        path: where in that file it is written.
        entries: of a mapping put together, its values by key; otherwise None.
        items: of a list put together, its values; otherwise None.
    """

    source: Source
    path: Path = ()
    entries: Mapping[str, Piece] | None = None
    items: tuple[Piece, ...] | None = None

    @property
    def node(self) -> Node:
        """Where it is written, as a tree of its own file."""
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
        return self.node.data

    def children(self) -> Mapping[str, Piece] | None:
        """The values of a mapping by key; None where it is none."""
        if self.entries is not None:
            return self.entries
        if not isinstance(self.node.data, dict):
            return None
        return {key: Piece(self.source, (*self.path, key)) for key in self.node.data}

    def elements(self) -> tuple[Piece, ...] | None:
        """The values of a list; None where it is none."""
        if self.items is not None:
            return self.items
        if not isinstance(self.node.data, list):
            return None
        return tuple(Piece(self.source, (*self.path, index)) for index in range(len(self.node.data)))

    def without(self, keys: Sequence[str]) -> Piece:
        """The same mapping without some keys; anything else stays as it is."""
        children = self.children()
        if children is None or not set(keys) & children.keys():
            return self
        return Piece(self.source, self.path, {key: piece for key, piece in children.items() if key not in keys})


class File(NamedTuple):
    """A file that was read: its real path (in `<>` where there is none), and its text with plain line ends."""

    real: str
    text: str


@dataclass(frozen=True)
class Merged:
    """A scenario as it is checked: the file that was asked for over everything that it extends and uses.

    Attributes:
        root: the whole.
        sources: every file that was read, the one asked for first.
        reals: the real path of each.
    """

    root: Piece
    sources: tuple[Source, ...]
    reals: tuple[str, ...]

    @property
    def file(self) -> str:
        """The file that was asked for."""
        return self.sources[0].file

    @cached_property
    def data(self) -> Data:
        """The whole as plain Python."""
        return self.root.data

    @property
    def files(self) -> tuple[File, ...]:
        """Every file that was read, the one asked for first."""
        read = zip(self.reals, self.sources, strict=True)
        return tuple(File(real, "\n".join(source.lines)) for real, source in read)

    @property
    def lines(self) -> Mapping[str, tuple[str, ...]]:
        """The lines of each file, by its name."""
        return {source.file: source.lines for source in self.sources}

    def node(self, path: Path) -> Node | None:
        """The value at a path, as written in its own file; None where there is none."""
        source, inside = self._origin(path)
        return source.node(inside)

    def place(self, path: Path, key: bool = False) -> Place:
        """Where the value at a path is written (or its key); where nothing is, its nearest ancestor."""
        source, inside = self._origin(path)
        return source.place(inside, key)

    def locate(self, path: Path, span: tuple[int, int]) -> Place:
        """Where characters of the text at a path are written."""
        source, inside = self._origin(path)
        return source.locate(inside, span)

    def _origin(self, path: Path) -> tuple[Source, Path]:
        """The file in which a path of the whole is written, and the path there."""
        piece = self.root
        for depth, step in enumerate(path):
            if piece.entries is None and piece.items is None:
                return piece.source, (*piece.path, *path[depth:])
            below = None
            if piece.entries is not None and isinstance(step, str):
                below = piece.entries.get(step)
            elif piece.items is not None and isinstance(step, int) and 0 <= step < len(piece.items):
                below = piece.items[step]
            if below is None:
                return piece.source, piece.path
            piece = below
        return piece.source, piece.path


def merge(near: Piece, far: Piece, key: str = "") -> Piece:
    """Lay one value over another: mappings key by key, rules by name; anything else is replaced.

    Args:
        near: what wins.
        far: what shows through; its keys and rules come first.
        key: the key of both at the top level of a file, which decides how a list is merged.
    """
    above, below = near.children(), far.children()
    if above is not None and below is not None:
        entries = {
            name: merge(above[name], piece, name if not near.path else "") if name in above else piece
            for name, piece in below.items()
        }
        return Piece(near.source, near.path, entries | {k: v for k, v in above.items() if k not in below})
    ours, theirs = near.elements(), far.elements()
    if key in BY_NAME and ours is not None and theirs is not None:
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
