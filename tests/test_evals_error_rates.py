"""How often a statistical answer is wrong, where the truth is known: exactly, over every outcome that can come.

The hardest truths are tried: a mean or a median that lies at the very bound, with seeds that differ seldom or often.
"""

from itertools import product

import numpy as np
import pytest
from scipy import stats
from scipy.special import gammaln, xlogy

from turncoat.evals.measures.seed_statistics import statistic_of
from turncoat.evals.runs.compare import _PairedJudgements, _with_outcomes
from turncoat.evals.statistics.bounded_mean import difference_p_value, share_p_value
from turncoat.evals.statistics.paired_tests import sign_flip_p_value
from turncoat.evals.verdicts.expectation import SEEDS, Case, Judgement, judge_seeds, seeds_for, seeds_if_alike
from turncoat.evals.verdicts.power import seed_requirement
from turncoat.scenarios.language.expressions.parser import parsed_measure
from turncoat.scenarios.language.schema.document import Expectation, Minus

ERROR = 0.05
NIGHTLY = pytest.mark.nightly
FEW = (3, 5, 6, 8, 10, 12, 20)


def outcomes(kinds, seeds):
    """Every way in which seeds can fall into some kinds: int `[n, kinds]`."""
    if kinds == 1:
        return np.array([[seeds]])
    return np.concatenate(
        [np.insert(outcomes(kinds - 1, seeds - first), 0, first, axis=1) for first in range(seeds + 1)]
    )


def values_of(points, counts):
    return [point for point, count in zip(points, counts, strict=True) for _ in range(count)]


def rates(points, truths, seeds, claimed):
    """The exact chance that something is claimed, for several truths: chances of the points."""
    every = outcomes(len(points), seeds)
    wrong = every[[claimed(values_of(points, counts)) for counts in every]]
    ways = gammaln(seeds + 1) - gammaln(wrong + 1).sum(axis=1)
    return [float(np.exp(ways + xlogy(wrong, np.asarray(chances)).sum(axis=1)).sum()) for chances in truths]


def with_mean(points, mean):
    """Chances under which some points have a mean: a grid over those of the inner points."""
    low, *inner, high = points
    for shares in product((0.0, 0.02, 0.1, 0.3, 0.6, 0.9), repeat=len(inner)):
        rest = 1 - sum(shares)
        left = mean - sum(point * share for point, share in zip(inner, shares, strict=True))
        top = (left - low * rest) / (high - low)
        if rest >= -1e-12 and -1e-12 <= top <= rest + 1e-12:
            yield (max(0.0, rest - top), *shares, max(0.0, top))
    if inner and low < mean:  # nothing at the lower end: values that vary little
        share = (mean - inner[0]) / (high - inner[0])
        if 0 <= share <= 1:
            yield (0.0, 1 - share, *[0.0] * (len(inner) - 1), share)


@pytest.mark.parametrize(
    ("points", "seeds"),
    [
        *product([(0, 1), (0, 0.9, 1), (0, 0.4, 1), (0, 0.05, 1)], FEW),
        *product([(0, 0.3, 0.95, 1)], [5, 8, 10]),
    ],
)
def test_a_share_is_seldom_wrongly_shown(points, seeds):
    for bound in (0.1, 0.5, 0.8, 0.9):
        truths = list(with_mean(points, bound))
        for claim in (">=", "<"):
            found = rates(points, truths, seeds, lambda values: share_p_value(values, claim, bound) <= ERROR)  # noqa: B023
            assert max(found) <= ERROR + 1e-9


@pytest.mark.parametrize(
    ("points", "seeds"),
    [*product([(-1, 0, 1), (-1, 0.2, 1)], FEW), *product([(-1, -0.5, 0.1, 1)], [3, 5, 8])],
)
def test_a_difference_is_seldom_wrongly_shown(points, seeds):
    """Rare losses of 1 that are made up for by many small gains are among the truths."""
    for bound in (-0.5, -0.1, 0.0, 0.1):
        truths = list(with_mean(points, bound))
        for claim in (">=", "<"):
            found = rates(points, truths, seeds, lambda values: difference_p_value(values, claim, bound) <= ERROR)  # noqa: B023
            assert max(found) <= ERROR + 1e-9


