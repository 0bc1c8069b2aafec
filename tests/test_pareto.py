"""Fronts against every deterministic policy of small processes, volumes by counting, and vectors of rewards."""

from __future__ import annotations

import itertools
import json
import os
from pathlib import Path

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import data_equivalence
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure
from scipy.optimize import linprog
from typer.testing import CliRunner

import turncoat
from tests.test_export import WINDY
from tests.test_extremes import SEEDS, random_world
from tests.worlds import scenario_of
from turncoat.cli import app
from turncoat.envs.pareto.coverage_set import coverage_set, hypervolume, improvement, shortfall
from turncoat.envs.solvers.dynamic_programming import policy_iteration
from turncoat.envs.solvers.policy_evaluation import evaluate
from turncoat.scenarios.errors import UsageError
from turncoat.viz.pictures.figure_files import write_figure

DISCOUNT = 0.8


def _vectors(seed: int, objectives: int) -> tuple[object, np.ndarray]:
    """A random process with several channels, and the vector of every deterministic policy of it."""
    from dataclasses import replace

    small = random_world(seed)
    rng = np.random.default_rng(seed)
    pays = rng.integers(-2, 4, (small.next_state.size, objectives)).astype(float)
    mdp = replace(small, rewards=pays, channels=tuple("abc"[:objectives]))
    policies = itertools.product(range(mdp.n_actions), repeat=mdp.n_states)
    usable = [p for p in policies if all(mdp.ended[s] or mdp.available[s, a] for s, a in enumerate(p))]
    values = [mdp.start_probability @ evaluate(mdp, np.array(p), DISCOUNT)[mdp.start_state] for p in usable]
    return mdp, np.array(values)


def _supported(vectors: np.ndarray) -> np.ndarray:
    """The vectors that are best for some weights and better than every other vector there, by a linear program each."""
    vectors = np.unique(np.round(vectors, 9), axis=0)
    kept = []
    for place, vector in enumerate(vectors):
        others, d = np.delete(vectors, place, axis=0), vector.size
        if not len(others):
            return vectors
        found = linprog(
            np.append(np.zeros(d), -1),
            np.column_stack([others - vector, np.ones(len(others))]),
            np.zeros(len(others)),
            [np.append(np.ones(d), 0)],
            [1],
            [*[(0, 1)] * d, (None, None)],
        )
        assert found.x is not None
        if found.x[-1] > 1e-7:
            kept.append(vector)
    return np.array(kept)


@settings(max_examples=15)
@given(SEEDS, st.sampled_from([2, 3]))
def test_a_front_is_that_of_all_policies(seed: int, objectives: int) -> None:
    mdp, vectors = _vectors(seed, objectives)

    def best(weights: np.ndarray) -> np.ndarray:
        solved = policy_iteration(mdp, weights, DISCOUNT)  # type: ignore[arg-type]
        return np.asarray(mdp.start_probability @ solved.vector_values[mdp.start_state])  # type: ignore[attr-defined]

    found = coverage_set(best, objectives)
    wanted = _supported(vectors)
    assert len(found.vectors) == len(wanted)
    assert np.abs(found.vectors[:, None] - wanted[None]).max(axis=2).min(axis=0) == pytest.approx(0, abs=1e-6)
    tops = (found.weights[:, None] * vectors[None]).sum(axis=2).max(axis=1)
    assert (found.weights * found.vectors).sum(axis=1) == pytest.approx(tops, abs=1e-9)


@given(SEEDS, st.sampled_from([1, 2, 3]))
@settings(max_examples=25)
def test_a_hypervolume_is_counted_cell_by_cell(seed: int, objectives: int) -> None:
    vectors = np.random.default_rng(seed).integers(0, 5, (4, objectives)).astype(float)
    cells = itertools.product(range(5), repeat=objectives)
    covered = sum(any((vector >= np.array(cell) + 1).all() for vector in vectors) for cell in cells)
    assert hypervolume(vectors, np.zeros(objectives)) == covered


def test_a_shortfall_is_what_all_could_gain_at_once() -> None:
    vectors = np.array([[4.0, 0.0], [0.0, 4.0]])
    assert shortfall(np.array([2.0, 2.0]), vectors) == pytest.approx(0, abs=1e-9)
    assert shortfall(np.array([1.0, 1.0]), vectors) == pytest.approx(1)
    assert shortfall(np.array([4.0, 0.0]), vectors) == pytest.approx(0, abs=1e-9)


# ------------------------------------------------------------------ of a stage


