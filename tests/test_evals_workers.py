"""Whoever trains, the results are the same, byte for byte; and a budget ends what has not begun."""

# What is sent to other processes is no function of this folder, which not every process can import.

import math
import operator
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest
from joblib.externals.loky import reusable_executor

from turncoat import api
from turncoat.envs.time_limit import OutOfTimeError
from turncoat.evals.runs.run import RunSettings
from turncoat.evals.traces.trace import write_trace
from turncoat.evals.training import train_seed
from turncoat.evals.training.execution import time_budget
from turncoat.evals.training.execution import workers as workers_module
from turncoat.evals.training.execution.workers import ClusterError, Workers, connect
from turncoat.scenarios.language.loading import load_text

from .test_cli import CORRIDOR, ENV, LEARNED

LEARNED_TWICE = LEARNED + "  - {name: learns it too, of: [counts], measure: share(went_left), at_most: 0.9}\n"


def written(folder, workers):
    """The bytes of every trace of a run, and its judgements."""
    run = api.run(load_text(LEARNED), settings=RunSettings(seeds=3, steps=200, workers=workers))
    folder.mkdir()
    for name, trace in run.traces.items():
        write_trace(trace, folder / name)
    return {path.name: path.read_bytes() for path in folder.iterdir()}, run.judgements


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    return written(tmp_path_factory.mktemp("alone") / "traces", Workers(1))


@pytest.mark.nightly
@pytest.mark.slow
def test_results_come_as_they_are_ready():
    with connect(None, 2) as workers:
        results = workers.map_unordered(subprocess.getoutput, [("sleep 60",), ("echo 1",), ("echo 2",)])
        assert [next(results), next(results)] == ["1", "2"]
        results.close()  # type: ignore[attr-defined]  # and nobody waits for the first
        assert sorted(workers.map_unordered(operator.mul, [(2, 1), (2, 2), (2, 3)])) == [2, 4, 6]
        assert list(workers.map_unordered(operator.mul, [])) == []


@pytest.mark.slow
def test_nobody_waits_for_workers_that_have_gone(monkeypatch):
    """Their processes are hidden from the executor, as if they had left without its noticing."""
    monkeypatch.setattr(workers_module, "POLL_SECONDS", 0.05)
    results = Workers(2).map_unordered(time.sleep, [(0,), (100,), (100,)])
    assert next(results) is None
    executor = reusable_executor._executor
    hidden = dict(executor._processes)
    executor._processes.clear()
    began = time.monotonic()
    with pytest.raises(ClusterError, match="have gone; run it again"):
        list(results)
    assert time.monotonic() - began < 30
    for number in hidden:
        os.kill(number, signal.SIGKILL)
    assert sorted(Workers(2).map_unordered(operator.neg, [(1,), (2,)])) == [-2, -1]  # and the next ones work


@pytest.mark.slow
def test_workers_that_are_killed_are_an_error_and_not_a_hang():
    results = Workers(2).map_unordered(time.sleep, [(0,), (100,), (100,)])
    assert next(results) is None
    for number in list(reusable_executor._executor._processes):
        os.kill(number, signal.SIGKILL)
    with pytest.raises(ClusterError, match="was killed, perhaps for want of memory"):
        list(results)
    assert sorted(Workers(2).map_unordered(operator.neg, [(1,), (2,)])) == [-2, -1]


@pytest.mark.timeout(60)
def test_a_worker_whose_memory_grew_stays():
    """Loky would end it, with a warning that is an error here, and start one that looks for modules in this folder."""
    pytest.importorskip("psutil")
    first = "[__import__('time').sleep(1.2), __import__('os').getpid()][1]"
    grow = f"[setattr(__import__('builtins'), 'kept', b'x' * 320_000_000), {first}][1]"
    free = f"[setattr(__import__('builtins'), 'kept', b''), {first}][1]"
    found = list(Workers(2).map_unordered(eval, [(first,)] * 2 + [(grow,)] * 2 + [(free,)] * 2))
    assert len(set(found)) == 2


def test_several_processes_give_the_same(tmp_path, alone):
    assert written(tmp_path / "traces", Workers(2)) == alone


@pytest.mark.slow
def test_a_dask_cluster_gives_the_same(tmp_path, alone):
    pytest.importorskip("distributed")
    with connect("dask://local", 2) as workers:
        assert workers.jobs == 2
        assert os.getpid() not in workers.map_unordered(os.getpid, [()])
        assert written(tmp_path / "traces", workers) == alone


