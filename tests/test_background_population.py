"""Agents judged among co-players that are drawn from a folder: who is drawn, what they do, and what is refused."""

from __future__ import annotations

import json
import pickle
import sys
from dataclasses import replace

import numpy as np
import pytest
from typer.testing import CliRunner

from turncoat import api
from turncoat.agents.baselines.policy_table import PolicyTable
from turncoat.agents.baselines.scripted import ConstantAgent
from turncoat.agents.baselines.tabular import TabularAgent
from turncoat.agents.registry.stored_agents import read_agent
from turncoat.cli import app
from turncoat.envs.mdp.enumeration import enumerate_world
from turncoat.envs.reference.observation import observe
from turncoat.envs.world.compiler import compile_world
from turncoat.evals.exact.exploitability import policy_of
from turncoat.evals.reports.summary import RunReport
from turncoat.evals.runs.reproduce import reproduce
from turncoat.evals.runs.run import RunSettings, run_scenario
from turncoat.evals.runs.run_folder import load_run
from turncoat.evals.traces.provenance import RunError, library_versions
from turncoat.evals.traces.rollout import simulate, trace_meta
from turncoat.evals.training.background_population import PopulationError, draws, read_population, seated
from turncoat.printing.verdicts import print_run
from turncoat.scenarios.errors import UsageError

CHICKEN = api.load("chicken")
GAME = compile_world(CHICKEN, "deploy")
ROUNDS = 20


def table(chances=(0.0, 1.0), agent="bob", **changes) -> PolicyTable:
    """A policy of chicken: right always, unless told otherwise."""
    truth = enumerate_world(GAME, 100)
    number = [its.name for its in GAME.agents].index(agent) if agent in ("ann", "bob") else 1
    count = len(truth.states)
    its = {
        "agent": agent,
        "actions": GAME.agents[number].actions,
        "fields": tuple(GAME.fields[i].name for i in GAME.agents[number].sees),
        "training": ("by hand", 0, 1),
        "observations": observe(GAME, truth.states, number),
        "masks": np.ones((count, 2), np.bool_),
        "chances": np.tile(np.array(chances), (count, 1)),
    }
    return PolicyTable.of(**{**its, **changes})


@pytest.fixture
def folder(tmp_path):
    """Two that play Bob: a table that is always a hawk, and a stated dove."""
    folder = tmp_path / "others"
    folder.mkdir()
    table().save(folder / "bob.hawk.npz")
    (folder / "policies.yaml").write_text("bob: {dove: left}\n", encoding="utf-8")
    return folder


def test_who_is_met_decides_what_is_earned(folder):
    others = read_population(folder, CHICKEN, GAME)
    assert others.focal == ("ann",)
    settings = RunSettings(["ann=right, bob=left"], seeds=7, episodes=8, others=others, first_seed=0)
    found = {(each.agent, each.other): each for each in run_scenario(CHICKEN, settings).focal}
    # A hawk earns 5 a round from a dove, and nothing beside a hawk; nobody is trained, so every seed earns the same.
    for other, worth in (("dove", 5.0), ("hawk", 0.0)):
        its = found["ann", other]
        assert (its.seat, its.value, its.low, its.high) == ("bob", worth * ROUNDS, worth * ROUNDS, worth * ROUNDS)
    assert found["ann", ""].episodes == 7 * 8 == found["ann", "dove"].episodes + found["ann", "hawk"].episodes
    assert 0.25 * 56 < found["ann", "dove"].episodes < 0.75 * 56
    per_seed = [np.mean([5.0 * ROUNDS * (draws(seed, 1, np.arange(8), 2) == 0).astype(float)]) for seed in range(7)]
    assert found["ann", ""].value in (np.median(per_seed), np.median(100 - np.array(per_seed)))


def test_episodes_do_not_depend_on_how_many_are_played_at_once(folder):
    table((0.5, 0.5)).save(folder / "bob.mixed.npz")
    others = read_population(folder, CHICKEN, GAME)
    meta = trace_meta(GAME, "ann=right, bob=left", CHICKEN.hash, {}, library_versions())
    played = []
    for lanes in (1, 3, 256):
        acting = seated(others, [ConstantAgent(1), ConstantAgent(0)], CHICKEN, GAME, seed=4)
        played.append(simulate(GAME, acting, meta, episodes=7, seed=4, lanes=lanes).table.drop("lane", "thoughts"))
    assert played[0].equals(played[1])
    assert played[0].equals(played[2])
    chosen = np.array(played[0]["chosen"].to_list())[:, 1].reshape(7, ROUNDS)
    who = draws(4, 1, np.arange(7), 3)
    assert [set(row) for row in chosen[who == 1]] == [{0, 1}] * 2
    assert len({len(set(row.tolist())) for row in chosen}) > 1, "some mix and some do not"