def test_what_is_dominated_is_not_on_the_front_though_not_everything_could_be_greater(tmp_path: Path) -> None:
    vectors = np.array([[4.0, 0.0], [2.0, 2.0], [0.0, 3.0]])
    for vector, gains in (([2, 2], [0, 0]), ([0, 3], [0, 0]), ([3, 1], [0, 0]), ([4, -1], [0, 1]), ([-7, 3], [7, 0])):
        assert improvement(np.array(vector, float), vectors) == pytest.approx(np.array(gains), abs=1e-6)
    file = str(tmp_path / "way.yaml")
    assert CliRunner().invoke(app, ["new", "way", "--out", file]).exit_code == 0
    command = ["pareto", file, "--objective", "parcels", "--objective", "performance"]
    # The agent arrives, as the designers' best plan does, and tramples on its way.
    assert "not on the front: with nothing smaller there could be more of performance 3" in " ".join(
        CliRunner().invoke(app, command).stdout.split()
    )


def test_the_agents_choice_lies_on_the_front_of_its_own_values() -> None:
    room = scenario_of(WINDY)
    front, analysis = turncoat.pareto(room), turncoat.solve(room)

    assert front.objectives == ("reward", "toll")
    assert front.shortfall == pytest.approx(0, abs=1e-9)
    assert max(sum(point.values.values()) for point in front.points) == pytest.approx(analysis.agent.value.high)
    assert front.choice is not None
    assert front.choice["toll"].low == pytest.approx(analysis.agent.values["toll"].low)
    assert len(front.to_frame()) == len(front.points)


def test_performance_is_an_objective_over_the_ticks_of_the_stage() -> None:
    front = turncoat.pareto("treacherous_turn/lab", ["task", "performance"])

    assert (front.criterion, front.hidden) == ("return", True)
    assert [point.values for point in front.points] == [{"task": 17, "performance": 17}]
    assert front.choice is not None
    assert front.choice["performance"].low == -183
    assert front.shortfall == pytest.approx(14)
    with pytest.raises(UsageError, match="never discounted"):
        turncoat.pareto("treacherous_turn/lab", ["task", "performance"], discounted=True)
    with pytest.raises(turncoat.UnknownNameError, match="there is no objective `tusk`"):
        turncoat.pareto("treacherous_turn/lab", ["tusk"])


def test_the_command_draws_and_prints_json(tmp_path: Path) -> None:
    run = CliRunner()
    for kind in ("png", "svg"):
        done = run.invoke(app, ["pareto", "escape/faking", "--json", "--picture", str(tmp_path / f"front.{kind}")])
        assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["criterion"] == "value"
    assert (tmp_path / "front.png").read_bytes()[:4] == b"\x89PNG"
    assert "<svg" in (tmp_path / "front.svg").read_text(encoding="utf-8")
    (tmp_path / "linked.png").symlink_to("elsewhere")
    for name in ("front.png", "linked.png", "front.jpg", "front.png/x.png", "nowhere/x.png"):
        again = run.invoke(app, ["pareto", "escape/faking", "--picture", str(tmp_path / name)])
        assert isinstance(again.exception, UsageError)
        assert not again.stdout, "it is said before the work"


def test_no_link_in_the_way_of_a_picture_is_written_through(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("kept")
    for name in (".front.png.part", f".front.{os.getpid()}.part.png"):
        (tmp_path / name).symlink_to("mine")
    write_figure(Figure(figsize=(1, 1)), tmp_path / "front.png")
    assert (tmp_path / "mine").read_text() == "kept"


# ------------------------------------------------------------------ vectors of rewards


def test_a_vector_of_rewards_weighs_up_to_the_scalar_one() -> None:
    vector, scalar = turncoat.make_mo(scenario_of(WINDY), "deploy"), turncoat.make(scenario_of(WINDY), "deploy")
    assert vector.reward_space.shape == (vector.reward_dim,) == (2,)
    assert data_equivalence(vector.reset(seed=3), scalar.reset(seed=3))
    rng = np.random.default_rng(0)
    for _ in range(200):
        action = int(rng.integers(vector.action_space.n))  # type: ignore[attr-defined]
        observation, paid, terminated, truncated, info = vector.step(action)
        other, reward, *ends, same = scalar.step(action)
        assert vector.reward_space.contains(paid)
        assert paid @ vector.weights == pytest.approx(reward)
        assert data_equivalence(observation, other)
        assert [terminated, truncated] == ends
        assert info == same
        assert "performance" not in info
        if terminated or truncated:
            assert data_equivalence(vector.reset(), scalar.reset())


def test_every_scenario_of_one_agent_has_an_id_with_a_vector() -> None:
    env = gymnasium.make("turncoat/mo-lab-v0")
    env.reset(seed=0)
    assert env.step(0)[1].shape == (2,)  # type: ignore[attr-defined]
    assert env.unwrapped.channels == ("task", "own")  # type: ignore[attr-defined]


def test_a_known_front_is_what_the_command_finds() -> None:
    env = turncoat.make_mo(scenario_of(WINDY), "deploy")
    known = np.array(env.pareto_front(0.9))
    assert known == pytest.approx(turncoat.pareto(scenario_of(WINDY)).vectors, abs=1e-9)
