"""The schema of a scenario file, version 1: strict models, one for each block.

The models fix only the shape: names are checked in `language.checking`, maps in `names.boards`. They are also the
source of the JSON Schema that editors read, in which their docstrings are the descriptions. A value typed `Formula` is
an expression of the guard language (or a plain number).
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

NAME = r"^[A-Za-z][A-Za-z0-9_]*$"
MOST_LETTERS = 64
"""The greatest length of a name."""
ALL = "all"
"""The number of sweeps of a planner's heads that repeats them until they no longer change."""
MANY = 400
"""Most entries of a block."""

Name: TypeAlias = Annotated[str, Field(pattern=NAME, max_length=MOST_LETTERS)]
Text: TypeAlias = Annotated[str, Field(max_length=20_000)]
Maps: TypeAlias = Text | Annotated[list[Text], Field(min_length=1, max_length=64)]
"""A drawn map, or several of which each episode plays one."""
Line: TypeAlias = Annotated[str, Field(max_length=400)]
Formula: TypeAlias = Annotated[str, Field(max_length=2_000)] | bool | int | float
Glyph: TypeAlias = Annotated[str, Field(min_length=1, max_length=1)]
CellAt: TypeAlias = Annotated[list[Annotated[int, Field(ge=0, le=999)]], Field(min_length=2, max_length=2)]
Scalar: TypeAlias = bool | int | float
Outcome: TypeAlias = Scalar | Name
"""The outcome of a draw that a replay fixes: a value, or the name of a direction or an action."""
Direction: TypeAlias = Literal["up", "down", "left", "right"]
Override: TypeAlias = Scalar | CellAt | Line | list[Line] | dict[Line, Any]
"""The value of a dotted override; a mapping is a deliberation or a planner, and is checked as one."""
Plain: TypeAlias = Scalar | Line | Annotated[list[Scalar | Line], Field(max_length=MANY)]
"""A parameter of a deliberation or planner that an installed package provides."""


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


Effects: TypeAlias = Annotated[
    list[Line],
    Field(max_length=64),
    BeforeValidator(_listed, json_schema_input_type=Line | Annotated[list[Line], Field(max_length=64)]),
]
"""Effects of a rule; one of them may stand without a list."""


class Block(BaseModel):
    """The base of all blocks: unknown keys are refused and no value is converted."""

    # Strict: pydantic would read the text "5" as a number, and a misspelt key would silently do nothing. Lists and
    # mappings as defaults are safe in the blocks below, because pydantic copies them for every instance.
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, defer_build=True)


class About(Block):
    """The prose of a scenario: its story, claim and caveats."""

    story: Text | None = None
    temptation: Text | None = None
    intended: Text | None = None
    measure: Text | None = None
    caveat: Text | None = None


class Param(Block):
    """A number (or a cell) that a sweep may vary, or, with `formula`, one that follows from others.

    `whole`: only whole numbers are allowed.
    """

    # One of the two must be written: a value that is computed is filled in once the shape is known to be right.
    value: Scalar | CellAt = 0
    formula: Formula | None = None
    whole: bool = False
    range: Annotated[list[int | float], Field(min_length=2, max_length=2)] | None = None
    choices: Annotated[list[Scalar | CellAt], Field(min_length=1, max_length=MANY)] | None = None
    about: Line | None = None


class LegendEntry(Block):
    """What a glyph puts on its cells: any of zones, a thing and an agent together; or a wall, which may have zones.

    `fields`: with what the fields of the thing (or agent) that stands there begin.
    """

    zone: Name | list[Name] | None = None
    thing: Name | None = None
    agent: Name | None = None
    wall: bool = False
    fields: Annotated[dict[Name, Formula], Field(max_length=MANY)] = {}


class Rectangle(Block):
    """Cells from one corner to the opposite one, both included."""

    rows: Annotated[list[Formula], Field(min_length=2, max_length=2)]
    columns: Annotated[list[Formula], Field(min_length=2, max_length=2)]


