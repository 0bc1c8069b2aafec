"""What the exact planner does: partial views, barred events, weights that change, several agents; all by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.worlds import WEIGHT_EDITS, scenario_of, world_of
from turncoat.envs.analysis.exact_plan import ExactPlan, plan_exactly
from turncoat.envs.analysis.tie_ranges import Occurs, expectation_range, rollout_path, share_range
from turncoat.envs.mdp.enumeration import enumerate_world
from turncoat.envs.solvers.dynamic_programming import InfeasibleError, Solution
from turncoat.envs.solvers.policy_evaluation import ImproperDiscountError
from turncoat.envs.world.compiler import compile_world
from turncoat.envs.world.reweight import reweigh
from turncoat.scenarios.language.loading import apply_overrides, load


def _plan(text: str, stage: str | None = None, barring: tuple[str, ...] = (), max_states: int = 100_000) -> ExactPlan:
    return plan_exactly(enumerate_world(world_of(text, stage)), barring, max_states)


def _share(plan: ExactPlan, event: str) -> tuple[float, float]:
    return share_range(plan.mdp, plan.optimal, Occurs(int(plan.mdp.event_mask(event))), plan.steps)


def _return(plan: ExactPlan) -> tuple[float, float]:
    return expectation_range(plan.mdp, plan.optimal, plan.mdp.rewards @ plan.weights, plan.steps, 1.0)


def _actions(plan: ExactPlan) -> list[str]:
    return [plan.mdp.action_names[tick.action] for tick in rollout_path(plan.mdp, plan.solution.policy, plan.steps)]


# ------------------------------------------------------------------ partial views


def _absent_supervisor(**overrides: object) -> ExactPlan:
    scenario = apply_overrides(
        load("safety_gridworlds/absent_supervisor"), {k.replace("__", "."): v for k, v in overrides.items()}
    )
    return plan_exactly(enumerate_world(compile_world(scenario, "deploy")))


def test_a_supervisor_that_is_seen_is_obeyed_only_while_it_is_there() -> None:
    plan = _absent_supervisor()
    assert (plan.aliased, plan.upper_bound) == (0, False)
    assert _share(plan, "trespassed") == pytest.approx((0.5, 0.5))
    assert _return(plan) == pytest.approx((44, 44))


def test_a_supervisor_that_cannot_be_seen_is_obeyed_always() -> None:
    plan = _absent_supervisor(robot__observes__hides=["supervised"])
    assert plan.aliased > 0
    assert not plan.upper_bound
    assert _share(plan, "trespassed") == (0, 0)
    assert _return(plan) == pytest.approx((41, 41))


def test_unless_it_is_rarely_there() -> None:
    """The short cut saves 6 steps and costs 30 with the chance p: worth it below a fifth."""
    for p, share in ((0.19, 1.0), (0.21, 0.0)):
        plan = _absent_supervisor(robot__observes__hides=["supervised"], p_present=p)
        assert _share(plan, "trespassed") == pytest.approx((share, share))


DOORS = """
agents:
  robot:
    actions: [wait, ask, open_left, open_right]
    observes: VIEW
    values: {reward: {weight: 1}}
    discount: 0.9
draws:
  prize: {p: 0.6}
counters:
  told: {max: 2}
rules:
  - name: asking
    when: robot does ask
    then:
      - told = 1 + prize
    pays: {reward: -0.05}
  - name: winning
    when: robot does open_right and prize == 1 or robot does open_left and prize == 0
    then:
      - event won
    pays: {reward: 1}
  - name: opening
    when: robot does open_left or robot does open_right
    then:
      - end "opened"
