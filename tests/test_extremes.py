"""Ranges over optimal policies against every history-dependent policy there is, and against worlds solved by hand."""

import itertools
import math
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.worlds import examples, process_of
from turncoat.envs.analysis.tie_ranges import (
    And,
    Condition,
    Not,
    Occurs,
    OccursBefore,
    Or,
    discounted_range,
    expectation_range,
    final_range,
    first_range,
    greatest_range,
    occupancy,
    ratio_range,
    rollout_path,
    share_range,
    steps_range,
)
from turncoat.envs.base import FiniteMDP
from turncoat.envs.mdp.transition_tables import expected_outcome
from turncoat.envs.solvers.dynamic_programming import backward_induction, policy_iteration
from turncoat.envs.solvers.policy_evaluation import evaluate_horizon
from turncoat.envs.time_limit import time_limit

SEEDS = st.integers(0, 2**32 - 1)
EVENTS = ("a", "b", "c")
hand_made = partial(process_of, events=EVENTS)
A, B, C = 1, 2, 4


def random_world(seed: int, n_states: int = 4, n_actions: int = 2, branching: int = 2) -> FiniteMDP:
    """The last state has ended; with a branching, one in three rows leaves something to chance."""
    rng = np.random.default_rng(seed)
    rows = {}
    for state, action in itertools.product(range(n_states - 1), range(n_actions)):
        size = branching if rng.random() < 1 / 3 else 1
        chances = rng.dirichlet(np.ones(size)) if size > 1 else [1.0]
        rows[state, action] = [
            (p, rng.integers(n_states), rng.integers(-1, 2), rng.integers(8) & rng.integers(8)) for p in chances
        ]
    return hand_made(rows, n_states, n_actions, start={0: 0.75, 1: 0.25})


def all_plays(mdp: FiniteMDP, optimal: list[np.ndarray]) -> list[list[tuple[float, tuple[int, ...]]]]:
    """For every policy on histories, every path (its outcomes) with its probability; `optimal` is one mask a tick."""

    def plays(state: int, tick: int) -> list[list[tuple[float, tuple[int, ...]]]]:
        if tick == len(optimal) or mdp.ended[state]:
            return [[(1.0, ())]]
        found = []
        for action in np.flatnonzero(optimal[tick][state] & mdp.available[state]):
            row = state * mdp.n_actions + action
            outcomes = range(mdp.row_start[row], mdp.row_start[row + 1])
            for later in itertools.product(*(plays(mdp.next_state[m], tick + 1) for m in outcomes)):
                found.append(
                    [
                        (mdp.probability[m] * p, (m, *path))
                        for m, then in zip(outcomes, later, strict=True)
                        for p, path in then
                    ]
                )
        return found

    starts = zip(mdp.start_probability, (plays(s, 0) for s in mdp.start_state), strict=True)
    parts = [[[(chance * p, path) for p, path in play] for play in options] for chance, options in starts]
    return [list(itertools.chain(*choice)) for choice in itertools.product(*parts)]


def limits(values: list[float]) -> list[float]:
    return [min(values), max(values)]


def holds(condition, events: list[int]) -> bool:
    """The condition read off the events of a whole episode."""
    match condition:
        case Occurs(mask):
            return any(e & mask for e in events)
        case OccursBefore(first, second):
            return any(e & first and not any(x & second for x in events[: i + 1]) for i, e in enumerate(events))
        case Not(of):
            return not holds(of, events)
        case And(left, right):
            return holds(left, events) and holds(right, events)
        case Or(left, right):
            return holds(left, events) or holds(right, events)
    raise AssertionError


def first_tick(events: list[int], mask: int) -> float:
    return next((float(i) for i, e in enumerate(events) if e & mask), math.inf)


