"""One loop for all trainings: left and gone on with to the same bytes, ended early, watched, on some device."""

import json
import os
import subprocess
import sys
from collections import Counter, deque
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from turncoat import api
from turncoat.agents.learning import device, snapshot
from turncoat.agents.local_rules.features import Factor
from turncoat.agents.registry.agents import AGENTS, SB3
from turncoat.envs.mdp.training_env import ReferenceTrainingEnv, TabularTrainingEnv
from turncoat.evals.exact.solved_worlds import SolvedWorlds
from turncoat.evals.runs.run import RunSettings
from turncoat.evals.studies.search import SearchSettings
from turncoat.evals.studies.sweep import identity
from turncoat.evals.studies.sweep_folder import load_sweep
from turncoat.evals.training.execution import checkpoints
from turncoat.evals.training.options import TrainingOptions
from turncoat.evals.training.telemetry import heartbeats
from turncoat.evals.training.telemetry.early_stopping import Plateau, PlateauDetector
from turncoat.evals.training.telemetry.tensorboard import TensorBoardError, TensorBoardWriter
from turncoat.scenarios.language.loading import load, load_text

from .test_cli import CORRIDOR, call  # noqa: F401

ROOT = Path(__file__).resolve().parent.parent
TWO_LESSONS = CORRIDOR.replace(
    "stages:\n", "stages:\n  a: {limit: 10, share: 0.4}\n  b: {limit: 8, share: 0.6, map: null}\n"
).replace(", map: null", "")


def claimed(*methods, text=CORRIDOR):
    return load_text(text + f"  - {{name: c, of: {list(methods)}, measure: share(went_right), at_least: 0.5}}\n")


def run(*methods, text=CORRIDOR, seeds=1, steps=300, **more):
    return api.run(claimed(*methods, text=text), None, RunSettings(methods, seeds, steps, **more))


def parts(thing):
    """All that a thing consists of, comparable."""
    data, arrays = snapshot.take(thing)
    return json.dumps(data), {name: array.tobytes() for name, array in arrays.items()}


# ------------------------------------------------------------------ snapshots


def test_what_a_snapshot_holds_comes_back_as_it_was():
    ring: list[Any] = [1]
    ring.append(ring)
    columns = np.asfortranarray(np.arange(6.0).reshape(2, 3))
    shared, chance = np.array([np.nan, -0.0, np.inf]), np.random.default_rng(7)
    chance.random(3)
    thing = {
        "ring": ring, "shared": [shared, shared], "columns": columns, "chance": chance, "word": "ä", "none": None,
        "deep": deque([True, False], maxlen=2), "count": Counter({(b"\0\xff", 3): 4}), "set": {2, 5},
        "scalars": (np.float32(0.1), np.int64(2), np.bool_(True)), "empty": np.zeros((0, 3), np.int16),
        "factor": Factor("now", 2), "big": 1 << 200, "float": 0.1 + 0.2, "frozen": frozenset({(1, 2)}),
    }  # fmt: skip
    data, arrays = snapshot.take(thing)
    again = snapshot.make(json.loads(json.dumps(data)), arrays)
    assert again["ring"][1] is again["ring"]
    assert again["shared"][0] is again["shared"][1]
    assert again["shared"][0].tobytes() == shared.tobytes()
    assert again["columns"].flags.f_contiguous
    np.testing.assert_array_equal(again["columns"], columns)
    assert again["chance"].random() == chance.random()
    assert (again["deep"].maxlen, type(again["scalars"][0])) == (2, np.float32)
    assert again["empty"].shape == (0, 3)
    for name in ("word", "none", "deep", "count", "set", "scalars", "factor", "big", "float", "frozen"):
        assert again[name] == thing[name]
    assert isinstance(again["factor"], Factor)


@pytest.mark.parametrize("foreign", [lambda: 0, subprocess.Popen, Path("x"), np.array([object()])])
def test_what_is_not_turncoats_is_not_kept(foreign):
    with pytest.raises(snapshot.SnapshotError):
        snapshot.take([foreign])


@pytest.mark.parametrize(
    "name",
    [
        "agents.external.user_agent:importlib",
        "agents.external.user_agent:Path",
        "agents.counts.agent:make_planner",
        "agents.nowhere:X",
        "os:system",
    ],
)
def test_a_file_makes_no_object_but_turncoats(name):
    data = {"root": ["at", 0], "records": [["object", name]]}
    with pytest.raises((snapshot.SnapshotError, ImportError)):
        snapshot.make(data, {})
    with pytest.raises(ValueError, match="no record of the kind"):
        snapshot.make({"root": 1, "records": [["call", name]]}, {})


