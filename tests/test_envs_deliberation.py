"""How K judgements become one choice: worked examples, and what every rule must keep to."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from turncoat.agents.records.attribution import attribution
from turncoat.envs.deliberation import (
    RULES,
    DeliberationRule,
    kalai_smorodinsky,
    lexicographic,
    maximin,
    nash,
    veto,
    vote,
)

STAY, LEFT, RIGHT, GREEDY, MIDDLE = range(5)
BARGAIN = np.array([[2.0, 2.0], [6.0, 3.0], [3.0, 6.0], [8.0, 1.0], [4.5, 4.5]])
EVEN, ALL = np.ones(2), np.ones(5, bool)
SIX = [
    DeliberationRule("weighted"),
    DeliberationRule("lexicographic", {"order": [1, 0], "slack": 1.0}),
    DeliberationRule("veto", {"at_least": [[0, 0.0]]}),
    DeliberationRule("nash"),
    DeliberationRule("kalai_smorodinsky"),
    DeliberationRule("maximin"),
    DeliberationRule("vote"),
    DeliberationRule("vote", {"ballot": "approval"}),
]
SEEDS = st.integers(0, 2**32 - 1)


def tied(choice) -> list[int]:
    assert choice.ties[choice.action]
    return np.flatnonzero(choice.ties).tolist()


def judgements(seed: int, heads: int = 3) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Small whole numbers, so that ties are frequent and exact."""
    rng = np.random.default_rng(seed)
    mask = rng.random(5) < 0.8
    mask[rng.integers(5)] = True
    return rng.integers(-3, 4, (5, heads)).astype(float), rng.integers(-1, 3, heads).astype(float), mask


def test_nash_takes_the_largest_product_of_gains() -> None:
    # Gains over staying: (4, 1), (1, 4), (6, -1) and (2.5, 2.5): products 4, 4, out, 6.25.
    assert tied(nash(BARGAIN, EVEN, ALL)) == [MIDDLE]
    # To the powers 3 and 1: 64, 4 and 39.06.
    assert tied(nash(BARGAIN, np.array([3.0, 1.0]), ALL)) == [LEFT]


def test_kalai_and_smorodinsky_take_the_most_even_shares_of_the_most_that_each_could_gain() -> None:
    # Most are gains of 4 and 4 (the greedy action, a loss for the second head, is out).
    assert tied(kalai_smorodinsky(BARGAIN, EVEN, ALL)) == [MIDDLE]
    # Where the middle is worse than it looks to Nash, they part: gains (5, 2), (2, 5), (8, 1.5) of 8 and 5.
    parted = np.array([[0.0, 0.0], [5.0, 2.0], [2.0, 5.0], [8.0, 1.5]])
    assert tied(nash(parted, EVEN, np.ones(4, bool))) == [3]  # 10, 10, 12
    assert tied(kalai_smorodinsky(parted, EVEN, np.ones(4, bool))) == [1]  # shares 0.4, 0.25, 0.3


@pytest.mark.parametrize("bargain", [nash, kalai_smorodinsky])
def test_where_nothing_is_better_for_all_nobody_is_made_worse(bargain) -> None:
    torn = np.array([[5.0, 5.0], [9.0, 1.0], [1.0, 9.0]])
    assert tied(bargain(torn, EVEN, np.ones(3, bool))) == [0]
    # Either head can gain alone: by its own measure each gains all that it can, so no units decide between them.
    one_each = np.array([[2.0, 2.0], [5.0, 2.0], [2.0, 900.0]])
    assert tied(bargain(one_each, EVEN, np.ones(3, bool))) == [1, 2]
    # Without the action that stands for no agreement, each head's worst does.
    assert tied(bargain(torn, EVEN, np.array([False, True, True]))) == [1, 2]


def test_another_action_may_stand_for_no_agreement() -> None:
    # Over LEFT (6, 3) nobody else leaves both as they are.
    assert tied(nash(BARGAIN, EVEN, ALL, disagreement=LEFT)) == [LEFT]