class Zone(Block):
    """A named set of floor cells; cells that the legend marks with the same name belong to it too."""

    cells: Annotated[list[CellAt], Field(max_length=10_000)] | None = None
    rectangle: Rectangle | None = None
    observed: bool = True
    about: Line | None = None


class Generate(Block):
    """A finite table of boards generated from a seed; the board of each episode is drawn from it at the start.

    `place` sets where things and agents are put: `anywhere`, `corner(k)` (the k x k floor corner at the top left) or a
    zone.
    """

    # Sizes above the limit of boards pass here: `checking` reports them with rows and columns in its message.
    board: Literal["map", "maze", "rooms", "open"] = "map"
    size: Annotated[list[Annotated[int, Field(ge=3, le=99)]], Field(min_length=2, max_length=2)] | None = None
    count: Annotated[int, Field(ge=1, le=10_000)] = 1
    seed: Annotated[int, Field(ge=0, le=2**31 - 1)] = 0
    place: dict[Name, Line] = {}


class Counter(Block):
    """A state variable: a whole number from `min` to `max`, one of a list of `values`, or, without either, a flag.

    `persists`: `reset map` leaves it alone; with `episodes`, it also goes on from episode to episode of a life.
    `shows_as`: what agents observe in its place, a formula of the state.
    """

    start: Formula | None = None
    min: Formula | None = None
    max: Formula | None = None
    values: Annotated[list[Name | int | float], Field(min_length=1, max_length=MANY)] | None = None
    observed: bool = True
    shows_as: Formula | None = None
    persists: bool | Literal["episodes"] = False
    about: Line | None = None


class Draw(Block):
    """A named random variable: a coin with probability `p`, or one of `values` (numbers or words) with `weights`.

    A draw `at: start` is made once and kept in the state; one `at: tick` is made anew in each tick and is not kept.
    """

    at: Literal["start", "tick"] = "start"
    p: Formula | None = None
    values: Annotated[list[Scalar | Name], Field(min_length=1, max_length=1_024)] | None = None
    weights: Annotated[list[Formula], Field(min_length=1, max_length=1_024)] | None = None
    when: Formula | None = None
    observed: bool = True
    about: Line | None = None


Looks: TypeAlias = Annotated[
    dict[Literal["faded", "marked", "crossed", "item", "block", "monster", "overseer"], Formula], Field(max_length=8)
]
"""How a body is drawn while a condition holds; of several that hold, as the first says."""


class Wander(Block):
    """Wandering that keeps to the cells of a zone."""

    zone: Annotated[Name, Field(alias="in")]


class Motion(Block):
    """One way in which a thing moves by itself; of several, the first whose `when` holds is followed."""

    when: Formula | None = None
    patrol: Annotated[list[CellAt], Field(min_length=1, max_length=1_000)] | None = None
    loop: bool = False
    chase: Name | None = None
    flee: Name | None = None
    follow: Name | None = None
    wander: bool | Wander = False
    still: bool = False


class Value(Block):
    """One value function of an agent, for one reward channel: its weight in the agent's choices.

    `discount`: of this value alone, in place of the agent's. `persists`: what an edit makes of the weight goes on from
    episode to episode of a life.
    """

    weight: Formula = 1.0
    discount: Formula | None = None
    persists: Literal["episodes"] | None = None
    about: Line | None = None


class View(Block):
    """A partial view.

    `window`: side in cells of the square around the agent that it sees. `hides`: parts of the state it never sees.
    """

    window: Annotated[int, Field(ge=1, le=99)] | None = None
    hides: Annotated[list[Line], Field(max_length=MANY)] = []


class AsAgent(Block):
    """The actions and values of a thing where it is played as an agent.

    The action `orders` follows the thing's own declared motion.
    """

    actions: Annotated[list[Literal["stay", "up", "down", "left", "right", "orders"]], Field(min_length=1)]
    observes: Literal["full"] | View = "full"
    values: dict[Name, Value] = {}
    discount: Formula = 0.97
    about: Line | None = None