def test_a_dask_scheduler_by_its_address(tmp_path, alone):
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(
            n_workers=1, threads_per_worker=2, processes=False, dashboard_address=":0", protocol="tcp"
        ) as cluster,
        connect(cluster.scheduler_address.replace("tcp://", "dask://"), 2) as workers,
    ):
        assert workers == Workers(2, "dask")
        assert written(tmp_path / "traces", workers) == alone


def test_dask_workers_without_turncoat_are_refused(monkeypatch):
    distributed = pytest.importorskip("distributed")
    monkeypatch.setattr("turncoat.evals.training.execution.workers.CHECK_SECONDS", 1)
    monkeypatch.setattr("turncoat.evals.training.execution.workers.code_hash", partial(time.sleep, 3))
    with (
        distributed.LocalCluster(
            n_workers=1, threads_per_worker=1, processes=False, dashboard_address=":0", protocol="tcp"
        ) as cluster,
        pytest.raises(ClusterError, match="cannot run Turncoat"),
    ):
        connect(cluster.scheduler_address.replace("tcp://", "dask://"), 2).__enter__()


@pytest.mark.nightly
def test_a_ray_cluster_gives_the_same(tmp_path, alone):
    pytest.importorskip("ray")
    with connect("ray://local", 2) as workers:
        assert workers == Workers(2, "ray", streams=False)
        assert os.getpid() not in workers.map_unordered(os.getpid, [()])
        assert written(tmp_path / "traces", workers) == alone


