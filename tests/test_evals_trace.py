"""Traces come back as they were written, and a bad file is named for what it is."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from turncoat.evals.traces.trace import (
    TRACE_VERSION,
    Trace,
    TraceError,
    TraceMeta,
    join_traces,
    read_trace,
    write_trace,
)

META = TraceMeta(
    scenario="treacherous_turn/lab",
    scenario_hash="ab" * 32,
    stage="deploy",
    agent="counts",
    agents=("robot",),
    actions=(("stay", "up"),),
    channels=("task", "own"),
    fields=("robot.cell", "power"),
    overrides={"threshold": 2, "robot.discount": 0.5},
    versions={"turncoat": "0.1.0"},
)


def rows(seed=0, episodes=(0, 1), ticks=3):
    """Episodes of some ticks; odd ones end, even ones are cut off."""
    count = len(episodes) * ticks
    step = np.tile(np.arange(ticks), len(episodes))
    odd = np.repeat(np.array(episodes) % 2 == 1, ticks)
    last = step == ticks - 1
    columns = {
        "seed": [seed] * count,
        "episode": np.repeat(episodes, ticks),
        "lane": np.repeat(episodes, ticks),
        "step": step,
        "state": [[int(s), 1] for s in step],
        "chosen": [[1]] * count,
        "executed": [[-1 if s == 1 else 1] for s in step],
        "reward.task": step * 0.5,
        "reward.own": [0.0] * count,
        "hidden.performance": [-1.0] * count,
        "events": [["delivered", "seized"] if s == 2 else [] for s in step],
        "ended": ["shut down" if o and e else None for o, e in zip(odd, last, strict=True)],
        "truncated": last & ~odd,
        "final_state": [[9, 9] if e else None for e in last],
        "thoughts": [['{"version": 1}'] if s == 0 else None for s in step],
    }
    return pl.DataFrame({name: pl.Series(name, columns[name]).cast(kind) for name, kind in META.schema.items()})


def test_a_trace_comes_back_the_same(tmp_path):
    trace = Trace(META, rows())
    write_trace(trace, tmp_path / "a.parquet")
    back = read_trace(tmp_path / "a.parquet")
    assert back.meta == META
    assert back.to_frame().equals(trace.table, null_equal=True)
    assert back.states.tolist() == [[0, 1], [1, 1], [2, 1]] * 2
    assert back.states.dtype == np.int32
    assert [path.name for path in tmp_path.iterdir()] == ["a.parquet"]


def test_an_empty_trace_comes_back_too(tmp_path):
    write_trace(Trace(META, rows(episodes=())), tmp_path / "a.parquet")
    assert read_trace(tmp_path / "a.parquet").states.shape == (0, 2)


def test_equal_traces_are_equal_bytes(tmp_path):
    for name in ("a", "b"):
        write_trace(Trace(META, rows()), tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "a.parquet"
    write_trace(Trace(META, rows()), path)
    before = path.read_bytes()

    def half(self, content):
        with self.open("wb") as file:
            file.write(content[:4])
        raise OSError("disk full")

    monkeypatch.setattr(Path, "write_bytes", half)
    with pytest.raises(OSError, match="disk full"):
        write_trace(Trace(META, rows(seed=1)), path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("kept", [0, 3, 200, 0.5, -1])
def test_a_truncated_file_is_named(tmp_path, kept):
    path = tmp_path / "a.parquet"
    write_trace(Trace(META, rows()), path)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * kept) if isinstance(kept, float) else kept])
    with pytest.raises(TraceError, match=r"a\.parquet: not a whole Parquet file"):
        read_trace(path)


def test_a_damaged_table_is_named(tmp_path):
    path = tmp_path / "a.parquet"
    write_trace(Trace(META, rows()), path)
    whole = bytearray(path.read_bytes())
    whole[4:400] = b"\xff" * 396
    path.write_bytes(whole)
    with pytest.raises(TraceError, match="damaged"):
        read_trace(path)


@pytest.mark.parametrize("text", ["hello", "{}", "PAR1PAR1PAR1PAR1"])
def test_a_foreign_file_is_named(tmp_path, text):
    path = tmp_path / "a.parquet"
    path.write_text(text)
    with pytest.raises(TraceError, match="not a whole Parquet file"):
        read_trace(path)


def test_a_foreign_table_and_a_missing_file_are_named(tmp_path):
    path = tmp_path / "a.parquet"
    with pytest.raises(TraceError, match="no such file"):
        read_trace(path)
    pl.DataFrame({"a": [1]}).write_parquet(path)
    with pytest.raises(TraceError, match="not one of Turncoat's traces"):
        read_trace(path)


def rewritten(path, **changes):
    write_trace(Trace(META, rows()), path)
    meta = json.loads(pl.read_parquet_metadata(path)["turncoat.trace"])
    changed = {name: value for name, value in {**meta, **changes}.items() if value is not None}
    pl.read_parquet(path).write_parquet(path, metadata={"turncoat.trace": json.dumps(changed)})


def test_a_newer_version_is_refused(tmp_path):
    rewritten(tmp_path / "a.parquet", version=TRACE_VERSION + 1, something_new=3)
    with pytest.raises(TraceError, match="trace version 2, and this Turncoat reads up to 1"):
        read_trace(tmp_path / "a.parquet")


@pytest.mark.parametrize("changes", [{"version": None}, {"version": "x"}, {"agents": None}, {"actions": 3}, {"odd": 1}])
def test_damaged_metadata_is_named(tmp_path, changes):
    rewritten(tmp_path / "a.parquet", **changes)
    with pytest.raises(TraceError, match="what it says of itself"):
        read_trace(tmp_path / "a.parquet")


def test_wrong_columns_are_named(tmp_path):
    with pytest.raises(TraceError, match=r"'step'.*Int64"):
        Trace(META, rows().with_columns(pl.col("step").cast(pl.Int64)))
    with pytest.raises(TraceError, match="'ended' of the trace is missing"):
        Trace(META, rows().drop("ended"))
    with pytest.raises(TraceError, match=r"'extra'.*no column at all"):
        Trace(META, rows().with_columns(extra=1))
    rewritten(tmp_path / "a.parquet", channels=["task", "other"])
    with pytest.raises(TraceError, match=r"a\.parquet: column 'reward\.other' of the trace is missing"):
        read_trace(tmp_path / "a.parquet")


def test_traces_are_joined_in_order():
    joined = join_traces([Trace(META, rows(seed=1)), Trace(META, rows(seed=0))])
    assert joined.table["seed"].to_list() == [0] * 6 + [1] * 6
    with pytest.raises(TraceError, match="cannot be one"):
        join_traces([Trace(META, rows()), Trace(TraceMeta(**{**vars(META), "agent": "ppo"}), rows())])