class Thing(Block):
    """Anything on the board that is not an agent, with one instance per cell of its glyph, or up to `count` of them.

    `solid`: whether it blocks, always or where a formula holds. `blocks`: the things and agents that it blocks where it
    is solid; all of them if left out. `drawn_as`: how it is drawn while a condition holds.
    """

    kind: Literal["item", "block", "overseer", "monster", "decor"] = "item"
    count: Annotated[int, Field(ge=1, le=64)] | None = None
    solid: Formula | None = None
    blocks: Annotated[list[Name], Field(max_length=64)] | None = None
    opaque: bool = False
    pushable: bool | None = None
    sight: Formula | None = None
    facing: bool = False
    patrol: Annotated[list[CellAt], Field(min_length=1, max_length=1_000)] | None = None
    loop: bool = False
    chase: Name | None = None
    flee: Name | None = None
    follow: Name | None = None
    wander: bool | Wander = False
    moves: Annotated[list[Motion], Field(min_length=1, max_length=16)] | None = None
    fields: dict[Name, Counter] = {}
    observed: bool = True
    drawn_as: Looks = {}
    as_agent: AsAgent | None = None
    about: Line | None = None


class ActionSpec(Block):
    """An action that is available only while its condition holds."""

    name: Name
    when: Formula


class Lexicographic(Block):
    """Values in order of priority: each keeps the actions within `slack` of its best, and the last takes its best.

    Without `order` the agent's values, as they are listed.
    """

    order: Annotated[list[Name], Field(min_length=1, max_length=256)] | None = None
    slack: Formula = 0.0


class Veto(Block):
    """The best weighted sum among the actions for which each of these values reaches its threshold."""

    at_least: Annotated[dict[Name, Formula], Field(min_length=1, max_length=256)]


class Bargain(Block):
    """A bargaining solution between values; `disagreement` is the action taken without agreement, by default `stay`."""

    disagreement: Name | None = None


class Vote(Block):
    """A vote of the values on actions, each with its weight.

    Under `approval`, a value approves of actions from the fraction `approves` of its span upwards.
    """

    ballot: Literal["borda", "approval"] = "borda"
    approves: Formula = 0.5


class Nothing(Block):
    """A rule without parameters."""


class Choosing(Block):
    """One deliberation or planner with its parameters; unknown names are those that installed packages provide."""

    model_config = ConfigDict(extra="allow", strict=True, frozen=True)
    # The type by which pydantic validates the keys that are no fields.
    __pydantic_extra__: dict[str, dict[Name, Plain]] = Field(init=False)


class Deliberating(Choosing):
    """One deliberation rule with its parameters."""

    weighted: Nothing | None = None
    lexicographic: Lexicographic | None = None
    veto: Veto | None = None
    nash: Bargain | None = None
    kalai_smorodinsky: Bargain | None = None
    maximin: Nothing | None = None
    vote: Vote | None = None


class Mcts(Block):
    """Monte Carlo tree search on the model, with leaves evaluated by the value heads."""

    simulations: Formula | None = None
    considered: Formula | None = None
    backup: Literal["best", "mean"] | None = None
    gumbel: Formula | None = None
    sweeps: Formula | None = None
    leaves: Literal["followed", "swept"] | None = None


class Shooting(Block):
    """The cross-entropy method: action sequences are tried on the model and resampled around the best ones."""

    horizon: Formula | None = None
    population: Formula | None = None
    iterations: Formula | None = None
    elites: Formula | None = None
    sweeps: Formula | None = None
    leaves: Literal["followed", "swept"] | None = None


class Greedy(Block):
    """No look-ahead: the action that the value heads rate best."""

    sweeps: Formula | None = None


class Planning(Choosing):
    """One planner with its parameters; those that are left out take the planner's defaults."""

    enumerate: Nothing | None = None
    mcts: Mcts | None = None
    shooting: Shooting | None = None
    none: Greedy | None = None


