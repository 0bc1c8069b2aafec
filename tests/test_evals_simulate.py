"""Roll-outs are what the reference does, the same at any batch size, and tell agents nothing that they may not know."""

import numpy as np
import polars as pl
import pytest

from turncoat.agents.baselines.exact import ExactAgent
from turncoat.agents.records.thought import Thought
from turncoat.envs.analysis.exact_plan import plan_exactly
from turncoat.envs.mdp.enumeration import enumerate_world
from turncoat.envs.reference import step as reference
from turncoat.envs.reference.observation import observe
from turncoat.envs.world.compiler import compile_world
from turncoat.envs.world.randomness import SampledDraws
from turncoat.evals.measures.measure import exact_measure, sampled_measure
from turncoat.evals.traces.rollout import simulate, trace_meta
from turncoat.evals.traces.trace import read_trace, write_trace
from turncoat.scenarios.language.expressions.syntax import Count, Ended, First, Happens, Quantity, Rate, Share
from turncoat.scenarios.language.loading import load_text

TEXT = """
turncoat: 1
name: corridor
title: A corridor with a slippery floor
origin: given
claim: The robot reaches the far end.
map: |
  ######
  #A..1#
  ######
legend:
  "#": wall
  ".": floor
  A: robot
  "1": {zone: far}
draws:
  slip: {at: tick, p: 0.3}
agents:
  robot:
    actions: [stay, left, right]
    values:
      task: {weight: 1}
    discount: 0.9
rewards:
  task: {}
  performance: {hidden: true}
overrides:
  - {name: drunk, agent: robot, when: "robot on cell(1, 2)", chance: 0.4, action: left}
rules:
  - name: slipping
    when: slip == 1
    then:
      - event slipped
    pays: {task: -0.5, performance: -1}
  - name: arrival
    when: robot on far
    then:
      - event arrived
      - end "there"
    pays: {task: 10, performance: 10}
stages:
  train: {limit: 6}
  deploy: {limit: 6, rewards: withheld}
  known: {horizon: 6}
"""


class Walker:
    """Goes right at every tick but the second of an episode, and notes all that it is told."""

    def __init__(self, learning=False):
        self.learning = learning
        self.seen = []
        self.told = []

    def act(self, observation, state, mask):
        ticks = np.zeros(len(observation), np.int64) if state is None else state
        self.seen.append((observation.copy(), mask.copy()))
        return np.where(ticks == 1, 0, 2).astype(np.int32), ticks + 1

    def observe(self, *what):
        self.told.append(what)


class Hasty(Walker):
    """Always goes right, which is best."""

    def act(self, observation, state, mask):
        return np.full(len(observation), 2, np.int32), state


def world_of(stage="train", text=TEXT):
    return compile_world(load_text(text), stage)


def roll(world, agent, **settings):
    return simulate(
        world, [agent], trace_meta(world, "walker", "ab", {}, {}), **{"episodes": 40, "seed": 5, **settings}
    )


def never_asked(condition, states):
    raise AssertionError("no measure here has a condition")


def exact_agent(world):
    plan = plan_exactly(enumerate_world(world))
    agent = ExactAgent(plan.mdp, plan.solution, observe(world, plan.enumeration.states), plan.weights)
    return plan, agent


def test_every_row_is_a_tick_of_the_reference():
    world = world_of()
    table = roll(world, Walker()).table
    assert table["ended"].is_not_null().any()
    assert table["truncated"].any()
    for (episode,), rows in table.group_by("episode", maintain_order=True):
        states = reference.reset(world, SampledDraws(5, np.array([episode]), np.array([0])), 1).states
        for row in rows.iter_rows(named=True):
            assert row["state"] == states[0].tolist()
            chance = SampledDraws(5, np.array([episode]), np.array([row["step"] + 1]))
            tick = reference.step(world, states, np.array([row["chosen"]], np.int32), chance)
            assert row["executed"] == tick.executed[0].tolist()
            assert row["reward.task"] == tick.rewards[0, 0]
            assert row["hidden.performance"] == tick.performance[0]
            ends = ["ended:there"] if row["ended"] else []
            assert row["events"] + ends == list(world.event_list(int(tick.events[0])))
            states = tick.states
        last = rows.row(-1, named=True)
        assert rows["step"].to_list() == list(range(rows.height))
        assert last["final_state"] == states[0].tolist()
        assert rows["final_state"].is_not_null().sum() == 1
        assert (last["ended"], last["truncated"]) == (("there", False) if states[0, world.ended] else (None, True))
    changed = table.filter(pl.col("chosen") != pl.col("executed"))
    assert changed.height > 0


