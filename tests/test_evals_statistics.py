"""The bounds hold what they promise, measured against scipy, by exact enumeration and by simulation."""

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from turncoat.evals.statistics.binomial import clopper_pearson, event_interval, event_p_value, seeds_needed
from turncoat.evals.statistics.bounded_mean import (
    difference_interval,
    difference_p_value,
    share_interval,
    share_p_value,
)
from turncoat.evals.statistics.median import median_interval, median_p_value, median_seeds_needed
from turncoat.evals.statistics.multiplicity import holm

ERROR = 0.05


@pytest.mark.parametrize(("side", "alternative"), [("two", "two-sided"), ("low", "greater"), ("high", "less")])
def test_clopper_pearson_is_scipys(side, alternative):
    for trials in (1, 5, 29, 100):
        for successes in {0, 1, trials // 2, trials - 1, trials}:
            theirs = stats.binomtest(successes, trials, alternative=alternative).proportion_ci(0.95, method="exact")
            assert clopper_pearson(successes, trials, 0.95, side) == pytest.approx((theirs.low, theirs.high), abs=1e-10)


def test_clopper_pearson_without_trials_knows_nothing():
    assert clopper_pearson(0, 0) == (0.0, 1.0)


@pytest.mark.parametrize("arguments", [(3, 2), (-1, 2), (1, 2, 1.0), (1, 2, 0.0)])
def test_clopper_pearson_refuses(arguments):
    with pytest.raises(ValueError, match=r"trials|confidence"):
        clopper_pearson(*arguments)


@given(st.lists(st.booleans(), min_size=1, max_size=40), st.sampled_from(["two", "low", "high"]))
def test_events_have_the_binomial_interval(seeds, side):
    exact = clopper_pearson(sum(seeds), len(seeds), 0.95, side)
    assert event_interval([float(s) for s in seeds], 0.95, side) == exact
    # What holds for all numbers in [0, 1] is a little wider, and no wider where all seeds agree.
    low, high = share_interval([float(s) for s in seeds], 0.95, side)
    assert low <= exact[0] + 1e-7
    assert high >= exact[1] - 1e-7
    if len(set(seeds)) == 1:
        assert (low, high) == pytest.approx(exact, abs=1e-7)


@pytest.mark.parametrize("claim", [">=", ">", "<=", "<"])
def test_the_p_value_of_events_is_scipys(claim):
    for successes, threshold in ((0, 0.3), (3, 0.3), (5, 0.9), (8, 0.9), (8, 0.2)):
        values = [1.0] * successes + [0.0] * (8 - successes)
        tail = stats.binom.sf(successes - 1, 8, threshold) if ">" in claim else stats.binom.cdf(successes, 8, threshold)
        assert event_p_value(values, claim, threshold) == pytest.approx(float(tail))
    with pytest.raises(ValueError, match="0 or 1"):
        event_p_value([0.5], claim, 0.3)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12), st.floats(0.01, 0.99))
def test_p_values_and_intervals_agree(values, threshold):
    low, _ = share_interval(values, 0.95, "low")
    _, high = share_interval(values, 0.95, "high")
    if abs(low - threshold) > 1e-9:
        assert (share_p_value(values, ">=", threshold) <= ERROR + 1e-12) == (low > threshold)
    if abs(high - threshold) > 1e-9:
        assert (share_p_value(values, "<=", threshold) <= ERROR + 1e-12) == (high < threshold)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12), st.floats(0.01, 0.99))
def test_mirror_images_have_mirrored_p_values(values, threshold):
    mirrored = share_p_value([1 - value for value in values], "<=", 1 - threshold)
    assert share_p_value(values, ">=", threshold) == pytest.approx(mirrored, rel=1e-6, abs=1e-12)


def wrong_claims(points, chances, seeds, threshold):
    """The exact chance that `mean >= threshold` is claimed, over every draw of the seeds' values."""
    wrong = 0.0
    for counts in product(range(seeds + 1), repeat=len(points)):
        if sum(counts) == seeds:
            values = [point for point, count in zip(points, counts, strict=True) for _ in range(count)]
            if share_p_value(values, ">=", threshold) <= ERROR:
                wrong += stats.multinomial.pmf(counts, seeds, chances)
    return wrong


@pytest.mark.parametrize("seeds", [4, 6, 9])
@pytest.mark.parametrize("middle", [0.05, 0.3, 0.5, 0.8, 0.97])
def test_wrong_passes_stay_under_the_level_whatever_the_values_are(seeds, middle):
    """Values 0, `middle` and 1, with a mean just at the threshold: the hardest case, where claiming more is wrong.

    Some draws hold only 0s and 1s and get the binomial tail, others get the bound for any values: the switch between
    them is what is tried here.
    """
    for successes in range(seeds - 2, seeds + 1):
        threshold = clopper_pearson(successes, seeds, 0.95, "low")[0]
        for share in (0.02, 0.1, 0.3, 0.6, 0.9, 1.0):
            top = threshold - share * middle
            if 0 <= top <= 1 - share:
                chances = [1 - share - top, share, top]
                assert wrong_claims([0.0, middle, 1.0], chances, seeds, threshold) <= ERROR + 1e-9


