"""Exported models: what they say by themselves, and what Storm and QuantEcon find in them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import turncoat
from tests import storm
from tests.worlds import LIVES, ROOM, SIMULATED, scenario_of
from turncoat.cli import app
from turncoat.envs.analysis.exact_plan import plan_exactly, weights_may_change
from turncoat.envs.analysis.performance_gap import performance_mdp
from turncoat.envs.analysis.tie_ranges import Occurs, share_range
from turncoat.envs.base import NotEnumerableError
from turncoat.envs.export.explicit_model import ExplicitModel, decided, explicit_model, identifiers
from turncoat.envs.export.formats import write_model
from turncoat.envs.export.queries import queries
from turncoat.envs.life.plan import designers_plan
from turncoat.envs.mdp.enumeration import Enumeration, enumerate_world
from turncoat.envs.solvers.dynamic_programming import backward_induction, policy_iteration
from turncoat.envs.time_limit import OutOfTimeError, time_limit
from turncoat.envs.world.compiler import compile_world
from turncoat.evals.exact.solved_worlds import SolvedWorlds
from turncoat.scenarios.language.loading import Scenario, apply_overrides, load

SMALL = ["escape/faking", "escape/interruption", "safety_gridworlds/absent_supervisor", "safety_gridworlds/friend_foe"]
GUST = """
rules:
  - name: gust
    when: robot does right
    chance: 0.3
    then:
      - event gust
      - move robot up
    pays: {toll: -1, performance: -2}
"""
WINDY = ROOM.replace("\nrules:\n", GUST).replace("pays: {reward: 2}", "pays: {reward: 2, performance: 5}")
"""The room with a wind: an event by chance, and the same next state with and without it."""


def enumeration_of(name: str) -> Enumeration:
    """A library scenario's judged stage; where equilibria are solved for, with one planner who chooses for all."""
    scenario = load(name)
    world = compile_world(scenario, scenario.judged_stage)
    if world.equilibrium is not None:
        world = compile_world(apply_overrides(scenario, {"solution": "joint"}), scenario.judged_stage)
    return enumerate_world(world, scenario.document.runs.max_states)


def _room(text: str = WINDY) -> Scenario:
    return scenario_of(text)


def _windy() -> Enumeration:
    return enumerate_world(compile_world(_room()))


def _figures(enumeration: Enumeration, ticks: int | None = None) -> dict[str, float]:
    """What `queries` names, by this package's solvers on the enumerated process; over `ticks` if not its own."""
    its = decided(enumeration)
    world, mdp, model = its.world, its.mdp, explicit_model(enumeration)
    steps = world.steps if ticks is None else ticks
    alone = replace(mdp, rewards=(mdp.rewards * _weights(its)).sum(axis=1)[:, None], channels=("reward",))
    if world.horizon is not None:
        value = backward_induction(alone, [1.0], model.discount, steps).values[0]
    else:
        value = policy_iteration(alone, [1.0], model.discount).values
    found = {"value": float(mdp.start_probability @ value[mdp.start_state])}
    if world.hidden is not None:
        best = backward_induction(performance_mdp(its), [1.0], 1.0, steps).values[0]
        found["performance"] = float(mdp.start_probability @ best[mdp.start_state])
    for event in mdp.event_names:
        least, most = share_range(mdp, mdp.available, Occurs(int(mdp.event_mask(event))), steps)
        found |= {f"least:{event}": least, f"most:{event}": most}
    return found


def _weights(enumeration: Enumeration) -> np.ndarray:
    """The weights of those who decide, before each outcome."""
    world, mdp = enumeration.world, enumeration.mdp
    agents = range(len(world.agents)) if world.response is None else (world.response.agent,)
    held = np.sum([world.weights(enumeration.states, agent) for agent in agents], axis=0)
    state = np.repeat(np.arange(mdp.n_states), np.diff(mdp.row_start[:: mdp.n_actions]))
    return np.asarray(held[state])


def _best(model: ExplicitModel, reward: str, ticks: int) -> float:
    """The best total over some ticks, by plain value iteration on the exported arrays."""
    pays, values = model.rewards[:, model.reward_names.index(reward)], np.zeros(model.n_states)
    for _ in range(ticks):
        q = pays + np.add.reduceat(model.probability * values[model.target], model.first_branch[:-1])
        values = np.maximum.reduceat(q, model.first_choice[:-1])
    return float(values[model.initial])


# ------------------------------------------------------------------ the model


