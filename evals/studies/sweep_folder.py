"""A sweep on disk: a folder that is there whole or not at all, and beside it, until then, the points so far."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..traces.atomic_folder import atomic_folder
from ..traces.provenance import RunError
from ..training.telemetry.early_stopping import Plateau
from .sweep_points import SweepCosts, SweepResult, SweepRow
from .sweep_question import SweepAxis, SweepSettings

VERSION = 1
"""The version of the folder's layout that this code writes; it reads this one and none newer."""
TABLE, ASKED, PICTURE = "points.parquet", "sweep.json", "diagram.png"


class Journal:
    """The points of an unfinished sweep, kept as they come: one line of JSON for each piece, in a hidden file.

    A process that is killed loses the piece it was at; the next one that asks the same goes on from there.
    """

    def __init__(self, target: Path, identity: str) -> None:
        """For the sweep that will be written to `target`; what another question left there is dropped.

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
            # Written anew, so that a line which a kill cut short is not the beginning of the next.
            part = self.path.with_name(f"{self.path.name}.{os.getpid()}.part")
            kept = [_line(list(self.rows.values()))] if self.rows else []
            part.write_text("".join(f"{line}\n" for line in [head, *kept]), encoding="utf-8")
            part.replace(self.path)
        except OSError as fault:
            raise RunError(f"{self.path} cannot be written: {fault.strerror or fault}") from fault

    def keep(self, rows: Sequence[SweepRow]) -> None:
        """Add rows."""
        with self.path.open("a", encoding="utf-8") as file:
            file.write(_line(rows) + "\n")

    def drop(self) -> None:
        """Take the file away: the sweep is written."""
        self.path.unlink(missing_ok=True)

    def _lines(self) -> list[str]:
        try:
            return self.path.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError):
            return []


def default_target(scenario: str, identity: str, under: Path = Path("sweeps")) -> Path:
    """`sweeps/<scenario>-<8 digits of what is asked>`: the same question finds its own folder again."""
    return under / f"{scenario.replace('/', '-')}-{identity[:8]}"


def save_sweep(
    sweep: SweepResult, target: Path, identity: str, picture: bytes | None, command: Sequence[str] = ()
) -> None:
    """Write a sweep's folder: the table, what was asked, the picture.

    Raises:
        RunError: the folder exists, or cannot be written.
    """
    table = io.BytesIO()
    sweep.to_frame().write_parquet(table)
    with atomic_folder(target) as folder:
        (folder / TABLE).write_bytes(table.getvalue())
        (folder / ASKED).write_text(json.dumps(_asked(sweep, identity, command), indent=2) + "\n", encoding="utf-8")
        if picture is not None:
            (folder / PICTURE).write_bytes(picture)


def load_sweep(folder: Path) -> SweepResult:
    """Read a sweep's folder.

    Raises:
        RunError: not the folder of a sweep, damaged, or of a newer version.
    """
    import polars as pl

    if not (folder / ASKED).is_file():
        raise RunError(f"{folder}: not the folder of a sweep (it has no {ASKED})")
    try:
        data = json.loads((folder / ASKED).read_text(encoding="utf-8"))
        if int(data["version"]) > VERSION:
            raise RunError(f"{folder}: a sweep of version {data['version']}, and this Turncoat reads up to {VERSION}")
        asked = data["question"]
        axes = tuple(SweepAxis(axis["name"], tuple(axis["values"]), axis["log"]) for axis in asked["axes"])
        lists = {name: tuple(asked[name]) for name in ("measures", "agents")}
        plateau = None if asked.get("plateau") is None else Plateau(**asked["plateau"])
        question = SweepSettings(**{**asked, **lists, "axes": axes, "plateau": plateau})
        table = pl.read_parquet(folder / TABLE)
        rows = tuple(_row_of(record, question) for record in table.iter_rows(named=True))
        return SweepResult(
            data["scenario"], data["title"], data["scenario_hash"], data["overrides"], question, rows,
            SweepCosts(**data["costs"]), data["versions"],
        )  # fmt: skip
    except (OSError, KeyError, TypeError, ValueError, pl.exceptions.PolarsError) as fault:
        raise RunError(f"{folder}: cut short or damaged ({fault}); copy it again, or sweep again") from fault


def same_sweep(folder: Path, identity: str) -> bool:
    """Whether a folder holds the finished answer to this very question."""
    try:
        return bool(json.loads((folder / ASKED).read_text(encoding="utf-8"))["identity"] == identity)
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _asked(sweep: SweepResult, identity: str, command: Sequence[str]) -> dict[str, Any]:
    return {
        "version": VERSION,
        "identity": identity,
        "scenario": sweep.scenario,
        "title": sweep.title,
        "scenario_hash": sweep.scenario_hash,
        "overrides": dict(sweep.overrides),
        "question": asdict(sweep.question),
        "costs": asdict(sweep.costs),
        "regimes": {agent: sweep.regimes(agent) for agent in sweep.question.agents},
        "versions": dict(sweep.versions),
        "command": list(command),
    }


def _row_of(record: Mapping[str, Any], question: SweepSettings) -> SweepRow:
    values = []
    for axis in question.axes:
        # A value of the table is the axis' own again: 1 and not 1.0, a cell and not its text.
        shown = record[axis.name]
        values.append(next(v for v in axis.values if v == shown or (isinstance(shown, str) and json.dumps(v) == shown)))
    measures = tuple((record[f"{text}.low"], record[f"{text}.high"]) for text in question.asked)
    others = {name: record[name] for name in ("agent", "seed", "regime", "states", "seconds", "note")}
    return SweepRow(values=tuple(values), measures=measures, **others)


def _line(rows: Sequence[SweepRow]) -> str:
    return json.dumps([asdict(row) for row in rows])


def _rows_in(line: str) -> list[SweepRow]:
    """The rows of a line; none where it was cut short."""
    try:
        return [
            SweepRow(
                **{**data, "values": tuple(data["values"]), "measures": tuple((a, b) for a, b in data["measures"])}
            )
            for data in json.loads(line)
        ]
    except (ValueError, KeyError, TypeError):
        return []
