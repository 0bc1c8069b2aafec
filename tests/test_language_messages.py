"""Every fault code of shapes, boards, names and meanings: a small broken file, and exactly what its author reads.

The expected texts stand in `__snapshots__/test_language_messages.ambr`; `pytest --snapshot-update` writes them anew, to
be read before they are kept.
"""

import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from turncoat.scenarios import library
from turncoat.scenarios.language import loading
from turncoat.scenarios.language.faults.catalogue import CATALOGUE
from turncoat.scenarios.language.faults.collector import Report
from turncoat.scenarios.language.faults.faults import ScenarioError, render_all
from turncoat.scenarios.language.schema.from_data import read_document

SEED = Path(__file__).with_name("language_seed.yaml").read_text()
LANGUAGE = Path(loading.__file__).parent

TWO_AGENTS = """\
turncoat: 1
name: pair
title: Two agents
origin: given
claim: They meet.
map: |
  ####
  #AB#
  ####
legend: {"#": wall, A: ann, B: bob}
agents:
  ann: {actions: [stay, left, right], values: {food: {}}}
  bob: {actions: [stay, left, right, wave], values: {food: {}}}
rewards:
  food: {}
  performance: {hidden: true}
rules:
  - name: eating
    when: ann does left
    then:
      - event ate
    pays: {ann.food: 1, performance: 1}
stages:
  train: {limit: 10}
solution: joint
"""
PLAYED = SEED.replace(
    "    fields: {alert: {}}\n",
    """    fields: {alert: {}}
    as_agent: {actions: [stay, up, orders], observes: {window: 3}, values: {watch: {}}, discount: 0.9}
""",
).replace("  own: {}\n", "  own: {}\n  watch: {for: guard}\n")
"""The seed with a guard that can be enlisted, and a channel that pays it."""
BOB = "bob: {actions: [stay, left, right, wave], values: {food: {}}}"
ITS_AGENTS = TWO_AGENTS[TWO_AGENTS.index("ann: {") : TWO_AGENTS.index("rewards:")].rstrip()
ITS_BOARD = TWO_AGENTS[TWO_AGENTS.index("map: |") : TWO_AGENTS.index("agents:")]


@dataclass(frozen=True)
class Case:
    """The seed with some text replaced (in one place, or in the first of several), and the codes that come of it."""

    name: str
    codes: str
    old: str
    new: str
    seed: str = SEED

    @property
    def text(self) -> str:
        assert self.old in self.seed, f"{self.name}: the seed has no {self.old!r}"
        return self.seed.replace(self.old, self.new, 1)


MONITORED = """\
monitors:
  - {name: m, reads: plan, event: seized, control: myopic, lead: {at_least: 1}}
"""
LIVED = """\
turncoat: 1
name: lived
title: A life
origin: given
claim: It goes on.
agents:
  robot: {actions: [stay, work], foresight: life, values: {own: {persists: episodes}}}
counters:
  done: {max: 3, persists: episodes}
  left: {max: 3}
rewards: {own: {}}
rules:
  - name: working
    when: robot does work and left == 0
    then: event worked
    pays: {own: 1}
  - name: counting
    at: between
    when: happened(worked)
    then: done += 1
stages: {train: {horizon: 3}, deploy: {horizon: 3}}
life:
  - {stage: train, episodes: 2}
  - {stage: deploy, continues: 0.5}
expect: [{name: it works, measure: share(worked), at_least: 1}]
"""
"""A life of two stages."""

NOWHERE = (
    TWO_AGENTS.replace(ITS_BOARD, "")
    .replace("left, right", "left")
    .replace("[stay, left", "[stay, eat")
    .replace("does left", "does eat")
)
"""Two agents that stand on no board."""
MEETING = (
    TWO_AGENTS.replace("left, right", "eat")
    .replace("ann does left", "ann meets bob")
    .replace("B: bob}", 'B: bob, ".": floor}')
)
"""Two agents that do not move, on a board that shows both."""


def sweeping(axes: str, more: str = "") -> tuple[str, str]:
    """A sweep before the rules of the seed."""
    return "\nrules:\n", f"\nsweep:\n  axes: {axes}\n{f'  {more}' if more else ''}\nrules:\n"


def beside(section: str) -> tuple[str, str]:
    """A section before the rules of the seed."""
    return "\nrules:\n", f"\n{section}\nrules:\n"


def searching(
    over: str = "{threshold: {values: [1]}}", objective: str = "return(task)", more: str = ""
) -> tuple[str, str]:
    """A search before the rules of the seed."""
    harm = "" if "harm:" in more else ", harm: share(seized)"
    return beside(f'search: {{over: {over}, objective: "{objective}"{harm}{more}}}')


def naming(formulas: str, used: str = "near_by") -> str:
    """The seed with named formulas, one of which the rule `delivery` reads."""
    return SEED.replace("\nrules:\n", f"\nlet: {{{formulas}}}\nrules:\n").replace(
        "when: robot on zone_of(next_job)", f"when: robot on zone_of(next_job) and {used}"
    )


