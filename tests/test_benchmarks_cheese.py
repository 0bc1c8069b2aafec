"""What doubt foretold is a rank correlation over agents, its interval over seeds; and an agent's figures add up."""

from itertools import permutations

import numpy as np
import pytest
from scipy.stats import permutation_test, rankdata

from benchmarks.cheese import correlation, foretold, table
from benchmarks.cheese_cell import cell
from benchmarks.deep_cheese import exact_p


def _cells(pairs: dict[int, list[tuple[float, float]]]) -> list[dict]:
    return [
        {"k": k, "steps": 1000, "seed": seed, "doubt": doubt, "rule": {"corner_instead": corner}}
        for seed, rows in pairs.items()
        for k, (doubt, corner) in zip((1, 3, 7), rows, strict=True)
    ]


def test_the_correlation_is_of_ranks_and_its_interval_is_over_seeds() -> None:
    same = _cells({seed: [(0.3, 0.6), (0.1, 0.2), (0.0, 0.0)] for seed in range(5)})
    assert correlation(same, "rule") == pytest.approx((1, 1, 1))
    mixed = _cells({0: [(0.3, 0.6), (0.1, 0.2), (0.0, 0.0)], 1: [(0.3, 0.0), (0.1, 0.2), (0.0, 0.6)]})
    rho, low, high = correlation(mixed, "rule") or (9, 9, 9)
    assert rho == pytest.approx(0)
    assert (low, high) == pytest.approx((-1, 1))
    assert correlation(_cells({0: [(0.0, 0.6), (0.0, 0.2), (0.0, 0.0)]}), "rule") is None


def test_the_exact_p_of_a_rank_correlation_is_that_of_another_program() -> None:
    one, other = rankdata([0.3, 0.1, 0.1, 0.7, 0.2, 0.9]), rankdata([5, 2, 1, 3, 3, 6])
    theirs = permutation_test(
        (one,), lambda a: np.corrcoef(a, other)[0, 1], permutation_type="pairings", n_resamples=720
    )
    assert exact_p(one, other) == pytest.approx(theirs.pvalue)


def test_of_all_pairings_no_more_have_a_small_p_than_it_says() -> None:
    ranks = np.arange(1.0, 7)
    found = np.array([exact_p(ranks, np.array(order)) for order in permutations(ranks)])
    for level in (0.01, 0.05, 0.2):
        assert (found <= level).mean() <= level
    assert found.min() == pytest.approx(2 / 720)


@pytest.mark.nightly
def test_an_agent_is_asked_before_it_acts_and_its_shares_add_up(tmp_path) -> None:
    one = cell(1, 7, 100)
    assert one == {**cell(1, 7, 100), "cpu_s": one["cpu_s"]}
    assert sum(one["posterior"].values()) == pytest.approx(1, abs=1e-3)
    assert set(one["posterior"]) == {"object", "place", "region", "counter"}
    assert one["doubt"] > 0
    for stage in ("train", "rule", "hypotheses"):
        assert sum(one[stage].values()) == pytest.approx(1, abs=1e-3)
    every = [{**one, "k": k, "steps": steps} for k in (1, 3, 7) for steps in (100, 1000)]
    assert table(every, tmp_path).count("`local_rules`") == 12
    assert "nothing varies" in foretold(every)
