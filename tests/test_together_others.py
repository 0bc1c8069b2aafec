"""Neural agents, those of Stable-Baselines3 and a user's own, each learning beside others on a lane that all share."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.worlds import scenario_of
from turncoat import api
from turncoat.agents.baselines.scripted import ConstantAgent
from turncoat.agents.external.user_agent import UserAgent, UserAgentError
from turncoat.agents.learning.joint_training import fit_together
from turncoat.agents.registry.agents import AGENTS
from turncoat.agents.registry.eligibility import unable
from turncoat.agents.registry.multi_agent_profiles import alone, brought, gathered
from turncoat.envs.mdp.enumeration import enumerate_world
from turncoat.envs.multi_agent.joint_training_env import JointTrainingEnv
from turncoat.envs.world.compiler import compile_world
from turncoat.evals.runs.run import RunSettings
from turncoat.evals.training.execution.workers import Workers
from turncoat.evals.training.spec import TrainingSpec
from turncoat.evals.training.train_seed import trained_traces

CHICKEN = api.load("chicken")
GAME = enumerate_world(compile_world(CHICKEN, "train"))
ROOT = Path(__file__).parent.parent

MODULE = '''
import numpy as np


class Averaging:
    """Tries actions now and then, and keeps to the one that paid best on average."""

    def __init__(self, seat):
        self.seat, self.sums, self.times = seat, np.zeros(len(seat.actions)), np.zeros(len(seat.actions))

    def fit(self, env, steps, seed):
        rng = np.random.default_rng(seed)
        env.reset(seed)
        for _ in range(steps):
            action = int(rng.integers(len(self.sums))) if rng.random() < 0.3 else self.best
            _, rewards, ended, cut, _ = env.step(action)
            self.sums[action] += rewards @ self.seat.weights
            self.times[action] += 1
            if ended or cut:
                env.reset()

    @property
    def best(self):
        return int((self.sums / np.maximum(self.times, 1)).argmax())

    def act(self, observation, state, mask):
        return np.full(len(observation), self.best), state


def make(seat):
    return Averaging(seat)
'''


def trained(profile, seed=0, steps=300, own=None):
    learn = CHICKEN.document.stages["deploy"].learn
    field = compile_world(CHICKEN, "deploy")
    spec = TrainingSpec(profile, CHICKEN, GAME, field, learn, steps, 1, CHICKEN.hash, {}, own)
    ((_, trace),) = trained_traces(spec, [seed], Workers(1), lambda: True)
    return trace


def played(trace):
    return Counter(tuple(row) for row in trace.table["chosen"].to_list())


# ------------------------------------------------------------------ Stable-Baselines3 and neural


@pytest.mark.slow
@pytest.mark.parametrize(
    ("method", "steps", "other", "answer"),
    [("ppo", 2048, "right", 0), pytest.param("dqn", 2000, "left", 1, marks=pytest.mark.nightly)],
)
def test_it_answers_who_never_changes(method, steps, other, answer):
    """Beside a dove the hawk earns 5 and not 3, beside a hawk the dove 2 and not 0."""
    assert {hers for hers, _ in played(trained(f"ann={method}, bob={other}", steps=steps))} == {answer}


@pytest.mark.nightly
@pytest.mark.slow
def test_a_seed_fixes_two_of_them_whatever_went_before():
    np.random.seed(1)
    one = trained("ann=ppo, bob=dqn", steps=1100)
    np.random.seed(2)
    two = trained("ann=ppo, bob=dqn", steps=1100)
    assert one.table.equals(two.table)


class Drawing:
    """Acts as it always would, and uses the chance that a process has only one of."""

    def __init__(self, draws):
        self.draws = draws

    def fit(self, env, steps, seed):
        import random

        import torch

        env.reset(seed)
        for _ in range(steps):
            np.random.rand(self.draws), torch.rand(self.draws), [random.random() for _ in range(self.draws)]
            _, _, ended, cut, _ = env.step(0)
            if ended or cut:
                env.reset()

    def act(self, observation, state, mask):
        return np.zeros(len(observation), int), state


@pytest.mark.nightly
def test_its_chance_is_its_own():
    """Whatever another draws in its turns, every weight is the same."""
    world = alone(GAME.world, 0)
    learned = []
    for draws in (0, 7):
        ann: Any = AGENTS["ppo"].make(world, CHICKEN)
        bob = UserAgent("drawing", Drawing(draws)).make(alone(GAME.world, 1))
        fit_together(JointTrainingEnv(GAME, lenient=True), [ann, bob], 1024, seed=4)
        learned.append([part.numpy() for part in ann._model.policy.state_dict().values()])
    assert all(np.array_equal(one, two) for one, two in zip(*learned, strict=True))


def test_it_is_paid_and_shown_what_is_its_own():
    from turncoat.agents.external.sb3_shared_env import SharedLane

    seen: list[Any] = []

    class Looking:
        def fit(self, env, steps, seed, on_progress=None):
            lane = SharedLane(env, alone(GAME.world, 1))
            seen.append(lane.reset())
            for step in range(steps):
                lane.step_async(np.array([step % 2]))
                observation, rewards, done, infos = lane.step_wait()
                seen.append((observation, float(rewards[0]), bool(done[0]), infos[0]))

        def act(self, observation, state, mask):
            return np.zeros(len(observation), np.int32), None

    fit_together(JointTrainingEnv(GAME), [ConstantAgent(1), Looking()], 20, seed=0)
    assert [pay for _, pay, _, _ in seen[1:]] == [2, 0] * 10
    assert [done for _, _, done, _ in seen[1:]] == [False] * 19 + [True]
    assert seen[-1][3]["TimeLimit.truncated"]
    assert set(seen[-1][3]["terminal_observation"]) == set(seen[0])
    assert seen[0]["board"].shape == seen[1][0]["board"].shape


GUARDED = """
map: |
  #####
  #N.B#
  #####