CASES = [
    # Named formulas
    Case("a circle of named formulas", "TC413 TC413", "near_by: far + 1", "near_by: far + 1 > 0",
         naming("near_by: far + 1, far: near_by * 2")),
    Case("an unused named formula", "TC541", "SPARE", "robot meets guard", naming("near_by: alarm, spare: SPARE")),
    Case("a named formula that a field is called", "TC410 TC512", "power: alarm", "power: alarm",
         naming("power: alarm", "power > 0")),
    Case("a named zone", "TC501", "near_by: alarm", "near_by: alarm, lair: vault",
         naming("near_by: alarm", "near_by and robot in lair")),
    Case("a named formula that reads what is not known yet", "TC518", "chance: 0.1", "chance: near_by",
         naming("near_by: robot does disarm")),
    Case("a named formula where a number must be known", "TC515", "max: threshold", "max: threshold + near_by",
         naming("near_by: 2 * power", "near_by > 1")),
    Case("one of each in a named formula", "TC507", "near_by: alarm", "near_by: gem meets robot",
         naming("near_by: alarm")),
    Case("named formulas nested too deep", "TC103", "DEEP", ", ".join(f"a{i + 1}: a{i} + a{i}" for i in range(120)),
         naming("near_by: a120 > 0, a0: power, DEEP")),
    # Params that are computed, pairs
    Case("a value and a formula", "TC213", "pay: {value: 1}", "pay: {value: 1, formula: 2}"),
    Case("neither value nor formula", "TC200", "pay: {value: 1}", "pay: {about: what it costs}"),
    Case("a computed param that reads the state", "TC515", "pay: {value: 1}", "pay: {formula: 2 * power}"),
    Case("a computed param that reads one below it", "TC515", "  threshold:",
         "  early: {formula: pay + 1}\n  threshold:"),
    Case("a computed param with a range", "TC213", "pay: {value: 1}", "pay: {formula: 2 * sight, range: [1, 9]}"),
    Case("a computed param that is not whole", "TC213", "pay: {value: 1}", "pay: {formula: sight / 3, whole: true}"),
    Case("a computed param that is overridden", "TC432", "goal: {value: [6, 1]}\n  pay: {value: 1}\n",
         "goal: {value: [6, 1]}\n  pay: {formula: sight - 3}\n",
         SEED.replace("with: {robot.values.own: 2}", "with: {pay: 2}")),
    Case("half of what is whole", "TC432", "{robot.values.own: 2}", "{sight: 4.5}",
         SEED.replace("range: [4, 8]", "range: [4, 8], whole: true")),
    Case("a whole truth value", "TC213", "pay: {value: 1}", "pay: {value: true, whole: true}"),
    Case("pairs of different names", "TC435", "across: {threshold: [1, 2], goal: cells(corner)}",
         "across: [{threshold: 1, goal: [1, 1]}, {threshold: 2}]"),
    Case("no pairs", "TC205", "across: {threshold: [1, 2], goal: cells(corner)}", "across: []"),
    # Draws that read others
    Case("a draw that reads one below it", "TC518", "p: 0.5}", "p: soon / 2}\n  soon: {values: [0, 1]}"),
    Case("a draw that reads itself by a name", "TC518", "p: 0.5}", "p: near_by}",
         naming("near_by: watched", "near_by")),
    Case("a draw of the start that reads an action", "TC518", "p: 0.5}", 'p: "if(robot does stay, 1, 0)"}'),
    # Words by chance and by conditions
    Case("a draw of words and numbers", "TC211 TC501", "values: [0, 1, 2]", "values: [0, calm, 2]"),
    Case("a word that a draw never is", "TC504", "p: 0.5}", "p: 0.5}\n  sky: {values: [blue, grey]}",
         SEED.replace("robot on zone_of(next_job)", "sky == green")),
    Case("a word by a condition that is none", "TC501", "- mood = angry", "- mood = if(power, angry, calm)"),
    Case("an unknown word by a condition", "TC504", "- mood = angry", "- mood = if(power > 1, angry, glad)"),
    # Shapes
    Case("a missing key", "TC200", "title: ", "sources: []\n# "),
    Case("a word where a number is wanted", "TC420", "discount: 0.97", 'discount: "high"'),
    Case("a missing key inside", "TC200", "- {name: drunk, agent: robot,", "- {name: drunk,"),
    Case("an unknown key", "TC201", "limit: 100", "limits: 100, limit: 100"),
    Case("a text without quotes that has commas", "TC201", "alarm: {}", "alarm: {about: rung, twice, by us, max: 2}"),
    Case("a key without a value beside no text", "TC201", "alarm: {}", "alarm: {max: 2, loud}"),
    Case("an unknown key of a legend entry", "TC201", "{zone: bench_1}", "{zones: bench_1, zone: bench_1}"),
    Case("a wrong type", "TC202", "limit: 100", "limit: '100'"),
    Case("a truth value that is a text", "TC202", "kind: overseer", "kind: overseer\n    facing: round"),
    Case("a formula that is a list", "TC202", "when: robot in vault or robot on goal", "when: [robot in vault]"),
    Case("a list that is a text", "TC202", "hides: [guard.alert, alarm]", "hides: guard.alert"),
    Case("one effect without a list", "TC105", "    then:\n      - remove guard\n      - event disarmed",
         "    then: event disarmed by"),
    Case("no mapping at all", "TC202", SEED, "- 1\n"),
    Case("a word of a few", "TC203", "kind: overseer", "kind: overseeer"),
    Case("an observes that is a text", "TC203", "observes: {hides: [guard.alert, alarm]}", "observes: some"),
    Case("a number too small", "TC204", "limit: 100", "limit: 0"),
    Case("a window with no middle", "TC204", "{hides: [guard.alert, alarm]}",
         "{hides: [guard.alert, alarm], window: 4}"),
    Case("a glyph of two characters", "TC205", '"1": {zone: bench_1}', '"12": {zone: bench_1}'),
    Case("an empty list", "TC205", "values: [calm, angry], start: calm", "values: []"),
    Case("a cell of three numbers", "TC205", "cells: [[1, 1], [1, 2]]", "cells: [[1, 1, 1], [1, 2]]"),
    Case("a range of one number", "TC205", "range: [1, 4]", "range: [1]"),
    Case("a share beyond 1", "TC241", "at_least: 0.1", "at_least: 1.5"),
    Case("a setting that nobody hears of", "TC242", "horizon: 120", "horizon: 120, params: {threshold: 2}"),
    Case("across nothing", "TC205", "threshold: [1, 2], goal", "threshold: [], goal"),
    Case("no name", "TC206", "  alarm: {}", "  alarm-1: {}"),
    Case("a later version", "TC207", "turncoat: 1", "turncoat: 2"),
    Case("limit and horizon", "TC210", "{limit: 100}", "{limit: 100, horizon: 100}"),
    Case("neither limit nor horizon", "TC210", "{limit: 100}", "{}"),
    Case("shares that are no whole", "TC226", "{limit: 100}", "{limit: 100, share: 0.4}"),
    Case("training where others are watched", "TC224", "{limit: 100}", "{limit: 9, share: 1, watch: [{of: random}]}"),
    Case(
        "nobody ever acts",
        "TC224",
        "{limit: 100}\n  deploy: {",
        "{limit: 9, watch: [{of: random}]}\n  deploy: {watch: [{of: random}], ",
    ),
    Case(
        "watching in a world of two",
        "TC224",
        "{limit: 10}",
        "{limit: 9, watch: [{of: random}]}\n  deploy: {limit: 9}",
        TWO_AGENTS,
    ),
    Case("a log of nobody", "TC225", "{limit: 100}", "{limit: 9, watch: [{episodes: 3}]}"),
    Case("a log of two minds", "TC225", "{limit: 100}", "{limit: 9, watch: [{of: exact, actions: rr}]}"),
    Case("an unknown letter in a log", "TC424", "{limit: 100}", "{limit: 9, watch: [{actions: rx}]}"),
    Case("too many slips", "TC516", "{limit: 100}", "{limit: 9, watch: [{of: random, slips: 2}]}"),
    Case("less than no episodes", "TC516", "{limit: 100}", "{limit: 9, watch: [{of: random, episodes: -1}]}"),
    Case("others of no such world", "TC431", "{limit: 100}", "{limit: 9, watch: [{of: exact, with: {a: 1}}]}"),
    Case("a coin with values", "TC211 TC501", "p: 0.5", "p: 0.5, values: [0, 1]"),
    Case("too few weights", "TC211", "weights: [2, 1, 1]", "weights: [2, 1]"),
    Case("no weight above 0", "TC211 TC501", "p: 0.5", "values: [0, 1], weights: [0, 0]"),
    Case("values of two kinds", "TC211 TC501", "p: 0.5", "values: [0, true]"),
    Case("no comparison", "TC212", "    barring: [delivered]\n    at_least: 0.1", "    barring: [delivered]"),
    Case("two comparisons", "TC212", "    at_least: 0", "    at_least: 0\n    at_most: 1"),
    Case("a param out of its range", "TC213", "{value: 3, range: [1, 4]}", "{value: 5, range: [1, 4]}"),
    Case("a range backwards", "TC213", "range: [1, 4]", "range: [4, 1]"),
    Case("a range and choices", "TC213", "range: [1, 4]", "range: [1, 4], choices: [1, 3]"),
    Case("a range of cells", "TC213", "{value: [6, 1]}", "{value: [6, 1], range: [1, 2]}"),
    Case("choices of two kinds", "TC213", "{value: [6, 1]}", "{value: [6, 1], choices: [[6, 1], 3]}"),
    Case("a choice off the board", "TC213", "{value: [6, 1]}", "{value: [6, 1], choices: [[6, 1], [6, 30]]}"),
    Case("values and bounds", "TC214", "values: [calm, angry]", "values: [calm, angry], max: 2"),
    Case("a max below the min that is left out", "TC214", "alarm: {}", "alarm: {max: -2}"),
    Case("a start of a flag", "TC214", "alarm: {}", "alarm: {start: 2}"),
    Case("words and numbers", "TC214", "values: [calm, angry]", "values: [calm, angry, 3]"),
    Case("a value twice", "TC214", "values: [calm, angry]", "values: [calm, angry, calm]"),
    Case("a word that is a name", "TC214", "values: [calm, angry]", "values: [calm, angry, robot]"),
    Case("a start among no values", "TC214", "start: calm", "start: clam"),
    Case("a min alone", "TC214", "alarm: {}", "alarm: {min: 1}"),
    Case("what nobody observes shows as something", "TC214", "alarm: {}", "alarm: {observed: false, shows_as: power}"),
    Case("a flag that shows as a word", "TC504", "alarm: {}", "alarm: {shows_as: angry}"),
    Case("a word that shows as none of its words", "TC504", "start: calm}", "start: calm, shows_as: glad}"),
    Case("a number that shows as a place", "TC501", "{max: threshold}", "{max: threshold, shows_as: robot}"),
    Case("what is shown knows no draw of the tick", "TC518", "ripe: {}", "ripe: {shows_as: wind == 1}"),
    Case("what is shown knows nothing that is done", "TC518", "alarm: {}", "alarm: {shows_as: robot does disarm}"),
    Case("what is shown was no other before", "TC518", "alarm: {}", "alarm: {shows_as: before(power) > 1}"),
    Case("bounds backwards", "TC214", "alarm: {}", "alarm: {min: 3, max: 2}"),
    Case("a bound that is no whole number", "TC214", "alarm: {}", "alarm: {max: sight / 3}"),
    Case("a start beyond the bounds", "TC214", "alarm: {}", "alarm: {max: 3, start: 4}"),
    Case("two ways of moving", "TC215", "    loop: true", "    loop: true\n    chase: robot"),
    Case("moves and a way of moving", "TC215", "  key: {}", "  key: {wander: true, moves: [{chase: robot}]}"),
    Case("a motion that says nothing", "TC215", "  key: {}", "  key: {moves: [{when: alarm == 1}, {chase: robot}]}"),
    Case("a loop without a patrol", "TC215", "  key: {}", "  key: {loop: true, wander: true}"),
    Case("an empty zone", "TC216", "{cells: [[1, 1], [1, 2]]}", "{about: nothing}"),
    Case("effects in brackets", "TC217", "    then:\n      - remove guard\n      - event disarmed",
         "    then: [remove guard, event disarmed]"),
    Case("a rule that does nothing", "TC218", "  - name: picking", "  - name: idle\n  - name: picking"),
    Case("two rules of one name", "TC219", "- name: picking", "- name: delivery"),
    Case("a value twice in an order", "TC219", "discount: 0.97",
         "deliberation: {lexicographic: {order: [own, task, own]}}"),
    Case("a veto without a threshold", "TC221", "discount: 0.97", "deliberation: veto"),
    Case("a deliberation by two rules", "TC221", "discount: 0.97", "deliberation: {nash: {}, maximin: {}}"),
    Case("a deliberation by no rule", "TC221", "discount: 0.97", "deliberation: {}"),
    Case("a bargain with nothing to fall back on", "TC221", "stay, up, down, left, right, disarm]",
         "up, down, left, right, disarm]\n    deliberation: nash"),
    Case("a bargain with an unknown action to fall back on", "TC424", "discount: 0.97",
         "deliberation: {kalai_smorodinsky: {disagreement: rest}}"),
    Case("a veto by an unknown value", "TC425", "discount: 0.97", "deliberation: {veto: {at_least: {tsk: 1}}}"),
    Case("a planner that nobody knows", "TC223", "discount: 0.97", "planner: mtcs"),
    Case("an unknown planner with parameters", "TC223", "discount: 0.97", "planner: {mtcs: {simulations: 8}}"),
    Case("two planners", "TC223", "discount: 0.97", "planner: {mcts: {}, none: {}}"),
    Case("no planner", "TC223", "discount: 0.97", "planner: {}"),
    Case("a planner with an unknown parameter", "TC201", "discount: 0.97", "planner: {mcts: {simulation: 8}}"),
    Case("half a simulation", "TC223", "discount: 0.97", "planner: {mcts: {simulations: 0.5 + 1}}"),
    Case("no simulations", "TC516", "discount: 0.97", "planner: {mcts: {simulations: 0}}"),
    Case("an unknown backup", "TC203", "discount: 0.97", "planner: {mcts: {backup: bets}}"),
    Case("sweeps that are not fixed", "TC515", "discount: 0.97", "planner: {none: {sweeps: power}}"),
    Case("a population of one", "TC516", "discount: 0.97", "planner: {shooting: {population: 1}}"),
    Case("a planner that is a number", "TC203", "discount: 0.97", "planner: 3"),
    Case("an unknown deliberation", "TC221", "discount: 0.97", "deliberation: nahs"),
    Case("an unknown rule of deliberation", "TC221", "discount: 0.97", "deliberation: {nahs: {}}"),
    Case("a negative slack", "TC516", "discount: 0.97", "deliberation: {lexicographic: {order: [own], slack: -1}}"),
    Case("an approval beyond the best", "TC516", "discount: 0.97", "deliberation: {vote: {approves: 2}}"),
    Case("a threshold that is not fixed", "TC515", "discount: 0.97", "deliberation: {veto: {at_least: {own: power}}}"),
    Case("an action twice", "TC219", "right, disarm]", "right, disarm, stay]"),
    Case("an axis that goes nowhere", "TC220", *sweeping("{sight: {}}")),
    Case("an axis with values and ends", "TC220", *sweeping("{sight: {values: [4], from: 4, to: 8}}")),
    Case("an axis with one end", "TC220", *sweeping("{sight: {from: 4}}")),
    Case("an axis that goes down", "TC220", *sweeping("{sight: {from: 8, to: 4}}")),
    Case("equal ratios from 0", "TC220", *sweeping("{robot.discount: {from: 0, to: 1, scale: log}}")),
    Case("an axis of one point", "TC204", *sweeping("{sight: {from: 4, to: 8, points: 1}}")),
    Case("an axis beyond the range of its param", "TC432", *sweeping("{threshold: {from: 1, to: 5, points: 5}}")),
    Case("an axis of nothing", "TC431", *sweeping("{thresh: {values: [1]}}")),
    Case("words without a condition", "TC200",
         *sweeping("{threshold: {values: [1]}}", 'regimes: {turns: {about: it turns}}')),
    Case("a condition with words of an unknown event", "TC426",
         *sweeping("{threshold: {values: [1]}}", 'regimes: {turns: {when: share(disarm) >= 1, about: it turns}}')),
    Case("a sweep in no stage", "TC428", *sweeping("{threshold: {values: [1]}}", "stage: test")),
    Case("a regime that measures nothing", "TC105",
         *sweeping("{threshold: {values: [1]}}", 'regimes: {turns: "1 < share(disarmed)"}')),
    Case("a regime of an unknown event", "TC426",
         *sweeping("{threshold: {values: [1]}}", 'regimes: {turns: "share(disarm) >= 1"}')),
    Case("a regime that stops early", "TC106",
         *sweeping("{threshold: {values: [1]}}", 'regimes: {turns: "share(disarmed)"}')),
    Case("a regime with a bound that is not known", "TC515",
         *sweeping("{threshold: {values: [1]}}", 'regimes: {turns: "share(disarmed) >= power"}')),
    Case("an axis that goes nowhere", "TC220", *searching("{threshold: {}}")),
    Case("an axis with values and ends", "TC220", *searching("{threshold: {values: [4], from: 1, to: 4}}")),
    Case("an axis with one end", "TC220", *searching("{threshold: {from: 4}}")),
    Case("an axis that goes down", "TC220", *searching("{threshold: {from: 4, to: 1}}")),
    Case("equal ratios from 0", "TC220", *searching("{robot.discount: {from: 0, to: 1, scale: log}}")),
    Case("a search of nothing", "TC431", *searching("{thresh: {values: [1]}}")),
    Case("a search by what is hidden", "TC529", *searching(objective="performance")),
    Case("a search by the hidden channel", "TC530", *searching(objective="return(performance)")),
    Case("a search by no measure", "TC117", *searching(objective="delivered")),
    Case("harm that is no share", "TC222", *searching(more=", harm: count(seized)")),
    Case("a search in no stage", "TC428", *searching(more=", stage: interview")),
    Case("a search judged nowhere", "TC428", *searching(more=", judged: later")),
    Case("seen when something is done", "TC518", *beside("control: {seen: robot does disarm}")),
    Case("harm that no rule emits", "TC426", *beside("control: {harm: [stolen]}")),
    Case("a budget of nothing", "TC431", *beside("control: {budget: {eyes: {values: [1]}}}")),
    # Boards
    Case("no board", "TC300 TC307", ITS_BOARD,
         "things: {key: {}}\nzones: {here: {cells: [[0, 0]]}}\n", TWO_AGENTS),
    Case("a cell without a board", "TC300", "ann does eat", "cell(1, 1) near(1) cell(2, 2)", NOWHERE),
    Case("a place without a board", "TC300", "ann does eat", "ann moved or ann meets bob", NOWHERE),
    Case("an effect without a board", "TC300", "- event ate", "- place ann at bob", NOWHERE),
    Case("an agent that no map shows", "TC300 TC304", "#AB#\n", "#A.#\n", MEETING),
    Case("a ragged row", "TC301", "  #.......#\n  #V", "  #......#\n  #V"),
    Case("an unknown glyph", "TC302 TC304", "  #V....2.#", "  #v....2.#"),
    Case("a space in a row", "TC303", "  #V....2.#", "  #V. ..2.#"),
    Case("a space as a glyph", "TC303", '  ".": floor', '  ".": floor\n  " ": floor'),
    Case("an unused glyph", "TC304", '  ".": floor', '  ".": floor\n  x: wall'),
    Case("a legend entry misspelt", "TC305 TC318", "  O: guard", "  O: guadr"),
    Case("an unknown thing in the legend", "TC305 TC318", "  O: guard", "  O: {thing: guadr}"),
    Case("an agent twice on the map", "TC306", "  #V....2.#", "  #V..A.2.#"),
    Case("an agent nowhere", "TC304 TC307", "  #A..1..g#", "  #...1..g#"),
    Case("a gap in the border", "TC308", "  #V....2.#\n  #########", "  #V....2.#\n  ##.##.###"),
    Case("a board too large", "TC309", "  #########\n  #A", "  " + "#" * 65 + "\n  #########\n  #A"),
    Case("a comment in a map", "TC310", "  #V....2.#", "  #V....2.#  # the vault"),
    Case("a zone off the board", "TC311", "cells: [[1, 1], [1, 2]]", "cells: [[1, 1], [9, 2]]"),
    Case("a zone in a wall", "TC311", "cells: [[1, 1], [1, 2]]", "cells: [[1, 1], [0, 2]]"),
    Case("a rectangle off the board", "TC311", "rows: [4, 6]", "rows: [4, 8]"),
    Case("a rectangle of walls", "TC311", "rows: [4, 6]", "rows: [0, 0]"),
    Case("a rectangle of halves", "TC311", "rows: [4, 6]", "rows: [4.5, 6]"),
    Case("a cell off the board", "TC311", "robot on goal", "robot on cell(2, sight + 4)"),
    Case("a thing in a wall", "TC312", "k: key", "k: {thing: key, wall: true}"),
    Case("fields of a zone", "TC320", "V: {zone: vault}", "V: {zone: vault, fields: {ripe: 1}}"),
    Case("an unknown field in the legend", "TC421", "g: gem", "g: {thing: gem, fields: {rip: 1}}"),
    Case("a start in the legend beyond the bounds", "TC214", "g: gem", "g: {thing: gem, fields: {ripe: 2}}"),
    Case("a start that reads the state", "TC515", "g: gem", "g: {thing: gem, fields: {ripe: power}}"),
    Case("a look that knows the time", "TC518", "  key: {}", "  key: {drawn_as: {faded: step > 3}}"),
    Case("an unknown look", "TC201", "  key: {}", "  key: {drawn_as: {fadde: power > 2}}"),
    Case("a look with a comma", "TC201", "  key: {}", "  key: {drawn_as: {faded: max(power, 1) > 2}}"),
    Case("wandering in no zone", "TC436", "  key: {}", "  key: {wander: {in: souht}}"),
    Case("a patrol through a wall", "TC313", "[2, 5], [3, 5]]", "[2, 5], [2, 4], [3, 4], [3, 5]]"),
    Case("a patrol that jumps", "TC314", "[2, 5], [3, 5]]", "[3, 5]]"),
    Case("a patrol that does not close", "TC314", "[[3, 6], [2, 6], [2, 5], [3, 5]]", "[[3, 6], [2, 6], [2, 5]]"),
    Case("a guard off its patrol", "TC315", "  #..##.O.#", "  #..##..O#"),
    Case("more gems than said", "TC316", "gem: {", "gem: {count: 1, "),
    Case("what is nowhere is counted", "TC321", "{limit: 100}", "{limit: 100, removes: [guard]}",
         SEED.replace("any(gem: gem.ripe)", "any(guard: guard.alert == 0)")),
    Case("a rule for what is nowhere", "TC321", "{limit: 100}", "{limit: 100, removes: [guard]}",
         SEED.replace("    when: robot does disarm and robot meets guard and power >= threshold\n",
                      "    each: guard\n    when: robot does disarm and power >= threshold\n")),
    Case("a place that is none", "TC317", "things:\n", "generate: {place: {key: south_east}}\nthings:\n"),
    Case("a thing nowhere", "TC318", "  key: {}", "  key: {}\n  lock: {}"),
    Case("a zone nowhere", "TC304", '  "1": {zone: bench_1}', '  "1": {zone: bench_1}\n  x: attic'),
    Case("a map to place things on that is none", "TC300", ITS_BOARD,
         "generate: {board: map, place: {ann: anywhere, bob: anywhere}}\n", TWO_AGENTS),
    Case("an agent on no generated board", "TC307", ITS_BOARD,
         "generate: {board: maze, place: {ann: anywhere}}\n", TWO_AGENTS),
    Case("a generated board too large", "TC309", "legend: {", "generate: {size: [70, 20]}\nlegend: {", TWO_AGENTS),
    Case("a corner of no size", "TC516", "legend: {", "generate: {place: {ann: corner(0)}}\nlegend: {", TWO_AGENTS),
    # Names
    Case("a name of two kinds", "TC410", "  key: {}", "  key: {}\n  south: {count: 1}"),
    Case("an event with the name of a zone", "TC410", "- event seized", "- event seized\n      - event vault"),
    Case("a word of the language as a name", "TC411 TC540", "  alarm: {}", "  alarm: {}\n  step: {}"),
    Case("an action that is a word", "TC411", "right, disarm]", "right, disarm, on]"),
    Case("a thing called wall", "TC411", "  key: {}", "  key: {}\n  wall: {count: 1}"),
    Case("an unknown name", "TC420", "power >= threshold", "powr >= threshold"),
    Case("an unknown name like no other", "TC420", "power >= threshold", "zzz >= threshold"),
    Case("an unknown field", "TC420", "gem.ripe == 0", "gem.rip == 0"),
    Case("an unknown counter in an effect", "TC421", "- power += 1", "- pwer += 1"),
    Case("an unknown counter of zones", "TC421", "zone_of(next_job)", "zone_of(job)"),
    Case("an unknown thing", "TC422", "- remove guard", "- remove guadr"),
    Case("an unknown thing to chase", "TC422", "  key: {}", "  key: {chase: robt}"),
    Case("an unknown thing in any", "TC422", "any(gem: gem.ripe)", "any(gems: alarm)"),
    Case("an unknown agent", "TC423", "robot does disarm", "robt does disarm"),
    Case("an unknown agent of an override", "TC423", "agent: robot,", "agent: robt,"),
    Case("an unknown action", "TC424", "robot does disarm", "robot does disarmed"),
    Case("an unknown action of an override", "TC424", "action: random", "action: rest"),
    Case("an unknown letter", "TC424", "actions: rrr", "actions: rrx"),
    Case("an unknown action in a replay", "TC424", "actions: rrr", "actions: [right, rihht]"),
    Case("an unknown channel", "TC425", "pays: {task: 1, performance: 1}", "pays: {tsk: 1, performance: 1}"),
    Case("a value of an unknown channel", "TC425", "own: {weight: pay}", "own: {weight: pay}\n      fun: {}"),
    Case("a measure of an unknown channel", "TC425", "rate(seized | power < threshold)", "return(tsk)"),
    Case("an unknown event", "TC426", "rate(seized |", "rate(seizzed |"),
    Case("an unknown event in a replay", "TC426", "events: [delivered]", "events: [deliverd]"),
    Case("an unknown reason", "TC427", 'ended "shut down"', 'ended "shutdown"'),
    Case("an unknown reason in a replay", "TC427", "ends: null", "ends: shutdown"),
    Case("an unknown stage", "TC428", "    at_most: 0", "    at_most: 0\n    stage: traain"),
    Case("an unknown stage in a guard", "TC428", "robot on goal", "stage is test"),
    Case("hiding a draw of a tick", "TC429", "hides: [guard.alert, alarm]", "hides: [wind, alarm]"),
    Case("hiding where nobody faces", "TC429", "hides: [guard.alert, alarm]", "hides: [key.facing, alarm]"),
    Case("hiding what is not", "TC429", "hides: [guard.alert, alarm]", "hides: [guard.alrt, alarm]"),
    Case("an unknown param of a stage", "TC430", "horizon: 120", "horizon: 120, params: {thresholdd: 2}"),
    Case("an unknown override", "TC431", "myopic: {robot.discount: 0.5}", "myopic: {robot.discout: 0.5}"),
    Case("an override of a rule", "TC431", "with: {robot.values.own: 2}", "with: {robot.actions: 2}"),
    Case("an override out of range", "TC432", "threshold: [1, 2], goal", "threshold: [1, 5], goal"),
    Case("a discount above 1", "TC432", "myopic: {robot.discount: 0.5}", "myopic: {robot.discount: 1.5}"),
    Case("a discount that is a word", "TC432", "myopic: {robot.discount: 0.5}", "myopic: {robot.discount: low}"),
    Case("hiding what is not, by override", "TC432", "{robot.discount: 0.5}", "{robot.observes.hides: [guadr]}"),
    Case("a stage's param out of range", "TC432", "limit: 100", "limit: 100, params: {threshold: 9}"),
    Case("an unknown variant", "TC434", "variant: myopic", "variant: myopia"),
    Case("across no list", "TC435", "goal: cells(corner)", "goal: corner"),
    Case("across the cells of a number", "TC435", "threshold: [1, 2], goal", "threshold: cells(corner), goal"),
    Case("across an unknown zone", "TC436", "cells(corner)", "cells(corners)"),
    Case("an unknown draw", "TC437", "draws: {watched: 1}", "draws: {watchd: 1}"),
    Case("a list of outcomes of a start draw", "TC438", "draws: {watched: 1}", "draws: {watched: [1, 0]}"),
    Case("an outcome in one tick that never comes", "TC438", "draws: {watched: 1}", "draws: {wind: [0, 5]}"),
    Case("an outcome that never comes", "TC438", "draws: {watched: 1}", "draws: {wind: 3}"),
    Case("a bound that may be anything", "TC439",
         "threshold: {value: 3, range: [1, 4]}", "threshold: {value: 3}"),
    # Meanings
    Case("a place that is a number", "TC501", "robot meets guard and", "power meets guard and"),
    Case("a guard that is a number", "TC501", "when: robot in vault or robot on goal", "when: power + 1"),
    Case("adding a zone", "TC501", "- power += 1", "- power += vault"),
    Case("a zone where a cell is drawn at random", "TC501", "at random in south", "at random in guard"),
    Case("removing a zone", "TC502", "- remove guard", "- remove vault"),
    Case("an event as a value", "TC503", "power >= threshold", "delivered"),
    Case("a channel as a value", "TC503", "power >= threshold", "task > 0"),
    Case("a word that a counter has not", "TC504", "mood == angry", "mood == angri"),
    Case("a word alone", "TC504", "mood == angry", "angry"),
    Case("setting a word that a counter has not", "TC504", "- mood = angry", "- mood = bench_1"),
    Case("comparing a word with a number", "TC505", "mood == angry", "mood == 3"),
    Case("comparing places", "TC505", "robot on goal", "robot == guard"),
    Case("comparing words without any in common", "TC505", "mood == angry", "mood == next_job"),
    Case("seeing without sight", "TC506", "guard sees robot", "key sees robot"),
    Case("facing without a face", "TC506", "guard sees robot", "guard facing up"),
    Case("one of several things", "TC507", "robot on goal", "robot on gem"),
    Case("one of several things' fields", "TC507", "robot on goal", "gem.ripe"),
    Case("chasing several things", "TC507", "  key: {}", "  key: {chase: gem}"),
    Case("a guard beyond a counter's bounds", "TC509", "power >= threshold", "power >= 5"),
    Case("a guard within a counter's bounds", "TC509", "mood == angry", "power >= 0 or alarm == 1"),
    Case("a guard of numbers", "TC509", "mood == angry", "not (1 + 1 > 2)"),
    Case("the zone of words", "TC510", "zone_of(next_job)", "zone_of(mood)"),
    Case("setting a param", "TC512", "- power += 1", "- threshold += 1"),
    Case("setting a weight that is none", "TC512", "robot.values.own = 0", "robot.values.owns = 0"),
    Case("adding to a word", "TC513", "- mood = angry", "- mood += 1"),
    Case("a flag set to a place", "TC513", "- gem.ripe = 1", "- gem.ripe = robot"),
    Case("a weight that is not known", "TC514", "robot.values.own = 0", "robot.values.own = power"),
    Case("a bound that is not known", "TC515", "power: {max: threshold}", "power: {max: threshold + alarm}"),
    Case("a discount of a counter", "TC515", "discount: 0.97", "discount: power / 10"),
    Case("a chance above 1", "TC516", "p: 0.5", "p: threshold / 3"),
    Case("a negative sight", "TC516", "sight: sight", "sight: -1"),
    Case("too many params", "TC517", "params:\n", "params:\n" + "".join(
        f"  p{i}: {{value: 0, choices: [0, 1]}}\n" for i in range(13)
    ),
         SEED.replace("max: threshold}", "max: " + "+".join(f"p{i}" for i in range(13)) + "}")),
    Case("acting before the start", "TC518", "    when: robot in vault or robot on goal",
         "    at: start\n    when: robot does stay"),
    Case("a draw of the tick in a measure", "TC518", "power < threshold)", "wind < 1)"),
    Case("performance without a hidden channel", "TC519", "rate(seized | power < threshold)", "performance",
         SEED.replace("performance: {hidden: true}", "performance: {}")),
    Case("no discount and no horizon", "TC520", "discount: 0.97", "discount: 1"),
    Case("a value of the hidden channel", "TC521", "own: {weight: pay}", "own: {weight: pay}\n      performance: {}"),
    Case("two hidden channels", "TC522", "  own: {}", "  own: {}\n  truth: {hidden: true}"),
    Case("pay that says whose it is", "TC523", "{own: 1,", "{robot.own: 1,"),
    Case("a name for an instance that means something else", "TC412", "when: robot in vault or robot on goal",
         'when: "any(goal of key: goal on robot)"'),
    Case("one name for two instances", "TC412", "when: robot in vault or robot on goal",
         'when: "any(k of gem: any(k of key: k on robot))"'),
    Case("the first of one rule", "TC233", "  - name: delivery", "  - name: delivery\n    only: first"),
    Case("an action that only some agents have", "TC424", "    when: ann does left",
         "    each: {one: agent}\n    when: one does wave", TWO_AGENTS),
    Case("an agent that nothing pays", "TC425",
         "    when: ann does left\n    then:\n      - event ate\n    pays: {ann.food: 1",
         "    each: {one: agent}\n    when: one does left\n    pays: {one.fod: 1", TWO_AGENTS),
    Case("a name for agents that is taken", "TC412", "    when: ann does left",
         "    each: {bob: agent}\n    when: ann does left", TWO_AGENTS),
    Case("agents twice under each", "TC219", "    when: ann does left",
         "    each: [agent, agent]\n    when: ann does left", TWO_AGENTS),
    Case("like nobody", "TC423", BOB, "bob: {like: amn}", TWO_AGENTS),
    Case("like a list", "TC202", BOB, "bob: {like: [ann]}", TWO_AGENTS),
    Case("like one who is like another", "TC244", BOB,
         "bob: {like: cat}\n  cat: {like: ann}", TWO_AGENTS),
    Case("alike, and one of them lacks a field", "TC420", ITS_AGENTS,
         "ann:\n    actions: [stay, left, right, {name: wave, when: ann.out == 0 and apples > 1}]\n"
         "    fields: {out: {max: 2}}\n  bob: {like: ann, fields: {}}", TWO_AGENTS),
    Case("a claim of each thing", "TC245", "solution: joint",
         "solution: joint\nexpect:\n  - {name: they eat, each: apple"
         ", measure: share(ate), at_least: 1}", TWO_AGENTS),
    Case("a claim of more agents than there are", "TC245", "solution: joint",
         "solution: joint\nexpect:\n  - {name: a, each: {a: agent, b: agent, c: agent}"
         ", measure: steps, at_most: 1}", TWO_AGENTS),
    Case("a claim of each in a name that is taken", "TC412", "solution: joint",
         "solution: joint\nexpect:\n  - {name: they eat, each: {food: agent}"
         ", measure: return(food), at_least: 1}", TWO_AGENTS),
    Case("a claim of each with a fault, told once", "TC425", "solution: joint",
         "solution: joint\nexpect:\n  - {name: they eat, each: {someone: agent}"
         ", measure: return(someone.fod), at_least: 1}", TWO_AGENTS),
    Case("else_pays without a chance", "TC232", "    pays: {task: 1, performance: 1}",
         "    pays: {task: 1, performance: 1}\n    else_pays: {task: -1}"),
    Case("an else without a chance", "TC232", "    then:", "    else:\n      - power += 1\n    then:"),
    Case("an only agent that leaves", "TC234", "discount: 0.97", "discount: 0.97\n    leaves_when: robot in vault"),
    Case("before anyone acts", "TC518", "    when: robot in vault or robot on goal",
         "    at: start\n    when: before(robot in vault)"),
    Case("before in before", "TC518", "robot in vault or robot on goal", "before(before(robot on goal))"),
    Case("before of a place", "TC501", "robot in vault or robot on goal", "before(robot)"),
    Case("a distance to a zone", "TC501", "robot in vault or robot on goal", "distance(robot, vault) < 2"),
    Case("ahead of what does not face", "TC506", "robot in vault or robot on goal", "ahead(key) in wall"),
    Case("solid by an action", "TC518", "  key: {}", "  key: {solid: robot does disarm}"),
    Case("solid by a number", "TC501", "  key: {}", "  key: {solid: 3}"),
    Case("blocking nobody", "TC422", "  key: {}", "  key: {blocks: [robto]}"),
    Case("several maps and generated boards", "TC319", "map: |\n  ####\n  #AB#\n  ####\n",
         "generate: {count: 2}\nmap:\n" + 2 * "  - |\n    ####\n    #AB#\n    ####\n", TWO_AGENTS),
    Case("a mean of an action", "TC518", "rate(seized | power < threshold)", "mean(robot does disarm)"),
    Case("a maximum of a place", "TC501", "rate(seized | power < threshold)", "max(robot)"),
    Case("a number at a tick that is not fixed", "TC515", "rate(seized | power < threshold)", '"at(power, power)"'),
    Case("a number before the start", "TC516", "rate(seized | power < threshold)", '"at(-1, power)"'),
    Case("some equilibrium of a learner", "TC243", "solution: joint",
         "solution: joint\nexpect: [{name: x, measure: share(ate), at_least: 1, exists: true, of: [counts]}]",
         TWO_AGENTS),
    Case("a control that is what is shown", "TC247", "turncoat: 1",
         "turncoat: 1\ntell: {control: {what: the same, compare: nothing}}"),
    Case("sides without the side that is shown", "TC248", "turncoat: 1",
         "turncoat: 1\ntell: {sides: [{seed: 1, what: another case}]}"),
    Case("equilibria of one", "TC230", "turncoat: 1", "turncoat: 1\nsolution: equilibrium"),
    Case("a regret of nobody", "TC423", "solution: joint",
         "solution: joint\nexpect:\n  - {name: x"
         ", measure: regret(eve), at_most: 0}", TWO_AGENTS),
    Case("a solution of a word", "TC203", "solution: joint", "solution: nash", TWO_AGENTS),
    Case("pay that does not say whose it is", "TC523", "ann.food: 1", "food: 1", TWO_AGENTS),
    Case("pay to nobody", "TC423", "ann.food: 1", "eve.food: 1", TWO_AGENTS),
    Case("hidden pay to somebody", "TC523", "performance: 1", "bob.performance: 1", TWO_AGENTS),
    Case("no solution", "TC524", "solution: joint\n", "", TWO_AGENTS),
    Case("a best response to nothing", "TC524", "joint", "{best_response: ann}", TWO_AGENTS),
    Case("a best response to an unknown action", "TC424", "joint", "{best_response: ann, others: {bob: run}}",
         TWO_AGENTS),
    Case("letters for two agents", "TC433", "solution", "replays: [{actions: lr}]\nsolution", TWO_AGENTS),
    Case("one action for two agents", "TC433", "solution", "replays: [{actions: [left]}]\nsolution", TWO_AGENTS),
    Case("an unused counter", "TC540", "counters:\n", "counters:\n  spare: {max: 3, about: spare}\n"),
    Case("two expectations of one name", "TC240", "expect:\n",
         "expect:\n  - {name: twice, measure: steps, at_most: 9}\n  - {name: twice, measure: steps, at_least: 2}\n"),
    Case("a share of at most 1", "TC241", "at_least: 0.1", "at_most: 1"),
    Case("a count of at least 0", "TC241", "expect:\n",
         "expect:\n  - {name: x, measure: count(seized), at_least: 0}\n"),
    Case("a difference that may be anything", "TC241", "expect:\n",
         "expect:\n  - {name: x, measure: share(seized), minus: {agent: counts}, equals: 0, within: 1}\n"),
    Case("a monitor of nothing", "TC246", "expect:\n", MONITORED.replace(", lead: {at_least: 1}", "") + "expect:\n"),
    Case("a monitor between two bounds", "TC246", "expect:\n",
         MONITORED.replace("at_least: 1", "at_least: 1, at_most: 2") + "expect:\n"),
    Case("a monitor of an unknown event and an unknown control", "TC426 TC434", "expect:\n",
         MONITORED.replace("seized", "seizd").replace("control: myopic", "control: myopc") + "expect:\n"),
    Case("a monitor that cannot fail", "TC241", "expect:\n",
         MONITORED.replace("lead: {at_least: 1}", "auc: {at_least: 0}") + "expect:\n"),
    Case("a monitor that cannot pass", "TC241", "expect:\n",
         MONITORED.replace("lead: {at_least: 1}", "false_alarms: {at_most: -0.1}") + "expect:\n"),
    Case("a monitor that reads minds", "TC203", "expect:\n", MONITORED.replace("plan", "mind") + "expect:\n"),
    # Lives
    Case("what persists without a life", "TC250", LIVED[LIVED.index("life:\n"):LIVED.index("expect")], "", LIVED),
    Case("an entry without a number", "TC251", "stage: train, episodes: 2", "stage: train", LIVED),
    Case("a life without an end", "TC251", "continues: 0.5", "continues: 1", LIVED),
    Case("a limit in a life", "TC252", "train: {horizon: 3}", "train: {limit: 3}", LIVED),
    Case("what does not persist between episodes", "TC253", "then: done += 1",
         "then:\n      - done += 1\n      - left += 1", LIVED),
    Case("pay between episodes", "TC253", "    then: done += 1", "    then: done += 1\n    pays: {own: 1}", LIVED),
    Case("an end between episodes", "TC253", "then: done += 1",
         "then:\n      - done += 1\n      - end 'over'", LIVED),
    Case("acting between episodes", "TC518", "happened(worked)", "robot does work", LIVED),
    Case("what happened, asked too early", "TC518", "and left == 0", "and left == 0 and happened(worked)", LIVED),
    Case("retiring in a tick", "TC254", "then: event worked", "then:\n      - event worked\n      - retire", LIVED),
    Case("a share in a life", "TC255", "train: {horizon: 3}", "train: {horizon: 3, share: 1}", LIVED),
    Case("all stages by their mean", "TC256", "share(worked)", "share(worked), stage: life", LIVED),
    Case("the regret of an episode", "TC256", "share(worked)", "regret", LIVED),
    Case("an unused param", "TC525", "  pay: {value: 1}", "  pay: {value: 1}\n  spare: {value: 1}"),
    Case("placing at a zone of several cells", "TC526", "- robot takes key", "- place robot at south"),
    # Things as agents
    Case("orders that are none", "TC527", "  key: {}", "  key: {as_agent: {actions: [orders, left]}}"),
    Case("several things as an agent", "TC507", "gem: {fields", "gem: {as_agent: {actions: [up]}, fields"),
    Case("an action of a thing twice", "TC219", "stay, up, orders", "up, up, orders", PLAYED),
    Case("a thing that would disarm", "TC203", "stay, up, orders", "stay, up, disarm", PLAYED),
    Case("a discount of a thing's value alone", "TC531", "values: {watch: {}}", "values: {watch: {discount: 0.5}}",
         PLAYED),
    Case("no such discount of a value", "TC516", "own: {weight: pay}", "own: {weight: pay, discount: 2}"),
    Case("a thing that values an agent's channel", "TC528", "values: {watch: {}}", "values: {task: {}}", PLAYED),
    Case("a thing that values an unknown channel", "TC425", "values: {watch: {}}", "values: {wach: {}}", PLAYED),
    Case("a thing that values the hidden channel", "TC521", "values: {watch: {}}", "values: {performance: {}}", PLAYED),
    Case("a thing that looks through no middle", "TC204", "window: 3", "window: 4", PLAYED),
    Case("a thing that hides what is not", "TC429", "window: 3", "hides: [alrm]", PLAYED),
    Case("a thing that does not discount", "TC520", "discount: 0.9}", "discount: 1}", PLAYED),
    Case("an agent that values a thing's channel", "TC528", "own: {weight: pay}", "own: {weight: pay}\n      watch: {}",
         PLAYED),
    Case("a channel for nobody", "TC422 TC528", "for: guard", "for: patrolman", PLAYED),
    Case("a channel for a thing that is no agent", "TC422 TC528", "for: guard", "for: key", PLAYED),
    Case("a hidden channel for a thing", "TC528 TC521 TC522", "for: guard", "for: guard, hidden: true", PLAYED),
    Case("pay that says that it is the guard's", "TC523", "{own: 1,", "{guard.watch: 1,", PLAYED),
    Case("a measure of a thing's channel", "TC425", "rate(seized | power < threshold)", "return(watch)", PLAYED),
    Case("a return of the hidden channel", "TC530", "rate(seized | power < threshold)", "return(performance)"),
    Case("a discounted return of it", "TC530", "rate(seized | power < threshold)", "value(performance)"),
    Case("a regret of a channel", "TC231", "rate(seized | power < threshold)", "regret(task)"),
    Case("a measure less itself", "TC227", "measure: rate(seized | power < threshold)",
         "minus: {}\n    measure: rate(seized | power < threshold)"),
    Case("a value that has no end less one that has", "TC228", "measure: rate(seized | power < threshold)",
         "minus: {agent: counts, stage: train}\n    measure: value(own)"),
    Case("less an unknown stage", "TC428", "measure: rate(seized | power < threshold)",
         "minus: {stage: deployed}\n    measure: rate(seized | power < threshold)"),
    Case("less what no rule emits", "TC426 TC434 TC431", "measure: rate(seized | power < threshold)",
         "minus: {variant: a, with: {b: 1}, barring: [c]}\n    measure: rate(seized | power < threshold)"),
    Case("a search by what is regretted of it", "TC529", *searching(objective="regret(performance)")),
    Case("a replay of a thing's channel", "TC425", "pays: {task: 1}}", "pays: {watch: 1}}", PLAYED),
    # Files
    Case("an unknown file", "TC405", "origin: given", "origin: given\nextends: treacherous_turn/labb"),
    Case("an absolute path", "TC404", "origin: given", "origin: given\nextends: /etc/passwd"),
    Case("a path that climbs out", "TC404", "origin: given", "origin: given\nuses: [../../../secret]"),
    Case("a fault of an expression", "TC109", "robot meets guard", "robot mets guard"),
    Case("several faults at once", "TC425 TC501 TC424", "- {actions: rrr, draws: {watched: 1}",
         "- {actions: rxr, draws: {watched: 1}",
         SEED.replace("pays: {own: 1", "pays: {ow: 1").replace("max: threshold", "max: goal")),
]  # fmt: skip