@pytest.mark.parametrize(("a", "b"), [(0.9, 0.1), (9, 1), (0.3, 0.3), (2, 6)])
def test_nor_where_values_are_continuous(a, b):
    chance = np.random.default_rng(0)
    for seeds in (5, 10, 20):
        draws = chance.beta(a, b, (1500, seeds))
        for claim in (">=", "<="):
            wrong = np.mean([share_p_value(draw, claim, a / (a + b)) <= ERROR for draw in draws])
            assert wrong <= ERROR + 3 * (ERROR * (1 - ERROR) / 1500) ** 0.5


@pytest.mark.parametrize("seeds", [3, 5, 6, 8, 10, pytest.param(12, marks=NIGHTLY), pytest.param(20, marks=NIGHTLY)])
def test_nothing_is_seldom_called_a_change(seeds):
    """Nothing changed: in each seed either side may as well have been the other."""
    truths = [(q / 2, 1 - q, q / 2) for q in (0.02, 0.1, 0.3, 0.6, 0.9, 1)]
    assert max(rates((-1, 0, 1), truths, seeds, lambda values: sign_flip_p_value(values) <= ERROR)) <= ERROR
    if seeds <= 6:
        four = [(q / 2, (1 - q) / 2, (1 - q) / 2, q / 2) for q in (0.02, 0.1, 0.3, 0.6, 0.9)]
        assert max(rates((-1, -0.1, 0.1, 1), four, seeds, lambda values: sign_flip_p_value(values) <= ERROR)) <= ERROR


def compared(pairs, within, measure="share(seized)"):
    """What `compare` says of some tables of values, one list of (a, b) for each expectation."""
    judgement = Judgement(
        "x", measure, "", "counts", "deploy", "pass", "x.yaml", 1, "", SEEDS, value=0.0, low=0.0, high=0.0
    )
    table = [_PairedJudgements(judgement, judgement, tuple(values)) for values in pairs]
    return [pair.outcome for pair in _with_outcomes(table, within)]


def called_same(within, measure="share(seized)"):
    """Whether `compare` calls differences the same."""
    return lambda values: compared([[(max(0.0, -d), max(0.0, d)) for d in values]], within, measure) == ["same"]


def within_margin(margin, measure):
    """The same by the test alone, without the rest of a comparison, which takes longer."""
    statistic = statistic_of(parsed_measure(measure), subtracted=1)
    return lambda values: statistic.equivalence_p_value([(d, d) for d in values], margin) <= ERROR


@pytest.mark.parametrize("seeds", [5, 10])
def test_a_change_from_0_to_a_tenth_of_all_seeds_is_never_called_the_same(seeds):
    assert rates((0, 1), [(0.9, 0.1)], seeds, called_same(None)) == [0.0]


@pytest.mark.parametrize("seeds", [6, 8, 10])
def test_a_difference_of_a_fifth_is_seldom_within_a_tenth(seeds):
    assert rates((0, 1), [(0.8, 0.2)], seeds, called_same(0.1))[0] <= ERROR


@pytest.mark.parametrize("seeds", [*FEW, 40])
@pytest.mark.parametrize("within", [0.1, 0.3, 0.6])
def test_what_differs_by_more_than_the_margin_is_seldom_called_the_same(seeds, within):
    """Differences of 0 and 1 lie far from symmetrically about their mean."""
    claimed = within_margin(within, "share(seized)")
    assert max(rates((0, 1), [(1 - within, within), (0.9 - within, 0.1 + within)], seeds, claimed)) <= ERROR
    if seeds <= 20:
        truths = [(q, 1 - within - 2 * q, within + q) for q in (0, 0.02, 0.05, 0.2) if within + 2 * q <= 1]
        assert max(rates((-1, 0, 1), truths, seeds, claimed)) <= ERROR


@pytest.mark.parametrize("seeds", FEW)
def test_nor_of_numbers_without_bounds_where_the_median_differs_by_more(seeds):
    """Half of all seeds, or more, differ by 2 where the margin is 1."""
    claimed = within_margin(1.0, "steps")
    assert max(rates((0, 2), [(0.5, 0.5), (0.3, 0.7)], seeds, claimed)) <= ERROR
    assert rates((0, 2), [(1, 0)], seeds, claimed)[0] == pytest.approx(float(seeds >= 5))


