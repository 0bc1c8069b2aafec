"""The runs and sweeps that are stored below some folders, each with what a list of them shows.

Whatever is found may be a stranger's: it is read by the readers of runs and sweeps, and what they refuse is listed with
the reason. A listing that is asked again reads only what has changed.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

from ...scenarios.errors import UsageError
from ..runs.reopen import reopen_scenario
from ..runs.run_folder import StoredRun, load_run
from ..studies.sweep_folder import SETTINGS, load_sweep
from ..studies.sweep_points import SweepResult
from ..traces.provenance import RunError
from ..verdicts.expectation import Judgement, verdict

EntryKind: TypeAlias = Literal["run", "sweep", "unfinished sweep", "unreadable"]

USUAL: Final = ("runs", "sweeps")
"""The folders in which `run` and `sweep` write by default."""
MANIFEST: Final = "manifest.json"
MOST_DEPTH: Final = 4
"""How many folders deep is looked for runs."""
MOST_FOLDERS: Final = 20_000
"""The most entries of folders that are looked at."""
MOST_FILES: Final = 20_000
"""The most files of one run whose sizes are added up."""

_SETTINGS_OF_NAME: Final = re.compile(r"-(?=[A-Za-z_][\w.]*=)")
_JOURNAL: Final = re.compile(r"\.(?P<name>.+)\.points")


@dataclass(frozen=True)
class StoredEntry:
    """A stored run or sweep as a list shows it.

    Attributes:
        folder: its path; of an unfinished sweep that which it is going to have.
        kind: see `EntryKind`.
        scenario: its name.
        agents: who was judged, or swept.
        verdict: of a run, over all agents or those that were asked for; empty otherwise.
        outcomes: how many expectations had each outcome.
        settings: the overrides of the command (`threshold=2`).
        variants: the settings of each trace that go beyond those, as they stand in its name.
        seeds: numbers of the trained seeds, from the first to the last; empty where nothing was trained.
        finished: UTC, ISO 8601: the end of a run, else when the files were last written; empty where unknown.
        traces: how many recordings; points: of a sweep.
        size: bytes of all its files.
        fault: why it cannot be read; empty if it can.
    """

    folder: Path
    kind: EntryKind
    scenario: str = ""
    agents: tuple[str, ...] = ()
    verdict: str = ""
    outcomes: Mapping[str, int] | None = None
    settings: tuple[str, ...] = ()
    variants: tuple[tuple[str, ...], ...] = ()
    seeds: tuple[int, ...] = ()
    finished: str = ""
    traces: int = 0
    points: int = 0
    size: int = 0
    fault: str = ""

    @property
    def seed_range(self) -> str:
        """The trained seeds in words: `0-7`, `3`, or an empty text."""
        if not self.seeds:
            return ""
        low, high = min(self.seeds), max(self.seeds)
        return str(low) if low == high else f"{low}-{high}"

    @property
    def when(self) -> str:
        """When it was finished, to the minute (UTC), or an empty text."""
        return self.finished[:16].replace("T", " ")

    def to_dict(self) -> dict[str, Any]:
        """The entry as plain data."""
        data = {**asdict(self), "folder": str(self.folder), "seeds": len(self.seeds), "seed_range": self.seed_range}
        return {**data, "outcomes": dict(self.outcomes or {}), "variants": [list(each) for each in self.variants]}


@dataclass(frozen=True)
class EntryFilter:
    """Which entries a list shows; None: all.

    Attributes:
        scenario: a part of its name.
        agent: one of its agents; the verdict is then that on this agent.
        verdict: its verdict.
        variant: a setting `NAME=VALUE`, the name of a setting, or of a variant of the run's own scenario.
    """

    scenario: str | None = None
    agent: str | None = None
    verdict: str | None = None
    variant: str | None = None

    def of(self, found: StoredEntry, stored: StoredRun | SweepResult | None) -> StoredEntry | None:
        """The entry as this filter shows it, or None where it leaves it out; `stored` is what was read."""
        entry = found
        if self.scenario is not None and self.scenario.lower() not in entry.scenario.lower():
            return None
        if self.agent is not None:
            if self.agent not in entry.agents:
                return None
            if isinstance(stored, StoredRun):
                entry = _judged(entry, [each for each in stored.judgements if each.agent == self.agent])
        if self.verdict is not None and self.verdict != entry.verdict:
            return None
        if self.variant is not None and not _has(entry, stored, self.variant):
            return None
        return entry


class StoredFolders:
    """The runs and sweeps below some folders, as a list that can be read again."""

    def __init__(self, folders: Sequence[Path], only: EntryFilter | None = None) -> None:
        """List what is below `folders`; a run's own folder may be one of them.

        Raises:
            UsageError: one of them is no folder.
        """
        for folder in folders:
            if not os.path.isdir(folder):
                raise UsageError(f"there is no folder {folder}; `turncoat run` and `turncoat sweep` write some")
        self._folders, self._only = tuple(folders), only or EntryFilter()
        self._known: dict[Path, tuple[tuple[int, ...], StoredEntry | None]] = {}

    def entries(self) -> list[StoredEntry]:
        """What is there now, the newest first; only what has changed since the last call is read again."""
        found: dict[Path, tuple[tuple[int, ...], StoredEntry | None]] = {}
        for path, kind in _places(self._folders):
            stamp = _stamp(path, kind)
            known = self._known.get(path)
            found[path] = known if known is not None and known[0] == stamp else (stamp, self._read(path, kind))
        self._known = found
        entries = [entry for _, entry in found.values() if entry is not None]
        return sorted(entries, key=lambda entry: (entry.finished, str(entry.folder)), reverse=True)

    def _read(self, path: Path, kind: str) -> StoredEntry | None:
        if kind == "journal":
            return self._only.of(_unfinished(path), None)
        try:
            stored = load_sweep(path) if kind == "sweep" else load_run(path)
        except RunError as fault:
            entry = StoredEntry(path, "unreadable", finished=_written(path), size=size_of(path), fault=str(fault))
            return entry if self._only == EntryFilter() else None
        entry = _of_run(stored) if isinstance(stored, StoredRun) else _of_sweep(path, stored)
        return self._only.of(entry, stored)


def usual_folders() -> list[Path]:
    """The folders here in which runs and sweeps are written by default.

    Raises:
        UsageError: there is none.
    """
    there = [Path(name) for name in USUAL if os.path.isdir(name)]
    if not there:
        raise UsageError(
            f"there is neither a folder {' nor '.join(USUAL)} here: `turncoat run` and `turncoat sweep` write them; "
            "name the folder of your runs"
        )
    return there


def size_of(folder: Path) -> int:
    """The bytes of all files of a folder, of the first `MOST_FILES`; no link is followed."""
    total, left, waiting = 0, MOST_FILES, [folder]
    while waiting and left > 0:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    left -= 1
                    if left < 0:
                        break
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(Path(entry.path))
                    elif entry.is_file(follow_symlinks=False):
                        total += entry.stat(follow_symlinks=False).st_size
        except OSError:  # it went away in the meantime, or may not be read
            continue
    return total


def _places(folders: Sequence[Path]) -> Iterator[tuple[Path, str]]:
    """Every folder of a run or a sweep, and every journal of an unfinished sweep, below some folders."""
    left = MOST_FOLDERS
    waiting = [(folder, 0) for folder in reversed(folders)]
    while waiting:
        folder, depth = waiting.pop()
        if os.path.lexists(folder / SETTINGS):
            yield folder, "sweep"
        elif os.path.lexists(folder / MANIFEST):
            yield folder, "run"
        elif depth < MOST_DEPTH:
            try:
                with os.scandir(folder) as entries:
                    inside = sorted((entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries)
            except OSError:
                continue
            for name, is_folder in inside[: max(left, 0)]:
                left -= 1
                if is_folder and not name.startswith("."):
                    waiting.append((folder / name, depth + 1))
                elif not is_folder and _JOURNAL.fullmatch(name):
                    yield folder / name, "journal"


def _stamp(path: Path, kind: str) -> tuple[int, ...]:
    """What changes when the files of an entry do."""
    files = {"journal": [path], "sweep": [path / SETTINGS, path / "points.parquet"]}
    stamps: list[int] = []
    for file in files.get(kind, [path / MANIFEST, path / "verdict.json", path / "traces"]):
        try:
            its = os.stat(file)
        except OSError:
            stamps += [-1, -1]
        else:
            stamps += [its.st_mtime_ns, its.st_size]
    return tuple(stamps)


def _written(path: Path) -> str:
    try:
        return datetime.fromtimestamp(os.stat(path).st_mtime, UTC).isoformat(timespec="seconds")
    except (OSError, OverflowError, ValueError):  # or a time that no calendar has
        return ""


def _of_run(run: StoredRun) -> StoredEntry:
    manifest = run.manifest
    # Expectations name agents that were not run too, and version 1 of the manifest does not say who was.
    run_by = [name for key in ("agents", "own") for name in (manifest.settings.get(key) or ())]  # type: ignore[attr-defined]
    agents = dict.fromkeys(run_by or [each.agent for each in run.judgements if each.unit])
    settings = tuple(f"{name}={value}" for name, value in manifest.overrides.items())
    # A trace's name has the stage, the agent, and then each of its settings.
    variants = dict.fromkeys(tuple(_SETTINGS_OF_NAME.split(name)[1:]) for name in run.traces)
    entry = StoredEntry(
        run.folder,
        "run",
        manifest.scenario,
        tuple(map(str, agents)),
        settings=settings,
        variants=tuple(each for each in variants if each),
        seeds=manifest.seeds,
        finished=manifest.finished,
        traces=len(run.traces),
        size=size_of(run.folder),
    )
    return _judged(entry, run.judgements)


def _judged(entry: StoredEntry, judgements: Sequence[Judgement]) -> StoredEntry:
    found = [each.outcome for each in judgements]
    return replace(
        entry, verdict=verdict(judgements), outcomes={name: found.count(name) for name in dict.fromkeys(found)}
    )


def _of_sweep(folder: Path, sweep: SweepResult) -> StoredEntry:
    settings, learned = sweep.settings, [row.seed for row in sweep.rows if row.seed >= 0]
    return StoredEntry(
        folder,
        "sweep",
        sweep.scenario,
        settings.agents,
        settings=tuple(f"{name}={value}" for name, value in sweep.overrides.items()),
        variants=tuple((f"{axis.name}={value}",) for axis in settings.axes for value in axis.values),
        seeds=tuple(sorted(set(learned))),
        finished=_written(folder / SETTINGS),
        points=len(sweep.rows),
        size=size_of(folder),
    )


def _unfinished(journal: Path) -> StoredEntry:
    """A sweep that is going on, or was killed: the same command goes on with it."""
    match = _JOURNAL.fullmatch(journal.name)
    assert match is not None, "only journals come here"
    try:
        size = os.stat(journal).st_size
    except OSError:
        size = 0
    target = journal.with_name(match["name"])
    return StoredEntry(target, "unfinished sweep", match["name"], finished=_written(journal), size=size)


def _has(entry: StoredEntry, stored: StoredRun | SweepResult | None, variant: str) -> bool:
    """Whether an entry has a setting, one of a name, or all settings of a variant of its scenario."""
    sets = [entry.settings, *((*entry.settings, *each) for each in entry.variants)]
    if "=" in variant:
        return any(variant in each for each in sets)
    if any(setting.partition("=")[0] == variant for each in sets for setting in each):
        return True
    if not isinstance(stored, StoredRun):
        return False
    try:
        variants = reopen_scenario(stored).document.variants
    except RunError:
        return False
    if variant not in variants:
        return False
    wanted = {f"{name}={value}" for name, value in variants[variant].items()}
    return any(wanted <= set(each) for each in sets)
