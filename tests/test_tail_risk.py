"""The mean of the worst episodes, against every policy that there is, and as a measure of scenarios."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

import turncoat
from tests.worlds import scenario_of
from turncoat.envs.analysis import tail_risk
from turncoat.envs.analysis.tail_risk import tail_range
from turncoat.envs.base import FiniteMDP, NotEnumerableError
from turncoat.envs.solvers.dynamic_programming import Optimal, backward_induction
from turncoat.evals.exact.solved_worlds import SolvedWorlds
from turncoat.evals.measures.measure_values import exact_range, sampled_in
from turncoat.scenarios.language.expressions.parser import parsed_measure
from turncoat.scenarios.language.faults.faults import ScenarioError

Sums = dict[float, float]


def random_process(seed: int, n_states: int = 4, n_actions: int = 2) -> FiniteMDP:
    """One channel; the last state has ended; probabilities are quarters and halves, so that sums coincide."""
    rng = np.random.default_rng(seed)
    first, following, chance, pays = [0], [], [], []
    for state, _ in itertools.product(range(n_states), range(n_actions)):
        if state < n_states - 1:
            size = int(rng.integers(1, 3))
            following += rng.integers(0, n_states, size).tolist()
            chance += [[1.0], [0.25, 0.75]][size - 1]
            pays += rng.integers(-2, 3, size).tolist()
        first.append(len(following))
    return FiniteMDP(
        n_states, n_actions, np.array(first), np.array(following, np.int32), np.array(chance),
        np.array(pays, np.float64)[:, None], np.zeros(len(pays), np.uint64), np.arange(n_states) == n_states - 1,
        np.array([0, 1], np.int32), np.array([0.5, 0.5]), ("pay",), (), ("a", "b"),
    )  # fmt: skip


def every(mdp: FiniteMDP, may, state: int, steps: int, so_far: float = 0.0, tick: int = 0) -> list[Sums]:
    """The distribution of the sum under each way to choose, by the whole history, from here on."""
    if steps == tick or mdp.ended[state]:
        return [{so_far: 1.0}]
    found = []
    for action in np.flatnonzero(may(tick)[state]):
        row = state * mdp.n_actions + action
        outcomes = range(mdp.row_start[row], mdp.row_start[row + 1])
        ahead = [every(mdp, may, int(mdp.next_state[k]), steps, so_far + mdp.rewards[k, 0], tick + 1) for k in outcomes]
        found += [mixed(mdp.probability[list(outcomes)], ways) for ways in itertools.product(*ahead)]
    return list({tuple(sorted(each.items())): each for each in found}.values())


def mixed(chances, distributions) -> Sums:
    total: Sums = {}
    for chance, distribution in zip(chances, distributions, strict=True):
        for amount, p in distribution.items():
            total[amount] = total.get(amount, 0.0) + float(chance) * p
    return total


def worst(distribution: Sums, share: float) -> float:
    """The mean of the worst share by hand: episodes in order, as many as belong to it."""
    left, total = share, 0.0
    for amount, chance in sorted(distribution.items()):
        part = min(left, chance)
        left, total = left - part, total + part * amount
    return total / share


def least(distributions: list[Sums], share: float) -> float:
    """The least of any lottery over some policies, by a linear program."""
    borders = sorted({amount for each in distributions for amount in each})
    below = np.array(
        [[c - sum(p * max(c - x, 0) for x, p in d.items()) / share for d in distributions] for c in borders]
    )
    n = len(distributions)
    found = linprog(
        np.r_[np.zeros(n), 1.0], A_ub=np.c_[below, -np.ones(len(borders))], b_ub=np.zeros(len(borders)),
        A_eq=[[*np.ones(n), 0.0]], b_eq=[1.0], bounds=[(0, None)] * n + [(None, None)],
    )  # fmt: skip
    return float(found.fun)  # type: ignore[arg-type]


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([0.05, 0.25, 0.4, 0.9, 1.0]), st.booleans())
def test_the_range_is_that_over_every_policy(seed: int, share: float, timed: bool) -> None:
    mdp, steps = random_process(seed), 3
    optimal: Optimal = mdp.available
    may = lambda tick: mdp.available  # noqa: E731
    if timed:
        optimal = solution = backward_induction(mdp, [0.0 if seed % 2 else 1.0], 1.0, steps)
        may = solution.optimal_at
    ways = [every(mdp, may, state, steps) for state in (0, 1)]
    if len(ways[0]) * len(ways[1]) > 3_000:
        return
    distributions = [mixed([0.5, 0.5], each) for each in itertools.product(*ways)]

    low, high = tail_range(mdp, optimal, mdp.rewards[:, 0], steps, share)
    assert high == pytest.approx(max(worst(each, share) for each in distributions), abs=1e-9)
    assert low == pytest.approx(least(distributions, share), abs=1e-9)


def test_sums_that_take_too_many_values_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    mdp = random_process(3)
    monkeypatch.setattr(tail_risk, "MAX_BRANCHES", 20)
    with pytest.raises(NotEnumerableError, match="so many different sums"):
        tail_range(mdp, mdp.available, mdp.rewards[:, 0], 50, 0.1)
    with pytest.raises(ValueError, match="a share lies above 0"):
        tail_range(mdp, mdp.available, mdp.rewards[:, 0], 3, 0.0)


GAMBLE = """
params:
  luck: {value: 0.1, range: [0, 1]}
  worst: {value: 0.2}
agents:
  robot: {actions: [safe, bold], values: {gain: {}}, discount: 0.9}
draws:
  fails: {p: luck, at: tick}
