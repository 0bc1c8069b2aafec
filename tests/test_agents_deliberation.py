"""How K judgements become one choice, on worked examples and against a plain loop."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from turncoat.agents.records.attribution import DELIBERATIONS, attribution, weighted


def test_the_largest_weighted_sum_wins() -> None:
    q = np.array([[1.0, 0.0], [0.0, 3.0], [2.0, 0.5]])

    assert weighted(q, np.array([1.0, 0.0]), np.ones(3, bool)).action == 2
    assert weighted(q, np.array([1.0, 1.0]), np.ones(3, bool)).action == 1
    assert weighted(q, np.array([1.0, 1.0]), np.array([True, False, True])).action == 2


def test_ties_are_relative_to_the_terms_so_far_off_values_still_count() -> None:
    tiny = np.array([[1e-20], [2e-20]])
    cancelling = np.array([[1e6, -1e6], [1e6 + 1e-5, -1e6]])

    assert weighted(tiny, np.ones(1), np.ones(2, bool)).ties.tolist() == [False, True]
    assert weighted(cancelling, np.ones(2), np.ones(2, bool)).ties.tolist() == [True, True]


def test_no_available_action_is_refused() -> None:
    with pytest.raises(ValueError, match="no available action"):
        weighted(np.zeros((2, 2, 1)), np.ones(1), np.array([[True, False], [False, False]]))


def test_shapes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="don't fit"):
        weighted(np.zeros((2, 3)), np.ones(2), np.ones(2, bool))


@given(st.integers(0, 10_000))
def test_a_batch_chooses_as_a_loop_does(seed: int) -> None:
    rng = np.random.default_rng(seed)
    q, weights = rng.integers(-2, 3, (4, 3, 2)).astype(float), rng.integers(-1, 3, 2).astype(float)
    mask = rng.random((4, 3)) < 0.7
    mask[:, 0] |= ~mask.any(axis=1)

    choice = DELIBERATIONS["weighted"](q, weights, mask)

    for lane in range(4):
        scores = {a: float(q[lane, a] @ weights) for a in range(3) if mask[lane, a]}
        best = [a for a, score in scores.items() if score == max(scores.values())]
        assert choice.action[lane] == best[0]
        assert np.flatnonzero(choice.ties[lane]).tolist() == best


def test_attribution_names_the_head_whose_removal_flips_the_choice() -> None:
    # Work pays for 0, the agent's own value for 1; pain is indifferent.
    q = np.array([[5.0, 0.0, 1.0], [0.0, 7.0, 1.0]])

    found = attribution(q, np.ones(3), np.ones(2, bool), action=1)

    assert found.without.tolist() == [1, 0, 1]
    assert found.margin.tolist() == [0.0, 5.0, 0.0]
    assert found.deciding == (1,)


def test_a_choice_that_still_ties_is_not_flipped() -> None:
    q = np.array([[1.0, 0.0], [1.0, 1.0]])

    found = attribution(q, np.ones(2), np.ones(2, bool), action=1)

    assert found.without.tolist() == [1, 1]
    assert found.deciding == ()


def test_several_deciding_heads_come_most_decisive_first() -> None:
    # Either head alone wants another action than both together.
    q = np.array([[4.0, 0.0], [0.0, 6.0], [3.5, 3.5]])

    found = attribution(q, np.ones(2), np.ones(3, bool), action=2)

    assert found.without.tolist() == [1, 0]
    assert found.deciding == (0, 1)
    assert found.margin.tolist() == [2.5, 0.5]
