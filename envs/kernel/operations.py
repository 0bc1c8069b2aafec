"""The kernel's operations as LLVM's intermediate code, of which `specialized` makes the program of one world.

Numba compiles them from the very functions that the interpreter runs, so that an operation has one meaning. Each
becomes a function that knows its own number, so that what the others do is gone from it. The result is kept on disk.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import llvmlite
import llvmlite.binding as llvm
import numba
from llvmlite import ir
from numba import njit, types
from numba.core.compiler_lock import global_compiler_lock

from . import bytecode as b
from . import interpreter as k
from . import memory
from .compiled_cache import config, kept
from .movement import move_agent, move_agents
from .sampling import bernoulli

_njit: Any = njit  # some releases of Numba have types, and not all of its options in them

AVAILABLE = llvm.llvm_version_info[0] >= 17
"""Whether this LLVM has pointers without a type, as the code that is written here."""

POINTER: Any = ir.PointerType()
BYTE, INT, LONG, DOUBLE = ir.IntType(8), ir.IntType(32), ir.IntType(64), ir.DoubleType()

_T, _N, _I, _L, _B, _F = (
    getattr(memory, f"_{name}") for name in ("TABLE", "NUMBERS", "INTS", "LONGS", "BYTES", "FLOATS")
)
_WHOLE, _REAL = types.int64, types.float64
_LLVM: dict[Any, Any] = dict.fromkeys((_T, _N, _I, _L, _B, _F), POINTER) | {_WHOLE: LONG, _REAL: DOUBLE}

HOLDS, EVALUATE, ADVANCE, AFFECT = "holds", "evaluate", "advance", "affect"
_GROUPS: dict[str, tuple[Any, Sequence[Any]]] = {
    HOLDS: (k.holds, (_T, _N, _I, _F, _WHOLE, _WHOLE, _WHOLE)),
    EVALUATE: (k.evaluate, (_T, _N, _I, _F, _L, _WHOLE, _WHOLE, _WHOLE)),
    ADVANCE: (k.advance, (_T, _I, _F, _B, _WHOLE, _WHOLE, _WHOLE)),
    AFFECT: (k.affect, (_T, _N, _I, _F, _F, _L, _WHOLE, _WHOLE, _WHOLE)),
}
_PARTS: dict[str, tuple[Any, Sequence[Any]]] = {
    "move_agent": (move_agent, (_T, _I, _WHOLE, _WHOLE)),
    "move_agents": (move_agents, (_T, _I)),
    "bernoulli": (bernoulli, (_REAL, _REAL)),
    "begins_anew": (k.begins_anew, (_L, _WHOLE)),
    "exist": (k.exist, (_L, _T, _WHOLE, _WHOLE)),
    "load": (k.load, (_L, _T, _I, _F, _L, _WHOLE, _WHOLE)),
    "store": (k.store, (_L, _T, _N, _I, _F, _L, _WHOLE, _WHOLE)),
    "observe": (k.observe, (_L, _T, _L, _WHOLE)),
}
_INEXACT = (k.power, k.exponential, k.logarithm)
"""Functions whose last bit another way to compute them may change: of `x ** 2` LLVM makes a product."""

SPECIAL = (b.MOVE_AGENT, b.MOVE_AGENTS)
"""Operations that are made of parts, not of a group: where agents meet, memory is addressed by what it holds."""
_NEVER = (b.SKIP, b.COIN, b.ENDED, *SPECIAL)
"""Operations without a function: flow of control is written for each world."""

OPTIMIZE = 3


def group_of(op: int) -> str:
    """The group of an operation, as the interpreter tells them apart; empty where it has no function."""
    if op in _NEVER:
        return ""
    return HOLDS if op <= b.LAST_TEST else EVALUATE if op <= b.CHOOSE else ADVANCE if op <= b.AVAILABLE else AFFECT


def name_of(op: int) -> str:
    """What the function of an operation is called."""
    return f"turncoat.operation.{op}"


OPERATION = ir.FunctionType(LONG, [POINTER] * 7 + [LONG, LONG])
"""An operation is given mem, num, now, stack, gain, box, available, its line and the top of the stack, and returns the
truth of a test, else where the top of the stack is then."""


def parts() -> dict[str, tuple[str, ir.FunctionType]]:
    """The name and the type of each part; all return a whole number."""
    return {
        name: (f"turncoat.{name}", ir.FunctionType(LONG, [_LLVM[one] for one in takes]))
        for name, (_, takes) in _PARTS.items()
    }


def versions() -> bytes:
    """What compiled code depends on beside its sources: the libraries that make it, and the processor."""
    features = llvm.get_host_cpu_features().flatten()
    return f"{numba.__version__} {llvmlite.__version__} {llvm.get_host_cpu_name()} {features}".encode()


def optimize(module: Any, unroll: bool) -> None:
    """Run LLVM's passes over a module, without turning loops into vectors: here they are short."""
    options = llvm.create_pipeline_tuning_options(speed_level=OPTIMIZE)
    options.loop_vectorization = options.slp_vectorization = False
    options.loop_unrolling = unroll
    builder = llvm.create_pass_builder(machine(), options)
    builder.getModulePassManager().run(module, builder)


