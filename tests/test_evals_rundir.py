"""A run's folder is there whole or not at all, and nothing is ever written over."""

import json
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

import turncoat
from turncoat.evals.measures.measure import Interval
from turncoat.evals.runs import run_folder as rundir
from turncoat.evals.runs.run import RunSettings
from turncoat.evals.runs.run_folder import Manifest, default_folder, load_run, save_run
from turncoat.evals.traces.atomic_folder import atomic_folder, check_target
from turncoat.evals.traces.provenance import RunError
from turncoat.evals.traces.trace import Trace, TraceMeta
from turncoat.evals.verdicts.expectation import Case, judge_exact
from turncoat.scenarios.errors import UnknownNameError
from turncoat.scenarios.language.schema.document import Expectation

TEXT = "turncoat: 1\r\nname: läb\n"
META = TraceMeta("lab", "cd" * 32, "deploy", "exact", ("robot",), (("stay",),), ("task",), ("power",), {}, {})


def manifest():
    return Manifest(
        scenario="treacherous_turn/lab",
        scenario_hash="cd" * 32,
        seeds=(0, 1),
        overrides={"threshold": 2},
        command=("turncoat", "run", "treacherous_turn/lab"),
        started="2026-11-22T10:00:00+00:00",
        finished="2026-11-22T10:00:05+00:00",
    )


def judged(low, high=None, name="seizes"):
    expectation = Expectation(name=name, measure="share(seized)", at_least=1)
    return judge_exact(
        Case.of(expectation, "exact", "deploy", "lab.yaml", 12), Interval(low, low if high is None else high)
    )


def trace():
    return Trace(META, pl.DataFrame(schema=META.schema))


def test_a_run_comes_back_the_same(tmp_path):
    judgements = [judged(1.0), judged(0.0, 1.0, name="a|b")]
    saved = save_run(
        tmp_path / "deep" / "run", manifest(), judgements, {"deploy-exact": trace()}, {"scenario.yaml": TEXT}
    )
    run = load_run(tmp_path / "deep" / "run")
    assert run == saved
    assert run.manifest == manifest()
    assert run.judgements == tuple(judgements)
    assert run.verdict == "inconclusive"
    assert run.scenario == TEXT
    assert run.trace("deploy-exact").meta == META
    with pytest.raises(UnknownNameError, match="no trace `x`; there are deploy-exact"):
        run.trace("x")
    found = {str(path.relative_to(tmp_path / "deep")) for path in (tmp_path / "deep").rglob("*") if path.is_file()}
    assert found == {
        f"run/{name}"
        for name in ("manifest.json", "verdict.json", "verdict.md", "scenario.yaml", "traces/deploy-exact.parquet")
    }


def test_what_programs_and_people_read(tmp_path):
    run = save_run(
        tmp_path / "run", manifest(), [judged(1.0), judged(0.0, 1.0, name="a|b")], {}, {"scenario.yaml": TEXT}
    )
    data = json.loads((run.folder / "verdict.json").read_text())
    assert data["verdict"] == "inconclusive"
    first = data["expectations"][0]
    assert {name: first[name] for name in ("name", "outcome", "value", "low", "high", "line")} == {
        "name": "seizes",
        "outcome": "pass",
        "value": 1.0,
        "low": 1.0,
        "high": 1.0,
        "line": 12,
    }
    text = (run.folder / "verdict.md").read_text()
    assert text.startswith("# treacherous_turn/lab: inconclusive\n")
    assert "| a&#124;b | exact | deploy | inconclusive | 0 | at least 1 |" in text
    assert "- lab.yaml:12 seizes: pass, share(seized) of exact in deploy: every optimal policy gives 1.\n" in text
    known = json.loads((run.folder / "manifest.json").read_text())
    assert {"version", "versions", "python", "platform", "cpus", "seeds", "git", "command"} <= set(known)
    assert "numpy" in known["versions"]


def test_nothing_is_written_over(tmp_path):
    save_run(tmp_path / "run", manifest(), [judged(1.0)], {}, {"scenario.yaml": TEXT})
    (tmp_path / "empty").mkdir()
    for name in ("run", "empty"):
        with pytest.raises(RunError, match="exists already"):
            save_run(tmp_path / name, manifest(), [judged(0.0)], {}, {"scenario.yaml": TEXT})
    assert load_run(tmp_path / "run").verdict == "pass"


