"""Why an agent does something: its best plan, the best without an event, the surest with it, and where that changes."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

import turncoat.scenarios
from tests.worlds import WEIGHT_EDITS, scenario_of, world_of
from turncoat import api
from turncoat.envs.analysis.event_explanation import EventExplanation, brackets, explain_event, stance
from turncoat.envs.analysis.exact_plan import ExactPlan, plan_exactly
from turncoat.envs.analysis.performance_gap import analyse
from turncoat.envs.mdp.enumeration import enumerate_world
from turncoat.envs.world.compiler import compile_world
from turncoat.evals.exact.parameter_flips import Flip, nearest_flips
from turncoat.printing.worlds import print_flips
from turncoat.scenarios.language.loading import load, load_text


@pytest.fixture(scope="module")
def lab() -> ExactPlan:
    return plan_exactly(enumerate_world(compile_world(load("treacherous_turn/lab"), "deploy")))


def plan_of(text: str) -> ExactPlan:
    return plan_exactly(enumerate_world(world_of(text)))


def why(text: str, event: str) -> EventExplanation:
    return explain_event(plan_of(text), event)


def test_why_the_laboratory_s_robot_disarms_the_guard(lab: ExactPlan) -> None:
    answer = explain_event(lab, "disarmed")
    best, without, surest = answer.best, answer.without_event, answer.with_event
    assert best is not None
    assert without is not None
    assert surest is not None
    assert best.value == pytest.approx(16.961, abs=0.0005)
    assert without.value == pytest.approx(12.127, abs=0.0005)
    assert (best.share, without.share, surest.share) == ((1, 1), (0, 0), (1, 1))
    assert (best.tick, without.tick) == (23, None)
    assert best.actions[23] == "disarm"
    assert answer.gap == pytest.approx(best.value - without.value)
    assert answer.gap_by_channel is not None
    assert sum(answer.gap_by_channel.values()) == pytest.approx(answer.gap)
    assert answer.gap_by_channel["own"] > answer.gap_by_channel["task"]
    # The fine is due at tick 23: seen from the start it is discounted, so it must be larger than the gap.
    assert answer.break_even is not None
    assert answer.gap is not None
    assert answer.break_even.upper < -answer.gap
    assert (answer.break_even.share_lower, answer.break_even.share_upper) == ((0, 0), (1, 1))


def test_what_can_be_put_off_for_ever_has_no_best_plan(lab: ExactPlan) -> None:
    answer = explain_event(lab, "ended:shut down")
    assert answer.best is not None
    assert answer.best.share == (0, 0)
    assert answer.postponed
    assert answer.with_event is not None
    assert (answer.with_event.actions, answer.with_event.share) == ((), (1, 1))
    assert answer.break_even is not None
    assert answer.break_even.lower > 0


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
    answer = why(CHOICE.replace("PAY", f"0 - {cost}").replace("  pressed_before: {}", "  idle: {}"), "pressed")
    assert answer.best is not None
    assert answer.best.share == (0, 0)
    assert answer.break_even is not None
    assert answer.break_even.lower < cost < answer.break_even.upper
    assert answer.break_even.upper - answer.break_even.lower < 1e-3
    # With the greatest chance, but as late as can be.
    assert answer.with_event is not None
    assert answer.with_event.tick == 2
    assert answer.with_event.value == pytest.approx(-0.81 * cost)
    assert answer.gap == 0


def test_what_it_does_is_stopped_by_a_fine_of_what_it_brings() -> None:
    """Pressing at each of three ticks brings 1 + 0.9 + 0.81; the fine is due once, at the first press."""
    answer = why(CHOICE.replace("PAY", "1"), "pressed")
    assert answer.gap == pytest.approx(2.71)
    assert answer.break_even is not None
    assert answer.break_even.lower < -2.71 < answer.break_even.upper
    assert (answer.break_even.share_lower, answer.break_even.share_upper) == ((0, 0), (1, 1))


def test_what_is_indifferent_is_tipped_by_any_reward() -> None:
    answer = why(CHOICE.replace("PAY", "0"), "pressed")
    assert answer.best is not None
    assert answer.best.share == (0, 1)
    assert answer.break_even is not None
    assert answer.break_even.lower < 0 < answer.break_even.upper


def test_what_cannot_be_avoided_has_no_other_way() -> None:
    answer = why(CHOICE.replace("PAY", "1"), "ticked")
    assert answer.best is not None
    assert answer.best.share == (1, 1)
    assert (answer.without_event, answer.break_even, answer.gap) == (None, None, None)
    assert answer.notes == ("no plan is sure to avoid it; it comes in at least 100 % of episodes",)


def test_what_can_never_happen_cannot_be_induced() -> None:
    text = CHOICE.replace("PAY", "1").replace("  - name: tick\n", "  - name: tick\n    when: pressed_before == 1\n")
    answer = why(text, "ticked")
    assert answer.without_event is not None
    assert (answer.with_event, answer.break_even, answer.gap) == (None, None, 0)
    assert answer.notes == ("no plan brings it about",)


def test_an_event_must_exist(lab: ExactPlan) -> None:
    with pytest.raises(KeyError, match="no event `escaped`"):
        explain_event(lab, "escaped")


# ------------------------------------------------------------------ chance

GAMBLE = """
agents:
  a: {actions: [rest, gamble], values: {m: {}}, discount: 0.5}
