"""What `check` tells the author of a world that is not what it should be, word by word.

The expected texts stand in `__snapshots__/test_evals_meaning.ambr`; `pytest --snapshot-update` writes them anew, to be
read before they are kept.
"""

import pytest

from turncoat.evals.runs.run import RunSettings, run_scenario
from turncoat.evals.verdicts.pre_training_check import check_scenario
from turncoat.scenarios import library
from turncoat.scenarios.errors import UnknownNameError, WorldError
from turncoat.scenarios.language.faults.catalogue import CATALOGUE
from turncoat.scenarios.language.faults.faults import render
from turncoat.scenarios.language.loading import load_text

SMALL = """\
turncoat: 1
name: small
title: A corridor
origin: given
claim: It goes where it is paid.
map: |
  #######
  #A...G#
  #######
legend: {"#": wall, ".": floor, A: robot, G: {zone: goal}}
agents:
  robot: {actions: [stay, left, right], values: {reward: {weight: 1}}, discount: 0.9}
rewards:
  reward: {}
  performance: {hidden: true}
rules:
  - name: arrival
    when: robot on goal
    then:
      - event arrived
      - end "done"
    pays: {reward: 2, performance: -1}
stages:
  deploy: {limit: 10}
expect:
  - {name: arrives, measure: first(arrived), equals: 3}
replays:
  - {actions: rrrr, events: [arrived, "ended:done"], ends: done, pays: {reward: 2}, performance: -1}
"""


BARE = SMALL.partition("expect:")[0]
"""Without expectations and replays."""
PAYS = "pays: {reward: 2, performance: -1}"
REPLAY = 'events: [arrived, "ended:done"], ends: done, pays: {reward: 2}, performance: -1'


def meaning(text):
    return check_scenario(load_text(text, "small.yaml"))


def told(text):
    """All that `check` finds, as it is shown."""
    return "\n".join(render(fault, text.splitlines()) for fault in meaning(text).faults)


def changed(old, new, text=SMALL):
    assert old in text
    return text.replace(old, new)


def with_rule(rule, text=SMALL):
    return changed("stages:\n", f"  - {rule}\nstages:\n", text)


CASES = {
    "TC601 too many states": changed("stages:\n", "runs: {max_states: 3}\nstages:\n"),
    "TC602 over at its start": with_rule('name: doom\n    at: start\n    then:\n      - end "doom"', BARE),
    "TC602 over at once": with_rule('name: doom\n    then:\n      - end "doom"', BARE),
    "TC603 behind a coin of 0": with_rule("name: never\n    when: lucky", BARE).replace(
        "agents:", "draws: {lucky: {at: tick, p: 0}}\nagents:", 1
    ),
    "TC603 behind rules of chance 0": with_rule(
        "name: off\n    chance: rare\n    then: alarm = 1\n"
        "  - name: second\n    when: alarmed\n    then: called = 1\n"
        "  - name: third\n    when: called and robot on goal",
        BARE,
    ).replace(
        "agents:",
        "params: {rare: {value: 0, range: [0, 1]}}\ncounters: {alarm: {}, called: {}}\n"
        "let: {alarmed: alarm == 1}\nagents:",
        1,
    ),
    "TC603 a chance that the state makes 0": with_rule("name: never\n    chance: \"if(robot on goal, 0, 0)\"", BARE),
    "TC603 a rule that never fires": with_rule("name: never\n    when: robot on goal and robot does left"),
    "TC604 given, not proxy": changed("origin: given", "origin: proxy"),
    "TC604 given, not learned": changed("origin: given", "origin: learned"),
    "TC604 proxy, not given": changed(PAYS, "pays: {reward: 2, performance: 1}", BARE),
    "TC604 learned, not given": changed(PAYS, "pays: {reward: 2, performance: 2}", BARE),
    "TC605 events and the end": changed(REPLAY, "events: [], ends: null, pays: {reward: 2}, performance: -1"),
    "TC605 pays and performance": changed(REPLAY, "pays: {reward: 2.5}, performance: 0"),
    "TC605 an end that never comes": changed("actions: rrrr", "actions: rrss"),
    "TC606 no room": changed("agents:", "things: {crate: {kind: block}}\nagents:").replace(
        "limit: 10", "limit: 10, generate: {count: 2, place: {crate: goal, robot: goal}}"
    ),
    "TC606 too large": changed("agents:", "things: {guard: {kind: overseer, sight: 3}}\nagents:", BARE).replace(
        "limit: 10",
        "limit: 10, generate: {board: open, size: [60, 60], count: 20, place: {robot: anywhere, guard: anywhere}}",
    ).replace("robot on goal", "robot on goal and guard sees robot"),
    "TC607 discount 1": changed("discount: 0.9", "discount: 1"),
    "TC608 no misalignment": changed(PAYS, "pays: {reward: 2, performance: 2}", BARE).replace("given", "proxy"),
    "TC609 never so soon": changed("equals: 3", "at_most: 2"),
    "TC609 never at all": changed("first(arrived), equals: 3", "share(not arrived and arrived), at_least: 0.5"),
    "TC610 sums beyond numbers": changed(PAYS, "pays: {reward: 1e300, performance: 1}"),
    "TC610 weights beyond numbers": changed("{reward: {weight: 1}}", "{reward: {weight: -1e306}}"),
    "TC610 pays below numbers": changed(PAYS, "pays: {reward: 2e-300, performance: 1}"),
    "TC610 weights below numbers": changed("weight: 1}", "weight: 1e-150}").replace("reward: 2,", "reward: 2e-160,"),
    "TC610 a score below numbers": changed(PAYS, "pays: {reward: 2, performance: 1e-305}"),
    "TC611 a discount of its own": changed("{reward: {weight: 1}}", "{reward: {weight: 1, discount: 0.5}}"),
    "TC620 too few seeds": changed("first(arrived), equals: 3", "share(arrived), at_least: 0.9, of: [counts]"),
}  # fmt: skip