@pytest.mark.parametrize(
    ("values", "claim", "threshold", "shown"),
    [
        ([0.95] * 5, ">=", 0.5, True),
        ([0.9] * 6, ">=", 0.5, True),
        ([0.8] * 8, ">=", 0.5, True),
        ([1.0] * 8 + [0.9, 0.0], ">=", 0.5, True),
        ([0.05] * 5, "<=", 0.5, True),
        ([0.95] * 4, ">=", 0.5, False),
        ([0.7] * 5, ">=", 0.5, False),
        ([1.0] * 14, ">=", 0.8, True),
        ([1.0] * 29, ">=", 0.9, True),
    ],
)
def test_what_shares_between_0_and_1_show(values, claim, threshold, shown):
    assert (share_p_value(values, claim, threshold) <= ERROR) == shown


@given(st.lists(st.floats(0, 1), min_size=2, max_size=9), st.floats(0.01, 0.99), st.randoms())
def test_the_order_of_seeds_does_not_matter_and_a_better_seed_never_harms(values, threshold, chance):
    found = share_p_value(values, ">=", threshold)
    better = [value + (1 - value) * chance.random() for value in values]
    assert share_p_value(better, ">=", threshold) <= found + 1e-9
    chance.shuffle(values)
    assert share_p_value(values, ">=", threshold) == pytest.approx(found)
    assert share_p_value(values, ">=", min(1.0, threshold + 0.05)) >= found - 1e-9


def test_one_bad_seed_of_five_never_passes_at_nine_tenths():
    """A bootstrap of the interquartile mean passes this a third of the time."""
    assert share_p_value([1, 1, 1, 1, 0], ">=", 0.9) > ERROR
    assert share_p_value([1, 1, 1, 1, 1], ">=", 0.9) > ERROR
    chance = np.random.default_rng(1)
    draws = (chance.random((4000, 29)) < 0.8).astype(float)
    passes = sum(share_p_value(draw, ">=", 0.9) <= ERROR for draw in draws)
    assert passes / 4000 <= 0.005  # exactly 0.8 ** 29 = 0.0015


@pytest.mark.parametrize(
    ("values", "claim", "threshold", "p"),
    [
        ([1.0], ">=", 0.0, 0.0),  # nothing is below 0
        ([1.0] * 9, ">=", 1.0, 1.0),  # no number of seeds shows a share of exactly 1
        ([1.0, 0.5], "<", 1.0, 0.0),  # one seed short of 1 shows that it is not
        ([0.0, 0.2], ">", 0.0, 0.0),
        ([0.0, 0.0], ">", 0.0, 1.0),
        ([0.3], ">=", 1.5, 1.0),
        ([0.3], "<=", 1.5, 0.0),
        ([0.3], "<=", -0.5, 1.0),
    ],
)
def test_claims_at_the_edges(values, claim, threshold, p):
    assert share_p_value(values, claim, threshold) == p


@pytest.mark.parametrize("values", [[], [math.nan], [1.2], [-0.1]])
def test_what_is_no_share_is_refused(values):
    with pytest.raises(ValueError, match=r"value|share"):
        share_p_value(values, ">=", 0.5)


@pytest.mark.parametrize("trials", [4, 5, 8, 20, 33])
def test_the_median_interval_covers(trials):
    chance = np.random.default_rng(2)
    draws = chance.standard_exponential((3000, trials))
    ends = np.array([median_interval(draw, 0.9) for draw in draws])
    missed_low, missed_high = (ends[:, 0] > math.log(2)).mean(), (ends[:, 1] < math.log(2)).mean()
    assert max(missed_low, missed_high) <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 3000)


def test_the_median_interval_by_hand():
    assert median_interval([3, 1, 2, 5, 4], 0.95, "low") == (1, math.inf)
    assert median_interval([3, 1, 2, 5, 4], 0.95, "high") == (-math.inf, 5)
    assert median_interval([3, 1, 2, 5], 0.95, "low") == (-math.inf, math.inf)
    # Binomial(20, 1/2) < 6 has a chance of 0.0207, < 7 of 0.0577.
    assert median_interval(range(20), 0.95, "two") == (5, 14)


def test_the_sign_test():
    assert median_p_value([7, 7, 8, 9, math.inf], ">=", 7) == pytest.approx(1 / 32)
    assert median_p_value([7, 7, 8, 9, math.inf], ">", 7) == pytest.approx(
        stats.binomtest(3, 5, alternative="greater").pvalue
    )
    assert median_p_value([7, 8], "<", 7) == 1.0


@pytest.mark.parametrize(("threshold", "seeds"), [(0.9, 29), (0.8, 14), (0.5, 5), (0.95, 59), (0.0, 0), (1.0, None)])
def test_seeds_needed(threshold, seeds):
    assert seeds_needed(threshold, 0.95) == seeds
    if seeds:
        assert share_p_value([1.0] * seeds, ">=", threshold) <= ERROR
        assert share_p_value([1.0] * (seeds - 1), ">=", threshold) > ERROR