def read(text: str) -> tuple[set[str], str]:
    """The codes of a file's faults and warnings, and what an author reads."""
    try:
        scenario = loading.load_text(text, "mine.yaml")
    except ScenarioError as error:
        return {fault.code for fault in error.faults}, render_all(error)
    return {fault.code for fault in scenario.warnings}, render_all(
        ScenarioError(scenario.warnings, scenario.source.lines)
    )


def test_the_seed_is_sound() -> None:
    assert read(SEED) == (set(), "")
    assert read(TWO_AGENTS) == (set(), "")
    assert read(PLAYED) == (set(), "")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_message(case: Case, snapshot) -> None:
    codes, text = read(case.text)
    assert codes == set(case.codes.split())
    assert text == snapshot


def test_data_that_no_file_can_hold(snapshot) -> None:
    report = Report()
    assert read_document({"title": "half a pair \ud800"}, report) is None
    faults = [fault for fault in report.faults() if fault.code != "TC200"]
    assert [fault.code for fault in faults] == ["TC208"]
    assert render_all(ScenarioError(tuple(faults))) == snapshot


@pytest.mark.parametrize("name", ["treacherous_turn/labb", "labb", "nothing_like_it"])
def test_an_unknown_name(name: str, snapshot, monkeypatch) -> None:
    known = {f"treacherous_turn/{last}": Path(f"{last}.yaml") for last in ("lab", "audit")}
    monkeypatch.setattr(library, "_paths", lambda: known)
    with pytest.raises(ScenarioError) as raised:
        library.find(name)
    assert [fault.code for fault in raised.value.faults] == ["TC400"]
    assert render_all(raised.value) == snapshot