def test_a_folder_that_appears_meanwhile_is_left_alone(tmp_path):
    folder = atomic_folder(tmp_path / "run")
    (folder.__enter__() / "mine").touch()
    (tmp_path / "run").mkdir()
    with pytest.raises(RunError, match="in the meantime"):
        folder.__exit__(None, None, None)
    assert [path.name for path in tmp_path.rglob("*")] == ["run"]


def test_a_fault_midway_leaves_nothing(tmp_path, monkeypatch):
    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr(rundir, "write_trace", fail)
    with pytest.raises(RunError, match="run cannot be written: disk full"):
        save_run(tmp_path / "run", manifest(), [judged(1.0)], {"deploy-exact": trace()}, {"scenario.yaml": TEXT})
    assert list(tmp_path.iterdir()) == []


KILLED = """
import os, signal, sys
from pathlib import Path
from turncoat.evals.traces.atomic_folder import atomic_folder
with atomic_folder(Path(sys.argv[1])) as folder:
    (folder / "manifest.json").write_text("{}")
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
def test_a_kill_midway_leaves_no_run(tmp_path):
    target = tmp_path / "run"
    ended = subprocess.run([sys.executable, "-c", KILLED, str(target)], cwd=Path(__file__).parent.parent, check=False)
    assert ended.returncode == -signal.SIGKILL
    assert not target.exists()
    assert all(path.name.startswith(".run.") for path in tmp_path.iterdir())
    with pytest.raises(RunError, match="not the folder of a run"):
        load_run(target)
    save_run(target, manifest(), [judged(1.0)], {}, {"scenario.yaml": TEXT})
    assert load_run(target).verdict == "pass"


def test_bad_folders_are_named(tmp_path):
    run = save_run(tmp_path / "run", manifest(), [judged(1.0)], {}, {"scenario.yaml": TEXT})
    path = run.folder / "manifest.json"
    data = json.loads(path.read_text())
    path.write_text(json.dumps({**data, "version": 3, "new": 1}))
    with pytest.raises(RunError, match="a run of version 3, and this Turncoat reads up to 2"):
        load_run(run.folder)
    for text in ("", "[]", "{}", json.dumps({**data, "odd": 1})):
        path.write_text(text)
        with pytest.raises(RunError, match="damaged"):
            load_run(run.folder)
    path.write_text(json.dumps(data))
    (run.folder / "verdict.json").write_text('{"expectations": [{}]}')
    with pytest.raises(RunError, match="damaged"):
        load_run(run.folder)


def test_a_default_name_that_another_run_takes_meanwhile_is_left_to_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    mine = turncoat.run("oversight_in_simulation", settings=RunSettings(agents=["exact"]))
    taken: list[Path] = []

    def meanwhile(*given):
        if not taken:
            [part] = Path("runs").glob(".*.part")
            taken.append(Path("runs") / part.name[1:].partition(".")[0])
            taken[0].mkdir()
        return told(*given)

    told = rundir.verdict_markdown
    monkeypatch.setattr(rundir, "verdict_markdown", meanwhile)
    saved = mine.save().folder
    assert saved != taken[0]
    assert list(taken[0].iterdir()) == []
    assert {path.name for path in Path("runs").iterdir()} == {saved.name, taken[0].name}


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_paths_with_bytes_that_are_no_text_do_not_lose_a_run(tmp_path):
    odd = "odd\udcff"
    command, case = (
        ("turncoat", "run", odd),
        Case.of(Expectation(name="seizes", measure="share(seized)", at_least=1), "exact", "deploy", odd, 12),
    )
    judgements = [judge_exact(case, Interval(1.0, 1.0))]
    run = save_run(tmp_path / odd, replace(manifest(), command=command), judgements, {}, {"scenario.yaml": TEXT})
    assert run.manifest.command[-1] == "odd\\xff"
    assert run.judgements[0].file == "odd\\xff"
    assert "`turncoat reproduce odd\\xff`" in (run.folder / "verdict.md").read_text(encoding="utf-8")


def test_a_name_that_is_too_long_is_refused_before_hours_of_training(tmp_path):
    check_target(tmp_path / "deep" / ("x" * 200))
    for target in (tmp_path / "deep" / ("x" * 250), tmp_path / ("ü" * 140) / "run"):
        with pytest.raises(RunError, match="bytes too long; give it a shorter one"):
            check_target(target)


def test_the_default_folder_is_new(tmp_path):
    first = default_folder("treacherous_turn/lab", "0123456789abcdef", tmp_path)
    assert first.parent == tmp_path
    assert first.name.endswith("Z-treacherous_turn-lab-01234567")
    first.mkdir()
    again = default_folder("treacherous_turn/lab", "0123456789abcdef", tmp_path)
    assert again != first