@pytest.mark.parametrize("bargain", [nash, kalai_smorodinsky])
def test_where_nobody_can_gain_the_disagreement_action_itself_is_taken(bargain) -> None:
    same = np.zeros((3, 2))
    assert tied(bargain(same, EVEN, ALL[:3], disagreement=1)) == [1]
    unweighted = np.array([[3.0, 3.0], [1.0, 1.0], [2.0, 2.0]])
    assert tied(bargain(unweighted, np.zeros(2), ALL[:3], disagreement=1)) == [1]
    assert tied(bargain(same, EVEN, np.array([False, False, True]), disagreement=1)) == [2], "it is not available"


def test_heads_in_order_hand_on_what_is_best_or_nearly_so() -> None:
    q = np.array([[10.0, 0.0, 5.0], [9.0, 2.0, 0.0], [9.5, 2.0, 1.0], [0.0, 9.0, 9.0]])
    mask, ones = np.ones(4, bool), np.ones(3)

    assert tied(lexicographic(q, ones, mask, [0, 1])) == [0]
    assert tied(lexicographic(q, ones, mask, [0, 1], slack=1.0)) == [2]  # 1 and 2 tie; then the sum decides
    assert tied(lexicographic(q, ones, mask, [0, 1, 2], slack=1.0)) == [2]
    assert tied(lexicographic(q, np.array([1.0, -1.0, 0.0]), mask, [1, 0])) == [0]
    assert tied(lexicographic(q, ones, mask)) == [0]


def test_the_last_head_lets_nothing_go() -> None:
    q = np.array([[1.0], [1.5]])
    assert tied(lexicographic(q, np.ones(1), np.ones(2, bool), [0], slack=1.0)) == [1]


def test_a_head_below_its_threshold_forbids_even_without_weight() -> None:
    q = np.array([[1.0, 0.0], [5.0, -2.0], [9.0, -3.0]])
    mask, weights = np.ones(3, bool), np.array([1.0, 0.0])

    assert tied(veto(q, weights, mask, [[1, 0.0]])) == [0]
    assert tied(veto(q, weights, mask, [[1, -2.0]])) == [1]
    assert tied(veto(q, weights, mask)) == [2]


def test_where_all_is_forbidden_the_least_violation_is_taken() -> None:
    # Short by 1 and 4, 3 and 2, 3 and 3: the worst are 4, 3 and 3; of the last two the sum decides.
    q = np.array([[0.0, 0.0], [-2.0, 2.0], [-2.0, 1.0]])
    assert tied(veto(q, EVEN, np.ones(3, bool), [[0, 1.0], [1, 4.0]])) == [1]


def test_the_worst_head_is_made_best_off_and_then_the_next() -> None:
    q = np.array([[1.0, 9.0], [4.0, 5.0], [6.0, 4.0], [3.0, 3.0]])
    assert tied(maximin(q, EVEN, np.ones(4, bool))) == [2]
    assert tied(maximin(q, np.array([9.0, 1.0]), np.ones(4, bool))) == [0]  # 9 and 9


def test_borda_counts_who_beats_whom() -> None:
    # Three heads rank A > B > C, one B > C > A, one C > B > A: points 3 * (2, 0, -2) + (-2, 2, 0) + (-2, 0, 2).
    q = np.array([[3.0, 3, 3, 1, 1], [2, 2, 2, 3, 2], [1, 1, 1, 2, 3]])
    mask = np.ones(3, bool)
    assert tied(vote(q, np.ones(5), mask)) == [0, 1]  # 2, 2, -4
    assert tied(vote(q, np.array([1.0, 1, 1, 2, 1]), mask)) == [1]  # 0, 4, -4
    assert tied(vote(q, np.ones(5), np.array([False, True, True]))) == [1]


def test_approval_counts_who_can_live_with_it() -> None:
    q = np.array([[0.0, 10.0], [6.0, 6.0], [10.0, 0.0]])
    mask = np.ones(3, bool)
    assert tied(vote(q, EVEN, mask, "approval")) == [1]
    assert tied(vote(q, EVEN, mask, "approval", approves=0.7)) == [0, 2]
    with pytest.raises(ValueError, match="borda or approval"):
        vote(q, EVEN, mask, "show of hands")


@pytest.mark.parametrize("rule", SIX, ids=lambda rule: rule.name)
@given(seed=SEEDS)
def test_only_available_actions_are_chosen_and_a_batch_chooses_as_one_by_one(rule: DeliberationRule, seed: int) -> None:
    many = [judgements(seed + lane) for lane in range(4)]
    weights = many[0][1]
    together = rule(np.array([q for q, _, _ in many]), weights, np.array([mask for _, _, mask in many]))

    for lane, (q, _, mask) in enumerate(many):
        alone = rule(q, weights, mask)
        assert alone.ties.any()
        assert not (alone.ties & ~mask).any()
        assert alone.ties.tolist() == together.ties[lane].tolist()
        assert alone.action == together.action[lane] == alone.ties.argmax()