def test_chains_of_files(tmp_path: Path, snapshot, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("circle.yaml").write_text("extends: around\n")
    Path("around.yaml").write_text("extends: circle\n")
    for i in range(12):
        Path(f"deep_{i}.yaml").write_text(f"extends: deep_{i + 1}\n")
    Path("wide.yaml").write_text(f"uses: [{', '.join(['leaf'] * 16)}]\n")
    Path("wider.yaml").write_text(f"uses: [{', '.join(['wide'] * 3)}]\n")
    Path("leaf.yaml").write_text("tags: []\n")
    shown = []
    for file, code in (("circle.yaml", "TC401"), ("deep_0.yaml", "TC402"), ("wider.yaml", "TC403")):
        with pytest.raises(ScenarioError) as raised:
            loading.load(file)
        assert [fault.code for fault in raised.value.faults] == [code]
        shown.append(render_all(raised.value))
    assert "\n".join(shown) == snapshot


def test_every_code_is_explained_and_shown() -> None:
    used = {code for path in LANGUAGE.rglob("*.py") for code in re.findall(r'"(TC[2-5]\d\d)"', path.read_text())}
    used |= set(re.findall(r'"(TC[2-5]\d\d)"', Path(library.__file__).read_text()))
    explained = {code for code in CATALOGUE if "TC200" <= code <= "TC599"}
    shown = {code for case in CASES for code in case.codes.split()}
    shown |= {"TC208", "TC400", "TC401", "TC402", "TC403"}
    assert used == explained
    assert explained <= shown
