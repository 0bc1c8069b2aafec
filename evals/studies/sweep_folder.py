"""The folder of a sweep, written atomically, and until then a journal of its finished points beside it."""

from __future__ import annotations

import io
import json
import math
import os
from collections.abc import Collection, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Final, TypeAlias

from pydantic import Field, TypeAdapter

from ...scenarios.bounded_reading import (
    Count,
    FiniteNumber,
    Names,
    StoredRecord,
    UnreadableFileError,
    fit,
    parse_json,
    read_file,
    read_json,
)
from ...scenarios.deferred import pl
from ...scenarios.language.expressions.parser import ExpressionError, parsed_measure
from ...scenarios.output_file import write_text_whole
from ...scenarios.paths import as_texts
from ..measures.phase_diagram_regimes import NO_REGIME
from ..traces.atomic_folder import atomic_folder
from ..traces.bounded_parquet import read_parquet
from ..traces.provenance import RunError
from ..training.telemetry.early_stopping import Plateau
from .sweep_points import SweepCosts, SweepResult, SweepRow
from .sweep_settings import MAX_POINTS, SweepAxis, SweepSettings
from .sweep_words import SweepWords

VERSION = 1
"""The version of the folder's layout that this code writes; it reads this one and none newer."""
TABLE, SETTINGS, PICTURE, CONTOURS = "points.parquet", "sweep.json", "diagram.png", "measures.png"
MAX_JSON: Final = 32 << 20
"""Most bytes of the settings."""
MAX_JOURNAL: Final = 256 << 20
"""Most bytes of a journal."""


class Journal:
    """The finished rows of an unfinished sweep: one line of JSON per task, in a hidden file.

    A process that is killed loses only its unfinished tasks; the same sweep then goes on from there.
    """

    def __init__(self, target: Path, identity: str) -> None:
        """For the sweep that will be written to `target`; rows of a sweep with another identity are discarded.

        Raises:
            RunError: it cannot be written.
        """
        self.path = target.with_name(f".{target.name}.points")
        self.rows: dict[str, SweepRow] = {}
        head = json.dumps({"version": VERSION, "identity": identity})
        if self.path.is_symlink():
            self._unlink()  # nobody has named this file: in a stranger's folder it may lead to any other
        lines = self._lines()
        if lines and lines[0] == head:
            self.rows = {row.key: row for line in lines[1:] for row in _rows_in(line)}
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            # Rewritten, since a line that a kill cut short has no line end: the next one would be appended to it.
            kept = [_line(list(self.rows.values()))] if self.rows else []
            write_text_whole(self.path, "".join(f"{line}\n" for line in [head, *kept]))
        except OSError as fault:
            raise RunError(f"{self.path} cannot be written: {fault.strerror or fault}") from fault

    def keep(self, rows: Sequence[SweepRow]) -> None:
        """Add rows.

        Raises:
            RunError: it cannot be written (the disk is full, say).
        """
        try:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(_line(rows) + "\n")
        except OSError as fault:
            raise RunError(f"{self.path} cannot be written: {fault.strerror or fault}") from fault

    def drop(self) -> None:
        """Remove the file: the sweep is written.

        Raises:
            RunError: it cannot be removed.
        """
        self._unlink()

    def _unlink(self) -> None:
        try:
            self.path.unlink(missing_ok=True)
        except OSError as fault:
            raise RunError(f"{self.path} cannot be removed: {fault.strerror or fault}") from fault

    def _lines(self) -> list[str]:
        try:
            return read_file(self.path, MAX_JOURNAL).decode("utf-8").splitlines()
        except (UnreadableFileError, UnicodeDecodeError):
            return []


def default_target(scenario: str, identity: str, under: Path = Path("sweeps")) -> Path:
    """`sweeps/<scenario>-<8 digits of its identity>`: the same sweep finds its own folder again."""
    return under / f"{scenario.replace('/', '-')}-{identity[:8]}"


def save_sweep(
    sweep: SweepResult,
    target: Path,
    identity: str,
    picture: bytes | None,
    command: Sequence[str] = (),
    contours: bytes | None = None,
) -> None:
    """Write a sweep's folder: the table, the settings, the pictures of its regimes and of its measures, if any.

    Raises:
        RunError: the folder exists, or cannot be written.
    """
    table = io.BytesIO()
    sweep.to_frame().write_parquet(table)
    with atomic_folder(target) as folder:
        (folder / TABLE).write_bytes(table.getvalue())
        (folder / SETTINGS).write_text(
            json.dumps(as_texts(_settings_file(sweep, identity, command)), indent=2) + "\n", encoding="utf-8"
        )
        if picture is not None:
            (folder / PICTURE).write_bytes(picture)
        if contours is not None:
            (folder / CONTOURS).write_bytes(contours)


