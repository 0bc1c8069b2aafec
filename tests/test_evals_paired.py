"""Sign-flip tests, against every pattern of signs written out."""

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from turncoat.evals.statistics.paired_tests import seeds_to_detect, sign_flip_p_value

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


def test_many_seeds_are_flipped_at_random_and_the_same_way_each_time():
    rng = np.random.default_rng(1)
    shifted, noise = rng.normal(0.8, 1, 30).tolist(), rng.normal(0, 1, 30)
    centred = (noise - noise.mean()).tolist()
    assert sign_flip_p_value(shifted) == sign_flip_p_value(shifted) < 0.01
    assert sign_flip_p_value(centred) > 0.9


@pytest.mark.parametrize("differences", [[], [math.nan]])
def test_what_cannot_be_tested(differences):
    with pytest.raises(ValueError, match="difference"):
        sign_flip_p_value(differences)
