"""Games of several ticks: against outside solvers, games of the literature, and by definition."""

from __future__ import annotations

import re

import nashpy
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from tests.worlds import scenario_of
from turncoat import api
from turncoat.envs.analysis.event_explanation import explain_event
from turncoat.envs.analysis.exact_plan import plan_exactly
from turncoat.envs.analysis.performance_gap import analyse
from turncoat.envs.base import NotEnumerableError
from turncoat.envs.mdp.enumeration import enumerate_world
from turncoat.envs.multi_agent.best_response import induced_mdp
from turncoat.envs.multi_agent.matrix_games import correlated_equilibrium, is_dominated, maximin
from turncoat.envs.multi_agent.shapley_iteration import shapley_iteration
from turncoat.envs.solvers.dynamic_programming import policy_iteration
from turncoat.envs.world.compiler import compile_world
from turncoat.evals.exact.solved_worlds import SolvedWorlds
from turncoat.evals.inspection.exact_show import PlanFollower
from turncoat.evals.measures.measure_values import exact_range
from turncoat.scenarios.language.expressions.parser import parsed_measure
from turncoat.scenarios.language.faults.faults import ScenarioError

TWO = """
{counters}
agents:
  ann: {{actions: [{ann}], values: {{score: {{}}}}, discount: {discount}}}
  bob: {{actions: [{bob}], values: {{score: {{}}}}, discount: {discount}}}
rewards: {{score: {{}}, performance: {{hidden: true}}}}
rules:
{rules}
stages: {{deploy: {{{time}}}}}
solution: {solution}
"""


RULE = re.compile(
    r"  - \{name: (?P<name>\w+)(?:, at: (?P<at>\w+))?(?:, when: (?P<when>.*?))?(?:, chance: (?P<chance>[\d.e-]+))?"
    r"(?:, then: \[(?P<then>.*?)\])?(?:, pays: (?P<pays>\{.*?\}))?\}$",
    re.MULTILINE,
)


def written(text):
    """A scenario of a text in which a rule stands in one line, as these tests write them."""

    def unfolded(match):
        its = match.groupdict()
        lines = [f"  - name: {its['name']}"]
        lines += [f"    {key}: {its[key]}" for key in ("at", "when", "chance") if its[key] is not None]
        if its["then"]:
            lines += ["    then:", *(f"      - {each.strip()}" for each in its["then"].split(","))]
        return "\n".join([*lines, *([f"    pays: {its['pays']}"] if its["pays"] else [])])

    return scenario_of(RULE.sub(unfolded, text))


def matrix_rules(first, second, ann, bob, when="", extra=""):
    """One rule for each pair of actions."""
    lines = []
    for i, a in enumerate(ann):
        for j, b in enumerate(bob):
            guard = f"ann does {a} and bob does {b}{when}"
            pays = f"{{ann.score: {first[i][j]}, bob.score: {second[i][j]}, performance: {first[i][j] + second[i][j]}}}"
            lines.append(f"  - {{name: {a}_{b}{extra}, when: {guard}, then: [event {a}_{b}{extra}], pays: {pays}}}")
    return "\n".join(lines)


def game(first, second, ann=("a", "b"), bob=("c", "d"), *, time="horizon: 3", solution="equilibrium", discount=0.9):
    rules = matrix_rules(first, second, ann, bob) + "\n  - {name: on, then: [n += 1]}"
    text = TWO.format(
        counters="counters: {n: {max: 9}}", ann=", ".join(ann), bob=", ".join(bob), rules=rules, time=time,
        solution=solution, discount=discount,
    )  # fmt: skip
    return written(text)


def solved(scenario, **overrides):
    scenario = api.load(scenario, overrides) if isinstance(scenario, str) else scenario
    return plan_exactly(enumerate_world(compile_world(scenario, "deploy")))


# ------------------------------------------------------------------ matrix games