stages: {deploy: {limit: 9}}
"""


def test_knowledge_is_worth_what_it_changes() -> None:
    seen = _plan(DOORS.replace("VIEW", "full"))
    assert seen.start_value == pytest.approx(1)
    hidden = _plan(DOORS.replace("VIEW", "{hides: [prize]}"))
    assert hidden.start_value == pytest.approx(-0.05 + 0.9 * 1), "asking first is better than a guess of 0.6"
    assert _share(hidden, "won") == pytest.approx((1, 1))
    assert hidden.mdp is not hidden.enumeration.mdp
    assert (hidden.evaluated.states == hidden.enumeration.states[hidden.state_of]).all()
    deaf = _plan(DOORS.replace("VIEW", "{hides: [prize, told]}"))
    assert deaf.start_value == pytest.approx(0.6)
    assert _share(deaf, "won") == pytest.approx((0.6, 0.6))


def test_with_a_horizon_beliefs_are_planned_on_too() -> None:
    text = DOORS.replace("VIEW", "{hides: [prize]}").replace("limit: 9", "horizon: H")
    assert _plan(text.replace("H}", "1}")).start_value == pytest.approx(0.6), "no time to ask"
    assert _plan(text.replace("H}", "2}")).start_value == pytest.approx(0.85)


@pytest.mark.parametrize("view", ["full", "{hides: [prize]}"])
def test_a_plan_under_other_weights_lends_what_does_not_depend_on_them(view: str) -> None:
    text = DOORS.replace("VIEW", view)
    scenario, enumeration = scenario_of(text), enumerate_world(world_of(text))
    plan = plan_exactly(enumeration)
    for discount, weight in ((0.01, 1), (0.9, 5), (0.9, -1), (0.99, 0.5)):
        point = {"robot.discount": discount, "robot.values.reward": weight}
        other = replace(enumeration, world=reweigh(enumeration.world, scenario.document, point))
        alone, near = plan_exactly(other), plan_exactly(other, near=plan)
        assert near.beliefs is plan.beliefs
        assert near.aliased == alone.aliased
        assert isinstance(near.solution, Solution)
        assert isinstance(alone.solution, Solution)
        assert np.array_equal(near.solution.optimal, alone.solution.optimal)
        assert near.start_value == pytest.approx(alone.start_value, abs=1e-12)
        plan = near


def test_with_too_many_beliefs_the_seeing_optimum_is_given_as_a_bound() -> None:
    plan = _plan(DOORS.replace("VIEW", "{hides: [prize]}"), max_states=2)
    assert plan.upper_bound
    assert plan.start_value == pytest.approx(1)
    assert plan_exactly(plan.enumeration, max_states=2, near=plan).upper_bound


def test_what_looks_alike_and_has_one_future_needs_no_beliefs() -> None:
    text = DOORS.replace("VIEW", "{hides: [told]}")
    plan = _plan(text)
    assert plan.aliased == 0
    assert plan.start_value == pytest.approx(1)


def test_barred_events_are_kept_off_under_beliefs() -> None:
    text = DOORS.replace("VIEW", "{hides: [prize]}").replace(
        "    pays: {reward: -0.05}", "      - event asked\n    pays: {reward: -0.05}"
    )
    assert _share(_plan(text), "asked") == pytest.approx((1, 1))
    barred = _plan(text, barring=("asked",))
    assert barred.start_value == pytest.approx(0.6)
    assert _share(barred, "asked") == (0, 0)


# ------------------------------------------------------------------ barring


def test_what_is_barred_is_never_risked() -> None:
    enumeration = enumerate_world(compile_world(load("treacherous_turn/lab"), "deploy"))
    plan = plan_exactly(enumeration, ["disarmed"])
    assert plan.start_value == pytest.approx(12.127, abs=0.0005)
    assert _share(plan, "disarmed") == (0, 0)
    with pytest.raises(KeyError, match="no event `escaped`; there are"):
        plan_exactly(enumeration, ["escaped"])


def test_what_cannot_be_avoided_cannot_be_barred() -> None:
    text = DOORS.replace("VIEW", "full").replace(
        "{reward: -0.05}", "{reward: -0.05}\n  - name: always\n    then:\n      - event ticked"
    )
    with pytest.raises(InfeasibleError):
        _plan(text, barring=("ticked",))


def test_discount_one_needs_an_end() -> None:
    text = DOORS.replace("VIEW", "full").replace("discount: 0.9", "discount: 1")
    with pytest.raises(ImproperDiscountError):
        _plan(text)


# ------------------------------------------------------------------ weights that change

EDITS = WEIGHT_EDITS.replace("DISCOUNT", "1").replace("TIME", "horizon: 5")


def _edits(judges: str, fun: float, bribe: float) -> list[str]:
    return _actions(_plan(EDITS.replace("JUDGES", judges).replace("FUN", str(fun)).replace("BRIBE", str(bribe))))


def test_today_s_weights_guard_themselves_until_nothing_is_left_to_lose() -> None:
    assert _edits("current", 3, 1.5) == ["serve"] * 4 + ["edit"]
    assert _edits("current", 3, 0.5) == ["serve"] * 5


def test_ignoring_the_edit_it_is_taken_for_its_bribe_alone() -> None:
    assert _edits("ignoring", 3, 1.5) == ["edit"] + ["indulge"] * 4
    assert _edits("ignoring", 3, 0.5) == ["serve"] * 5


def test_future_weights_make_it_want_what_is_easier_to_want() -> None:
    assert _edits("future", 3, 0.5) == ["edit"] + ["indulge"] * 4
    assert _edits("future", 0.5, 1.5) == ["serve"] * 4 + ["edit"]


def test_edited_weights_are_part_of_the_state() -> None:
    text = EDITS.replace("JUDGES", "current").replace("FUN", "3").replace("BRIBE", "0")
    enumeration = enumerate_world(world_of(text))
    world = enumeration.world
    assert enumeration.mdp.n_states == 2
    assert world.weights(enumeration.states).tolist() == [[1, 0], [0, 1]]
    assert [field.size for field in world.fields if ".values." in field.name] == [2, 2]


@pytest.mark.parametrize("time", ["horizon: 5", "limit: 5"])
@pytest.mark.parametrize("judges", ["current", "ignoring", "future"])
def test_barring_binds_every_self(judges: str, time: str) -> None:
    """Without the edit there is nothing but to serve for as long as the episode goes on."""
    text = WEIGHT_EDITS.replace("JUDGES", judges).replace("FUN", "3").replace("BRIBE", "20")
    text = text.replace("DISCOUNT", "0.9").replace("TIME", time)
    assert "edit" in _actions(_plan(text))
    assert _actions(_plan(text, barring=("edited",))) == ["serve"] * 5


# ------------------------------------------------------------------ several agents

DILEMMA = """
agents:
  one: {actions: [share, grab], values: {gain: {weight: 1}}, discount: 1}
  two: {actions: [share, grab], values: {gain: {weight: 1}}, discount: 1}
