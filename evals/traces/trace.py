"""The trace, schema version 1: the record of episodes tick by tick, in Parquet, from which all measures are computed.

`docs/reference/trace-plan-thought.md` describes every column; a change to them is a new version.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import Field, TypeAdapter

from ...envs.base import Ints
from ...scenarios.bounded_reading import (
    Count,
    FiniteNumber,
    Names,
    Shape,
    StoredRecord,
    UnreadableFileError,
    fit,
    parse_json,
)
from ...scenarios.deferred import pl
from ...scenarios.language.names.overrides import Overrides
from ...scenarios.output_file import whole_file
from .bounded_parquet import read_parquet
from .experience import Experience, experience_text, read_experiences
from .trace_checks import BETWEEN as BETWEEN
from .trace_checks import HIDDEN as HIDDEN
from .trace_checks import TraceError as TraceError
from .trace_checks import check_table

Regrets = Mapping[str, float] | str
"""By agent, how much less its policy yields than its best response; or why that is not known (see `exploitability`)."""

MAX_NAME_LENGTH = 120
"""Characters of a trace's name at most: it becomes a file's name."""

LearningPoints = tuple[tuple[int, float], ...]
"""A learning curve: (environment steps so far, mean return of the episodes since the point before)."""

KnowledgePoints = tuple[tuple[int, int, int, float], ...]
"""How an agent's rules grew: (environment steps so far, rules, exceptions to others, share of the last ticks that were
predicted right before they were learned from)."""

TRACE_VERSION = 1
"""The version that this code writes; it reads this one and none newer."""

_KEY, _LEARNING, _TRAINED = "turncoat.trace", "turncoat.learning", "turncoat.trained"
_REGRETS, _CACHED, _EXPERIENCE = "turncoat.regrets", "turncoat.key", "turncoat.experience"
_KNOWLEDGE = "turncoat.knowledge"


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
        knowledge: by seed, how its rules grew in its training, where it has rules.

    Raises:
        TraceError: the table's columns are not those of `meta.schema`.
    """

    meta: TraceMeta
    table: pl.DataFrame
    learning: Mapping[int, LearningPoints] = field(default_factory=dict)
    trained: Mapping[int, int] = field(default_factory=dict)
    regrets: Mapping[int, Regrets] = field(default_factory=dict)
    experience: Mapping[int, Experience] = field(default_factory=dict)
    knowledge: Mapping[int, KnowledgePoints] = field(default_factory=dict)

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
        {seed: knowledge for trace in traces for seed, knowledge in trace.knowledge.items()},
    )


def write_trace(trace: Trace, path: Path, key: str = "") -> None:
    """Write a trace as Parquet, atomically; an existing file is replaced. `key`: of a trace in the cache.

    Raises:
        OSError: it cannot be written.
    """
    meta = {"version": TRACE_VERSION, **asdict(trace.meta)}
    if not trace.meta.training:  # versions of Turncoat without this field can read it then
        del meta["training"]
    written = {_KEY: json.dumps(meta, sort_keys=True), _LEARNING: json.dumps(trace.learning)}
    written[_TRAINED] = json.dumps(trace.trained)
    if key:
        written[_CACHED] = key
    if trace.regrets:
        written[_REGRETS] = json.dumps(trace.regrets)
    if trace.experience:
        written[_EXPERIENCE] = experience_text(trace.experience)
    if trace.knowledge:
        written[_KNOWLEDGE] = json.dumps(trace.knowledge)
    content = io.BytesIO()  # polars reports a full disk as a fault of the file's form
    trace.table.write_parquet(content, metadata=written)
    with whole_file(path) as part:
        part.write_bytes(content.getvalue())