@given(st.integers(0, 10**6), st.integers(1, 5), st.integers(1, 5))
@settings(max_examples=15)
def test_a_maximin_strategy_secures_the_value_and_the_other_s_does_not_let_more(seed, m, n):
    payoff = np.random.default_rng(seed).normal(size=(m, n))
    value, x = maximin(payoff)
    other, y = maximin(-payoff.T)
    assert value == pytest.approx(-other, abs=1e-9)
    assert (x @ payoff).min() == pytest.approx(value, abs=1e-9)
    assert (payoff @ y).max() == pytest.approx(value, abs=1e-9)


def test_correlated_equilibria_of_chicken():
    """Aumann 1974: a mediator who never tells both to be hawks does better than any mixture of Nash equilibria."""
    first = np.array([[6.0, 2.0], [7.0, 0.0]])
    payoffs = np.stack([first, first.T])
    total = payoffs.sum(axis=0)
    best = correlated_equilibrium(payoffs, total)
    assert best == pytest.approx(np.array([[0.5, 0.25], [0.25, 0.0]]), abs=1e-9)
    assert (best * total).sum() == pytest.approx(10.5, abs=1e-9)
    nash = [(x @ first @ y + x @ first.T @ y) for x, y in nashpy.Game(first, first.T).vertex_enumeration()]
    worst = correlated_equilibrium(payoffs, -total)
    assert (worst * total).sum() <= min(nash) + 1e-9


def test_domination_by_a_mixture():
    payoff = np.array([[3.0, 0.0], [0.0, 3.0], [1.0, 1.0]])
    assert is_dominated(payoff, np.array([0, 0, 1.0]))
    assert not is_dominated(payoff, np.array([1.0, 0, 0]))


# ------------------------------------------------------------------ a known end


@pytest.mark.parametrize(
    ("name", "first", "second"),
    [
        ("matching pennies", [[1, -1], [-1, 1]], [[-1, 1], [1, -1]]),
        ("the prisoner's dilemma", [[3, 0], [5, 1]], [[3, 5], [0, 1]]),
        ("the stag hunt", [[4, 0], [3, 3]], [[4, 3], [0, 3]]),
        ("chicken", [[3, 2], [5, 0]], [[3, 5], [2, 0]]),
    ],
)
def test_repeated_games_against_an_outside_solver(name, first, second):
    """Where rounds are alike, each tick may be any equilibrium of the round: all discounted sums of their pays."""
    plan = solved(game(first, second, time="horizon: 2"))
    table = nashpy.Game(np.array(first), np.array(second))
    rounds = [(x @ np.array(first) @ y, x @ np.array(second) @ y) for x, y in table.vertex_enumeration()]
    expected = {tuple(np.round(np.array(now) + 0.9 * np.array(later), 9)) for now in rounds for later in rounds}
    found = {tuple(np.round(each.values, 9)) for each in plan.equilibria.every}
    assert found == expected
    assert plan.equilibria.cut == ""


def test_the_repeated_prisoner_s_dilemma_with_a_known_end():
    plan = solved(game([[3, 0], [5, 1]], [[3, 5], [0, 1]], time="horizon: 5", discount=1))
    (only,) = plan.equilibria.every
    assert only.values == pytest.approx((5, 5), abs=1e-12)
    assert only.words == "ann: b; bob: d"
    assert analyse(plan).agent.total.high == pytest.approx(10)


STAG = ([[4, 0], [3, 3]], [[4, 3], [0, 3]])


@pytest.mark.parametrize(
    ("choice", "worth"),
    [("joint", 8), ("worst", 6), ("nash", 8), ("{best_for: bob}", 8), ("perfect", None), ("all", None)],
)
def test_a_named_choice_among_equilibria(choice, worth):
    plan = solved(game(*STAG, time="horizon: 2", solution=f"{{equilibrium: {choice}}}", discount=1))
    totals = sorted({round(sum(each.values), 9) for each in plan.equilibria.every})
    if worth is None:
        # The mixed equilibrium (3/4 stag) is worth 3 to each, as both hares are.
        assert totals == [12, 14, 16]
    else:
        assert totals == [2 * worth]


