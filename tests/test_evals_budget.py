"""A budget stops a training between two steps; nothing half-made is kept, and the next run makes the seed whole."""

import math
import time

import numpy as np
import pytest

from turncoat import api
from turncoat.agents.external.user_agent import UserAgent
from turncoat.agents.registry.agents import AGENTS, SB3
from turncoat.envs.mdp.training_env import TabularTrainingEnv
from turncoat.envs.time_limit import OutOfTimeError, check_time
from turncoat.evals.exact import solved_worlds
from turncoat.evals.exact.solved_worlds import SolvedWorlds
from turncoat.evals.runs.run import RunSettings
from turncoat.evals.training import callbacks, train_seed
from turncoat.evals.training.execution.time_budget import Deadline, TimeBudget
from turncoat.evals.training.telemetry.env_monitor import MonitoredEnv
from turncoat.scenarios.language.loading import load, load_text

from .test_cli import CORRIDOR
from .worlds import sampled


def claimed(method):
    return load_text(CORRIDOR + f"  - {{name: learns, of: [{method}], measure: share(went_right), at_least: 0.5}}\n")


VARIANTS = {"ppo_large", "ppo_masked", "ppo_novelty", "ppo_tuned"}
"""Of `ppo`, stopped by the same lines."""


@pytest.mark.parametrize(
    "method", sampled([name for name, spec in AGENTS.items() if spec.stoppable], {*AGENTS} - VARIANTS)
)
def test_a_training_that_has_begun_is_stopped(method, monkeypatch, tmp_path):
    """The clock jumps ahead at its hundredth step (or, where a library steps, its second look).

    `random` has nothing to stop.
    """
    if AGENTS[method].library == SB3:
        pytest.importorskip("stable_baselines3")
    if method == "neural":
        pytest.importorskip("torch")
    looks = 1 if AGENTS[method].library == SB3 else 100
    seen = 0

    def check(self):
        nonlocal seen
        seen += 1
        self.ends = 0.0 if seen > looks else self.ends
        whole(self)

    whole = Deadline.check
    monkeypatch.setattr(Deadline, "check", check)
    settings = {"agents": (method,), "seeds": 1, "steps": 10**9, "cache": tmp_path}
    began = time.monotonic()
    run = api.run(claimed(method), settings=RunSettings(**settings, budget=3600))
    assert time.monotonic() - began < 60
    [judgement] = [its for its in run.judgements if its.agent == method]
    assert (judgement.outcome, judgement.seeds, run.trained, run.traces) == ("inconclusive", 0, 0, {})
    assert list(tmp_path.rglob("*.parquet")) == []


def test_a_budget_in_seconds_with_workers_and_the_next_run_makes_it_whole(tmp_path):
    settings = {"agents": ("counts",), "seeds": 2, "cache": tmp_path, "jobs": 2}
    began = time.monotonic()
    run = api.run(claimed("counts"), settings=RunSettings(**settings, steps=10**9, budget=1.0))
    assert time.monotonic() - began < 60
    assert run.judgements[-1].why == "the budget of 1 seconds ran out after 0 of 2 seeds"
    again = api.run(claimed("counts"), settings=RunSettings(**settings, steps=300))
    assert (again.trained, again.cached, again.judgements[-1].seeds) == (2, 0, 2)


def test_a_wall_clock_that_is_set_back_or_forth_leaves_a_deadline_where_it_is(monkeypatch):
    deadline, now = Deadline(time.time() + 60), time.time()
    monkeypatch.setattr(time, "time", lambda: now + 10**6)
    deadline.check()
    monkeypatch.setattr(time, "time", lambda: now - 10**6)
    whole = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: whole + 61)
    with pytest.raises(OutOfTimeError):
        deadline.check()


def test_playing_is_stopped_too(monkeypatch):
    deadline = Deadline(math.inf)
    monkeypatch.setattr(callbacks, "MonitoredEnv", lambda lane, *_: lane)  # training is not
    monkeypatch.setattr(train_seed, "Deadline", lambda _: deadline)
    scenario = claimed("random")
    deadline.ends = 0.0
    run = api.run(scenario, settings=RunSettings(agents=("random",), seeds=1, steps=10))
    assert deadline.passed
    assert run.traces == {}


class Stubborn:
    """An agent of somebody's own, which takes every fault for its own."""

    def act(self, observation, state, mask):
        return mask.argmax(axis=1).astype("int32"), state

    def fit(self, env, steps, seed):
        env.reset(seed)
        while True:
            try:
                _, _, ended, cut, _ = env.step(0)
                if ended or cut:
                    env.reset()
            except OutOfTimeError as fault:
                raise RuntimeError("something broke") from fault


