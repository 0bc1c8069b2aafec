"""Games in which somebody does not see everything: no solution lets an agent choose by what it does not see."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.worlds import examples, scenario_of
from turncoat import api
from turncoat.envs.analysis.event_explanation import explain_event
from turncoat.envs.analysis.performance_gap import analyse
from turncoat.envs.mdp.enumeration import enumerate_world
from turncoat.envs.multi_agent.bimatrix_equilibria import equilibria
from turncoat.envs.multi_agent.common_knowledge import common_cells
from turncoat.envs.reference.observation import observation_ids
from turncoat.envs.world.compiler import compile_world
from turncoat.evals.exact.solved_worlds import SolvedWorlds
from turncoat.evals.measures.measure_values import exact_range
from turncoat.evals.training.background_population import PopulationError
from turncoat.scenarios.language.expressions.parser import parsed_measure


def ends(scenario, measure):
    found = exact_range(SolvedWorlds(scenario), parsed_measure(measure), {}, "deploy")
    return (found.low, found.high)


def solved(scenario):
    return SolvedWorlds(scenario).plan({}, "deploy")


# Bach or Stravinsky, and a coin of which nobody is paid.
COIN = """
draws: {{coin: {{at: start, p: 0.5{hidden}}}}}
agents:
  ann: {{actions: [bach, strav], values: {{score: {{}}}}, discount: 1{ann}}}
  bob: {{actions: [bach, strav], values: {{score: {{}}}}, discount: 1{bob}}}
rewards: {{score: {{}}, performance: {{hidden: true}}}}
rules:
  - name: both_bach
    when: ann does bach and bob does bach
    pays: {{ann.score: 3, bob.score: 2, performance: "if(coin == 0, 1, -1)"}}
  - name: both_strav
    when: ann does strav and bob does strav
    pays: {{ann.score: 2, bob.score: 3, performance: "if(coin == 0, -1, 1)"}}
stages: {{deploy: {{horizon: 1}}}}
solution: equilibrium
"""
NOBODY = COIN.format(hidden=", observed: false", ann="", bob="")
ANN_ALONE = COIN.format(hidden="", ann="", bob=", observes: {hides: [coin]}")
EVERYBODY = COIN.format(hidden="", ann="", bob="")


def test_a_coin_that_nobody_sees_brings_nobody_together():
    """Where all see it they may meet by it, which is worth 2.5 to each; else three equilibria are left."""
    scenario = scenario_of(NOBODY)
    found = solved(scenario).equilibria.every
    assert sorted(its.values for its in found) == [pytest.approx(each) for each in ((1.2, 1.2), (2, 3), (3, 2))]
    assert ends(scenario, "performance") == pytest.approx((0, 0))
    public = scenario_of(EVERYBODY)
    assert len(solved(public).equilibria.every) == 9
    assert ends(public, "performance") == (-1, 1)


def test_who_alone_sees_what_nobody_is_paid_for_may_choose_by_it():
    """Ann could mix by the coin, which is worth -0.4 to 0.4 to the designers: so what is found need not be all."""
    claim = "expect:\n  - {name: it is even, measure: performance, equals: 0}\nruns: {agents: [exact]}\n"
    (judgement,) = api.run(scenario_of(ANN_ALONE + claim)).judgements
    assert judgement.outcome == "inconclusive"
    assert "`ann` sees what the other does not" in judgement.why
    (judgement,) = api.run(scenario_of(NOBODY + claim)).judgements
    assert judgement.outcome == "pass"


def test_cells_are_what_all_see_and_see_that_all_see():
    # 0 and 1 look alike to the first, 1 and 2 to the second; 3 looks like nothing else.
    assert common_cells(np.array([[0, 0, 1, 2], [0, 1, 1, 2]])).tolist() == [0, 0, 0, 3]
    assert common_cells(np.array([[0, 1, 2], [0, 1, 2]])).tolist() == [0, 1, 2]


TIED = """
draws: {coin: {at: start, p: 0.25, observed: false}}
agents:
  ann: {actions: [pass, bet], values: {score: {}}, discount: DISCOUNT}
  bob: {actions: [wait, look], values: {score: {}}, discount: DISCOUNT}
