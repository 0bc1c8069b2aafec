"""Raw memory in Numba: types and functions through which compiled code reads and writes arrays by their addresses.

Passing an array to a compiled function costs some 50 ns, and every index is checked for its sign. So compiled code here
is given addresses instead. Nothing is checked: the caller keeps the array alive, contiguous and of the stated dtype,
and every index is one that the tables and buffers were made for.
"""

from __future__ import annotations

import hashlib
import operator
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from numba import njit, types
from numba.core import cgutils
from numba.core.datamodel import models
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import intrinsic, lower_builtin, register_model

from .compiled_cache import keep_on_disk

_F = TypeVar("_F", bound=Callable[..., Any])
_njit: Any = njit  # some releases of Numba have types, and not all of its options in them

CACHE = os.environ.get("TURNCOAT_KERNEL_CACHE", "1") != "0"


def entry(function: _F) -> _F:
    """Compile a function that Python calls; it is cached on disk and releases the GIL."""
    compiled: _F = _njit(error_model="numpy", nogil=True)(function)
    if CACHE:
        keep_on_disk(compiled)
    return compiled


def inner(function: _F) -> _F:
    """Compile a function that only compiled code calls; without a wrapper for Python, compiling takes half the time."""
    return _njit(error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)(function)


def inlined(function: _F) -> _F:
    """Put a function's lines in the place of its call, for a piece of an inner loop: Numba does, before it compiles.

    That costs no time to compile; where arrays are handed on, their references are counted (see `merged`).
    """
    return _njit(error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True, inline="always")(function)


def merged(function: _F) -> _F:
    """The same done by LLVM, after Numba compiled it: arrays are handed on for nothing, but it is compiled twice."""
    return _njit(error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True, forceinline=True)(function)


def digest(*modules: str) -> int:
    """A hash of the sources of some modules of this package, and of this one.

    Numba's cache is only invalidated by a change of the file that holds the entry point, not of those that it was
    compiled from. An entry point that closes over this number is recompiled with any of its sources.
    """
    here = Path(__file__).parent
    sources = b"".join((here / f"{name}.py").read_bytes() for name in ("memory", *modules))
    return int(hashlib.sha256(sources).hexdigest()[:15], 16)


class MemoryType(types.Type):
    """The Numba type of a pointer to contiguous numbers of one dtype.

    Elements are converted to `read` when read, so that functions are compiled for int64 and float64 alone.
    """

    def __init__(self, name: str, dtype: Any, read: Any, constant: bool) -> None:
        self.dtype, self.read, self.constant = dtype, read, constant
        super().__init__(name=name)


register_model(MemoryType)(models.PointerModel)

_TABLE = MemoryType("Table", types.int32, types.int64, True)
_NUMBERS = MemoryType("Numbers", types.float64, types.float64, True)
_INTS = MemoryType("Ints", types.int32, types.int64, False)
_LONGS = MemoryType("Longs", types.int64, types.int64, False)
_BYTES = MemoryType("Bytes", types.uint8, types.int64, False)
_FLOATS = MemoryType("Floats", types.float64, types.float64, False)
_SINGLES = MemoryType("Singles", types.float32, types.float64, False)


@infer_global(operator.getitem)
class _Get(AbstractTemplate):
    def generic(self, args: Any, kws: Any) -> Any:
        memory, index = args
        if isinstance(memory, MemoryType) and isinstance(index, types.Integer):
            return signature(memory.read, memory, types.int64)
        if memory is _TABLE and isinstance(index, types.BaseTuple):
            return signature(memory.read, memory, types.UniTuple(types.int64, len(index)))
        return None


@infer_global(operator.setitem)
class _Set(AbstractTemplate):
    def generic(self, args: Any, kws: Any) -> Any:
        memory, index, _ = args
        if isinstance(memory, MemoryType) and isinstance(index, types.Integer):
            return signature(types.none, memory, types.int64, memory.read)
        return None


@lower_builtin(operator.getitem, MemoryType, types.Integer)
def _lower_get(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    memory = sig.args[0]
    value = builder.load(builder.gep(args[0], [args[1]]))
    if memory.constant:  # LLVM may then keep a table's value in a register across writes to other memory
        value.set_metadata("invariant.load", builder.module.add_metadata([]))
    return context.cast(builder, value, memory.dtype, memory.read)


@lower_builtin(operator.getitem, MemoryType, types.BaseTuple)
def _lower_row(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    """`memory[table, i, j]` and `memory[table, i, j, k]` in the flat tables of `bytecode.flatten`."""
    memory, indices = sig.args

    def load(place: Any) -> Any:
        return _lower_get(context, builder, signature(memory.read, memory, types.int64), (args[0], place))

    header, *places = cgutils.unpack_tuple(builder, args[1], len(indices))
    slots = [builder.add(header, header.type(slot)) for slot in ((3, 2) if len(places) == 3 else (2,))]
    place = builder.add(load(header), places[-1])
    for index, slot in zip(places, slots, strict=False):
        place = builder.add(place, builder.mul(index, load(slot)))
    return load(place)


@lower_builtin(operator.setitem, MemoryType, types.Integer, types.Any)
def _lower_set(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    memory = sig.args[0]
    value = context.cast(builder, args[2], memory.read, memory.dtype)
    builder.store(value, builder.gep(args[0], [args[1]]))
    return context.get_dummy_value()


def _at(memory: MemoryType) -> Any:
    @intrinsic
    def opened(typing: Any, address: Any) -> Any:
        def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            return builder.inttoptr(args[0], context.get_value_type(memory))

        return memory(types.int64), lower

    return opened


# Memory at an address (int64), from compiled code.
table = _at(_TABLE)
"""int32 that never changes."""
numbers = _at(_NUMBERS)
"""float64 that never changes."""
ints = _at(_INTS)
"""int32."""
longs = _at(_LONGS)
"""int64, and the bits of uint64."""
octets = _at(_BYTES)
"""uint8 and bool."""
floats = _at(_FLOATS)
"""float64."""
singles = _at(_SINGLES)
"""float32."""