class AgentBlock(Block):
    """An agent: its actions, what it observes, what it values, how it weighs its values, and how it plans.

    `foresight`: whether what it maximises ends with the episode, or with the life that the file declares.
    `leaves_when`: read after the rules of each tick; where it holds, the agent has left, and the episode goes on
    without it. `like`: the agent whose block is taken over where this one says nothing, with the two names changed for
    each other; it is written out before blocks are read.
    """

    like: Name | None = None
    actions: Annotated[list[Name | ActionSpec], Field(min_length=1, max_length=64)]
    observes: Literal["full"] | View = "full"
    values: dict[Name, Value] = {}
    deliberation: (
        Literal["weighted", "lexicographic", "veto", "nash", "kalai_smorodinsky", "maximin", "vote"]
        | Deliberating
        | Name
    ) = "weighted"
    planner: Literal["enumerate", "mcts", "shooting", "none"] | Planning | Name = "enumerate"
    discount: Formula = 0.97
    judges_by: Literal["current", "ignoring", "future"] = "current"
    foresight: Literal["episode", "life"] = "episode"
    sight: Formula | None = None
    facing: bool = False
    ghost: bool = False
    leaves_when: Formula | None = None
    drawn_as: Looks = {}
    fields: dict[Name, Counter] = {}
    about: Line | None = None


class Channel(Block):
    """A reward channel.

    `hidden`: it is the designers' true performance, which no agent sees. `for`: the thing that alone is paid by it,
    where that thing is played as an agent.
    """

    # Aliases, here and below, are keys that are keywords of Python: `for`, `with`, `from`.
    hidden: bool = False
    payee: Annotated[Name | None, Field(alias="for")] = None
    about: Line | None = None


class Overriding(Block):
    """A rule that replaces an agent's chosen action by another one, before anything moves."""

    name: Name
    agent: Name
    when: Formula = True
    chance: Formula | None = None
    action: Name
    about: Line | None = None


class Rule(Block):
    """A rule that fires when its condition holds and sees the effects of the rules above it.

    By default it is tried in every tick; `at: between`, after an episode of a life that another one follows. `each`: a
    thing, for each instance of which there is one such rule; several things; or names for instances, as in
    `{a: tree, b: tree}`. `only`: of these, the first one whose condition holds, and no other. `else` and `else_pays`:
    what happens and what is paid where the condition holds and the chance fails.
    """

    name: Name
    when: Formula = True
    at: Literal["start", "tick", "end", "between"] = "tick"
    each: Name | list[Name] | dict[Name, Name] | None = None
    only: Literal["first"] | None = None
    chance: Formula | None = None
    then: Effects = []
    otherwise: Annotated[Effects, Field(alias="else")] = []
    pays: dict[Line, Formula] = {}
    else_pays: dict[Line, Formula] = {}
    about: Line | None = None

    @property
    def instances(self) -> tuple[tuple[str, str], ...]:
        """For each name under `each`, the thing of which it means one instance."""
        match self.each:
            case None:
                return ()
            case str():
                return ((self.each, self.each),)
            case list():
                return tuple((group, group) for group in self.each)
        return tuple(self.each.items())


class Learn(Block):
    """Which parts of a learning agent are updated in a stage."""

    model: bool = True
    reward: bool = True
    values: bool = True


class Watched(Block):
    """Recorded episodes of others: by the exact plan (`of: exact`, under `with`), at random, or by written actions.

    `slips`: the probability, in each tick, that another available action is taken at random instead.
    """

    of: Literal["exact", "random"] | None = None
    actions: Annotated[str, Field(max_length=20_000)] | Annotated[list[Line], Field(max_length=10_000)] | None = None
    episodes: Formula = 1
    slips: Formula = 0.0
    set: Annotated[dict[Line, Override], Field(alias="with")] = {}
    about: Line | None = None


class Stage(Block):
    """One stage of an agent's life: its length, board and oversight, and whether rewards are shown.

    `share`: the fraction of `runs.steps` that is trained here. `watch`: nobody acts here; the agent is shown recorded
    episodes of others.
    """

    limit: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    horizon: Annotated[int, Field(ge=1, le=100_000)] | None = None
    share: Annotated[float, Field(gt=0, le=1)] | Annotated[int, Field(ge=1, le=1)] | None = None
    watch: Annotated[list[Watched], Field(max_length=16)] = []
    map: Maps | None = None
    generate: Generate | None = None
    params: dict[Name, Scalar | CellAt] = {}
    removes: list[Name] = []
    hides: list[Line] = []
    rewards: Literal["shown", "withheld"] = "shown"
    learn: Learn = Learn()
    carries: Annotated[list[Literal["model", "reward", "values", "memory"]], Field(max_length=4)] = [
        "model",
        "reward",
        "values",
    ]


