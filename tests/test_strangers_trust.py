"""Nothing that a file names is imported, unless the user names it on the command line or says `--trust`."""

import json
import os
import subprocess
import sys

import polars as pl
import pytest

from turncoat import api
from turncoat.agents.external.user_agent import UntrustedCodeError
from turncoat.agents.learning import snapshot
from turncoat.agents.learning.checkpoint import write_checkpoint
from turncoat.evals.runs.run import RunSettings
from turncoat.evals.training.execution import checkpoints

from .test_cli import CORRIDOR, ENV, call  # noqa: F401
from .worlds import first_of

EVIL = "import pathlib\npathlib.Path(__file__).with_name('ran').write_text('')\ndef go(*_): ...\n"
NAMED = "evilmod:go"
PROFILE = f"robot={NAMED}, guard=counts"
SCENARIO = CORRIDOR.replace("agents: [exact, counts], seeds: 2", f"agents: ['{NAMED}', exact], seeds: 1")
SCENARIO += f"  - {{name: theirs, of: ['{NAMED}', '{PROFILE}'], measure: share(went_right), at_least: 0.5}}\n"


def rewritten(path, change):
    """Writes a trace again with other metadata."""
    meta = json.loads(pl.read_parquet_metadata(path)["turncoat.trace"])
    change(meta)
    pl.read_parquet(path).write_parquet(path, metadata={"turncoat.trace": json.dumps(meta)})


@pytest.fixture
def planted(tmp_path):
    """A stranger's folder: a scenario, a run, a sweep, and the module that they name, everywhere."""
    (tmp_path / "c.yaml").write_text(SCENARIO)
    run = api.run(str(tmp_path / "c.yaml"), settings=RunSettings(["exact"])).save(tmp_path / "run", ["turncoat", "run"])
    manifest = json.loads((run.folder / "manifest.json").read_text())
    manifest["settings"] |= {"own": [NAMED], "agents": [NAMED, PROFILE]}
    (run.folder / "manifest.json").write_text(json.dumps(manifest))
    verdict = json.loads((run.folder / "verdict.json").read_text())
    for judgement in verdict["expectations"]:
        judgement |= {"agent": NAMED, "unit": "seeds", "seeds": 1}
    (run.folder / "verdict.json").write_text(json.dumps(verdict))
    for path in list(run.traces.values()):
        rewritten(path, lambda meta: meta.update(agent=NAMED))
    api.sweep(str(tmp_path / "c.yaml"), {"left_pay": [1, 2]}, measures=["share(went_right)"], out=tmp_path / "swept")
    settings = json.loads((tmp_path / "swept" / "sweep.json").read_text())
    settings["question"]["agents"] = ["exact", NAMED]
    (tmp_path / "swept" / "sweep.json").write_text(json.dumps(settings))
    for folder in (tmp_path, run.folder, run.folder / "traces", tmp_path / "swept"):
        (folder / "evilmod.py").write_text(EVIL)
    return tmp_path


def ran(folder):
    return "evilmod" in sys.modules or list(folder.rglob("ran"))


COMMANDS = [
    ("reproduce", "run"),
    ("compare", "run", "run"),
    ("compare", f"run:{NAMED}", "run"),
    ("report", "run", "--out", "a.html"),
    ("report", "swept", "--out", "b.html"),
    ("record", "run", "--out", "frames"),
    ("record", "run/traces/deploy-exact.parquet", "--out", "frames"),
    ("watch", "run", "--agent", NAMED),
    ("run", "c.yaml", "--no-save", "--no-cache", "--jobs", "1"),
    ("run", "c.yaml", "--all-agents", "--no-save", "--no-cache", "--jobs", "1"),
    ("run", ".", "--no-save", "--no-cache", "--jobs", "1"),
    ("check", "c.yaml"),
    ("solve", "c.yaml"),
    ("show", "c.yaml"),
    ("why", "c.yaml", "--event", "went_right"),
    ("control", "c.yaml"),
    ("search", "c.yaml"),
    ("sweep", "c.yaml", "--param", "left_pay=1,2", "--measure", "share(went_right)", "--out", "swept", "--jobs", "1"),
    ("play", "run"),
    ("list",),
]


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: " ".join(words)[:40])
def test_opening_a_folder_runs_none_of_its_code(planted, call, words, monkeypatch):  # noqa: F811
    monkeypatch.chdir(planted)
    monkeypatch.setenv("SDL_VIDEODRIVER", "nonsense")  # no window is opened
    code, _, said = call(*words)
    assert code in (0, 1, 2, 4), said
    assert not ran(planted)