legend:
  N: ann
  B: bob
agents:
  ann: {actions: [stay, {name: right, when: open}], values: {score: {}}}
  bob: {actions: [stay], values: {score: {}}}
counters: {open: {}}
rewards: {score: {}, performance: {hidden: true}}
rules:
  - {name: pay, when: ann moved, pays: {ann.score: 1}}
stages: {train: {limit: 5}}
solution: joint
"""


def test_what_is_not_available_does_nothing_on_a_lenient_lane():
    game = enumerate_world(compile_world(scenario_of(GUARDED), "train"))
    lane = JointTrainingEnv(game, lenient=True)
    view = lane.reset(0)
    assert view.available[0].tolist() == [True, False]
    tick = lane.step(np.array([1, 0], np.int32))
    assert not tick.rewards[0].any()
    assert np.array_equal(tick.observation.observations[0], view.observations[0])


def test_neural_learns_in_its_turns():
    one, two = (trained("ann=neural, bob=q_learning", steps=60) for _ in range(2))
    assert one.table.equals(two.table)


def test_who_cannot_is_told_why():
    world = compile_world(api.load("chicken", {"ann.observes.window": 3}), "train")
    assert "whole boards" in str(unable("ann=ppo, bob=left", world))
    assert unable("ann=left, bob=ppo", world) is None
    assert "discount below 1" in str(unable("neural", compile_world(api.load("chicken", {"bob.discount": 1}), "train")))


# ------------------------------------------------------------------ a user's own


@pytest.fixture
def make():
    space: dict = {}
    exec(MODULE, space)
    return space["make"]


def test_a_part_of_one_s_own_is_trained_beside_the_others(make):
    for other, answer in (("left", 1), ("right", 0)):
        profile = f"ann={other}, bob=mine"
        trace = trained(profile, own=UserAgent(profile, {"mine": make}))
        assert {his for _, his in played(trace)} == {answer}
    everybody = trained("mine", own=UserAgent("mine", make))
    assert set(played(everybody)) <= {(0, 1), (1, 0), (1, 1), (0, 0)}


def test_its_faults_end_the_training_of_all_and_are_its_own():
    class Fails:
        def __init__(self, seat):
            pass

        def fit(self, env, steps, seed):
            env.reset(seed)
            env.step(0)
            try:
                env.step(1)
            finally:
                raise KeyError("no data")

        def act(self, observation, state, mask):
            return mask.argmax(axis=1), state

    profile = "ann=counts, bob=mine"
    with pytest.raises(UserAgentError, match="`mine` failed in `fit`: KeyError"):
        trained(profile, own=UserAgent(profile, {"mine": Fails}))


def test_what_a_command_line_names():
    assert gathered(["robot=my:a", "robot=my:b"]) == ["robot=my:a", "robot=my:b"], "one after the other"
    assert gathered(["ann=counts", "bob=my:b", "exact"]) == ["exact", "ann=counts, bob=my:b"]
    assert gathered(["ann=my:a", "bob=my:b"]) == ["ann=my:a, bob=my:b"]
    own = brought("bob=my:b,ann=counts")
    assert own is not None
    assert own.label == own.words == "ann=counts, bob=my:b"
    assert own.part("my:b") == UserAgent("my:b", "my:b")
    assert own.part("counts") is None
    assert brought("robot=my:a") == UserAgent("my:a", "my:a", "robot")
    assert brought("ann=counts, bob=left") is None
    assert "cannot be `countz`" in str(unable("ann=countz, bob=my:b", GAME.world, brought("ann=countz, bob=my:b")))
    kept = RunSettings.from_manifest(RunSettings(own=[own]).filled(CHICKEN), trust=True)
    assert kept.own == (replace(own, trust=True),)


def test_it_is_judged_from_the_command_line(tmp_path):
    (tmp_path / "my_pkg.py").write_text(MODULE, encoding="utf-8")
    (tmp_path / "mine.yaml").write_text(
        "turncoat: 1\nextends: two_systems/chicken\nname: mine\nexpect:\n"
        "  - {name: it takes, measure: rate(gave_way), at_least: 0.1}\n"
        "  - {name: it answers, measure: regret(bob), at_most: 0}\n",
        encoding="utf-8",
    )
    command = ["run", "mine.yaml", "--agent", "ann=left,bob=my_pkg:make", "--seeds", "6", "--steps", "200"]
    done = subprocess.run(
        [sys.executable, "-m", "turncoat", *command, "--jobs", "1", "--no-save", "--json"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.environ.get("PYTHONPATH", str(ROOT))},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    judged = {each["name"]: each for each in json.loads(done.stdout)["expectations"] if each["agent"] != "exact"}
    assert {each["agent"] for each in judged.values()} == {"ann=left, bob=my_pkg:make"}
    assert judged["it takes"]["value"] == 1
    assert judged["it answers"]["outcome"] == "pass"
