"""A tick compiled for one world: the interpreter specialized to the program that it would run.

Each instruction becomes a block of code, with the world's tables as constants, so that nothing is fetched or decoded,
and what a lane's memory holds is kept in registers. Instructions are the functions of `operations`: what they mean is
written once, for the interpreter, and results are equal to the last bit.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, cast

import llvmlite.binding as llvm
from llvmlite import ir

from ..base import Floats, Ints, Longs
from . import bytecode as b
from . import interpreter as k
from . import memory
from . import observation as o
from .bytecode import KernelTables
from .compiled_cache import kept
from .observation import ObservationPlan
from .operations import (
    AVAILABLE,
    BYTE,
    DOUBLE,
    HOLDS,
    INT,
    LONG,
    OPERATION,
    POINTER,
    SOURCES,
    group_of,
    machine,
    name_of,
    operations,
    optimize,
    parts,
    versions,
)  # fmt: skip

MOST_INSTRUCTIONS = 2_000
"""Of a tick that is compiled: more would take longer than the time that a first use may take."""


@dataclass(frozen=True, eq=False)
class CompiledTick:
    """Machine code for the tick of one world.

    Attributes:
        exist: whether there are the rows and actions of a context, given its address and how many rows count.
        tick: given the context's address, the first row and the row behind the last, ticks those lanes, and returns 1
            if an episode ended, plus 2 if one was cut off.
        engine: owns the code.
    """

    exist: Callable[[int, int], int]
    tick: Callable[[int, int, int], int]
    engine: Any


def why_not(tables: KernelTables) -> str:
    """Why a world's tick is not compiled, in words; empty where it is."""
    if not AVAILABLE:
        return "this release of Numba has an LLVM that is too old; a newer one compiles it"
    length = sum(last - first for first, last in _programs(tables))
    if length > MOST_INSTRUCTIONS:
        return f"a program of {length:,} instructions takes too long to compile (up to {MOST_INSTRUCTIONS:,} are)"
    return ""


def compiled_tick(
    tables: KernelTables, mem: Ints, num: Floats, fields: int, view: tuple[ObservationPlan, Longs] | None
) -> CompiledTick:
    """The tick of a world as machine code, kept on disk.

    Args:
        tables: of the world.
        mem: int32, the first memory of `flatten`.
        num: float64, the second.
        fields: how many words a lane's memory has.
        view: what is observed, and the encoder of its buffers; None for nothing.
    """
    plan = () if view is None else tuple(part.tobytes() for part in view[0][:3])
    sizes = () if view is None else tuple(view[1][o.E_PLANES :].tolist())
    sources = memory.digest(*SOURCES, "specialized")
    key = b"|".join([versions(), repr((sources, fields, sizes)).encode(), mem.tobytes(), num.tobytes(), *plan])
    return _loaded(kept(k.play, key, lambda: _Writer(tables, mem, num, fields, view).machine_code()))


@lru_cache(maxsize=32)
def _loaded(code: bytes) -> CompiledTick:
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), machine())
    engine.add_object_file(llvm.object_file.ObjectFileRef.from_data(code))
    engine.finalize_object()
    long = ctypes.c_int64
    return CompiledTick(
        ctypes.CFUNCTYPE(long, long, long)(engine.get_function_address(_EXIST)),
        ctypes.CFUNCTYPE(long, long, long, long)(engine.get_function_address(_TICK)),
        engine,
    )


_TICK, _EXIST = "turncoat_tick", "turncoat_exist"
_POPPED: Callable[[int], int] = cast("Any", k.popped).py_func


def _programs(tables: KernelTables) -> list[tuple[int, int]]:
    """The rows of the programs of a tick: its own, an episode's start, and which then finds what is available."""
    return [tuple(tables.programs[what].tolist()) for what in (k.TICK, k.START, k.REFRESH)]


