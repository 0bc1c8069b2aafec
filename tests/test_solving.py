"""Exact solutions against QuantEcon, against every policy there is, and against worlds solved by hand."""

import itertools
import warnings
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from turncoat.envs.base import FiniteMDP
from turncoat.envs.mdp.transition_tables import expected_outcome, expected_rewards, tables, transition_matrix
from turncoat.envs.solvers import policy_evaluation as policies
from turncoat.envs.solvers.dynamic_programming import (
    FiniteHorizonSolution,
    InfeasibleError,
    Solution,
    backward_induction,
    policy_iteration,
    value_iteration,
)
from turncoat.envs.solvers.modifiable_utility import NoFixedPointError, solve_with_changing_weights
from turncoat.envs.solvers.policy_evaluation import ImproperDiscountError, evaluate, evaluate_horizon
from turncoat.envs.solvers.sweeps import follow, settle

SEEDS = st.integers(0, 2**32 - 1)


def world(rows: dict, n_states: int, n_actions: int, n_channels: int = 1) -> FiniteMDP:
    """From `{(state, action): [(probability, next state, rewards), ...]}`; states without rows have ended."""
    starts, outcomes = [0], []
    for state, action in itertools.product(range(n_states), range(n_actions)):
        outcomes += rows.get((state, action), [])
        starts.append(len(outcomes))
    ended = np.array([not any((s, a) in rows for a in range(n_actions)) for s in range(n_states)])
    return FiniteMDP(
        n_states=n_states,
        n_actions=n_actions,
        row_start=np.array(starts),
        next_state=np.array([o[1] for o in outcomes], dtype=np.int32),
        probability=np.array([o[0] for o in outcomes], dtype=float),
        rewards=np.array([o[2] for o in outcomes], dtype=float).reshape(-1, n_channels),
        events=np.zeros(len(outcomes), dtype=np.uint64),
        ended=ended,
        start_state=np.array([0], dtype=np.int32),
        start_probability=np.ones(1),
        channels=tuple(f"channel {k}" for k in range(n_channels)),
        event_names=(),
        action_names=tuple(f"action {a}" for a in range(n_actions)),
    )


def random_world(
    seed: int, n_states: int = 8, n_actions: int = 3, branching: int = 3, n_channels: int = 2, ends: bool = False
) -> FiniteMDP:
    """Whole rewards, so that ties are common; the last state has ended; `ends` allows only steps upwards."""
    rng = np.random.default_rng(seed)
    rows = {}
    for state, action in itertools.product(range(n_states - 1), range(n_actions)):
        if action and rng.random() < 0.2:
            continue
        size = rng.integers(1, branching + 1)
        after = rng.integers(state + 1 if ends else 0, n_states, size)
        chances = rng.dirichlet(np.ones(size)) if size > 1 else [1.0]
        rows[state, action] = [(p, s, rng.integers(-2, 3, n_channels)) for p, s in zip(chances, after, strict=True)]
    return world(rows, n_states, n_actions, n_channels)


def corridor(length: int) -> FiniteMDP:
    """Go on (action 1) to the end for 1, or stay (action 0)."""
    rows = {(s, 0): [(1, s, [0])] for s in range(length)}
    rows |= {(s, 1): [(1, s + 1, [s + 1 == length])] for s in range(length)}
    return world(rows, length + 1, 2)


def quantecon_solution(mdp: FiniteMDP, weights: np.ndarray, discount: float, method: str):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # numba and quantecon deprecate on import
        from quantecon.markov import DiscreteDP

        # QuantEcon has no ends: an ended state gets one action that stays for nothing.
        kernel, reward = transition_matrix(mdp).toarray(), expected_rewards(mdp) @ weights
        available = mdp.available.copy()
        for state in np.flatnonzero(mdp.ended):
            kernel[state * mdp.n_actions, state] = 1.0
            available[state, 0] = True
        states, actions = np.nonzero(available)
        row = states * mdp.n_actions + actions
        problem = DiscreteDP(reward[row], kernel[row], discount, states, actions)
        return problem.solve(method=method, epsilon=1e-10, max_iter=100_000)


