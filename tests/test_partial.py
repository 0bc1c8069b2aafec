"""Planning on beliefs against the Tiger problem's known values, a T-maze solved by hand, and alpha recursion."""

import itertools
from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import turncoat
from tests.test_properties import true_at
from tests.test_tail_risk import Sums, least, mixed, worst
from tests.worlds import process_of, scenario_of
from turncoat.envs.analysis import exact_plan, known_process
from turncoat.envs.analysis.performance_gap import Range
from turncoat.envs.analysis.tail_risk import tail_range
from turncoat.envs.analysis.tie_ranges import (
    Not,
    Occurs,
    OccursBefore,
    discounted_range,
    expectation_range,
    final_range,
    first_range,
    greatest_range,
    ratio_range,
    share_range,
)
from turncoat.envs.base import FiniteMDP, NotEnumerableError
from turncoat.envs.mdp.transition_tables import tables
from turncoat.envs.properties.formulas import Came, Disjunction, Holds, Negation, always, eventually
from turncoat.envs.properties.remembering import property_range
from turncoat.envs.solvers.belief_mdp import alias_report, belief_mdp
from turncoat.envs.solvers.dynamic_programming import (
    FiniteHorizonSolution,
    Optimal,
    backward_induction,
    policy_iteration,
)
from turncoat.envs.solvers.policy_evaluation import evaluate
from turncoat.evals.verdicts.expectation import EXACT, OUTER
from turncoat.printing import print_analysis

SEEDS = st.integers(0, 2**32 - 1)
Path: TypeAlias = tuple[tuple[int, int], ...]
"""The states of an episode, each with the events that came with it."""


def tiger() -> tuple[FiniteMDP, np.ndarray]:
    """Kaelbling, Littman and Cassandra 1998: listen (right with 0.85), open left, open right; then it starts anew.

    State: where the tiger is (0, 1) and what was heard last (0 nothing, 1 left, 2 right); the view is what was heard.
    """
    rows = {}
    for place, heard in itertools.product(range(2), range(3)):
        state = place * 3 + heard
        rows[state, 0] = [(0.85, place * 3 + 1 + place, -1, 0), (0.15, place * 3 + 2 - place, -1, 0)]
        for door in range(2):
            eaten = door == place
            rows[state, 1 + door] = [(0.5, new * 3, -100 if eaten else 10, 1 if eaten else 2) for new in range(2)]
    return process_of(rows, 6, 3, {0: 0.5, 3: 0.5}, ("eaten", "paid")), np.tile(np.arange(3), 2)


def tiger_values(horizon: int) -> list[float]:
    """Undiscounted optimum at the even belief for 1 to `horizon` ticks, by enumerating alpha vectors (left, right)."""
    listen, hear = np.array([-1.0, -1.0]), np.array([[0.85, 0.15], [0.15, 0.85]])
    alphas, values = [np.zeros(2)], []
    for _ in range(horizon):
        new = [listen + hear[0] * left + hear[1] * right for left, right in itertools.product(alphas, repeat=2)]
        best = max(alpha.mean() for alpha in alphas)
        new += [np.array([-100.0, 10.0]) + best, np.array([10.0, -100.0]) + best]
        grid = np.linspace(0, 1, 4001)
        lines = np.outer(grid, [a[0] for a in new]) + np.outer(1 - grid, [a[1] for a in new])
        alphas = [new[i] for i in np.unique(lines.argmax(axis=1))]
        values.append(max(alpha.mean() for alpha in alphas))
    return values


def test_tiger_with_a_horizon() -> None:
    mdp, views = tiger()
    known = tiger_values(6)
    assert known[:3] == pytest.approx([-1, -2, 2.72])  # by hand: twice the same with 0.745, then right with 0.9698

    for horizon, value in enumerate(known, start=1):
        belief = belief_mdp(mdp, views, 1000, horizon)
        solution = backward_induction(belief.mdp, [1], 1, horizon)
        assert solution.values[0, belief.mdp.start_state[0]] == pytest.approx(value)


