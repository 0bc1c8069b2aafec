"""Finds the scenario files in a folder that may be anything: large, a stranger's, or the root of the file system."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from .bounded_reading import IrregularFileError, open_regular
from .language.faults.faults import ScenarioError
from .language.files.yaml_source import LIMIT, parse, read_text
from .language.schema.document import Document

ENDINGS: Final = (".yaml", ".yml")
MAX_ENTRIES: Final = 100_000
"""Most files and folders that are looked at."""
MAX_DEPTH: Final = 32
"""Most folders inside each other."""
MAX_FILES: Final = 10_000
"""Most YAML files that are looked into."""
MAX_PROBLEMS: Final = 100
"""Most problems that are told; the rest is counted."""
_SCENARIO: Final = re.compile(rb"""^[ \t{]*["']?turncoat["']?[ \t]*:""", re.MULTILINE)
"""Matches the key that only a complete scenario has: fragments and other YAML files state no language version."""


@dataclass(frozen=True)
class ScenarioFolder:
    """What was found in a folder.

    Attributes:
        scenarios: the scenario files, sorted; one that cannot be read, or is too large to be one, is among them where
            it says that it is a scenario.
        others: the number of other YAML files.
        problems: what could not be looked at and why, in words.
    """

    scenarios: tuple[Path, ...]
    others: int
    problems: tuple[str, ...]


def yaml_files(folder: Path) -> tuple[list[Path], list[str]]:
    """The YAML files in a folder and below, sorted, without hidden ones, and what could not be looked at.

    Links to folders are not followed, so that nothing is found twice and no loop is entered; nor are links to files
    outside of the folder.
    """
    found: list[Path] = []
    problems: list[str] = []
    real, left = os.path.realpath(folder), MAX_ENTRIES
    waiting = [(os.fspath(folder), 0)]
    while waiting:
        place, depth = waiting.pop()
        try:
            with os.scandir(place) as entries:
                for entry in entries:
                    left -= 1
                    if left < 0:
                        problems.append(f"only the first {MAX_ENTRIES:,} entries of {folder} were looked at")
                        return sorted(found), problems
                    if entry.name.startswith("."):
                        continue
                    if entry.is_dir(follow_symlinks=False):
                        if depth < MAX_DEPTH:
                            waiting.append((entry.path, depth + 1))
                        else:
                            problems.append(f"{entry.path} lies deeper than {MAX_DEPTH} folders")
                    elif entry.name.endswith(ENDINGS) and _inside(entry, real, problems):
                        found.append(Path(entry.path))
        except OSError as fault:
            problems.append(f"{place} cannot be looked at: {(fault.strerror or str(fault)).lower()}")
    return sorted(found), problems


def _looked_into(folder: Path) -> tuple[list[Path], list[str]]:
    """The YAML files in a folder and below that are looked into, and what could not be looked at."""
    files, problems = yaml_files(folder)
    if len(files) > MAX_FILES:
        problems.append(f"only the first {MAX_FILES:,} YAML files were looked into")
    return files[:MAX_FILES], problems


def _inside(entry: os.DirEntry[str], real: str, problems: list[str]) -> bool:
    """Whether an entry is a file, or a link to one in the folder; a link that leads out of it is a problem."""
    if not entry.is_symlink():
        return True
    target = os.path.realpath(entry.path)
    if not target.startswith(os.path.join(real, "")):
        problems.append(f"{entry.path} is a link that leads out of the folder")
        return False
    return os.path.isfile(target)


def scan(folder: Path) -> ScenarioFolder:
    """The scenario files in a folder and below."""
    files, problems = _looked_into(folder)
    scenarios, others = [], 0
    for path in files:
        try:
            with open_regular(path) as file:
                # No more than the most that a scenario has: a larger file is none, even where it begins like one.
                start, size = file.read(LIMIT), os.fstat(file.fileno()).st_size
        except IrregularFileError:
            problems.append(f"{path} is no ordinary file")
            continue
        except OSError as fault:
            problems.append(f"{path} cannot be read: {(fault.strerror or str(fault)).lower()}")
            continue
        # Unlike parsing, the pattern also finds a scenario with broken YAML, whose fault is then reported.
        if _SCENARIO.search(start):
            scenarios.append(path)
        else:
            others += 1
            if size > LIMIT:
                problems.append(f"{path} is larger than {LIMIT // 1024} KiB, which no scenario is")
    return ScenarioFolder(tuple(scenarios), others, tuple(_few(problems)))


def written_files(folder: Path) -> tuple[list[Path], list[str]]:
    """The scenarios and fragments in a folder and below, and what was passed over.

    A fragment states no version, so it is told by its keys: a mapping of nothing but top-level keys of the language.
    All other YAML files (a workflow, a composition of services) are none of ours.
    """
    files, problems = _looked_into(folder)
    keys, found = set(Document.model_fields), []
    for path in files:
        try:
            text = read_text(path)
            if _SCENARIO.search(text.encode()) or _is_fragment(parse(text, str(path)).data, keys):
                found.append(path)
        except ScenarioError as fault:
            [first, *_] = fault.faults
            if first.code in ("TC002", "TC003", "TC004"):
                problems.append(f"{path}: {first.message}")
    return found, list(_few(problems))


def _is_fragment(data: object, keys: set[str]) -> bool:
    return isinstance(data, dict) and bool(data) and keys.issuperset(data)


def _few(problems: list[str]) -> Iterator[str]:
    yield from problems[:MAX_PROBLEMS]
    if len(problems) > MAX_PROBLEMS:
        yield f"and {len(problems) - MAX_PROBLEMS:,} more"
