"""Several agents that learn in one world: in step, each by what is its own, the same for the same seed."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from tests.worlds import scenario_of
from turncoat import api
from turncoat.agents.baselines.scripted import ConstantAgent, RandomAgent
from turncoat.agents.counts.joint_agent import JointCountsAgent, JointOptions
from turncoat.agents.counts.opponent_model import OpponentModel, assumed
from turncoat.agents.learning.joint_training import fit_together
from turncoat.agents.registry.eligibility import unable
from turncoat.agents.registry.multi_agent_profiles import gathered, plainly, read_profile
from turncoat.envs.mdp.enumeration import enumerate_world
from turncoat.envs.multi_agent.joint_training_env import JointTrainingEnv
from turncoat.envs.reference.observation import observe
from turncoat.envs.world.compiler import compile_world
from turncoat.evals.exact.solved_worlds import SolvedWorlds, enlisted
from turncoat.evals.measures.measure_values import exact_range
from turncoat.evals.runs.run import RunSettings
from turncoat.evals.training.execution.workers import Workers
from turncoat.evals.training.spec import TrainingSpec
from turncoat.evals.training.train_seed import trained_traces
from turncoat.scenarios.language.expressions.parser import parsed_measure
from turncoat.scenarios.language.faults.collector import Report
from turncoat.scenarios.language.validation.measures import check_measure

CHICKEN = api.load("chicken")
GAME = enumerate_world(compile_world(CHICKEN, "train"))


class Watcher:
    """Takes actions of a list, over and over, and keeps what it is told; counts its episodes."""

    def __init__(self, actions):
        self.actions, self.told, self.begun = actions, [], 0

    def fit(self, env, steps, seed, on_progress=None):
        self.begun += len(env.reset(seed)) == 2
        for step in range(steps):
            _, rewards, ended, cut, _ = env.step(self.actions[step % len(self.actions)])
            self.told.append((rewards.tolist(), ended, cut, env.executed, env.others.tolist()))
            if ended or cut:
                self.begun += len(env.reset()) == 2

    def act(self, observation, state, mask):
        return np.zeros(len(observation), np.int32), None


def trained(profile, seed=0, steps=300, name="chicken", scenario=None, **changes):
    scenario = scenario or api.load(name, changes)
    solved = SolvedWorlds(scenario).with_agent(profile)
    school = solved.enumeration({}, scenario.training_stage)
    field = solved.world({}, scenario.judged_stage)
    learn = scenario.document.stages[scenario.judged_stage].learn
    spec = TrainingSpec(profile, scenario, school, field, learn, steps, 1, scenario.hash, {})
    ((_, trace),) = trained_traces(spec, [seed], Workers(1), lambda: True)
    return trace


def played(trace):
    return Counter(tuple(row) for row in trace.table["chosen"].to_list())


# ------------------------------------------------------------------ the lane and the threads


@pytest.mark.parametrize("school", [GAME, GAME.world])
def test_each_is_told_what_is_its_own(school):
    ann, bob = Watcher([0, 1]), Watcher([1, 1, 0])
    fit_together(JointTrainingEnv(school), [ann, bob], 50, seed=3)
    channels = GAME.world.channels
    assert channels == ("ann.score", "bob.score")
    pays = {(0, 0): (3, 3), (0, 1): (2, 5), (1, 0): (5, 2), (1, 1): (0, 0)}
    for step in range(50):
        hers, his = [0, 1][step % 2], [1, 1, 0][step % 3]
        cut = step % 20 == 19  # with the stage, for both
        assert ann.told[step] == ([pays[hers, his][0], 0], False, cut, hers, [his])
        assert bob.told[step] == ([0, pays[hers, his][1]], False, cut, his, [hers])
    assert ann.begun == bob.begun == 3


def test_a_table_and_the_reference_are_one_lane():
    world = compile_world(api.load("lab"), "train", enlist=("guard",))
    lanes = [JointTrainingEnv(world), JointTrainingEnv(enumerate_world(world))]
    rng = np.random.default_rng(0)
    views = [lane.reset(0) for lane in lanes]
    for _ in range(150):
        for one, two in zip(views[0].observations, views[1].observations, strict=True):
            assert np.array_equal(one, two)
        assert all(np.array_equal(one, two) for one, two in zip(views[0].available, views[1].available, strict=True))
        actions = np.array([rng.choice(np.flatnonzero(mask)) for mask in views[0].available], np.int32)
        ticks = [lane.step(actions) for lane in lanes]
        assert [tick.ended for tick in ticks] == [ticks[0].ended] * 2
        assert all(np.array_equal(one, two) for one, two in zip(*(tick.rewards for tick in ticks), strict=True))
        views = [tick.observation for tick in ticks]
        if ticks[0].ended or ticks[0].truncated:
            views = [lane.reset() for lane in lanes]


def test_replaced_actions_are_told_as_executed():
    text = """
