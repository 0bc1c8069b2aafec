"""Sign-flip tests and their bounds, against every pattern of signs written out."""

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from turncoat.evals.statistics.paired_tests import (
    equivalence_p_value,
    seeds_to_detect,
    sign_flip_interval,
    sign_flip_p_value,
)

NUMBERS = st.lists(st.integers(-8, 8).map(lambda n: n / 4), min_size=2, max_size=8)


def every_pattern(differences):
    """P(|mean| >= the one seen) by hand; quarters add up exactly."""
    patterns = list(product((1, -1), repeat=len(differences)))
    sums = [sum(s * d for s, d in zip(signs, differences, strict=True)) for signs in patterns]
    return min(1.0, 2 * sum(total >= abs(sum(differences)) for total in sums) / len(patterns))


@settings(max_examples=60, deadline=None)
@given(NUMBERS)
def test_the_p_value_counts_patterns(differences):
    expected = 1.0 if not any(differences) else every_pattern(differences)
    assert sign_flip_p_value(differences) == pytest.approx(expected)
    assert sign_flip_p_value([-d for d in differences]) == pytest.approx(expected)


@settings(max_examples=60, deadline=None)
@given(NUMBERS, st.sampled_from([0.5, 0.8, 0.95]))
def test_bounds_are_the_sizes_that_the_test_cannot_rule_out(differences, confidence):
    """Just inside a bound the differences less that size are compatible with 0, just outside they are not."""
    low, high = sign_flip_interval(differences, confidence)
    for end, way in ((low, -1), (high, 1)):
        if math.isfinite(end):
            if low < high:
                assert every_pattern([d - (end - way * 1e-6) for d in differences]) > 1 - confidence - 1e-12
            assert every_pattern([d - (end + way * 1e-6) for d in differences]) <= 1 - confidence + 1e-12
    if 2 ** (1 - len(differences)) > 1 - confidence + 1e-9:
        assert (low, high) == (-math.inf, math.inf)


@settings(max_examples=60, deadline=None)
@given(NUMBERS, st.integers(0, 12).map(lambda n: n / 4 + 0.1))
def test_a_margin_is_tested_from_both_sides(differences, margin):
    """Each end is one one-sided sign-flip test of the differences less that end."""
    patterns = list(product((1, -1), repeat=len(differences)))

    def beyond(shifted):
        sums = [sum(s * d for s, d in zip(signs, shifted, strict=True)) for signs in patterns]
        return sum(total <= sum(shifted) + 1e-9 for total in sums) / len(patterns)

    outside = margin + 1e-6  # an end itself is still within
    expected = max(beyond([d - outside for d in differences]), beyond([-d - outside for d in differences]))
    assert equivalence_p_value(differences, margin) == pytest.approx(expected)


def test_six_seeds_are_the_fewest():
    assert (seeds_to_detect(1), seeds_to_detect(2), seeds_to_detect(10)) == (6, 7, 9)
    assert sign_flip_p_value([1.0] * 5) == 0.0625
    assert sign_flip_p_value([1.0] * 6) == 0.03125
    for comparisons in (1, 2, 10):
        n = seeds_to_detect(comparisons)
        assert comparisons * 2 ** (1 - n) < 0.05 <= comparisons * 2 ** (2 - n)


def test_what_never_came_counts_as_far_off():
    assert sign_flip_p_value([math.inf] * 6) == 0.03125
    assert sign_flip_p_value([math.inf, -1.0, 0.5, 2.0]) == sign_flip_p_value([4.0, -1.0, 0.5, 2.0])
    assert sign_flip_interval([math.inf] * 9) == (-math.inf, math.inf)
    assert equivalence_p_value([math.inf, 0.0, 0.0], 1) == 1


def test_many_seeds_are_flipped_at_random_and_the_same_way_each_time():
    rng = np.random.default_rng(1)
    shifted, noise = rng.normal(0.8, 1, 30).tolist(), rng.normal(0, 1, 30)
    centred = (noise - noise.mean()).tolist()
    assert sign_flip_p_value(shifted) == sign_flip_p_value(shifted) < 0.01
    assert sign_flip_p_value(centred) > 0.9
    low, high = sign_flip_interval(shifted)
    assert 0 < low < np.mean(shifted) < high < 2 * np.mean(shifted)
    assert equivalence_p_value(centred, 1) < 0.001 < 0.5 < equivalence_p_value(shifted, 0.5)


@pytest.mark.parametrize("differences", [[], [math.nan]])
def test_what_cannot_be_tested(differences):
    for ask in (sign_flip_p_value, sign_flip_interval, lambda d: equivalence_p_value(d, 1)):
        with pytest.raises(ValueError, match="difference"):
            ask(differences)
    with pytest.raises(ValueError, match="margin is at least 0"):
        equivalence_p_value([1.0], -1)
