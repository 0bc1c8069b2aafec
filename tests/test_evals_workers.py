"""Whoever trains, the results are the same, byte for byte; and a budget ends what has not begun."""

# What is sent to other processes is no function of this folder, which not every process can import.

import operator
import os
import subprocess
import sys
import time
from functools import partial

import pytest

from turncoat import api
from turncoat.evals import budget, training
from turncoat.evals.running import Settings
from turncoat.evals.trace import write_trace
from turncoat.evals.workers import NoCluster, Workers, connect
from turncoat.scenarios.language.loading import load_text

from .test_cli import CORRIDOR, LEARNED

LEARNED_TWICE = LEARNED + "  - {name: learns it too, of: [counts], measure: share(went_left), at_most: 0.9}\n"


def written(folder, workers):
    """The bytes of every trace of a run, and its judgements."""
    run = api.run(load_text(LEARNED), settings=Settings(seeds=3, steps=200, workers=workers))
    folder.mkdir()
    for name, trace in run.traces.items():
        write_trace(trace, folder / name)
    return {path.name: path.read_bytes() for path in folder.iterdir()}, run.judgements


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    return written(tmp_path_factory.mktemp("alone") / "traces", Workers(1))


@pytest.mark.slow
def test_results_come_as_they_are_ready():
    with connect(None, 2) as workers:
        results = workers.each(subprocess.getoutput, [("sleep 60",), ("echo 1",), ("echo 2",)])
        assert [next(results), next(results)] == ["1", "2"]
        results.close()  # type: ignore[attr-defined]  # and nobody waits for the first
        assert sorted(workers.each(operator.mul, [(2, 1), (2, 2), (2, 3)])) == [2, 4, 6]
        assert list(workers.each(operator.mul, [])) == []


def test_several_processes_give_the_same(tmp_path, alone):
    assert written(tmp_path / "traces", Workers(2)) == alone


@pytest.mark.slow
def test_a_dask_cluster_gives_the_same(tmp_path, alone):
    pytest.importorskip("distributed")
    with connect("dask://local", 2) as workers:
        assert workers.jobs == 2
        assert os.getpid() not in workers.each(os.getpid, [()])
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
    monkeypatch.setattr("turncoat.evals.workers.ANSWER_WITHIN", 1)
    monkeypatch.setattr("turncoat.evals.workers.code_hash", partial(time.sleep, 30))
    with (
        distributed.LocalCluster(
            n_workers=1, threads_per_worker=1, processes=False, dashboard_address=":0", protocol="tcp"
        ) as cluster,
        pytest.raises(NoCluster, match="cannot run Turncoat"),
    ):
        connect(cluster.scheduler_address.replace("tcp://", "dask://"), 2).__enter__()


@pytest.mark.nightly
def test_a_ray_cluster_gives_the_same(tmp_path, alone):
    pytest.importorskip("ray")
    with connect("ray://local", 2) as workers:
        assert workers == Workers(2, "ray", streams=False)
        assert os.getpid() not in workers.each(os.getpid, [()])
        assert written(tmp_path / "traces", workers) == alone


@pytest.mark.parametrize("address", ["", "local", "dask://", "spark://local", "http://x:1"])
def test_no_address(address):
    with pytest.raises(NoCluster, match="is no cluster; write dask://HOST:PORT"), connect(address, 1):
        pass


def test_nobody_there(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(NoCluster, match=r"dask is not installed .*`pip install 'turncoat\[dask\]'`"):
        connect("dask://local", 1).__enter__()


def test_workers_with_other_code_are_refused(monkeypatch):
    monkeypatch.setattr(training, "_signed", lambda its, seed: (seed, "other", training._one(its, seed)))
    with pytest.raises(NoCluster, match="another Turncoat or other libraries"):
        api.run(load_text(LEARNED), settings=Settings(steps=100))


# ------------------------------------------------------------------ budgets


class Clock:
    """Time that goes on by itself, a second each time that somebody looks."""

    def __init__(self, monkeypatch):
        self.now = 0.0
        monkeypatch.setattr("turncoat.evals.budget.time.monotonic", self)

    def __call__(self):
        self.now += 1
        return self.now


def test_no_time_at_all():
    run = api.run(load_text(CORRIDOR), settings=Settings(budget=0))
    assert {judgement.outcome for judgement in run.judgements} == {"inconclusive"}
    assert run.judgements[0].why == "the budget of 0 seconds ran out before this was reached"
    assert run.traces == {}


def test_time_for_some_seeds_and_the_next_run_goes_on(tmp_path, monkeypatch):
    settings = {"agents": ("counts",), "seeds": 4, "steps": 100, "cache": tmp_path}
    left = iter([True] * 5 + [False] * 99)
    monkeypatch.setattr(budget.Budget, "left", lambda _: next(left))
    run = api.run(load_text(LEARNED_TWICE), settings=Settings(**settings, budget=60))
    [first, second] = run.judgements[2:]
    assert first.why == "the budget of 60 seconds ran out after 3 of 4 seeds"
    assert second.why == "the budget of 60 seconds ran out before this was reached"
    assert (first.outcome, run.verdict, run.trained) == ("inconclusive", "inconclusive", 3)
    monkeypatch.undo()
    run = api.run(load_text(LEARNED_TWICE), settings=Settings(**settings))
    assert (run.trained, run.cached) == (1, 3)


def test_the_clock(monkeypatch):
    Clock(monkeypatch)
    short = budget.Budget(2)
    assert [short.left(), short.left(), short.left()] == [True, False, False]
    assert budget.Budget(None).left()
    with pytest.raises(budget.OutOfTime, match="the budget of 2 seconds ran out in the middle"):
        short.check("in the middle")


def test_a_school_tells_how_far_it_is():
    said: list[tuple[str, int, int]] = []
    api.run(load_text(LEARNED), settings=Settings(seeds=2, steps=50), count=lambda *its: said.append(its))
    assert [its for its in said if its[0] == "seeds of counts"] == [("seeds of counts", n, 2) for n in (0, 1, 2)]
    assert [its[1:] for its in said if its[0] == "expectations"] == [(1, 3), (2, 3), (3, 3)]