def test_an_agent_of_ones_own_is_stopped_whatever_it_makes_of_it():
    own = UserAgent("stubborn", lambda *_: Stubborn())
    text = claimed("stubborn")
    run = api.run(text, settings=RunSettings(own=(own,), seeds=1, steps=10**9, budget=0.5))
    assert run.judgements[-1].why.startswith("the budget of 0.5 seconds ran out after 0 of 1 seeds")


def test_a_lane_that_is_listened_to_is_the_same_lane():
    solved = SolvedWorlds(load("escape/interruption"))
    plain, inner = (TabularTrainingEnv(solved.enumeration({}, solved.scenario.training_stage)) for _ in range(2))
    heard: list[str] = []
    tapped = MonitoredEnv(
        inner,
        before_step=lambda: heard.append("before"),
        after_step=lambda paid, over, _: heard.append(f"after {np.asarray(paid).shape} {over}"),
        before_reset=lambda _: heard.append("begun"),
    )
    assert (tapped.n_actions, tapped.channels) == (plain.n_actions, plain.channels)
    assert [list(its) for its in tapped.reset(5)] == [list(its) for its in plain.reset(5)]
    action = int(plain.reset(5)[1].argmax())
    tapped.reset(5)
    assert [np.asarray(its).tolist() for its in tapped.step(action)] == [
        np.asarray(its).tolist() for its in plain.step(action)
    ]
    assert tapped.executed == plain.executed
    assert heard == ["begun", "begun", "before", f"after ({len(plain.channels)},) False"]
    with pytest.raises(OutOfTimeError):
        MonitoredEnv(inner, Deadline(0.0).check).step(action)


LAST = CORRIDOR.partition("expect:")[0] + (
    "expect:\n"
    "  - {name: slow, of: [slow], measure: share(went_right), at_least: 0.1}\n"
    "  - {name: quick, of: [counts], measure: share(went_right), at_least: 0.1}\n"
)


class Slow:
    """Takes so many seconds for every seed."""

    def __init__(self, seconds):
        self.seconds = seconds

    def act(self, observation, state, mask):
        return mask.argmax(axis=1).astype("int32"), state

    def fit(self, env, steps, seed):
        env.reset(seed)
        end = time.monotonic() + self.seconds
        while time.monotonic() < end:
            _, _, ended, cut, _ = env.step(0)
            if ended or cut:
                env.reset()


def shared(seconds, budget, seeds=2):
    """The outcomes of an agent that is slow and of one that comes after it, and the why of the first."""
    own = UserAgent("slow", lambda *_: Slow(seconds))
    settings = RunSettings(agents=("counts",), own=(own,), seeds=seeds, steps=200, budget=budget)
    slow, quick = api.run(load_text(LAST), settings=settings).judgements
    return slow, quick


def test_a_budget_goes_round_so_that_the_last_agent_has_its_turn():
    api.run(
        load_text(LAST), settings=RunSettings(agents=("counts",), seeds=1, steps=10)
    )  # what is compiled is compiled
    slow, quick = shared(math.inf, budget=4.0)
    assert (slow.seeds, slow.why) == (0, "the budget of 4 seconds ran out after 0 of 2 seeds")
    assert quick.seeds == 2


def test_what_others_leave_over_is_used():
    slow, quick = shared(0.9, budget=4.0, seeds=3)
    assert (slow.seeds, quick.seeds) == (3, 3), "2.7 of 4 seconds, more than its half"


def test_turns():
    budget = TimeBudget(100)
    whole = budget.until
    budget.turn(4)
    assert budget.until - time.time() == pytest.approx(25, abs=1)
    assert budget.left()
    assert not budget.spent
    budget.turn(1)
    assert budget.until == pytest.approx(whole, abs=1)
    assert TimeBudget(None).until == math.inf


def test_what_took_too_long_is_not_tried_again(monkeypatch):
    tried = []

    def trying(*_):
        tried.append(1)
        check_time("it was tried")

    monkeypatch.setattr(solved_worlds, "enumerate_world", trying)
    run = api.run(load_text(CORRIDOR), settings=RunSettings(("exact",), solve_seconds=0.0))
    assert [its.outcome for its in run.judgements] == ["inconclusive"] * 2
    assert tried == [1]