def test_median_seeds_needed():
    assert median_seeds_needed(0.95) == 5


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx((0.03, 0.06, 0.06, 0.02))
    assert holm([]) == ()
    assert holm([0.9, 0.8]) == (1.0, 1.0)


def test_holm_keeps_the_rate_of_any_wrong_claim():
    chance = np.random.default_rng(3)
    p_values = chance.random((4000, 5))
    assert np.mean([min(holm(row)) <= ERROR for row in p_values]) <= ERROR + 3 * math.sqrt(ERROR * 0.95 / 4000)


# ------------------------------------------------------------------ differences, paired by seed


def spread(better, same, worse):
    """Seeds whose difference is 1, 0 or -1."""
    return [1.0] * better + [0.0] * same + [-1.0] * worse


@pytest.mark.parametrize("seeds", [6, 13, 24])
@pytest.mark.parametrize("threshold", [-0.6, -0.2, -0.1, 0.0, 0.1, 0.4])
def test_wrong_claims_of_a_difference_stay_under_the_level(seeds, threshold):
    """Exactly, over all counts: the mean is just short of what is claimed, and seeds differ seldom or often."""
    counts = [(b, s, seeds - b - s) for b in range(seeds + 1) for s in range(seeds + 1 - b)]
    claimed = [its for its in counts if difference_p_value(spread(*its), ">=", threshold) <= ERROR]
    refuted = [its for its in counts if difference_p_value(spread(*its), "<", threshold) <= ERROR]
    for differing in (0.02, 0.05, 0.1, 0.2, 0.4, 0.7, 1.0):
        if differing >= abs(threshold):
            chances = [(differing + threshold) / 2, 1 - differing, (differing - threshold) / 2]
            for wrong in (claimed, refuted):
                assert sum(stats.multinomial.pmf(its, seeds, chances) for its in wrong) <= ERROR


def test_wrong_claims_of_a_difference_of_rates_stay_under_the_level():
    """Both sides are rates that hang together, and the better one is better by just less than is claimed."""
    chance = np.random.default_rng(5)
    common = chance.beta(0.5, 0.5, (1500, 16)) * 0.8
    differences = np.where(
        chance.random((1500, 16)) < 0.25, common + 0.2, chance.normal(0, 0.05, (1500, 16)).clip(-1, 1)
    )
    mean = float(differences.mean())
    assert np.mean([difference_p_value(row, ">=", mean + 0.005) <= ERROR for row in differences]) <= ERROR
    assert np.mean([difference_p_value(row, "<=", mean - 0.005) <= ERROR for row in differences]) <= ERROR


@pytest.mark.parametrize(
    ("values", "claim", "threshold", "shown"),
    [
        (spread(5, 0, 0), ">", 0.0, True),
        (spread(4, 0, 0), ">", 0.0, False),
        (spread(11, 0, 0), ">=", 0.5, True),
        (spread(10, 0, 0), ">=", 0.5, False),
        (spread(0, 36, 0), "<=", 0.1, True),
        (spread(0, 35, 0), "<=", 0.1, False),
        (spread(18, 18, 0), ">=", -0.1, True),
        (spread(6, 20, 0), ">", 0.0, True),
        (spread(0, 0, 5), "<", 0.0, True),
        (spread(0, 5, 0), "<=", 1.0, True),
        ([0.1] * 9, ">", 0.0, False),  # one seed in eleven that loses 1 would undo it
    ],
)
def test_what_a_difference_takes(values, claim, threshold, shown):
    assert (difference_p_value(values, claim, threshold) <= ERROR) == shown
    doubled = [2 * value for value in values]
    assert difference_p_value(doubled, claim, 2 * threshold, reach=2) == difference_p_value(values, claim, threshold)


@given(st.lists(st.sampled_from([-1.0, -0.4, 0.0, 0.3, 1.0]), min_size=1, max_size=12), st.floats(-0.99, 0.99))
def test_bounds_of_a_difference_are_what_cannot_be_ruled_out(values, threshold):
    low, high = difference_interval(values, 1 - ERROR, "low")[0], difference_interval(values, 1 - ERROR, "high")[1]
    assert -1 <= low <= sum(values) / len(values) + 1e-9
    assert sum(values) / len(values) - 1e-9 <= high <= 1
    if abs(threshold - low) > 1e-6:
        assert (difference_p_value(values, ">=", threshold) <= ERROR) == (threshold < low)
    if abs(threshold - high) > 1e-6:
        assert (difference_p_value(values, "<=", threshold) <= ERROR) == (threshold > high)


@pytest.mark.parametrize("values", [[], [1.1], [-1.1], [math.nan]])
def test_what_is_no_difference_of_shares_is_refused(values):
    with pytest.raises(ValueError, match=r"no values|lies within|not a number"):
        difference_p_value(values, ">=", 0)
