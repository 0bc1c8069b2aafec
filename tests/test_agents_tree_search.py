"""Tree search: against value iteration, against a search of everything, and against itself in other batches."""

import numpy as np
import pytest

import turncoat
from tests.worlds import LIVES, SIMULATED
from turncoat.agents.planners.gumbel_search import SearchTables, tree_search
from turncoat.agents.planners.sequential_halving import visits_considered
from turncoat.envs.base import FiniteMDP
from turncoat.evals.exact.solved_worlds import SolvedWorlds

DISCOUNT = 0.9


def process(rng, depth, actions=2, outcomes=2, channels=2):
    """A random process whose states form a tree of some depth, the last of them ended, with shared outcomes."""
    layers = [1]
    for _ in range(depth):
        layers.append(layers[-1] * actions * outcomes)
    first = np.concatenate([[0], np.cumsum(layers)])
    states = int(first[-1])
    rows, following, probability = [0], [], []
    for layer in range(depth + 1):
        for index in range(layers[layer]):
            for action in range(actions):
                if layer < depth:
                    chances = 0.4 / outcomes + 0.6 * rng.dirichlet(np.ones(outcomes))
                    for which in range(outcomes):
                        following.append(first[layer + 1] + (index * actions + action) * outcomes + which)
                        probability.append(chances[which])
                rows.append(len(following))
    ended = np.zeros(states, np.bool_)
    ended[first[depth] :] = True
    return FiniteMDP(
        n_states=states,
        n_actions=actions,
        row_start=np.array(rows),
        next_state=np.array(following, np.int32),
        probability=np.array(probability),
        rewards=rng.normal(size=(len(following), channels)),
        events=np.zeros(len(following), np.uint64),
        ended=ended,
        start_state=np.zeros(1, np.int32),
        start_probability=np.ones(1),
        channels=tuple(f"c{k}" for k in range(channels)),
        event_names=(),
        action_names=tuple(f"a{k}" for k in range(actions)),
    )


def searched_whole(mdp, weights, discounts):
    """The optimal vector Q of a process that is a tree, by recursion."""

    def q(state):
        out = np.zeros((mdp.n_actions, len(mdp.channels)))
        for action in range(mdp.n_actions):
            row = state * mdp.n_actions + action
            for m in range(mdp.row_start[row], mdp.row_start[row + 1]):
                out[action] += mdp.probability[m] * (mdp.rewards[m] + discounts * value(mdp.next_state[m]))
        return out

    def value(state):
        if mdp.ended[state]:
            return np.zeros(len(mdp.channels))
        each = q(state)
        return each[(each @ weights).argmax()]

    return q(0)


@pytest.mark.parametrize("seed", range(4))
def test_enough_simulations_find_what_a_search_of_everything_finds(seed):
    rng = np.random.default_rng(seed)
    mdp = process(rng, depth=3)
    weights, discounts = rng.normal(size=2), np.array([0.9, 0.7])
    tree = tree_search(
        SearchTables.of(mdp),
        np.zeros(1, np.int32),
        np.zeros((mdp.n_states, 2)),
        weights,
        discounts,
        200_000,
        np.array([seed]),
    )
    exact = searched_whole(mdp, weights, discounts)
    np.testing.assert_allclose(tree.q[0], exact, atol=1e-12)
    assert tree.action[0] == (exact @ weights).argmax()


def weights_change(world):
    """Whether an agent's weights are part of the state: what only `enumerate` plans for."""
    return any(column >= 0 for agent in world.agents for column in agent.weight_columns)


def stationary():
    """The exact plans of the library whose solution needs no clock and whose weights stay, by name."""
    for name in sorted({*turncoat.names()} - LIVES - SIMULATED):
        solved = SolvedWorlds(turncoat.load(name))
        world = solved.world({}, solved.scenario.training_stage)
        if world.horizon is None and len(world.agents) == 1 and not weights_change(world):
            yield name, solved.plan({}, solved.scenario.training_stage)


def test_with_the_heads_of_an_optimal_policy_it_is_value_iteration():
    names = []
    for name, plan in stationary():
        mdp = plan.mdp
        live = np.flatnonzero(~mdp.ended)[:5000].astype(np.int32)
        known, heads = mdp.available[live], plan.solution.vector_values
        for simulations in (1, 24):
            tree = tree_search(
                SearchTables.of(mdp), live, heads, plan.weights, np.full(len(mdp.channels), plan.discount), simulations,
                np.arange(live.size),
            )  # fmt: skip
            assert plan.solution.optimal[live, tree.action].all(), name
            exact = plan.solution.vector_q[live] @ plan.weights
            np.testing.assert_allclose((tree.q @ plan.weights)[known], exact[known], atol=1e-9, err_msg=name)
        names.append(name)
    assert len(names) >= 3


def small(seed=0, **sizes):
    mdp = process(np.random.default_rng(seed), depth=4, **sizes)
    return SearchTables.of(mdp), mdp


@pytest.mark.parametrize("backup", ["mean", "best"])
def test_no_lane_feels_the_others(backup):
    tables, mdp = small(actions=3)
    roots, keys = np.array([0, 1, 2, 5, 0], np.int32), np.array([3, 1, 4, 1, 9])
    heads = np.random.default_rng(1).normal(size=(mdp.n_states, 2))
    asked = (heads, np.array([1.0, -0.5]), np.full(2, DISCOUNT), 50)
    together = tree_search(tables, roots, *asked, keys, backup=backup)
    for lane in range(roots.size):
        alone = tree_search(tables, roots[lane : lane + 1], *asked, keys[lane : lane + 1], backup=backup)
        for name in ("action", "q", "visits", "node_state", "node_visits"):
            np.testing.assert_array_equal(getattr(alone, name)[0], getattr(together, name)[lane])
    shared = tree_search(tables, roots, *asked, keys, backup=backup, threads=2)
    for name, part in vars(together).items():
        np.testing.assert_array_equal(getattr(shared, name), part)
    other = tree_search(tables, roots, *asked, keys + 1, backup=backup)
    assert (other.visits != together.visits).any()