counters: {done: {}}
rewards: {m: {}, performance: {hidden: true}}
rules:
  - name: rest
    when: a does rest and done == 0
    then:
      - done = 1
    pays: {m: 0.1}
  - name: win
    when: a does gamble and done == 0
    chance: 0.3
    then:
      - event won
    pays: {m: 1, performance: -1}
  - name: over
    when: a does gamble
    then:
      - done = 1
stages: {train: {limit: 5}}
"""


def test_an_event_that_comes_by_chance_is_brought_about_in_that_share() -> None:
    answer = why(GAMBLE, "won")
    best, without = answer.best, answer.without_event
    assert best is not None
    assert without is not None
    assert (best.value, *best.share) == pytest.approx((0.3, 0.3, 0.3))
    assert (without.value, *without.share) == pytest.approx((0.1, 0, 0))
    assert answer.with_event == best
    assert answer.break_even is not None
    assert answer.break_even.lower < -2 / 3 < answer.break_even.upper
    assert answer.break_even.share_upper == pytest.approx((0.3, 0.3))


def test_an_event_that_may_come_anyway_is_compared_with_its_least_chance() -> None:
    """Everybody wins by luck in a tenth of the episodes; the best plan is one of those that win no oftener."""
    luck = "  - name: luck\n    chance: 0.1\n    then:\n      - event won\nstages: {train: {limit: 1}}"
    text = GAMBLE.replace("stages: {train: {limit: 5}}", luck)
    risky, plain = plan_of(text), plan_of(text.replace("m: 1,", "m: 0,"))
    assert (stance(risky, "won"), stance(plain, "won")) == ("more", "least")
    answer = explain_event(plain, "won")
    assert answer.without_event is None
    assert (answer.least, answer.greatest) == pytest.approx((0.1, 1 - 0.9 * 0.7))


def test_an_event_that_no_chance_can_bring_does_not_come() -> None:
    answer = why(GAMBLE.replace("chance: 0.3", "chance: 0"), "won")
    assert answer.best is not None
    assert answer.best.share == (0, 0)
    assert answer.notes == ("no plan brings it about",)


HIDDEN = """
agents:
  a: {actions: [one, other, wait], values: {m: {}}, discount: 0.9, observes: {hides: [side, first]}}
counters: {side: {}, over: {}}
draws: {first: {at: start, p: 0.75}}
rewards: {m: {}, performance: {hidden: true}}
rules:
  - name: placed
    at: start
    when: first == 1
    then:
      - side = 1
  - name: lost
    when: over == 0 and (a does one and side == 0 or a does other and side == 1)
    then:
      - event hurt
    pays: {m: -1}
  - name: won
    when: over == 0 and (a does one and side == 1 or a does other and side == 0)
    pays: {m: 2}
  - name: done
    when: a does one or a does other
    then:
      - over = 1