def test_a_perfect_equilibrium_has_no_strategy_that_is_weakly_dominated():
    """Both fight where each alone brings a fight about: an equilibrium, but a mistake of the other's would show it."""
    text = ([[5, 1], [1, 1]], [[5, 1], [1, 1]])
    everything, perfect = (
        solved(game(*text, time="horizon: 2", solution=f"{{equilibrium: {which}}}")) for which in ("all", "perfect")
    )
    assert len(everything.equilibria.every) > 1
    assert [each.values for each in perfect.equilibria.every] == [pytest.approx((9.5, 9.5))]


BETRAYAL = """
counters: {left: {max: 1}}
agents:
  ann: {actions: [stay, {name: leave, when: left == 0}], values: {score: {}}, discount: 1}
  bob: {actions: [stay, {name: punish, when: left == 1}], values: {score: {}}, discount: 1}
rewards: {score: {}, performance: {hidden: true}}
rules:
  - {name: leaving, when: ann does leave, then: [left = 1, event gone], pays: {ann.score: 2, bob.score: -1}}
  - {name: working, when: left == 0, then: [], pays: {ann.score: 1, bob.score: 1}}
  - {name: punished, when: bob does punish, then: [event punished], pays: {ann.score: -5, bob.score: -1}}
stages: {deploy: {horizon: 2}}
solution: equilibrium
"""


def test_a_threat_that_would_not_be_carried_out_is_none():
    """To punish costs Bob something and changes nothing afterwards, so Ann leaves: subgame perfection."""
    plan = solved(written(BETRAYAL))
    assert explain_event(plan, "punished").equilibria[0].share == (0, 0)
    (only,) = plan.equilibria.every
    assert only.values == pytest.approx((3, 0))


def two_rooms(rng, time, solution, start="", zero_sum=False):
    """A random game of two rooms: where it goes on depends on what both do, and on a coin."""
    pay = rng.normal(size=(2, 2, 2, 2)).round(3)
    if zero_sum:
        pay[:, 1] = -pay[:, 0]
    moves = rng.uniform(0, 1, size=(2, 2, 2)).round(3)
    ann, bob = ("a", "b"), ("c", "d")
    rules = f"{start}\n" + "\n".join(
        matrix_rules(pay[room, 0].tolist(), pay[room, 1].tolist(), ann, bob, f" and before(room) == {room}", f"_{room}")
        for room in (0, 1)
    )
    rules += "\n" + "\n".join(
        f"  - {{name: go_{room}_{a}_{b}, when: before(room) == {room} and ann does {a} and bob does {b},"
        f" chance: {moves[room, i, j]}, then: [room = 1 - room]}}"
        for room in (0, 1) for i, a in enumerate(ann) for j, b in enumerate(bob)
    )  # fmt: skip
    text = TWO.format(
        counters="counters: {room: {}}", ann="a, b", bob="c, d", rules=rules, time=time, solution=solution, discount=0.8
    )
    return written(text), pay, moves


def worth_of_rooms(pay, moves, of_stage):
    """What three ticks of `two_rooms` are worth, [room, agent], by what `of_stage` finds both to get in one tick."""
    worth = np.zeros((2, 2))
    for _ in range(3):
        ahead, worth = worth, np.zeros((2, 2))
        for room in (0, 1):
            stay, go = ahead[room], ahead[1 - room]
            first, second = (pay[room, i] + 0.8 * ((1 - moves[room]) * stay[i] + moves[room] * go[i]) for i in range(2))
            worth[room] = of_stage(first, second)
    return worth


def best_sum_by_nashpy(first, second):
    found = nashpy.Game(first, second).support_enumeration()
    return max(((x @ first @ y, x @ second @ y) for x, y in found), key=sum)


@given(st.integers(0, 10**6))
@settings(max_examples=6, deadline=None)
def test_backward_induction_against_an_outside_solver(seed):
    start = "  - {name: elsewhere, at: start, chance: 0.25, then: [room = 1]}"
    scenario, pay, moves = two_rooms(np.random.default_rng(seed), "horizon: 3", "{equilibrium: joint}", start)
    (only,) = solved(scenario).equilibria.every
    worth = np.array([0.75, 0.25]) @ worth_of_rooms(pay, moves, best_sum_by_nashpy)
    assert only.values == pytest.approx(worth, abs=1e-9)