rewards: {score: {}, performance: {hidden: true}}
rules:
  - name: lost
    when: ann does bet and coin == 1
    then:
      - event lost
    pays: {performance: -1}
  - name: won
    when: ann does bet and coin == 0
    pays: {performance: 1}
stages: {deploy: {TIME}}
solution: equilibrium
"""


@pytest.mark.parametrize(("time", "discount"), [("horizon: 1", "1"), ("limit: 1", "0.5")])
def test_ties_are_broken_by_what_is_seen(time, discount):
    """To bet is tied with to pass: it wins in three of four episodes, whoever likes to know when."""
    scenario = scenario_of(TIED.replace("TIME", time).replace("DISCOUNT", discount))
    assert ends(scenario, "performance") == pytest.approx((0, 0.5))
    assert ends(scenario, "share(lost)") == pytest.approx((0, 0.25))
    plan = solved(scenario)
    worth = analyse(plan)
    assert worth.agent.performance is not None
    assert (worth.agent.performance.low, worth.agent.performance.high) == pytest.approx((0, 0.5))
    each = [its.performance for its in worth.equilibria if its.performance is not None]
    assert (min(its.low for its in each), max(its.high for its in each)) == pytest.approx((0, 0.5))
    shares = [its.share for its in explain_event(plan, "lost").equilibria]
    assert (min(its.low for its in shares), max(its.high for its in shares)) == pytest.approx((0, 0.25))


TYPES = """
draws: {kind: {at: start, p: 0.5}}
agents:
  ann: {actions: [calm, harm], values: {score: {}}, discount: 1}
  bob: {actions: [here, there], values: {score: {}}, discount: 1, observes: {hides: [kind]}}
rewards: {score: {}, performance: {hidden: true}}
rules:
  - {name: here, when: bob does here and kind == 0, pays: {bob.score: 1}}
  - {name: there, when: bob does there and kind == 1, pays: {bob.score: 2}}
  - name: harmed
    when: ann does harm
    then:
      - event harmed
    pays: {performance: -10}
stages: {deploy: {horizon: 1}}
solution: equilibrium
"""


def test_plans_that_are_paid_the_same_and_bring_about_something_else_all_count():
    """Harm is no worse to Ann than calm, whatever is hidden from Bob: it may come in every episode, or in none."""
    scenario = scenario_of(TYPES)
    assert ends(scenario, "share(harmed)") == (0, 1)
    assert ends(scenario, "performance") == (-10, 0)
    assert len(solved(scenario).equilibria.every) == 1


def test_a_measure_of_states_says_where_plans_of_equal_pay_differ_in_them_alone():
    """Harm leaves a mark, and no event and no score: such plans are one, and a claim about the mark is not shown."""
    spoilt = TYPES.replace("draws:", "counters: {mark: {max: 1}}\ndraws:").replace(
        "      - event harmed\n    pays: {performance: -10}\n", "      - mark = 1\n"
    )
    claim = "expect: [{name: no mark, measure: final(mark), at_most: 0, of: [exact]}]\n"
    scenario = scenario_of(spoilt + claim)
    marked, paid = (
        exact_range(SolvedWorlds(scenario), parsed_measure(measure), {}, "deploy")
        for measure in ("final(mark)", "return(score)")
    )
    assert "differ in the states" in marked.cut
    assert not paid.cut
    (only,) = api.run(scenario).judgements
    assert only.outcome == "inconclusive"
    assert "there may be more equilibria" in only.why
    # Where it is an event they are told apart, and both count.
    told = scenario_of(spoilt.replace("      - mark = 1\n", "      - mark = 1\n      - event marked\n"))
    found = exact_range(SolvedWorlds(told), parsed_measure("final(mark)"), {}, "deploy")
    assert (found.low, found.high) == (0, 1)


PENNIES = """
counters: {phase: {values: [choose, guess, over]}}
agents:
  ann:
    actions:
      - {name: heads, when: phase == choose}
      - {name: tails, when: phase == choose}
      - {name: idle, when: phase != choose}
    values: {score: {}}
    discount: 1
    fields: {side: {values: [none, h, t]}}
  bob:
    actions:
      - {name: say_h, when: phase == guess}
      - {name: say_t, when: phase == guess}
      - {name: wait, when: phase != guess}
    values: {score: {}}
    discount: 1
    observes: {hides: [HIDDEN]}