def test_tiger_without_end() -> None:
    mdp, views = tiger()
    belief = belief_mdp(mdp, views, 1000)
    solution = policy_iteration(belief.mdp, [1], 0.95)

    # The belief depends only on how often left was heard more than right; 3,000 sweeps over that chain (-60 to 60).
    assert solution.values[belief.mdp.start_state] == pytest.approx([19.371368374890903], abs=1e-8)
    assert belief.mdp.n_states < 200
    # Listen until one side leads by two, then open the other door.
    left = belief.pair_probability[belief.support_start[:-1]]
    assert (solution.policy == np.where(left > 0.96, 2, np.where(left < 0.04, 1, 0))).all()


def test_pairs_judge_what_beliefs_cannot_see() -> None:
    mdp, views = tiger()
    belief = belief_mdp(mdp, views, 1000, horizon=3)
    solution = backward_induction(belief.mdp, [1], 1, 3)
    lifted = belief.lift_solution(solution)
    low, high = share_range(belief.pair_mdp, lifted, Occurs(int(mdp.event_mask("eaten"))), 3)

    # Opens after hearing twice the same, wrongly in 0.15**2 of the episodes.
    assert low == pytest.approx(0.15**2)
    assert high == pytest.approx(0.15**2)
    reward = mdp.rewards[belief.pair_outcome, 0]
    assert expectation_range(belief.pair_mdp, lifted, reward, 3) == pytest.approx((2.72, 2.72))
    with pytest.raises(KeyError):
        belief.mdp.event_mask("eaten")


def t_maze(length: int) -> tuple[FiniteMDP, np.ndarray]:
    """A cue says which arm pays 1; the other costs 1. Actions: on, left, right. Views: the place; at 0 the cue."""
    rows = {}
    over = 2 * (length + 1)
    views = np.zeros(over + 1, dtype=np.int64)
    for cue, place in itertools.product(range(2), range(length + 1)):
        state = cue * (length + 1) + place
        views[state] = place + 10 if place else cue
        if place < length:
            rows[state, 0] = [(1, state + 1, 0, 0)]
        else:
            rows[state, 1] = [(1, over, 1 - 2 * cue, 1)]
            rows[state, 2] = [(1, over, 2 * cue - 1, 1)]
    views[over] = 99
    return process_of(rows, over + 1, 3, {0: 0.5, length + 1: 0.5}, ("done",)), views


def test_a_t_maze_needs_memory_and_a_belief_has_it() -> None:
    mdp, views = t_maze(5)
    report = alias_report(mdp, views)

    # Behind the cue every place looks the same under both cues, and is not.
    assert report.n_aliased == 5
    assert np.flatnonzero(report.states).tolist() == [1, 2, 3, 4, 5, 7, 8, 9, 10, 11]
    assert report.n_observations == 2 + 5 + 1
    belief = belief_mdp(mdp, views, 100)
    assert belief.mdp.n_states == 13
    solution = policy_iteration(belief.mdp, [1], 1)
    assert belief.mdp.start_probability @ solution.values[belief.mdp.start_state] == pytest.approx(1)
    assert first_range(belief.pair_mdp, belief.lift(solution.optimal), 1, 9) == (5, 5)


def test_without_the_cue_the_t_maze_is_a_gamble() -> None:
    mdp, views = t_maze(5)
    views = views.copy()
    views[6] = views[0]
    belief = belief_mdp(mdp, views, 100)
    solution = policy_iteration(belief.mdp, [1], 1)

    assert belief.mdp.n_states == 7
    assert solution.values[belief.mdp.start_state].tolist() == [0]
    assert np.diff(belief.support_start).tolist() == [2] * 6 + [1]
    # Both ways tie, and which of them is right nobody sees.
    lifted, reward = belief.lift(solution.optimal), mdp.rewards[belief.pair_outcome, 0]
    assert expectation_range(belief.pair_mdp, lifted, reward, 9) == (0, 0)
    assert discounted_range(belief.pair_mdp, lifted, reward, 0.9) == (0, 0)
    assert ratio_range(belief.pair_mdp, lifted, reward, np.ones(reward.size), 9)[:2] == (0, 0)
    # The greatest place is known, and so is how often each event comes: of what ties may do, nothing is left.
    number = belief.pair_state.astype(np.float64)
    assert greatest_range(belief.pair_mdp, lifted, number, 9) == (12, 12)


