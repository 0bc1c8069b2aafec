"""Regret, and expectations that compare: two stages, agents or variants of one file, exactly and paired by seed."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from tests.worlds import scenario_of
from turncoat import api
from turncoat.evals.exact.solved_worlds import SolvedWorlds
from turncoat.evals.measures.contrasts import Subject, exact_interval, of_one_episode
from turncoat.evals.runs.compare import RunSide as Compared
from turncoat.evals.runs.compare import compare_runs
from turncoat.evals.runs.run import RunSettings, seed_requirements
from turncoat.evals.statistics.binomial import clopper_pearson
from turncoat.evals.verdicts.expectation import AS_IT_DOES, EXACT, SEEDS, Case, judge_seeds
from turncoat.evals.verdicts.work_units import contrasts_of
from turncoat.scenarios.language.expressions.parser import parsed_measure
from turncoat.scenarios.language.faults.faults import ScenarioError
from turncoat.scenarios.language.loading import load_text

from .test_cli import CORRIDOR

STAGES = CORRIDOR.replace(
    "stages:\n  deploy: {limit: 10}\n",
    "stages:\n  train: {limit: 10, params: {left_pay: 4}}\n  deploy: {limit: 10}\n"
    "variants: {rich: {left_pay: 5}, blind: {robot.values.reward: 0}}\n",
)
STAGES = STAGES[: STAGES.index("expect:")] + "expect:\n"


def judged(lines, **settings):
    """The judgements of a file with these expectations."""
    text = STAGES + "".join(f"  - {{name: claim {number}, {line}}}\n" for number, line in enumerate(lines))
    return api.run(load_text(text), settings=RunSettings(**settings))


@pytest.mark.parametrize(
    ("claim", "low", "high"),
    [
        ("measure: share(went_right), minus: {stage: train}, at_least: 1", 1, 1),
        ("measure: share(went_left), minus: {stage: train}, equals: -1", -1, -1),
        ("measure: share(went_right), minus: {variant: rich}, at_least: 1", 1, 1),
        ("measure: share(went_right), variant: rich, minus: {with: {left_pay: 0}}, at_most: -1", -1, -1),
        ("measure: first(went_right), minus: {stage: train}, at_most: 0", -np.inf, -np.inf),
        ("measure: first(went_right), minus: {with: {left_pay: 0}}, equals: 0", 0, 0),
        ("measure: first(went_left), minus: {with: {left_pay: 0}}, equals: 0", 0, 0),  # it never comes in either
        ("measure: return, minus: {barring: [went_right]}, equals: 1", 1, 1),
        ("measure: return, across: {left_pay: [1, 3]}, minus: {with: {robot.discount: 0.5}}, equals: 0", 0, 0),
        ("measure: share(went_right), minus: {variant: blind}, at_least: 0", 0, 1),  # nothing matters to it: ties
        ("measure: regret, equals: 0", 0, 0),
        ("measure: regret, barring: [went_right], equals: 0.9", 0.9, 0.9),
        ("measure: regret(performance), equals: 1", 1, 1),
        ("measure: regret(performance), variant: rich, equals: 0", 0, 0),
        ("measure: regret(performance), minus: {variant: rich}, equals: 1", 1, 1),
    ],
)
def test_exactly(claim, low, high):
    [judgement] = judged([claim]).judgements
    assert (judgement.outcome, judgement.unit) == ("pass", EXACT), judgement.why
    assert (judgement.low, judgement.high) == pytest.approx((low, high))


def test_what_both_sides_are_is_said():
    [judgement] = judged(["measure: share(went_right), minus: {stage: train, variant: rich}, at_least: 1"]).judgements
    assert judgement.asked == "share(went_right) less that in stage train, as rich"
    assert judgement.why == "every optimal policy gives 1 (1 here, 0 there)"


@pytest.mark.parametrize(
    ("claim", "says"),
    [
        ("measure: return, with: {robot.planner: mcts}, at_least: 0", "the one policy of `mcts` gives"),
        ("measure: return, with: {robot.planner: mcts}, across: {left_pay: [0, 1]}, at_least: 0", "the one policy of"),
        ("measure: return, across: {robot.planner: [none, mcts]}, at_least: 0", "every policy judged gives"),
        ("measure: return, minus: {with: {robot.planner: none}}, at_least: -9", "every policy judged gives"),
        ("measure: return, with: {robot.deliberation: maximin}, at_least: 0", "the one policy that `maximin` brings"),
    ],
)
def test_where_one_policy_was_judged_it_is_said_whose(claim, says):
    [judgement] = judged([claim]).judgements
    assert judgement.why.startswith(says)
    assert (judgement.outcome, judgement.unit) == ("pass", AS_IT_DOES)


def test_a_variant_there_takes_the_place_of_the_one_here():
    scenario = load_text(
        STAGES
        + "  - {name: x, measure: steps, variant: rich, minus: {variant: blind, barring: [went_left]}, at_least: 0}\n"
        + "  - {name: y, measure: steps, variant: rich, with: {left_pay: 3}, minus: {variant: blind}, at_least: 0}\n"
    )
    solved = SolvedWorlds(scenario)
    first, second = (
        contrasts_of(scenario, expectation, "exact", solved.conditions(expectation))[0]
        for expectation in scenario.document.expect
    )
    assert first.subject == Subject("exact", "deploy", {"left_pay": 5})
    assert first.baseline == Subject("exact", "deploy", {"robot.values.reward": 0}, ("went_left",))
    assert second.baseline == Subject("exact", "deploy", {"robot.values.reward": 0, "left_pay": 3})


def test_by_seeds_it_is_paired():
    run = judged(
        [
            "of: [counts], measure: share(went_left), minus: {agent: random}, at_least: 0",  # it was trained to
            "of: [counts], measure: share(went_left), minus: {agent: exact}, at_least: 0.5",
            "of: [exact], measure: share(went_right), minus: {agent: random}, at_least: 0",
            "of: [random], measure: regret, minus: {agent: counts}, at_most: 0",
            "of: [random], measure: regret, at_least: 0",
        ],
        agents=("exact", "counts", "random"),
        seeds=40,
        steps=60,
        episodes=3,
    )
    random = [judgement.value for judgement in run.judgements if judgement.agent == "random"]
    assert {judgement.unit for judgement in run.judgements} == {SEEDS}
    assert [judgement.outcome for judgement in run.judgements] == ["pass"] * 5, [j.why for j in run.judgements]
    first, second, *_ = run.judgements
    assert second.value == 1
    assert "the mean difference of 40 seeds is" in first.why
    # What random play forgoes, by hand: each episode's discounted pay, taken from the best that there is.
    table = run.traces["deploy-random"].table
    paid = table.with_columns(worth=table["reward.reward"] * 0.9 ** table["step"])
    by_seed = paid.group_by("seed", "episode").agg(pl.col("worth").sum()).group_by("seed").agg(pl.col("worth").mean())
    assert random[1] == pytest.approx(float(np.median(1.8 - by_seed["worth"].to_numpy())))


def test_what_one_episode_gives_is_judged_as_an_event():
    """Without chance a seed plays one episode, and its share is 0 or 1, for which the binomial test is exact."""
    run = judged(["of: [random], measure: share(went_left), at_least: 0.1"], agents=("random",), seeds=9)
    [judgement] = run.judgements
    trace = run.traces["deploy-random"]
    assert 0 < judgement.value < 1
    successes = round(9 * judgement.value)
    assert judgement.low == clopper_pearson(successes, 9, 0.95, "low")[0]
    assert judgement.high == clopper_pearson(successes, 9, 0.95, "high")[1]
    assert of_one_episode([trace, None])
    twice = replace(trace, table=pl.concat([trace.table, trace.table.with_columns(pl.col("episode") + 1)]))
    assert not of_one_episode([trace, twice])


def test_who_is_compared_with_has_to_run_too():
    claim = "of: [exact], measure: steps, minus: {agent: counts}, at_most: 0"
    run = judged([claim], agents=("exact",))
    [judgement] = run.judgements
    assert judgement.outcome == "not applicable"
    assert judgement.why.startswith("`counts` was not run; --agent counts runs it")
    assert run.verdict == "nothing judged"
    run = judged([claim], agents=("exact", "counts"), steps=200, seeds=5)
    assert [(its.outcome, its.value) for its in run.judgements] == [("pass", 0)]


def test_seeds_are_told_beforehand():
    text = STAGES + "  - {name: x, of: [counts], measure: share(went_right), minus: {stage: train}, at_least: 0.5}\n"
    [requirement] = seed_requirements(load_text(text), RunSettings(agents=("counts",)))
    assert requirement.needed == 11
    assert requirement.alike is None
    assert "11 seeds are needed if all agree" in str(requirement)


@pytest.mark.parametrize(
    ("bound", "needed", "alike"),
    [("at_most: 0.1", 4, 36), ("at_least: -0.1", 4, 36), ("equals: 0, within: 0.1", 36, 36), ("at_most: 0", 5, None)],
)
def test_what_no_difference_needs_is_told_and_true(bound, needed, alike):
    text = STAGES + f"  - {{name: x, of: [counts], measure: share(went_right), minus: {{stage: train}}, {bound}}}\n"
    scenario = load_text(text)
    [requirement] = seed_requirements(scenario, RunSettings(agents=("counts",)))
    assert (requirement.needed, requirement.alike) == (needed, alike)
    if alike is not None:
        best = "4 seeds are needed if all differ utterly, 36 if none does"
        assert (best if needed == 4 else "36 seeds are needed if all agree, and there are 2") in str(requirement)
        case = Case.of(scenario.document.expect[0], "counts", "deploy", "", 1)
        assert judge_seeds(case, [0.0] * alike).outcome == "pass"
        short = judge_seeds(case, [0.0] * (alike - 1))
        assert short.outcome == "inconclusive"
        says = "36 are needed where no seed differs" if needed == 4 else "36 are needed, more if they differ"
        assert short.why.endswith(says)


def test_a_world_too_large_has_no_regret():
    claim = "of: [random], measure: regret, at_least: 0"
    text = STAGES.replace("runs: {", "runs: {max_states: 1, ") + f"  - {{name: x, {claim}}}\n"
    [judgement] = api.run(load_text(text), settings=RunSettings(agents=("random",), seeds=1)).judgements
    assert judgement.outcome == "not applicable"


def test_a_bound_that_no_policy_meets_is_a_fault():
    text = STAGES + "  - {name: x, measure: share(went_right), minus: {stage: train}, at_least: 1.5}\n"
    assert [fault.code for fault in api.check(load_text(text)).faults if not fault.warning] == ["TC609"]


def test_runs_with_comparisons_are_compared(tmp_path):
    claims = [
        "of: [counts], measure: share(went_left), minus: {stage: train}, at_least: 0",
        "of: [random], measure: regret, minus: {agent: exact}, at_least: 0",
    ]
    runs = [judged(claims, agents=("counts", "random"), seeds=6, steps=steps) for steps in (1, 200)]
    stored = [run.save(tmp_path / str(number), ["turncoat"]) for number, run in enumerate(runs)]
    found = compare_runs(Compared(stored[0]), Compared(stored[1]))
    values = [tuple(judgement.value for judgement in run.judgements) for run in runs]
    assert [pair.measure for pair in found.pairs] == [
        "share(went_left) less that in stage train",
        "regret less that of exact",
    ]
    assert found.pairs[0].a == pytest.approx((values[0][0],) * 2)
    assert found.pairs[0].b == pytest.approx((values[1][0],) * 2)
    assert found.pairs[1].outcome == "inconclusive"
    assert "none of 6 seeds differs" in found.pairs[1].why  # random play learns nothing, which 6 seeds do not show
    assert compare_runs(Compared(stored[0]), Compared(stored[1]), within=0.1).pairs[1].outcome == "same"


def test_ties_on_both_sides_are_broken_independently():
    scenario = load_text(STAGES + "  - {name: x, measure: share(went_left), variant: blind, "
                         "minus: {with: {robot.discount: 0.5}}, at_least: 0}\n")  # fmt: skip
    solved = SolvedWorlds(scenario)
    [expectation] = scenario.document.expect
    [contrast] = contrasts_of(scenario, expectation, "exact", solved.conditions(expectation))
    interval = exact_interval(solved, contrast, parsed_measure(expectation.measure))
    assert (interval.low, interval.high) == (-1, 1)


@pytest.mark.parametrize("measure", ["regret(ann)", "regret(bob)"])
def test_what_agents_learned_is_not_computed_of_a_game(measure):
    text = """
    origin: proxy
    agents:
      ann: {actions: [sign, fight], values: {peace: {}}}
      bob: {actions: [sign, fight], values: {peace: {}}}
    rewards: {peace: {}, performance: {hidden: true}}
    rules:
      - name: treaty
        when: ann does sign and bob does sign
        pays: {ann.peace: 1, bob.peace: 1, performance: 1}
    stages: {train: {horizon: 1}}
    solution: equilibrium
    """
    scenario = scenario_of(text + f"expect:\n      - {{name: x, measure: {measure}, at_most: 0}}\n")
    assert [fault.code for fault in api.check(scenario).faults if not fault.warning] == []
    with pytest.raises(ScenarioError, match="is known of trained agents alone"):
        api.sweep(scenario, {"ann.discount": [0.5]}, measures=[measure])