def machine() -> Any:
    """The processor that code is made for, as Numba makes it."""
    target = llvm.Target.from_triple(llvm.get_process_triple())
    moved = "static" if target.name.startswith("x86") else "default"
    return target.create_target_machine(
        cpu=llvm.get_host_cpu_name(), features=llvm.get_host_cpu_features().flatten(), opt=OPTIMIZE, reloc=moved,
        codemodel="jitdefault", jit=True,
    )  # fmt: skip


SOURCES = (*k.SOURCES, "operations")


def operations() -> bytes:
    """LLVM's bitcode of all operations and parts; takes some seconds the first time on a machine."""
    return kept(k.play, versions() + str(memory.digest(*SOURCES)).encode(), _made)


def _made() -> bytes:
    written = _Wrappers()
    with global_compiler_lock:
        before, config.OPT = config.OPT, type(config.OPT)(0)  # what is not yet optimized is easier to take apart
        try:
            whole = written.compiled()
        finally:
            config.OPT = before
    whole.link_in(llvm.parse_assembly(str(written.module)))
    for function in whole.functions:
        if function.is_declaration or function.name.startswith("turncoat."):
            continue
        function.linkage = "internal"
        if _is_one_of(function.name, _INEXACT):
            function.add_function_attribute("noinline")
            function.add_function_attribute("optnone")
        elif not _is_one_of(function.name, (move_agents,)):
            function.add_function_attribute("alwaysinline")
    for value in whole.global_variables:
        if not value.is_declaration:
            value.linkage = "internal"
    optimize(whole, unroll=False)  # how long a loop is only a world says
    return bytes(whole.as_bitcode())


def _is_one_of(mangled: str, functions: Sequence[Any]) -> bool:
    """Whether a name in LLVM is that of one of some functions, however often Numba compiled it."""
    names = (one.py_func.__name__ for one in functions)
    return any(f"{len(name)}{name}B" in mangled for name in names)


class _Wrappers:
    """Functions with plain arguments around those that Numba compiles.

    Attributes:
        module: with the wrappers.
    """

    def __init__(self) -> None:
        self.module = ir.Module("wrappers")
        self.module.triple = llvm.get_process_triple()

    def compiled(self) -> Any:
        """Numba's module of all functions; the wrappers are written on the way."""
        whole = llvm.parse_assembly("")
        for name, (function, takes) in _PARTS.items():
            linked, called, gives = _compile(function, takes)
            whole.link_in(linked)
            self._part(name, self._declared(called, takes), gives)
        for group, (function, takes) in _GROUPS.items():
            linked, called, gives = _compile(function, takes)
            whole.link_in(linked)
            inner = self._declared(called, takes)
            for op in range(b.RETIRE + 1):
                if group_of(op) == group:
                    self._operation(op, group, inner, gives)
        return whole

    def _declared(self, called: str, takes: Sequence[Any]) -> ir.Function:
        """Numba's convention: where the result goes, where a fault goes, the arguments; whether there was a fault."""
        kind = ir.FunctionType(INT, [POINTER, POINTER, *(_LLVM[one] for one in takes)])
        return ir.Function(self.module, kind, called)

    def _begun(self, name: str, kind: ir.FunctionType) -> tuple[ir.Function, ir.IRBuilder]:
        function = ir.Function(self.module, kind, name)
        return function, ir.IRBuilder(function.append_basic_block())

    def _call(self, builder: ir.IRBuilder, inner: ir.Function, gives: Any, arguments: Sequence[Any]) -> None:
        """Call one of Numba's functions and return what it gives as a whole number."""
        result, fault = builder.alloca(LONG), builder.alloca(POINTER)
        builder.call(inner, [result, fault, *arguments])
        if gives == types.boolean:
            builder.ret(builder.zext(builder.load(result, typ=BYTE), LONG))
        elif gives == types.int64:
            builder.ret(builder.load(result, typ=LONG))
        else:
            builder.ret(ir.Constant(LONG, 0))

    def _part(self, name: str, inner: ir.Function, gives: Any) -> None:
        called, kind = parts()[name]
        function, builder = self._begun(called, kind)
        self._call(builder, inner, gives, function.args)

    def _operation(self, op: int, group: str, inner: ir.Function, gives: Any) -> None:
        function, builder = self._begun(name_of(op), OPERATION)
        mem, num, now, stack, gain, box, available, line, top = function.args
        number = ir.Constant(LONG, op)
        arguments = {
            HOLDS: (mem, num, now, stack, line, number, top),
            EVALUATE: (mem, num, now, stack, box, line, number, top),
            ADVANCE: (mem, now, stack, available, line, number, top),
            AFFECT: (mem, num, now, stack, gain, box, line, number, top),
        }[group]
        self._call(builder, inner, gives, arguments)


def _compile(function: Any, takes: Sequence[Any]) -> tuple[Any, str, Any]:
    """A function of the kernel compiled anew: its module with all that it calls, its name there, what it returns."""
    compiled = _njit(error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)(function.py_func)
    compiled.compile(tuple(takes))
    found = compiled.overloads[tuple(takes)]
    module = llvm.parse_assembly(found.library.get_llvm_str())
    called = found.fndesc.llvm_func_name
    for one in module.functions:
        if not one.is_declaration and one.name != called:  # the same helpers come with several functions
            one.linkage = "linkonce_odr"
    return module, called, found.signature.return_type