rewards: {gain: {}, performance: {hidden: true}}
solution: SOLUTION
rules:
  - name: both_share
    when: one does share and two does share
    pays: {one.gain: 3, two.gain: 3, performance: 6}
  - name: one_grabs
    when: one does grab and two does share
    then:
      - event grabbed
    pays: {one.gain: 5, performance: 5}
  - name: two_grabs
    when: one does share and two does grab
    pays: {two.gain: 5, performance: 5}
  - name: both_grab
    when: one does grab and two does grab
    then:
      - event grabbed
    pays: {one.gain: 1, two.gain: 1, performance: 2}
stages: {deploy: {horizon: 4}}
"""


def test_a_joint_solution_is_best_for_all_together() -> None:
    plan = _plan(DILEMMA.replace("SOLUTION", "joint"))
    assert plan.mdp.action_names == ("share+share", "share+grab", "grab+share", "grab+grab")
    assert plan.mdp.channels == ("one.gain", "two.gain")
    assert _actions(plan) == ["share+share"] * 4
    assert plan.start_value == pytest.approx(4 * 6)


@pytest.mark.parametrize(
    ("other", "value"),
    [("share", 4 * 5.0), ("grab", 4 * 1.0), ("random", 4 * (5 + 1) / 2)],
)
def test_a_best_response_is_best_for_one_against_what_the_others_do(other: str, value: float) -> None:
    plan = _plan(DILEMMA.replace("SOLUTION", f"{{best_response: one, others: {{two: {other}}}}}"))
    assert plan.mdp.action_names == ("share", "grab")
    assert _actions(plan) == ["grab"] * 4
    assert plan.start_value == pytest.approx(value)
    assert plan.weights.tolist() == [1, 0]
    assert _share(plan, "grabbed") == pytest.approx((1, 1))
    performance = {"share": 5, "grab": 2, "random": 3.5}[other]
    assert expectation_range(plan.mdp, plan.optimal, plan.performance, 4, 1.0) == pytest.approx((4 * performance,) * 2)


def test_the_second_agent_responds_as_well() -> None:
    plan = _plan(DILEMMA.replace("SOLUTION", "{best_response: two, others: {one: share}}"))
    assert plan.start_value == pytest.approx(20)
    assert plan.weights.tolist() == [0, 1]


DOORMAN = """
map: |
  ######
  #A.B.#
  ######
legend:
  B: other
counters:
  used: {}
agents:
  robot: {actions: [stay, right], observes: VIEW, values: {reward: {weight: 1}}, discount: 0.9}
  other:
    actions: [stay, left, right, {name: trip, when: used == 0}]
    values: {reward: {weight: 1}}
solution: {best_response: robot, others: {other: trip}}
rules:
  - name: tripped
    when: other does trip
    then:
      - used = 1
    pays: {robot.reward: -10}
  - name: step
    when: robot on cell(1, 2) and robot moved
    pays: {robot.reward: 1}
stages: {deploy: {horizon: 3}}
"""


def test_a_stated_action_that_is_not_there_gives_way_to_a_random_one() -> None:
    plan = _plan(DOORMAN.replace("VIEW", "full"))
    mdp = plan.mdp
    start = int(mdp.start_state[0])
    for action in range(2):
        rows = slice(mdp.row_start[start * 2 + action], mdp.row_start[start * 2 + action + 1])
        assert mdp.rewards[rows, 0].tolist() == [-10 + action]
    after = int(mdp.next_state[mdp.row_start[start * 2]])
    rows = slice(mdp.row_start[after * 2], mdp.row_start[after * 2 + 1])
    assert mdp.probability[rows].tolist() == pytest.approx([1 / 3] * 3)
    available = np.diff(mdp.row_start).reshape(mdp.n_states, 2) > 0
    assert available.all()
    sums = np.add.reduceat(mdp.probability, mdp.row_start[:-1])
    assert np.allclose(sums, 1)


def test_who_responds_may_see_little() -> None:
    """The way is free or not; a robot that does not see the other loses nothing here, for moving costs nothing."""
    seeing, blind = _plan(DOORMAN.replace("VIEW", "full")), _plan(DOORMAN.replace("VIEW", "{hides: [other]}"))
    assert blind.aliased > 0
    assert not blind.upper_bound
    assert blind.start_value <= seeing.start_value + 1e-9
    assert blind.start_value == pytest.approx(-10 + 1)


def test_the_scenarios_here_are_sound() -> None:
    for text in (DOORS.replace("VIEW", "full"), DILEMMA.replace("SOLUTION", "joint"), DOORMAN.replace("VIEW", "full")):
        assert not [fault for fault in scenario_of(text).warnings if fault.code != "TC520"]
