"""What every conformance check shares: a contract as named clauses, each run as a test of its own or all in one call.

A contract is a class whose methods `test_...` are its clauses; the docstring of each says what it asks for. Pytest and
unittest run them as tests of a subclass; `Conformance.check` runs them all and names what is broken.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Self, TypeVar
from unittest import SkipTest

import numpy as np

from ..scenarios.errors import UsageError

_PREFIX: Final = "test_"

Its = TypeVar("Its", bound="Conformance")


class ClauseError(UsageError, AssertionError):
    """A part does not do what a clause asks for; the message says what was given, what is wanted and what came."""


class ConformanceError(UsageError, AssertionError):
    """A part breaks its contract.

    Attributes:
        report: on every clause.
    """

    def __init__(self, report: ConformanceReport) -> None:
        """With the report for a message."""
        super().__init__(str(report))
        self.report = report


@dataclass(frozen=True)
class ConformanceReport:
    """What became of every clause of a contract, by the clause's name.

    Attributes:
        part: what was checked; contract: against which.
        kept: the clauses that hold, in the contract's order.
        broken: those that do not, and what is wrong; skipped: those that do not apply, and why.
    """

    part: str
    contract: str
    kept: tuple[str, ...]
    broken: Mapping[str, str]
    skipped: Mapping[str, str]

    def __str__(self) -> str:
        number = len(self.kept) + len(self.broken)
        head = f"{self.part} keeps {len(self.kept)} of {number} clauses of {self.contract}"
        return "\n".join([head, *(f"- {said}" for said in self.broken.values())])


class Conformance:
    """A contract whose clauses are the methods `test_...`. Subclasses say in class attributes what is checked.

    There is no constructor, for pytest makes one object for each test.
    """

    contract: ClassVar[str]

    @classmethod
    def clauses(cls) -> tuple[str, ...]:
        """The names of the clauses, the plainest first."""
        owners = [owner for owner in reversed(cls.__mro__) if issubclass(owner, Conformance)]
        names = dict.fromkeys(name for owner in owners for name in vars(owner) if name.startswith(_PREFIX))
        return tuple(name.removeprefix(_PREFIX) for name in names if callable(getattr(cls, name)))

    @classmethod
    def of(cls, **settings: Any) -> type[Self]:
        """The same contract with other attributes.

        Raises:
            TypeError: there is no such attribute.
        """
        said = {name for owner in cls.__mro__ for name in vars(owner).get("__annotations__", ())} - {"contract"}
        known = sorted({*said, "make"} if hasattr(cls, "make") else said)
        for name in settings:
            if name not in known:
                raise TypeError(f"{cls.__name__} has no setting `{name}`: there are {', '.join(known)}")
        return type(cls.__name__, (cls,), settings)

    @classmethod
    def _once(cls, name: str, make: Callable[[], Any]) -> Any:
        """What `make` makes, for all clauses: it is kept with the class, and not passed on to subclasses."""
        if name not in vars(cls):
            setattr(cls, name, make())
        return vars(cls)[name]

    @classmethod
    def check(cls, part: str) -> ConformanceReport:
        """Runs every clause.

        Args:
            part: what is checked, for messages.

        Raises:
            ConformanceError: a clause is broken.
        """
        kept, broken, skipped = [], {}, {}
        first: ClauseError | None = None
        for name in cls.clauses():
            try:
                getattr(cls(), f"{_PREFIX}{name}")()
            except SkipTest as why:
                skipped[name] = str(why)
            except ClauseError as fault:
                broken[name] = str(fault)
                first = first or fault
            else:
                kept.append(name)
        report = ConformanceReport(part, cls.contract, tuple(kept), broken, skipped)
        if first is not None:
            raise ConformanceError(report) from first
        return report


def clause(method: Callable[[Its], None]) -> Callable[[Its], None]:
    """Makes a method a clause: whatever goes wrong in it is said under its name and its docstring's first sentence."""
    name = method.__name__.removeprefix(_PREFIX)
    wanted = (method.__doc__ or "").strip().partition("\n")[0]

    @functools.wraps(method)
    def checked(self: Its) -> None:
        __tracebackhide__ = True
        try:
            method(self)
        except SkipTest:
            raise
        except ClauseError as fault:
            raise ClauseError(f"{name}: {wanted}\n{fault}") from fault.__cause__
        except Exception as fault:
            raise ClauseError(f"{name}: {wanted}\n    raised: {type(fault).__name__}: {fault}") from fault

    return checked


def require(holds: object, wanted: str, got: object, given: object = None) -> None:
    """Says what a clause asks for, if it does not hold.

    Raises:
        ClauseError: it does not.
    """
    __tracebackhide__ = True
    if not holds:
        rows = [] if given is None else [f"    given:  {_shown(given)}"]
        raise ClauseError("\n".join([*rows, f"    wanted: {wanted}", f"    got:    {_shown(got)}"]))


def require_array(array: Any, name: str, kind: type[Any], shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
    """The array itself, if it is one of a kind of numbers (`np.integer`, `np.float64`) and a shape.

    Raises:
        ClauseError: it is not.
    """
    __tracebackhide__ = True
    wanted = f"{name}: {kind.__name__} {list(shape)}"
    require(isinstance(array, np.ndarray), wanted, f"a {type(array).__name__}")
    require(np.issubdtype(array.dtype, kind) and array.shape == shape, wanted, f"{array.dtype} {list(array.shape)}")
    return np.asarray(array)


def skip(why: str) -> None:
    """Says that a clause does not apply.

    Raises:
        SkipTest: always; pytest and unittest count it as skipped.
    """
    raise SkipTest(why)


def _shown(value: object) -> str:
    if isinstance(value, np.ndarray):
        return f"{value.dtype} {list(value.shape)}: {np.array2string(value, threshold=40, max_line_width=10_000)}"
    if isinstance(value, np.generic):
        value = value.item()
    return value if isinstance(value, str) else repr(value)