def test_tables_say_what_the_outcomes_say() -> None:
    mdp = world(
        {(0, 0): [(0.25, 1, [4, 0]), (0.25, 1, [0, 8]), (0.5, 0, [2, 2])], (0, 1): [(1, 0, [0, 0])]}, 2, 2, n_channels=2
    )

    assert transition_matrix(mdp).toarray().tolist() == [[0.5, 0.5], [1, 0], [0, 0], [0, 0]]
    assert expected_rewards(mdp).tolist() == [[2, 3], [0, 0], [0, 0], [0, 0]]
    assert expected_outcome(mdp, [4, 4, 0, 7]).tolist() == [2, 7, 0, 0]
    assert tables(mdp) is tables(mdp)
    assert tables(mdp).next_state is None
    with pytest.raises(ValueError, match="one entry per outcome"):
        expected_outcome(mdp, [1.0])


def test_the_process_itself_is_left_alone() -> None:
    mdp = world({(0, 0): [(0.5, 1, [0]), (0.5, 1, [2])]}, 2, 1)
    before = mdp.next_state.copy(), mdp.probability.copy()

    policy_iteration(mdp, [1], 0.9)

    assert (mdp.next_state == before[0]).all()
    assert (mdp.probability == before[1]).all()


@given(SEEDS, st.sampled_from([0.0, 0.5, 0.97]), st.sampled_from([1, 3]))
def test_solvers_agree_with_quantecon(seed: int, discount: float, branching: int) -> None:
    mdp = random_world(seed, branching=branching)
    weights = np.array([1.0, 0.5])
    ours = policy_iteration(mdp, weights, discount)
    swept = value_iteration(mdp, weights, discount)

    for method in ("policy_iteration", "value_iteration"):
        theirs = quantecon_solution(mdp, weights, discount, method)
        assert ours.values == pytest.approx(theirs.v, abs=1e-8)
    assert ours.residual < 1e-11
    assert swept.values == pytest.approx(ours.values, abs=2e-10)
    assert (np.abs(swept.values - ours.values) <= swept.residual + 1e-11).all()
    assert (swept.optimal == ours.optimal).all()


@given(SEEDS, st.sampled_from([0.5, 0.99]), st.sampled_from([1, 3]))
def test_vector_values_are_those_of_the_policy_and_sum_to_the_scalar(
    seed: int, discount: float, branching: int
) -> None:
    mdp = random_world(seed, branching=branching, n_channels=3)
    weights = np.array([1.0, -2.0, 0.25])
    solution = policy_iteration(mdp, weights, discount)
    available = mdp.available

    assert solution.vector_values @ weights == pytest.approx(solution.values, abs=1e-9)
    assert solution.vector_q[available] @ weights == pytest.approx(solution.q[available], abs=1e-9)
    assert solution.vector_values == pytest.approx(evaluate(mdp, solution.policy, discount), abs=1e-9)
    assert np.isneginf(solution.q[~available]).all()
    assert np.isnan(solution.vector_q[~available]).all()
    acting = ~mdp.ended
    assert solution.optimal[acting, solution.policy[acting]].all()
    assert not solution.optimal[~available].any()
    # Every tied action is as good: drawing among them loses nothing.
    drawn = solution.optimal / np.maximum(solution.optimal.sum(axis=1, keepdims=True), 1)
    assert evaluate(mdp, drawn, discount) @ weights == pytest.approx(solution.values, abs=1e-9)


@given(SEEDS, st.sampled_from([0.3, 0.97, 1.0]))
def test_iteration_for_many_states_agrees_with_factorisation(seed: int, discount: float) -> None:
    mdp = random_world(seed, n_states=12, ends=discount == 1)
    exact = policy_iteration(mdp, [1, 1], discount)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(policies, "_LU_STATES", 0)
        patch.setattr(policies, "_SWEEPS", 0)
        iterated = policy_iteration(mdp, [1, 1], discount)

    assert iterated.values == pytest.approx(exact.values, abs=1e-11)
    assert (iterated.optimal == exact.optimal).all()
    assert iterated.vector_values == pytest.approx(exact.vector_values, abs=1e-11)


