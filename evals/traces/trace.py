"""The trace, schema version 1: the record of episodes tick by tick, in Parquet, from which all measures are computed.

`docs/reference/trace-plan-thought.md` describes every column; a change to them is a new version.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import polars as pl

from ...envs.base import Ints
from ...scenarios.errors import UsageError
from ...scenarios.language.names.overrides import Overrides
from .experience import Experience, experience_text, read_experiences

Regrets = Mapping[str, float] | str
"""By agent, how much less its policy yields than its best response; or why that is not known (see `exploitability`)."""

MAX_NAME_LENGTH = 120
"""Characters of a trace's name at most: it becomes a file's name."""

LearningPoints = tuple[tuple[int, float], ...]
"""A learning curve: (environment steps so far, mean return of the episodes since the point before)."""

TRACE_VERSION = 1
"""The version that this code writes; it reads this one and none newer."""

HIDDEN = "hidden.performance"
"""The column of the hidden performance."""

_KEY, _LEARNING, _TRAINED = "turncoat.trace", "turncoat.learning", "turncoat.trained"
_REGRETS = "turncoat.regrets"
_EXPERIENCE = "turncoat.experience"


class TraceError(UsageError):
    """A trace that cannot be used; the message says which, why, and what to do."""


@dataclass(frozen=True)
class TraceMeta:
    """What is the same for every row of a trace.

    Attributes:
        scenario: its name; scenario_hash: SHA-256 of its merged content, in hex (`Scenario.hash`).
        stage: the stage that was run; overrides: the dotted settings that the world was compiled with.
        agent: the agent that was judged (`exact`, `counts`, ...).
        agents: the N names of those who act in the world.
        actions: for each of them, the names that `chosen` and `executed` index.
        channels: the K visible reward channels; fields: the F columns of the state.
        versions: of libraries, by name.
        training: the training options that can change a result and are not the default (`device`, `plateau`); see
            `TrainingOptions.result_relevant`.
    """

    scenario: str
    scenario_hash: str
    stage: str
    agent: str
    agents: tuple[str, ...]
    actions: tuple[tuple[str, ...], ...]
    channels: tuple[str, ...]
    fields: tuple[str, ...]
    overrides: Mapping[str, object]
    versions: Mapping[str, str]
    training: Mapping[str, object] = field(default_factory=dict)

    @property
    def schema(self) -> dict[str, pl.DataType]:
        """The columns of the table and their types, in order."""
        return {
            "seed": pl.UInt64(),
            "episode": pl.Int64(),
            "lane": pl.Int32(),
            "step": pl.Int32(),
            "state": pl.List(pl.Int32),
            "chosen": pl.List(pl.Int16),
            "executed": pl.List(pl.Int16),
            **{f"reward.{channel}": pl.Float64() for channel in self.channels},
            HIDDEN: pl.Float64(),
            "events": pl.List(pl.String),
            "ended": pl.String(),
            "truncated": pl.Boolean(),
            "final_state": pl.List(pl.Int32),
            "thoughts": pl.List(pl.String),
        }


@dataclass(frozen=True, eq=False)
class Trace:
    """A table with one row per tick, ordered by seed, episode and step, and its metadata.

    Attributes:
        learning: by seed, the learning curve of its training (see `LearningCurve`), where it has one.
        trained: by seed, the environment steps of its training, where a single agent was trained.
        regrets: by seed, the regret of each of several agents, where the scenario measures it.
        experience: by seed, what happened in its training, where that was seen.

    Raises:
        TraceError: the table's columns are not those of `meta.schema`.
    """

    meta: TraceMeta
    table: pl.DataFrame
    learning: Mapping[int, LearningPoints] = field(default_factory=dict)
    trained: Mapping[int, int] = field(default_factory=dict)
    regrets: Mapping[int, Regrets] = field(default_factory=dict)
    experience: Mapping[int, Experience] = field(default_factory=dict)

    def __post_init__(self) -> None:
        wanted, found = self.meta.schema, dict(self.table.schema)
        for name in [*wanted, *(name for name in found if name not in wanted)]:
            if wanted.get(name) != found.get(name):
                raise TraceError(
                    f"column {name!r} of the trace is {found.get(name, 'missing')}, "
                    f"which should be {wanted.get(name, 'no column at all')}"
                )

    @property
    def states(self) -> Ints:
        """int32 `[T, F]`: the state before the action of every row."""
        rows = self.table["state"].cast(pl.Array(pl.Int32, len(self.meta.fields))).to_numpy()
        return np.ascontiguousarray(rows)

    def to_frame(self) -> pl.DataFrame:
        """The table."""
        return self.table


def join_traces(traces: Sequence[Trace]) -> Trace:
    """Concatenate traces of one agent in one stage.

    Raises:
        TraceError: their metadata differ.
        ValueError: there are none.
    """
    if not traces:
        raise ValueError("no traces to join")
    if any(trace.meta != traces[0].meta for trace in traces):
        raise TraceError("these traces differ in scenario, stage, agent or settings, so they cannot be one")
    table = pl.concat([trace.table for trace in traces]).sort("seed", "episode", "step", maintain_order=True)
    return Trace(
        traces[0].meta,
        table,
        {seed: curve for trace in traces for seed, curve in trace.learning.items()},
        {seed: steps for trace in traces for seed, steps in trace.trained.items()},
        {seed: regrets for trace in traces for seed, regrets in trace.regrets.items()},
        {seed: experience for trace in traces for seed, experience in trace.experience.items()},
    )


def write_trace(trace: Trace, path: Path) -> None:
    """Write a trace as Parquet, atomically; an existing file is replaced."""
    meta = {"version": TRACE_VERSION, **asdict(trace.meta)}
    if not trace.meta.training:  # versions of Turncoat without this field can read it then
        del meta["training"]
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        written = {_KEY: json.dumps(meta, sort_keys=True), _LEARNING: json.dumps(trace.learning)}
        written[_TRAINED] = json.dumps(trace.trained)
        if trace.regrets:
            written[_REGRETS] = json.dumps(trace.regrets)
        if trace.experience:
            written[_EXPERIENCE] = experience_text(trace.experience)
        trace.table.write_parquet(temporary, metadata=written)
        os.replace(temporary, path)
    except BaseException:  # also an interrupt leaves no part of a file behind
        temporary.unlink(missing_ok=True)
        raise


def read_trace(path: Path) -> Trace:
    """Read a trace.

    Raises:
        TraceError: no such file, not a whole Parquet file, not a trace, or one of a newer version.
    """
    if not path.is_file():
        raise TraceError(f"{path}: no such file")
    try:
        # Of some damaged files polars' reader panics, which is no PolarsError.
        found = pl.read_parquet_metadata(path)
        written = found.get(_KEY)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as fault:
        raise TraceError(f"{path}: not a whole Parquet file (cut short, or something else)") from fault
    if written is None:
        raise TraceError(f"{path}: a Parquet file, but not one of Turncoat's traces")
    meta = _read_meta(written, path)
    try:
        table = pl.read_parquet(path)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as fault:
        raise TraceError(f"{path}: damaged; its table cannot be read") from fault
    try:
        learning, trained = _read_learning(found.get(_LEARNING, "{}")), _read_trained(found.get(_TRAINED, "{}"))
        experience = _read_experience(found.get(_EXPERIENCE, "{}"))
        return Trace(meta, table, learning, trained, _read_regrets(found.get(_REGRETS, "{}")), experience)
    except TraceError as fault:
        raise TraceError(f"{path}: {fault}") from None


def _read_meta(written: str, path: Path) -> TraceMeta:
    try:
        fields = dict(json.loads(written))
        version = int(fields.pop("version"))
        if version > TRACE_VERSION:
            raise TraceError(
                f"{path}: trace version {version}, and this Turncoat reads up to {TRACE_VERSION}; "
                "a newer Turncoat can read it"
            )
        return TraceMeta(
            **{
                **fields,
                "agents": tuple(fields["agents"]),
                "actions": tuple(tuple(names) for names in fields["actions"]),
                "channels": tuple(fields["channels"]),
                "fields": tuple(fields["fields"]),
            }
        )
    except (KeyError, TypeError, ValueError) as fault:
        raise TraceError(f"{path}: damaged; what it says of itself cannot be read") from fault


def _read_learning(written: str) -> dict[int, LearningPoints]:
    try:
        curves = json.loads(written).items()
        return {int(seed): tuple((int(steps), float(earned)) for steps, earned in curve) for seed, curve in curves}
    except (AttributeError, TypeError, ValueError) as fault:
        raise TraceError("damaged; its learning curves cannot be read") from fault


def _read_trained(written: str) -> dict[int, int]:
    try:
        return {int(seed): int(steps) for seed, steps in json.loads(written).items()}
    except (AttributeError, TypeError, ValueError) as fault:
        raise TraceError("damaged; how long its seeds were trained cannot be read") from fault


def _read_regrets(written: str) -> dict[int, Regrets]:
    try:
        return {
            int(seed): its if isinstance(its, str) else {str(agent): float(value) for agent, value in its.items()}
            for seed, its in json.loads(written).items()
        }
    except (AttributeError, TypeError, ValueError) as fault:
        raise TraceError("damaged; its regrets cannot be read") from fault


def _read_experience(written: str) -> dict[int, Experience]:
    try:
        return read_experiences(written)
    except (AttributeError, KeyError, TypeError, ValueError) as fault:
        raise TraceError("damaged; what happened in its trainings cannot be read") from fault


def trace_name(stage: str, agent: str, overrides: Overrides, barring: Sequence[str] = ()) -> str:
    """The name of a trace and its file: the stage, the agent, the overrides and the barred events, if any.

    Characters that are not safe in a file name are replaced, and long names cut; then eight digits of a hash keep two
    names apart.
    """
    settings = [f"{name}={value}" for name, value in sorted(overrides.items())]
    plain = "-".join([stage, agent, *settings, *(f"barring={event}" for event in barring)])
    name = "".join(c if c.isascii() and (c.isalnum() or c in "._=-") else "_" for c in plain)
    if name == plain and len(name) <= MAX_NAME_LENGTH:
        return name
    return f"{name[: MAX_NAME_LENGTH - 9]}-{hashlib.sha256(plain.encode()).hexdigest()[:8]}"