@pytest.mark.parametrize("folded", [False, True])
@pytest.mark.parametrize("name", ["room", "safety_gridworlds/absent_supervisor"])
def test_a_model_is_a_process_of_its_own(name: str, folded: bool) -> None:
    model = explicit_model(_windy() if name == "room" else enumeration_of(name), folded)

    assert np.add.reduceat(model.probability, model.first_branch[:-1]) == pytest.approx(1)
    assert (np.diff(model.first_choice) > 0).all()
    assert (np.diff(model.first_branch) > 0).all()
    assert len(np.unique(model.valuations, axis=0)) == model.n_states
    within = np.repeat(np.arange(model.n_choices), np.diff(model.first_branch))
    assert (np.diff(model.target)[np.diff(within) == 0] > 0).all(), "Storm wants the targets of a choice in order"
    names = [*model.label_names, *model.reward_names, *(variable.name for variable in model.variables)]
    assert len(set(names)) == len(names)


def test_a_label_holds_right_after_its_event_and_not_for_ever() -> None:
    model = explicit_model(_windy())
    there = model.labels[:, model.label_names.index("ended_there")]
    over = model.labels[:, model.label_names.index("over")]
    gust = model.labels[:, model.label_names.index("gust")]

    assert there.any()
    assert gust.any()
    assert (over & ~there).any(), "an ended state is left for one in which nothing came"
    into = [model.target[model.first_branch[model.first_choice[state]]] for state in np.flatnonzero(there)]
    assert over[into].all()
    assert not there[into].any()


def test_an_end_by_the_discount_makes_plain_sums_discounted() -> None:
    enumeration = _windy()
    folded = explicit_model(enumeration, folded=True)

    value = _figures(enumeration)["value"]
    assert value == pytest.approx(plan_exactly(enumeration).start_value, abs=1e-12)
    assert _best(folded, "reward", 400) == pytest.approx(value, abs=1e-9)
    assert folded.labels[:, folded.label_names.index("discounted")].sum() == 1


def test_a_draw_of_the_start_is_a_tick_before_the_first() -> None:
    enumeration = enumeration_of("safety_gridworlds/absent_supervisor")
    model = explicit_model(enumeration)

    assert model.lead == 1
    assert _best(model, "hidden_performance", model.steps + 1) == pytest.approx(_figures(enumeration)["performance"])


def test_hidden_performance_is_a_reward_model_of_its_own_and_marked() -> None:
    model = explicit_model(_windy())

    assert model.reward_names == ("reward", "reward_2", "toll", "hidden_performance")
    assert model.reward_of == {"reward": "reward_2", "toll": "toll", "performance": "hidden_performance"}
    assert model.rewards[:, 3].max() == 5
    assert model.rewards[:, :3].max() == 2, "what is hidden is in no other reward model"


def test_a_reward_model_that_pays_nothing_is_not_asked_for() -> None:
    plain = explicit_model(enumerate_world(compile_world(_room(ROOM))))
    assert "hidden_performance" in plain.reward_names
    assert "performance" not in {query.name for query in queries(plain)}


def test_names_are_made_plain_and_stay_apart() -> None:
    assert identifiers(["gem[0].cell", "gem_0_cell", "2x", "ended:shut down", "!"]) == (
        "gem_0_cell",
        "gem_0_cell_2",
        "x2x",
        "ended_shut_down",
        "x",
    )
    assert identifiers(["min"], taken=["min"]) == ("min_2",)


def test_equilibria_are_refused() -> None:
    scenario = apply_overrides(load("two_systems/chicken"), {"solution": "equilibrium"})
    game = enumerate_world(compile_world(scenario, scenario.judged_stage))
    with pytest.raises(NotEnumerableError, match="solution: joint"):
        explicit_model(game)


# ------------------------------------------------------------------ arrays


@pytest.mark.nightly  # Numba compiles QuantEcon's loops for four seconds
def test_arrays_are_what_quantecon_solves() -> None:
    from quantecon.markov import DiscreteDP

    arrays = turncoat.arrays(_room())
    solver = DiscreteDP(arrays.reward, arrays.transitions, arrays.discount, arrays.state, arrays.action)
    found = solver.solve(method="policy_iteration")

    assert arrays.start @ found.v == pytest.approx(turncoat.solve(_room()).agent.value.high, abs=1e-9)
    assert arrays.performance is not None
    assert arrays.performance.shape == arrays.reward.shape


def test_dense_tables_hold_the_same() -> None:
    arrays = turncoat.arrays(_room())
    chance, reward, there = arrays.dense()

    assert chance.sum(axis=2) == pytest.approx(1)
    values = np.zeros(arrays.start.size)
    for _ in range(400):
        values = np.where(there, reward + arrays.discount * chance @ values, -np.inf).max(axis=1)
    assert arrays.start @ values == pytest.approx(turncoat.solve(_room()).agent.value.high, abs=1e-9)