@given(SEEDS, st.sampled_from([0.0, 0.6, 0.97]), st.sampled_from([1, 3]))
def test_sweeps_agree_with_factorisation(seed: int, discount: float, branching: int) -> None:
    mdp = random_world(seed, n_states=12, branching=branching)
    table, acting = tables(mdp), ~mdp.ended
    policy = np.where(acting, mdp.available.argmax(axis=1), 0)
    row = np.arange(12) * mdp.n_actions + policy
    rewards = np.where(acting[:, None], table.rewards[row], 0.0)
    kernel = table.matrix[row].toarray() * acting[:, None]
    exact = np.linalg.solve(np.eye(12) - discount * kernel, rewards)

    values = np.zeros((12, 2))
    assert settle(table, np.where(acting, row, -1), rewards, discount, values, 5000)
    assert values == pytest.approx(exact, abs=1e-11)
    if table.next_state is not None:
        hop = np.where(acting, table.next_state[np.arange(12), policy], -1)
        assert follow(hop.astype(np.int64), rewards, discount)[0] == pytest.approx(exact, abs=1e-12)


@given(SEEDS, st.sampled_from([Fraction(1, 2), Fraction(99, 100), Fraction(1)]), st.sampled_from([1, 2]))
@settings(max_examples=20)
def test_the_bound_of_the_error_holds_against_exact_fractions(seed: int, discount: Fraction, branching: int) -> None:
    mdp = random_world(seed, n_states=5, n_actions=2, branching=branching, n_channels=1, ends=discount == 1)
    solution = policy_iteration(mdp, [1], float(discount))
    # Every policy, solved in whole numbers over the very floats that the process holds: rounding has no part in it.
    acting = np.flatnonzero(~mdp.ended)
    choices = [np.flatnonzero(mdp.available[state]) for state in acting]
    exact = [
        max(column)
        for column in zip(
            *(fractions(mdp, acting, c, Fraction(float(discount))) for c in itertools.product(*choices)), strict=True
        )
    ]

    errors = [abs(Fraction(float(solution.values[s])) - value) for s, value in zip(acting, exact, strict=True)]
    assert max(errors) <= Fraction(solution.residual)
    assert solution.residual < 1e-9


def fractions(mdp: FiniteMDP, acting: np.ndarray, actions: tuple, discount: Fraction) -> list[Fraction]:
    """The values of a policy on the acting states, by Gaussian elimination over fractions."""
    place = {int(state): i for i, state in enumerate(acting)}
    system = [[Fraction(int(i == j)) for j in range(len(place))] + [Fraction(0)] for i in range(len(place))]
    for i, (state, action) in enumerate(zip(acting, actions, strict=True)):
        row = state * mdp.n_actions + action
        for outcome in range(mdp.row_start[row], mdp.row_start[row + 1]):
            chance = Fraction(float(mdp.probability[outcome]))
            system[i][-1] += chance * Fraction(float(mdp.rewards[outcome, 0]))
            if (to := int(mdp.next_state[outcome])) in place:
                system[i][place[to]] -= discount * chance
    for i in range(len(system)):
        pivot = next(r for r in range(i, len(system)) if system[r][i])
        system[i], system[pivot] = system[pivot], system[i]
        for r in range(len(system)):
            if r != i and system[r][i]:
                factor = system[r][i] / system[i][i]
                system[r] = [a - factor * b for a, b in zip(system[r], system[i], strict=True)]
    return [line[-1] / line[i] for i, line in enumerate(system)]