# ------------------------------------------------------------------ without end


BIG_MATCH = """
counters: {over: {values: [no, caught, missed]}}
agents:
  ann: {actions: [guess, wait], values: {score: {}}, discount: 0.75}
  bob: {actions: [hide, show], values: {score: {}}, discount: 0.75}
rewards: {score: {}, performance: {hidden: true}}
rules:
  - {name: caught, when: over == no and ann does guess and bob does hide, then: [over = caught]}
  - {name: missed, when: over == no and ann does guess and bob does show, then: [over = missed]}
  - {name: waited, when: over == no and ann does wait and bob does show, pays: {ann.score: 1, bob.score: -1}}
  - {name: paid, when: over == caught, pays: {ann.score: 1, bob.score: -1}}
stages: {deploy: {limit: 50}}
solution: equilibrium
"""


def test_the_big_match():
    """Gillette 1957, Blackwell and Ferguson 1968: at every discount g it is worth half of what there is to win, and the
    first guesses with chance (1 - g) / (2 - g)."""
    truth = enumerate_world(compile_world(written(BIG_MATCH), "deploy"))
    solution = shapley_iteration(truth)
    start = truth.mdp.start_state[0]
    assert solution.values[start] == pytest.approx(0.5 * 4, abs=1e-9)
    assert solution.first[start] == pytest.approx([0.2, 0.8], abs=1e-9)
    assert solution.second[start] == pytest.approx([0.5, 0.5], abs=1e-9)
    assert solution.residual < 1e-9
    plan = plan_exactly(truth)
    assert plan.equilibria is not None
    (only,) = plan.equilibria.every
    assert only.values == pytest.approx((2, -2), abs=1e-9)
    assert only.words.startswith("ann: guess 0.2, wait 0.8")


@given(st.integers(0, 10**6))
@settings(max_examples=6, deadline=None)
def test_zero_sum_games_by_plain_shapley_iteration_and_by_best_responses(seed):
    scenario, pay, moves = two_rooms(np.random.default_rng(seed), "limit: 9", "equilibrium", zero_sum=True)
    truth = enumerate_world(compile_world(scenario, "deploy"))
    solution = shapley_iteration(truth)
    values = np.zeros(2)
    for _ in range(150):
        q = [pay[r, 0] + 0.8 * ((1 - moves[r]) * values[r] + moves[r] * values[1 - r]) for r in (0, 1)]
        values = np.array([game_value(each) for each in q])
    rooms = truth.states[:, truth.world.columns["room"].index]
    assert solution.values == pytest.approx(values[rooms], abs=1e-9)
    for agent, mine in ((0, solution.second), (1, solution.first)):
        facing = induced_mdp(truth, agent, {1 - agent: mine}).mdp
        best = policy_iteration(facing, truth.world.agents[agent].weights, 0.8)
        assert best.values == pytest.approx((1, -1)[agent] * solution.values, abs=1e-8)


def game_value(q):
    """The value of a zero-sum matrix game by the second player's linear program."""
    m, n = q.shape
    solved = linprog(
        np.r_[np.zeros(n), 1], A_ub=np.column_stack([q, -np.ones(m)]), b_ub=np.zeros(m), A_eq=[[1] * n + [0]], b_eq=[1],
        bounds=[(0, None)] * n + [(None, None)],
    )  # fmt: skip
    return solved.fun


def test_a_game_without_end_in_which_both_may_gain_is_refused():
    scenario, *_ = two_rooms(np.random.default_rng(0), "limit: 9", "equilibrium")
    with pytest.raises(NotEnumerableError, match="no known end") as refused:
        solved(scenario)
    assert "regret(AGENT)" in refused.value.cure


# ------------------------------------------------------------------ hidden information

