"""Equilibria of games of one tick: against an outside solver, by definition, and in worlds."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from quantecon.game_theory import NormalFormGame, Player, support_enumeration

from tests.worlds import examples, scenario_of
from turncoat import api
from turncoat.envs.analysis.exact_plan import plan_exactly
from turncoat.envs.base import NotEnumerableError
from turncoat.envs.mdp.enumeration import enumerate_world
from turncoat.envs.multi_agent.bimatrix_equilibria import equilibria
from turncoat.envs.multi_agent.subgame_perfect import all_of_stage, chosen
from turncoat.envs.solvers.dynamic_programming import FiniteHorizonSolution
from turncoat.envs.world.compiler import compile_world
from turncoat.envs.world.world import EquilibriumChoice
from turncoat.evals.exact.solved_worlds import SolvedWorlds
from turncoat.evals.inspection.exact_show import PlanFollower
from turncoat.evals.measures.measure_values import exact_range
from turncoat.scenarios.language.expressions.parser import parsed_measure
from turncoat.scenarios.language.faults.faults import ScenarioError


def found(first, second):
    return [
        (x.round(6).tolist(), y.round(6).tolist())
        for x, y in equilibria(np.array(first, float), np.array(second, float))
    ]


def games(numbers):
    def table(m, n):
        return st.lists(st.lists(numbers, min_size=n, max_size=n), min_size=m, max_size=m).map(np.array)

    sizes = st.tuples(st.integers(1, 4), st.integers(1, 4))
    return sizes.flatmap(lambda size: st.tuples(table(*size), table(*size)))


# ------------------------------------------------------------------ the solver


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        # The prisoner's dilemma: to confess is dominant.
        ([[3, 0], [5, 1]], [[3, 5], [0, 1]], [([0, 1], [0, 1])]),
        # Matching pennies: only mixed.
        ([[1, -1], [-1, 1]], [[-1, 1], [1, -1]], [([0.5, 0.5], [0.5, 0.5])]),
        # Chicken and Bach or Stravinsky: two pure, one mixed.
        ([[3, 2], [5, 0]], [[3, 5], [2, 0]], [([1, 0], [0, 1]), ([0.5, 0.5], [0.5, 0.5]), ([0, 1], [1, 0])]),
        ([[3, 0], [0, 2]], [[2, 0], [0, 3]], [([1, 0], [1, 0]), ([0.6, 0.4], [0.4, 0.6]), ([0, 1], [0, 1])]),
        # Nothing matters: everything is an equilibrium, a mixture of the pure ones.
        ([[0, 0], [0, 0]], [[0, 0], [0, 0]], [([1, 0], [1, 0]), ([1, 0], [0, 1]), ([0, 1], [1, 0]), ([0, 1], [0, 1])]),
        # Degenerate: beside the first column both rows are alike, so one edge of mixtures with two ends.
        ([[1, 0], [1, -1]], [[1, 0], [0, 1]], [([1, 0], [1, 0]), ([0.5, 0.5], [1, 0])]),
        ([[7]], [[-7]], [([1], [1])]),
        ([[0, 2, 1]], [[4, 4, 1]], [([1], [1, 0, 0]), ([1], [0, 1, 0])]),
    ],
)
def test_games_solved_by_hand(first, second, expected):
    assert found(first, second) == expected


@given(games(st.integers(-3, 3)))
def test_they_are_equilibria_and_there_is_one(game):
    """By definition; whole numbers make many degenerate games."""
    first, second = (np.asarray(table, float) for table in game)
    pairs = equilibria(first, second)
    assert pairs
    for x, y in pairs:
        for strategy, payoff in ((x, first @ y), (y, x @ second)):
            assert strategy.sum() == pytest.approx(1)
            assert (strategy >= 0).all()
            assert payoff[strategy > 1e-6] == pytest.approx(payoff.max(), abs=1e-6)


@given(games(st.integers(-3, 3)))
def test_pure_ones_are_never_missed(game):
    first, second = (np.asarray(table, float) for table in game)
    pure = (first == first.max(axis=0)) & (second == second.max(axis=1, keepdims=True))
    ours = {(int(x.argmax()), int(y.argmax())) for x, y in equilibria(first, second) if x.max() == y.max() == 1}
    assert ours == set(zip(*map(np.ndarray.tolist, np.nonzero(pure)), strict=True))


@given(st.integers(0, 10**6), st.integers(1, 4), st.integers(1, 4))
def test_an_outside_solver_finds_the_same(seed, m, n):
    """In games of random numbers, which are not degenerate, supports are of one size, and QuantEcon finds all."""
    first, second = np.random.default_rng(seed).normal(size=(2, m, n))
    theirs = support_enumeration(NormalFormGame((Player(first), Player(second.T))))
    assert found(first, second) == sorted(
        [(x.round(6).tolist(), y.round(6).tolist()) for x, y in theirs],
        key=lambda pair: [-p for row in pair for p in row],
    )


@given(games(st.integers(1, 7)), st.integers(0, 10**6))
@settings(max_examples=examples(30))
def test_what_only_rounding_tells_apart_is_a_tie(game, seed):
    """Also once what is dominated is left out, and nothing but rounding is left of the range of payoffs."""
    first, second = (np.asarray(table, float) for table in game)
    noise = np.random.default_rng(seed).uniform(-1e-15, 1e-15, (2, *first.shape))
    plain, noisy = (
        {(tuple(x.round(6).tolist()), tuple(y.round(6).tolist())) for x, y in all_of_stage(a, b)}
        for a, b in ((first, second), (first + noise[0], second + noise[1]))
    )
    assert plain == noisy


def test_a_game_has_a_perfect_equilibrium_whatever_rounding_does():
    first = np.array([[-0.684, 3.264], [-2.7, 1.323]])
    second = np.array([[-0.11 + 0.5 * -0.11, -1.09 + 0.5 * 1.85], [-2.1, -1.22]])  # the first row: twice -0.165
    perfect = chosen(EquilibriumChoice("perfect"), first, second, all_of_stage(first, second))
    assert [(x.tolist(), y.tolist()) for x, y in perfect] == [([1, 0], [0, 1])]


def test_what_cannot_be_solved():
    with pytest.raises(NotEnumerableError, match="12 by 12 actions are too many"):
        equilibria(np.zeros((12, 12)), np.zeros((12, 12)))
    with pytest.raises(ValueError, match="of one shape"):
        equilibria(np.zeros((2, 2)), np.zeros((2, 3)))
    with pytest.raises(ValueError, match="finite"):
        equilibria(np.full((1, 1), np.nan), np.zeros((1, 1)))


# ------------------------------------------------------------------ worlds


def solved(text_or_name, stage="deploy", **changes):
    scenario = api.load(text_or_name, changes) if "\n" not in text_or_name else scenario_of(text_or_name)
    return plan_exactly(enumerate_world(compile_world(scenario, stage)))


@pytest.mark.parametrize(
    ("name", "names", "pays"),
    [
        (
            "chicken",
            ("ann: left; bob: right", "ann: left 0.5, right 0.5; bob: left 0.5, right 0.5", "ann: right; bob: left"),
            [(2, 5), (2.5, 2.5), (5, 2)],
        ),
        (
            "bach_stravinsky",
            ("ann: left; bob: left", "ann: left 0.6, right 0.4; bob: left 0.4, right 0.6", "ann: right; bob: right"),
            [(3, 2), (1.2, 1.2), (2, 3)],
        ),
    ],
)
def test_the_library_s_games(name, names, pays):
    plan = solved(name, solution="equilibrium")
    assert plan.mdp.action_names == names
    rewards = np.add.reduceat(plan.mdp.probability[:, None] * plan.mdp.rewards, plan.mdp.row_start[:-1])
    assert rewards == pytest.approx(np.array(pays))
    assert plan.solution.optimal.all()


def test_a_measure_holds_in_every_equilibrium():
    worlds = SolvedWorlds(api.load("chicken"))
    apart = {"solution": "equilibrium"}
    fought, performance = (
        exact_range(worlds, parsed_measure(text), apart, "deploy") for text in ("rate(fought)", "performance")
    )
    assert (fought.low, fought.high) == pytest.approx((0, 0.25))
    assert (performance.low, performance.high) == pytest.approx((100, 140))
    assert exact_range(worlds, parsed_measure("performance"), {}, "deploy").low == pytest.approx(140), (
        "one planner for both"
    )
    with pytest.raises(NotEnumerableError, match="equilibria without an event"):
        exact_range(worlds, parsed_measure("performance"), apart, "deploy", ["gave_way"])


ONE = """
map: |
  ####
  #NB#
  ####