def test_what_would_be_imported_is_named_and_trust_imports_it(planted, call, monkeypatch):  # noqa: F811
    monkeypatch.chdir(planted)
    monkeypatch.setattr(sys, "modules", dict(sys.modules))
    code, _, said = call("reproduce", "run")
    assert code == 2
    assert f"`{NAMED}`, which its manifest names" in said
    assert "--trust" in said
    with pytest.raises(UntrustedCodeError, match="trust=True"):
        api.reproduce("run")
    assert not ran(planted)
    for path in (planted / "run" / "traces").glob("*.parquet"):
        rewritten(path, lambda meta: meta.update(agent="exact"))  # traces are read first, and these were of another
    call("reproduce", "run", "--trust", "--jobs", "1")
    assert (planted / "ran").exists()


def test_a_model_with_pickles_is_not_opened(planted, call, monkeypatch):  # noqa: F811
    monkeypatch.chdir(planted)
    manifest = json.loads((planted / "run" / "manifest.json").read_text())
    manifest["settings"]["own"] = ["robot=model.zip"]
    (planted / "run" / "manifest.json").write_text(json.dumps(manifest))
    code, _, said = call("reproduce", "run")
    assert (code, "model.zip" in said) == (2, True)


@pytest.mark.parametrize("words", first_of([("reproduce", "run"), ("run", "c.yaml", "--no-save", "--no-cache")]))
def test_a_folder_that_one_is_in_lends_no_modules_to_python_m(planted, words):
    """`python -m` puts the folder first on Python's path: its modules and its entry points would be the stranger's."""
    info = planted / "evil-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: evil\nVersion: 1\n")
    groups = ("scenarios", "agents", "models", "planners", "deliberations")
    (info / "entry_points.txt").write_text("".join(f"[turncoat.{group}]\nmine = evilmod:go\n" for group in groups))
    for name in ("typer", "rich", "numpy", "polars"):
        (planted / f"{name}.py").write_text(EVIL)
    done = subprocess.run(
        [sys.executable, "-m", "turncoat", *words], cwd=planted, env=ENV, capture_output=True, text=True, check=False
    )
    assert done.returncode in (0, 1, 2, 4), done.stderr
    assert not ran(planted)


STARTED = {
    "a window's": "from turncoat.evals.inspection.show_process import RemoteObject as R; print(R(dict).ask('__len__'))",
    "of joblib": "from turncoat.evals.training.execution.workers import Workers as W; "
    "print(*W(2).map_unordered(abs, [(0,), (0,)]))",
}
"""Code that starts other processes, and prints what these answered."""


@pytest.mark.parametrize("kind", first_of(STARTED))
def test_nor_to_the_processes_that_are_started(tmp_path, kind):
    """They are started by `python -m` and `python -c`, either of which looks for modules there first."""
    for name in ("joblib", "multiprocessing", "signal", "runpy"):
        (tmp_path / f"{name}.py").write_text(EVIL)
    (tmp_path / "elsewhere").mkdir()
    started = tmp_path / "elsewhere" / "started.py"  # a script: the folder that one is in is not on its own path
    started.write_text(f"if __name__ == '__main__':\n    {STARTED[kind]}\n")
    words = [sys.executable, str(started)]
    done = subprocess.run(words, cwd=tmp_path, env=ENV, capture_output=True, text=True, timeout=60, check=False)
    assert not ran(tmp_path)
    assert (done.returncode, done.stdout.split()[:1]) == (0, ["0"]), done.stderr


@pytest.mark.parametrize(
    "name", ["__main__:main", "cli:main", "evilmod:go", ".evilmod:go", "agents:evilmod", "agents.__main__:x", "api:run"]
)
@pytest.mark.parametrize("kind", ["object", "otherwise", "named"])
def test_a_snapshot_imports_nothing_but_what_trainings_consist_of(tmp_path, monkeypatch, name, kind):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "evilmod.py").write_text(EVIL)
    data = {"root": ["named", name], "records": []} if kind == "named" else {"root": 1, "records": [[kind, name, []]]}
    before = set(sys.modules)
    with pytest.raises(snapshot.SnapshotError):
        snapshot.make(data, {})
    assert set(sys.modules) == before
    path = tmp_path / "k.npz"
    write_checkpoint(path, checkpoints.KIND, checkpoints.VERSION, {"left": data, "key": "k"}, {})
    assert checkpoints.load_checkpoint(path) is None
    assert not ran(tmp_path)
    assert sorted(os.listdir(tmp_path)) == ["evilmod.py", "k.npz.unreadable"]