def load_sweep(folder: Path) -> SweepResult:
    """Read a sweep's folder.

    Raises:
        RunError: not the folder of a sweep, damaged, or of a newer version.
    """
    if not os.path.lexists(folder / SETTINGS):
        raise RunError(f"{folder}: not the folder of a sweep (it has no {SETTINGS})")
    try:
        data = _read_settings(folder)
        settings = data.question.as_settings()
        table = read_parquet(folder / TABLE)
        rows = _rows_of(table, settings)
        return SweepResult(
            data.scenario, data.title, data.scenario_hash, data.overrides, settings, rows,
            SweepCosts(**data.costs.values()), data.versions, data.file, SweepWords(**data.words.values()),
        )  # fmt: skip
    except (UnreadableFileError, pl.exceptions.PolarsError) as fault:
        raise _damaged(folder, fault) from None


def same_sweep(folder: Path, identity: str) -> bool:
    """Whether a folder holds the finished sweep of this identity.

    Raises:
        RunError: it holds a sweep that is damaged, or of a newer version.
    """
    if not os.path.lexists(folder / SETTINGS):
        return False
    try:
        return _read_settings(folder).identity == identity
    except UnreadableFileError as fault:
        raise _damaged(folder, fault) from None


def _damaged(folder: Path, fault: Exception) -> RunError:
    # The same sweep given again would only find it again, so it has to go first.
    return RunError(f"{folder}: cut short or damaged ({fault}); copy it again, or remove it and sweep again")


_Scalar: TypeAlias = bool | int | FiniteNumber | str
_AxisValue: TypeAlias = _Scalar | Annotated[list[_Scalar], Field(max_length=100)]


class _StoredAxis(StoredRecord):
    name: str
    points: Annotated[tuple[_AxisValue, ...], Field(min_length=1, max_length=MAX_POINTS, alias="values")]
    log: bool

    def as_axis(self) -> SweepAxis:
        numeric = all(isinstance(value, int | float) and value > 0 for value in self.points)
        if self.log and not numeric:
            raise UnreadableFileError(
                f"{SETTINGS}: the axis `{self.name[:40]}` is logarithmic and not of positive numbers"
            )
        return SweepAxis(self.name, self.points, self.log)


class _StoredPlateau(StoredRecord):
    looks: Annotated[int, Field(ge=1, le=10_000)]
    gain: Annotated[FiniteNumber, Field(ge=0)]


class _StoredQuestion(StoredRecord):
    """See `SweepSettings`."""

    axes: Annotated[tuple[_StoredAxis, ...], Field(min_length=1, max_length=100)]
    stage: str
    measures: Names
    regimes: Annotated[dict[str, str], Field(max_length=1_000)]
    agents: Annotated[Names, Field(min_length=1)]
    seeds: Annotated[int, Field(ge=1, le=10_000)]
    steps: Annotated[int, Field(ge=1, le=10**9)]
    episodes: Annotated[int, Field(ge=1, le=100_000)]
    every: Annotated[int, Field(ge=1, le=MAX_POINTS)]
    device: str = "cpu"
    plateau: _StoredPlateau | None = None
    first_seed: Count = 0

    def as_settings(self) -> SweepSettings:
        plateau = None if self.plateau is None else Plateau(**self.plateau.values())
        axes = tuple(axis.as_axis() for axis in self.axes)
        settings = SweepSettings(**{**self.values(), "axes": axes, "plateau": plateau})
        try:
            for text in settings.all_measures:
                parsed_measure(text)
        except ExpressionError as fault:
            raise UnreadableFileError(f"{SETTINGS}: a measure cannot be read: {fault}") from None
        if math.prod(len(axis.values) for axis in axes) > MAX_POINTS:
            raise UnreadableFileError(f"{SETTINGS}: it has more than {MAX_POINTS:,} points")
        return settings


class _StoredCosts(StoredRecord):
    enumerations: Count
    solves: Count
    trainings: Count


class _StoredWords(StoredRecord):
    """See `SweepWords`."""

    claim: str = ""
    names: dict[str, str] = Field(default_factory=dict, max_length=1_000)
    regimes: dict[str, str] = Field(default_factory=dict, max_length=1_000)


class _StoredSweep(StoredRecord):
    """`sweep.json`, apart from its version."""

    identity: str
    scenario: str
    title: str
    scenario_hash: str
    overrides: dict[str, Any]
    question: _StoredQuestion
    costs: _StoredCosts
    regimes: dict[str, dict[str, Count]]
    versions: dict[str, str]
    command: Names
    file: str = ""
    words: _StoredWords = _StoredWords()


_SWEEP: Final = TypeAdapter(_StoredSweep)


def _read_settings(folder: Path) -> _StoredSweep:
    data = read_json(folder / SETTINGS, MAX_JSON)
    version = data.pop("version", None) if isinstance(data, dict) else None
    if not isinstance(version, int) or version < 1:
        raise UnreadableFileError(f"{SETTINGS}: it has no version")
    if version > VERSION:
        raise RunError(f"{folder}: a sweep of version {version}, and this Turncoat reads up to {VERSION}")
    return fit(_SWEEP, data, SETTINGS)