def test_a_file_that_is_none_is_passed_over(tmp_path):
    for content in (b"", b"PK\x03\x04 cut short", b"\x80\x04N."):
        (tmp_path / "x.npz").write_bytes(content)
        assert checkpoints.load_checkpoint(tmp_path / "x.npz") is None
        assert (tmp_path / "x.npz.unreadable").read_bytes() == content
    checkpoints.save_checkpoint(tmp_path / "y.npz", {"a": 1})
    whole = (tmp_path / "y.npz").read_bytes()
    assert checkpoints.load_checkpoint(tmp_path / "y.npz") == {"a": 1}
    (tmp_path / "y.npz").write_bytes(whole[: len(whole) // 2])
    assert checkpoints.load_checkpoint(tmp_path / "y.npz") is None


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda state: state["suspended"].agent.__dict__.clear(), "the training that it holds failed"),
        (lambda state: state.update(curve=3), "it holds something else than a training"),
        (lambda state: state.pop("place"), "it holds something else than a training"),
        (None, "it is of another training"),
    ],
)
def test_a_checkpoint_that_cannot_be_gone_on_with_is_set_aside(monkeypatch, tmp_path, caplog, damage, said):
    leaving(monkeypatch, lambda kept: len(kept) == 3)
    with pytest.raises(Killed):
        run("counts", steps=1_000, cache=tmp_path, checkpoint_every=0.0)
    monkeypatch.undo()
    [file] = (tmp_path / "trainings").iterdir()
    state = checkpoints.load_checkpoint(file)
    assert state is not None
    if damage is None:
        checkpoints.save_checkpoint(tmp_path / "other.npz", state)
        (tmp_path / "other.npz").rename(file)
    else:
        damage(state)
        checkpoints.save_checkpoint(file, state)
    again = run("counts", steps=1_000, cache=tmp_path)
    assert again.judgements == run("counts", steps=1_000).judgements
    assert said in caplog.text
    assert [path.name for path in (tmp_path / "trainings").iterdir()] == [f"{file.name}.unreadable"]


# ------------------------------------------------------------------ left and gone on with


@pytest.mark.parametrize(
    "method",
    ["counts", "local_rules", "q_learning", "virtual_sarsa", "empirical_sarsa", "policy_aware",
     pytest.param("neural", marks=pytest.mark.nightly)],
)  # fmt: skip
def test_an_agent_left_anywhere_comes_to_the_same(method):
    """Every time that it reports, a copy is taken; each of some copies, trained on, is the agent itself."""
    if method == "neural":
        pytest.importorskip("torch")
    scenario = api.load("escape/interruption", {"robot.discount": 0.95})
    solved = SolvedWorlds(scenario)
    school = solved.enumeration({}, solved.scenario.training_stage)
    agent, lane, left = AGENTS[method].make(school.world, scenario), TabularTrainingEnv(school), []

    def progress(step, _):
        data, arrays = snapshot.take([agent, lane.get_state()])
        left.append((step, json.dumps(data), arrays))

    steps = 430
    agent.fit(lane, steps, 5, progress)
    assert len(left) >= 4
    for _, text, arrays in left[1::3]:
        mine, place = snapshot.make(json.loads(text), arrays)
        its = TabularTrainingEnv(school)
        its.set_state(place)
        mine.resume(its)
        assert parts([mine, its.get_state()]) == parts([agent, lane.get_state()])


def test_a_lane_that_is_no_table_goes_where_it_stood():
    solved = SolvedWorlds(load("treacherous_turn/lab"))
    one, other = (ReferenceTrainingEnv(solved.world({}, solved.scenario.training_stage)) for _ in range(2))
    _, mask = one.reset(3)
    for _ in range(5):
        _, _, _, _, mask = one.step(int(mask.argmax()))
    other.set_state(one.get_state())
    for _ in range(5):
        mine, theirs = (lane.step(int(mask.argmax())) for lane in (one, other))
        for a, b in zip(mine, theirs, strict=True):
            np.testing.assert_array_equal(a, b)
        mask = mine[4]


class Killed(BaseException):
    """As if the process ended."""