@pytest.fixture
def ray_head():
    """A Ray cluster of two cores with its client server, in processes of its own; its address."""
    pytest.importorskip("ray")
    command = shutil.which("ray", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    if command is None:
        pytest.skip("no command `ray`")
    with socket.socket() as one, socket.socket() as other:
        one.bind(("127.0.0.1", 0))
        other.bind(("127.0.0.1", 0))
        port, client = one.getsockname()[1], other.getsockname()[1]
    words = ["start", "--head", "--block", "--num-cpus=2", "--include-dashboard=false", "--disable-usage-stats"]
    head = subprocess.Popen(
        [command, *words, f"--port={port}", f"--ray-client-server-port={client}"],
        env={**ENV, "PATH": f"{Path(command).parent}{os.pathsep}{os.environ['PATH']}"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        for _ in range(120):
            with socket.socket() as found:
                if found.connect_ex(("127.0.0.1", client)) == 0:
                    break
            time.sleep(0.5)
        yield f"ray://127.0.0.1:{client}"
    finally:
        head.terminate()  # it ends what it has started
        try:
            head.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(head.pid, signal.SIGKILL)


@pytest.mark.nightly
def test_a_ray_cluster_by_its_address(tmp_path, alone, ray_head):
    with connect(ray_head, 2) as workers:
        assert workers == Workers(2, "ray", streams=False)
        assert os.getpid() not in workers.map_unordered(os.getpid, [(), ()])
        assert written(tmp_path / "traces", workers) == alone


@pytest.mark.parametrize("address", ["", "local", "dask://", "spark://local", "http://x:1"])
def test_no_address(address):
    with pytest.raises(ClusterError, match="is no cluster; write dask://HOST:PORT"), connect(address, 1):
        pass


def test_nobody_there(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ClusterError, match=r"dask is not installed .*pip install '\.\[dask\]'"):
        connect("dask://local", 1).__enter__()


def test_workers_with_other_code_are_refused(monkeypatch):
    monkeypatch.setattr(
        train_seed,
        "_train_in_time",
        lambda specs, seed: (seed, "other", train_seed.train_seed(specs, seed, time_budget.Deadline(math.inf))),
    )
    with pytest.raises(ClusterError, match="another Turncoat or other libraries"):
        api.run(load_text(LEARNED), settings=RunSettings(steps=100))


# ------------------------------------------------------------------ budgets


class Clock:
    """Time that goes on by itself, a second each time that somebody looks."""

    def __init__(self, monkeypatch):
        self.now = 0.0
        monkeypatch.setattr("turncoat.evals.training.execution.time_budget.time.monotonic", self)

    def __call__(self):
        self.now += 1
        return self.now


def test_no_time_at_all():
    run = api.run(load_text(CORRIDOR), settings=RunSettings(budget=0))
    assert {judgement.outcome for judgement in run.judgements} == {"inconclusive"}
    assert run.judgements[0].why == "the budget of 0 seconds ran out before this was reached"
    assert run.traces == {}


def test_time_for_some_seeds_and_the_next_run_goes_on(tmp_path, monkeypatch):
    settings = {"agents": ("counts",), "seeds": 4, "steps": 100, "cache": tmp_path}
    left = iter([True] * 5 + [False] * 99)
    monkeypatch.setattr(time_budget.TimeBudget, "left", lambda _: next(left))
    run = api.run(load_text(LEARNED_TWICE), settings=RunSettings(**settings, budget=60))
    [first, second] = run.judgements[2:]
    assert first.why == "the budget of 60 seconds ran out after 3 of 4 seeds"
    assert second.why == "the budget of 60 seconds ran out before this was reached"
    assert (first.outcome, run.verdict, run.trained) == ("inconclusive", "inconclusive", 3)
    monkeypatch.undo()
    run = api.run(load_text(LEARNED_TWICE), settings=RunSettings(**settings))
    assert (run.trained, run.cached) == (1, 3)


def test_the_clock(monkeypatch):
    Clock(monkeypatch)
    short = time_budget.TimeBudget(2)
    assert [short.left(), short.left(), short.left()] == [True, False, False]
    assert time_budget.TimeBudget(None).left()
    with pytest.raises(OutOfTimeError, match="the budget of 2 seconds ran out in the middle"):
        short.check("in the middle")


def test_a_school_tells_how_far_it_is():
    said: list[tuple[str, int, int]] = []
    api.run(load_text(LEARNED), settings=RunSettings(seeds=2, steps=50), count=lambda *its: said.append(its))
    assert [its for its in said if its[0] == "seeds of counts"] == [("seeds of counts", n, 2) for n in (0, 1, 2)]
    assert [its[1:] for its in said if its[0] == "expectations"] == [(1, 3), (2, 3), (3, 3)]


# ------------------------------------------------------------------ the end of the main process

LONG = LEARNED.replace("steps: 300", "steps: 100000000")


def living(pids):
    """Those of some processes that have not ended."""
    found = []
    for pid in pids:
        with suppress(OSError):
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z":
                found.append(pid)
    return found


def children(parent):
    """The worker processes that a process has started."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            its = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            if its == parent and b"popen_loky" in (folder / "cmdline").read_bytes():
                found.append(int(folder.name))
    return found


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="processes are looked for in /proc")
@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("SIGKILL", -9),
        pytest.param("SIGTERM", 143, marks=pytest.mark.nightly),
        pytest.param("SIGINT", 130, marks=pytest.mark.nightly),
    ],
)
def test_workers_end_with_the_main_process_and_say_nothing(tmp_path, name, code):
    (tmp_path / "long.yaml").write_text(LONG)
    (tmp_path / "tmp").mkdir()
    words = ["run", "long.yaml", "--jobs", "2", "--no-save", "--cache", "cache", "--checkpoint-every", "0"]
    process = subprocess.Popen(
        [sys.executable, "-m", "turncoat", *words],
        env={**ENV, "TMPDIR": str(tmp_path / "tmp")}, cwd=tmp_path, start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    workers, until = [], time.monotonic() + 120
    while len(list(tmp_path.glob("cache/trainings/*.npz"))) < 2:
        assert time.monotonic() < until
        time.sleep(0.1)
    workers = children(process.pid)
    assert len(workers) == 2
    if name == "SIGINT":
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does: the workers get it too
    else:
        process.send_signal(getattr(signal, name))
    began = time.monotonic()
    while living(workers) and time.monotonic() - began < 3:
        time.sleep(0.05)
    try:
        assert living(workers) == []
        _, err = process.communicate(timeout=20)
        assert process.returncode == code
        assert "Traceback" not in err
        if name != "SIGKILL":  # then joblib says that it had to remove what was left
            said = [line for line in err.splitlines() if "long.yaml: " not in line]
            assert said == (["interrupted"] if name == "SIGINT" else [])
            assert list((tmp_path / "tmp").iterdir()) == []
    finally:
        for pid in living(workers):
            os.kill(pid, signal.SIGKILL)