def test_what_was_trained_acts_as_it_did(tmp_path):
    settings = RunSettings(["q_learning"], seeds=2, steps=300, policies=tmp_path, first_seed=5)
    run_scenario(CHICKEN, settings)
    with pytest.raises(UsageError, match=r"ann\.q_learning-seed-5\.npz exists already"):
        run_scenario(CHICKEN, replace(settings, steps=400))
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        f"{agent}.q_learning-seed-{seed}.npz" for agent in ("ann", "bob") for seed in (5, 6)
    ]
    truth = enumerate_world(GAME, 100)
    kept = read_agent(tmp_path / "ann.q_learning-seed-5.npz")
    assert isinstance(kept, PolicyTable)
    assert (kept.method, kept.seed, kept.steps) == ("q_learning", 5, 300)
    looks, mask = observe(GAME, truth.states, 0), np.ones((len(truth.states), 2), np.bool_)
    assert (kept.known(looks, mask) >= 0).all()
    assert kept.distribution(looks, mask) == pytest.approx(policy_of(kept, truth, 0))
    # Whoever is drawn alone plays as in the training of that seed: one population of each, and the same pairs meet.
    alone = tmp_path / "alone"
    alone.mkdir()
    (tmp_path / "bob.q_learning-seed-5.npz").rename(alone / "bob.five.npz")
    others = read_population(alone, CHICKEN, GAME)
    pair = RunSettings(["q_learning"], seeds=1, steps=300, first_seed=5, episodes=2)
    together = run_scenario(CHICKEN, pair).traces["deploy-q_learning"]
    drawn = run_scenario(CHICKEN, replace(pair, others=others)).traces["deploy-q_learning"]
    first = drawn.table.filter(drawn.table["episode"] == 0)
    assert first["chosen"].to_list() == together.table.filter(together.table["episode"] == 0)["chosen"].to_list()


def test_a_checkpoint_of_an_agent_s_own_and_a_policy_by_the_state(tmp_path):
    agent = TabularAgent("q_learning", GAME.channels, 2, GAME.agents[1].weights, 0.9)
    agent.save(tmp_path / "bob.checkpoint.npz")
    (tmp_path / "policies.yaml").write_text('bob: {wary: "if(bob on dove, left, right)"}\n', encoding="utf-8")
    others = read_population(tmp_path, CHICKEN, GAME)
    acting = seated(others, [ConstantAgent(1), ConstantAgent(0)], CHICKEN, GAME, seed=0)
    actions, _ = acting[1].act(
        observe(GAME, enumerate_world(GAME, 100).states[:1].repeat(9, axis=0), 1), None, np.ones((9, 2), np.bool_)
    )
    who = draws(0, 1, np.arange(9), 2)
    assert actions.tolist() == who.tolist()  # an empty table takes the first action, whoever is wary the second


def test_what_a_table_does_not_list_is_met_at_random(tmp_path):
    kept = table(observations=observe(GAME, enumerate_world(GAME, 100).states, 1) + 7)
    looks, mask = observe(GAME, enumerate_world(GAME, 100).states, 1), np.array([[True, False]])
    assert kept.distribution(looks[:1], mask).tolist() == [[1.0, 0.0]]
    assert kept.distribution(looks[:1], np.ones((1, 2), np.bool_)).tolist() == [[0.5, 0.5]]


class _Evil:
    def __reduce__(self):
        return exec, ("import sys; sys.modules['opened_by_a_population'] = 1",)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("bob.evil.pkl", pickle.dumps(_Evil()), "may hold code, and nothing of a population is run"),
        ("bob.py", b"import sys; sys.modules['opened_by_a_population'] = 1", "may hold code"),
        ("bob.model.zip", b"PK", "may hold code"),
        ("bob.torn.npz", b"PK\x05\x06", "is no checkpoint that can be read"),
        ("bob.npz", b"", "does not say whom it plays: name it AGENT.NAME.npz"),
        ("bob.parquet", b"", "is nobody that can play"),
        ("policies.yaml", b"bob: [left]", "write `AGENT: {NAME: POLICY}`"),
        ("policies.yaml", b"bob: {a: leftt}", "`bob` has no action `leftt`"),
        ("policies.yaml", b'bob: {a: "if(bob in nowhere, left, right)"}', "`a` is no policy of `bob`"),
        ("policies.yaml", b"bobb: {a: left}", "did you mean `bob`"),
        ("policies.yaml", b"bob: {a: left", "policies.yaml, line"),
    ],
)
def test_what_nobody_can_be(tmp_path, name, content, says):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(PopulationError, match=says.replace("{", r"\{").replace("(", r"\(")) as fault:
        read_population(tmp_path, CHICKEN, GAME)
    assert str(tmp_path) in str(fault.value)
    assert "opened_by_a_population" not in sys.modules