def _settings_file(sweep: SweepResult, identity: str, command: Sequence[str]) -> dict[str, Any]:
    return {
        "version": VERSION,
        "identity": identity,
        "scenario": sweep.scenario,
        "file": sweep.file,
        "title": sweep.title,
        "scenario_hash": sweep.scenario_hash,
        "overrides": dict(sweep.overrides),
        "question": asdict(sweep.settings),
        "costs": asdict(sweep.costs),
        "regimes": {agent: sweep.regimes(agent) for agent in sweep.settings.agents},
        "versions": dict(sweep.versions),
        "command": list(command),
        "words": asdict(sweep.words),
    }


def _rows_of(table: pl.DataFrame, settings: SweepSettings) -> tuple[SweepRow, ...]:
    """The rows of a table, each checked against the settings.

    Raises:
        UnreadableFileError: a column is missing or of another type, or a row is none of this sweep.
    """
    names = [axis.name for axis in settings.axes]
    known_outer = any(column.endswith(".outer") for column in table.columns)  # older folders do not say it
    parts = ("low", "high", "outer") if known_outer else ("low", "high")
    columns = [f"{text}.{part}" for text in settings.all_measures for part in parts]
    wanted = [*names, "agent", "seed", "regime", *columns, "states", "seconds", "note"]
    if table.columns != wanted:
        raise UnreadableFileError(f"{TABLE}: its columns are not those of the settings")
    regimes = {*settings.regimes, *NO_REGIME}
    # Parquet has one type per column: the axis gives back 1 for 1.0, and a cell for its JSON.
    axes = [
        {
            **{json.dumps(value): value for value in axis.values},
            **{v: v for v in axis.values if not isinstance(v, list)},
        }
        for axis in settings.axes
    ]
    rows: dict[str, SweepRow] = {}
    for number, record in enumerate(table.iter_rows(named=True)):
        try:
            values = tuple(known[record[name]] for name, known in zip(names, axes, strict=True))
            numbers = [_end(record[f"{text}.{end}"]) for text in settings.all_measures for end in ("low", "high")]
            outer = [_flag(record[f"{text}.outer"]) for text in settings.all_measures] if known_outer else []
            row = SweepRow(
                **{name: record[name] for name in ("agent", "seed", "regime", "states", "seconds", "note")},
                values=values,
                measures=tuple(zip(numbers[::2], numbers[1::2], strict=True)),
                outer=tuple(outer) if any(outer) else (),
            )
            if not _fits(row, settings, regimes) or row.key in rows:
                raise ValueError
        except (KeyError, TypeError, ValueError):
            raise UnreadableFileError(f"{TABLE}: row {number} is none of this sweep's") from None
        rows[row.key] = row
    return tuple(rows.values())


def _fits(row: SweepRow, settings: SweepSettings, regimes: Collection[str]) -> bool:
    """Whether a row can be one of a sweep with these settings."""
    counts = all(type(count) is int for count in (row.seed, row.states)) and row.states >= 0
    learned = row.agent != "exact"
    seed = counts and (row.seed in settings.numbers if learned else row.seed == -1)
    told = isinstance(row.note, str) and isinstance(row.seconds, float) and math.isfinite(row.seconds)
    return seed and told and row.agent in settings.agents and row.regime in regimes


def _end(value: object) -> float | None:
    """An end of a measure's range, which may be infinite.

    Raises:
        ValueError: it is no number.
    """
    if value is not None and (not isinstance(value, float) or math.isnan(value)):
        raise ValueError
    return value


def _flag(value: object) -> bool:
    """Whether a range is an outer bound.

    Raises:
        ValueError: it is neither true nor false.
    """
    if not isinstance(value, bool):
        raise ValueError
    return value


def _line(rows: Sequence[SweepRow]) -> str:
    return json.dumps([asdict(row) for row in rows])


class _StoredRow(StoredRecord):
    """A row in the journal; a measure may be infinite, which Python's JSON can write."""

    agent: str
    seed: Annotated[int, Field(ge=-1, lt=2**63)]
    axis_values: Annotated[tuple[_AxisValue, ...], Field(max_length=100, alias="values")]
    measures: tuple[tuple[float | None, float | None], ...]
    regime: str
    states: Count
    seconds: FiniteNumber
    note: str
    outer: tuple[bool, ...] = ()


_ROWS: Final = TypeAdapter(list[_StoredRow])


def _rows_in(line: str) -> list[SweepRow]:
    """The rows of a line; none where a kill cut it short, or where it cannot be read."""
    try:
        found = fit(_ROWS, parse_json(line, "a line", infinite=True), "a line")
    except UnreadableFileError:
        return []
    return [
        SweepRow(values=row.axis_values, **{n: v for n, v in row.values().items() if n != "axis_values"})
        for row in found
    ]