class _Writer:
    """Writes the code of one world."""

    def __init__(
        self, tables: KernelTables, mem: Ints, num: Floats, fields: int, view: tuple[ObservationPlan, Longs] | None
    ) -> None:
        self.tables, self.memory, self.words, self.view = tables, mem, fields, view
        self.module = ir.Module("world")
        self.module.triple = llvm.get_process_triple()
        self.mem, self.num = self._constant("mem", mem, INT), self._constant("num", num, DOUBLE)
        self.parts = {name: ir.Function(self.module, kind, called) for name, (called, kind) in parts().items()}
        self.operations: dict[int, ir.Function] = {}

    def machine_code(self) -> bytes:
        """An object file with both functions."""
        self._write_exist()
        self._write_tick()
        whole = llvm.parse_bitcode(operations())
        mine = llvm.parse_assembly(str(self.module))
        whole.link_in(mine)
        for function in whole.functions:
            if function.is_declaration or function.name in (_TICK, _EXIST):
                continue
            if not function.name.startswith("turncoat."):
                function.linkage = "external"  # a function that anybody may call is not computed in advance
            elif function.name == self.parts["move_agents"].name:
                function.linkage = "internal"
                function.add_function_attribute("noinline")
            else:
                function.linkage = "internal"
                function.add_function_attribute("alwaysinline")
        # The second round sees constants where the first one has taken loops apart.
        optimize(whole, unroll=True)
        optimize(whole, unroll=True)
        return bytes(machine().emit_object(whole))

    # -------------------------------------------------------------- pieces

    def _constant(self, name: str, values: Any, kind: Any) -> ir.GlobalVariable:
        """A table that never changes."""
        held = ir.ArrayType(kind, values.size)
        table = ir.GlobalVariable(self.module, held, name)
        table.global_constant, table.linkage = True, "internal"
        table.initializer = ir.Constant(held, [ir.Constant(kind, value) for value in values.ravel().tolist()])
        return table

    def _call(self, name: str, *arguments: Any) -> Any:
        given = [one if isinstance(one, ir.Value) else _long(one) for one in arguments]
        return self.at.call(self.parts[name], given)

    def _true(self, number: Any) -> Any:
        return self.at.icmp_signed("!=", number, _long(0))

    def _place(self, base: Any, index: Any, kind: Any) -> Any:
        return self.at.gep(base, [index if isinstance(index, ir.Value) else _long(index)], source_etype=kind)

    def _read(self, base: Any, index: Any, kind: Any) -> Any:
        return self.at.load(self._place(base, index, kind), typ=kind)

    def _write(self, base: Any, index: Any, value: Any, kind: Any) -> None:
        self.at.store(value, self._place(base, index, kind))

    def _block(self, name: str) -> ir.Block:
        return self.function.append_basic_block(name)

    # -------------------------------------------------------------- functions

    def _begin(self, name: str, takes: int) -> Any:
        self.function = ir.Function(self.module, ir.FunctionType(LONG, [LONG] * takes), name)
        self.at = ir.IRBuilder(self._block("entry"))
        return self.function.args

    def _write_exist(self) -> None:
        context, count = self._begin(_EXIST, 2)
        self.at.ret(self._call("exist", self.at.inttoptr(context, POINTER), self.mem, k.TICK, count))

    def _write_tick(self) -> None:
        context, first, last = self._begin(_TICK, 3)
        at = self.at
        self.now = at.alloca(INT, size=_long(self.words))
        self.apart = at.alloca(INT, size=_long(self.words))
        self.stack = at.alloca(DOUBLE, size=_long(b.STACK))
        self.gain = at.alloca(DOUBLE, size=_long(self.tables.n_channels + 1))
        self.box = at.alloca(LONG, size=_long(k.BOX))
        self.top, number, done = (at.alloca(LONG) for _ in range(3))
        # Copies on the stack: nothing that the tick writes can change them.
        self.context = self._copied(at.inttoptr(context, POINTER), k.CONTEXT)
        view = None if self.view is None else self._copied_view(self.view)
        rows = at.inttoptr(self._read(self.context, k.C_ROWS, LONG), POINTER)
        at.store(first, number)
        at.store(_long(0), done)
        again, inside, anew, on, shown, over = (
            self._block(name) for name in ("again", "inside", "anew", "on", "shown", "over")
        )
        at.branch(again)
        at.position_at_end(again)
        at.cbranch(at.icmp_signed("<", at.load(number, typ=LONG), last), inside, over)
        at.position_at_end(inside)
        row = self._read(rows, at.load(number, typ=LONG), LONG)
        at.cbranch(self._true(self._call("begins_anew", self.context, row)), anew, on)
        for block, what in ((anew, k.START), (on, k.TICK)):
            at.position_at_end(block)
            at.store(at.or_(at.load(done, typ=LONG), self._run(row, what)), done)
            at.branch(shown)
        at.position_at_end(shown)
        first_line, last_line = self.tables.programs[k.REFRESH].tolist()
        if first_line < last_line:
            self._run(row, k.REFRESH)
        if view is not None:
            self._call("observe", self.context, self.mem, view, row)
        at.store(at.add(at.load(number, typ=LONG), _long(1)), number)
        at.branch(again)
        at.position_at_end(over)
        at.ret(at.load(done, typ=LONG))

    def _copied(self, words: Any, count: int) -> Any:
        copy = self.at.alloca(LONG, size=_long(count))
        for place in range(count):
            self._write(copy, place, self._read(words, place, LONG), LONG)
        return copy

    def _copied_view(self, view: tuple[ObservationPlan, Longs]) -> Any:
        """The encoder of observations, whose plan and still planes are constants; only its buffers are the caller's."""
        plan, encoder = view
        address = self.at.inttoptr(self._read(self.context, k.C_VIEW, LONG), POINTER)
        copy = self._copied(address, len(encoder))
        constants = {
            o.E_PLAN: self._constant("plan", plan.entries, INT),
            o.E_STILL: self._constant("still", plan.still, BYTE),
            o.E_LISTED: self._constant("shown", plan.listed, DOUBLE),
        }
        for place, table in constants.items():
            self._write(copy, place, self.at.ptrtoint(table, LONG), LONG)
        for place in range(o.E_PLANES, len(encoder)):
            self._write(copy, place, _long(encoder[place]), LONG)
        return copy

    def _run(self, row: Any, what: int) -> Any:
        """Load a lane, run a program in it, and store what came of a tick."""
        first, last = self.tables.programs[what].tolist()
        ready = self._call("load", self.context, self.mem, self.now, self.gain, self.box, row, what)
        blocks = [self._block(f"line{line}") for line in range(first, last + 1)]
        actions = int(self.memory[b.H_MOVES + 1])
        masks = self.at.add(self._read(self.context, k.C_AVAILABLE, LONG), self.at.mul(row, _long(actions)))
        available = self.at.inttoptr(masks, POINTER)
        self.at.store(_long(-1), self.top)
        self.at.cbranch(self._true(ready), blocks[0], blocks[-1])
        for place, (op, *operands) in enumerate(self.tables.code[first:last].tolist()):
            self.at.position_at_end(blocks[place])
            self._instruction(first + place, op, operands, available, blocks[place + 1 :])
        self.at.position_at_end(blocks[-1])
        if what == k.REFRESH:
            return _long(0)
        return self._call("store", self.context, self.mem, self.num, self.now, self.gain, self.box, row, what)

    def _instruction(self, line: int, op: int, operands: list[int], available: Any, after: list[ir.Block]) -> None:
        """One instruction, in the block where the code stands; it ends by a branch to one of those that come after."""
        at, top = self.at, self.at.load(self.top, typ=LONG)
        if op == b.SKIP:
            at.branch(after[operands[0]])
        elif op == b.ENDED:
            ended = self._true(self._read(self.box, k.REASON, LONG))
            at.cbranch(ended, after[0], after[operands[0]])
        elif op == b.COIN:
            at.store(at.sub(top, _long(2)), self.top)
            chances = [self._read(self.stack, at.sub(top, _long(back)), DOUBLE) for back in (1, 0)]
            at.cbranch(self._true(self._call("bernoulli", *chances)), after[0], after[operands[0]])
        elif group_of(op) == HOLDS:
            self._test(line, op, operands[b.JUMP - 1], available, top, after)
        else:
            if op == b.MOVE_AGENT:
                self._move_agent(operands, after[0])
            elif op == b.MOVE_AGENTS:
                self._move_agents()
            else:
                at.store(self._operation(line, op, available, top), self.top)
            at.branch(after[0])

    def _operation(self, line: int, op: int, available: Any, top: Any) -> Any:
        if op not in self.operations:
            self.operations[op] = ir.Function(self.module, OPERATION, name_of(op))
        place = int(self.memory[b.H_CODE]) + line * b.WIDTH
        given = (self.mem, self.num, self.now, self.stack, self.gain, self.box, available, _long(place), top)
        return self.at.call(self.operations[op], given)

    def _test(self, line: int, op: int, jump: int, available: Any, top: Any, after: list[ir.Block]) -> None:
        at, below = self.at, self.at.sub(top, _long(_POPPED(op)))
        true = self._true(self._operation(line, op, available, below))
        if jump == 0:
            below = at.add(below, _long(1))
            self._write(self.stack, below, at.uitofp(true, DOUBLE), DOUBLE)
            true = None
        at.store(below, self.top)
        if true is None:
            at.branch(after[0])
            return
        there = after[abs(jump) - 1]
        at.cbranch(true, *((there, after[0]) if jump < 0 else (after[0], there)))

    def _move_agent(self, operands: list[int], after: ir.Block) -> None:
        moved = self._call("move_agent", self.mem, self.now, *operands[:2])
        if self.memory[b.H_OBSTACLES + 1]:
            slow = self._block("slow")
            self.at.cbranch(self._true(moved), after, slow)
            self.at.position_at_end(slow)
            self._move_agents()

    def _move_agents(self) -> None:
        """In a copy of the lane's memory, which then need not have an address."""
        words = range(int(self.memory[b.H_SLOT]) + 1)
        for word in words:
            self._write(self.apart, word, self._read(self.now, word, INT), INT)
        self._call("move_agents", self.mem, self.apart)
        for word in words:
            self._write(self.now, word, self._read(self.apart, word, INT), INT)


def _long(number: int) -> ir.Constant:
    return ir.Constant(LONG, int(number))