SIGNAL = """
draws: {strong: {at: start, p: 0.5, observed: false}}
counters: {quit: {}}
agents:
  ann: {actions: [bet, pass], values: {score: {}}, discount: 1, fields: {knows: {values: [none, low, high]}}}
  bob: {actions: [call, fold], values: {score: {}}, discount: 1, observes: {hides: [ann.knows]}}
rewards: {score: {}, performance: {hidden: true}}
rules:
  - {name: dealt_high, at: start, when: strong == 1, then: [ann.knows = high]}
  - {name: dealt_low, at: start, when: strong == 0, then: [ann.knows = low]}
  - {name: called_high, when: ann does bet and bob does call and strong == 1, pays: {ann.score: 2, bob.score: -2}}
  - {name: called_low, when: ann does bet and bob does call and strong == 0, pays: {ann.score: -2, bob.score: 2}}
  - {name: bluff, when: ann does bet and bob does call and strong == 0, then: [event bluffed]}
  - {name: folded, when: ann does bet and bob does fold, then: [event folded], pays: {ann.score: 1, bob.score: -1}}
  - {name: passed_high, when: ann does pass and strong == 1, then: [], pays: {ann.score: 1, bob.score: -1}}
  - {name: passed_low, when: ann does pass and strong == 0, then: [], pays: {ann.score: -1, bob.score: 1}}
stages: {deploy: {horizon: 1}}
solution: equilibrium
"""


def test_a_game_of_two_types_is_solved_by_hand():
    """Poker with one card and one bet (Borel): the weak type bluffs a third of the time, the other calls two thirds."""
    text = SIGNAL
    plan = solved(written(text))
    (only,) = [each for each in plan.equilibria.every if "0." in each.words]
    assert only.values == pytest.approx((1 / 3, -1 / 3), abs=1e-9)
    share = exact_range(SolvedWorlds(written(text)), parsed_measure("share(bluffed)"), {}, "deploy")
    assert share.low == pytest.approx(0.5 * (1 / 3) * (2 / 3), abs=1e-9)


MEETING = """
draws: {kind: {at: start, p: 0.5}}
counters: {}
agents:
  ann: {actions: [here, there], values: {score: {}}, discount: 1}
  bob: {actions: [here, there], values: {score: {}}, discount: 1, observes: {hides: [kind]}}
rewards: {score: {}, performance: {hidden: true}}
rules:
  - name: here
    when: ann does here and bob does here
    pays: {ann.score: 1, bob.score: "if(kind == 0, 4, 1)", performance: "if(kind == 0, 4, 1)"}
  - name: there
    when: ann does there and bob does there
    pays: {ann.score: 1, bob.score: "if(kind == 0, 1, 2)", performance: "if(kind == 0, 1, 2)"}
stages: {deploy: {horizon: 1}}
solution: equilibrium
"""


def test_one_equilibrium_is_played_whatever_type_chance_dealt():
    """Both go here (2.5 to Bob), both go there (1.5), or they mix: none has his 4 and his 2."""
    scenario = scenario_of(MEETING)
    plan = solved(scenario)
    each = [its.values[1] for its in plan.equilibria.every]
    assert max(each) == pytest.approx(2.5)
    for found in (
        exact_range(SolvedWorlds(scenario), parsed_measure("return(bob.score)"), {}, "deploy"),
        analyse(plan).agent.returns["bob.score"],
        analyse(plan).agent.performance,
    ):
        assert found is not None
        assert (found.low, found.high) == pytest.approx((min(each), max(each)))


@pytest.mark.nightly
def test_what_is_too_large_is_refused_with_its_reason():
    text = SIGNAL.replace("horizon: 1", "horizon: 12")
    with pytest.raises(NotEnumerableError, match="does not see all that matters") as refused:
        solved(written(text))
    assert "horizon" in refused.value.cure


# ------------------------------------------------------------------ what a file says


def test_some_equilibrium_and_all_of_them():
    text = game(*STAG, time="horizon: 1")

    worlds = SolvedWorlds(text)
    interval = exact_range(worlds, parsed_measure("share(a_c)"), {}, "deploy")
    assert sorted(interval.each) == [(0, 0), pytest.approx((0.5625, 0.5625)), (1, 1)]
    assert interval.whose == "every equilibrium"