@pytest.mark.parametrize("backup", ["mean", "best"])
def test_weighted_vectors_are_the_scalar_search(backup):
    """With one discount, K channels with weights and their sum as one channel are the same search."""
    tables, mdp = small(channels=3)
    weights, heads = np.array([0.5, 2.0, -1.0]), np.random.default_rng(2).normal(size=(mdp.n_states, 3))
    summed = SearchTables(
        tables.row_start,
        tables.next_state,
        tables.cumulative,
        (mdp.rewards @ weights)[:, None],
        tables.ended,
        tables.available,
    )
    roots, keys = np.arange(5, dtype=np.int32), np.arange(5)
    many = tree_search(tables, roots, heads, weights, np.full(3, DISCOUNT), 64, keys, backup=backup)
    one = tree_search(
        summed, roots, (heads @ weights)[:, None], np.ones(1), np.full(1, DISCOUNT), 64, keys, backup=backup
    )
    np.testing.assert_array_equal(many.visits, one.visits)
    np.testing.assert_array_equal(many.action, one.action)
    np.testing.assert_allclose(many.q @ weights, one.q[..., 0], atol=1e-12)


def test_the_tree_is_one():
    tables, mdp = small()
    tree = tree_search(
        tables,
        np.zeros(1, np.int32),
        np.zeros((mdp.n_states, 2)),
        np.ones(2),
        np.full(2, DISCOUNT),
        300,
        np.ones(1, np.int64),
    )
    count = tree.nodes[0]
    parent, action, outcome = tree.node_parent[0, :count], tree.node_action[0, :count], tree.node_outcome[0, :count]
    assert tree.visits.sum() == 300 == tree.node_visits[0, 0] - 1 + 1
    assert (parent[1:] < np.arange(1, count)).all()
    rows = tree.node_state[0, parent[1:]] * mdp.n_actions + action[1:]
    assert ((mdp.row_start[rows] <= outcome[1:]) & (outcome[1:] < mdp.row_start[rows + 1])).all()
    np.testing.assert_array_equal(mdp.next_state[outcome[1:]], tree.node_state[0, 1:count])
    for node in range(count):
        below = tree.node_visits[0, :count][parent == node].sum()
        # What ends stays where it is; elsewhere the first visit made the node, and each later one went on.
        assert mdp.ended[tree.node_state[0, node]] or tree.node_visits[0, node] == below + (node > 0)


def test_means_are_means_of_what_chance_sends():
    """One action, two outcomes: the mean return tends to the expectation."""
    mdp = process(np.random.default_rng(3), depth=1, actions=1)
    tree = tree_search(
        SearchTables.of(mdp),
        np.zeros(1, np.int32),
        np.zeros((mdp.n_states, 2)),
        np.ones(2),
        np.ones(2),
        40_000,
        np.array([7]),
        backup="mean",
    )
    expected, spread = mdp.probability @ mdp.rewards, np.ptp(mdp.rewards, axis=0)
    assert (np.abs(tree.q[0, 0] - expected) < 5 * spread / 2 / 200).all()  # five standard errors at the most


def test_the_prior_leads_where_nothing_else_does():
    mdp = process(np.random.default_rng(4), depth=2, actions=3)
    mdp.rewards[:] = 0.0
    prior = np.tile([0.0, 5.0, 0.0], (mdp.n_states, 1))
    tree = tree_search(
        SearchTables.of(mdp), np.zeros(1, np.int32), np.zeros((mdp.n_states, 2)), np.ones(2), np.ones(2), 30,
        np.array([0]), prior, considered=3, gumbel=0.0, backup="mean",
    )  # fmt: skip
    assert tree.action[0] == 1


@pytest.mark.parametrize(
    ("actions", "simulations", "sequence"),
    [
        (4, 8, [0, 0, 0, 0, 1, 1, 2, 2]),
        (2, 4, [0, 0, 1, 1]),
        (1, 3, [0, 1, 2]),
        (4, 6, [0, 0, 0, 0, 1, 1]),
        (8, 4, [0, 0, 0, 0]),
    ],
)
def test_sequential_halving(actions, simulations, sequence):
    assert visits_considered(actions, simulations) == sequence


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"roots": np.array([30], np.int32)}, "state 30 is ended"),
        ({"simulations": 0}, "simulations: 0, and at least one"),
        ({"threads": 0}, "threads: 0, and at least one"),
        ({"backup": "worst"}, "neither mean nor best"),
    ],
)
def test_what_cannot_be_searched(change, message):
    mdp = process(np.random.default_rng(0), depth=2)
    mdp.ended[-1] = True
    asked = {
        "roots": np.zeros(1, np.int32),
        "heads": np.zeros((mdp.n_states, 2)),
        "weights": np.ones(2),
        "discounts": np.ones(2),
        "simulations": 4,
        "keys": np.zeros(1, np.int64),
    } | change
    if "roots" in change:
        asked["roots"] = np.array([mdp.n_states - 1], np.int32)
        message = f"state {mdp.n_states - 1} is ended"
    with pytest.raises(ValueError, match=message):
        tree_search(SearchTables.of(mdp), **asked)
