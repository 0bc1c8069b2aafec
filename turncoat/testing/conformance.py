"""The base of all conformance checks: a contract of named clauses, run as separate tests or all in one call.

A contract is a class whose methods `test_...` are its clauses; the docstring of a clause states what it demands. Pytest
and unittest run the clauses of a subclass as tests; `Conformance.check` runs them all and names the broken ones.
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
    """A part violates a clause; the message states the input, the required result and the actual one."""


class ConformanceError(UsageError, AssertionError):
    """A part violates its contract.

    Attributes:
        report: the result of every clause.
    """

    def __init__(self, report: ConformanceReport) -> None:
        """Make the error, whose message is the report."""
        super().__init__(str(report))
        self.report = report


@dataclass(frozen=True)
class ConformanceReport:
    """The result of every clause of a contract, by the clause's name.

    Attributes:
        part: the part that was checked.
        contract: the contract that it was checked against.
        kept: the names of the clauses that hold, in the contract's order.
        broken: clause that does not hold -> what is wrong.
        skipped: clause that does not apply -> why.
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
    """A contract whose clauses are the methods `test_...`; class attributes of a subclass set what is checked.

    There is no constructor, since pytest makes one object for each test and passes it nothing.
    """

    contract: ClassVar[str]

    @classmethod
    def clauses(cls) -> tuple[str, ...]:
        """The names of the clauses, in the order in which they are written."""
        # Base classes first: a clause that a subclass overrides keeps the place that it had in the contract.
        owners = [owner for owner in reversed(cls.__mro__) if issubclass(owner, Conformance)]
        names = dict.fromkeys(name for owner in owners for name in vars(owner) if name.startswith(_PREFIX))
        return tuple(name.removeprefix(_PREFIX) for name in names if callable(getattr(cls, name)))

    @classmethod
    def of(cls, **settings: Any) -> type[Self]:
        """A subclass of the contract with other class attributes.

        Raises:
            TypeError: there is no such attribute.
        """
        # Settings are the annotated class attributes, so that a misspelt one is refused instead of being ignored.
        said = {name for owner in cls.__mro__ for name in vars(owner).get("__annotations__", ())} - {"contract"}
        known = sorted({*said, "make"} if hasattr(cls, "make") else said)
        for name in settings:
            if name not in known:
                raise TypeError(f"{cls.__name__} has no setting `{name}`: there are {', '.join(known)}")
        return type(cls.__name__, (cls,), settings)

    @classmethod
    def _once(cls, name: str, make: Callable[[], Any]) -> Any:
        """The result of `make`, computed once for all clauses of a class; subclasses compute their own."""
        # On the class, since every clause runs on a new object; in `vars`, since a subclass may have other settings.
        if name not in vars(cls):
            setattr(cls, name, make())
        return vars(cls)[name]

    @classmethod
    def check(cls, part: str) -> ConformanceReport:
        """Run every clause.

        Args:
            part: the name of what is checked, for messages.

        Raises:
            ConformanceError: a clause does not hold.
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
    """Make a method a clause: every failure in it is reported with its name and the first line of its docstring."""
    name = method.__name__.removeprefix(_PREFIX)
    wanted = (method.__doc__ or "").strip().partition("\n")[0]

    @functools.wraps(method)
    def checked(self: Its) -> None:
        __tracebackhide__ = True
        try:
            method(self)
        except SkipTest:
            raise
        # `from` keeps an exception of the checked code as the cause, but not the inner error, whose text is included.
        except ClauseError as fault:
            raise ClauseError(f"{name}: {wanted}\n{fault}") from fault.__cause__
        except Exception as fault:
            raise ClauseError(f"{name}: {wanted}\n    raised: {type(fault).__name__}: {fault}") from fault

    return checked


def require(holds: object, wanted: str, got: object, given: object = None) -> None:
    """Check one condition of a clause.

    Args:
        holds: the condition.
        wanted: the required result, in words.
        got: the actual result.
        given: the input that led to it, if that is not obvious.

    Raises:
        ClauseError: the condition does not hold.
    """
    __tracebackhide__ = True
    if not holds:
        rows = [] if given is None else [f"    given:  {_shown(given)}"]
        raise ClauseError("\n".join([*rows, f"    wanted: {wanted}", f"    got:    {_shown(got)}"]))


def require_array(array: Any, name: str, kind: type[Any], shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
    """The array itself, after checking its dtype (a kind such as `np.integer` or `np.float64`) and its shape.

    Raises:
        ClauseError: it is not an array of this kind and shape.
    """
    __tracebackhide__ = True
    wanted = f"{name}: {kind.__name__} {list(shape)}"
    require(isinstance(array, np.ndarray), wanted, f"a {type(array).__name__}")
    require(np.issubdtype(array.dtype, kind) and array.shape == shape, wanted, f"{array.dtype} {list(array.shape)}")
    return np.asarray(array)


def skip(why: str) -> None:
    """End a clause that does not apply.

    Raises:
        SkipTest: always; pytest and unittest count the test as skipped.
    """
    raise SkipTest(why)


def _shown(value: object) -> str:
    """A value in words for a message: arrays with dtype and shape, long ones shortened."""
    if isinstance(value, np.ndarray):
        return f"{value.dtype} {list(value.shape)}: {np.array2string(value, threshold=40, max_line_width=10_000)}"
    if isinstance(value, np.generic):
        value = value.item()
    return value if isinstance(value, str) else repr(value)