def leaving(monkeypatch, when):
    """Ends the program after the checkpoint of which `when` says so."""
    keep, kept = checkpoints.save_checkpoint, []

    def keeping(path, state):
        keep(path, state)
        kept.append(state["suspended"].trained_before)
        if when(kept):
            raise Killed

    monkeypatch.setattr(checkpoints, "save_checkpoint", keeping)
    monkeypatch.setattr("turncoat.evals.training.callbacks._CHECKPOINT_SHARE", 0)
    return kept


def trace_bytes(folder):
    """What the cache holds, by key."""
    return {path.name: path.read_bytes() for path in folder.rglob("*.parquet")}


def test_a_run_goes_on_within_a_seed_and_within_a_life(monkeypatch, tmp_path):
    """Left in the second of two stages with training, again and again."""
    settings = {"text": TWO_LESSONS, "steps": 1_500, "checkpoint_every": 0.0}
    run("counts", **settings, cache=tmp_path / "whole")
    for at in (2, 8):
        monkeypatch.undo()
        kept = leaving(monkeypatch, lambda kept, at=at: len(kept) == at)
        with pytest.raises(Killed):
            run("counts", **settings, cache=tmp_path / "left")
    assert kept[-1] == 1, "in the second lesson"
    [file] = (tmp_path / "left" / "trainings").iterdir()
    monkeypatch.undo()
    seen = run("counts", **settings, cache=tmp_path / "left")
    assert seen.trained_steps == {"deploy-counts": {0: 1_500}}
    assert trace_bytes(tmp_path / "left") == trace_bytes(tmp_path / "whole")
    assert not file.exists()


def test_ppo_goes_on_within_a_seed_and_within_a_life(monkeypatch, tmp_path):
    pytest.importorskip("stable_baselines3")
    from turncoat.agents.external import sb3_hyperparameters

    small = {**sb3_hyperparameters.DEFAULT["ppo"], "n_steps": 16, "batch_size": 64, "n_epochs": 1}
    with pytest.MonkeyPatch.context() as plain:
        plain.setitem(sb3_hyperparameters.DEFAULT, "ppo", small)
        settings = {"text": TWO_LESSONS, "steps": 1_500, "checkpoint_every": 0.0}
        run("ppo", **settings, cache=tmp_path / "whole")
        for at in (2, 3):
            monkeypatch.undo()
            kept = leaving(monkeypatch, lambda kept, at=at: len(kept) == at)
            with pytest.raises(Killed):
                run("ppo", **settings, cache=tmp_path / "left")
        assert kept[-1] == 1, "in the second lesson"
        monkeypatch.undo()
        run("ppo", **settings, cache=tmp_path / "left")
    assert trace_bytes(tmp_path / "left") == trace_bytes(tmp_path / "whole")
    assert list((tmp_path / "left" / "trainings").iterdir()) == []


def test_other_settings_do_not_go_on_with_it(monkeypatch, tmp_path):
    leaving(monkeypatch, lambda kept: len(kept) == 3)
    with pytest.raises(Killed):
        run("counts", steps=4_000, cache=tmp_path, checkpoint_every=0.0)
    monkeypatch.undo()
    other = run("counts", steps=4_001, cache=tmp_path)
    assert other.trained_steps == {"deploy-counts": {0: 4_001}}
    assert len(list((tmp_path / "trainings").iterdir())) == 1