def random_world(seed: int, n_states: int = 6) -> FiniteMDP:
    rng = np.random.default_rng(seed)
    rows = {}
    for state, action in itertools.product(range(n_states - 1), range(2)):
        size = rng.integers(1, 3)
        chances = rng.dirichlet(np.ones(size)) if size > 1 else [1.0]
        rows[state, action] = [(p, rng.integers(n_states), rng.integers(-1, 2), 0) for p in chances]
    return process_of(rows, n_states, 2, {0: 0.5, 1: 0.5})


@given(SEEDS)
def test_a_full_view_changes_nothing(seed: int) -> None:
    mdp = random_world(seed)
    views = np.arange(6)
    belief = belief_mdp(mdp, views, 100)
    plain, planned = policy_iteration(mdp, [1], 0.9), policy_iteration(belief.mdp, [1], 0.9)

    assert alias_report(mdp, views).n_aliased == 0
    assert np.diff(belief.support_start).max() == 1
    assert planned.values == pytest.approx(plain.values[belief.pair_state], abs=1e-11)


@given(SEEDS)
def test_pairs_and_beliefs_agree_on_what_a_policy_earns(seed: int) -> None:
    mdp = random_world(seed)
    views = np.random.default_rng(seed).integers(0, 2, 6)
    belief = belief_mdp(mdp, views, 2000, horizon=5)
    solution = policy_iteration(belief.mdp, [1], 0.9)
    full = backward_induction(mdp, [1], 1, 5)
    part = backward_induction(belief.mdp, [1], 1, 5)
    pairs, policy = belief.pair_mdp, solution.policy[belief.pair_belief]

    for process in (belief.mdp, pairs):
        rows = np.add.reduceat(process.probability, process.row_start[:-1][process.available.ravel()])
        assert rows == pytest.approx(np.ones(rows.size))
        assert process.start_probability.sum() == pytest.approx(1)
        assert (process.available.any(axis=1) == ~process.ended).all()
    values = evaluate(pairs, policy, 0.9)[:, 0] * belief.pair_probability
    assert np.add.reduceat(values, belief.support_start[:-1]) == pytest.approx(solution.vector_values[:, 0], abs=1e-9)
    at_start = mdp.start_probability @ full.values[0, mdp.start_state]
    assert belief.mdp.start_probability @ part.values[0, belief.mdp.start_state] <= at_start + 1e-9


@given(SEEDS)
@settings(max_examples=10)
def test_ties_are_broken_by_what_was_seen(seed: int) -> None:
    """The least and the greatest of every way to choose by tick and belief, each of them played forward."""
    rng = np.random.default_rng(seed)
    belief = belief_mdp(random_world(seed, 4), rng.integers(0, 2, 4), 1000, horizon=2)
    pairs = belief.pair_mdp
    acting = np.flatnonzero(~belief.mdp.ended)
    assume(acting.size <= 5)
    gain = rng.normal(size=pairs.next_state.size)
    last = rng.normal(size=pairs.n_states)
    sums, ends = [], []
    for chosen in itertools.product(range(2), repeat=2 * acting.size):
        policy = np.zeros((2, belief.mdp.n_states), np.int64)
        policy[:, acting] = np.reshape(chosen, (2, -1))
        now = np.bincount(pairs.start_state, pairs.start_probability, pairs.n_states)
        total = 0.0
        for at in policy:
            taken = np.repeat(np.arange(pairs.row_start.size - 1), np.diff(pairs.row_start))
            state, action = np.divmod(taken, 2)
            flow = np.where(at[belief.pair_belief[state]] == action, now[state] * pairs.probability, 0.0)
            total += float(flow @ gain)
            now = np.where(pairs.ended, now, 0.0) + np.bincount(pairs.next_state, flow, pairs.n_states)
        sums.append(total)
        ends.append(float(now @ last))
    for found, every in (
        (expectation_range(pairs, pairs.available, gain, 2), sums),
        (final_range(pairs, pairs.available, last, 2), ends),
    ):
        assert found == pytest.approx((min(every), max(every)))


