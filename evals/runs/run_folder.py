"""The folder of a run: the manifest, the scenario's files, the judgements and the traces, written atomically."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import ConfigDict, Field, TypeAdapter

from ...scenarios.bounded_reading import (
    Count,
    FiniteNumber,
    Names,
    StoredRecord,
    UnreadableFileError,
    fit,
    read_json,
    read_text_file,
)
from ...scenarios.errors import UnknownNameError
from ...scenarios.language.files.yaml_source import LIMIT
from ...scenarios.paths import as_text, as_texts
from ..traces.atomic_folder import atomic_folder
from ..traces.provenance import RunError, git_commit, library_versions
from ..traces.trace import Trace, TraceError, is_named_after, read_trace, write_trace
from ..verdicts.expectation import Judgement, Verdict, verdict

RUN_VERSION = 2
"""The version of the folder's layout that this code writes; it reads this one and older ones.

2: every file of the scenario, and the manifest's `settings` and `code`, so that a run can be reproduced.
"""

MAX_JSON: Final = 16 << 20
"""Most bytes of the manifest, and of the judgements."""
MAX_TRACES: Final = 10_000
"""Most traces of one run."""


@dataclass(frozen=True)
class Manifest:
    """What was run and with what versions; it is stored as `manifest.json`.

    Attributes:
        scenario: its name; scenario_hash: SHA-256 of its merged content, in hex (`Scenario.hash`).
        seeds: of the trained agents; overrides: the dotted settings of the command.
        command: the command line, as a list of words.
        started, finished: UTC, ISO 8601.
        versions: of Turncoat and the libraries; python, platform, cpus: of the machine.
        settings: the run's settings with the file's defaults filled in (`RunSettings.filled`); empty in version 1.
        code: SHA-256 of Turncoat's own code (`provenance.code_hash`).
        git: the commit of Turncoat's own checkout, with `-dirty` if it was changed; None where it is installed.
    """

    scenario: str
    scenario_hash: str
    seeds: tuple[int, ...]
    overrides: Mapping[str, object]
    command: tuple[str, ...]
    started: str
    finished: str
    versions: Mapping[str, str] = field(default_factory=lambda: library_versions())
    python: str = field(default_factory=platform.python_version)
    platform: str = field(default_factory=platform.platform)
    cpus: int = field(default_factory=lambda: os.cpu_count() or 1)
    git: str | None = field(default_factory=lambda: git_commit())
    settings: Mapping[str, object] = field(default_factory=dict)
    code: str = ""

    @property
    def typed(self) -> bool:
        """Whether the command line is Turncoat's own, and not that of a program or a notebook that ran it."""
        program = Path(self.command[0] if self.command else "")
        return program.stem == "turncoat" or (program.parent.name, program.stem) == ("turncoat", "__main__")


@dataclass(frozen=True)
class StoredRun:
    """A run as read from its folder.

    Attributes:
        folder: its path; kept: whether it stays there, and is not of a run that was only in memory.
        manifest: see there; judgements: of all expectations; scenario: the text of its file.
        traces: the files of the traces by name; they are read when asked for.
    """

    folder: Path
    manifest: Manifest
    judgements: tuple[Judgement, ...]
    scenario: str
    traces: Mapping[str, Path]
    kept: bool = True

    @property
    def verdict(self) -> Verdict:
        """The verdict over all judgements."""
        return verdict(self.judgements)

    def trace(self, name: str) -> Trace:
        """One of the traces.

        Raises:
            UnknownNameError: there is no such trace.
            TraceError: its file cannot be read, or is that of another trace.
        """
        if name not in self.traces:
            raise UnknownNameError("trace", name, self.traces, str(self.folder))
        trace = read_trace(self.traces[name])
        if trace.meta.scenario_hash != self.manifest.scenario_hash or not is_named_after(name, trace.meta):
            raise TraceError(f"{self.traces[name]}: the trace of another run, or of another agent or stage of this one")
        return trace


def default_folder(scenario: str, hash_of_it: str, under: Path = Path("runs")) -> Path:
    """`runs/<UTC time>-<scenario>-<8 digits of its hash>`, numbered where that is taken."""
    stem = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{scenario.replace('/', '-')}-{hash_of_it[:8]}"
    names = (stem, *(f"{stem}-{number}" for number in range(2, 1000)))
    return next(under / name for name in names if not (under / name).exists())