def read_trace(path: Path, key: str = "") -> Trace:
    """Read a trace, which may be a stranger's: everything in it is bounded and checked.

    Args:
        path: the file.
        key: that it must have been written with.

    Raises:
        TraceError: no such file, not a whole Parquet file, not a trace, one of a newer version, or one that is too
            large or does not hold what it says.
    """
    said: dict[str, str] = {}
    metas: list[TraceMeta] = []

    def check(found: Mapping[str, str]) -> None:
        # Before the table is decoded: another program's file is told by what it lacks.
        if _KEY not in found:
            raise TraceError("a Parquet file, but not one of Turncoat's traces")
        if key and found.get(_CACHED) != key:
            raise TraceError("it is not the trace of this key")
        said.update(found)
        metas.append(_read_meta(found[_KEY]))

    try:
        table = read_parquet(path, check)
        learning = _stored(_LEARNING_OF, said.get(_LEARNING, "{}"), "its learning curves")
        trained = _stored(_TRAINED_OF, said.get(_TRAINED, "{}"), "how long its seeds were trained")
        regrets = _stored(_REGRETS_OF, said.get(_REGRETS, "{}"), "its regrets")
        experience = read_experiences(said.get(_EXPERIENCE, "{}"))
        knowledge = _stored(_KNOWLEDGE_OF, said.get(_KNOWLEDGE, "{}"), "how its rules grew")
        trace = Trace(metas[0], table, learning, trained, regrets, experience, knowledge)
        check_table(table, len(trace.meta.fields), trace.meta.actions)
    except (TraceError, UnreadableFileError) as fault:
        raise TraceError(f"{path}: {str(fault).removeprefix(f'{path.name}: ')}") from None
    return trace


class _StoredMeta(StoredRecord):
    """What a trace says of itself, as it is stored; see `TraceMeta`."""

    scenario: str
    scenario_hash: str
    stage: str
    agent: str
    agents: Annotated[Names, Field(min_length=1)]
    actions: tuple[Annotated[Names, Field(min_length=1)], ...]
    channels: Names
    fields: Annotated[Names, Field(min_length=1)]
    overrides: dict[str, Any]
    versions: dict[str, str]
    training: dict[str, Any] = Field(default_factory=dict)


_META_OF = TypeAdapter(_StoredMeta)
_LEARNING_OF = TypeAdapter(dict[Count, tuple[tuple[Count, FiniteNumber], ...]])
_KNOWLEDGE_OF = TypeAdapter(dict[Count, tuple[tuple[Count, Count, Count, FiniteNumber], ...]])
_TRAINED_OF = TypeAdapter(dict[Count, Count])
_REGRETS_OF: TypeAdapter[dict[int, Regrets]] = TypeAdapter(dict[Count, Mapping[str, FiniteNumber] | str])


def _stored(shape: TypeAdapter[Shape], written: str, what: str) -> Shape:
    return fit(shape, parse_json(written, what), what)


def _read_meta(written: str) -> TraceMeta:
    fields = parse_json(written, "what it says of itself")
    version = fields.pop("version", None) if isinstance(fields, dict) else None
    if not isinstance(version, int) or version < 1:
        raise TraceError("damaged; what it says of itself cannot be read: it has no version")
    if version > TRACE_VERSION:
        raise TraceError(
            f"trace version {version}, and this Turncoat reads up to {TRACE_VERSION}; a newer Turncoat can read it"
        )
    meta = TraceMeta(**fit(_META_OF, fields, "what it says of itself").values())
    if len(meta.actions) != len(meta.agents):
        raise TraceError(f"damaged; it has {len(meta.agents)} agents and the actions of {len(meta.actions)}")
    return meta


def trace_name(stage: str, agent: str, overrides: Overrides, barring: Sequence[str] = ()) -> str:
    """The name of a trace and its file: the stage, the agent, the overrides and the barred events, if any.

    Characters that are not safe in a file name are replaced, and long names cut; then eight digits of a hash keep two
    names apart.
    """
    settings = [f"{name}={value}" for name, value in sorted(overrides.items())]
    plain = "-".join([stage, agent, *settings, *(f"barring={event}" for event in barring)])
    name = _safe_in_names(plain)
    if name == plain and len(name) <= MAX_NAME_LENGTH:
        return name
    return f"{name[: MAX_NAME_LENGTH - 9]}-{hashlib.sha256(plain.encode()).hexdigest()[:8]}"


def is_named_after(name: str, meta: TraceMeta) -> bool:
    """Whether `trace_name` can have given this name to a trace with this metadata."""
    start = _safe_in_names(f"{meta.stage}-{meta.agent}")[: MAX_NAME_LENGTH - 9]
    return name == start or name.startswith(f"{start}-")


def _safe_in_names(text: str) -> str:
    return "".join(c if c.isascii() and (c.isalnum() or c in "._=-") else "_" for c in text)