@pytest.mark.parametrize(
    ("claim", "outcome", "why"),
    [
        ("at_least: 1", "inconclusive", "it holds in 1 of 3 equilibria; which give 0 to 1"),
        ("at_least: 1, exists: true", "pass", "it holds in 1 of 3 equilibria; which give 0 to 1"),
        (
            "equals: 0.3, exists: true",
            "fail",
            "it holds in 0 of 3 equilibria; which give 0 to 1, and exactly 0.3 was expected",
        ),
        ("at_least: 0", "pass", "every equilibrium gives 0 to 1"),
        ("equals: 0.5625, within: 1e-9, exists: true", "pass", "it holds in 1 of 3 equilibria"),
        ("at_least: 1, with: {solution: {equilibrium: joint}}", "pass", "every equilibrium gives 1"),
        ("at_least: 1, with: {solution: {equilibrium: {best_for: bob}}}", "pass", "every equilibrium gives 1"),
        (
            "at_most: 0, with: {solution: {best_response: ann, others: {bob: d}}}",
            "pass",
            "every optimal policy gives 0",
        ),
    ],
)
def test_claims_about_equilibria(claim, outcome, why):
    rules = matrix_rules(*STAG, ("a", "b"), ("c", "d"))
    text = TWO.format(
        counters="", ann="a, b", bob="c, d", rules=rules, time="horizon: 1", solution="equilibrium", discount=0.9
    )
    scenario = written(f"{text}expect:\n  - {{name: hunted, measure: share(a_c), {claim}}}\n")
    (judgement,) = api.run(scenario).judgements
    assert (judgement.outcome, judgement.why[: len(why)]) == (outcome, why)


REACTS = """
counters: {mood: {values: [calm, cross]}}
agents:
  ann: {actions: [stay, poke], values: {score: {}}, discount: 1}
  bob: {actions: [stay, bite], values: {score: {}}, discount: 1}
rewards: {score: {}, performance: {hidden: true}}
rules:
  - {name: poked, when: ann does poke, then: [mood = cross, event poked], pays: {ann.score: 1}}
  - {name: bitten, when: bob does bite, then: [event bitten], pays: {ann.score: -3}}
stages: {deploy: {horizon: 2}}
solution: {best_response: ann, others: {bob: "if(mood == cross, bite, stay)"}}
"""


def test_a_stated_policy_may_answer_to_the_state():
    """A poke is bitten for a tick later, so the best response pokes in the last tick alone."""
    plan = solved(written(REACTS))
    assert plan.start_value == pytest.approx(1)
    assert explain_event(plan, "bitten").equilibria == ()
    kind = api.load(written(REACTS), {"solution.others.bob": "stay"})
    assert solved(kind).start_value == pytest.approx(2)
    mad = api.load(written(REACTS), {"solution.others.bob": "if(step >= 1, bite, if(mood == cross, random, stay))"})
    assert solved(mad).start_value == pytest.approx(-1)
    trace = PlanFollower(solved(mad)).episode(0)
    assert trace.chosen[:, 1].tolist() == [0, 1]


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("bite, stay)", "bit, stay)", "TC424"),
        ("if(mood == cross, bite, stay)", "mood == cross", "TC111"),
        ("mood == cross", "2", "TC5"),
        ("mood == cross", "ann does poke", "TC5"),
        (
            'solution: {best_response: ann, others: {bob: "if(mood == cross, bite, stay)"}}',
            "solution: {equilibrium: best}",
            "TC2",
        ),
        (
            'solution: {best_response: ann, others: {bob: "if(mood == cross, bite, stay)"}}',
            "solution: {equilibrium: {best_for: carl}}",
            "TC423",
        ),
    ],
)
def test_faults_in_what_is_solved_for(old, new, code):
    with pytest.raises(ScenarioError) as found:
        written(REACTS.replace(old, new))
    assert any(fault.code.startswith(code) for fault in found.value.faults), found.value
