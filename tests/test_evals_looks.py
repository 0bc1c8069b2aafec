"""Looking again and again, and stopping when it suits, is wrong no more often than looking once."""

import numpy as np
import pytest
from scipy import stats

from turncoat.evals.runs import run as running
from turncoat.evals.runs.run import RunSettings, run_scenario
from turncoat.evals.training.trained_seeds import TrainedSeeds
from turncoat.evals.verdicts.expectation import Case, correct, judge_seeds
from turncoat.evals.verdicts.power import seed_requirement
from turncoat.evals.verdicts.sequential_looks import adjust_for_interim_looks, interim_confidence, interim_sample_sizes
from turncoat.scenarios.language.loading import load_text
from turncoat.scenarios.language.schema.document import Expectation, Minus

from .test_cli import CORRIDOR
from .worlds import first_of

ERROR = 0.05


def judged(values, bound, looks, spend=True):
    """What one look says of `share >= bound`, by the functions that the runner calls."""
    case = Case.of(Expectation(name="x", measure="share(seized)", at_least=bound), "counts", "deploy", "x.yaml", 1)
    confidence = interim_confidence(looks) if spend else 1 - ERROR
    [judgement] = correct(
        [adjust_for_interim_looks(judge_seeds(case, values, confidence, one_episode=True), looks if spend else 1)]
    )
    return judgement


def chance_of(outcome, bound, truth, sizes, spend=True):
    """Exactly how often a claim ends so, when each seed is 1 with chance `truth`: over all counts at all looks."""
    open_, before, chance = {0: 1.0}, 0, 0.0
    for size in sizes:
        added = stats.binom(size - before, truth)
        grown: dict[int, float] = {}
        for ones, weight in open_.items():
            for more in range(size - before + 1):
                grown[ones + more] = grown.get(ones + more, 0.0) + weight * float(added.pmf(more))
        open_ = {}
        for ones, weight in grown.items():
            found = judged([1.0] * ones + [0.0] * (size - ones), bound, len(sizes), spend).outcome
            if found == "inconclusive":
                open_[ones] = weight
            elif found == outcome:
                chance += weight
        before = size
    return chance


def test_the_looks():
    assert interim_sample_sizes(5, 64) == (5, 10, 20, 40, 64)
    assert interim_sample_sizes(5, 5) == (5,)
    assert interim_confidence(1) == 0.95
    with pytest.raises(ValueError, match="at most 4 seeds, and the first look is at 5"):
        interim_sample_sizes(5, 4)


@pytest.mark.parametrize("sizes", [(5, 10, 20, 40), (2, 4, 8, 16, 32)])
@pytest.mark.parametrize("bound", [0.3, 0.5, 0.8])
def test_neither_a_wrong_pass_nor_a_wrong_fail_is_likelier_than_the_level(sizes, bound):
    """At the bound both are likeliest: a chance just under it makes every pass wrong, one at it every fail."""
    assert chance_of("pass", bound, bound, sizes) <= ERROR
    assert chance_of("fail", bound, bound, sizes) <= ERROR


def chance_of_difference(outcome, bound, chances, sizes):
    """The same of a claim about a difference, where a seed's is 1, 0 or -1 with these chances."""
    expectation = Expectation(name="x", measure="share(seized)", minus=Minus(stage="train"), at_least=bound)
    case = Case.of(expectation, "counts", "deploy", "x.yaml", 1)
    open_, before, chance = {(0, 0): 1.0}, 0, 0.0
    for size in sizes:
        added = stats.multinomial(size - before, chances)
        grown: dict[tuple[int, int], float] = {}
        for (better, worse), weight in open_.items():
            for more in range(size - before + 1):
                for less in range(size - before + 1 - more):
                    key = (better + more, worse + less)
                    weighed = weight * float(added.pmf([more, size - before - more - less, less]))
                    grown[key] = grown.get(key, 0.0) + weighed
        open_ = {}
        for (better, worse), weight in grown.items():
            values = [1.0] * better + [0.0] * (size - better - worse) + [-1.0] * worse
            one = judge_seeds(case, values, interim_confidence(len(sizes)))
            [found] = correct([adjust_for_interim_looks(one, len(sizes))])
            if found.outcome == "inconclusive":
                open_[better, worse] = weight
            elif found.outcome == outcome:
                chance += weight
        before = size
    return chance


@pytest.mark.parametrize("chances", first_of([(0.2, 0.7, 0.1), (0.55, 0.0, 0.45)]))
def test_of_differences_too(chances):
    """The mean is 0.1, which is what is claimed."""
    assert chance_of_difference("pass", 0.1 + 1e-9, chances, (4, 8, 16)) <= ERROR
    assert chance_of_difference("fail", 0.1 - 1e-9, chances, (4, 8, 16)) <= ERROR