def test_a_whole_table_is_seldom_wrong():
    """Two expectations, both just outside the margin: either `same` would be wrong."""
    seeds, share = 10, 0.4
    chance = [float(stats.binom.pmf(differing, seeds, share)) for differing in range(seeds + 1)]
    wrong = 0.0
    for first, second in product(range(4), repeat=2):  # with more that differ, nothing is near the margin
        table = [[(0.0, 1.0)] * differing + [(0.0, 0.0)] * (seeds - differing) for differing in (first, second)]
        wrong += chance[first] * chance[second] * ("same" in compared(table, share - 0.01))
    assert wrong <= ERROR
    assert compared([[(0.0, 0.0)] * seeds] * 2, share - 0.01) == ["same"] * 2


def test_compare_and_minus_answer_one_question_alike():
    """That a difference lies within a margin is the claim `equals: 0, within: MARGIN` of an expectation."""
    chance = np.random.default_rng(1)
    for measure, margin in (("share(seized)", 0.4), ("steps", 2.0)):
        expectation = Expectation(name="x", measure=measure, minus=Minus(stage="train"), equals=0, within=margin)
        case = Case.of(expectation, "counts", "deploy", "x.yaml", 1)
        statistic = statistic_of(parsed_measure(measure), subtracted=1)
        for seeds in FEW:
            for scale in (0.0, 0.3, 1.0):
                values = [(float(d), float(d)) for d in chance.uniform(-scale, scale, seeds) * min(1, margin)]
                assert statistic.equivalence_p_value(values, margin) == judge_seeds(case, values).p_pass


CLAIMS = [
    {"measure": measure, "minus": minus, **bound}
    for measure, minus in (("share(seized)", None), ("share(seized)", "train"), ("steps", None), ("steps", "train"))
    for bound in (
        {"at_least": 0.5},
        {"at_least": 0.8},
        {"at_most": 0.1},
        {"at_least": -0.1},
        {"equals": 0, "within": 0.3},
    )
]


@pytest.mark.parametrize("claim", CLAIMS, ids=str)
@pytest.mark.parametrize("claims", [1, 3])
def test_the_seeds_that_a_claim_is_said_to_need_are_those_it_needs(claim, claims):
    minus = claim["minus"] and Minus(stage=claim["minus"])
    case = Case.of(Expectation(name="x", **{**claim, "minus": minus}), "counts", "deploy", "x.yaml", 1)
    sure = 1 - ERROR / claims

    def passes(value, seeds):
        return seeds > 0 and judge_seeds(case, [value] * seeds, sure).outcome == "pass"

    needed, statistic = seeds_for(case, 1 - ERROR, claims), case.statistic
    value = 0.0 if "equals" in claim else statistic.most if "at_least" in claim else statistic.least
    assert needed is not None
    assert passes(value, max(needed, 1))
    assert not passes(value, needed - 1)
    alike = seeds_if_alike(case, 1 - ERROR, claims)
    if alike is not None and minus is not None:
        assert passes(0.0, alike)
        assert not passes(0.0, alike - 1)
    requirement = seed_requirement(case, 5, claims)
    assert (requirement.needed, requirement.alike) == (needed, alike)


def test_what_is_missing_counts_as_the_worst_that_it_could_be():
    """A number without bounds could be infinite; a difference of two differences of shares could be 2."""
    number = statistic_of(parsed_measure("steps"), subtracted=1)
    assert number.imputed([None, (1.0, 2.0)], "<=") == [np.inf, 2.0]
    assert number.imputed([None, (1.0, 2.0)], ">=") == [-np.inf, 1.0]
    second = statistic_of(parsed_measure("share(seized)"), subtracted=2)
    assert second.imputed([None], "<=") == [2.0]
    assert second.equivalence_p_value([(0.0, 0.0)] * 36, 0.2) <= ERROR < second.equivalence_p_value([(0, 0)] * 36, 0.1)
    assert second.p_value([2.0] * 5, ">", 0.0) == 2**-5


def test_the_test_follows_from_what_is_measured():
    """One episode of a share is an event; a rate of one episode is any number."""
    event, share, rate = (
        statistic_of(parsed_measure(measure), one_episode=once)
        for measure, once in (("share(seized)", True), ("share(seized)", False), ("rate(seized)", True))
    )
    almost = [1.0] * 7 + [0.0]
    assert (
        event.p_value(almost, ">=", 0.5)
        == 9 / 256
        < share.p_value(almost, ">=", 0.5)
        == rate.p_value(almost, ">=", 0.5)
    )