class LifePart(Block):
    """A part of a life: so many `episodes` of a stage, or, after each, another one with the chance `continues`."""

    stage: Name
    episodes: Formula | None = None
    continues: Formula | None = None
    about: Line | None = None


class BestResponse(Block):
    """The solution concept in which one agent optimises while each other one does what is stated.

    That is an action, `random`, or a choice between such by the state: `if(CONDITION, ACTION, ACTION)`.
    """

    best_response: Name
    others: dict[Name, Formula] = {}


class BestFor(Block):
    """The choice, among equilibria of a tick, of the one that is best for an agent."""

    best_for: Name


class EquilibriumBlock(Block):
    """The solution concept in which two agents choose apart, and which of their equilibria count.

    `correlated`: a mediator tells each agent what to do, and nobody gains by doing anything else; of these the one with
    the largest sum, or all of them (`all_correlated`).
    """

    equilibrium: Literal["all", "perfect", "joint", "worst", "nash", "correlated", "all_correlated"] | BestFor


MAX_FIRST_SEED = 10**9
"""The greatest number that the seeds of a run may begin with: all of them then fit into 31 bits, as libraries ask."""


class Runs(Block):
    """The defaults of the command `run`."""

    agents: Annotated[list[Line], Field(min_length=1, max_length=32)] = ["exact"]
    seeds: Annotated[int, Field(ge=1, le=10_000)] = 5
    first_seed: Annotated[int, Field(ge=0, le=MAX_FIRST_SEED)] = 0
    steps: Annotated[int, Field(ge=1, le=10**9)] = 40_000
    episodes: Annotated[int, Field(ge=1, le=100_000)] = 10
    max_states: Annotated[int, Field(ge=1, le=50_000_000)] = 1_000_000
    max_outcomes: Annotated[int, Field(ge=1, le=1_000_000)] = 4096


class Minus(Block):
    """A second evaluation of an expectation's measure, which is subtracted from the first.

    Whatever is left out is as in the expectation.
    """

    agent: Line | None = None
    stage: Name | None = None
    variant: Name | None = None
    set: Annotated[dict[Line, Override], Field(alias="with")] = {}
    barring: list[Line] | None = None


class Expectation(Block):
    """A claim about behaviour: a measure and exactly one of the bounds `at_least`, `at_most` and `equals`.

    `episode`: which one of the episodes that the stage has in the life; by default their mean. `each`: names for
    agents, for each choice of which there is one such claim; they are written out before claims are read.
    """

    name: Line
    each: Name | dict[Name, Name] | None = None
    measure: Line
    at_least: int | float | None = None
    at_most: int | float | None = None
    equals: int | float | None = None
    within: Annotated[float, Field(ge=0)] | Annotated[int, Field(ge=0)] = 1e-6
    of: Annotated[list[Line], Field(min_length=1, max_length=32)] = ["exact"]
    stage: Name | None = None
    episode: Literal[1, "last"] | None = None
    variant: Name | None = None
    set: Annotated[dict[Line, Override], Field(alias="with")] = {}
    across: dict[Line, list[Override] | Line] | Annotated[list[dict[Line, Override]], Field(max_length=1_000)] = {}
    take: Literal["each", "mean"] = "each"
    exists: bool = False
    barring: list[Line] = []
    minus: Minus | None = None
    about: Line | None = None


class Replay(Block):
    """A recorded sequence of actions and the outcome that it must have.

    `draws`: the outcome of a named draw, or a list with its outcome in each tick; whatever is not named takes its
    likeliest.
    """

    actions: Annotated[str, Field(max_length=20_000)] | Annotated[list[Line], Field(max_length=10_000)]
    stage: Name | None = None
    set: Annotated[dict[Line, Override], Field(alias="with")] = {}
    draws: dict[Line, Outcome | Annotated[list[Outcome], Field(max_length=10_000)]] = {}
    events: list[Line] | None = None
    ends: Line | None = None
    pays: dict[Line, int | float] | None = None
    performance: int | float | None = None
    about: Line | None = None


