"""A run's folder keeps all that it takes to make the run again, to the byte, wherever the folder is moved to."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace

import pytest

from turncoat import api
from turncoat.agents.external.user_agent import UserAgent
from turncoat.evals.inspection.show import open_run
from turncoat.evals.runs import reopen
from turncoat.evals.runs import reproduce as reproducing
from turncoat.evals.runs.run import RunSettings
from turncoat.evals.runs.run_folder import load_run
from turncoat.evals.traces.provenance import RunError
from turncoat.evals.traces.trace import TraceError
from turncoat.evals.verdicts.work_units import WorkUnit
from turncoat.scenarios.language.loading import load, load_text

from .test_cli import CORRIDOR, ENV, LEARNED, ROOT


@pytest.fixture
def stored(tmp_path):
    """A run whose file stands on two others: one beside it, one of the library's form, below it."""
    (tmp_path / "parts").mkdir()
    (tmp_path / "base.yaml").write_text(CORRIDOR.replace("name: corridor", "name: base\nuses: [parts/ends]"))
    (tmp_path / "parts" / "ends.yaml").write_text("runs: {episodes: 3}\n")
    own = CORRIDOR[CORRIDOR.index("expect:") :].replace("at_least: 10", "at_least: 9")
    own += "  - {name: learns it, of: [counts], measure: share(went_right), at_least: 0.3}\n"
    head = "turncoat: 1\nname: over\ntitle: Over\norigin: proxy\nclaim: As below.\nextends: base\n"
    (tmp_path / "over.yaml").write_text(head + own)
    run = api.run(str(tmp_path / "over.yaml"), {"left_pay": 0.5}, RunSettings(seeds=3, steps=150))
    kept = run.save(tmp_path / "kept", ["turncoat", "run"])
    for name in ("over.yaml", "base.yaml", "parts"):
        shutil.rmtree(tmp_path / name) if name == "parts" else (tmp_path / name).unlink()
    return kept


def test_it_is_made_again_from_its_folder_alone(stored, tmp_path):
    moved = load_run(stored.folder.rename(tmp_path / "elsewhere"))
    assert moved.manifest.settings == {
        "agents": ["exact", "counts"], "own": [], "seeds": 3, "first_seed": 0, "steps": 150, "episodes": 3,
        "max_seeds": None, "units": None, "device": "cpu", "plateau": None,
    }  # fmt: skip
    assert len(moved.manifest.code) == 64
    found = api.reproduce(moved)
    assert (found.same, found.judgements, found.traces, dict(found.changed)) == (True, (), (), {})
    assert found.run.trained == 3


def test_what_comes_out_otherwise_is_named(stored):
    path = stored.folder / "manifest.json"
    data = json.loads(path.read_text())
    data["settings"]["steps"], data["versions"]["numpy"] = 1, "0.1"
    path.write_text(json.dumps(data))
    found = api.reproduce(str(stored.folder))
    assert not found.same
    assert found.traces == ("deploy-counts",)
    assert found.changed["numpy"][0] == "0.1"


def test_a_damaged_trace_is_refused_before_anything_is_trained(stored, monkeypatch):
    (stored.folder / "traces" / "deploy-counts.parquet").write_bytes(b"PAR1")
    monkeypatch.setattr(reproducing, "run_scenario", lambda *_: pytest.fail("it trained first"))
    with pytest.raises(TraceError, match="deploy-counts"):
        api.reproduce(str(stored.folder))


def test_the_command(stored):
    def turncoat(*words):
        command = [sys.executable, "-m", "turncoat", *words]
        return subprocess.run(command, cwd=ROOT, env=ENV, capture_output=True, text=True, check=False)

    said = turncoat("reproduce", str(stored.folder), "--json")
    assert said.returncode == 0, said.stderr
    assert json.loads(said.stdout) == {
        "folder": str(stored.folder), "judgements": [], "traces": [], "changed": {}, "same": True
    }  # fmt: skip
    (stored.folder / "traces" / "deploy-exact.parquet").unlink()
    said = turncoat("reproduce", str(stored.folder))
    assert said.returncode == 1
    assert "another trace: deploy-exact\n" in said.stdout
    assert said.stdout.endswith("not the same (3 judgements, 2 traces)\n")


def test_parts_of_runs_and_looks_are_kept():
    scenario = load("escape/interruption")
    settings = RunSettings(("exact",), 4, 10, 2, max_seeds=8, units=[WorkUnit(1, "exact"), WorkUnit(0, "exact")])
    again = RunSettings.from_manifest(json.loads(json.dumps(settings.filled(scenario))))
    assert again == replace(settings, first_seed=0, units=[WorkUnit(0, "exact"), WorkUnit(1, "exact")])


def test_an_agent_that_only_a_program_has(tmp_path):
    (tmp_path / "c.yaml").write_text(LEARNED)
    run = api.run(str(tmp_path / "c.yaml"), settings=RunSettings(own=[UserAgent("mine", lambda *_: Still())], seeds=1))
    stored = run.save(tmp_path / "kept")
    with pytest.raises(RunError, match="an agent that only the program that ran it has"):
        api.reproduce(stored)
    named = RunSettings(own=[UserAgent("mine", "package:make", "robot")]).filled(run.scenario)
    assert RunSettings.from_manifest(named, trust=True).own == (
        UserAgent("package:make", "package:make", "robot", trust=True),
    )


class Still:
    """Does the first thing that it can."""

    def act(self, observation, state, mask):
        return mask.argmax(axis=1).astype("int32"), state


def test_runs_of_version_1_are_read_and_not_made_again(stored):
    path = stored.folder / "manifest.json"
    data = json.loads(path.read_text())
    for name in ("settings", "code"):
        del data[name]
    path.write_text(json.dumps({**data, "version": 1}))
    old = load_run(stored.folder)
    assert old.verdict == "pass"
    with pytest.raises(RunError, match="older Turncoat"):
        api.reproduce(old)


def test_there_is_one_way_to_open_a_run_and_it_refuses_what_has_changed(stored):
    assert open_run(stored.folder).scenario.hash == reopen.reopen_scenario(stored).hash
    base = stored.folder / "beneath" / "base.yaml"
    base.write_text(base.read_text().replace("discount: 0.9", "discount: 0.8"))
    with pytest.raises(RunError, match="changed since the run"):
        open_run(stored.folder)
    os.unlink(base)
    with pytest.raises(RunError, match="there is no file `base`"):
        open_run(stored.folder)


def test_a_scenario_that_extends_its_neighbour_opens_again(tmp_path):
    """`extends: conveyor_belt_sushi_goal` is found beside the file; two files of the library are written so."""
    scenario = load("safety_gridworlds/conveyor_belt_sushi_goal2")
    for name, text in reopen.scenario_texts(scenario).items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    own = (tmp_path / "scenario.yaml").read_text(encoding="utf-8")
    again = load_text(own, str(tmp_path / "scenario.yaml"), root=tmp_path / "beneath", shelf=tmp_path / "library")
    assert again.hash == scenario.hash


def test_the_librarys_files_are_kept_too(tmp_path):
    scenario = load("treacherous_turn/any_goal")
    found = ["beneath/lab.yaml", "library/treacherous_turn/lab.yaml", "scenario.yaml"]
    assert sorted(reopen.scenario_texts(scenario)) == found