def test_without_spending_it_would_be():
    assert chance_of("pass", 0.5, 0.5, (5, 10, 20, 40), spend=False) > ERROR


def test_a_clear_case_is_decided_early():
    assert chance_of("pass", 0.5, 0.99, (5, 10)) > 0.9
    assert chance_of("fail", 0.9, 0.2, (5, 10)) > 0.9


TWO = CORRIDOR + "".join(
    f"  - {{name: claim {n}, of: [counts], measure: share(went_right), at_least: 0.5}}\n" for n in (1, 2)
)


@pytest.fixture
def coins(monkeypatch):
    """Trained seeds that do not train: each is worth 1 or 0, as a list of coins for each expectation says."""
    thrown: dict[int, list[float]] = {}
    calls: list[tuple[int, int]] = []

    def values(claim, seeds):
        calls.append((claim, seeds))
        return dict(enumerate(thrown[claim][:seeds]))

    def judge(self, unit, seeds):
        claim = int(unit.case.expectation.name[-1])
        monkeypatch.setattr(running, "ends_by_seed", lambda *_: values(claim, seeds))
        return trained(self, unit, seeds)

    trained = running._Runner._judge_trained
    monkeypatch.setattr(running._Runner, "_judge_trained", judge)
    monkeypatch.setattr(TrainedSeeds, "trace", lambda *_: "no trace")
    monkeypatch.setattr(running, "of_one_episode", lambda _: True)
    monkeypatch.setattr(running, "evidence_of", lambda *_: None)
    monkeypatch.setattr(TrainedSeeds, "traces", lambda _: {})
    return thrown, calls


def test_only_what_is_open_gets_more_seeds(coins):
    thrown, calls = coins
    thrown |= {1: [1.0] * 64, 2: [1.0, 0.0] * 32}
    run = run_scenario(load_text(TWO), RunSettings(agents=("counts",), seeds=4, max_seeds=64))
    assert [seeds for claim, seeds in calls if claim == 2] == [4, 8, 16, 32, 64]
    assert [seeds for claim, seeds in calls if claim == 1] == [4, 8], "of 5 looks and 2 claims: 0.5 ** 8 <= 0.05 / 10"
    learned = run.judgements[2:]
    assert [(each.outcome, each.seeds) for each in learned] == [("pass", 8), ("inconclusive", 64)]
    assert "with 99% confidence" in learned[0].why
    assert run.seeds == tuple(range(64))


def test_what_no_number_of_seeds_shows_gets_no_more(coins):
    thrown, calls = coins
    thrown |= {1: [1.0] * 64, 2: [1.0] * 64}
    text = TWO.replace("at_least: 0.5", "at_least: 1")
    run = run_scenario(load_text(text), RunSettings(agents=("counts",), seeds=4, max_seeds=64))
    assert calls == [(1, 4), (2, 4)]
    assert run.verdict == "inconclusive"


def test_several_claims_of_a_whole_run_stay_under_the_level(coins):
    """Coins at the bound: any pass is wrong. The runner's own loop, Holm's correction in it."""
    thrown, _ = coins
    scenario, chance, rounds = load_text(TWO), np.random.default_rng(0), 250
    settings = RunSettings(agents=("counts",), seeds=4, max_seeds=32)
    wrong = 0
    for _ in range(rounds):
        for claim in (1, 2):
            thrown[claim] = (chance.random(32) < 0.5).astype(float).tolist()
        wrong += any(judgement.outcome == "pass" for judgement in run_scenario(scenario, settings).judgements)
    assert wrong / rounds <= ERROR + 3 * (ERROR * (1 - ERROR) / rounds) ** 0.5


@pytest.mark.parametrize(
    ("bound", "seeds", "claims", "looks", "says"),
    [
        (0.9, 5, 1, 1, "29 seeds are needed if all agree, and there are 5, so it can at best be inconclusive"),
        (0.9, 29, 1, 1, "29 seeds are needed if all agree, more if they differ; there are 29"),
        (0.5, 64, 1, 5, "7 seeds are needed if all agree, more if they differ; there are 64"),
        (0.5, 5, 2, 1, "6 seeds are needed if all agree, and there are 5, so it can at best be inconclusive"),
        (1, 999, 1, 1, "no number of seeds can show this"),
    ],
)
def test_what_can_be_shown_is_known_beforehand(bound, seeds, claims, looks, says):
    expectation = Expectation(name="x", measure="share(seized)", at_least=bound)
    found = seed_requirement(Case.of(expectation, "counts", "deploy", "", 1), seeds, claims, looks)
    assert says in str(found)
    unanimous = judged([1.0] * seeds, bound, looks) if claims == 1 else None
    assert unanimous is None or found.passable == (unanimous.outcome == "pass"), "and it is so"