def save_run(
    target: Path,
    manifest: Manifest,
    judgements: Sequence[Judgement],
    traces: Mapping[str, Trace],
    texts: Mapping[str, str],
) -> StoredRun:
    """Write a run's folder.

    Args:
        target: the folder, which must not exist; its parents are made.
        manifest: see there.
        judgements: of all expectations.
        traces: by name (`deploy-counts`), each a file in `traces/`.
        texts: of the scenario's files, by their path in the folder; `scenario.yaml` among them.

    Raises:
        RunError: the target exists, or cannot be written.
    """
    with atomic_folder(target) as folder:
        _write_json(folder / "manifest.json", {"version": RUN_VERSION, **asdict(manifest)})
        _write_json(folder / "verdict.json", verdict_data(manifest.scenario, judgements))
        name = as_text(target.name)
        again = f"\nTo make this run again, and see whether it comes to the same: `turncoat reproduce {name}`\n"
        said = as_text(verdict_markdown(manifest.scenario, judgements))
        (folder / "verdict.md").write_text(said + again, encoding="utf-8")
        for name, text in texts.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            # No translation of line ends: the copy is to be the file that was run.
            (folder / name).write_text(text, encoding="utf-8", newline="")
        (folder / "traces").mkdir()
        for name, trace in traces.items():
            write_trace(trace, folder / "traces" / f"{name}.parquet")
    return load_run(target)


def load_run(folder: Path) -> StoredRun:
    """Read a run's folder.

    Raises:
        RunError: not a run's folder, damaged, or of a newer version.
    """
    if not os.path.lexists(folder / "manifest.json"):
        raise RunError(f"{folder}: not the folder of a run (it has no manifest.json)")
    try:
        manifest = _read_manifest(folder / "manifest.json")
        judgements = _read_judgements(folder / "verdict.json")
        # No translation of line ends: the copy is to be the file that was run.
        scenario = read_text_file(folder / "scenario.yaml", LIMIT)
        traces = _traces_in(folder / "traces")
    except UnreadableFileError as fault:
        raise RunError(f"{folder}: cut short or damaged ({fault}); copy it again, or run it again") from None
    except RunError as fault:
        raise RunError(f"{folder}: {fault}") from None
    return StoredRun(folder, manifest, judgements, scenario, traces)


_Share = Annotated[FiniteNumber, Field(ge=0, le=1)]


class _StoredPlateau(StoredRecord):
    looks: Annotated[int, Field(ge=1, le=10_000)]
    gain: Annotated[FiniteNumber, Field(ge=0)]


class _StoredSettings(StoredRecord):
    """What `RunSettings.from_manifest` reads, within the bounds of a file's `runs:`; it knows of further settings."""

    model_config = ConfigDict(extra="allow", frozen=True)

    agents: Names
    own: Annotated[list[str | None], Field(max_length=100)]
    seeds: Annotated[int, Field(ge=1, le=10_000)]
    steps: Annotated[int, Field(ge=1, le=10**9)]
    episodes: Annotated[int, Field(ge=1, le=100_000)]
    max_seeds: Annotated[int, Field(ge=1, le=10_000)] | None
    units: list[tuple[Count, str]] | None
    device: str = ""
    plateau: _StoredPlateau | None = None
    first_seed: Count = 0


class _StoredManifest(StoredRecord):
    """`manifest.json`, apart from its version; see `Manifest`."""

    scenario: str
    scenario_hash: str
    seeds: Annotated[tuple[Count, ...], Field(max_length=100_000)]
    overrides: dict[str, Any]
    command: Names
    started: str
    finished: str
    versions: dict[str, str]
    python: str
    platform: str
    cpus: Count
    git: str | None
    settings: dict[str, Any] = Field(default_factory=dict)
    code: str = ""


class _StoredVerdict(StoredRecord):
    version: Annotated[int, Field(ge=1, le=RUN_VERSION)]
    scenario: str
    verdict: Verdict
    expectations: Annotated[list[dict[str, Any]], Field(max_length=100_000)]


class _StoredEvidence(StoredRecord):
    """See `Evidence`."""

    model_config = ConfigDict(extra="allow", frozen=True)

    policies: Count
    trained: Count
    pairs: Count | None
    tried: tuple[_Share, _Share] | None
    met: dict[str, Count] | None


_MANIFEST: Final = TypeAdapter(_StoredManifest)
_SETTINGS: Final = TypeAdapter(_StoredSettings)
_VERDICT: Final = TypeAdapter(_StoredVerdict)
_JUDGEMENT: Final = TypeAdapter(Judgement)
_EVIDENCE: Final = TypeAdapter(_StoredEvidence)


