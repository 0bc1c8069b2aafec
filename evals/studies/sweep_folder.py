"""The folder of a sweep, written atomically, and until then a journal of its finished points beside it."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ...scenarios.output_file import write_text_whole
from ..traces.atomic_folder import atomic_folder
from ..traces.provenance import RunError
from ..training.telemetry.early_stopping import Plateau
from .sweep_points import SweepCosts, SweepResult, SweepRow
from .sweep_settings import SweepAxis, SweepSettings

VERSION = 1
"""The version of the folder's layout that this code writes; it reads this one and none newer."""
TABLE, SETTINGS, PICTURE = "points.parquet", "sweep.json", "diagram.png"


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
        """Remove the file: the sweep is written."""
        self.path.unlink(missing_ok=True)

    def _lines(self) -> list[str]:
        try:
            return self.path.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError):
            return []


def default_target(scenario: str, identity: str, under: Path = Path("sweeps")) -> Path:
    """`sweeps/<scenario>-<8 digits of its identity>`: the same sweep finds its own folder again."""
    return under / f"{scenario.replace('/', '-')}-{identity[:8]}"


def save_sweep(
    sweep: SweepResult, target: Path, identity: str, picture: bytes | None, command: Sequence[str] = ()
) -> None:
    """Write a sweep's folder: the table, the settings, the picture.

    Raises:
        RunError: the folder exists, or cannot be written.
    """
    table = io.BytesIO()
    sweep.to_frame().write_parquet(table)
    with atomic_folder(target) as folder:
        (folder / TABLE).write_bytes(table.getvalue())
        (folder / SETTINGS).write_text(
            json.dumps(_settings_file(sweep, identity, command), indent=2) + "\n", encoding="utf-8"
        )
        if picture is not None:
            (folder / PICTURE).write_bytes(picture)


def load_sweep(folder: Path) -> SweepResult:
    """Read a sweep's folder.

    Raises:
        RunError: not the folder of a sweep, damaged, or of a newer version.
    """
    import polars as pl

    if not (folder / SETTINGS).is_file():
        raise RunError(f"{folder}: not the folder of a sweep (it has no {SETTINGS})")
    try:
        data = json.loads((folder / SETTINGS).read_text(encoding="utf-8"))
        if int(data["version"]) > VERSION:
            raise RunError(f"{folder}: a sweep of version {data['version']}, and this Turncoat reads up to {VERSION}")
        fields = data["question"]
        axes = tuple(SweepAxis(axis["name"], tuple(axis["values"]), axis["log"]) for axis in fields["axes"])
        lists = {name: tuple(fields[name]) for name in ("measures", "agents")}
        plateau = None if fields.get("plateau") is None else Plateau(**fields["plateau"])
        settings = SweepSettings(**{**fields, **lists, "axes": axes, "plateau": plateau})
        table = pl.read_parquet(folder / TABLE)
        rows = tuple(_row_of(record, settings) for record in table.iter_rows(named=True))
        return SweepResult(
            data["scenario"], data["title"], data["scenario_hash"], data["overrides"], settings, rows,
            SweepCosts(**data["costs"]), data["versions"],
        )  # fmt: skip
    except (OSError, KeyError, TypeError, ValueError, pl.exceptions.PolarsError) as fault:
        raise RunError(f"{folder}: cut short or damaged ({fault}); copy it again, or sweep again") from fault


def same_sweep(folder: Path, identity: str) -> bool:
    """Whether a folder holds the finished sweep of this identity."""
    try:
        return bool(json.loads((folder / SETTINGS).read_text(encoding="utf-8"))["identity"] == identity)
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _settings_file(sweep: SweepResult, identity: str, command: Sequence[str]) -> dict[str, Any]:
    return {
        "version": VERSION,
        "identity": identity,
        "scenario": sweep.scenario,
        "title": sweep.title,
        "scenario_hash": sweep.scenario_hash,
        "overrides": dict(sweep.overrides),
        "question": asdict(sweep.settings),
        "costs": asdict(sweep.costs),
        "regimes": {agent: sweep.regimes(agent) for agent in sweep.settings.agents},
        "versions": dict(sweep.versions),
        "command": list(command),
    }


def _row_of(record: Mapping[str, Any], settings: SweepSettings) -> SweepRow:
    values = []
    for axis in settings.axes:
        # Parquet has one type per column: the axis gives back 1 for 1.0, and a cell for its JSON.
        shown = record[axis.name]
        values.append(next(v for v in axis.values if v == shown or (isinstance(shown, str) and json.dumps(v) == shown)))
    measures = tuple((record[f"{text}.low"], record[f"{text}.high"]) for text in settings.all_measures)
    others = {name: record[name] for name in ("agent", "seed", "regime", "states", "seconds", "note")}
    return SweepRow(values=tuple(values), measures=measures, **others)


def _line(rows: Sequence[SweepRow]) -> str:
    return json.dumps([asdict(row) for row in rows])


def _rows_in(line: str) -> list[SweepRow]:
    """The rows of a line; none where a kill cut it short."""
    try:
        return [
            SweepRow(
                **{**data, "values": tuple(data["values"]), "measures": tuple((a, b) for a, b in data["measures"])}
            )
            for data in json.loads(line)
        ]
    except (ValueError, KeyError, TypeError):
        return []
