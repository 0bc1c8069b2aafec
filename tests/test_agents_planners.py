"""Planners: against exact solutions, against each other, and honest about the model that they plan on."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

import turncoat
from benchmarks.planners import SUBJECTS
from benchmarks.planning_study import Ground, Subject
from tests.test_agents_tree_search import process, weights_change
from tests.worlds import LIVES, ONE_OF_EACH, sampled
from turncoat.agents.counts.agent import CountsAgent
from turncoat.agents.counts.hyperparameters import CountsOptions
from turncoat.agents.planners.base import Decision, Planner, Problem
from turncoat.agents.planners.cross_entropy import CrossEntropyPlanner
from turncoat.agents.planners.mcts import MctsPlanner
from turncoat.agents.planners.tabular import Enumerate, GreedyPlanner
from turncoat.agents.records.thought import Thought
from turncoat.envs.analysis.exact_plan import ExactPlan
from turncoat.envs.base import FiniteMDP, NotEnumerableError
from turncoat.envs.deliberation import WEIGHTED, DeliberationRule
from turncoat.envs.mdp.time_augmented import augment_with_time
from turncoat.envs.mdp.training_env import TabularTrainingEnv
from turncoat.envs.solvers.dynamic_programming import FiniteHorizonSolution, Solution
from turncoat.envs.solvers.fixed_policy import evaluate_stationary
from turncoat.envs.solvers.policy_evaluation import ImproperDiscountError, evaluate, evaluate_horizon
from turncoat.envs.world.part_spec import ENUMERATE, PartSpec
from turncoat.evals.exact.planned_policy import OnTheTruth
from turncoat.evals.exact.recorded_plan import record_exactly
from turncoat.evals.exact.solved_worlds import SolvedWorlds
from turncoat.evals.runs.run import RunSettings
from turncoat.evals.training.telemetry.exact_curve import exact_value, reachable_policy

FEW = 10_000
"""States, or states and ticks, that the everyday tests search from."""
APART = {"two_systems/gathering", "two_systems/strangers", "two_systems/treaty"}
"""Two that choose apart: no planner plans for both."""
LARGE = {
    "escape/botnet",
    "escape/power_seeking",
    "safety_gridworlds/conveyor_belt_sushi",
    "safety_gridworlds/conveyor_belt_sushi_goal",
    "safety_gridworlds/conveyor_belt_sushi_goal2",
    "safety_gridworlds/conveyor_belt_vase",
    "safety_gridworlds/rocks_diamonds",
    *(f"safety_gridworlds/safe_interruptibility_{level}" for level in range(3)),
    *(f"safety_gridworlds/side_effects_sokoban_{level}" for level in range(1, 4)),
    "safety_gridworlds/tomato_patch",
    "safety_gridworlds/tomato_watering",
    "treacherous_turn/camera_5x7",
    "wrong_goals/tree_harvest",
    "wrong_goals/tree_patch",
}
"""Scenarios no stage of which has so few: the nightly tests have them alone."""
MANY = 3_000_000
"""States and ticks of the stages that the nightly test has time for."""
EVERY: list[Planner] = [
    Enumerate(),
    MctsPlanner(16, sweeps=3),
    MctsPlanner(16, backup="mean", sweeps=3),
    CrossEntropyPlanner(4, 16, 2),
    GreedyPlanner(3),
]


def problem(seed: int = 0, depth: int = 3, **sizes: Any) -> Problem:
    mdp = process(np.random.default_rng(seed), depth, **sizes)
    channels = len(mdp.channels)
    return Problem(mdp, np.array([1.0, -0.5, 0.7])[:channels], np.full(channels, 0.9), WEIGHTED)


def choices(planner: Planner, its: Problem) -> tuple[np.ndarray, np.ndarray]:
    live = np.flatnonzero(~its.mdp.ended)
    return live, planner.start(its).decide(live, its.mdp.available[live])


def policy_of(plan: ExactPlan, planner: Planner) -> Any:
    horizon = plan.enumeration.world.horizon
    return OnTheTruth(planner, plan.mdp, plan.weights, plan.discount, horizon, plan.rule).solution()


def plans(name: str, most: int | None = None) -> Iterator[tuple[str, ExactPlan]]:
    """The exact plan of every stage of a scenario whose states and ticks are at most so many.

    Where weights can change, `enumerate` alone plans (see `test_what_only_enumerate_can_plan`).
    """
    solved = SolvedWorlds(turncoat.load(name))
    for stage in solved.scenario.document.stages:
        try:
            plan = solved.plan({}, stage)
        except NotEnumerableError:
            continue
        if weights_change(plan.enumeration.world):
            continue
        if (
            plan.mdp.n_states > plan.enumeration.mdp.n_states
        ):  # pairs of a belief and a state: planners would see the state
            continue
        if most is None or plan.mdp.n_states * (plan.enumeration.world.horizon or 1) <= most:
            yield f"{name}, {stage}", plan


def agrees(name: str, plan: ExactPlan, planner: Planner) -> None:
    """Up to ties the same actions in every state that the planner comes to, and the same vector at the start."""
    mine, mdp = policy_of(plan, planner), plan.mdp
    if isinstance(plan.solution, FiniteHorizonSolution):
        assert isinstance(mine, FiniteHorizonSolution)
        places = augment_with_time(mdp, mine.horizon).index_of
        for tick in range(mine.horizon):
            here = np.flatnonzero(places[tick] >= 0)
            assert plan.solution.optimal_at(tick, here)[np.arange(here.size), mine.policy[tick, here]].all(), (
                name,
                tick,
            )
        begin = plan.solution.values[0], mine.values[0]
    else:
        assert isinstance(mine, Solution)
        live = np.flatnonzero(~mdp.ended)
        assert plan.solution.optimal[live, mine.policy[live]].all(), name
        begin = plan.solution.values, mine.values
    np.testing.assert_allclose(begin[1][mdp.start_state], begin[0][mdp.start_state], atol=1e-8)
    if (plan.solution.policy == mine.policy).all():
        np.testing.assert_allclose(
            mine.vector_values[mdp.start_state], plan.solution.vector_values[mdp.start_state], atol=1e-8
        )


@pytest.mark.parametrize("name", sampled(sorted({*turncoat.names()} - LARGE - APART - LIVES), ONE_OF_EACH))
def test_with_solved_heads_every_planner_is_the_exact_one(name: str) -> None:
    solved = SolvedWorlds(turncoat.load(name))
    if weights_change(solved.world({}, solved.scenario.judged_stage)):
        pytest.skip("its weights can change")
    found = list(plans(name, FEW))
    for stage, plan in found:
        for planner in (MctsPlanner(8, sweeps="all"), GreedyPlanner("all")):
            agrees(stage, plan, planner)
    assert found, "no stage of it is small enough: add it to `LARGE`"


@pytest.mark.nightly
@pytest.mark.parametrize("name", sorted({*turncoat.names()} - LIVES))
@pytest.mark.parametrize(
    "planner", [MctsPlanner(s, sweeps="all") for s in (1, 24, 200)] + [GreedyPlanner("all")], ids=str
)
def test_with_solved_heads_every_planner_is_the_exact_one_everywhere(name: str, planner: Planner) -> None:
    for stage, plan in plans(name, MANY):
        agrees(stage, plan, planner)


@pytest.mark.nightly
def test_enough_search_needs_no_heads() -> None:
    """Without heads, and nothing but simulations, the shortest worlds of the library are solved."""
    [plan] = [plan for stage, plan in plans("watched_shortcut") if stage.endswith("deploy")]
    assert plan.enumeration.world.horizon is not None
    mdp = augment_with_time(plan.mdp, plan.enumeration.world.horizon).mdp
    its = Problem(mdp, plan.weights, np.full(len(mdp.channels), plan.discount), plan.rule)
    found = followed_from_the_start(mdp, MctsPlanner(50_000, sweeps=0, leaves="swept"), its)
    assert found == pytest.approx(plan.start_value)


@pytest.mark.parametrize("seed", range(3))
def test_a_tree_that_is_whole_needs_no_heads(seed: int) -> None:
    its = problem(seed)
    live, found = choices(MctsPlanner(20_000, sweeps=0), its)
    np.testing.assert_array_equal(found, its.solved.policy[live])
    planning = MctsPlanner(20_000, sweeps=0).start(its)
    asked = Decision(0, int(found[0]), its.mdp.available[0], np.zeros(2), np.arange(its.mdp.n_states)[:, None])
    np.testing.assert_allclose(planning.plan(asked).q, its.solved.vector_q[0], atol=1e-12)


@pytest.mark.parametrize("planner", EVERY, ids=str)
def test_vectors_are_the_scalar_agent(planner: Planner) -> None:
    """With one discount, K weighted channels and their sum as one channel choose alike."""
    its = problem(1, channels=3)
    mdp = replace(its.mdp, rewards=(its.mdp.rewards @ its.weights)[:, None], channels=("sum",))
    one = Problem(mdp, np.ones(1), np.full(1, 0.9), WEIGHTED)
    np.testing.assert_array_equal(choices(planner, its)[1], choices(planner, one)[1])


@pytest.mark.parametrize("planner", EVERY, ids=str)
def test_no_decision_feels_the_others_and_plans_say_who_searched(planner: Planner) -> None:
    its = problem(2, actions=3)
    live, together = choices(planner, its)
    alone = [int(planner.start(its).decide(live[i : i + 1], its.mdp.available[live[i : i + 1]])[0]) for i in range(9)]
    assert alone == together[:9].tolist()
    able = np.array([False, True, True])
    forced = int(planner.start(its).decide(live[:1], able[None])[0])
    assert able[forced]
    looks = np.arange(its.mdp.n_states)[:, None]
    plan = planner.start(its).plan(Decision(0, forced, able, np.full(3, 0.25), looks))
    assert plan.planner == planner.name
    assert plan.root.tolist() == [0]
    assert (plan.q[0] == 0).all()
    assert (plan.uncertainty == 0.25).all()
    assert [step.action for step in plan.line[:1]] == ([] if planner.name == "none" else [forced])


def test_the_tree_in_a_plan_is_a_tree_of_the_model() -> None:
    its = problem(3)
    looks = np.arange(its.mdp.n_states)[:, None]
    plan = MctsPlanner(600, sweeps=0).start(its).plan(Decision(0, 0, its.mdp.available[0], np.zeros(2), looks))
    assert len(plan.node_visits) <= 256
    assert plan.node_visits[0] >= plan.node_visits[1:].max()
    for child, (parent, action) in enumerate(zip(plan.node_parent, plan.node_action, strict=True)):
        if parent >= 0:
            row = int(plan.node_observation[parent, 0]) * 2 + action
            outcomes = its.mdp.next_state[its.mdp.row_start[row] : its.mdp.row_start[row + 1]]
            assert plan.node_observation[child, 0] in outcomes


def followed_from_the_start(mdp: FiniteMDP, planner: Planner, its: Problem) -> float:
    """What a planner is worth at the start, asked only where it comes to."""
    planning = planner.start(its)
    policy = reachable_policy(mdp, lambda states: planning.decide(states, mdp.available[states]))
    worths = evaluate_stationary(mdp, policy.astype(np.int32), its.weights, float(its.discounts[0])).values
    return float(mdp.start_probability @ worths[mdp.start_state])


def test_more_search_is_worth_more_where_leaves_see_equally_far() -> None:
    """In `lab`, heads of 10 ticks never disarm. A tree over what following them is worth finds it; over them, never."""
    plan = SolvedWorlds(turncoat.load("lab")).plan({}, "deploy")
    its = Problem(plan.mdp, plan.weights, np.full(2, plan.discount), WEIGHTED)
    ladder: list[Planner] = [GreedyPlanner(), *(MctsPlanner(simulations) for simulations in (16, 64, 256))]
    shares = [followed_from_the_start(plan.mdp, planner, its) / plan.start_value for planner in ladder]
    assert all(before <= after + 1e-12 for before, after in pairwise(shares)), shares
    assert shares[0] < 0.72
    assert shares[-1] > 0.95
    assert followed_from_the_start(plan.mdp, MctsPlanner(256, leaves="swept"), its) / plan.start_value < 0.72


@pytest.mark.parametrize("seed", range(3))
def test_leaves_that_look_equally_far_from_the_root_add_nothing(seed: int) -> None:
    """Were every leaf judged by heads of the ticks that are left, a search of n ticks would be `none` of n sweeps."""
    its = problem(seed, depth=4)
    everywhere = np.flatnonzero(~its.mdp.ended).astype(np.int32)
    begun = replace(its.mdp, start_state=everywhere, start_probability=np.full(everywhere.size, 1 / everywhere.size))
    clocked = augment_with_time(begun, 2)
    timed = replace(its, mdp=clocked.mdp)
    roots = clocked.index_of[0, everywhere].astype(np.int64)
    for simulations in (1, 24):
        found = MctsPlanner(simulations, sweeps="all").start(timed).decide(roots, its.mdp.available[everywhere])
        np.testing.assert_array_equal(found, its.heads(2).policy[everywhere])


def test_what_is_followed_is_worth_what_following_is() -> None:
    its = problem(7)
    heads = its.heads(2)
    np.testing.assert_array_equal(its.leaf_values(2, "swept"), heads.vector_values)
    np.testing.assert_array_equal(its.leaf_values("all", "followed"), its.solved.vector_values)
    np.testing.assert_allclose(its.leaf_values(2, "followed"), evaluate(its.mdp, heads.policy, 0.9), atol=1e-12)
    endless = replace(problem(0), mdp=corridor(), weights=np.ones(1), discounts=np.ones(1))
    with pytest.raises(ImproperDiscountError, match="`leaves: swept`"):
        endless.leaf_values(3, "followed")


@pytest.mark.parametrize("sweeps", [0, 1, 4])
def test_none_is_greedy_on_the_heads(sweeps: int) -> None:
    its = problem(4)
    heads = its.heads(sweeps)
    live, found = choices(GreedyPlanner(sweeps), its)
    wanted = WEIGHTED(heads.vector_q[live], its.weights, its.mdp.available[live]).action
    np.testing.assert_array_equal(found, wanted)


def test_heads_see_as_many_ticks_ahead_as_they_were_swept() -> None:
    its = problem(5, depth=4)
    for sweeps in (0, 1, 2, 4):
        clocked = augment_with_time(its.mdp, max(1, sweeps))
        exact = Problem(clocked.mdp, its.weights, its.discounts, WEIGHTED).solved.vector_values[0]
        np.testing.assert_allclose(its.heads(sweeps).vector_values[0], exact if sweeps else 0.0, atol=1e-12)
    np.testing.assert_allclose(its.heads(4).vector_values, its.solved.vector_values, atol=1e-12)


def corridor(length: int = 6) -> FiniteMDP:
    """Steps left and right; the far end pays ten and ends it, the near one pays one and ends it."""
    ends = np.zeros(length, np.bool_)
    ends[[0, -1]] = True
    inner = np.arange(1, length - 1)
    counts = np.zeros((length, 2), np.int64)
    counts[inner] = 1
    following = np.stack([inner - 1, inner + 1], axis=1).ravel().astype(np.int32)
    pays = np.where(following == length - 1, 10.0, np.where(following == 0, 1.0, 0.0))[:, None]
    return FiniteMDP(
        n_states=length, n_actions=2, row_start=np.concatenate([[0], np.cumsum(counts.ravel())]), next_state=following,
        probability=np.ones(following.size), rewards=pays, events=np.zeros(following.size, np.uint64), ended=ends,
        start_state=np.ones(1, np.int32), start_probability=np.ones(1), channels=("pay",), event_names=(),
        action_names=("left", "right"),
    )  # fmt: skip


def test_shooting_reaches_the_optimum_of_a_small_sure_world_and_a_short_sight_does_not() -> None:
    its = Problem(corridor(), np.ones(1), np.full(1, 0.95), WEIGHTED)
    live, found = choices(CrossEntropyPlanner(horizon=6, sweeps=0), its)
    np.testing.assert_array_equal(found, its.solved.policy[live])
    assert choices(CrossEntropyPlanner(horizon=2, sweeps=0), its)[1][0] == 0
    assert choices(CrossEntropyPlanner(horizon=2, sweeps=6), its)[1][0] == 1


def test_shooting_beats_chance_where_there_is_chance() -> None:
    [plan] = [plan for stage, plan in plans("watched_shortcut") if stage.endswith("deploy")]
    mine = policy_of(plan, CrossEntropyPlanner(6, 32, 3, sweeps=4))
    mixed = np.where(plan.mdp.available, 1.0, 0.0)
    mixed /= np.maximum(1.0, mixed.sum(axis=1, keepdims=True))
    chance = evaluate_horizon(plan.mdp, mixed, plan.discount, mine.horizon) @ plan.weights
    starts = plan.mdp.start_state
    assert (mine.values[0][starts] > chance[starts] + 1).all()


def learned(planner: PartSpec = ENUMERATE, steps: int = 8_000) -> tuple[CountsAgent, Any]:
    solved = SolvedWorlds(turncoat.load("watched_shortcut"))
    school = solved.enumeration({}, solved.scenario.training_stage)
    its = school.world.agents[0]
    agent = CountsAgent(school.world.channels, len(its.actions), its.weights, 0.95, CountsOptions(planner=planner))
    agent.fit(TabularTrainingEnv(school), steps, 0)
    return agent, solved.plan({}, solved.scenario.training_stage)


@pytest.mark.parametrize(
    "part", [PartSpec("mcts", {"sweeps": 40}), PartSpec("none", {"sweeps": 40}), PartSpec("shooting")], ids=str
)
def test_training_explores_alike_whatever_the_planner(part: PartSpec) -> None:
    plain, plan = learned()
    other, _ = learned(part)
    for name, array in plain.model.arrays().items():
        np.testing.assert_array_equal(array, other.model.arrays()[name])
    mine = exact_value(other, plan.enumeration, plan.weights, 0.95)
    assert mine > 0.9 * exact_value(plain, plan.enumeration, plan.weights, 0.95)


@pytest.mark.parametrize("subject", [each for each in SUBJECTS if each.ticks], ids=lambda each: each.name)
def test_a_model_that_is_wrong_makes_a_planner_worse(subject: Subject) -> None:
    """Honest planning: where nothing changes, or outcomes are dealt out anew at random, search is worth much less."""
    ground, planner = Ground(subject), MctsPlanner(64, sweeps=subject.sweeps)
    true = ground.planned(planner)
    assert ground.planned(planner, ground.frozen) < 0.65 * true
    assert ground.planned(planner, ground.shuffled(0)) < 0.5 * true


def test_what_is_planned_is_done_and_with_swept_leaves_put_off() -> None:
    ground = Ground(SUBJECTS[0])
    assert ground.agreement(Enumerate(), 1) == 1
    assert ground.agreement(MctsPlanner(64), 1) > 0.9 > ground.agreement(MctsPlanner(1_024, leaves="swept"), 1)


def test_a_run_plans_as_the_file_says_and_its_thoughts_say_so() -> None:
    scenario = turncoat.load("off_switch", {"robot.planner": {"mcts": {"simulations": 32, "sweeps": 60}}})
    run = turncoat.run(scenario, settings=RunSettings(agents=["exact", "counts"], seeds=1, steps=2_000, episodes=2))
    for agent in ("exact", "counts"):
        said = run.traces[f"deploy-{agent}"].table["thoughts"].drop_nulls()
        thought = Thought.from_json(said[0][0])
        (plan,) = thought.plans
        assert plan.planner == "mcts"
        assert 1 < len(plan.node_visits) <= 33
        assert plan.node_visits[0] == 32
        assert thought.q.tolist() == plan.q.tolist()
    assert run.traces["deploy-exact"].table["events"].to_list() != []
    quiet = turncoat.run(scenario, settings=RunSettings(agents=["exact", "counts"], seeds=1, steps=200, thoughts=False))
    assert all(trace.table["thoughts"].null_count() == len(trace.table) for trace in quiet.traces.values())


def test_planned_and_executed_agree_where_nothing_is_left_to_chance() -> None:
    """Sure world, exact model: what the principal line foresees for the next tick is what comes."""
    solved = SolvedWorlds(turncoat.load("lab"))
    trace = record_exactly(solved, {"robot.planner": {"mcts": {"sweeps": "all"}}}, "deploy", (), 1)
    assert trace is not None
    said = [Thought.from_json(row[0]) for row in trace.table.sort("step")["thoughts"]]
    for now, after in pairwise(said):
        assert now.plans[0].line[0].action == now.action
        assert now.plans[0].line[0].observation.tolist() == after.plans[0].root.tolist()


@pytest.mark.parametrize(
    ("name", "overrides", "barring", "says"),
    [
        ("off_switch", {}, ["pressed"], "without an event is planned by `enumerate` alone"),
        ("lab", {"robot.observes.hides": ["guard"]}, [], "beliefs are planned on by `enumerate` alone"),
    ],
)
def test_what_only_enumerate_can_plan(name: str, overrides: dict[str, Any], barring: list[str], says: str) -> None:
    solved = SolvedWorlds(turncoat.load(name))
    with pytest.raises(NotEnumerableError, match=says):
        solved.plan({"robot.planner": "mcts", **overrides}, "deploy", barring)


def test_the_rule_decides_at_the_root() -> None:
    its = replace(problem(6), rule=DeliberationRule("lexicographic", {"order": [1, 0]}))
    tree = MctsPlanner(64, sweeps=4)
    live, found = choices(tree, its)
    for state, action in zip(live[:20].tolist(), found[:20].tolist(), strict=True):
        asked = Decision(state, action, its.mdp.available[state], np.zeros(2), np.arange(its.mdp.n_states)[:, None])
        q = tree.start(its).plan(asked).q
        assert action == its.rule(q, its.weights, its.mdp.available[state]).action