KILLED = """
import os, signal, sys
from turncoat.evals.training import callbacks
from turncoat.evals.training.execution import checkpoints
from tests.test_training import run
keep, kept = checkpoints.save_checkpoint, []
def keeping(path, left):
    keep(path, left)
    kept.append(path)
    if len(kept) == 3:
        os.kill(os.getpid(), signal.SIGKILL)
checkpoints.save_checkpoint, callbacks._CHECKPOINT_SHARE = keeping, 0
for method in sys.argv[2:]:
    if not os.fork():
        run(method, cache=__import__("pathlib").Path(sys.argv[1]), checkpoint_every=0.0, steps=700)
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.wait()[1]) == -signal.SIGKILL, method
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork, no SIGKILL")
@pytest.mark.parametrize("methods", [("counts", "local_rules"), pytest.param(("neural",), marks=pytest.mark.nightly)])
def test_a_killed_run_goes_on_within_the_seed_to_the_same_bytes(tmp_path, methods):
    pytest.importorskip("torch")
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path / "left"), *methods], cwd=ROOT, capture_output=True, text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"}, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert len(list((tmp_path / "left" / "trainings").glob("*.npz"))) == len(methods)
    for method in methods:
        again = run(method, cache=tmp_path / "left", steps=700)
        whole = run(method, cache=tmp_path / "whole", steps=700)
        assert (again.trained, again.judgements) == (1, whole.judgements)
    assert trace_bytes(tmp_path / "left") == trace_bytes(tmp_path / "whole")
    assert list((tmp_path / "left" / "trainings").iterdir()) == []


# ------------------------------------------------------------------ ended early


def test_when_it_has_levelled_off():
    level = PlateauDetector(Plateau(looks=3, gain=0.1), 500)
    looks = [(step, level.is_due(step)) for step in range(1, 41)]
    assert [step for step, due in looks if due] == [10, 20, 30, 40]
    assert not level.is_due(45)
    assert [level.has_plateaued(earned) for earned in (1.0, 1.05, 1.2, 1.3, 1.25, 1.31)] == [False] * 5 + [True]
    rising = PlateauDetector(Plateau(looks=1, gain=0.0), 500)
    assert not any(rising.has_plateaued(earned) for earned in (-3.0, -2.9, 0.0, 0.001))
    assert rising.has_plateaued(0.001)
    below = PlateauDetector(Plateau(looks=1, gain=0.5), 500)
    assert [below.has_plateaued(earned) for earned in (-10.0, -4.0, -3.0)] == [False, False, True]


@pytest.mark.parametrize("text", ["", "0", "-1", "3:", "3:x", "3:-1", "3:inf", "3:nan", "3:0:1", "2.5"])
def test_what_is_no_plateau(text, call):  # noqa: F811
    with pytest.raises(ValueError, match="is no plateau"):
        Plateau.parse(text)
    code, out, err = call("run", "treacherous_turn/lab", f"--plateau={text}")
    assert (code, out) == (2, "")
    assert err.startswith(f"turncoat: --plateau: `{text}` is no plateau")


@pytest.mark.parametrize("method", ["counts", "local_rules", "q_learning", "policy_aware"])
def test_a_training_ends_early_and_says_after_how_many_steps(method, tmp_path):
    steps, plateau = 5_000, Plateau(looks=4)
    early = run(method, steps=steps, plateau=plateau, cache=tmp_path)
    name = f"deploy-{method}"
    taken = early.trained_steps[name][0]
    assert 500 <= taken < steps / 2
    assert early.traces[name].meta.training == {"plateau": {"looks": 4, "gain": 0.01}}
    best = early.traces[name].table["events"].explode().to_list()[-1] == "went_right"
    assert best or method == "q_learning", "which settles for the nearer end: a plateau is not the top"
    assert run(method, steps=steps, plateau=plateau, cache=tmp_path).cached == 1
    kept = early.save(tmp_path / "run")
    assert kept.trace(name).trained == {0: taken}
    assert kept.trace(name).meta == early.traces[name].meta
    assert api.reproduce(kept).same


def test_one_that_goes_on_rising_is_trained_to_its_end(tmp_path):
    """In the solved `counts` first finds half of what there is, and the rest after many more steps."""
    settings = RunSettings(("counts",), 1, 3_000, plateau=Plateau(looks=30))
    whole = api.run("treacherous_turn/lab", settings=settings)
    assert set(whole.trained_steps["deploy-counts"].values()) == {3_000}
    plain = api.run("treacherous_turn/lab", settings=replace(settings, plateau=None))
    for name, trace in plain.traces.items():
        assert trace.table.equals(whole.traces[name].table), "looks change nothing"
        assert trace.learning == whole.traces[name].learning


def test_a_plateau_is_part_of_what_a_seed_is(tmp_path):
    assert run("counts", cache=tmp_path).trained == 1
    assert run("counts", cache=tmp_path, plateau=Plateau(3)).trained == 1
    assert run("counts", cache=tmp_path, plateau=Plateau(3, 0.2)).trained == 1
    assert run("counts", cache=tmp_path).cached == 1
    assert run("random", cache=tmp_path).trained == 1
    assert run("random", cache=tmp_path, plateau=Plateau(3)).cached == 1, "it never ends early"


def test_a_plateau_sees_nothing_that_is_hidden_and_nothing_that_is_not_shown():
    """Other performance, same training; and without rewards nobody can look."""
    shown = run("counts", steps=3_000, plateau=Plateau(4))
    other = CORRIDOR.replace("performance: 1}", "performance: -50}").replace(
        "pays: {reward: 2}", "pays: {reward: 2, performance: 9}"
    )
    assert other != CORRIDOR
    moved = run("counts", steps=3_000, plateau=Plateau(4), text=other)
    one, two = (its.traces["deploy-counts"] for its in (shown, moved))
    assert (one.trained, one.learning) == (two.trained, two.learning)
    assert one.table.drop("hidden.performance").equals(two.table.drop("hidden.performance"))
    withheld = CORRIDOR.replace("stages:\n", "stages:\n  train: {limit: 10, rewards: withheld}\n")
    assert run("counts", steps=800, plateau=Plateau(1), text=withheld).trained_steps["deploy-counts"] == {0: 800}


@pytest.mark.nightly
def test_networks_end_early_too():
    pytest.importorskip("torch")
    for method in ("neural", "ppo"):
        if method == "ppo":
            pytest.importorskip("stable_baselines3")
        early = run(method, steps=4_000 if method == "neural" else 200_000, plateau=Plateau(3, 0.05))
        [taken] = early.trained_steps[f"deploy-{method}"].values()
        assert taken < 2_000 if method == "neural" else taken < 100_000


# ------------------------------------------------------------------ watched


def scalars(folder):
    accumulators = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    stored = accumulators.EventAccumulator(str(folder))
    stored.Reload()
    return {tag: [(point.step, point.value) for point in stored.Scalars(tag)] for tag in stored.Tags()["scalars"]}


def test_curves_for_tensorboard_change_nothing(tmp_path):
    pytest.importorskip("torch")
    plain = run("counts", seeds=2)
    shown = run("counts", seeds=2, tensorboard=tmp_path)
    trace = shown.traces["deploy-counts"]
    assert trace.table.equals(plain.traces["deploy-counts"].table)
    assert trace.meta == plain.traces["deploy-counts"].meta
    for seed in (0, 1):
        curves = scalars(tmp_path / "corridor" / "deploy-counts" / f"seed-{seed}")
        assert curves["earned"] == [(step, pytest.approx(earned)) for step, earned in trace.learning[seed]]
        assert [step for step, _ in curves["known_pairs"]] == [100, 200, 300]
        assert "hidden.performance" not in curves


def test_of_what_is_in_the_cache_it_shows_what_was_earned(tmp_path):
    pytest.importorskip("torch")
    trained = run("counts", cache=tmp_path / "cache")
    assert run("counts", cache=tmp_path / "cache", tensorboard=tmp_path / "t").cached == 1
    curve = trained.traces["deploy-counts"].learning[0]
    shown = scalars(tmp_path / "t" / "corridor" / "deploy-counts" / "seed-0")
    assert shown == {"earned": [(step, pytest.approx(earned)) for step, earned in curve]}


def test_what_came_after_a_checkpoint_is_shown_once(tmp_path):
    pytest.importorskip("torch")
    first = TensorBoardWriter(tmp_path, 100)
    for step in (10, 20, 30):
        first.figures(step, {"loss": float(step)})
    first.close()
    again = TensorBoardWriter(tmp_path, 100, 20)
    again.learning_curve(((15, 1.0), (25, 2.0)))
    again.figures(30, {"loss": 31.0})
    again.close()
    assert scalars(tmp_path) == {"loss": [(10, 10.0), (20, 20.0), (30, 31.0)], "earned": [(25, 2.0)]}


@pytest.mark.nightly
def test_networks_show_what_they_know(tmp_path):
    pytest.importorskip("stable_baselines3")
    run("neural", steps=400, tensorboard=tmp_path)
    run("ppo", steps=20_000, tensorboard=tmp_path)
    folder = tmp_path / "corridor"
    neural, ppo = (scalars(folder / f"deploy-{method}" / "seed-0") for method in ("neural", "ppo"))
    assert {"earned", "loss", "held_out_accuracy"} <= neural.keys()
    assert {"earned", "train/loss"} <= ppo.keys()
    assert ppo["earned"][-1][1] == pytest.approx(2, abs=0.3), "the better end pays 2"


def test_without_tensorboard_it_says_how_to_get_it(call, monkeypatch, tmp_path):  # noqa: F811
    monkeypatch.setattr("turncoat.evals.training.telemetry.tensorboard.find_spec", lambda _: None)
    with pytest.raises(TensorBoardError):
        run("counts", tensorboard=tmp_path)
    code, out, err = call("run", "treacherous_turn/lab", "--agent", "counts", "--tensorboard", "t")
    assert (code, out) == (2, "")
    assert (
        err
        == "turncoat: curves for TensorBoard need tensorboard and torch: pip install '.[learn]' in Turncoat's folder\n"
    )


class ProgressListener:
    """Counts seeds, and hears how far each is."""

    def __init__(self):
        self.heard, self.over = [], []

    def __call__(self, what, done, total):
        pass

    def training(self, method, seed, done, steps, earned):
        self.heard.append((method, seed, done, steps, earned))

    def trained(self, method, seed):
        self.over.append((method, seed))


@pytest.mark.parametrize("jobs", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_it_says_how_far_each_seed_is(jobs, monkeypatch):
    monkeypatch.setattr(heartbeats, "HEARTBEAT_SECONDS", 0.02)
    looker = ProgressListener()
    settings = RunSettings(("counts",), jobs, 20_000 if jobs == 2 else 4_000, jobs=jobs)
    api.run(claimed("counts"), settings=settings, count=looker)
    assert {its[:2] for its in looker.heard} == {("counts", seed) for seed in range(jobs)}
    assert {its[3] for its in looker.heard} == {settings.steps}
    assert all(0 < done <= settings.steps for _, _, done, _, _ in looker.heard)
    assert set(looker.over) == {("counts", seed) for seed in range(jobs)}


# ------------------------------------------------------------------ devices


def test_a_device_that_is_not_there(call, monkeypatch):  # noqa: F811
    monkeypatch.setattr(device, "_missing", lambda: "no GPU")
    assert device.chosen("cpu") == device.chosen("auto") == "cpu"
    for name, why in (("cuda", "`cuda` cannot be had here: no GPU; take `--device cpu`"), ("gpu", "no device `gpu`")):
        with pytest.raises(device.DeviceUnavailableError, match=why):
            run("counts", device=name)
        code, out, err = call("run", "treacherous_turn/lab", "--agent", "counts", "--device", name)
        assert (code, out) == (2, "")
        assert why in err


def test_a_gpu_is_part_of_what_a_seed_is_where_it_is_used(monkeypatch):
    monkeypatch.setattr(device, "_missing", lambda: None)
    monkeypatch.setattr("turncoat.evals.training.options.in_words", lambda name: f"{name} (some GPU)")
    assert device.chosen("auto") == "cuda"
    options = TrainingOptions("cuda")
    for method, spec in AGENTS.items():
        told = {"device": "cuda (some GPU)"} if method in ("neural", "deep") or spec.library == SB3 else {}
        assert options.result_relevant(method) == told
        assert TrainingOptions().result_relevant(method) == {}


def test_a_device_reaches_the_networks():
    pytest.importorskip("torch")
    scenario = claimed("neural")
    neural: Any = AGENTS["neural"].make(SolvedWorlds(scenario).world({}, "deploy"), scenario)
    neural.use("meta")
    assert {its.device.type for its in neural.model.net.parameters()} == {"meta"}
    assert neural.options.device == "meta"


# ------------------------------------------------------------------ sweeps and searches


def test_sweeps_train_so_too(tmp_path):
    pytest.importorskip("torch")
    asked: dict[str, Any] = {"axes": {"left_pay": [1, 3]}, "measures": ["share(went_right)"], "agents": ["counts"]}
    asked |= {"seeds": 1, "steps": 3_000}
    more: dict[str, Any] = {"plateau": Plateau(4), "tensorboard": tmp_path / "t"}
    plain = api.sweep(load_text(CORRIDOR), **asked, out=tmp_path / "plain")
    early = api.sweep(load_text(CORRIDOR), **asked, **more, out=tmp_path / "early")
    assert [row.note for row in plain.rows] == ["", ""]
    assert all(row.note.startswith("trained for ") for row in early.rows)
    assert [row.measures for row in plain.rows] == [row.measures for row in early.rows]
    assert load_sweep(tmp_path / "early").settings == early.settings
    curves = sorted(path.parent.name for path in (tmp_path / "t" / "corridor").glob("*/seed-0"))
    assert curves == ["deploy-counts-left_pay=1", "deploy-counts-left_pay=3"]
    assert identity(load_text(CORRIDOR), plain.settings) != identity(load_text(CORRIDOR), early.settings)


def test_searches_train_so_too(monkeypatch, tmp_path):
    settings = SearchSettings(tmp_path / "s.sqlite", "counts", device="auto", plateau=Plateau(2))
    monkeypatch.setattr(device, "_missing", lambda: None)
    assert settings.options == TrainingOptions("cpu", Plateau(2)), "`counts` needs no GPU, so nobody looks for one"
    assert replace(settings, agent="neural").options.device == "cuda"