def _read_manifest(path: Path) -> Manifest:
    data = read_json(path, MAX_JSON)
    version = data.pop("version", None) if isinstance(data, dict) else None
    if not isinstance(version, int) or version < 1:
        raise UnreadableFileError(f"{path.name}: it has no version")
    if version > RUN_VERSION:
        raise RunError(
            f"a run of version {version}, and this Turncoat reads up to {RUN_VERSION}; a newer Turncoat can read it"
        )
    # Fields that version 1 lacks have defaults.
    manifest = Manifest(**fit(_MANIFEST, data, path.name).values())
    if manifest.settings:
        fit(_SETTINGS, manifest.settings, f"{path.name}, settings")
    return manifest


def _read_judgements(path: Path) -> tuple[Judgement, ...]:
    stored = fit(_VERDICT, read_json(path, MAX_JSON), path.name).expectations
    return tuple(_judgement(data, f"{path.name}, expectation {number}") for number, data in enumerate(stored))


def _judgement(data: dict[str, Any], what: str) -> Judgement:
    """A judgement from an entry of `verdict.json`; a bound or a value may be infinite."""
    known = {each.name for each in fields(Judgement)}
    if (odd := next((name for name in data if name not in known), None)) is not None:
        raise UnreadableFileError(f"{what}: `{odd[:40]}` is no field of a judgement")
    judgement = fit(_JUDGEMENT, data, what)
    if data.get("evidence") is not None:
        fit(_EVIDENCE, data["evidence"], f"{what}, evidence")
    for each in ("line", "seeds", "first_seed"):
        if not 0 <= getattr(judgement, each) < 2**63:
            raise UnreadableFileError(f"{what}: `{each}` is no count")
    for each in ("value", "low", "high", "p_pass", "p_fail"):
        number = getattr(judgement, each)
        # A text as `nan` is read as a number too, and is none; a probability lies between 0 and 1.
        if number is not None and not (0 <= number <= 1 if each.startswith("p_") else number == number):
            raise UnreadableFileError(f"{what}: `{each}` is no number that it can be")
    return judgement


def _traces_in(folder: Path) -> dict[str, Path]:
    """The files of the traces by name; they are opened when asked for.

    Raises:
        UnreadableFileError: the folder cannot be listed, or holds too many.
    """
    try:
        with os.scandir(folder) as entries:
            found = [entry.name for entry, _ in zip(entries, range(MAX_TRACES + 1), strict=False)]
    except FileNotFoundError:
        return {}
    except OSError as fault:
        raise UnreadableFileError(f"traces cannot be listed: {(fault.strerror or str(fault)).lower()}") from None
    if len(found) > MAX_TRACES:
        raise UnreadableFileError(f"traces holds more than {MAX_TRACES:,} files")
    names = sorted(name for name in found if name.endswith(".parquet") and not name.startswith("."))
    return {Path(name).stem: folder / name for name in names}


def verdict_data(scenario: str, judgements: Sequence[Judgement]) -> dict[str, Any]:
    """The contents of `verdict.json`."""
    return {
        "version": RUN_VERSION,
        "scenario": scenario,
        "verdict": verdict(judgements),
        "expectations": [judgement.to_dict() for judgement in judgements],
    }


def verdict_markdown(scenario: str, judgements: Sequence[Judgement]) -> str:
    """The contents of `verdict.md`: a table, then a sentence on each expectation."""
    lines = [f"# {scenario}: {verdict(judgements)}", ""]
    lines += ["| expectation | agent | stage | outcome | value | bound |", "|---|---|---|---|---|---|"]
    for judgement in judgements:
        value = "" if judgement.value is None else f"{judgement.about}{judgement.value:.4g}"
        cells = (judgement.name, judgement.agent, judgement.stage, judgement.outcome, value, judgement.bound)
        lines.append(f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |")
    lines.append("")
    for judgement in judgements:
        lines.append(f"- {judgement.file}:{judgement.line} {judgement.name}: {judgement.outcome}, {judgement.told}.")
    return "\n".join(lines) + "\n"


def _write_json(path: Path, data: Mapping[str, Any]) -> None:
    # NaN and infinity are not JSON, and other programs would refuse the file.
    path.write_text(json.dumps(as_texts(data), indent=2, allow_nan=False) + "\n", encoding="utf-8")