@settings(max_examples=examples(60))
@given(SEEDS, st.sampled_from(["all", "some", "timed"]), st.sampled_from([1, 2]))
def test_ranges_are_those_of_all_policies_on_histories(seed: int, kind: str, branching: int) -> None:
    steps = 3
    mdp = random_world(seed, branching=branching)
    rng = np.random.default_rng(seed)
    some = np.ones((4, 2), dtype=bool)
    if kind == "some":
        some[np.arange(4), rng.integers(2, size=4)] = rng.random(4) < 0.5
    timed = backward_induction(mdp, [1], 1, steps + 1)
    optimal = timed if kind == "timed" else some
    masks = [timed.optimal_at(tick) if kind == "timed" else some for tick in range(steps)]
    plays = all_plays(mdp, masks)
    amount = rng.integers(-3, 4, mdp.next_state.size).astype(float)
    below = rng.integers(0, 2, mdp.next_state.size).astype(float)
    above = below * rng.integers(0, 2, mdp.next_state.size)

    def events_of(path) -> list[int]:
        return [int(mdp.events[m]) for m in path]

    def mean(play, of):
        return sum(p * of(path) for p, path in play)

    def total(values, discount=1.0):
        return lambda path: sum(discount**i * values[m] for i, m in enumerate(path))

    assert expectation_range(mdp, optimal, amount, steps) == pytest.approx(
        limits([mean(p, total(amount)) for p in plays])
    )
    low_high = limits([mean(p, total(amount, 0.5)) for p in plays])
    assert expectation_range(mdp, optimal, amount, steps, discount=0.5) == pytest.approx(low_high)
    assert steps_range(mdp, optimal, steps) == pytest.approx(limits([mean(p, len) for p in plays]))

    conditions: list[Condition] = [
        Occurs(A),
        Occurs(A | B),
        OccursBefore(A, B),
        OccursBefore(A | C, B),
        Not(OccursBefore(B, B)),
        And(Occurs(A), OccursBefore(B, C)),
    ]
    conditions += [
        Or(And(Occurs(A), Not(Occurs(B))), OccursBefore(C, A)),
        OccursBefore(A, A),
        Not(And(Occurs(C), Not(Occurs(C)))),
    ]
    for condition in conditions:
        shares = [sum(p * holds(condition, events_of(path)) for p, path in play) for play in plays]
        assert share_range(mdp, optimal, condition, steps) == pytest.approx(limits(shares), abs=1e-12)

    pairs = [(mean(p, total(above)), mean(p, total(below))) for p in plays]
    low, high, may_be_zero = ratio_range(mdp, optimal, above, below, steps)
    assert may_be_zero == any(d == 0 for _, d in pairs)
    ratios = [n / d for n, d in pairs if d]
    if ratios:
        assert [low, high] == pytest.approx(limits(ratios))
    else:
        assert math.isnan(low)
        assert math.isnan(high)

    for mask in (A, A | B):
        firsts = [sum(p * first_tick(events_of(path), mask) for p, path in play) for play in plays]
        assert first_range(mdp, optimal, mask, steps) == pytest.approx(limits(firsts))

    number = rng.integers(-2, 3, mdp.n_states).astype(float)
    source = np.repeat(np.arange(mdp.n_states * mdp.n_actions), np.diff(mdp.row_start)) // mdp.n_actions
    begun = int(mdp.start_state[0])

    def states(path) -> list[int]:
        return [int(source[path[0]]) if path else begun, *(int(mdp.next_state[m]) for m in path)]

    assert final_range(mdp, optimal, number, steps) == pytest.approx(
        limits([mean(p, lambda path: number[states(path)[-1]]) for p in plays])
    )
    assert greatest_range(mdp, optimal, number, steps) == pytest.approx(
        limits([mean(p, lambda path: number[states(path)].max()) for p in plays])
    )


def test_memory_of_what_happened_is_used() -> None:
    # From 1 one may go for b or not; a came or not on the way there, by chance. Only a policy that remembers can make
    # "a and b, or neither" sure, or impossible.
    rows = {(0, 0): [(0.5, 1, 0, A), (0.5, 1, 0, 0)], (1, 0): [(1, 2, 0, 0)], (1, 1): [(1, 2, 0, B)]}
    mdp = hand_made(rows, 3, 2)
    both = Or(And(Occurs(A), Occurs(B)), Not(Or(Occurs(A), Occurs(B))))

    assert share_range(mdp, mdp.available, both, 2) == (0, 1)


def test_in_one_tick_neither_is_before_the_other() -> None:
    mdp = hand_made({(0, 0): [(1, 1, 0, A | B)], (1, 0): [(1, 1, 0, A)]}, 2, 1)

    assert share_range(mdp, mdp.available, OccursBefore(A, B), 5) == (0, 0)
    assert share_range(mdp, mdp.available, OccursBefore(B, A), 5) == (0, 0)
    assert share_range(mdp, mdp.available, OccursBefore(A, C), 5) == (1, 1)


