"""The way of a scenario through a run, counted in files: `python -m benchmarks.walk [--scenario NAME] [--agent NAME]`.

A run is traced in this process. A function of the package is a step of the way the first time that it is called with
the scenario among its arguments, `self` included: the loaded `Scenario`, an object that keeps it in an attribute, or,
as long as it is not loaded, its name. What the scenario answers about itself is no step, nor is reading a property.
Steps in a row in one file are one stay. A file is entered at its first stay, and every later stay in it is a return.

The shorter the way, the fewer files a reader who follows the scenario opens, and the less often the same one again.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import CodeType, FrameType
from typing import Any

import turncoat
from turncoat.evals.runs.run import RunSettings
from turncoat.scenarios.language.loading import Scenario

ROOT = os.path.realpath(os.path.join(os.path.dirname(turncoat.__file__), os.pardir))


@dataclass(frozen=True)
class Way:
    """The way of a scenario.

    Attributes:
        stays: each a file, by its path in the project, and the functions that are called there.
    """

    stays: tuple[tuple[str, tuple[str, ...]], ...]

    @property
    def files(self) -> int:
        """How many files are entered."""
        return len({file for file, _ in self.stays})

    @property
    def returns(self) -> int:
        """How often a file is entered that was left before."""
        return len(self.stays) - self.files


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints a line for each stay, then both figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--scenario", default="treacherous_turn/lab")
    parser.add_argument("--agent", default="counts")
    chosen = parser.parse_args(arguments)
    way = walk(chosen.scenario, chosen.agent)
    for file, functions in way.stays:
        print(f"{file}: {', '.join(functions)}")
    print(f"{way.files} files entered, {way.returns} returns to a file that was left")


def walk(scenario: str, agent: str) -> Way:
    """The way of a scenario through a short run with one agent: two seeds of 400 steps, trained in this process."""
    steps: dict[CodeType, tuple[str, str]] = {}

    def profile(frame: FrameType, event: str, _: Any) -> None:
        code = frame.f_code
        if event == "call" and code not in steps and (file := _file(code)) is not None and _handed(frame, scenario):
            steps[code] = file, code.co_qualname

    settings = RunSettings(agents=(agent,), seeds=2, steps=400)
    sys.setprofile(profile)
    try:
        turncoat.run(scenario, settings=settings)
    finally:
        sys.setprofile(None)
    return Way(tuple(_stays(list(steps.values()))))


def _stays(steps: Sequence[tuple[str, str]]) -> Iterator[tuple[str, tuple[str, ...]]]:
    begin = 0
    for at in range(1, len(steps) + 1):
        if at == len(steps) or steps[at][0] != steps[begin][0]:
            yield steps[begin][0], tuple(name for _, name in steps[begin:at])
            begin = at


def _file(code: CodeType) -> str | None:
    """The file of a function of the package, by its path in the project; None for code that has no file or no name."""
    file = os.path.realpath(code.co_filename)
    inside = file.startswith(os.path.join(ROOT, "")) and not file.endswith(">") and not code.co_name.startswith("<")
    return os.path.relpath(file, ROOT) if inside else None


def _handed(frame: FrameType, name: str) -> bool:
    """Whether a function that is called now has the scenario among its arguments."""
    code, found = frame.f_code, frame.f_locals
    arguments = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    values = [found[argument] for argument in arguments if argument in found]
    of_its_own = arguments[:1] == ("self",) and isinstance(values[0], Scenario)
    # A property's getter is found in its object's class as the property, under the name of its code.
    getter = len(values) == 1 and isinstance(getattr(type(values[0]), code.co_name, None), property | cached_property)
    if of_its_own or getter:
        return False
    return any(value is name or _keeps(value) for value in values)


def _keeps(value: Any) -> bool:
    """Whether an object is the scenario, or one of the package's that keeps it in an attribute."""
    kept = vars(value).values() if type(value).__module__.startswith("turncoat.") and hasattr(value, "__dict__") else ()
    return isinstance(value, Scenario) or any(isinstance(its, Scenario) for its in kept)


if __name__ == "__main__":
    main()