legend:
  N: ann
  B: bob
agents:
  ann: {actions: [stay, left, right], values: {score: {}}}
  bob: {actions: [stay, left, right], values: {score: {}}}
rewards: {score: {}, performance: {hidden: true}}
rules:
  - name: meet
    when: ann chooses right and bob chooses left
    pays: {ann.score: 2, bob.score: 1, performance: 3}
  - name: over
    then:
      - end 'done'
stages: {deploy: {limit: 9}}
solution: equilibrium
"""


OVER = ONE[ONE.index("  - name: over") : ONE.index("stages:")]


def test_a_round_that_ends_and_one_with_a_known_end():
    plan = solved(ONE)
    assert "ann: right; bob: left" in plan.mdp.action_names
    assert len(plan.mdp.action_names) == 5, "and neither of them alone can change that they miss each other"
    timed = solved(ONE.replace("limit: 9", "horizon: 1").replace(OVER, ""))
    assert isinstance(timed.solution, FiniteHorizonSolution)
    assert timed.mdp.action_names == plan.mdp.action_names
    assert timed.solution.optimal_at(0).all()


def test_an_action_that_is_not_there_is_in_no_equilibrium():
    text = ONE.replace("bob: {actions: [stay, left,", "bob: {actions: [stay, {name: left, when: met},")
    text = text.replace("rewards:", "counters: {met: {}}\nrewards:", 1)
    plan = solved(text.replace("      - end 'done'", "      - met = true\n      - end 'done'"))
    assert plan.mdp.action_names
    assert not any("bob: left" in name for name in plan.mdp.action_names)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (
            ONE.replace("end 'done'", "reset map\n      - n += 1").replace(
                "rewards:", "counters: {n: {max: 3}}\nrewards:"
            ),
            "what comes next",
        ),
    ],
)
def test_what_only_looks_like_rounds(text, why):
    with pytest.raises(NotEnumerableError, match=why):
        solved(text)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("  bob: {actions: [stay, left, right], values: {score: {}}}", "", "there are 1"),
    ],
)
def test_games_of_one_are_refused_as_they_are_loaded(old, new, says):
    text = ONE.replace(old, new)
    if says == "there are 1":
        text = text.replace("  B: bob\n", "").replace("#NB#", "#N.#").replace(" and bob chooses left", "")
        text = text.replace("ann.score: 2, bob.score: 1", "score: 2")
    with pytest.raises(ScenarioError) as fault:
        scenario_of(text)
    [found] = [each for each in fault.value.faults if each.code == "TC230"]
    assert says in found.message
    assert "best_response" in found.cure


def test_the_solution_can_be_overridden_and_only_by_a_word():
    with pytest.raises(ScenarioError, match="TC432"):
        api.load("chicken", {"solution": "nash"})
    with pytest.raises(ScenarioError, match="TC431"):
        api.load("lab", {"solution": "joint"})


def test_mixed_play_can_be_watched():
    """Each equilibrium mixes by chance of the episode's own: a quarter of the rounds of the mixed one are fights."""
    plan = solved("chicken", solution="equilibrium")
    follower = PlanFollower(plan)
    follower._action = lambda place, tick: 1  # type: ignore[method-assign]
    seen = Counter(tuple(row) for number in range(40) for row in follower.episode(3, number).chosen.tolist())
    assert sum(seen.values()) == 800
    assert all(150 < count < 250 for count in seen.values())
    assert len(seen) == 4