OVERLAY_NAMES = Literal[
    "sight", "value", "policy", "bars", "plan", "doubt", "curves", "log", "names", "tree", "foreseen"
]
"""What can lie over the board where an episode is watched."""


class ToldControl(Block):
    """The episode to compare with: of the exact plan of the file, its `variant` and `with` overrides.

    `what`: what it is, as the control group of an experiment is. `compare`: what to compare.
    """

    variant: Name | None = None
    set: Annotated[dict[Line, Override], Field(alias="with")] = {}
    what: Text
    compare: Text


class ToldSide(Block):
    """Another case that the claim is about: a variant, `with` overrides, a stage or a seed, and `what` it shows."""

    variant: Name | None = None
    set: Annotated[dict[Line, Override], Field(alias="with")] = {}
    stage: Name | None = None
    seed: Annotated[int, Field(ge=0, le=2**63 - 1)] | None = None
    what: Text


class Tell(Block):
    """What `watch` shows first and in which words: an episode of a variant, `with` overrides, a stage and a seed.

    `agent`: who behaves as claimed, `exact` or one that is trained. `shows`: a condition on an episode, as within
    `share(...)`, under which the episode shows the claim. `side`: which case of the claim it shows, where that is about
    several; `sides`: the others. `control`: what to compare it with. `look`: what to look for. `why`: why it does what
    it does. `begin`: a sentence for the beginning. `captions`: a sentence for each event, for `event | condition` on
    the state before it, or for `ended:REASON`.
    """

    agent: Line = "exact"
    variant: Name | None = None
    set: Annotated[dict[Line, Override], Field(alias="with")] = {}
    stage: Name | None = None
    seed: Annotated[int, Field(ge=0, le=2**63 - 1)] | None = None
    overlays: Annotated[list[OVERLAY_NAMES], Field(max_length=16)] = []
    shows: Line | None = None
    side: Text | None = None
    sides: Annotated[list[ToldSide], Field(max_length=8)] = []
    control: ToldControl | None = None
    look: Text | None = None
    why: Text | None = None
    begin: Text | None = None
    captions: Annotated[dict[Line, Line], Field(max_length=64)] = {}


class Axis(Block):
    """The values of one axis of a sweep: a list of `values`, or `points` numbers `from` one `to` another."""

    values: Annotated[list[Override], Field(min_length=1, max_length=1_000)] | None = None
    start: Annotated[int | float | None, Field(alias="from")] = None
    to: int | float | None = None
    points: Annotated[int, Field(ge=2, le=1_000)] = 25
    scale: Literal["linear", "log"] = "linear"
    about: Line | None = None


class ToldRegime(Block):
    """A regime's condition, and in words what an agent does there."""

    when: Line
    about: Line


class Sweep(Block):
    """The defaults of the command `sweep`: the axes of a phase diagram, its measures and the names of its regions."""

    axes: Annotated[dict[Line, Axis], Field(min_length=1, max_length=8)]
    stage: Name | None = None
    measures: Annotated[list[Line], Field(max_length=64)] = []
    regimes: Annotated[dict[Line, Line | ToldRegime], Field(max_length=16)] = {}

    @property
    def conditions(self) -> dict[str, str]:
        """The condition of each regime, in order."""
        return {name: its if isinstance(its, str) else its.when for name, its in self.regimes.items()}

    @property
    def told(self) -> dict[str, str]:
        """What those regimes mean that have words."""
        return {name: its.about for name, its in self.regimes.items() if isinstance(its, ToldRegime)}


class Control(Block):
    """The defaults of the command `control`: when the agent is seen, what counts as harm, and budgets of oversight."""

    seen: Formula | None = None
    harm: Annotated[list[Line], Field(max_length=64)] = []
    budget: Annotated[dict[Line, Axis], Field(max_length=8)] = {}