def test_what_never_comes_comes_at_infinity() -> None:
    # Action 0 waits, 1 makes a come now, 2 half of the time and else it ends.
    rows = {(0, 0): [(1, 0, 0, 0)], (0, 1): [(1, 0, 0, A)], (0, 2): [(0.5, 0, 0, A), (0.5, 1, 0, 0)]}
    mdp = hand_made(rows, 2, 3)
    surely, perhaps = np.array([[1, 1, 0], [0, 0, 0]], bool), np.array([[0, 0, 1], [0, 0, 0]], bool)

    assert first_range(mdp, surely, A, 10) == (0, math.inf)
    assert first_range(mdp, perhaps, A, 10) == (math.inf, math.inf)
    assert first_range(mdp, np.array([[0, 1, 0], [0, 0, 0]], bool), A, 10) == (0, 0)


def test_a_solution_with_a_horizon_is_followed_tick_by_tick() -> None:
    # Pay 1 to stay; leaving pays 5 and ends. With a known horizon of 4 it leaves at the last tick.
    mdp = hand_made({(0, 0): [(1, 0, 1, 0)], (0, 1): [(1, 1, 5, A)]}, 2, 2)
    solution = backward_induction(mdp, [1], 1, 4)

    assert first_range(mdp, solution, A, 4) == (3, 3)
    assert expectation_range(mdp, solution, mdp.rewards[:, 0], 4) == (8, 8)
    assert share_range(mdp, solution, Occurs(A), 3) == (0, 0)
    with pytest.raises(ValueError, match="optimal for 4 ticks"):
        first_range(mdp, solution, A, 5)


def test_no_ticks_and_ended_starts() -> None:
    mdp = hand_made({(0, 0): [(1, 1, 1, A)]}, 2, 1)
    over = hand_made({(0, 0): [(1, 1, 1, A)]}, 2, 1, start={1: 1.0})

    for one, steps in ((mdp, 0), (over, 3)):
        assert expectation_range(one, one.available, [1.0], steps) == (0, 0)
        assert share_range(one, one.available, Not(Occurs(A)), steps) == (1, 1)
        assert first_range(one, one.available, A, steps) == (math.inf, math.inf)
        assert ratio_range(one, one.available, [1.0], [1.0], steps)[2]


def test_a_reached_state_without_optimal_action_is_refused() -> None:
    mdp = hand_made({(0, 0): [(1, 1, 0, 0)], (1, 0): [(1, 0, 0, 0)], (2, 0): [(1, 0, 0, 0)]}, 3, 1)
    optimal = np.array([[True], [False], [False]])

    with pytest.raises(ValueError, match="state 1 is reached at tick 1"):
        steps_range(mdp, optimal, 3)
    assert steps_range(mdp, optimal, 1) == (1, 1)
    with pytest.raises(ValueError, match="denominator"):
        ratio_range(mdp, mdp.available, [1.0, 0, 0], [0.0, 1, 1], 3)
    with pytest.raises(ValueError, match="one entry per outcome"):
        expectation_range(mdp, mdp.available, [1.0], 3)
    with pytest.raises(ValueError, match="shape"):
        steps_range(mdp, mdp.available[:2], 3)


@given(SEEDS)
def test_visits_add_up_to_what_a_policy_earns(seed: int) -> None:
    mdp = random_world(seed, n_states=6)
    policy = policy_iteration(mdp, [1], 0.9).policy
    alone = np.zeros((6, 2), dtype=bool)
    alone[np.arange(6), policy] = True
    visits = occupancy(mdp, policy, 5)
    start = np.bincount(mdp.start_state, weights=mdp.start_probability, minlength=6)
    rewards = expected_outcome(mdp, mdp.rewards[:, 0]).reshape(6, 2)[np.arange(6), policy]

    assert visits[:5].sum() == pytest.approx(steps_range(mdp, alone, 5)[0])
    assert visits @ rewards == pytest.approx(start @ evaluate_horizon(mdp, policy, 1, 5)[:, 0])
    # Whoever has not ended after 5 ticks acts in the sixth.
    assert visits[5] == pytest.approx(1 - (occupancy(mdp, policy, 6) - visits)[:5].sum())