@pytest.mark.parametrize("seed", range(5))
def test_a_start_from_a_neighbour_ends_at_the_same_solution(seed: int) -> None:
    mdp = random_world(seed)
    cold, near = policy_iteration(mdp, [1, 1], 0.97), policy_iteration(mdp, [1, -0.9], 0.6)
    absurd = np.full(mdp.n_states, 99)

    for start in (near.policy, -near.policy, absurd):
        warm = policy_iteration(mdp, [1, 1], 0.97, start=start)
        assert warm.values == pytest.approx(cold.values, abs=1e-11)
        assert np.array_equal(warm.optimal, cold.optimal)
    assert value_iteration(mdp, [1, 1], 0.97, start=near.values).values == pytest.approx(cold.values, abs=1e-9)
    with pytest.raises(ValueError, match="one action for each"):
        policy_iteration(mdp, [1, 1], 0.97, start=near.policy[1:])


def test_all_ties_are_named_and_the_lowest_is_followed() -> None:
    # Two ways round, 0.1 three times or 0.3 at the end, which differ in the last bit.
    rows = {(0, 1): [(1, 1, [0.1])], (1, 1): [(1, 2, [0.1])], (2, 1): [(1, 5, [0.1])]}
    rows |= {(0, 2): [(1, 3, [0])], (3, 0): [(1, 4, [0])], (4, 0): [(1, 5, [0.3])], (0, 0): [(1, 5, [0.29])]}
    solution = policy_iteration(world(rows, 6, 3), [1], 1)

    assert solution.optimal[0].tolist() == [False, True, True]
    assert solution.policy[0] == 1


def test_a_far_reward_is_no_tie_for_the_short_sighted() -> None:
    mdp = corridor(35)
    for solution in (policy_iteration(mdp, [1], 0.5), policy_iteration(mdp, [1000], 0.5)):
        assert solution.optimal[:35].tolist() == [[False, True]] * 35
    assert policy_iteration(mdp, [1], 0.5).values[0] == pytest.approx(0.5**34, rel=1e-12)
    timed = backward_induction(mdp, [1], 0.5, 40)
    assert timed.optimal_at(0)[0].tolist() == [False, True]


def test_barred_actions_and_what_leads_to_their_dead_ends_are_not_taken() -> None:
    rows = {(0, 0): [(1, 1, [0])], (0, 1): [(1, 4, [1])], (1, 0): [(0.9, 4, [9]), (0.1, 2, [9])]}
    rows |= {(1, 1): [(1, 4, [2])], (2, 0): [(1, 3, [0])], (3, 0): [(1, 4, [5])]}
    mdp = world(rows, 5, 2)
    barred = np.zeros((5, 2), dtype=bool)
    barred[3, 0] = True

    for solve in (policy_iteration, value_iteration):
        free, held = solve(mdp, [1], 0.9), solve(mdp, [1], 0.9, barred=barred)
        assert free.policy[:2].tolist() == [0, 0]
        # State 3 has no action left, so 2 has none, so the gamble in 1 is off.
        assert held.policy[:2].tolist() == [0, 1]
        assert held.values.tolist() == pytest.approx([1.8, 2, -np.inf, -np.inf, 0])
        assert np.isnan(held.vector_values[2:4]).all()
        assert not held.optimal[2:4].any()

    barred[1, 1] = barred[0, 1] = True
    with pytest.raises(InfeasibleError):
        policy_iteration(mdp, [1], 0.9, barred=barred)


def test_with_a_horizon_a_dead_end_counts_only_if_one_must_act_there() -> None:
    mdp = world({(0, 0): [(1, 1, [1])], (1, 0): [(1, 2, [1])]}, 3, 1)
    barred = np.zeros((3, 1), dtype=bool)
    barred[1, 0] = True

    assert backward_induction(mdp, [1], 1, 1, barred=barred).values[0].tolist() == [1, -np.inf, 0]
    with pytest.raises(InfeasibleError):
        backward_induction(mdp, [1], 1, 2, barred=barred)