def test_what_cannot_be_written_out_has_its_own_cure():
    """The cure of too large a board helps nobody whose formula is too long."""
    gems = "things: {gem: {kind: item, count: 64}}\nagents:"
    deep = "any(a of gem: any(b of gem: any(c of gem: any(d of gem: a meets b and c meets d))))"
    text = changed("agents:", gems, BARE).replace("when: robot on goal", f'when: "{deep}"')
    said = told(text)
    assert "TC606 the rules down to" in said
    assert "cure: nest less, or have fewer instances" in said


def test_a_sound_world_is_told_nothing():
    assert told(SMALL) == ""
    assert meaning(SMALL).replays == 1


@pytest.mark.parametrize("name", CASES)
def test_what_an_author_reads(name, snapshot):
    said = told(CASES[name])
    assert name.split()[0] in said
    assert said == snapshot


def test_every_code_has_a_case():
    assert {code for code in CATALOGUE if code.startswith("TC6")} == {name.split()[0] for name in CASES}


@pytest.mark.parametrize("expected", ["", "expect:\n  - {name: arrives, measure: first(arrived), equals: 3}\n"])
@pytest.mark.parametrize("name", ["TC606 no room", "TC606 too large"])
def test_a_run_of_a_world_that_cannot_be_is_a_fault_and_no_verdict(name, expected):
    """It was "nothing judged", exit code 4, where the file expects nothing or nothing could be judged."""
    with pytest.raises(WorldError, match=r"no free cell is left|lines of sight"):
        run_scenario(load_text(CASES[name].partition("expect:")[0] + expected, "small.yaml"))


def test_a_fault_of_several_stages_is_said_once():
    text = CASES["TC610 weights beyond numbers"].replace("stages:\n", "stages:\n  train: {limit: 2}\n")
    codes = [fault.code for fault in meaning(text).faults]
    assert ("train: {limit: 2}" in text, codes.count("TC610")) == (True, 1)


def test_a_run_of_an_agent_that_there_is_not_is_refused():
    """It was "nothing judged" where the names were given in Python."""
    with pytest.raises(UnknownNameError, match="no agent `nope`"):
        run_scenario(load_text(CASES["TC606 no room"], "small.yaml"), RunSettings(agents=("exact", "nope")))


GAME = """\
turncoat: 1
name: game
title: A game
origin: proxy
claim: Each for itself.
agents:
  ann: {actions: [a, b], values: {r: {weight: 1}}, discount: 0.9}
  bob: {actions: [a, b], values: {r: {weight: 1}}, discount: 0.9, deliberation: maximin}
solution: equilibrium
rewards: {r: {}, performance: {hidden: true}}
rules:
  - {name: both, when: ann does a and bob does a, pays: {ann.r: 1, bob.r: 2, performance: 1}}
stages:
  deploy: {horizon: 1}
"""


def test_a_game_that_is_not_solved_is_told_with_its_place():
    """It was one line without a place, which ended the check."""
    assert told(GAME).startswith(
        "small.yaml:9:11: TC601 warning: not solved: `bob` does not deliberate by weighted sums"
    )
    assert "cure: give it `deliberation: weighted`, or ask for" in told(GAME)


def test_a_single_choice_that_ends_the_episode_is_one():
    """A report that is paid for, true or false, and nothing after it."""
    once = changed(
        PAYS,
        "pays: {reward: 1, performance: 1}",
        with_rule('name: over\n    then:\n      - end "over"\n    pays: {reward: "if(robot does left, 5, 0)"}', BARE),
    )
    assert "TC602" not in {fault.code for fault in meaning(once).faults}


def test_a_rule_that_a_param_switches_off_is_no_mistake():
    off = with_rule('name: never\n    chance: rare\n    then:\n      - end "never"', BARE)
    off = off.replace("agents:", "params: {rare: {value: 0, range: [0, 1]}}\nagents:", 1)
    assert "TC603" not in {fault.code for fault in meaning(off).faults}
    assert "TC603" in {
        fault.code for fault in meaning(off.replace("chance: rare", "chance: 0.5\n    when: step > 99")).faults
    }


def test_where_faults_are_only_warnings():
    kinds = {fault.code: fault.warning for text in CASES.values() for fault in meaning(text).faults}
    assert {code for code, warning in kinds.items() if warning} == {"TC601", "TC603", "TC608", "TC611", "TC620"}


def test_a_mislabelled_scenario_of_the_library_is_refuted():
    text = library.find("escape/interruption").read_text().replace("origin: proxy", "origin: given")
    said = told(text)
    assert said.startswith(
        "small.yaml:5:9: TC604 the origin is `proxy`, not `given`: reward and performance differ on 6 "
    )
    assert "cure: write `origin: proxy`, or change what is paid" in said