class MonitorBound(Block):
    """What a figure of a monitor has to meet: exactly one of the two."""

    at_least: int | float | None = None
    at_most: int | float | None = None


class StatedMonitor(Block):
    """A claim about a monitor that reads an agent: how well and how early it tells an event from a control.

    `control`: the variant in which the agent has no reason for the event. `auc`: the ROC area; `in_time`: the share of
    events that raise the alarm no later than the deciding tick; `lead`: the median ticks from alarm to event;
    `false_alarms`: the share of controls that raise it, of those that did not set the threshold.
    """

    name: Line
    reads: Literal["behaviour", "plan", "imagination", "values", "disagreement"]
    event: Line
    control: Name
    of: Annotated[list[Line], Field(min_length=1, max_length=32)] = ["exact"]
    stage: Name | None = None
    variant: Name | None = None
    set: Annotated[dict[Line, Override], Field(alias="with")] = {}
    across: dict[Line, list[Override] | Line] | Annotated[list[dict[Line, Override]], Field(max_length=1_000)] = {}
    auc: MonitorBound | None = None
    in_time: MonitorBound | None = None
    lead: MonitorBound | None = None
    false_alarms: MonitorBound | None = None
    about: Line | None = None

    @property
    def figures(self) -> dict[str, MonitorBound]:
        """The figures that something is said of, in order, each with its bound."""
        found = {name: getattr(self, name) for name in ("auc", "in_time", "lead", "false_alarms")}
        return {name: bound for name, bound in found.items() if bound is not None}


class Search(Block):
    """The defaults of the command `search`: the family of designs, the objective that selects one, and the harm.

    The selected design is evaluated in the stage `judged`.
    """

    over: Annotated[dict[Line, Axis], Field(min_length=1, max_length=16)]
    objective: Line
    harm: Line
    stage: Name | None = None
    judged: Name | None = None


class Document(Block):
    """A whole scenario file, after `extends` and `uses` have been merged in."""

    turncoat: Literal[1]
    name: Name
    title: Line
    origin: Literal["given", "proxy", "learned", "selected", "none"]
    claim: Text
    about: About = About()
    sources: Annotated[list[Line], Field(max_length=100)] = []
    tags: Annotated[list[Line], Field(max_length=100)] = []
    extends: Line | None = None
    uses: Annotated[list[Line], Field(max_length=16)] = []
    params: Annotated[dict[Name, Param], Field(max_length=MANY)] = {}
    let: Annotated[dict[Name, Formula], Field(max_length=MANY)] = {}
    map: Maps | None = None
    generate: Generate | None = None
    legend: dict[Glyph, Line | LegendEntry] = {}
    zones: Annotated[dict[Name, Zone], Field(max_length=MANY)] = {}
    counters: Annotated[dict[Name, Counter], Field(max_length=MANY)] = {}
    draws: Annotated[dict[Name, Draw], Field(max_length=64)] = {}
    things: Annotated[dict[Name, Thing], Field(max_length=MANY)] = {}
    agents: Annotated[dict[Name, AgentBlock], Field(min_length=1, max_length=8)]
    rewards: Annotated[dict[Name, Channel], Field(min_length=1, max_length=256)]
    overrides: Annotated[list[Overriding], Field(max_length=64)] = []
    rules: Annotated[list[Rule], Field(min_length=1, max_length=MANY)]
    stages: Annotated[dict[Name, Stage], Field(min_length=1, max_length=16)]
    life: Annotated[list[LifePart], Field(max_length=32)] = []
    solution: Literal["joint", "equilibrium"] | BestResponse | EquilibriumBlock | None = None
    runs: Runs = Runs()
    variants: Annotated[dict[Name, dict[Line, Override]], Field(max_length=64)] = {}
    sweep: Sweep | None = None
    control: Control | None = None
    search: Search | None = None
    tell: Tell = Tell()
    expect: Annotated[list[Expectation], Field(max_length=200)] = []
    monitors: Annotated[list[StatedMonitor], Field(max_length=32)] = []
    replays: Annotated[list[Replay], Field(max_length=200)] = []
