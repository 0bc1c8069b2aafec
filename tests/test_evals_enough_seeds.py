"""`check` says what `run` says of the seeds that a claim needs, by the same function."""

import pytest

from turncoat import api
from turncoat.evals.runs.run import RunSettings, seed_requirements
from turncoat.scenarios.language.loading import load_text

from .test_cli import CORRIDOR

HEAD = CORRIDOR.partition("expect:")[0]


def scenario(*claims, seeds=3, agents="[exact, counts]"):
    text = HEAD.replace("[exact, counts], seeds: 2", f"{agents}, seeds: {seeds}")
    return load_text(text + "expect:\n" + "".join(f"  - {{name: c{n}, {each}}}\n" for n, each in enumerate(claims)))


def said(its):
    return [fault for fault in api.check(its).faults if fault.code == "TC620"]


SHARE = "of: [counts], measure: share(went_right)"


@pytest.mark.parametrize("agents", ["[exact, counts]", "[exact]"])
def test_a_claim_that_its_seeds_cannot_show(agents):
    its = scenario(f"{SHARE}, at_least: 0.9", f"{SHARE}, at_least: 0.2", agents=agents)
    [fault] = said(its)
    needs = seed_requirements(its, RunSettings(all_agents=True))
    assert [need.needed for need in needs] == [36, 3]
    assert (fault.message, fault.warning) == (str(needs[0]), True)
    assert fault.cure == "write `seeds: 36` under `runs:`, or ask for less"
    assert fault.place is not None
    assert its.source.lines[fault.place.file][fault.place.line - 1].strip().startswith("- {name: c0")


def test_enough_seeds_and_no_number_of_them():
    assert said(scenario(f"{SHARE}, at_least: 0.9", seeds=29)) == []
    [fault] = said(scenario(f"{SHARE}, at_least: 1", seeds=1000))
    assert "no number of seeds" in fault.message
    assert fault.cure == "ask for a little less"