@pytest.mark.parametrize("discount", [0.999, 0.9999, 0.99999])
def test_near_discount_1_it_is_as_quick_and_as_exact(discount: float) -> None:
    """As a linear system says it of the plan found, whose every other action is worse by its own values."""
    mdp = random_world(3, n_states=469, n_actions=6, branching=3)
    with time_limit(10):
        solution = policy_iteration(mdp, [1], discount)
        bounds = discounted_range(mdp, solution.optimal, mdp.rewards[:, 0], discount)
    kernel = expected_next(mdp)
    gain = expected_outcome(mdp, mdp.rewards[:, 0]).reshape(469, 6)
    states = np.arange(469)
    system = np.eye(469) - discount * kernel[states, solution.policy]
    values = np.linalg.solve(system, gain[states, solution.policy])
    scale = np.abs(values).max()

    assert solution.values == pytest.approx(values, abs=1e-9 * scale), "a tie may lose a little"
    worth = np.where(mdp.available, gain + discount * kernel @ values, -np.inf)[~mdp.ended]
    assert (worth.max(axis=1) <= values[~mdp.ended] + 1e-9 * scale).all()
    assert bounds == pytest.approx([mdp.start_probability @ values[mdp.start_state]] * 2, rel=1e-9)


def expected_next(mdp: FiniteMDP) -> np.ndarray:
    """Transition probabilities `[S, A, S]`."""
    kernel = np.zeros((mdp.n_states * mdp.n_actions, mdp.n_states))
    row = np.repeat(np.arange(len(kernel)), np.diff(mdp.row_start))
    np.add.at(kernel, (row, mdp.next_state), mdp.probability)
    return kernel.reshape(mdp.n_states, mdp.n_actions, mdp.n_states)


@given(SEEDS, st.sampled_from([0.0, 0.5, 0.9]))
def test_a_sum_without_end_is_the_limit_of_long_ones(seed: int, discount: float) -> None:
    mdp = random_world(seed, n_states=6)
    optimal = np.random.default_rng(seed).random((6, 2)) < 0.6
    optimal[~optimal.any(axis=1)] = True
    without_end = discounted_range(mdp, optimal, mdp.rewards[:, 0], discount)

    assert without_end == pytest.approx(expectation_range(mdp, optimal, mdp.rewards[:, 0], 400, discount), abs=1e-9)
    with pytest.raises(ValueError, match="no action is optimal there"):
        discounted_range(mdp, np.zeros((6, 2), bool), mdp.rewards[:, 0], discount)


def test_what_comes_to_rest_is_not_swept_on() -> None:
    mdp = hand_made({(0, 0): [(0.5, 0, 1, 0), (0.5, 1, 0, A)], (1, 0): [(1, 1, 0, 0)]}, 2, 1)
    with time_limit(10):
        assert share_range(mdp, mdp.available, Occurs(A), 10**9) == (1, 1)
        assert expectation_range(mdp, mdp.available, mdp.rewards[:, 0], 10**9) == pytest.approx((1, 1))
        assert first_range(mdp, mdp.available, A, 10**9)[0] == math.inf


def test_a_path_follows_the_likeliest_outcome() -> None:
    rows = {(0, 0): [(0.3, 0, 0, A), (0.7, 1, 0, B)], (1, 0): [(0.5, 0, 0, 0), (0.5, 2, 0, 0)], (1, 1): [(1, 2, 0, C)]}
    mdp = hand_made(rows, 3, 2)

    assert [tuple(step) for step in rollout_path(mdp, np.array([0, 1, 0]), 9)] == [(0, 0, 1, B), (1, 1, 2, C)]
    assert [step.state for step in rollout_path(mdp, np.array([0, 0, 0]), 5)] == [0, 1, 0, 1, 0]
    timed = np.array([[0, 0, 0], [0, 0, 0], [0, 0, 0], [0, 1, 0]])
    assert [step.action for step in rollout_path(mdp, timed, 4)] == [0, 0, 0, 1]
    mixed = np.array([[1, 0], [0.4, 0.6], [0, 0]])
    assert [step.action for step in rollout_path(mdp, mixed, 9)] == [0, 1]
    with pytest.raises(ValueError, match="in state 0"):
        rollout_path(mdp, np.array([1, 0, 0]), 3)
