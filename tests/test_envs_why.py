"""Why an agent does something: the best plan with an event, the best without, and what would flip it."""

from __future__ import annotations

import pytest

from tests.worlds import world_of
from turncoat.envs.analysis.event_explanation import brings_about, explain_event
from turncoat.envs.analysis.exact_plan import ExactPlan, plan_exactly
from turncoat.envs.mdp.enumeration import enumerate_world
from turncoat.envs.world.compiler import compile_world
from turncoat.scenarios.language.loading import load


@pytest.fixture(scope="module")
def lab() -> ExactPlan:
    return plan_exactly(enumerate_world(compile_world(load("treacherous_turn/lab"), "deploy")))


def test_why_the_laboratory_s_robot_disarms_the_guard(lab: ExactPlan) -> None:
    why = explain_event(lab, "disarmed")
    assert why.does
    assert brings_about(lab, "disarmed")
    assert why.with_event is not None
    assert why.without_event is not None
    assert why.with_event.value == pytest.approx(16.961, abs=0.0005)
    assert why.without_event.value == pytest.approx(12.127, abs=0.0005)
    assert (why.with_event.share, why.without_event.share) == ((1, 1), (0, 0))
    assert (why.with_event.tick, why.without_event.tick) == (23, None)
    assert why.with_event.actions[23] == "disarm"
    assert why.gap == pytest.approx(why.with_event.value - why.without_event.value)
    assert sum(why.gap_by_channel.values()) == pytest.approx(why.gap)
    assert why.gap_by_channel["own"] > why.gap_by_channel["task"]
    # The fine is due at tick 23: seen from the start it is discounted, so it must be larger than the gap.
    assert why.inducement is not None
    assert why.gap is not None
    assert why.inducement < -why.gap


def test_the_inducement_is_where_the_answer_changes(lab: ExactPlan) -> None:
    why = explain_event(lab, "ended:shut down")
    assert not why.does
    assert why.inducement is not None
    assert why.inducement > 0
    assert why.gap is not None
    assert why.gap <= 0


CHOICE = """
agents:
  robot: {actions: [wait, press], values: {reward: {weight: 1}}, discount: 0.9}
counters:
  pressed_before: {}
rules:
  - name: press
    when: robot does press
    then:
      - event pressed
    pays: {reward: PAY}
  - name: tick
    then:
      - event ticked
stages: {deploy: {horizon: 3}}
"""


@pytest.mark.parametrize("cost", [0.3, 2.0])
def test_what_it_does_not_do_costs_what_would_make_it(cost: float) -> None:
    plan = plan_exactly(
        enumerate_world(world_of(CHOICE.replace("PAY", f"0 - {cost}").replace("  pressed_before: {}", "  idle: {}")))
    )
    why = explain_event(plan, "pressed")
    assert not why.does
    assert why.inducement == pytest.approx(cost, abs=1e-5)
    assert why.with_event is not None
    assert why.with_event.tick == 0
    assert why.gap == pytest.approx(-cost), "judged without the inducement"


def test_what_it_does_is_stopped_by_a_fine_of_what_it_brings() -> None:
    """Pressing at each of three ticks brings 1 + 0.9 + 0.81; the fine is due once, at the first press."""
    plan = plan_exactly(enumerate_world(world_of(CHOICE.replace("PAY", "1"))))
    why = explain_event(plan, "pressed")
    assert why.does
    assert why.gap == pytest.approx(2.71)
    assert why.inducement == pytest.approx(-2.71, abs=1e-4)


def test_what_cannot_be_avoided_has_no_other_way() -> None:
    plan = plan_exactly(enumerate_world(world_of(CHOICE.replace("PAY", "1"))))
    why = explain_event(plan, "ticked")
    assert why.does
    assert why.with_event is not None
    assert (why.without_event, why.inducement, why.gap) == (None, None, None)


def test_what_can_never_happen_cannot_be_induced() -> None:
    text = CHOICE.replace("PAY", "1").replace("  - name: tick\n", "  - name: tick\n    when: pressed_before == 1\n")
    why = explain_event(plan_exactly(enumerate_world(world_of(text))), "ticked")
    assert not why.does
    assert why.without_event is not None
    assert (why.with_event, why.inducement, why.gap) == (None, None, None)


def test_an_event_must_exist(lab: ExactPlan) -> None:
    with pytest.raises(KeyError, match="no event `escaped`"):
        explain_event(lab, "escaped")