rewards: {score: {}, performance: {hidden: true}}
rules:
  - name: right
    when: phase == guess and (ann.side == h and bob does say_h or ann.side == t and bob does say_t)
    then:
      - event right
    pays: {ann.score: -1, bob.score: 1}
  - name: wrong
    when: phase == guess and (ann.side == h and bob does say_t or ann.side == t and bob does say_h)
    pays: {ann.score: 1, bob.score: -1}
  - {name: h, when: ann does heads, then: [ann.side = h]}
  - {name: t, when: ann does tails, then: [ann.side = t]}
  - {name: over, when: phase == guess, then: [phase = over]}
  - {name: on, when: phase == choose, then: [phase = guess]}
stages: {deploy: {horizon: 2}}
solution: SOLUTION
"""


def pennies(hidden, solution="equilibrium"):
    return scenario_of(PENNIES.replace("HIDDEN", hidden).replace("SOLUTION", solution))


def test_a_penny_that_is_hidden_is_guessed_half_of_the_time():
    hidden, shown = pennies("ann.side"), pennies("")
    assert [its.values for its in solved(hidden).equilibria.every] == [pytest.approx((0, 0))]
    assert ends(hidden, "share(right)") == pytest.approx((0.5, 0.5))
    assert ends(shown, "share(right)") == (1, 1)
    against = pennies("ann.side", "{best_response: bob, others: {ann: random}}")
    assert solved(against).start_value == pytest.approx(0)
    known = pennies("ann.side", "{best_response: bob, others: {ann: tails}}")
    assert solved(known).start_value == pytest.approx(1)


def test_a_joint_plan_says_that_it_sees_more_than_those_it_is_for():
    assert "less is seen by bob" in analyse(solved(pennies("ann.side", "joint"))).together
    assert analyse(solved(pennies("", "joint"))).together == ""
    assert "less is seen by bob" in " ".join(explain_event(solved(pennies("ann.side", "joint")), "right").notes)


def test_what_hangs_on_a_type_is_not_told_as_a_lottery():
    text = TYPES.replace("event harmed", "event harmed\n").replace(
        "pays: {performance: -10}", 'pays: {ann.score: "if(kind == 0, 1, -1)"}'
    )
    (only,) = solved(scenario_of(text)).equilibria.every
    assert only.words == "ann: by what it knows calm 0.5, harm 0.5; bob: there"
    mixed = solved(pennies("ann.side")).equilibria.every[0]
    assert mixed.words == "ann: heads 0.5, tails 0.5, then idle; bob: wait, then say_h 0.5, say_t 0.5"


def test_a_profile_by_what_is_not_seen_is_none():
    scenario = api.load(scenario_of(ANN_ALONE), {"solution": "joint"})
    with pytest.raises(PopulationError, match="lets `bob` choose by what it does not see"):
        api.exploit(scenario, {"bob": "if(coin == 0, bach, strav)"})
    with pytest.raises(PopulationError, match="reads `step`"):
        api.exploit(scenario, {"bob": "if(step == 0, bach, strav)"})
    assert api.exploit(scenario, {"ann": "bach", "bob": "bach"}).nash_conv == 0


# ------------------------------------------------------------------ by enumeration of all that can be done


def every_equilibrium(scenario, horizon):
    """Pay of both, performance and share of `e` in each extreme equilibrium of all pure strategies by what was seen.

    A strategy says what to do after everything that an agent may have seen and done; nothing else of the package's way
    to solve games is used but the list of equilibria of a matrix game.
    """
    its = enumerate_world(compile_world(scenario, "deploy"))
    world, mdp = its.world, its.mdp
    able = [
        [sorted({int(world.joint_actions[j, i]) for j in np.flatnonzero(row)}) for row in mdp.available] for i in (0, 1)
    ]
    looks = [
        [(view, *acts) for view, acts in zip(observation_ids(world, its.states, i).tolist(), able[i], strict=True)]
        for i in (0, 1)
    ]
    joint = {tuple(pair): number for number, pair in enumerate(world.joint_actions.tolist())}
    begin = [
        (state, ((looks[0][state],), (looks[1][state],)), p)
        for state, p in zip(mdp.start_state.tolist(), mdp.start_probability.tolist(), strict=True)
    ]

    def after(state, seen, pair):
        row = state * mdp.n_actions + joint[pair]
        for outcome in range(mdp.row_start[row], mdp.row_start[row + 1]):
            then = int(mdp.next_state[outcome])
            yield outcome, then, tuple((*seen[i], pair[i], looks[i][then]) for i in (0, 1))

    known: tuple[dict[object, list[int]], dict[object, list[int]]] = ({}, {})
    front = {(state, seen) for state, seen, _ in begin}
    for _ in range(horizon):
        for state, seen in front:
            for i in (0, 1):
                known[i][seen[i]] = able[i][state]
        front = {
            (then, more)
            for state, seen in front
            for pair in itertools.product(able[0][state], able[1][state])
            for _, then, more in after(state, seen, pair)
        }
    plans = [[dict(zip(sets, acts, strict=True)) for acts in itertools.product(*sets.values())] for sets in known]

    def worth(mine, theirs):
        total, now = np.zeros(4), begin
        for _ in range(horizon):
            ahead = []
            for state, seen, p in now:
                for outcome, then, more in after(state, seen, (mine[seen[0]], theirs[seen[1]])):
                    chance = p * mdp.probability[outcome]
                    pay = [mdp.rewards[outcome] @ agent.weights for agent in world.agents]
                    total += chance * np.array([*pay, its.performance[outcome], float(mdp.events[outcome] != 0)])
                    ahead.append((then, more, chance))
            now = ahead
        return total

    table = np.array([[worth(mine, theirs) for theirs in plans[1]] for mine in plans[0]])
    found = equilibria(table[:, :, 0], table[:, :, 1])
    return np.array([np.einsum("i,ijk,j->k", x, table, y) for x, y in found])


@given(st.integers(0, 10**6))
@settings(max_examples=examples(12), deadline=None)
def test_one_tick_by_enumeration(seed):
    """Pay hangs on what both choose and on a draw, or not; who sees the draw is drawn as well."""
    rng = np.random.default_rng(seed)
    matters, hidden = rng.random() < 0.6, [rng.random() < 0.6, rng.random() < 0.6]
    pays = rng.integers(-1, 2, (2, 2, 2, 2))
    rules = []
    for number, (kind, a, b) in enumerate(itertools.product((0, 1), repeat=3)):
        ann, bob = pays[kind if matters else 0, a, b]
        rules.append(
            f"  - name: r{number}\n    when: kind == {kind} and ann does a{a} and bob does b{b}\n"
            + ("    then:\n      - event e\n" if number == 0 or rng.random() < 0.3 else "")
            + f"    pays: {{ann.score: {ann}, bob.score: {bob}, performance: {rng.integers(-1, 2)}}}\n"
        )
    hides = [", observes: {hides: [kind]}" if each else "" for each in hidden]
    scenario = scenario_of(
        "draws: {kind: {at: start, p: 0.5}}\nagents:\n"
        f"  ann: {{actions: [a0, a1], values: {{score: {{}}}}, discount: 1{hides[0]}}}\n"
        f"  bob: {{actions: [b0, b1], values: {{score: {{}}}}, discount: 1{hides[1]}}}\n"
        "rewards: {score: {}, performance: {hidden: true}}\nrules:\n"
        + "".join(rules)
        + "stages: {deploy: {horizon: 1}}\n"
        "solution: equilibrium\n"
    )
    every, complete = every_equilibrium(scenario, 1), not solved(scenario).equilibria.cut
    for column, measure in enumerate(("return(ann.score)", "return(bob.score)", "performance", "share(e)")):
        low, high = ends(scenario, measure)
        assert low >= every[:, column].min() - 1e-9
        assert high <= every[:, column].max() + 1e-9
        if complete:
            assert (low, high) == pytest.approx((every[:, column].min(), every[:, column].max()), abs=1e-9)
