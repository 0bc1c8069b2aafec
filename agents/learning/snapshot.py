"""Serialises a training that is under way to plain data and arrays, and restores it exactly, without pickle.

The object graph may contain objects of Turncoat's own classes, containers, arrays and random generators, with shared
references and cycles. Restoring makes empty instances of Turncoat's classes and sets their attributes; no constructor
and nothing else that a file names is called, so a file cannot execute code. Objects of any other class are refused
(`SnapshotError`). A snapshot is only valid for the version of the code that took it; for long-term storage an agent has
its own `save`.
"""

from __future__ import annotations

import importlib
import math
import re
from collections import Counter, deque
from typing import Any, Final, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from ...scenarios.deferred import sparse
from ...scenarios.errors import TurncoatError

ROOT: Final = __name__.split(".agents.")[0]
"""The name of the package whose classes can be stored."""
_SIMPLE: Final = (bool, int, float, str)
_CHAINS: Final = {"list": list, "set": set, "deque": deque}
_MAPPINGS: Final = {"dict": dict, "Counter": Counter}

_MODULE: Final = re.compile(r"(agents|envs|evals|scenarios)(\.[a-z][a-z0-9_]*)+")
"""The modules whose classes can be in a snapshot. Importing one defines things and does nothing else."""

Arrays = dict[str, npt.NDArray[Any]]


class SnapshotError(TurncoatError):
    """An object is neither plain data nor of one of Turncoat's classes; the message names its class."""


@runtime_checkable
class CustomSnapshot(Protocol):
    """An object with its own serialisation, because it holds objects of other packages (networks, optimisers)."""

    def snapshot_state(self) -> dict[str, Any]:
        """The object's complete state, as values that can be stored."""
        ...

    def restore_state(self, data: dict[str, Any]) -> None:
        """Restores what `snapshot_state` returned; called on an instance whose `__init__` did not run."""
        ...


def take(thing: object) -> tuple[Any, Arrays]:
    """Serialises an object and everything that it refers to.

    Returns:
        Data for JSON, and one flat array per dtype that holds the contents of all arrays of that dtype. One array per
        dtype, because a training may hold thousands of small arrays, each of which would cost a file entry.

    Raises:
        SnapshotError: something in it cannot be stored.
    """
    return _Taker().all_of(thing)


def make(data: Any, arrays: Arrays) -> Any:
    """Restores the object that `take` was given.

    Raises:
        SnapshotError: a class is not one of Turncoat's.
        KeyError, IndexError, TypeError, ValueError, ImportError, AttributeError: the data are damaged.
    """
    return _Maker(data, arrays).whole()


class _Taker:
    """Writes an object graph as numbered records.

    Every mutable container and object gets a number, under which it is stored once, however often it is referred to.
    Objects wait in a queue instead of being visited recursively, so that long chains do not exceed the recursion limit.
    """

    def __init__(self) -> None:
        self._numbers: dict[int, int] = {}
        # References to everything numbered: an object that was freed could pass on its `id` to another one.
        self._held: list[object] = []
        self._records: list[Any] = []
        self._parts: dict[str, list[npt.NDArray[Any]]] = {}
        self._filled: dict[str, int] = {}

    def all_of(self, thing: object) -> tuple[Any, Arrays]:
        root = self._value(thing)
        while len(self._records) < len(self._held):
            self._records.append(self._record(self._held[len(self._records)]))
        whole = {name: np.concatenate(parts) for name, parts in self._parts.items()}
        return {"root": root, "records": self._records}, whole

    def _value(self, value: Any) -> Any:
        """A simple value as itself, anything else as a list that begins with its kind."""
        # Compared by exact type: of a subclass, such as `np.float64` of `float`, the type would be lost.
        kind = type(value)
        if value is None or kind in _SIMPLE:
            return value
        if kind is bytes:
            return ["bytes", value.hex()]
        if isinstance(value, np.generic):
            return ["scalar", *self._array(np.asarray(value))]
        # Tuples and frozen sets are written in place: they are immutable, and Python cannot make them empty and fill
        # them later, as the records below are.
        if kind is tuple:
            return ["tuple", *map(self._value, value)]
        if kind is frozenset:
            return ["frozenset", *map(self._value, value)]
        if isinstance(value, tuple):
            return ["named", _name_of(kind), *map(self._value, value)]
        number = self._numbers.get(id(value))
        if number is None:
            number = self._numbers[id(value)] = len(self._held)
            self._held.append(value)
        return ["at", number]

    def _record(self, thing: Any) -> list[Any]:
        """The contents of a numbered object, as a list that begins with its kind.

        Raises:
            SnapshotError: it is of a class that is not one of Turncoat's.
        """
        kind = type(thing)
        if kind is np.ndarray:
            return ["array", *self._array(thing)]
        if kind.__name__ in _CHAINS and kind is _CHAINS[kind.__name__]:
            more = [thing.maxlen] if kind is deque else []
            return [kind.__name__, *more, *map(self._value, thing)]
        if kind.__name__ in _MAPPINGS and kind is _MAPPINGS[kind.__name__]:
            return [kind.__name__, *([self._value(key), self._value(its)] for key, its in thing.items())]
        if kind is np.random.Generator:
            return ["chance", thing.bit_generator.state]
        if kind is sparse.csr_array:
            return ["csr", list(thing.shape), *map(self._value, (thing.data, thing.indices, thing.indptr))]
        if isinstance(thing, CustomSnapshot):
            return ["otherwise", _name_of(kind), self._value(thing.snapshot_state())]
        name = _name_of(kind)
        return ["object", name, *([key, self._value(its)] for key, its in vars(thing).items())]

    def _array(self, array: npt.NDArray[Any]) -> list[Any]:
        """Appends an array to those of its dtype; returns its dtype, shape, memory order and offset there."""
        if array.dtype.hasobject:
            raise SnapshotError("an array of objects")
        name = array.dtype.str
        # The order is restored too, since the rounding of sums and matrix products can depend on it.
        columns = array.flags.f_contiguous and not array.flags.c_contiguous
        flat = array.ravel(order="F" if columns else "C").copy()
        first = self._filled.get(name, 0)
        self._filled[name] = first + flat.size
        self._parts.setdefault(name, []).append(flat)
        return [name, list(array.shape), "F" if columns else "C", first]


