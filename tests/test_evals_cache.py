"""What was trained is not trained again, what changed is, and a kill loses nothing that was finished."""

import ast
import os
import re
import signal
import subprocess
import sys
import time
import warnings
from dataclasses import replace
from importlib import metadata
from pathlib import Path

import pytest

from turncoat import api
from turncoat.evals.runs.run import RunSettings
from turncoat.evals.traces import provenance
from turncoat.evals.traces.provenance import RunError, cache_key, code_hash
from turncoat.evals.traces.trace import write_trace
from turncoat.evals.training.execution.trace_cache import TraceCache
from turncoat.scenarios.language.loading import load_text

from .test_cli import LEARNED, call  # noqa: F401

ROOT = Path(__file__).resolve().parent.parent
BASE = RunSettings(seeds=3, steps=200)


def again(tmp_path, text=LEARNED, overrides=None, **more):
    """How many were trained and how many found, in one cache."""
    run = api.run(load_text(text), overrides, replace(BASE, cache=tmp_path / "cache", **more))
    return run.trained, run.cached


def test_the_same_is_found_and_equal(tmp_path):
    assert again(tmp_path) == (3, 0)
    assert again(tmp_path) == (0, 3)
    kept = api.run(load_text(LEARNED), settings=replace(BASE, cache=tmp_path / "cache"))
    fresh = api.run(load_text(LEARNED), settings=BASE)
    assert kept.judgements == fresh.judgements
    assert kept.traces.keys() == fresh.traces.keys()
    for name, trace in fresh.traces.items():
        assert trace.meta == kept.traces[name].meta
        assert trace.table.equals(kept.traces[name].table)


def test_more_seeds_train_only_those(tmp_path):
    assert again(tmp_path) == (3, 0)
    assert again(tmp_path, seeds=5) == (2, 3)


@pytest.mark.parametrize(
    "change",
    [
        {"steps": 201},
        {"overrides": {"left_pay": 3}},
        {"text": LEARNED.replace("limit: 10", "limit: 11")},
        {"text": LEARNED.replace("pays: {reward: 2}", "pays: {reward: 3}")},
    ],
)
def test_what_is_different_is_trained(tmp_path, change):
    assert again(tmp_path) == (3, 0)
    assert again(tmp_path, **change) == (3, 0)


def test_other_code_or_libraries_find_nothing(tmp_path, monkeypatch):
    assert again(tmp_path) == (3, 0)
    monkeypatch.setattr(provenance, "library_versions", lambda: {"numpy": "0"})
    key = cache_key({"seed": 0})
    monkeypatch.undo()
    assert key != cache_key({"seed": 0})
    monkeypatch.setattr(provenance, "code_hash", lambda: "other")
    assert key != cache_key({"seed": 0}) != cache_key({"seed": 1})
    assert again(tmp_path) == (3, 0)
    assert len(code_hash()) == 64


NO_RESULT = {
    *("distributed", "joblib", "junitparser", "lazy-loader", "llvmlite", "pydantic_core", "ray", "ruptures"),
    *("safetensors", "umbi", "watchfiles"),
}
"""What starts processes, writes reports and exports, reads finished runs, carries numbers as they are, or is bound to
another one's version."""


def test_the_key_names_every_library_that_can_change_a_result():
    """All that the rooms whose code is hashed import."""
    brings, imported = metadata.packages_distributions(), set()
    for room in ("agents", "envs", "evals", "scenarios"):
        for path in (ROOT / room).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Import):
                    imported |= {each.name.partition(".")[0] for each in node.names}
                elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                    imported.add(node.module.partition(".")[0])
    names = {brings.get(name, [name])[0] for name in imported - sys.stdlib_module_names}
    named = {re.sub("[-_.]+", "-", name) for name in (*provenance.LIBRARIES, *NO_RESULT)}
    assert {re.sub("[-_.]+", "-", name) for name in names} <= named


def test_a_damaged_entry_is_made_anew(tmp_path):
    again(tmp_path)
    for path, text in zip(sorted(tmp_path.rglob("*.parquet")), (b"", b"PAR1 nonsense"), strict=False):
        path.write_bytes(text)
    assert again(tmp_path) == (2, 1)
    assert again(tmp_path) == (0, 3)