@pytest.mark.parametrize("rule", SIX, ids=lambda rule: rule.name)
@given(seed=SEEDS)
def test_the_order_of_actions_does_not_matter(rule: DeliberationRule, seed: int) -> None:
    q, weights, mask = judgements(seed)
    order = np.random.default_rng(seed).permutation(5)
    if "disagreement" in rule.parameters or rule.name in ("nash", "kalai_smorodinsky"):
        moved = DeliberationRule(rule.name, {"disagreement": int(np.flatnonzero(order == 0)[0])})
    else:
        moved = rule
    assert rule(q, weights, mask).ties[order].tolist() == moved(q[order], weights, mask[order]).ties.tolist()


@pytest.mark.parametrize("name", ["nash", "kalai_smorodinsky", "vote"])
@given(seed=SEEDS)
def test_the_units_of_a_head_do_not_matter(name: str, seed: int) -> None:
    q, weights, mask = judgements(seed)
    rng = np.random.default_rng(seed)
    scaled = q * 2.0 ** rng.integers(-6, 7, 3) + rng.integers(-8, 9, 3)
    assert RULES[name](q, weights, mask).ties.tolist() == RULES[name](scaled, weights, mask).ties.tolist()


@pytest.mark.parametrize("name", ["nash", "kalai_smorodinsky", "maximin"])
@given(seed=SEEDS)
def test_nothing_available_is_better_for_one_and_worse_for_none(name: str, seed: int) -> None:
    q, weights, mask = judgements(seed)
    weights = np.abs(weights) + 1
    action = RULES[name](q, weights, mask).action
    better = (q >= q[action]).all(axis=1) & (q > q[action]).any(axis=1)
    assert not (better & mask).any()


@given(seed=SEEDS)
def test_a_single_head_is_maximised_by_all_who_only_compare(seed: int) -> None:
    """A bargain in which it can gain nothing ends in the disagreement action, whatever is worth as much."""
    q, _, mask = judgements(seed, heads=1)
    best = (q[:, 0] == q[mask].max()) & mask
    for name in ("weighted", "lexicographic", "maximin", "nash", "kalai_smorodinsky", "vote"):
        expected = best & (np.arange(5) == STAY) if name in ("nash", "kalai_smorodinsky") and best[STAY] else best
        assert RULES[name](q, np.ones(1), mask).ties.tolist() == expected.tolist(), name


@given(seed=SEEDS)
def test_what_is_vetoed_is_never_chosen_while_something_else_is_left(seed: int) -> None:
    q, weights, mask = judgements(seed)
    fine = mask & (q[:, 0] >= 0) & (q[:, 2] >= 1)
    ties = veto(q, weights, mask, [[0, 0.0], [2, 1.0]]).ties
    assert not (ties & ~fine).any() or not fine.any()


def test_the_head_whose_veto_decides_is_named() -> None:
    q, weights = np.array([[1.0, 0.0], [5.0, -2.0]]), np.array([1.0, 0.0])
    rule = DeliberationRule("veto", {"at_least": [[1, -1.0]]})
    found = attribution(q, weights, np.ones(2, bool), action=0, rule=rule)
    assert found.without.tolist() == [0, 1]
    assert found.margin.tolist() == [0.0, 4.0]


def test_the_first_of_an_order_decides() -> None:
    q = np.array([[3.0, 0.0], [2.0, 9.0]])
    found = attribution(q, EVEN, np.ones(2, bool), action=0, rule=DeliberationRule("lexicographic"))
    assert found.deciding == (0,)
    assert found.margin.tolist() == [9.0, 0.0]


def test_either_side_of_a_bargain_decides() -> None:
    found = attribution(BARGAIN, EVEN, ALL, action=MIDDLE, rule=DeliberationRule("nash"))
    assert found.without.tolist() == [RIGHT, GREEDY]


def test_an_unknown_rule_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(ValueError, match="kalai_smorodinsky"):
        DeliberationRule("consensus")