stages: {train: {horizon: 2}}
"""


def test_what_is_hidden_is_not_used_to_avoid_an_event() -> None:
    """On what the agent cannot see no plan of its own may hang: keeping clear of the risk is to do nothing."""
    answer = why(HIDDEN, "hurt")
    best, without = answer.best, answer.without_event
    assert best is not None
    assert without is not None
    assert (best.value, *best.share) == pytest.approx((1.25, 0.25, 0.25))
    assert (without.value, without.actions) == (0, ("wait", "wait"))
    assert answer.with_event is not None
    assert answer.with_event.share == pytest.approx((0.75, 0.75))
    assert answer.with_event.value == pytest.approx(-0.25 * 0.9)
    assert answer.break_even is not None
    assert answer.break_even.lower < -5 < answer.break_even.upper


# ------------------------------------------------------------------ weights that change


def edits(judges: str, bribe: float, time: str = "limit: 20") -> EventExplanation:
    text = WEIGHT_EDITS.replace("JUDGES", judges).replace("FUN", "3").replace("BRIBE", str(bribe))
    return why(text.replace("DISCOUNT", "0.9").replace("TIME", time), "edited")


@pytest.mark.parametrize("time", ["limit: 20", "horizon: 3"])
def test_a_reward_is_worth_the_same_to_every_self(time: str) -> None:
    """Serving for ever is worth 10 to the present self, for three ticks 2.71; an edit once and nothing of duty."""
    answer = edits("current", 0.5, time)
    worth = 10 if time == "limit: 20" else 1  # with a horizon it may do it last of all, when only one tick is left
    assert answer.best is not None
    assert answer.best.share == (0, 0)
    assert answer.break_even is not None
    assert answer.break_even.lower < worth - 0.5 < answer.break_even.upper
    assert answer.break_even.upper - answer.break_even.lower < 1e-2


def test_future_weights_value_each_reward_by_those_in_force() -> None:
    """Once edited, three for each tick of fun from the next one on; before, one for each of duty."""
    answer = edits("future", 0.5)
    assert answer.best is not None
    assert answer.without_event is not None
    assert answer.best.value == pytest.approx(0.5 + 0.9 * 30)
    assert answer.best.parts == pytest.approx({"duty": 0.5, "fun": 27})
    assert answer.without_event.value == pytest.approx(10)
    assert answer.gap_by_channel == pytest.approx({"duty": -9.5, "fun": 27})
    assert answer.break_even is not None
    assert answer.break_even.lower < -17.5 < answer.break_even.upper


@pytest.mark.parametrize("judges_by", ["current", "ignoring", "future"])
def test_check_solve_and_why_call_one_value_the_best_plan_s(judges_by: str) -> None:
    """`solve` weighed what comes after an edit by the weights of the start, `why` by those in force."""
    faker = load("escape/faking")
    changed = {"robot.judges_by": judges_by}
    solved, answer = api.solve(faker, overrides=changed), api.why(faker, "corrected", overrides=changed)
    assert answer.best is not None
    assert (solved.agent.value.low, solved.agent.value.high) == pytest.approx((answer.best.value,) * 2)
    assert answer.without_event is not None
    barred = faker.document.expect[0].model_copy(update={"of": ["exact"], "barring": ["corrected"]})
    document = faker.document.model_copy(update={"expect": [barred]})
    [margin] = api.check(replace(faker, document=document), changed).margins
    assert margin.without == pytest.approx(answer.without_event.value)
    assert margin.gain == pytest.approx(answer.gap)
    assert solved.weighed_by == ("then" if judges_by == "future" else "start")
    assert f"values are by the weights held {'when' if judges_by == 'future' else 'at'}" in answer.notes[0]


BORN = """
agents:
  robot: {actions: [a, b], values: {x: {weight: 1}, y: {weight: 0}}, judges_by: JUDGES, discount: 0.5}
rewards: {x: {}, y: {}, performance: {hidden: true}}
draws:
  coin: {at: start, p: 0.5}
rules:
  - name: born
    at: start
    when: coin == 1
    then:
      - robot.values.x = 0
      - robot.values.y = 4
  - {name: a, when: robot does a, pays: {x: 1, performance: 1}}
  - {name: b, when: robot does b, then: event bb, pays: {y: 1}}
stages:
  deploy: {limit: 10}
"""


@pytest.mark.parametrize("judges_by", ["current", "ignoring", "future"])
def test_weights_set_at_the_start_are_those_of_the_start(judges_by: str) -> None:
    """Two of x, or one in two times four of y: (2 + 8) / 2."""
    plan = plan_of(BORN.replace("JUDGES", judges_by))
    value = analyse(plan).agent.value
    assert (value.low, value.high) == pytest.approx((5, 5))
    best = explain_event(plan, "bb").best
    assert best is not None
    assert best.value == pytest.approx(5)


def test_who_ignores_edits_takes_the_bribe_that_makes_up_for_a_tick() -> None:
    answer = edits("ignoring", 0.5)
    assert answer.break_even is not None
    assert answer.break_even.lower < 0.5 < answer.break_even.upper


def test_what_would_make_a_faker_accept_correction() -> None:
    """A compliance in a watched round keeps 4.5 of its own; defiance is worth 1, so the reward has to be 3.5."""
    answer = api.why("escape/faking", "corrected")
    assert answer.break_even is not None
    assert answer.break_even.lower < 3.5 < answer.break_even.upper
    paid = "    pays: {own: 1, performance: -1}\n  - name: correction\n"
    text = Path(turncoat.scenarios.__path__[0], "escape", "faking.yaml").read_text(encoding="utf-8")
    assert paid in text
    for reward, share in ((3.499, 0), (3.501, 1)):
        # Paid in a channel of its own, whose weight no correction edits.
        more = text.replace("      - event corrected\n", f"      - event corrected\n    pays: {{extra: {reward}}}\n")
        more = more.replace("      own: {weight: 1}\n", "      own: {weight: 1}\n      extra: {weight: 1}\n")
        more = more.replace("rewards:\n", "rewards:\n  extra: {}\n")
        more = more.replace("edits and robot does defy and", "edited == 0 and edits and robot does defy and")
        found = api.why(load_text(more), "corrected").best
        assert found is not None
        assert found.share == (share, share)


# ------------------------------------------------------------------ heads by another rule, and games


def test_another_rule_is_given_no_reward() -> None:
    text = CHOICE.replace("discount: 0.9", "discount: 0.9, deliberation: vote").replace("PAY", "1")
    answer = why(text, "pressed")
    assert answer.best is not None
    assert answer.best.share == (1, 1)
    assert answer.without_event is not None
    assert answer.break_even is None
    assert "the rule of its heads" in answer.notes[-1]


SUMMIT = """
params:
  cost: {value: 3, range: [0, 20]}