def test_discount_1_wants_every_policy_to_end() -> None:
    ends = world({(0, 0): [(1, 1, [2])], (1, 0): [(0.5, 0, [0]), (0.5, 2, [1])]}, 3, 1)
    for solve in (policy_iteration, value_iteration):
        assert solve(ends, [1], 1).values == pytest.approx([5, 3, 0])

    loops = corridor(3)
    for solve in (policy_iteration, value_iteration):
        with pytest.raises(ImproperDiscountError, match=r"within 3 of 4 states .* give the stage a horizon"):
            solve(loops, [1], 1)
    # The best policy ends, but another one need not.
    trap = world({(0, 0): [(1, 1, [0])], (1, 0): [(1, 0, [0])], (1, 1): [(1, 2, [1])]}, 3, 2)
    with pytest.raises(ImproperDiscountError, match="within 2 of 3 states"):
        value_iteration(trap, [1], 1)
    with pytest.raises(ImproperDiscountError):
        evaluate(loops, np.zeros(4, dtype=int), 1)
    assert evaluate(loops, np.ones(4, dtype=int), 1)[:, 0].tolist() == [1, 1, 1, 0]
    stay = np.zeros((4, 2), dtype=bool)
    stay[:, 0] = True
    assert policy_iteration(loops, [1], 1, barred=stay).values.tolist() == [1, 1, 1, 0]
    with pytest.raises(ImproperDiscountError):
        evaluate(loops, np.tile([1.0, 0.0], (4, 1)), 1)
    assert evaluate(loops, np.tile([0.5, 0.5], (4, 1)), 1)[:, 0] == pytest.approx([1, 1, 1, 0])


@settings(max_examples=30)
@given(SEEDS, st.sampled_from([1, 2]))
def test_backward_induction_is_the_best_of_all_policies(seed: int, branching: int) -> None:
    mdp = random_world(seed, n_states=4, n_actions=2, branching=branching)
    weights, horizon, discount = np.array([1.0, -1.0]), 3, 0.9
    solution = backward_induction(mdp, weights, discount, horizon)
    acting = np.flatnonzero(~mdp.ended)
    options = [np.flatnonzero(mdp.available[s]) for s in acting]

    best = np.full(4, -np.inf)
    stationary = []
    for choice in itertools.product(*options):
        policy = np.zeros(4, dtype=int)
        policy[acting] = choice
        stationary.append(policy)
    for timed in itertools.product(stationary, repeat=horizon):
        best = np.maximum(best, evaluate_horizon(mdp, np.array(timed), discount, horizon) @ weights)

    assert solution.values[0] == pytest.approx(best, abs=1e-12)
    assert solution.vector_values @ weights == pytest.approx(best, abs=1e-12)
    assert evaluate_horizon(mdp, solution.policy, discount, horizon) == pytest.approx(solution.vector_values, abs=1e-12)
    for tick in range(horizon):
        assert solution.optimal_at(tick)[acting, solution.policy[tick][acting]].all()


def test_backward_induction_keeps_what_is_asked_for() -> None:
    mdp = random_world(3, n_actions=11)
    full = backward_induction(mdp, [1, 1], 1, 6)
    brief = backward_induction(mdp, [1, 1], 1, 6, keep_values=False)

    assert full.values.shape == (7, 8)
    assert full.packed.shape == (6, 8, 2)
    assert brief.values.tolist() == full.values[:1].tolist()
    assert (brief.packed == full.packed).all()
    q = tables(mdp).vector_rewards.sum(axis=2) + (transition_matrix(mdp) @ full.values[3]).reshape(8, 11)
    q[~mdp.available] = -np.inf
    tied = np.abs(q - full.values[2][:, None]) < 1e-12
    assert (full.optimal_at(2) == tied).all()
    assert (full.optimal_at(2, np.array([4, 1])) == tied[[4, 1]]).all()


@given(SEEDS, st.sampled_from([1, 3]))
def test_a_long_horizon_comes_to_the_endless_solution(seed: int, branching: int) -> None:
    mdp = random_world(seed, branching=branching)

    timed = backward_induction(mdp, [1, 1], 0.5, 60)

    assert timed.values[0] == pytest.approx(policy_iteration(mdp, [1, 1], 0.5).values, abs=1e-12)


