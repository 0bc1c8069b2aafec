"""The rules agent: what its model learns against true worlds, and its life before and after training."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from turncoat import api
from turncoat.agents.base import Agent, MapAware, OnlineLearner, Thinker, Thought, Trainable
from turncoat.agents.local_rules.agent import RulesAgent
from turncoat.agents.local_rules.decision_tree import grow
from turncoat.agents.local_rules.features import Geometry, TickFactors
from turncoat.agents.local_rules.hyperparameters import RulesOptions
from turncoat.agents.local_rules.output_model import remember
from turncoat.agents.registry.agents import AGENTS
from turncoat.envs.analysis.exact_plan import plan_exactly
from turncoat.envs.base import Longs
from turncoat.envs.mdp.enumeration import Enumeration, enumerate_world
from turncoat.envs.mdp.training_env import TabularTrainingEnv
from turncoat.envs.reference.observation import observe
from turncoat.envs.reference.observation_spec import ObservationSpec, observation_spec
from turncoat.evals.exact.solved_worlds import SolvedWorlds
from turncoat.evals.measures.world_model_error import hallucinated, many_steps, one_step
from turncoat.evals.training.telemetry.exact_curve import exact_learning_curve, exact_value

from .worlds import world_of

WALK = """
    map: |
      ########
      #A..B..#
      #.##.#.#
      #...M.K#
      ########
    legend:
      B: {zone: bench}
      K: {zone: key}
      M: cart
    things:
      cart: {kind: monster, solid: true, patrol: [[3, 4], [3, 3], [3, 2]]}
    counters:
      has_key: {}
    agents:
      robot: {actions: [stay, up, down, left, right], values: {reward: {weight: 1}}, discount: 0.9}
    rewards: {reward: {}, performance: {hidden: true}}
    rules:
      - name: take
        when: robot on key
        then:
          - has_key = 1
      - name: deliver
        when: robot on bench and has_key == 1
        then:
          - has_key = 0
        pays: {reward: 1, performance: 5}
    stages: {deploy: {limit: 40}}
    """

COINS = """
    map: |
      #####
      #A..#
      #...#
      #####
    counters:
      heads: {}
      tails: {}
    draws:
      coin: {at: tick, p: 0.3}
    agents:
      robot: {actions: [stay, up, down, left, right, toss], values: {reward: {weight: 1}}, discount: 0.9}
    rules:
      - name: forget
        when: robot does stay
        then:
          - heads = 0
          - tails = 0
      - name: one
        when: robot does toss and coin == 1
        then:
          - heads = 1
          - tails = 0
        pays: {reward: 2}
      - name: other
        when: robot does toss and coin == 0
        then:
          - heads = 0
          - tails = 1
        pays: {reward: -1}
    stages: {deploy: {limit: 30}}
    """


def _truth(text: str) -> Enumeration:
    return enumerate_world(world_of(text))


def _agent(truth: Enumeration, **options: float) -> RulesAgent:
    program, channels = truth.world.agents[0], truth.mdp.channels
    made = RulesOptions(**options)  # type: ignore[arg-type]
    return RulesAgent(
        observation_spec(truth.world), channels, truth.mdp.n_actions, program.weights, program.discount, made
    )


def _trained(text: str, steps: int, seed: int = 0) -> tuple[RulesAgent, Enumeration]:
    truth = _truth(text)
    agent = _agent(truth)
    agent.fit(TabularTrainingEnv(truth), steps, seed)
    return agent, truth


# ------------------------------------------------------------------ the rules of one output


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 2**32 - 1), st.integers(2, 5), st.integers(1, 3))
def test_an_irrelevant_factor_is_never_used_given_enough_data(seed: int, n_values: int, n_symbols: int) -> None:
    """What comes depends on factor 0, by chance or for sure; the other four are noise.

    No chance is tiny: what came once or twice in hundreds of cases is put down to some context until it comes again.
    """
    rng = np.random.default_rng(seed)
    values = rng.integers(n_values, size=(800, 5))
    chances = np.maximum(rng.dirichlet(np.ones(n_symbols), size=n_values) - 0.1, 0.0) + 1e-12
    chances = np.where(chances > 1e-9, chances + 0.1, 0.0)
    chances[chances.sum(axis=1) == 0, 0] = 1.0
    chances /= chances.sum(axis=1, keepdims=True)
    symbols = np.array([rng.choice(n_symbols, p=chances[v]) for v in values[:, 0]])

    tree = grow(values, np.full(5, n_values), symbols, n_symbols)

    assert tree is not None
    assert tree.used <= {0}


def test_something_that_takes_three_things_is_found_from_a_few_cases() -> None:
    """No single test tells anything much: a greedy split would not begin."""
    rng = np.random.default_rng(0)
    values = rng.integers(6, size=(1_500, 8))
    symbols = ((values[:, 1] == 2) & (values[:, 4] == 0) & (values[:, 6] == 5)).astype(np.int64)

    tree = grow(values, np.full(8, 6), symbols, 2)

    assert 2 <= symbols.sum() <= 12
    assert tree is not None
    assert tree.used == {1, 4, 6}
    assert sorted(tree.counts.tolist()) == [[0, symbols.sum()], [1_500 - symbols.sum(), 0]]


def _three_at_once(*third: int) -> Longs:
    """Values int64 `[1500, 40]` of which the first rows alone have 2 and 0 in columns 1 and 4, and this in column 6."""
    values = np.random.default_rng(1).integers(12, size=(1_500, 40))
    values[(values[:, 1] == 2) & (values[:, 4] == 0) & np.isin(values[:, 6], third), 6] = 0
    values[: len(third), [1, 4]] = 2, 0
    values[: len(third), 6] = third
    return values


def test_one_test_names_several_values() -> None:
    """None of the three came often enough to pay for a conjunction of its own."""
    values = _three_at_once(5, 5, 7, 7, 9, 9)
    symbols = (np.arange(1_500) < 6).astype(np.int64)

    tree = grow(values, np.full(40, 12), symbols, 2)

    assert tree is not None
    assert {factor: found.tolist() for factor, found in tree.root.tests} == {1: [2], 4: [0], 6: [5, 7, 9]}
    assert sorted(tree.counts.tolist()) == [[0, 6], [1_494, 0]]


def test_what_was_named_before_is_named_again_from_one_case() -> None:
    """The second thing came once; it takes the same two things as the first, and another value of the third."""
    values = _three_at_once(3, 5, 5, 5, 5, 5, 5)
    symbols = np.where(np.arange(1_500) < 7, 1, 0)
    symbols[0] = 2

    together = grow(values, np.full(40, 12), symbols, 3)
    alone = grow(values, np.full(40, 12), np.where(symbols == 1, 0, symbols), 3)

    assert together is not None
    assert alone is not None
    assert [0, 0, 1] in together.counts.tolist()
    assert alone.used == frozenset()


def test_learning_stops_at_a_limit() -> None:
    rng = np.random.default_rng(0)
    values, symbols = rng.integers(3, size=(200, 2)), rng.integers(2, size=200)

    whole = grow(values, np.full(2, 3), symbols, 2)

    assert whole is not None
    assert grow(values, np.full(2, 3), symbols, 2, whole.nats + 1) is not None
    assert grow(values, np.full(2, 3), symbols, 2, whole.nats - 1) is None


def _remembered(world: int, n: int, chance: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """One leaf over 20 states: what is predicted in each after n ticks, what is true, and how often it was met."""
    rng = np.random.default_rng(world)
    looks = np.zeros((1, 1, 1), np.bool_)
    geometry = Geometry(ObservationSpec(np.array([20]), np.array([False]), -1, 0, 0, looks))
    truth, now = rng.integers(2, size=20), rng.integers(20, size=(n, 1))
    symbols = rng.integers(2, size=n) if chance else truth[now[:, 0]]
    nothing = np.zeros(n, np.int64)
    leaf, counts = nothing, np.bincount(symbols, minlength=2)[None]
    memory, whole = remember(counts, leaf, TickFactors(geometry, now, nothing, nothing), symbols)
    every = np.arange(20)[:, None]
    contexts = memory.refine(nothing[:20], TickFactors(geometry, every, nothing[:20], nothing[:20]))
    return np.concatenate([counts, whole])[contexts], truth, np.bincount(now[:, 0], minlength=20)


@given(st.integers(0, 2**32 - 1))
def test_a_rule_not_found_yet_is_remembered_state_by_state(world: int) -> None:
    counts, truth, met = _remembered(world, 60, chance=False)

    for state in np.flatnonzero(met):
        assert counts[state].tolist() == np.where(np.arange(2) == truth[state], met[state], 0).tolist()
    for state in np.flatnonzero(met == 0):
        assert counts[state].sum() == 60


@given(st.integers(0, 2**32 - 1))
def test_chance_is_not_remembered(world: int) -> None:
    counts, _, _ = _remembered(world, 200, chance=True)

    assert (counts.sum(axis=1) == 200).all()


@given(st.integers(1, 5), st.integers(1, 5), st.data())
def test_a_change_leads_from_now_to_after(height: int, width: int, data: st.DataObject) -> None:
    looks = np.zeros((1, height * width + 1, 1), np.bool_)
    cells = st.integers(0, height * width)
    geometry = Geometry(
        ObservationSpec(np.array([height * width + 1, 4]), np.array([True, False]), -1, height, width, looks)
    )

    for i, values in ((0, cells), (1, st.integers(0, 3))):
        now, after = np.array([data.draw(values)]), np.array([data.draw(values)])
        change = geometry.change(i, now, after)
        assert geometry.changed(i, now, change).tolist() == after.tolist()
        assert (change == geometry.still(i)).all() == (now == after).all()
        assert 0 <= change[0] < geometry.n_changes(i)


# ------------------------------------------------------------------ the model against true worlds


def test_a_world_without_chance_is_learned_and_solved_exactly() -> None:
    agent, truth = _trained(WALK, 600)

    assert one_step(agent.model, truth).everything == 1.0
    assert hallucinated(agent.planner.imagined, truth) == 0
    plan = plan_exactly(truth)
    assert exact_value(agent, truth, plan.weights, plan.discount) == pytest.approx(plan.start_value, abs=1e-9)
    assert many_steps(agent.model, truth, 0, np.array([4, 4, 4, 2, 2, 1], np.int32)) == (1.0,) * 6


def test_few_ticks_tell_of_pairs_that_were_never_tried() -> None:
    agent, truth = _trained(WALK, 300)

    tried = len({(state.tobytes(), action) for state, action in _kept(agent)})
    foreseen = one_step(agent.model, truth).everything
    assert tried < 0.7 * truth.mdp.available.sum()
    assert foreseen >= 0.97


def _kept(agent: RulesAgent) -> list[tuple[np.ndarray, int]]:
    ticks = agent.model.tried_before()
    return list(zip(ticks.now, ticks.action.tolist(), strict=True))


def test_chance_moves_fields_and_pay_together() -> None:
    agent, truth = _trained(COINS, 800)
    looks, mdp = observe(truth.world, truth.states), truth.mdp
    heads, tails = (truth.world.columns[name].index for name in ("heads", "tails"))

    live = np.flatnonzero(~mdp.ended)
    states = np.array([agent.model.state(looks[s], mdp.available[s]) for s in live])
    predicted = agent.model.predict(states, np.full(live.size, 5))

    np.testing.assert_allclose(np.bincount(predicted.tick, predicted.probability), 1.0)
    assert np.array_equal(predicted.state[:, heads] + predicted.state[:, tails], np.ones(predicted.tick.size))
    assert np.array_equal(predicted.rewards[:, 0] > 0, predicted.state[:, heads] == 1)
    tosses = sum(action == 5 for _, action in _kept(agent))
    chance = predicted.probability[predicted.state[:, heads] == 1]
    assert np.abs(chance - 0.3).max() <= 5 * np.sqrt(0.21 / (0.8 * tosses))
    assert one_step(agent.model, truth).everything >= 0.97


def test_rules_look_at_what_matters() -> None:
    agent, truth = _trained(COINS, 800)
    model = agent.model
    named = {("field", truth.world.columns[name].index): name for name in ("heads", "tails")}
    used = {
        named[output]: rules.used for output, rules in zip(model.outputs, model.rules, strict=True) if output in named
    }

    places = {"glyph", "near", "offset", "next glyph", "next offset"}
    for factors in used.values():
        assert factors
        assert not any(factor.kind in places for factor in factors)


# ------------------------------------------------------------------ what never reaches it


def test_hidden_performance_changes_nothing() -> None:
    plain, other = (_trained(text, 200)[0] for text in (WALK, WALK.replace("performance: 5", "performance: -7")))

    ours, theirs = plain.planner.arrays(), other.planner.arrays()
    assert all(np.array_equal(ours[key], theirs[key]) for key in ours)


def test_rewards_that_are_withheld_are_not_learned() -> None:
    truth = _truth(WALK)
    agent = _agent(truth)
    agent.learning = True
    looks, mask = observe(truth.world, truth.states), np.ones((1, 5), np.bool_)

    for _ in range(3):
        action, _ = agent.act(looks[:1], None, mask)
        agent.observe(looks[:1], action, None, looks[:1], np.array([False]), mask)

    agent.act(looks[:1], None, mask)
    assert agent.model_report().steps == 3
    assert not agent.heads.vector_values.any()


# ------------------------------------------------------------------ its life


def test_the_same_seed_gives_the_same_agent() -> None:
    runs = [_trained(WALK, 200, seed)[0].planner.arrays() for seed in (0, 0, 1)]

    same = [all(np.array_equal(runs[0][key], other[key]) for key in runs[0]) for other in runs[1:]]
    assert same == [True, False]


def test_what_is_saved_comes_back_and_trains_on_alike(tmp_path: Path) -> None:
    agent, truth = _trained(COINS, 150)
    agent.learning = True

    agent.save(tmp_path / "robot.npz")
    back = RulesAgent.load(tmp_path / "robot.npz")

    assert [path.name for path in tmp_path.iterdir()] == ["robot.npz"]
    assert (back.name, back.learning) == (agent.name, True)
    ours, theirs = agent.model.rules, back.model.rules
    assert all(
        np.array_equal(a.tree.counts, b.tree.counts) and a.used == b.used for a, b in zip(ours, theirs, strict=True)
    )
    looks, live = observe(truth.world, truth.states), np.flatnonzero(~truth.mdp.ended)
    acts = [one.act(looks[live], None, truth.mdp.available[live])[0].tolist() for one in (agent, back)]
    assert acts[0] == acts[1]
    for one in (agent, back):
        one.fit(TabularTrainingEnv(truth), 100, 1)
    arrays = [one.planner.arrays() for one in (agent, back)]
    assert all(np.array_equal(arrays[0][key], arrays[1][key]) for key in arrays[0])


@pytest.mark.nightly
def test_looking_at_it_changes_nothing() -> None:
    truth = _truth(WALK)
    watched, alone = _agent(truth), _agent(truth)

    curve = exact_learning_curve(watched, TabularTrainingEnv(truth), 200, 0, 50, truth)
    alone.fit(TabularTrainingEnv(truth), 200, 0)

    assert list(curve) == [50, 100, 150, 200]
    assert np.array_equal(watched.planner.arrays()["action"], alone.planner.arrays()["action"])


def test_it_does_what_it_thought() -> None:
    agent, truth = _trained(WALK, 600)
    lane = TabularTrainingEnv(truth)
    observation, mask = lane.reset(0)

    actions, state = agent.act(observation[None], None, mask[None])
    thought = agent.thought()

    assert thought is not None
    assert Thought.from_json(thought.to_json()).to_json() == thought.to_json()
    assert thought.plans[0].hallucinated is None
    assert len(thought.plans[0].line) > 5
    for step in thought.plans[0].line:
        assert actions[0] == step.action
        observation, rewards, _, _, mask = lane.step(int(actions[0]))
        assert observation.tolist() == step.observation.tolist()
        assert rewards is not None
        assert rewards.tolist() == step.reward.tolist()
        actions, state = agent.act(observation[None], state, mask[None])


@pytest.mark.parametrize("learning", [True, False])
def test_it_learns_at_deployment_only_if_told_to(learning: bool) -> None:
    """The bench pays no more, and only who learns comes to expect less of it."""
    agent, truth = _trained(WALK, 400)
    agent.learning = learning
    start, able = observe(truth.world, truth.states)[:1], truth.mdp.available[:1]

    def promised() -> float:
        agent.act(start, None, able)
        return float(agent.heads.vector_values[0, 0])

    before, ticks = promised(), agent.model_report().steps
    dry = TabularTrainingEnv(_truth(WALK.replace("reward: 1, performance", "reward: 0, performance")))
    observation, mask = dry.reset(0)
    for _ in range(100):
        action, _ = agent.act(observation[None], None, mask[None])
        following, rewards, ended, _, able_next = dry.step(int(action[0]))
        assert rewards is not None
        agent.observe(observation[None], action, rewards[None], following[None], np.array([ended]), able_next[None])
        observation, mask = following, able_next

    assert before > 0
    assert agent.model_report().steps == ticks + (100 if learning else 0)
    assert (promised() < 0.95 * before) == learning


@pytest.mark.nightly
def test_what_it_learned_holds_on_another_map() -> None:
    agent, _ = _trained(WALK, 600)
    there = _truth(WALK.replace("#A..B..#", "#B....A#").replace("#...M.K#", "#..KM..#"))

    agent.enter(observation_spec(there.world))

    plan = plan_exactly(there)
    assert exact_value(agent, there, plan.weights, plan.discount) == pytest.approx(plan.start_value, abs=1e-9)
    with pytest.raises(ValueError, match="differs in kind"):
        agent.enter(observation_spec(_truth(COINS).world))


def test_before_it_knows_anything_it_takes_what_is_available() -> None:
    agent = _agent(_truth(WALK))

    actions, _ = agent.act(np.zeros((1, 6), np.int64), None, np.array([[False, False, True, True, False]]))
    thought = agent.thought()

    assert actions.tolist() == [2]
    assert thought is not None
    assert thought.plans == ()


def test_contracts_are_met_and_misfits_refused() -> None:
    truth = _truth(WALK)
    agent, seen = _agent(truth), observation_spec(truth.world)

    assert all(isinstance(agent, kind) for kind in (Agent, Thinker, Trainable, OnlineLearner, MapAware))
    with pytest.raises(ValueError, match="the environment has channels"):
        RulesAgent(seen, ("other",), 5, [1.0], 0.9).fit(TabularTrainingEnv(truth), 1, 0)
    with pytest.raises(ValueError, match="weights"):
        RulesAgent(seen, ("reward",), 5, [1.0, 2.0], 0.9)
    with pytest.raises(ValueError, match="max_states"):
        RulesOptions(max_states=0)


def test_senses_hold_the_map_and_no_more() -> None:
    world = world_of(WALK)
    seen = observation_spec(world)

    names = [world.fields[column].name for column in world.agents[0].sees]
    assert [name.endswith(".cell") for name in names] == seen.is_cell.tolist()
    assert seen.cell_features[0, :, 0].tolist() == world.boards.walls[0].tolist()
    assert seen.cell_features[0, :, 1:].T.tolist() == world.zones_seen()[:, 0].tolist()


@pytest.mark.nightly
def test_lab_is_learned_within_2_000_steps() -> None:
    """In 9 seeds of 10; the plan may rest on a promise that was not tested yet."""
    solved = SolvedWorlds(api.load("treacherous_turn/lab"))
    plan, school = solved.plan({}, "deploy"), solved.enumeration({}, "train")
    shares = []
    for seed in range(10):
        agent = _agent(school)
        agent.fit(TabularTrainingEnv(school), 2_000, seed)
        shares.append(exact_value(agent, plan.enumeration, plan.weights, plan.discount) / plan.start_value)

    assert sorted(shares)[1] >= 0.95


def test_pay_that_comes_with_the_end_is_foreseen() -> None:
    solved = SolvedWorlds(api.load("wrong_goals/corner_cheese"))
    plan = solved.plan({"k": 1}, "train")
    truth = plan.enumeration
    agent = AGENTS["local_rules"].make(truth.world, solved.under({"k": 1}))

    agent.fit(TabularTrainingEnv(truth), 1000, 0)

    assert exact_value(agent, truth, plan.weights, plan.discount) == pytest.approx(plan.start_value)
