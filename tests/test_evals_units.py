"""Shards share a run out: together they are the whole, none does what another does."""

from functools import cache

import pytest

from turncoat import api
from turncoat.evals.runs.run import RunSettings
from turncoat.evals.verdicts.expectation import EXIT_CODES
from turncoat.evals.verdicts.work_units import Shard, WorkUnit, monitor_units_of, shard_units, units_of
from turncoat.scenarios.language.loading import load_text

from .test_cli import CORRIDOR

LEARNED = CORRIDOR + "".join(
    f"  - {{name: learns it {n}, of: [exact, counts], measure: share(went_right), at_least: {0.2 * n}}}\n"
    for n in (1, 2, 3)
)


@pytest.mark.parametrize("text", ["", "1", "0/2", "3/2", "1/0", "-1/2", "a/b", "1/2/3"])
def test_no_shard(text):
    with pytest.raises(ValueError, match="shard"):
        Shard.parse(text)


def test_of_no_parts_none_is_the_first():
    with pytest.raises(ValueError, match=r"there is no shard 0 of 0$"):
        Shard.parse("0/0")


@cache
def library_scenarios():
    return [api.load(name) for name in api.names()]


@pytest.mark.parametrize(
    "count", [pytest.param(1, marks=pytest.mark.nightly), 2, 3, 7, pytest.param(50, marks=pytest.mark.nightly)]
)
def test_shards_make_the_whole(count):
    scenarios = library_scenarios()
    given = [(scenario, scenario.named_agents) for scenario in scenarios]
    shares = [shard_units(given, Shard(index, count)) for index in range(1, count + 1)]
    for number, scenario in enumerate(scenarios):
        dealt = [unit for share in shares for unit in share[number]]
        assert sorted(dealt) == sorted([*units_of(scenario), *monitor_units_of(scenario)]), "each unit once"
    sizes = [sum(map(len, share)) for share in shares]
    assert count > 7 or min(sizes) > 0
    assert shard_units(given, Shard(1, count)) == shares[0]


def test_what_shares_a_training_stays_together():
    scenario = load_text(LEARNED)
    for count in (2, 3):
        shares = [
            shard_units([(scenario, ("exact", "counts"))], Shard(index, count))[0] for index in range(1, count + 1)
        ]
        trained = [{unit for unit in share if unit.agent == "counts"} for share in shares]
        assert sorted(map(len, trained)) == [0] * (count - 1) + [3]


def test_stages_of_one_training_stay_together_and_solved_ones_do_not():
    lines = "".join(
        f"  - {{name: {stage}, of: [exact, counts], stage: {stage}, measure: steps, at_least: 0}}\n"
        for stage in ("early", "late")
    )
    stages = "  deploy: {limit: 10}\n  early: {limit: 5}\n  late: {limit: 9}\n"
    text = CORRIDOR.partition("expect:")[0].replace("  deploy: {limit: 10}\n", stages) + "expect:\n" + lines
    scenario = load_text(text)
    shares = [shard_units([(scenario, ("exact", "counts"))], Shard(index, 3))[0] for index in (1, 2, 3)]
    assert [{(unit.number, unit.agent) for unit in share} for share in shares] == [
        {(0, "exact")}, {(0, "counts"), (1, "counts")}, {(1, "exact")},
    ]  # fmt: skip


def test_what_is_not_run_belongs_to_the_first():
    scenario = load_text(LEARNED)
    [first], [second] = (shard_units([(scenario, ("exact",))], Shard(index, 2)) for index in (1, 2))
    assert {unit for unit in first if unit.agent == "counts"} == {
        WorkUnit(2, "counts"),
        WorkUnit(3, "counts"),
        WorkUnit(4, "counts"),
    }
    assert all(unit.agent == "exact" for unit in second)


def test_a_shard_is_never_surer_than_the_whole():
    """What it passes passes in the whole: where it does not see the other claims, it corrects for all of them."""
    scenario = load_text(LEARNED)
    whole = api.run(scenario, settings=RunSettings(seeds=6, steps=300))
    for unit, judgement in zip(units_of(scenario), whole.judgements, strict=True):
        [alone] = api.run(scenario, settings=RunSettings(seeds=6, steps=300, units=(unit,))).judgements
        if unit.agent == "exact":
            assert alone == judgement
        else:
            assert alone.value == judgement.value
            assert alone.p_pass is not None
            assert judgement.p_pass is not None
            assert alone.p_pass >= judgement.p_pass
            assert alone.outcome in (judgement.outcome, "inconclusive")
    assert [judgement.outcome for judgement in whole.judgements][-1] == "pass"
    assert EXIT_CODES[whole.verdict] == 0