@given(SEEDS, st.sampled_from([1, 3]), st.booleans())
def test_evaluation_agrees_with_dense_algebra(seed: int, branching: int, mixed: bool) -> None:
    mdp = random_world(seed, branching=branching)
    rng = np.random.default_rng(seed)
    chances = rng.random((8, 3)) * mdp.available
    chances /= np.maximum(chances.sum(axis=1, keepdims=True), 1e-300)
    policy = chances if mixed else chances.argmax(axis=1)
    if not mixed:
        chances = np.eye(3)[policy] * ~mdp.ended[:, None]
    kernel = np.einsum("sa,sat->st", chances, transition_matrix(mdp).toarray().reshape(8, 3, 8))
    reward = np.einsum("sa,sak->sk", chances, tables(mdp).vector_rewards)

    assert evaluate(mdp, policy, 0.9) == pytest.approx(np.linalg.solve(np.eye(8) - 0.9 * kernel, reward), abs=1e-11)
    total, ahead = np.zeros((8, 2)), np.eye(8)
    for _ in range(5):
        total, ahead = total + ahead @ reward, 0.9 * ahead @ kernel
    assert evaluate_horizon(mdp, policy, 0.9, 5) == pytest.approx(total, abs=1e-12)


def test_what_makes_no_sense_is_refused() -> None:
    mdp = world({(0, 0): [(1, 1, [0])], (1, 1): [(1, 2, [0])]}, 3, 2)

    with pytest.raises(ValueError, match="in state 1"):
        evaluate(mdp, np.zeros(3, dtype=int), 0.9)
    with pytest.raises(ValueError, match="in state 0"):
        evaluate(mdp, np.array([[0.5, 0.5], [0, 1], [0, 0]]), 0.9)
    with pytest.raises(ValueError, match="in state 0"):
        evaluate(mdp, np.array([7, 1, 0]), 0.9)
    with pytest.raises(ValueError, match="shape"):
        evaluate(mdp, np.zeros(2, dtype=int), 0.9)
    with pytest.raises(ValueError, match="nothing for tick 2"):
        evaluate_horizon(mdp, np.array([[0, 1, 0], [0, 1, 0]]), 0.9, 3)
    with pytest.raises(ValueError, match="one weight per channel"):
        policy_iteration(mdp, [1, 1], 0.9)
    with pytest.raises(ValueError, match="between 0 and 1"):
        policy_iteration(mdp, [1], 1.2)
    with pytest.raises(ValueError, match="at least one tick"):
        backward_induction(mdp, [1], 0.9, 0)
    with pytest.raises(ValueError, match="barred"):
        policy_iteration(mdp, [1], 0.9, barred=np.zeros(3, dtype=bool))
    with pytest.raises(ValueError, match="judges_by"):
        solve_with_changing_weights(mdp, np.ones((3, 1)), 0.9, "past")  # type: ignore[arg-type]


# An agent that weighs channel 0 may prevent an edit for 0.1, leave it to a coin, or seek it for 0.1. Unedited (state 1)
# it earns (1, 0). Edited (state 2) it weighs channel 1, and may earn (1, 0) or (0, 3).
EDIT = world(
    {
        (0, 0): [(1, 1, [-0.1, 0])],
        (0, 1): [(0.5, 1, [0, 0]), (0.5, 2, [0, 0])],
        (0, 2): [(1, 2, [-0.1, 0])],
        (1, 0): [(1, 3, [1, 0])],
        (2, 0): [(1, 3, [1, 0])],
        (2, 1): [(1, 3, [0, 3])],
    },
    n_states=4,
    n_actions=3,
    n_channels=2,
)
HELD = np.array([[1, 0], [1, 0], [0, 1], [0, 1]], dtype=float)


