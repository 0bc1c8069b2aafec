"""Work on many scenarios: several at a time, in worker processes, given in the order in which they were named."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from ....scenarios.errors import WorldError
from ....scenarios.language.faults.faults import ScenarioError
from .workers import Workers

Found = TypeVar("Found")

FEW = 4
"""Scenarios below which starting processes takes longer than they save."""


def side_by_side(
    function: Callable[..., Found], calls: Sequence[tuple[Any, ...]], jobs: int
) -> Iterator[Callable[[], Found]]:
    """For each of several argument lists, in their order, what gives the result of a function.

    Where the function raises a fault of a scenario or its world in another process, it is called again in this one, so
    that what is given raises it here: faults need not cross from one process to another.

    Args:
        function: of a module, so that other processes can import it.
        calls: the arguments.
        jobs: calls at a time.

    Raises:
        ClusterError: the processes were killed, or have gone.
    """
    if jobs == 1 or len(calls) < FEW:
        yield from (_again(function, call) for call in calls)
        return
    ready: dict[int, Callable[[], Found]] = {}
    found = Workers(jobs).map_unordered(_numbered, [(number, function, call) for number, call in enumerate(calls)])
    for number in range(len(calls)):
        while number not in ready:
            which, results = next(found)
            ready[which] = results.pop if results else _again(function, calls[which])
        yield ready.pop(number)


def _again(function: Callable[..., Found], call: tuple[Any, ...]) -> Callable[[], Found]:
    return lambda: function(*call)


def _numbered(number: int, function: Callable[..., Found], call: tuple[Any, ...]) -> tuple[int, list[Found]]:
    """Which call it is, and its result in a list, which is empty where there was a fault."""
    try:
        return number, [function(*call)]
    except (ScenarioError, WorldError):
        return number, []
