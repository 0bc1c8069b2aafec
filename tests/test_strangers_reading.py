"""Stored files that are not what they should be: refused soon, in little memory, with the file and the field."""

import io
import json
import os
import shutil
import struct
import time
import zipfile

import numpy as np
import polars as pl
import pytest

from turncoat import api
from turncoat.agents.learning.checkpoint import read_checkpoint, write_checkpoint
from turncoat.agents.learning.snapshot import make
from turncoat.agents.records.thought import Thought
from turncoat.evals.runs.run import RunSettings
from turncoat.evals.traces import bounded_parquet
from turncoat.evals.traces.bounded_parquet import metadata_of, read_parquet
from turncoat.evals.traces.trace import TraceError, read_trace
from turncoat.evals.training.execution.trace_cache import TraceCache
from turncoat.scenarios.bounded_reading import UnreadableFileError, parse_json, read_file

from .test_cli import CORRIDOR, call  # noqa: F401


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run's and a sweep's folder."""
    home = tmp_path_factory.mktemp("whole")
    (home / "c.yaml").write_text(CORRIDOR)
    api.run(str(home / "c.yaml"), settings=RunSettings(["exact"])).save(home / "run", ["turncoat", "run"])
    api.sweep(str(home / "c.yaml"), {"left_pay": [1, 2]}, measures=["share(went_right)"], out=home / "swept")
    return home


@pytest.fixture
def stored(whole, tmp_path):
    shutil.copytree(whole, tmp_path, dirs_exist_ok=True)
    return tmp_path


OPENED = {
    "run/manifest.json": ("report", "run"),
    "run/verdict.json": ("compare", "run", "run"),
    "run/scenario.yaml": ("report", "run"),
    "run/traces/deploy-exact.parquet": ("record", "run", "--out", "frames"),
    "swept/sweep.json": ("report", "swept"),
    "swept/points.parquet": ("report", "swept"),
}
"""A file -> a command that opens it."""


def instead(path, what):
    """Puts something else where a file was."""
    path.unlink()
    if what == "pipe":
        os.mkfifo(path)
    elif what == "folder":
        path.mkdir()
    elif what == "sparse":
        with path.open("wb") as file:
            file.truncate(40 << 30)
    else:
        path.symlink_to({"zero": "/dev/zero", "loop": path.name, "nowhere": "nowhere"}[what])


@pytest.mark.parametrize("what", ["pipe", "folder", "sparse", "zero", "loop", "nowhere"])
@pytest.mark.parametrize("name", OPENED)
def test_what_is_no_ordinary_file_is_refused(stored, call, name, what):  # noqa: F811
    instead(stored / name, what)
    began = time.monotonic()
    code, _, said = call(*OPENED[name])
    assert code == 2, said
    assert name.rpartition("/")[2] in said
    assert time.monotonic() - began < 5


FIELDS = [
    ("run/manifest.json", ("seeds", 0), -1, "seeds.0"),
    ("run/manifest.json", ("seeds", 0), 2**63, "seeds.0"),
    ("run/manifest.json", ("versions",), [], "versions"),
    ("run/manifest.json", ("odd",), 1, "odd"),
    ("run/manifest.json", ("version",), None, "version"),
    ("run/manifest.json", ("settings", "steps"), 10**15, "steps"),
    ("run/manifest.json", ("settings", "own"), 3, "own"),
    ("run/manifest.json", ("settings", "seeds"), "many", "seeds"),
    ("run/manifest.json", ("overrides",), ["a"], "overrides"),
    ("run/verdict.json", ("expectations", 0, "low"), "nan", "low"),
    ("run/verdict.json", ("expectations", 0, "value"), [], "value"),
    ("run/verdict.json", ("expectations", 0, "outcome"), "great", "outcome"),
    ("run/verdict.json", ("expectations", 0, "line"), -3, "line"),
    ("run/verdict.json", ("expectations",), {}, "expectations"),
    ("swept/sweep.json", ("question", "axes", 0, "values"), [[[[1]]]], "values"),
    ("swept/sweep.json", ("question", "axes"), [], "axes"),
    ("swept/sweep.json", ("question", "seeds"), 10**9, "seeds"),
    ("swept/sweep.json", ("question", "measures"), ["share("], "measure"),
    ("swept/sweep.json", ("costs", "solves"), -1, "solves"),
]


@pytest.mark.parametrize(("name", "path", "value", "said"), FIELDS)
def test_a_field_that_does_not_fit_is_named(stored, call, name, path, value, said):  # noqa: F811
    data = its = json.loads((stored / name).read_text())
    for key in path[:-1]:
        its = its[key]
    its[path[-1]] = value
    (stored / name).write_text(json.dumps(data))
    code, _, told = call(*OPENED[name])
    assert code == 2
    assert name.rpartition("/")[2] in told
    assert said in told


TEXTS = {
    "deep": "[" * 100_000 + "]" * 100_000,
    "deeper than allowed": "[" * 66 + "]" * 66,
    "many values": "[" + "0," * 1_000_001 + "0]",
    "a key twice": '{"a": 1, "a": 2}',
    "NaN": '{"a": NaN}',
    "an infinity": '{"a": -Infinity}',
    "a number beyond floats": '{"a": 1e999}',
    "a number of many digits": '{"a": ' + "9" * 5_000 + "}",
    "a number of many bits": '{"a": ' + "9" * 60 + "}",
    "half a character": '{"a": "\\ud800"}',
    "half a key": '{"\\udfff": 1}',
    "no JSON": "{",
}


@pytest.mark.parametrize("name", TEXTS)
def test_json_that_is_a_trap(name):
    began = time.process_time()
    with pytest.raises(UnreadableFileError, match=r"^the text:? "):
        parse_json(TEXTS[name], "the text")
    assert time.process_time() - began < 3


def test_json_that_is_none():
    assert parse_json('{"a": [1, 2.5, "ä", null, true, 340282366920938463463374607431768211455]}', "it") == {
        "a": [1, 2.5, "ä", None, True, 2**128 - 1]
    }
    with pytest.raises(ValueError, match="a record"):
        Thought.from_json("[" * 5_000)


def test_a_file_that_grows_or_is_too_large(tmp_path):
    (tmp_path / "x").write_bytes(bytes(100))
    assert read_file(tmp_path / "x", 100) == bytes(100)
    with pytest.raises(UnreadableFileError, match="x is larger than 99 bytes"):
        read_file(tmp_path / "x", 99)
    with pytest.raises(UnreadableFileError, match="its path is no path"):
        read_file(tmp_path / "a\0b", 99)


# ------------------------------------------------------------------ tables


def test_what_a_table_would_take_is_known_before_it_is_decoded(tmp_path, monkeypatch):
    table = pl.DataFrame({"a": [7], "b": ["word"]}).select(pl.all().repeat_by(300_000).explode())
    table = table.with_columns(c=pl.lit([1, 2], pl.List(pl.Int64)))
    table.write_parquet(tmp_path / "a.parquet", metadata={"mine": "ö"})
    content = (tmp_path / "a.parquet").read_bytes()
    assert len(content) < 20_000
    assert metadata_of(content, "a")["mine"] == "ö"
    assert read_parquet(tmp_path / "a.parquet").equals(table)
    for name, limit, said in (
        ("MAX_ROWS", 299_999, "300,000 rows"),
        ("MAX_DECODED", 8 << 20, "would take 20.67 MiB; at most 8 MiB"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(bounded_parquet, name, limit)
            with pytest.raises(UnreadableFileError, match=said):
                read_parquet(tmp_path / "a.parquet")


def varint(value):
    return bytes([value & 127 | 128, *varint(value >> 7)]) if value > 127 else bytes([value])


def test_a_footer_that_lies(tmp_path):
    pl.DataFrame({"a": range(1_000)}).write_parquet(tmp_path / "a.parquet")
    content = (tmp_path / "a.parquet").read_bytes()
    size = int.from_bytes(content[-8:-4], "little")
    body, footer = content[: -8 - size], content[-8 - size : -8]
    true = varint(2 * 1_000)
    assert footer.count(true) >= 3  # rows of the file, of its row group, and values of its column
    for claimed in (2 * 10**9, 2 * 999, 1):
        lying = footer.replace(true, varint(claimed))
        forged = body + lying + struct.pack("<I", len(lying)) + b"PAR1"
        with pytest.raises(UnreadableFileError):
            metadata_of(forged, "a")
    for forged in (content[:-1], content[4:], b"PAR1" + bytes(50) + b"\xff\xff\xff\x7fPAR1", b"", b"PAR1PAR1"):
        with pytest.raises(UnreadableFileError, match="not a whole Parquet file"):
            metadata_of(forged, "a")


CHANGES = {
    "state: not": pl.col("state").list.head(1),
    "state: outside": pl.col("state").list.eval(pl.element() + 1_000),
    "state: an entry is missing": pl.col("state").list.eval(pl.lit(None, pl.Int32).repeat_by(pl.len()).explode()),
    "chosen: not one of 2 actions": pl.col("chosen").list.eval(pl.element() + 7),
    "executed: not one of 2 actions": pl.col("executed").list.eval(pl.element() - 7),
    "step: the ticks": (pl.col("step") + 1).alias("step"),
    "reward.reward: not a finite number": pl.lit(float("nan")).alias("reward.reward"),
    "hidden.performance: not a finite number": pl.lit(float("inf")).alias("hidden.performance"),
    "events: an event that the scenario does not have": pl.lit(["odd"], pl.List(pl.String)).alias("events"),
    "ended: an episode goes on": pl.lit("left").alias("ended"),
    "final_state: not": pl.col("final_state").list.head(1),
    "thoughts: not 1 entries": pl.lit(["{}", "{}"], pl.List(pl.String)).alias("thoughts"),
    "seed: nothing stands there": pl.lit(None, pl.UInt64).alias("seed"),
    "column 'step' of the trace": pl.lit("1").alias("step"),
}


@pytest.mark.parametrize("said", CHANGES)
def test_a_trace_is_checked_against_what_it_says_and_against_its_world(stored, call, said):  # noqa: F811
    path = stored / "run" / "traces" / "deploy-exact.parquet"
    key = "turncoat.trace"
    written = {key: pl.read_parquet_metadata(path)[key]}
    pl.read_parquet(path).with_columns(CHANGES[said]).write_parquet(path, metadata=written)
    code, _, told = call("record", "run", "--out", "frames")
    assert code == 2
    assert said in told


def test_a_trace_under_another_name_is_refused(stored, call):  # noqa: F811
    path = stored / "run" / "traces" / "deploy-exact.parquet"
    path.rename(path.with_name("deploy-counts.parquet"))
    code, _, told = call("record", "run", "--out", "frames")
    assert (code, "of another agent or stage" in told) == (2, True)


def test_a_cached_trace_of_another_key_is_set_aside(stored, caplog):
    trace = read_trace(stored / "run" / "traces" / "deploy-exact.parquet")
    cache = TraceCache(stored / "cache")
    cache.put("ab12", trace)
    assert cache.get("ab12") is not None
    path = cache.folder / "ab" / "ab12.parquet"
    path.rename(path.with_name("ab34.parquet"))
    assert cache.get("ab34") is None
    assert "it is not the trace of this key" in caplog.text
    assert [each.name for each in path.parent.iterdir()] == ["ab34.parquet.unreadable"]
    os.mkfifo(path)
    assert cache.get("ab12") is None
    with pytest.raises(TraceError, match="no ordinary file"):
        read_trace(path.with_name("ab12.parquet.unreadable"))


# ------------------------------------------------------------------ arrays


def zipped(path, **members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)


def npy(shape, dtype="<f8", content=b""):
    out = io.BytesIO()
    np.lib.format.write_array_header_1_0(out, {"descr": dtype, "fortran_order": False, "shape": shape})
    return out.getvalue() + content


@pytest.mark.parametrize(
    "content",
    [
        npy((10**12,)),
        npy((-1,)),
        npy((2,), "|O", bytes(16)),
        npy((2**40, 2**40)),
        npy((1,), "V1000000", b""),
        b"x",
        b"",
    ],
)
def test_an_array_has_the_size_that_it_says(tmp_path, content):
    zipped(tmp_path / "a.npz", header=content)
    with pytest.raises(UnreadableFileError, match=r"a\.npz is no checkpoint that can be read"):
        read_checkpoint(tmp_path / "a.npz", "x", 1)


def test_a_checkpoint_is_not_unpacked_beyond_its_limit(tmp_path, monkeypatch):
    write_checkpoint(tmp_path / "a.npz", "x", 1, {"b": 2}, {"c": np.zeros(1 << 20)})
    assert read_checkpoint(tmp_path / "a.npz", "x", 1)[1]["c"].size == 1 << 20
    monkeypatch.setattr("turncoat.agents.learning.checkpoint.MAX_ARRAYS", 1 << 20)
    with pytest.raises(UnreadableFileError, match="8 MiB; at most 1 MiB are read"):
        read_checkpoint(tmp_path / "a.npz", "x", 1)


def test_a_snapshot_asks_for_no_more_than_is_stored():
    arrays = {"<f8": np.zeros(1_000)}
    record = ["array", "<f8", [1_000], "C", 0]
    assert make({"root": ["at", 0], "records": [record]}, arrays).size == 1_000
    for records in ([record] * 2, [["array", "<f8", [1_001], "C", 0]], [["array", "<f8", [-1], "C", 0]]):
        with pytest.raises(ValueError, match=r"arrays? lie"):
            make({"root": ["at", 0], "records": records}, arrays)