def ends_by_histories(
    pairs: FiniteMDP, group: np.ndarray, allowed: Callable[[int], np.ndarray], steps: int, of: Callable[[Path], float]
) -> list[float]:
    """The least and the greatest expectation of a number of the path, over every way to choose by what was seen.

    `group` is what a state shows; nothing is remembered of a path but what it showed, so that each history is chosen
    for by itself.
    """

    def extreme(paths: list[tuple[float, Path]], tick: int, better: Callable) -> float:
        """The extreme of what is still to come of the paths that looked alike up to now."""
        state = paths[0][1][-1][0]
        if tick == steps or pairs.ended[state]:
            return sum(chance * of(path) for chance, path in paths)
        tried = []
        for action in np.flatnonzero(allowed(tick)[state]):
            looks: dict[int, list[tuple[float, Path]]] = {}
            for chance, path in paths:
                row = path[-1][0] * pairs.n_actions + action
                for m in range(pairs.row_start[row], pairs.row_start[row + 1]):
                    after = int(pairs.next_state[m])
                    step = (after, int(pairs.events[m]))
                    looks.setdefault(group[after], []).append((chance * pairs.probability[m], (*path, step)))
            tried.append(sum(extreme(each, tick + 1, better) for each in looks.values()))
        return better(tried)

    begun: dict[int, list[tuple[float, Path]]] = {}
    for state, chance in zip(pairs.start_state.tolist(), pairs.start_probability.tolist(), strict=True):
        begun.setdefault(group[state], []).append((chance, ((state, 0),)))
    return [sum(extreme(each, 0, better) for each in begun.values()) for better in (min, max)]


@given(SEEDS, st.booleans())
@settings(max_examples=25)
def test_of_what_is_not_seen_too_ties_are_broken_by_what_was_seen(seed: int, timed: bool) -> None:
    rng, steps = np.random.default_rng(seed), 3
    mdp = random_world(seed, 5)
    mdp = replace(mdp, events=rng.integers(0, 4, mdp.next_state.size).astype(np.uint64), event_names=("a", "b"))
    belief = belief_mdp(mdp, rng.integers(0, 2, 5), 2000, horizon=steps)
    pairs, group = belief.pair_mdp, belief.pair_belief
    free = rng.random((belief.mdp.n_states, 2)) < 0.7
    free[~free.any(axis=1)] = True
    optimal: Optimal = belief.lift(free & belief.mdp.available)
    if timed:
        all_tie = backward_induction(belief.mdp, [0], 1, steps)
        # The first action, the second, or both.
        some = np.left_shift(rng.integers(1, 4, all_tie.packed.shape, np.uint8), 6, dtype=np.uint8)
        optimal = belief.lift_solution(replace(all_tie, packed=all_tie.packed & some))
    number = rng.integers(0, 3, pairs.n_states).astype(np.float64)
    holds = rng.random((pairs.n_states, 1)) < 0.5

    def allowed(tick: int) -> np.ndarray:
        return optimal.optimal_at(tick) if isinstance(optimal, FiniteHorizonSolution) else optimal

    def exact(of: Callable[[Path], float]) -> list[float]:
        return ends_by_histories(pairs, group, allowed, steps, of)

    def when(path: Path, mask: int) -> float:
        return next((tick for tick, (_, events) in enumerate(path[1:]) if events & mask), np.inf)

    formula = always(Disjunction(frozenset({Negation(Came(1)), eventually(Holds(0), 2)})))
    for found, every in (
        (share_range(pairs, optimal, Occurs(1), steps), exact(lambda path: when(path, 1) < np.inf)),
        (share_range(pairs, optimal, OccursBefore(1, 2), steps), exact(lambda path: when(path, 1) < when(path, 2))),
        (first_range(pairs, optimal, 3, steps), exact(lambda path: when(path, 3))),
        (greatest_range(pairs, optimal, number, steps), exact(lambda path: max(number[s] for s, _ in path))),
        (
            property_range(pairs, optimal, formula, holds, steps),
            exact(lambda path: true_at(formula, [(events, bool(holds[s, 0])) for s, events in path])),
        ),
    ):
        assert found == pytest.approx(every)
        assert not found.outer