@pytest.mark.parametrize("horizon", [None, 2, 5])
@pytest.mark.parametrize("discount", [1.0, 0.9])
@pytest.mark.parametrize(
    ("judges_by", "first", "believed", "earned"),
    [
        ("current", 0, -0.1 + 1j, (-0.1 + 1j, 0)),  # j stands for one discount
        ("ignoring", 1, 1j, (0.5j, 1.5j)),
        ("future", 2, -0.1 + 3j, (-0.1, 3j)),
    ],
)
def test_what_judges_the_aftermath_of_an_edit(judges_by, first, believed, earned, discount, horizon) -> None:
    solution = solve_with_changing_weights(EDIT, HELD, discount, judges_by, horizon)
    policy = solution.policy if isinstance(solution, Solution) else solution.policy[0]
    values = solution.values if isinstance(solution, Solution) else solution.values[0]

    def worth(number):
        return complex(number).real + discount * complex(number).imag

    assert policy[0] == first
    assert policy[2] == 1
    assert values[0] == pytest.approx(worth(believed))
    assert solution.vector_values[0] == pytest.approx([worth(earned[0]), worth(earned[1])])


@given(SEEDS, st.sampled_from(["current", "ignoring", "future"]), st.sampled_from([None, 4]))
def test_weights_that_never_change_are_weights(seed: int, judges_by, horizon) -> None:
    mdp = random_world(seed)
    solution = solve_with_changing_weights(mdp, np.tile([1.0, 0.5], (8, 1)), 0.8, judges_by, horizon)
    if horizon is None:
        plain: Solution | FiniteHorizonSolution = policy_iteration(mdp, [1.0, 0.5], 0.8)
    else:
        plain = backward_induction(mdp, [1.0, 0.5], 0.8, horizon)

    assert solution.values == pytest.approx(plain.values, abs=1e-11)
    assert (solution.policy == plain.policy).all()


def gains_of_leaving(mdp: FiniteMDP, weights: np.ndarray, policy: np.ndarray):
    """What each acting self would gain by one other action, with later selves keeping to the policy."""
    acting = np.flatnonzero(~mdp.ended)
    vectors = expected_rewards(mdp) + 0.9 * (transition_matrix(mdp) @ evaluate(mdp, policy, 0.9))
    q = np.einsum("sak,sk->sa", vectors.reshape(mdp.n_states, mdp.n_actions, -1), weights)
    q[~mdp.available] = -np.inf
    return q[acting].max(axis=1) - q[acting, policy[acting]]


@given(SEEDS)
def test_no_self_gains_by_leaving_a_self_consistent_policy(seed: int) -> None:
    mdp = random_world(seed, n_states=5, n_actions=2)
    weights = np.random.default_rng(seed + 1).integers(-1, 2, (5, 2)).astype(float)

    try:
        solution = solve_with_changing_weights(mdp, weights, 0.9, "current")
    except NoFixedPointError:
        return
    assert isinstance(solution, Solution)
    assert (gains_of_leaving(mdp, weights, solution.policy) < 1e-9).all()
    assert solution.residual < 1e-8


def test_selves_that_never_settle_are_said_to() -> None:
    # A world found by search in which every policy is one that some self would leave.
    mdp = random_world(107, n_states=4, n_actions=2, branching=1)
    weights = np.random.default_rng(108).integers(-1, 2, (4, 2)).astype(float)
    options = [np.flatnonzero(mdp.available[s]) if not mdp.ended[s] else [0] for s in range(4)]

    for policy in itertools.product(*options):
        assert gains_of_leaving(mdp, weights, np.array(policy)).max() > 1e-3
    with pytest.raises(NoFixedPointError, match="horizon"):
        solve_with_changing_weights(mdp, weights, 0.9, "current")
    solve_with_changing_weights(mdp, weights, 0.9, "current", horizon=50)


def test_a_horizon_gives_the_limit_that_current_looks_for() -> None:
    mdp = random_world(11)
    weights = np.random.default_rng(0).integers(0, 3, (8, 2)).astype(float)
    endless = solve_with_changing_weights(mdp, weights, 0.8, "current")
    timed = solve_with_changing_weights(mdp, weights, 0.8, "current", horizon=200)

    assert timed.policy[0].tolist() == endless.policy.tolist()
    assert timed.vector_values == pytest.approx(endless.vector_values, abs=1e-9)