rewards: {gain: {}, performance: {hidden: true}}
rules:
  - name: safety
    when: robot does safe
    then: [end "home"]
    pays: {gain: 1, performance: 1}
  - name: boldness
    when: robot does bold and fails == 0
    then: [end "home"]
    pays: {gain: 4, performance: 4}
  - name: failing
    when: robot does bold and fails == 1
    then: [end "lost"]
    pays: {gain: -10, performance: -10}
stages: {deploy: {limit: 1}}
"""


def test_the_worst_fifth_of_a_gamble_by_hand() -> None:
    """Bold pays 2.6 in the mean, and its worst fifth is one half failures."""
    worlds = SolvedWorlds(scenario_of(GAMBLE))

    def ask(text, **under):
        return exact_range(worlds, parsed_measure(text), under, "deploy")

    for sum_ in ("performance", "return", "return(gain)"):
        told = ask(f"cvar(worst, {sum_})")
        assert (told.low, told.high) == pytest.approx((-3, -3))
    assert ask("cvar(1, performance)").low == pytest.approx(ask("performance").low)
    assert ask("cvar(0.05, performance)").low == pytest.approx(-10)
    assert ask("cvar(0.05, performance)", luck=0.5).low == 1, "safe is best there"


def test_it_is_asked_of_the_exact_planner_in_an_expectation() -> None:
    expect = "expect: [{name: it may lose, measure: 'cvar(worst, performance)', at_most: -2.9}]\n"
    [judged] = turncoat.run(scenario_of(GAMBLE + expect)).judgements
    assert judged.outcome == "pass"
    with pytest.raises(NotEnumerableError, match="ask it of `exact`"):
        sampled_in(None, parsed_measure("cvar(0.1, performance)"), None)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("cvar(0, performance)", "the share of the worst episodes is 0"),
        ("cvar(2 * luck + 1, performance)", "the share of the worst episodes is 1.2"),
        ("cvar(fails, performance)", "must be known before the run"),
        ("cvar(0.1, return(gane))", "gane"),
    ],
)
def test_faults_name_their_place(text: str, says: str) -> None:
    with pytest.raises(ScenarioError, match=says):
        scenario_of(GAMBLE + f"expect: [{{name: x, measure: '{text}', at_most: 0}}]\n")


# Each coin takes a score of 1 and leaves no other trace: of the sums, the processes of exact plans keep the mean alone.
HIDDEN = """
agents:
  robot: {actions: [wait], values: {gain: {}}}
draws: {}
rewards: {gain: {}, performance: {hidden: true}}
rules:
  - name: coming
    then: event came
    pays: {gain: 1}
stages: {deploy: {limit: 1}}
"""


@pytest.mark.parametrize("coins", [1, 7])
def test_scores_of_which_the_mean_alone_is_kept_have_no_worst(coins: int) -> None:
    """With 7 coins there are so many outcomes that they are made one before the tick is over."""
    names = [f"c{number}" for number in range(coins)]
    text = HIDDEN.replace("draws: {}", "draws:\n" + "".join(f"  {name}: {{at: tick}}\n" for name in names))
    rules = "".join(f"  - {{name: r_{each}, when: {each} == 1, pays: {{performance: -1}}}}\n" for each in names)
    blind = SolvedWorlds(scenario_of(text.replace("stages:", rules + "stages:")))
    assert exact_range(blind, parsed_measure("performance"), {}, "deploy").low == pytest.approx(-coins / 2)
    assert exact_range(blind, parsed_measure("cvar(0.25, return)"), {}, "deploy").low == 1
    with pytest.raises(NotEnumerableError, match="only the mean is kept") as fault:
        exact_range(blind, parsed_measure("cvar(0.25, performance)"), {}, "deploy")
    assert "an event of its own" in fault.value.cure
    # The cure: what tells them apart keeps them apart.
    told = rules.replace("pays:", "then: event hit, pays:") if coins == 1 else ""
    if told:
        seen = SolvedWorlds(scenario_of(text.replace("stages:", told + "stages:")))
        assert exact_range(seen, parsed_measure("cvar(0.25, performance)"), {}, "deploy").low == pytest.approx(-1)


# ------------------------------------------------------------------ over an interval of a setting


def test_a_plan_that_is_kept_loses_what_a_new_one_would_not() -> None:
    """Bold is best up to a chance of 3/14 to fail; at one half who stays bold has -3 in the mean, who plans anew 1."""
    scenario = scenario_of(GAMBLE)
    chances = [0.1, 0.2, 0.25, 0.5]
    mean, gap = turncoat.measure(scenario, ["performance", "regret"], over={"luck": chances})
    assert mean.here.low == pytest.approx(2.6)
    assert (mean.anew.least, mean.anew.least_at) == (1, 0.25)
    assert mean.kept.least == pytest.approx(-3)
    assert mean.kept.least_at == 0.5
    assert mean.kept.greatest == mean.anew.greatest == pytest.approx(2.6)
    assert (gap.anew.greatest, gap.kept.greatest) == pytest.approx((0, 4))

    [timed] = turncoat.measure(scenario_of(GAMBLE.replace("limit", "horizon")), ["performance"], over={"luck": chances})
    assert (timed.kept, timed.anew) == (mean.kept, mean.anew)


def test_where_a_plan_says_nothing_it_is_not_kept() -> None:
    text = GAMBLE.replace('then: [end "lost"]', "then: [lost = 1]").replace("limit: 1", "limit: 2")
    scenario = scenario_of(text.replace("value: 0.1", "value: 0") + "counters: {lost: {max: 1}}\n")
    [told] = turncoat.measure(scenario, ["performance"], over={"luck": [0, 0.1]})
    assert "luck = 0.1: a state is met of which the plan says nothing" in told.note
    assert told.kept.least is None
    assert told.anew.greatest == pytest.approx(4)