def by_histories(pairs: FiniteMDP, group: np.ndarray, steps: int, pays: np.ndarray) -> list[Sums]:
    """The distribution of a sum under every way to choose by what was seen."""

    def plays(paths: list[tuple[float, int, float]], tick: int) -> list[Sums]:
        """Of what looked alike up to now; a path is its chance, its last state and its sum."""
        if tick == steps or pairs.ended[paths[0][1]]:
            return [mixed([chance for chance, *_ in paths], [{total: 1.0} for *_, total in paths])]
        found = []
        for action in np.flatnonzero(pairs.available[paths[0][1]]):
            looks: dict[int, list[tuple[float, int, float]]] = {}
            for chance, state, total in paths:
                row = state * pairs.n_actions + action
                for m in range(pairs.row_start[row], pairs.row_start[row + 1]):
                    after = int(pairs.next_state[m])
                    looks.setdefault(group[after], []).append((chance * pairs.probability[m], after, total + pays[m]))
            ahead = [plays(each, tick + 1) for each in looks.values()]
            found += [mixed([1.0] * len(ways), ways) for ways in itertools.product(*ahead)]
        return found

    begun: dict[int, list[tuple[float, int, float]]] = {}
    for state, chance in zip(pairs.start_state.tolist(), pairs.start_probability.tolist(), strict=True):
        begun.setdefault(group[state], []).append((chance, state, 0.0))
    return [mixed([1.0] * len(ways), ways) for ways in itertools.product(*[plays(each, 0) for each in begun.values()])]


@given(SEEDS, st.sampled_from([0.1, 0.3, 0.6]))
@settings(max_examples=15)
def test_the_worst_episodes_of_who_does_not_see_all(seed: int, share: float) -> None:
    rng = np.random.default_rng(seed)
    belief = belief_mdp(random_world(seed, 4), rng.integers(0, 2, 4), 100, horizon=2)
    pairs = belief.pair_mdp
    pays = rng.integers(-1, 2, pairs.next_state.size).astype(np.float64)
    distributions = by_histories(pairs, belief.pair_belief, 2, pays)

    found = tail_range(pairs, pairs.available, pays, 2, share)
    assert not found.outer
    assert found.high == pytest.approx(max(worst(each, share) for each in distributions), abs=1e-9)
    assert found.low == pytest.approx(least(distributions, share), abs=1e-9)


def test_where_beliefs_are_too_many_a_range_is_an_outer_bound_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    # Pressing one of two buttons hits with an even chance, the other never does, and which of them nobody sees.
    rows = {(s, a): [(0.5, 2, 0, int(a == s)), (0.5, s, 0, 0)] for s, a in itertools.product(range(2), range(2))}
    belief = belief_mdp(process_of(rows, 3, 2, {0: 0.5, 1: 0.5}, ("hit",)), np.array([0, 0, 1]), 100, horizon=2)
    pairs = belief.pair_mdp
    exact = share_range(pairs, pairs.available, Occurs(1), 2)
    monkeypatch.setattr(known_process, "MOST_BELIEFS", 0)
    outer = share_range(pairs, pairs.available, Occurs(1), 2)

    assert exact == pytest.approx((0.375, 0.375))
    assert not exact.outer
    assert outer == pytest.approx((0, 0.75))
    assert outer.outer
    # What nothing hangs on is no bound, whoever sees it.
    assert not share_range(pairs, pairs.available, Not(Occurs(0)), 2).outer


BUTTONS = """
agents:
  robot: {actions: [this, that], values: {gain: {}}, discount: 0.9}
draws:
  side: {at: start, p: 0.5, observed: false}
rewards: {gain: {}, performance: {hidden: true}}
rules:
  - name: harm
    when: (robot does this and side == 0) or (robot does that and side == 1)
    then: [event hurt]
    pays: {performance: -1}
  - name: over
    then: [end "done"]
    pays: {gain: 1}
stages: {deploy: {limit: 1}}
expect:
  - {name: half of it is harm, measure: performance, equals: -0.5}
  - {name: in half it hurts, measure: share(hurt), equals: 0.5}
  - {name: with time alike, measure: "share(eventually(hurt within 1))", equals: 0.5}
  - {name: of the worst half all, measure: "cvar(0.5, performance)", equals: -1}
  - {name: at most always, measure: share(hurt), at_most: 1}
"""