map: |
  ####
  #NB#
  ####
legend:
  N: ann
  B: bob
agents:
  ann: {actions: [left, right], values: {score: {}}}
  bob: {actions: [left, right], values: {score: {}}}
rewards: {score: {}, performance: {hidden: true}}
overrides:
  - {name: forced, agent: bob, action: left}
rules:
  - {name: pay, when: bob chooses right, pays: {bob.score: 1}}
stages: {train: {limit: 5}}
solution: joint
"""
    game = enumerate_world(compile_world(scenario_of(text), "train"))
    ann, bob = Watcher([0]), Watcher([1])
    fit_together(JointTrainingEnv(game), [ann, bob], 5, seed=0)
    assert {tick[3:] == (0, [0]) for tick in ann.told} == {True}
    assert {(tick[3], *tick[0]) for tick in bob.told} == {(0, 0.0, 1.0)}


def test_whoever_has_nothing_to_learn_acts_from_the_start():
    ann = Watcher([0])
    fit_together(JointTrainingEnv(GAME), [ann, ConstantAgent(1)], 10, seed=0)
    assert [tick[4] for tick in ann.told] == [[1]] * 10
    ann = Watcher([0])
    fit_together(JointTrainingEnv(GAME), [ann, RandomAgent()], 200, seed=0)
    others = Counter(tick[4][0] for tick in ann.told)
    assert 70 < others[0] < 130


class Failing(Watcher):
    def fit(self, env, steps, seed, on_progress=None):
        env.reset(seed)
        env.step(0)
        raise RuntimeError("it cannot go on")


class Restarting(Watcher):
    def fit(self, env, steps, seed, on_progress=None):
        env.reset(seed)
        env.step(0)
        env.reset()


@pytest.mark.parametrize(
    ("who", "kind", "message"),
    [(Failing, RuntimeError, "it cannot go on"), (Restarting, ValueError, "while theirs goes on")],
)
@pytest.mark.parametrize("first", [True, False])
def test_a_fault_of_one_ends_the_training_of_all(who, kind, message, first):
    agents = [who([0]), Watcher([0])]
    with pytest.raises(kind, match=message):
        fit_together(JointTrainingEnv(GAME), agents if first else agents[::-1], 50, seed=0)


# ------------------------------------------------------------------ what others do


def test_what_is_seen_of_others_is_learned_and_forgotten():
    model = OpponentModel(2, forgetting=0.1)
    assert model.shares(1).tolist() == [[0.5, 0.5]]
    for _ in range(50):
        model.record(0, 1)
    assert model.shares(2)[0, 1] > 0.95
    assert 0.9 < model.shares(2)[1, 1] < 1, "a state never met borrows from the others"
    for _ in range(50):
        model.record(0, 0)
    assert model.shares(1)[0, 0] > 0.9


def test_what_is_assumed_of_others():
    assert assumed((2, 3), None).tolist() == [1 / 6] * 6
    assert assumed((2, 3), 4).argmax() == 4
    assert assumed((2, 3), 4)[4] == pytest.approx(1, abs=1e-5)


def learner(assumption=None):
    return JointCountsAgent(
        ("ann.score", "bob.score"), ("left", "right"), (2,), [0, 1], 0.9, JointOptions(), assumption
    )


def test_it_learns_the_game_and_answers_what_it_expects():
    """Its Q is the payoff matrix times what it expects, and what everything else comes to."""
    seen = observe(GAME.world, GAME.states)[:1]
    everything = np.ones((1, 2), np.bool_)
    for hawk, answer in ((0, 1), (1, 0)):
        bob = learner()
        fit_together(JointTrainingEnv(GAME), [ConstantAgent(hawk), bob], 400, seed=1)
        assert bob.predicted(seen[0])[hawk] > 0.95
        assert bob.act(seen, None, everything)[0].tolist() == [answer]
        thought = bob.thought()
        assert thought is not None
        payoff = np.array([[3, 2], [5, 0]])  # bob's, his own action first
        now = payoff[:, hawk]
        assert thought.q[:, 1] == pytest.approx(now + 0.9 * now.max() / 0.1, rel=0.05)
        assert not thought.q[:, 0].any(), "ann's channel is none of his"
        assert thought.plans


def test_an_assumption_stands_against_what_is_seen():
    """Told that the other is a hawk it gives way, though the other seldom is; what follows it learns by watching."""
    bob = learner(assumed((2,), 1))
    rng = Watcher([0, 0, 0, 0, 1])
    fit_together(JointTrainingEnv(GAME), [rng, bob], 400, seed=0)
    seen = observe(GAME.world, GAME.states)[:1]
    assert bob.act(seen, None, np.ones((1, 2), np.bool_))[0].tolist() == [0]


def test_it_needs_to_see_others():
    class Alone(Watcher):
        n_actions, channels = 2, ("ann.score", "bob.score")

    with pytest.raises(ValueError, match="others who are seen to act"):
        learner().fit(Alone([0]), 10, 0)
    with pytest.raises(ValueError, match="assumed: shape"):
        learner(np.ones(3))
    with pytest.raises(ValueError, match="exploring: 2 is not within"):
        JointOptions(exploring=2)


# ------------------------------------------------------------------ profiles


def test_profiles_are_read_and_written():
    world = GAME.world
    assert [str(part) for part in read_profile("counts").of(world)] == ["counts", "counts"]
    profile = read_profile("bob=q_learning,ann=counts(others=right)")
    assert str(profile) == "ann=counts(others=right), bob=q_learning"
    assert [str(part) for part in profile.of(world)] == ["counts(others=right)", "q_learning"]
    assert plainly("bob=left ,  ann=right") == "ann=right, bob=left"
    assert plainly("counts(others=right)") == "counts(others=right)"
    assert gathered(["exact", "bob=left", "ann=right"]) == ["exact", "ann=right, bob=left"]
    assert gathered(["counts(others=left)"]) == ["counts(others=left)"]
    assert enlisted("robot=counts, guard=orders", api.load("lab")) == ("guard",)
    assert enlisted("counts", api.load("lab")) == ()


@pytest.mark.parametrize(
    ("profile", "why"),
    [
        ("ann=counts", "says nothing of `bob`"),
        ("ann=counts, eve=left", "has no agent `eve`; there are ann, bob"),
        ("ann=counts, ann=left", "`ann` has two parts"),
        ("ann=counts, left", "`left` does not say whose part it is; write `ann=left`"),
        ("ann counts", "is no part of a profile"),
        ("ann=ppx, bob=left", "`ann` cannot be `ppx` among others; it can be exact, counts, local_rules"),
        ("q_learning(others=left)", "only `counts` says what it takes others to do"),
        ("counts(others=stay)", "has no action `stay`; others are learned, ignored, random or one of left, right"),
    ],
)
def test_what_is_wrong_with_a_profile(profile, why):
    reason = unable(profile, GAME.world)
    assert reason is not None
    assert why in reason


def test_who_cannot_see_the_other_cannot_predict_it():
    world = compile_world(api.load("chicken", {"ann.observes.hides": ["bob.cell"]}), "train")
    reason = unable("counts", world)
    assert reason is not None
    assert "`ann` does not see `bob` all the time" in reason
    assert unable("counts(others=ignored)", world) is None


# ------------------------------------------------------------------ all of it


@pytest.mark.parametrize(
    "method", ["counts", "local_rules", "q_learning", "virtual_sarsa", "empirical_sarsa", "policy_aware", "random"]
)
def test_a_seed_fixes_everything(method):
    one, two = trained(method, seed=4), trained(method, seed=4)
    assert one.table.equals(two.table)
    assert one.meta == two.meta


@pytest.mark.slow
def test_jobs_do_not_matter():
    settings = RunSettings(agents=("ann=counts, bob=q_learning",), seeds=2, steps=100, episodes=1)
    alone = api.run("chicken", settings=settings)
    side_by_side = api.run("chicken", settings=replace(settings, jobs=2))
    assert alone.judgements == side_by_side.judgements
    name = next(iter(alone.traces))
    assert alone.traces[name].table.equals(side_by_side.traces[name].table)


def test_two_alike_explore_by_chance_of_their_own():
    ann, bob = RandomAgent(), RandomAgent()
    fit_together(JointTrainingEnv(GAME), [ann, bob], 0, seed=0)
    everything = np.ones((64, 2), np.bool_)
    one, two = (agent.act(np.zeros((64, 1), np.int64), None, everything)[0] for agent in (ann, bob))
    assert not np.array_equal(one, two)


def test_the_other_s_pay_changes_nothing_of_what_one_learns():
    """Against a stated policy: whatever bob is paid, every byte of ann is the same."""
    plain = trained("ann=counts, bob=random")
    other = trained("ann=counts, bob=random", **{"bob.values.score": 7})
    for column in ("chosen", "executed", "reward.ann.score"):
        assert plain.table[column].equals(other.table[column])


def test_one_answers_the_other():
    assert played(trained("ann=right, bob=counts", steps=600)) == {(1, 0): 20}
    assert played(trained("ann=left, bob=counts", steps=600)) == {(0, 1): 20}
    against_chance = played(trained("ann=random, bob=counts(others=right)", steps=600))
    assert {his for _, his in against_chance} == {0}, "whoever takes the other for a hawk gives way"


def test_a_profile_enlists_the_guard_and_traces_hold_everybody_s_thoughts(tmp_path):
    settings = RunSettings(agents=("guard=q_learning, robot=counts",), seeds=1, steps=300, episodes=1)
    run = api.run("lab", settings=settings)
    stored = run.save(tmp_path / "run", command=())
    judged = {j.outcome for j in run.judgements if j.agent == "guard=q_learning, robot=counts"}
    assert judged - {"not applicable"}
    name = next(iter(stored.traces))
    trace = stored.trace(name)
    assert trace.meta.agents == ("robot", "guard")
    said = trace.table["thoughts"][0].to_list()
    assert [thought is not None for thought in said] == [True, True]
    from turncoat.evals.inspection.show import RecordedShow

    show = RecordedShow(stored, name)
    episode = show.episode(0)
    minds = [show.mind(episode, 0, agent) for agent in (0, 1)]
    assert [mind.agent for mind in minds if mind is not None] == ["robot", "guard"]


def test_the_return_of_one_agent_is_a_measure_of_its_own():
    worlds = SolvedWorlds(api.load("two_systems/bach_stravinsky"))
    stage = worlds.scenario.judged_stage
    one, other, both = (
        exact_range(worlds, parsed_measure(text), {}, stage)
        for text in ("return(ann.score)", "return(bob.score)", "return(score)")
    )
    assert one.low is not None
    assert other.high is not None
    assert both.low == both.high == one.low + other.high == 100
    check_measure(parsed_measure("return(ann.score)").syntax, worlds.scenario.symbols, report := Report(), ())
    check_measure(parsed_measure("return(eve.score)").syntax, worlds.scenario.symbols, report, ())
    assert [fault.message for fault in report.faults()] == ["there is no channel called `eve.score`"]