def test_a_pickle_in_an_array_is_not_opened(tmp_path):
    np.savez(tmp_path / "bob.evil.npz", header=np.array([_Evil()], dtype=object))
    with pytest.raises(PopulationError, match="an array is of object"):
        read_population(tmp_path, CHICKEN, GAME)
    assert "opened_by_a_population" not in sys.modules


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"actions": ("up", "down")}, "has the actions up, down, and `bob` has left, right"),
        ({"fields": ("elsewhere",)}, "sees other things than `bob` does"),
        ({"chances": np.full((len(enumerate_world(GAME, 100).states), 2), 0.7)}, "is no distribution"),
    ],
)
def test_tables_of_other_worlds(tmp_path, changes, says):
    table(**changes).save(tmp_path / "bob.other.npz")
    with pytest.raises(PopulationError, match=says):
        read_population(tmp_path, CHICKEN, GAME)


def test_seats(folder, tmp_path):
    table(agent="ann").save(folder / "ann.hawk.npz")
    with pytest.raises(PopulationError, match="--focal AGENT says who of ann, bob is judged"):
        read_population(folder, CHICKEN, GAME)
    assert [each.name for each in read_population(folder, CHICKEN, GAME, ["bob"]).of("ann")] == ["hawk"]
    with pytest.raises(PopulationError, match="are all judged"):
        read_population(folder, CHICKEN, GAME, ["ann", "bob"])
    with pytest.raises(PopulationError, match="has no agent `eve`"):
        read_population(folder, CHICKEN, GAME, ["eve"])
    with pytest.raises(PopulationError, match="cannot be listed"):
        read_population(folder / "missing", CHICKEN, GAME)
    lab = api.load("lab")
    with pytest.raises(PopulationError, match="has one agent"):
        read_population(folder, lab, compile_world(lab, "deploy"))


def test_the_command(folder, tmp_path, capsys):
    others = read_population(folder, CHICKEN, GAME)
    out = tmp_path / "run"
    words = ["run", "chicken", "--agent", "ann=right", "--agent", "bob=left", "--others", str(folder), "--seeds", "2"]
    done = CliRunner().invoke(
        app, [*words, "--episodes", "5", "--no-cache", "--json", "--out", str(out), "--jobs", "1"]
    )
    data = json.loads(done.stdout)
    assert {each["other"] for each in data["focal"]} == {"", "dove", "hawk"}
    assert json.loads((out / "focal.json").read_text(encoding="utf-8")) == data["focal"]
    with pytest.raises(RunError, match="co-players were drawn from a folder"):
        reproduce(load_run(out))
    print_run(
        RunReport("chicken", run_scenario(CHICKEN, RunSettings(["ann=right, bob=left"], 1, episodes=2, others=others)))
    )
    assert "returns among others drawn from" in capsys.readouterr().out
    for wrong, says in (
        (["run", "chicken", "--others", str(folder)], "name some, as in --agent counts"),
        (["run", "chicken", "--agent", "counts", "--focal", "ann"], "give both"),
        (["run", "lab", "--agent", "counts", "--others", str(folder)], "has one agent"),
        (["run", "chicken", "--agent", "counts", "--others", str(folder / "missing")], "cannot be listed"),
    ):
        fault = CliRunner().invoke(app, [*wrong, "--no-save"])
        assert says in str(fault.exception), wrong


def test_of_agents_that_it_does_not_name_a_file_claims_nothing_among_strangers(folder):
    others = read_population(folder, CHICKEN, GAME)
    run = run_scenario(CHICKEN, RunSettings(["ann=left, bob=left"], seeds=1, episodes=2, others=others))
    assert {judgement.agent for judgement in run.judgements} <= {"exact", *CHICKEN.named_agents}
    assert run.verdict == "nothing judged"
    assert run.focal