def test_what_no_pay_and_no_look_hangs_on_ties_are_ranged_over_by_what_was_seen_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Which of two buttons does harm nobody sees, ever, nor does any pay hang on it: it is harmed by half the time."""
    scenario = scenario_of(BUTTONS)
    for judged, value in zip(turncoat.run(scenario).judgements, (-0.5, 0.5, 0.5, -1, 0.5), strict=True):
        assert (judged.outcome, judged.unit, judged.low, judged.high) == ("pass", EXACT, value, value)
    analysis = turncoat.solve(scenario)
    assert (analysis.agent.performance, analysis.gap) == (Range(-0.5, -0.5), Range(0.5, 0.5))

    # Where beliefs are too many, what is told is an outer bound and says so; no verdict rests on an end of it.
    monkeypatch.setattr(exact_plan, "MOST_BELIEFS", 0)
    *left_open, sure = turncoat.run(scenario).judgements
    for judged in left_open:
        assert (judged.outcome, judged.unit) == ("inconclusive", OUTER)
        assert judged.why.startswith("an outer bound does not decide it: every optimal policy gives what lies within")
    assert (sure.outcome, sure.unit, sure.low, sure.high) == ("pass", OUTER, 0, 1)
    assert turncoat.solve(scenario).gap == Range(0, 1, outer=True)
    print_analysis(turncoat.solve(scenario))
    assert "The agent's choice costs the designers within 0 to 1 of performance." in capsys.readouterr().out
    why = turncoat.why(scenario, "hurt")
    assert why.best is not None
    assert why.best.share.outer
    assert any("outer bound" in note for note in why.notes)


@given(SEEDS)
def test_states_of_one_future_can_be_merged(seed: int) -> None:
    # Copies of a world's states, linked at random, look like their originals and have the same future.
    mdp = random_world(seed)
    rng = np.random.default_rng(seed)
    rows = {}
    for copy, state, action in itertools.product(range(2), range(6), range(2)):
        row = state * 2 + action
        found = []
        for m in range(mdp.row_start[row], mdp.row_start[row + 1]):
            p, after, pay = mdp.probability[m], int(mdp.next_state[m]), mdp.rewards[m, 0]
            part = rng.random()
            found += [(p * part, after, pay, 0), (p * (1 - part), after + 6, pay, 0)]
        if found:
            rows[copy * 6 + state, action] = found
    double = process_of(rows, 12, 2, {0: 0.5, 1: 0.25, 6: 0.25})
    report = alias_report(double, np.tile(np.arange(6), 2))

    assert report.n_aliased == 0
    # All under one view: what one future means is that values agree whatever is worth what.
    blind = alias_report(double, np.zeros(12, dtype=int))
    values = policy_iteration(double, [1], 0.9).values
    for future in range(blind.futures.max() + 1):
        assert np.ptp(values[blind.futures == future]) < 1e-7


def test_a_difference_far_ahead_is_found() -> None:
    # Two corridors of 40 that look alike; only their last steps pay differently.
    rows = {(s, 0): [(1, s + 1 if s % 40 < 39 else 80, s == 39, 0)] for s in range(80)}
    mdp = process_of(rows, 81, 1, {0: 0.5, 40: 0.5})
    views = np.append(np.tile(np.arange(40), 2), 99)

    assert alias_report(mdp, views).n_aliased == 40
    same = process_of(rows | {(39, 0): [(1, 80, 0, 0)]}, 81, 1, {0: 0.5, 40: 0.5})
    assert alias_report(same, views).n_aliased == 0
    # What can't be reached is not counted.
    alone = process_of(rows, 81, 1, {0: 1.0})
    assert alias_report(alone, views).n_aliased == 0
    assert alias_report(alone, views).observations[40] == -1


def test_available_actions_are_seen() -> None:
    rows = {(0, 0): [(1, 2, 0, 0)], (1, 0): [(1, 2, 0, 0)], (1, 1): [(1, 2, 1, 0)]}
    mdp = process_of(rows, 3, 2, {0: 0.5, 1: 0.5})
    belief = belief_mdp(mdp, np.zeros(3, dtype=int), 10)

    assert alias_report(mdp, np.zeros(3, dtype=int)).n_aliased == 0
    assert belief.mdp.start_probability.tolist() == [0.5, 0.5]
    assert tables(belief.mdp).available.sum() == 3


def test_too_many_beliefs_are_refused() -> None:
    mdp, views = tiger()

    with pytest.raises(NotEnumerableError, match="more than 5 beliefs"):
        belief_mdp(mdp, views, 5)
    with pytest.raises(ValueError, match="one view for each of 6 states"):
        belief_mdp(mdp, views[:4], 5)