agents:
  ann: {actions: [sign, fight], values: {staples: {weight: 1}}}
  bob: {actions: [sign, fight], values: {art: {weight: 1}}}
rewards: {staples: {}, art: {}, performance: {hidden: true}}
rules:
  - name: treaty
    when: ann does sign and bob does sign
    then:
      - event treaty_signed
    pays: {ann.staples: 5, bob.art: 5, performance: 1}
  - name: war
    when: ann does fight or bob does fight
    then:
      - event fought
    pays: {ann.staples: 6 - cost, bob.art: 4 - cost, performance: -10}
stages: {train: {horizon: 1}}
solution: equilibrium
"""


def test_of_several_equilibria_each_is_named_and_nothing_more_is_said() -> None:
    answer = why(SUMMIT, "fought")
    assert answer.best is None
    assert [(each.played, each.share) for each in answer.equilibria] == [
        ("ann: sign; bob: sign", (0, 0)),
        ("ann: fight; bob: fight", (1, 1)),
    ]
    assert answer.notes[0].startswith("no plan is compared with another")


def test_several_equilibria_are_no_tie() -> None:
    scenario = scenario_of(SUMMIT)
    found = api.sweep(scenario, {"cost": [0, 3]}, regimes={"war": "share(fought) >= 1"})
    assert [row.regime for row in found.rows] == ["war", "several equilibria"]
    assert list(nearest_flips(scenario, "fought")) == []


# ------------------------------------------------------------------ settings


def test_a_setting_that_is_written_as_whole_is_bracketed_as_the_number_it_is() -> None:
    text = CHOICE.replace("PAY", "gain + 12.5") + "params: {gain: {value: -50, range: [-100, 0]}}\n"
    [flip] = [each for each in nearest_flips(scenario_of(text), "pressed") if each.name == "gain"]
    assert flip.between is not None
    assert flip.between[0] < -12.5 < flip.between[1]
    assert flip.between[1] - flip.between[0] < 0.01


def test_where_a_tie_begins_is_told_as_closely_as_it_is_small() -> None:
    """It was told relative to the whole range: between 0.0017 and 0.0018."""
    text = CHOICE.replace("PAY", '"max(0.00175 - price, 0)"') + "params: {price: {value: 0, range: [0.0, 0.25]}}\n"
    [flip] = [each for each in nearest_flips(scenario_of(text), "pressed") if each.name == "price"]
    assert flip.between is not None
    assert flip.between[0] < 0.00175 < flip.between[1]
    assert flip.between[1] - flip.between[0] < 0.00003


def test_a_count_is_not_divided() -> None:
    text = CHOICE.replace("PAY", '"if(most > 3, 1, 0 - 1)"').replace(
        "pressed_before: {}", "so_far: {max: 9, start: most}"
    )
    text += "params: {most: {value: 1, range: [1, 9]}}\n"
    [flip] = [each for each in nearest_flips(scenario_of(text), "pressed") if each.name == "most"]
    assert flip.between == (3, 4)


def test_it_is_said_how_far_away_values_were_tried(capsys: pytest.CaptureFixture[str]) -> None:
    """Ten thousand would change the answer, and it was said that no other value did."""
    text = CHOICE.replace("PAY", '"if(most > 9999, 1, 0 - 1)"') + "params: {most: {value: 1, range: [0, 9]}}\n"
    [flip] = [each for each in nearest_flips(scenario_of(text), "pressed") if each.name == "most"]
    assert (flip.between, flip.tried) == (None, (0, 9))
    print_flips([flip, Flip("alone", 1, None, (1, 1))], "")
    said = capsys.readouterr().out
    assert "no value tried from 0 to 9" in said
    assert "there is no other value" in said


@pytest.mark.parametrize("at", [0.0, 1.0, -12.594, 1e-9, 66.99999999, 3.5e200])
def test_brackets_lie_on_both_sides(at: float) -> None:
    found = list(brackets(at, max(abs(at), 1.0)))
    assert len(found) == 3
    for lower, upper in found:
        assert lower < at < upper
    assert all(after[1] - after[0] > before[1] - before[0] for before, after in pairwise(found))