def test_what_is_old_goes(tmp_path):
    again(tmp_path)
    old, *rest = sorted(tmp_path.rglob("*.parquet"))
    month = time.time() - 40 * 86_400
    os.utime(old, (month, month))
    TraceCache(tmp_path / "cache")
    assert sorted(tmp_path.rglob("*.parquet")) == rest


def test_a_cache_that_cannot_be(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match=r"the cache .*file cannot be made: .*; name another, or --no-cache"):
        TraceCache(tmp_path / "file")


def test_the_command_does_without_the_users_cache_but_not_without_a_named_one(call, tmp_path, monkeypatch):  # noqa: F811
    (tmp_path / "c.yaml").write_text(LEARNED)
    (tmp_path / "file").write_text("")
    monkeypatch.delenv("TURNCOAT_CACHE")
    monkeypatch.setattr("platformdirs.user_cache_path", lambda *_, **__: tmp_path / "file")
    words = ["run", "c.yaml", "--no-save", "--jobs", "1", "--steps", "100"]
    code, _, err = call(*words)
    assert code == 4
    assert err.startswith(f"nothing is kept: the cache {tmp_path / 'file'} cannot be made: ")
    code, out, err = call(*words, "--cache", "file")
    assert (code, out) == (2, "")
    assert "the cache file cannot be made" in err
    assert call(*words, "--no-cache")[0] == 4


def full(*_):
    raise OSError(28, "No space left on device")


def test_a_disk_that_fills_up_ends_the_caching_and_not_the_run(call, tmp_path, monkeypatch):  # noqa: F811
    monkeypatch.setattr("turncoat.evals.training.execution.trace_cache.write_trace", full)
    with pytest.warns(UserWarning, match=r"No space left on device.*; from here on nothing is kept") as warned:
        assert again(tmp_path) == (3, 0)
    assert len(warned) == 1
    (tmp_path / "c.yaml").write_text(LEARNED)
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        # As Python does without pytest, which collects warnings.
        monkeypatch.setattr(warnings, "showwarning", lambda *its: sys.stderr.write(warnings.formatwarning(*its[:4])))
        code, _, err = call("run", "c.yaml", "--no-save", "--jobs", "1", "--steps", "50", "--cache", tmp_path / "cache")
    assert code == 4
    assert re.search(r"^turncoat: the cache .* cannot be written: .*; from here on nothing is kept$", err, re.M)
    assert "trained_seeds.py" not in err


@pytest.mark.skipif(sys.platform != "linux", reason="no /dev/full")
def test_a_trace_on_a_full_disk_fails_as_files_do(tmp_path):
    """Polars reported it as a file of the wrong form, which ended the run as a crash."""
    run = api.run(load_text(LEARNED), settings=RunSettings(("exact",)))
    (tmp_path / "link").symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left on device"):
        write_trace(run.traces["deploy-exact"], tmp_path / "link")


KILLED = """
import os, signal, sys
from turncoat.evals.training import train_seed
seeds, last = open(sys.argv.pop(1), "a", buffering=1), int(sys.argv.pop(1))
train = train_seed.train_seed
def counted(its, seed, deadline):
    if seed == last:
        os.kill(os.getpid(), signal.SIGKILL)
    seeds.write(f"{seed}\\n")
    return train(its, seed, deadline)
train_seed.train_seed = counted
from turncoat.cli import main
main()
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
def test_a_kill_midway_repeats_nothing(tmp_path):
    (tmp_path / "corridor.yaml").write_text(LEARNED)
    words = ["run", "corridor.yaml", "--seeds", "6", "--jobs", "1", "--json", "--out"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "TURNCOAT_CACHE": str(tmp_path / "c")}

    def run(last, folder, *more):
        return subprocess.run(
            [sys.executable, "-c", KILLED, "seeds", str(last), *words, folder, *more],
            cwd=tmp_path, env=environment, capture_output=True, text=True,
        )  # fmt: skip

    assert run(3, "first").returncode == -signal.SIGKILL
    assert not (tmp_path / "first").exists()
    assert (tmp_path / "seeds").read_text().split() == ["0", "1", "2"]
    assert run(99, "second").returncode == 4
    assert (tmp_path / "seeds").read_text().split() == ["0", "1", "2", "3", "4", "5"], "each once"
    assert run(99, "whole", "--no-cache").returncode == 4
    verdicts = [(tmp_path / folder / "verdict.json").read_bytes() for folder in ("second", "whole")]
    assert verdicts[0] == verdicts[1]