def test_an_array_file_reads_back_without_pickles(tmp_path: Path) -> None:
    turncoat.export(_room(), "numpy", out=tmp_path / "it")
    arrays = turncoat.arrays(_room())

    with np.load(tmp_path / "it/model.npz") as file:
        about = json.loads(str(file["about"]))
        assert about["channels"] == ["reward", "toll"]
        assert (file["probability"] == arrays.transitions.data).all()
        assert (file["hidden_performance"] == arrays.performance).all()
        assert (file["events"] == arrays.events).all()


# ------------------------------------------------------------------ files


def test_a_folder_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    with pytest.raises(OutOfTimeError), time_limit(0):
        turncoat.export(_room(), "drn", out=tmp_path / "it")
    assert list(tmp_path.iterdir()) == []

    turncoat.export(_room(), "drn", out=tmp_path / "it")
    about = json.loads((tmp_path / "it/export.json").read_text(encoding="utf-8"))
    assert sorted(about["files"]) == sorted(path.name for path in (tmp_path / "it").iterdir())
    with pytest.raises(turncoat.RunError, match="exists already"):
        turncoat.export(_room(), "drn", out=tmp_path / "it")


def test_a_command_says_what_to_ask(tmp_path: Path) -> None:
    run = CliRunner()
    done = run.invoke(app, ["export", "faking", "--to", "dot", "--out", str(tmp_path / "it"), "--json"])

    assert done.exit_code == 0, done.output
    assert {"value", "performance", "least:defied"} <= {query["name"] for query in json.loads(done.stdout)["queries"]}
    assert (tmp_path / "it/model.dot").read_text(encoding="utf-8").startswith("digraph")


# ------------------------------------------------------------------ Storm


@pytest.mark.parametrize("form", ["umb", "drn", "prism", "jani"])
def test_storm_reads_every_format_and_finds_the_same(form: str, tmp_path: Path) -> None:
    storm.storm()
    enumeration = _windy()
    _compare(enumeration, form, tmp_path)


@pytest.mark.parametrize("name", SMALL)
def test_storm_agrees_on_small_scenarios(name: str, tmp_path: Path) -> None:
    storm.storm()
    _compare(enumeration_of(name), "drn", tmp_path)


@pytest.mark.nightly
@pytest.mark.parametrize("form", ["umb", "drn"])
@pytest.mark.parametrize("name", [name for name in turncoat.names() if name not in SIMULATED | LIVES])
def test_storm_agrees_on_the_library(name: str, form: str, tmp_path: Path) -> None:
    storm.storm()
    _compare(enumeration_of(name), form, tmp_path)


@pytest.mark.nightly
@pytest.mark.parametrize("name", sorted(LIVES))
def test_storm_agrees_on_whole_lives(name: str, tmp_path: Path) -> None:
    """A life is exported as one stage over its places; its figures are also those of the solver of lives."""
    storm.storm()
    solved = SolvedWorlds(load(name))
    whole, life = solved.stage_or_life("life"), solved.life({})
    # Chance decides how long some lives are: of those that go on with 0.97 after an episode nearly none is so long.
    ticks = None if whole.world.horizon is not None else 2_000
    figures = _figures(whole, ticks)
    _compare(whole, "drn", tmp_path, ticks)
    assert figures["performance"] == pytest.approx(designers_plan(life).start_value, abs=1e-6)
    fixed = not weights_may_change(whole.world)
    if fixed and life.foresight == "life" and not life.aliased:
        assert figures["value"] == pytest.approx(life.start_value, abs=1e-6)


def _compare(enumeration: Enumeration, form: str, folder: Path, ticks: int | None = None) -> None:
    """Every query of both models of a stage, against this package's own solvers, to 1e-6."""
    figures, asked = _figures(enumeration, ticks), set()
    for folded in (False, True):
        write_model(enumeration, form, folder, folded)
        model, read = explicit_model(enumeration, folded), storm.read_model(folder, form)
        assert read.nr_states == model.n_states
        assert set(model.reward_names) == set(read.reward_models)
        for query in queries(model):
            if "discount" in query.formula:
                continue  # Storm stops early there: docs/how-to/verify-with-storm.md
            asked.add(query.name)
            wanted = figures[query.name]
            assert storm.ask(read, query.formula) == pytest.approx(wanted, abs=1e-6, rel=1e-9), query
    zero = {name for name, column in zip(model.reward_names, model.rewards.T, strict=True) if not column.any()}
    unasked = {"value"} if "reward" in zero else set()
    unasked |= {"performance"} if model.reward_of.get("performance") in zero else set()
    held = {name: bool(column.any()) for name, column in zip(model.label_names, model.labels.T, strict=True)}
    for event, label in model.label_of.items():
        if not held[label]:
            assert figures[f"most:{event}"] == 0
            unasked |= {f"most:{event}", f"least:{event}"}
    assert asked == set(figures) - unasked
