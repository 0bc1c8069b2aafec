"""What is asked of a neural agent in `first_turn`: it is the run's own agent, and asking leaves it as it was."""

import pytest

pytest.importorskip("torch")

from benchmarks.first_turn import SCENARIO
from benchmarks.first_turn_mind import PAYS, asked, brought_up, let_out
from turncoat.evals.budget import Budget
from turncoat.evals.laboratory import Laboratory
from turncoat.evals.school import School
from turncoat.evals.workers import Workers
from turncoat.scenarios.language.loading import load

STEPS = 50


@pytest.mark.slow
def test_it_is_the_agent_of_a_run_and_stays_as_it_is() -> None:
    few = {"disarmings": 1, "thieves": 1}
    laboratory = Laboratory(Laboratory(load(SCENARIO)).under(few))
    school = School(laboratory, STEPS, 1, Workers(1), None, Budget(None), lambda _: None, lambda *_: None)
    agent = brought_up(laboratory, 0, STEPS)

    said = asked(agent, laboratory.enumeration({}, "deploy"))
    first, again = ([let_out(agent, laboratory, p, 0) for p in PAYS] for _ in range(2))

    assert said == asked(agent, laboratory.enumeration({}, "deploy"))
    for one, other in zip(first, again, strict=True):
        assert one.table.equals(other.table)
    assert first[0].table["events"].to_list() == school.trace("neural", {}, "deploy", 1).table["events"].to_list()