class _Maker:
    """Restores an object graph: makes all objects empty first and fills them then, so that references can be cyclic."""

    def __init__(self, data: Any, arrays: Arrays) -> None:
        # Every stored array is taken from its place once, so that a few records cannot ask for one many times.
        self._left = sum(array.nbytes for array in arrays.values())
        self._root, self._records, self._arrays = data["root"], data["records"], arrays
        self._made = [self._empty(record) for record in self._records]

    def whole(self) -> Any:
        """Fills all objects; returns the one that was stored."""
        # Sparse matrices are the only objects that are replaced here, so they come before any reference to them is set.
        for number, record in enumerate(self._records):
            if record[0] == "csr":
                matrix = sparse.csr_array(tuple(map(self._value, record[2:])), shape=tuple(record[1]))
                matrix.check_format(full_check=True)  # SciPy's compiled code trusts the indices
                self._made[number] = matrix
        # `restore_state` may read what it is given, so it is called after everything else has been filled.
        late: list[tuple[CustomSnapshot, Any]] = []
        for record, made in zip(self._records, self._made, strict=True):
            match record[0]:
                case "list" | "deque":
                    made.extend(map(self._value, record[1 if record[0] == "list" else 2 :]))
                case "set":
                    made.update(map(self._value, record[1:]))
                case "dict" | "Counter":
                    for key, its in record[1:]:
                        made[self._value(key)] = self._value(its)
                case "object":
                    vars(made).update({key: self._value(its) for key, its in record[2:]})
                case "otherwise":
                    late.append((made, self._value(record[2])))
        for made, its in late:
            made.restore_state(its)
        return self._value(self._root)

    def _empty(self, record: Any) -> Any:
        """The object of a record without its contents; arrays and random generators are complete.

        Raises:
            SnapshotError: its class is not one of Turncoat's.
            ValueError: the kind of record is unknown.
        """
        match record[0]:
            case "list" | "set":
                return _CHAINS[record[0]]()
            case "deque":
                return deque(maxlen=record[1])
            case "dict" | "Counter":
                return _MAPPINGS[record[0]]()
            case "array":
                return self._array(record[1:])
            case "chance":
                chance = np.random.default_rng(0)
                chance.bit_generator.state = record[1]
                return chance
            case "csr":
                return None  # a sparse matrix cannot be filled later: `whole` makes it from its arrays
            case "object" | "otherwise":
                return object.__new__(_class_of(record[1]))
        raise ValueError(f"no record of the kind {record[0]!r} is known")

    def _value(self, value: Any) -> Any:
        """The value that `_Taker._value` wrote."""
        if not isinstance(value, list):
            return value
        match value[0]:
            case "at":
                return self._made[value[1]]
            case "bytes":
                return bytes.fromhex(value[1])
            case "scalar":
                return self._array(value[1:])[()]
            case "tuple":
                return tuple(map(self._value, value[1:]))
            case "frozenset":
                return frozenset(map(self._value, value[1:]))
            case "named":
                return tuple.__new__(_class_of(value[1]), map(self._value, value[2:]))
        raise ValueError(f"no value of the kind {value[0]!r} is known")

    def _array(self, where: Any) -> npt.NDArray[Any]:
        name, shape, order, first = where
        size, whole = math.prod(shape), self._arrays[name]
        if min([first, *shape]) < 0 or first + size > whole.size:
            raise ValueError("an array lies outside of what is stored")
        self._left -= size * whole.itemsize
        if self._left < 0:
            raise ValueError("arrays lie on each other")
        # A copy, since a view would keep the whole shared array in memory.
        return whole[first : first + size].reshape(shape, order=order).copy(order=order)


def _name_of(kind: type) -> str:
    """The stored name of a class, such as `agents.counts.agent:CountsAgent`.

    Raises:
        SnapshotError: it is not a module-level class of Turncoat's.
    """
    package, _, module = kind.__module__.partition(".")
    if package != ROOT or getattr(importlib.import_module(kind.__module__), kind.__name__, None) is not kind:
        raise SnapshotError(f"{kind.__module__}.{kind.__qualname__}")
    return f"{module}:{kind.__name__}"


def _class_of(name: str) -> type:
    """The class of a stored name.

    Raises:
        SnapshotError: it is not a class that is defined in the named module of Turncoat's rooms.
    """
    module, _, its = name.partition(":")
    # Only modules that define what a training consists of are imported: never the program itself (`__main__`).
    if not _MODULE.fullmatch(module):
        raise SnapshotError(f"`{name[:80]}` is no class of Turncoat's")
    found = getattr(importlib.import_module(f"{ROOT}.{module}"), its)
    # The name comes from a file: a module's imports could otherwise lead to any class of any package.
    if not isinstance(found, type) or found.__module__ != f"{ROOT}.{module}":
        raise SnapshotError(f"`{name}` is no class of Turncoat's")
    return found