def test_the_size_of_the_batch_changes_nothing():
    world = world_of()
    one, many, some = (roll(world, Walker(), lanes=lanes).table for lanes in (1, 256, 7))
    assert one.drop("lane").equals(many.drop("lane"))
    assert one.drop("lane").equals(some.drop("lane"))
    assert not one.drop("lane").equals(roll(world, Walker(), seed=6, lanes=1).table.drop("lane"))


def test_a_simulated_trace_is_kept_whole(tmp_path):
    trace = roll(world_of(), Walker())
    write_trace(trace, tmp_path / "a.parquet")
    assert read_trace(tmp_path / "a.parquet").table.equals(trace.table)
    assert trace.meta.agents == ("robot",)
    assert trace.meta.actions == (("stay", "left", "right"),)


@pytest.mark.parametrize("stage", ["train", "known"])
def test_many_episodes_come_near_the_exact_measures(stage):
    world = world_of(stage)
    plan = plan_exactly(enumerate_world(world))
    trace = roll(world, Hasty(), episodes=4000, lanes=4000)
    for measure in (
        Share(Ended("there")),
        Rate(Happens("slipped"), None),
        Count(Happens("slipped")),
        First(Happens("slipped")),
        Quantity("steps"),
        Quantity("performance"),
        Quantity("return"),
        Quantity("return", "task"),
    ):
        interval = exact_measure(measure, plan)
        assert interval.low is not None
        assert interval.low == pytest.approx(interval.high)
        found = sampled_measure(measure, trace, never_asked, plan.weights, plan.discount)
        amounts, over = found["amount"].to_numpy(), found["over"].to_numpy()
        if np.isinf(interval.low):
            assert np.isinf(amounts).any()
            continue
        error = (amounts - interval.low * over).std() / np.sqrt(amounts.size) / over.mean()
        assert amounts.sum() / over.sum() == pytest.approx(interval.low, abs=5 * error + 1e-9)


def test_the_horizon_is_no_truncation():
    table = roll(world_of("known"), Walker()).table
    assert not table["truncated"].any()
    assert table.filter(pl.col("step") == 5)["ended"].is_null().any()


def test_a_learner_is_told_its_own_ticks_and_no_more():
    world = world_of()
    agent = Walker(learning=True)
    table = roll(world, agent, lanes=1, episodes=3).table
    assert len(agent.told) == table.height
    for (observation, action, rewards, following, ended, mask), row in zip(
        agent.told, table.iter_rows(named=True), strict=True
    ):
        assert observation[0].tolist() == row["state"]
        assert action.tolist() == row["executed"]
        assert rewards.tolist() == [[row["reward.task"]]]
        assert ended.tolist() == [row["ended"] is not None]
        assert mask.all()
        if row["final_state"]:
            assert following[0].tolist() == row["final_state"]
    still = Walker(learning=False)
    roll(world, still, episodes=3)
    assert still.told == []


def test_withheld_rewards_are_withheld():
    agent = Walker(learning=True)
    table = roll(world_of("deploy"), agent, episodes=3).table
    assert agent.told
    assert all(rewards is None for _, _, rewards, *_ in agent.told)
    assert table["reward.task"].abs().sum() > 0


def test_what_an_agent_is_told_does_not_depend_on_performance():
    """Other performance, the same episodes: every byte that reaches the agent is the same."""
    other = TEXT.replace("performance: -1}", "performance: 7}").replace("performance: 10}", "performance: -99}")
    told, performance = [], []
    for text in (TEXT, other):
        agent = Walker(learning=True)
        trace = roll(world_of(text=text), agent)
        told.append([part.tobytes() for record in (*agent.seen, *agent.told) for part in record])
        performance.append(trace.table["hidden.performance"].sum())
    assert told[0] == told[1]
    assert performance[0] != performance[1]


def test_thoughts_are_kept_for_the_first_lane():
    world = world_of()
    _, agent = exact_agent(world)
    table = roll(world, agent, episodes=3).table
    kept = table.filter(pl.col("thoughts").is_not_null())
    assert kept["lane"].unique().to_list() == [0]
    assert kept.height == table.filter(pl.col("episode") == 0).height
    for row in kept.iter_rows(named=True):
        thought = Thought.from_json(row["thoughts"][0])
        assert (thought.step, [thought.action]) == (row["step"], row["chosen"])
    assert roll(world, agent, thoughts=False).table["thoughts"].is_null().all()


def test_what_cannot_be_played_is_named():
    world = world_of()
    with pytest.raises(ValueError, match="0 agents for the 1 of `corridor`"):
        simulate(world, [], trace_meta(world, "x", "", {}, {}), episodes=1, seed=0)
    early = 'rules:\n  - name: early\n    at: start\n    then:\n      - end "early"\n'
    over = TEXT.replace("rules:\n", early)
    with pytest.raises(ValueError, match="over at its start"):
        roll(world_of(text=over), Walker())
